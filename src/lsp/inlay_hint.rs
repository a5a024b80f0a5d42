//! Shows at each rule how many stored events of the last 7 days it matches, and how many one predicate alone keeps from
//! matching. The data folder is only read, in the background.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use jiff::{SignedDuration, Timestamp};
use lsp_types::{InlayHint, InlayHintLabel, Range};

use super::file_view::{FileView, SearchedFile};
use super::symbol::{SymbolKind, occurrences_in};
use super::workspace_root::FileRole;
use crate::engine::{LoadedRulebook, store_location};
use crate::report::why::rule::near_misses::{EventSample, MAX_JUDGED};
use flowtrigger_core::compile::rule_names::WrittenMode;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document::{chunks, read_chunk};
use flowtrigger_core::rule::{Rule, shadow_version};

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Rules whose events are counted at once.
const MAX_RULES: usize = 50;

/// What the stored events of the last days are to some rules.
#[derive(Debug, Clone, Default)]
pub struct FoundActivity {
    pub by_rule: BTreeMap<String, RuleMatches>,
}

impl FoundActivity {
    /// A rule in shadow mode is the shadow version of the other rule of its name, if there is one.
    fn of_rule(&self, name: &str, is_in_shadow_mode: bool) -> Option<RuleMatches> {
        let shadow = is_in_shadow_mode.then(|| shadow_version::shadow_name(name));
        let version = shadow.and_then(|shadow| self.by_rule.get(&shadow));
        version.or_else(|| self.by_rule.get(name)).copied()
    }
}

/// The stored events that a rule matches, or nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleMatches {
    pub matched: usize,
    pub nearly: usize,
    /// Whether there are more events than were read.
    pub is_cut: bool,
}

impl RuleMatches {
    fn describe(self) -> String {
        let noun = match self.matched {
            1 => "match",
            _ => "matches",
        };
        let range = match self.is_cut {
            true => format!("newest {MAX_JUDGED} events of 7 days"),
            false => "7 days".to_owned(),
        };
        format!("{range}: {} {noun}, {} nearly", self.matched, self.nearly)
    }
}

/// A search in a data folder for the rules of some files.
pub struct ActivitySearch {
    pub data: PathBuf,
    pub files: Vec<PathBuf>,
    pub loaded: Arc<LoadedRulebook>,
}

impl ActivitySearch {
    /// Searches in a thread of its own.
    pub fn start(self, report: impl FnOnce(FoundActivity) + Send + 'static) {
        thread::spawn(move || {
            let found = catch_unwind(AssertUnwindSafe(|| self.search()));
            report(found.unwrap_or_default());
        });
    }

    fn search(&self) -> FoundActivity {
        let book = &self.loaded.rulebook;
        let database = self.data.join("flowtrigger.db");
        let Ok(location) = store_location(&book.config, &database) else {
            return FoundActivity::default();
        };
        // Without a daemon so far there is nothing to show.
        let Ok(history) = location.open_history() else {
            return FoundActivity::default();
        };
        let since = Timestamp::now().checked_sub(WEEK).unwrap_or(Timestamp::MIN);
        let is_open = |rule: &&Arc<Rule>| {
            let file = Path::new(book.files.name(rule.at.file));
            self.files.iter().any(|open| open == file)
        };
        let rules = book.rules.rules.iter().filter(is_open).take(MAX_RULES);
        let mut by_rule = BTreeMap::new();
        for rule in rules {
            match EventSample::read(rule, since, &*history) {
                Ok(sample) => {
                    let found = RuleMatches {
                        matched: sample.matched,
                        nearly: sample.missed_by_one,
                        is_cut: sample.searched_back_to.is_some() || sample.listened > MAX_JUDGED,
                    };
                    by_rule.insert(rule.name.clone(), found);
                }
                Err(error) => {
                    tracing::warn!(%error, rule = rule.name, "failed to read the history of a rule");
                }
            }
        }
        FoundActivity { by_rule }
    }
}

/// The hints behind the names of the rules in a range.
pub fn hints(view: &FileView<'_>, shown: Range) -> Vec<InlayHint> {
    let Some(activity) = view.activity.filter(|_| view.role == FileRole::Rules) else {
        return Vec::new();
    };
    let file = SearchedFile {
        path: view.path.clone(),
        role: view.role,
        text: Arc::clone(&view.text),
    };
    let indexed = view.indexed();
    let names = occurrences_in(&file, |text| text.contains("name"));
    let names = names
        .into_iter()
        .filter(|found| found.defines && found.symbol.kind == SymbolKind::Rule);
    let shadowed = documents_in_shadow_mode(&view.text);
    let hints = names.filter_map(|found| {
        let is_in_shadow_mode = shadowed.contains(&found.document);
        let matches = activity.of_rule(&found.symbol.name, is_in_shadow_mode)?;
        let position = indexed.position(found.at.end);
        let is_shown = shown.start <= position && position <= shown.end;
        is_shown.then(|| InlayHint {
            position,
            label: InlayHintLabel::String(matches.describe()),
            kind: None,
            text_edits: None,
            tooltip: None,
            padding_left: Some(true),
            padding_right: None,
            data: None,
        })
    });
    hints.collect()
}

/// Where the documents with `mode: shadow` start.
fn documents_in_shadow_mode(text: &str) -> BTreeSet<usize> {
    let shadow = Mode::Shadow.as_str();
    let found = chunks(text).filter(|chunk| chunk.text.contains(shadow));
    let found = found.filter_map(|chunk| {
        let document = read_chunk(FileId::default(), &chunk, &mut Diagnostics::default())?;
        let is_shadow = WrittenMode::of(&document) == WrittenMode::Shadow;
        is_shadow.then(|| chunk.range().start)
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_described() {
        let found = |matched, nearly, is_cut| {
            let found = RuleMatches {
                matched,
                nearly,
                is_cut,
            };
            found.describe()
        };
        assert_eq!(found(12, 2, false), "7 days: 12 matches, 2 nearly");
        assert_eq!(found(1, 0, false), "7 days: 1 match, 0 nearly");
        assert_eq!(
            found(0, 0, true),
            "newest 2000 events of 7 days: 0 matches, 0 nearly"
        );
    }
}
