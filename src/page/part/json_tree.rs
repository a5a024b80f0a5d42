//! Shows JSON as a tree that folds. Long texts and large documents are cut, and numbers keep all their digits.

use maud::{Markup, html};
use serde_json::Value;

use crate::page::shell::count;
use crate::page::text::{cut_at, left_out, text};
use crate::report::deliveries::row::grouped;

/// Values that are shown of a document.
const MAX_VALUES: usize = 3_000;
/// Characters of a text or a name.
const MAX_TEXT: usize = 200;
/// Levels that are shown as a tree; deeper values are shown as text.
const MAX_DEPTH: usize = 40;
/// Documents with at most so many values are unfolded.
const SMALL: usize = 80;

/// How a predicate judged a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JsonMark {
    Holds,
    Fails,
}

/// Values of a document that are marked. A value is known by where it is in memory, so that equal ones differ.
#[derive(Debug, Default)]
pub struct JsonMarks<'v>(Vec<(&'v Value, JsonMark)>);

impl<'v> JsonMarks<'v> {
    pub fn add(&mut self, value: &'v Value, mark: JsonMark) {
        self.0.push((value, mark));
    }

    /// One that fails is worth more attention.
    fn of(&self, value: &Value) -> Option<JsonMark> {
        let marks = self.0.iter();
        let marks = marks.filter(|(marked, _)| std::ptr::eq(*marked, value));
        marks.map(|(_, mark)| *mark).max()
    }
}

/// A document as a tree.
pub fn json_tree(document: &Value, marks: &JsonMarks<'_>) -> Markup {
    let mut tree = JsonTree {
        marks,
        left: MAX_VALUES,
        is_small: values(document, SMALL) < SMALL,
    };
    tree.node(&html! {}, document, 0, "").html
}

/// The number of values in a document, counted up to a limit.
fn values(document: &Value, limit: usize) -> usize {
    let mut count = 0;
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        count += 1;
        if count >= limit {
            return count;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().take(limit)),
            Value::Object(entries) => open.extend(entries.values().take(limit)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    count
}

struct JsonTree<'t, 'v> {
    marks: &'t JsonMarks<'v>,
    /// Values that may still be shown.
    left: usize,
    is_small: bool,
}

/// How an object or a list ends.
struct Ending<'t> {
    bracket: &'t str,
    /// The number of its entries, shown where it is folded.
    size: String,
    comma: &'t str,
}

/// A value as HTML.
struct JsonNode {
    html: Markup,
    has_mark: bool,
}

impl JsonTree<'_, '_> {
    fn node(&mut self, name: &Markup, value: &Value, depth: usize, comma: &str) -> JsonNode {
        self.left = self.left.saturating_sub(1);
        let mark = self.marks.of(value);
        let mut node = match value {
            Value::Object(entries) if !entries.is_empty() && depth < MAX_DEPTH => {
                let named = entries.iter();
                let named = named.map(|(name, value)| (Some(name.as_str()), value));
                let name = html! { (name) (marked(mark, &html! { "{" })) };
                let end = Ending {
                    bracket: "}",
                    size: count(entries.len(), "key"),
                    comma,
                };
                self.branch(&name, named, depth, &end)
            }
            Value::Array(items) if !items.is_empty() && depth < MAX_DEPTH => {
                let items = items.iter().map(|item| (None, item));
                let name = html! { (name) (marked(mark, &html! { "[" })) };
                let end = Ending {
                    bracket: "]",
                    size: count(items.len(), "item"),
                    comma,
                };
                self.branch(&name, items, depth, &end)
            }
            _ => JsonNode {
                html: html! { (name) (marked(mark, &leaf(value))) (comma) },
                has_mark: false,
            },
        };
        node.has_mark |= mark.is_some();
        node
    }

    fn branch<'e>(
        &mut self,
        opening: &Markup,
        entries: impl ExactSizeIterator<Item = (Option<&'e str>, &'e Value)>,
        depth: usize,
        end: &Ending<'_>,
    ) -> JsonNode {
        let Ending {
            bracket,
            size,
            comma,
        } = end;
        let (all, mut has_mark) = (entries.len(), false);
        let mut items = Vec::new();
        for (number, (key, value)) in entries.enumerate() {
            if self.left == 0 {
                break;
            }
            let name = html! {
                @if let Some(key) = key { span class="k" { (literal(key)) } ": " }
            };
            let comma = if number + 1 < all { "," } else { "" };
            let node = self.node(&name, value, depth + 1, comma);
            has_mark |= node.has_mark;
            items.push(node.html);
        }
        let omitted = all - items.len();
        let is_open = self.is_small || depth < 2 || has_mark;
        let html = html! {
            details open[is_open] {
                summary { (opening) span class="n" { " " (size) " " (bracket) (comma) } }
                ul {
                    @for item in &items { li { (item) } }
                    @if omitted > 0 { li class="n" { "… " (grouped(omitted as u64)) " more, not shown" } }
                }
                (bracket) (comma)
            }
        };
        JsonNode { html, has_mark }
    }
}

fn marked(mark: Option<JsonMark>, shown: &Markup) -> Markup {
    match mark {
        None => shown.clone(),
        Some(JsonMark::Holds) => html! { mark class="ok" { (shown) } },
        Some(JsonMark::Fails) => html! { mark { (shown) } },
    }
}

fn leaf(value: &Value) -> Markup {
    match value {
        Value::String(value) => html! { span class="v" { (literal(value)) } },
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            html! { span class="d" { (cut(&value.to_string())) } }
        }
        Value::Array(_) | Value::Object(_) => cut(&value.to_string()),
    }
}

/// A text in quotes, with the escapes of JSON.
fn literal(whole: &str) -> Markup {
    match cut_at(whole, MAX_TEXT) {
        None => text(&quoted(whole)),
        Some(end) => html! { (text(&quoted(&whole[..end]))) (rest(&whole[end..])) },
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn cut(whole: &str) -> Markup {
    match cut_at(whole, MAX_TEXT) {
        None => text(whole),
        Some(end) => html! { (text(&whole[..end])) (rest(&whole[end..])) },
    }
}

fn rest(cut: &str) -> Markup {
    html! { span class="n" { (left_out(cut)) } }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(document: &Value) -> String {
        json_tree(document, &JsonMarks::default()).into_string()
    }

    #[test]
    fn values_are_escaped_and_exact() {
        let number = "123456789012345678901234567890.10";
        let document: Value = serde_json::from_str(&format!(
            r#"{{"<k>": "<script>\u202e\n", "n": {number}, "e": {{}}, "l": [null, true]}}"#
        ))
        .unwrap();
        let html = shown(&document);
        for part in [
            "&quot;&lt;k&gt;&quot;",
            "&lt;script&gt;<span class=\"inv\"",
            "\\n&quot;",
            number,
            "{}",
            " 2 items ]",
            "null",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("<script>"));
    }

    #[test]
    fn large_documents_are_cut_and_say_so() {
        let text = shown(&json!({"long": "ä".repeat(100_000), "n": "9".repeat(300)}));
        let id = shown(&json!({"id": "i".repeat(201)}));
        assert!(!id.contains("more character"), "{id}");
        assert!(text.contains("99,800 more characters"), "{text}");
        let list = shown(&json!({"list": vec![1; 100_000], "after": 1}));
        assert!(list.contains("more, not shown"));
        assert!(list.len() < 400_000, "{}", list.len());
        let mut deep = json!("bottom");
        for _ in 0..127 {
            deep = json!([deep]);
        }
        assert!(shown(&deep).contains("[[[["));
    }

    #[test]
    fn marks_are_of_one_value_and_unfold_what_is_around_it() {
        let mut document = json!({"a": {"b": {"c": ["x", "x"]}}, "other": {"d": {"e": [0]}}});
        document["rest"] = json!(vec!["filler"; SMALL]);
        let (first, second) = (&document["a"]["b"]["c"][0], &document["other"]["d"]["e"][0]);
        let mut marks = JsonMarks::default();
        marks.add(first, JsonMark::Fails);
        marks.add(first, JsonMark::Holds);
        let html = json_tree(&document, &marks).into_string();
        assert_eq!(html.matches("<mark").count(), 1, "{html}");
        assert!(html.contains("<mark><span class=\"v\">"), "{html}");
        let unfolded = html.matches("<details open>").count();
        assert_eq!((unfolded, html.matches("<details>").count()), (6, 2));
        marks.add(second, JsonMark::Holds);
        let html = json_tree(&document, &marks).into_string();
        assert!(html.contains("<mark class=\"ok\">"), "{html}");
        assert!(!html.contains("<details>"));
    }
}
