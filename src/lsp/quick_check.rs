//! Checks one file while a person types, with what the last check of the whole workspace loaded: its configuration
//! and the named flows of other files. What only a look at all files can find is left to that check.

use std::path::Path;
use std::sync::Arc;

use super::workspace_root::FileRole;
use crate::engine::{LoadedRulebook, Rulebook, RulebookPaths, check_rules, check_sources};
use crate::report::check::check_config;
use crate::report::rule_test::suite::{self, MissingRulePolicy};
use flowtrigger_core::compile::flow::on_dead::{lower_default_on_dead, lower_on_outage};
use flowtrigger_core::compile::rule_files::may_define_flows;
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Severity, Span};
use flowtrigger_core::document::{chunks, only_documents};

/// One file with its text before and after a change.
pub struct ChangedFile<'c> {
    pub path: &'c Path,
    pub role: FileRole,
    pub text: &'c str,
    /// The text that `shown` belongs to.
    pub before: &'c str,
    /// What was found in it.
    pub shown: &'c [Diagnostic],
}

/// Returns what is wrong in a file. `paths` has the texts of all open files; `flow_files` may define named flows.
pub fn check(
    file: &ChangedFile<'_>,
    paths: &RulebookPaths,
    loaded: &LoadedRulebook,
    flow_files: &[FileId],
) -> Vec<Diagnostic> {
    match file.role {
        FileRole::Config => config(file, paths),
        FileRole::Rules => rules(file, &loaded.rulebook, flow_files),
        FileRole::Tests => tests(file, loaded),
    }
}

fn config(file: &ChangedFile<'_>, paths: &RulebookPaths) -> Vec<Diagnostic> {
    let (mut files, mut found) = (Files::default(), Diagnostics::default());
    let config = paths.read_config(&mut files, &mut found);
    lower_default_on_dead(&config, &mut found);
    lower_on_outage(&config, &mut found);
    check_sources(&config, &mut found);
    check_config(&config, &mut found);
    let name = file.path.to_string_lossy();
    let found = found.sorted().into_iter();
    found
        .filter(|found| files.name(found.at.file) == name)
        .collect()
}

fn tests(file: &ChangedFile<'_>, loaded: &LoadedRulebook) -> Vec<Diagnostic> {
    let files = &loaded.rulebook.files;
    let is_of_rules = |found: &&Diagnostic| {
        let tests = &loaded.rulebook.test_files;
        let name = Path::new(files.name(found.at.file));
        found.severity == Severity::Error && !tests.iter().any(|test| test == name)
    };
    let missing = match loaded.diagnostics.iter().any(|found| is_of_rules(&found)) {
        true => MissingRulePolicy::Skipped,
        false => MissingRulePolicy::Reported,
    };
    let found = suite::check_file(file.path, file.text, &loaded.rulebook, missing);
    found.sorted()
}

/// Compiles the documents that changed, and keeps what was found in the others.
fn rules(file: &ChangedFile<'_>, book: &Rulebook, flow_files: &[FileId]) -> Vec<Diagnostic> {
    let unchanged = Unchanged::between(file.before, file.text);
    let name: Arc<str> = file.path.to_string_lossy().into();
    let mut files = Files::default();
    let end = file.text.len() - unchanged.after;
    let edited = only_changed(file.text, unchanged.before, end);
    let edited = files.add(Arc::clone(&name), edited);
    let mut ids = vec![edited];
    for other in flow_files.iter().filter_map(|id| book.files.get(*id)) {
        if other.name != name {
            let flows = only_documents(&other.text, may_define_flows);
            ids.push(files.add(Arc::clone(&other.name), flows));
        }
    }
    let files = Arc::new(files);
    let mut found = Diagnostics::default();
    let compiled = rule_set::rule_set(&files, &ids, &book.config, &mut found);
    check_rules(&compiled, &book.config, &mut found);
    let book = Rulebook {
        config: book.config.clone(),
        rules: compiled,
        files,
        ..Rulebook::default()
    };
    let own = suite::gather(&book, MissingRulePolicy::Skipped);
    found.extend(own.diagnostics);
    let found = found.of_file(edited).sorted().into_iter();
    let found = found.filter(|found| !needs_all_files(found.code));
    let kept = file.shown.iter().filter_map(|shown| unchanged.moved(shown));
    let mut all: Vec<Diagnostic> = found.chain(kept).collect();
    all.sort_by_key(|found| (found.at.start, found.severity == Severity::Warning));
    all
}

/// The text with the documents between two offsets, at their lines and offsets. Others are blank.
fn only_changed(text: &str, start: usize, end: usize) -> String {
    let mut kept = String::with_capacity(text.len());
    for chunk in chunks(text) {
        let range = chunk.range();
        if (range.start >= start && range.end <= end) || may_define_flows(chunk.text) {
            kept.push_str(chunk.text);
            continue;
        }
        let is_marked = chunk.text.starts_with("---");
        kept.extend(chunk.text.bytes().enumerate().map(|(index, byte)| {
            match byte {
                b'\n' => '\n',
                _ if is_marked && index < 3 => '-',
                // One for each byte, so that offsets stay.
                _ => ' ',
            }
        }));
    }
    kept
}

/// Whether a check of some files cannot decide it.
fn needs_all_files(code: Code) -> bool {
    matches!(code, Code::UnusedFlow | Code::NoRules | Code::NoPublicUrl)
}

/// The documents at both ends of a file that did not change.
#[derive(Debug, PartialEq, Eq)]
struct Unchanged {
    /// Bytes at the start.
    before: usize,
    /// Bytes at the end.
    after: usize,
    /// The length of the former text.
    length: usize,
    /// The change of the length, and of the number of lines.
    bytes: i64,
    lines: i64,
}

impl Unchanged {
    fn between(before: &str, after: &str) -> Self {
        let (old, new): (Vec<_>, Vec<_>) = (chunks(before).collect(), chunks(after).collect());
        let pairs = old.iter().zip(&new);
        let start = pairs.take_while(|(old, new)| old.text == new.text).count();
        let rest = old.len().min(new.len()) - start;
        let pairs = old.iter().rev().zip(new.iter().rev()).take(rest);
        let end = pairs.take_while(|(old, new)| old.text == new.text).count();
        let length = |chunks: &[flowtrigger_core::document::DocumentText<'_>]| -> usize {
            chunks.iter().map(|chunk| chunk.text.len()).sum()
        };
        Self {
            before: length(&new[..start]),
            after: length(&new[new.len() - end..]),
            length: before.len(),
            bytes: signed(after.len()) - signed(before.len()),
            lines: signed(lines(after)) - signed(lines(before)),
        }
    }

    /// A diagnostic of an unchanged document where it is now; `None` for a changed one.
    fn moved(&self, shown: &Diagnostic) -> Option<Diagnostic> {
        let start = shown.at.start as usize;
        if start < self.before {
            return Some(shown.clone());
        }
        if start < self.length - self.after {
            return None;
        }
        let at = Span {
            start: moved(shown.at.start, self.bytes),
            line: moved(shown.at.line, self.lines),
            ..shown.at
        };
        Some(Diagnostic {
            at,
            ..shown.clone()
        })
    }
}

fn moved(number: u32, by: i64) -> u32 {
    u32::try_from(i64::from(number) + by).unwrap_or(number)
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "name: ä\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
when: { current: urgent }\nflow: [{ succeed: ok }]\n\
---\nname: b\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
when: { curent: urgent }\nflow: [{ succeed: \"🎉 {{ ticket.idd }}\" }]\n\
--- # last\nname: c\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
when: { current: urgnt }\nflow: [{ succeed: ok }]\n";

    fn found(text: &str, before: &str, shown: &[Diagnostic]) -> Vec<Diagnostic> {
        let file = ChangedFile {
            path: Path::new("rules/a.yaml"),
            role: FileRole::Rules,
            text,
            before,
            shown,
        };
        rules(&file, &Rulebook::default(), &[])
    }

    /// Every seventh character is deleted, and a line and a separator are inserted there.
    #[test]
    fn a_check_of_what_changed_finds_what_a_check_of_everything_finds() {
        let shown = found(RULES, "", &[]);
        assert_eq!(shown.len(), 4, "{shown:?}");
        assert_eq!(found(RULES, RULES, &shown), shown);
        for (at, c) in RULES.char_indices().step_by(7) {
            let (start, end) = (&RULES[..at], &RULES[at + c.len_utf8()..]);
            for text in [
                [start, end].concat(),
                [start, "\n", &RULES[at..]].concat(),
                [start, "\n---\nx", &RULES[at..]].concat(),
            ] {
                let whole = found(&text, "", &[]);
                let part = found(&text, RULES, &shown);
                // A name that two documents have is found by a look at all of them.
                let whole: Vec<_> = whole
                    .into_iter()
                    .filter(|found| found.code != Code::DuplicateName)
                    .collect();
                assert_eq!(part, whole, "{text}");
            }
        }
    }
}
