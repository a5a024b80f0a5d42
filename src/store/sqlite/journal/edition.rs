//! Rules and configuration of an earlier time, compiled again to judge an event as it was judged then.
//! It never mixes them with today's, and compiles no document that cannot listen to the event.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Journal, ReadError};
use crate::core::config::Config;
use crate::core::diagnostic::{Diagnostics, Files};
use crate::core::event::Event;
use crate::core::matching::ruleset::RuleSet;
use crate::core::matching::ruleset_compile;
use crate::core::rule::document::only_documents;
use crate::store::EditionId;
use crate::store::sqlite::codec::{Unreadable, time};
use crate::store::sqlite::config_source;

/// What an event was judged by.
#[derive(Debug, Clone)]
pub struct Past {
    /// When it came into force first.
    pub since: Timestamp,
    pub config: Config,
    /// Only what could listen to the event, where there is much of it.
    pub rules: RuleSet,
    /// What this program understands otherwise than the one of that time.
    pub diagnostics: Diagnostics,
}

/// Texts up to this size are compiled whole: some thousand rules, a few tenths of a second.
const SMALL: usize = 1 << 20;

impl Journal {
    /// The edition that an event was judged by; None where it was never kept.
    pub fn edition(&self, id: EditionId, event: &Event) -> Result<Option<Past>, ReadError> {
        let sql = "SELECT files, since, config FROM editions WHERE id = ?1";
        let id = i64::try_from(id.0).unwrap_or(i64::MAX);
        let found = self.first(sql, [id], |row| {
            Ok((row.get::<_, String>(0)?, time(row.get(1)?), row.get(2)?))
        })?;
        let Some((files, since, config)) = found else {
            return Ok(None);
        };
        let source = config_source(&self.connection, config)?;
        let files = self.texts(&files)?;
        Ok(Some(compile(files, since, source.compile(), event)))
    }

    /// The configuration that came into force last.
    pub fn latest_config(&self) -> Result<Option<Config>, ReadError> {
        let sql = "SELECT config FROM editions ORDER BY since DESC, id DESC LIMIT 1";
        let Some(row) = self.first(sql, [], |row| row.get(0))? else {
            return Ok(None);
        };
        Ok(Some(config_source(&self.connection, row)?.compile()))
    }

    /// Names and texts of a list of [name, text id].
    fn texts(&self, list: &str) -> Result<Vec<(String, String)>, ReadError> {
        let list: Vec<(String, i64)> =
            serde_json::from_str(list).map_err(|_| Unreadable("list of rule files"))?;
        let mut files = Vec::with_capacity(list.len());
        for (name, id) in list {
            let sql = "SELECT text FROM texts WHERE id = ?1";
            let text = self.first(sql, [id], |row| row.get(0))?;
            files.push((name, text.ok_or(Unreadable("text of a rule file"))?));
        }
        Ok(files)
    }
}

fn compile(kept: Vec<(String, String)>, since: Timestamp, config: Config, event: &Event) -> Past {
    let size: usize = kept.iter().map(|(_, text)| text.len()).sum();
    let names = Names::of(event, &config);
    let mut files = Files::default();
    let mut rule_files = Vec::with_capacity(kept.len());
    for (name, text) in kept {
        let text = match size > SMALL {
            true => only_documents(&text, |document| names.may_stand_in(document)),
            false => text,
        };
        rule_files.push(files.add(name, text));
    }
    let files = Arc::new(files);
    let mut diagnostics = Diagnostics::default();
    let rules = ruleset_compile::rule_set(&files, &rule_files, &config, &mut diagnostics);
    Past {
        since,
        config,
        rules,
        diagnostics,
    }
}

/// What a rule can call an event's type by.
struct Names {
    tag: String,
    /// In small letters; several types of other sources may share it.
    display: Option<String>,
}

impl Names {
    fn of(event: &Event, config: &Config) -> Self {
        let known = config.catalogue.by_tag(&event.source, &event.event_type);
        Self {
            tag: event.event_type.clone(),
            display: known.and_then(|known| known.display.as_deref()).map(plain),
        }
    }

    /// Whether a document may listen to the type. Only where its text holds neither name, no star (a
    /// family, or YAML's alias) and no escape, it is certain that it does not: YAML may break a name
    /// over lines, but spells it in no other way. A rule that is compiled in vain costs time alone.
    fn may_stand_in(&self, document: &str) -> bool {
        let shown = |display: &str| display.contains('\'') || plain(document).contains(display);
        document.contains(&self.tag)
            || document.contains(['*', '\\'])
            || self.display.as_deref().is_some_and(shown)
    }
}

/// In small letters, with single blanks.
fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_left_out_only_when_it_cannot_listen() {
        let names = Names {
            tag: "ticket.TagsChanged".into(),
            display: Some(plain("Tags Changed")),
        };
        for listens in [
            "event_type: ticket.TagsChanged",
            "event_type: [ticket.TicketCreated,\n  ticket.TagsChanged]",
            "event_type: tags  changed",
            "event_type: 'Tags\n  Changed'",
            "event_type: ticket.*",
            "event_type: \"ticket\\u002eTagsChanged\"",
            "<<: *shared",
        ] {
            assert!(names.may_stand_in(listens), "{listens}");
        }
        assert!(!names.may_stand_in("event_type: ticket.TicketCreated\nwhen: { current: a }"));
    }
}
