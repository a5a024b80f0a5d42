//! Finds the parts in which two versions of an effect differ, so that both sides of a line show the difference.

use serde_json::Value;

use flowtrigger_core::analysis::findings::ChangedEffect;
use flowtrigger_core::language::operator::{MAX_VALUE_CHARS, format_value};

/// Parts of one effect that are printed.
const MAX_PARTS: usize = 5;
/// Characters of a text that are printed before and after the first difference.
const CONTEXT: usize = 20;
const SHOWN: usize = 50;

/// A part of an effect in both versions, as text; `None` where it is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPart {
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The parts that differ, and how many more there are.
pub fn changed_parts(effect: &ChangedEffect) -> (Vec<ChangedPart>, usize) {
    let mut parts = Vec::new();
    let sides = (effect.before.as_ref(), effect.after.as_ref());
    add(&effect.key, sides, &mut parts);
    if parts.is_empty() {
        push(&effect.key, sides.0, sides.1, &mut parts);
    }
    let more = parts.len().saturating_sub(MAX_PARTS);
    parts.truncate(MAX_PARTS);
    (parts, more)
}

fn add(path: &str, sides: (Option<&Value>, Option<&Value>), parts: &mut Vec<ChangedPart>) {
    let (before, after) = match sides {
        (Some(before), Some(after)) if before == after => return,
        (Some(before), Some(after)) => (before, after),
        (before, after) => return push(path, before, after, parts),
    };
    if is_short(before) && is_short(after) {
        return push(path, Some(before), Some(after), parts);
    }
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for (name, value) in old {
                add(
                    &format!("{path}.{name}"),
                    (Some(value), new.get(name)),
                    parts,
                );
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                add(&format!("{path}.{name}"), (None, Some(value)), parts);
            }
        }
        (Value::Array(old), Value::Array(new)) => add_elements(path, old, new, parts),
        (Value::String(old), Value::String(new)) => {
            let [before, after] = windows(old, new);
            parts.push(ChangedPart {
                path: path.to_owned(),
                before: Some(before),
                after: Some(after),
            });
        }
        (before, after) => push(path, Some(before), Some(after), parts),
    }
}

/// Compares the elements between those that are equal at the start and at the end.
fn add_elements(path: &str, old: &[Value], new: &[Value], parts: &mut Vec<ChangedPart>) {
    let start = equal_items(old.iter(), new.iter());
    let end = equal_items(old[start..].iter().rev(), new[start..].iter().rev());
    let old = &old[start..old.len() - end];
    let new = &new[start..new.len() - end];
    for index in 0..old.len().max(new.len()) {
        let path = format!("{path}.{}", start + index + 1);
        add(&path, (old.get(index), new.get(index)), parts);
    }
}

fn equal_items<T: PartialEq>(
    one: impl Iterator<Item = T>,
    other: impl Iterator<Item = T>,
) -> usize {
    one.zip(other)
        .take_while(|(one, other)| one == other)
        .count()
}

fn push(path: &str, before: Option<&Value>, after: Option<&Value>, parts: &mut Vec<ChangedPart>) {
    parts.push(ChangedPart {
        path: path.to_owned(),
        before: before.map(format_value),
        after: after.map(format_value),
    });
}

fn is_short(value: &Value) -> bool {
    value.to_string().chars().count() <= MAX_VALUE_CHARS
}

/// Two texts from shortly before their first difference on.
fn windows(old: &str, new: &str) -> [String; 2] {
    let same = equal_items(old.chars(), new.chars());
    let start = same.saturating_sub(CONTEXT);
    [old, new].map(|text| {
        let mut shown = match start {
            0 => String::new(),
            _ => "…".to_owned(),
        };
        let mut rest = text.chars().skip(start);
        shown.extend(rest.by_ref().take(CONTEXT + SHOWN));
        if rest.next().is_some() {
            shown.push('…');
        }
        format_value(&Value::String(shown))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parts(before: Value, after: Value) -> Vec<(String, String, String)> {
        let effect = ChangedEffect {
            key: "flow.page".into(),
            before: Some(before),
            after: Some(after),
        };
        let (parts, more) = changed_parts(&effect);
        assert_eq!(more, 0);
        let text = |side: Option<String>| side.unwrap_or_default();
        let parts = parts.into_iter();
        parts
            .map(|part| (part.path, text(part.before), text(part.after)))
            .collect()
    }

    #[test]
    fn both_sides_show_the_difference() {
        let long = "x".repeat(100);
        let step = |url: &str, text: &str| json!({"http": {"url": url, "json": {"text": text}}});
        let (old, new) = (format!("{long} old"), format!("{long} new"));
        assert_eq!(
            parts(step(&long, &old), step(&long, &new)),
            [(
                "flow.page.http.json.text".to_owned(),
                format!("\"…{} old\"", "x".repeat(19)),
                format!("\"…{} new\"", "x".repeat(19)),
            )]
        );
        let added = json!({"http": {"url": long, "json": {"text": old}}, "retry": 3});
        assert_eq!(
            parts(step(&long, &old), added),
            [("flow.page.retry".to_owned(), String::new(), "3".to_owned())]
        );
        assert_eq!(
            parts(json!([long, 1, 2, 3]), json!([long, 2, 3])),
            [("flow.page.2".to_owned(), "1".to_owned(), String::new())]
        );
        assert_eq!(
            parts(json!("a"), json!("b")),
            [(
                "flow.page".to_owned(),
                "\"a\"".to_owned(),
                "\"b\"".to_owned()
            )]
        );
    }

    #[test]
    fn many_parts_are_counted() {
        let list = |text: &str| {
            json!(
                (0..9)
                    .map(|n| format!("{text} of element {n}"))
                    .collect::<Vec<_>>()
            )
        };
        let effect = ChangedEffect {
            key: "flow".into(),
            before: Some(list("old")),
            after: Some(list("new")),
        };
        let (parts, more) = changed_parts(&effect);
        assert_eq!((parts.len(), more), (5, 4));
    }
}
