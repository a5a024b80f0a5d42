//! What a filter of events may have meant: the type that its last part names, and names that resemble those that found
//! nothing.

use maud::{Markup, html};

use super::filter::PATH;
use crate::page::part::link;
use crate::page::text::short;
use crate::store::History;
use crate::store::history::{EventFilter, HistoryError, NearestEvent};
use flowtrigger_core::document::suggest::nearest;
use jiff::Timestamp;

/// The newest events whose types are known here.
const MAX_EVENTS: usize = 5_000;
/// Names that contain the one that was asked for.
const MAX_CONTAINING: usize = 3;
/// Characters of a name.
const MAX_CHARS: usize = 60;

/// Another value of a field of the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Similar {
    field: &'static str,
    value: String,
}

/// `PriorityChanged` is the only type that ends with it: `ticket.PriorityChanged`.
pub fn full_type(
    asked: Option<String>,
    history: &dyn History,
) -> Result<Option<String>, HistoryError> {
    let Some(asked) = asked else { return Ok(None) };
    if asked.contains(['.', '*']) {
        return Ok(Some(asked));
    }
    let types = recent_types(history)?;
    Ok(Some(only_ending(&asked, &types).unwrap_or(asked)))
}

fn only_ending(asked: &str, types: &[String]) -> Option<String> {
    if types.iter().any(|known| known == asked) {
        return None;
    }
    let ends = |known: &&String| {
        known
            .rsplit_once('.')
            .is_some_and(|(_, end)| end.eq_ignore_ascii_case(asked))
    };
    let mut ending = types.iter().filter(ends);
    match (ending.next(), ending.next()) {
        (Some(one), None) => Some(one.clone()),
        (Some(_) | None, _) => None,
    }
}

fn recent_types(history: &dyn History) -> Result<Vec<String>, HistoryError> {
    let recent = history.recent_events(MAX_EVENTS, Timestamp::MIN)?;
    let mut types: Vec<String> = recent.into_iter().map(|event| event.event_type).collect();
    types.sort_unstable();
    types.dedup();
    Ok(types)
}

/// Names that contain a word, or else the one that resembles it most.
fn resembling(word: &str, known: &[String]) -> Vec<String> {
    let lower = word.to_lowercase();
    let others = || known.iter().filter(|name| *name != word);
    let containing: Vec<String> = others()
        .filter(|name| name.to_lowercase().contains(&lower))
        .take(MAX_CONTAINING)
        .cloned()
        .collect();
    match containing.is_empty() {
        true => nearest(word, others().map(String::as_str))
            .map(str::to_owned)
            .into_iter()
            .collect(),
        false => containing,
    }
}

impl Similar {
    pub fn of(asked: &EventFilter, history: &dyn History) -> Result<Vec<Self>, HistoryError> {
        let mut similar = Vec::new();
        let mut add = |field, values: Vec<String>| {
            similar.extend(values.into_iter().map(|value| Self { field, value }));
        };
        if let Some(rule) = &asked.rule {
            add("rule", resembling(rule, &history.rules_with_runs()?));
        }
        if let Some(event_type) = &asked.event_type {
            add("type", resembling(event_type, &recent_types(history)?));
        }
        if let Some(key) = &asked.key {
            let keys = history.nearest(key)?.into_iter();
            let keys = keys.filter_map(|near| match near {
                NearestEvent::Key(near) => Some(near).filter(|near| near != key),
                NearestEvent::Id(_) => None,
            });
            add("ticket", keys.collect());
        }
        Ok(similar)
    }
}

/// Links to the lists that may have been meant.
pub fn html(similar: &[Similar]) -> Markup {
    html! {
        @if !similar.is_empty() {
            " Similar: "
            @for (number, Similar { field, value }) in similar.iter().enumerate() {
                @if number > 0 { ", " }
                (field) " " a href=(link::query(PATH, &[(field, value)])) { (short(value, MAX_CHARS)) }
            }
            "."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_meant_are_found() {
        let known = ["ticket.PriorityChanged", "ticket.TagsChanged", "order"].map(str::to_owned);
        let only = |asked: &str| only_ending(asked, &known);
        assert_eq!(
            only("prioritychanged").as_deref(),
            Some("ticket.PriorityChanged")
        );
        assert_eq!(only("order"), None);
        assert_eq!(only("Changed"), None);
        assert_eq!(resembling("tags", &known), ["ticket.TagsChanged"]);
        assert_eq!(resembling("ordre", &known), ["order"]);
        assert!(resembling("quite different", &known).is_empty());
        let shown = html(&[Similar {
            field: "rule",
            value: "<vip>".into(),
        }]);
        let shown = shown.into_string();
        assert!(
            shown.contains("/events?rule=%3Cvip%3E") && shown.contains("&lt;vip&gt;"),
            "{shown}"
        );
    }
}
