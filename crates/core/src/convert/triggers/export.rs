//! Finds the triggers of an export: pages of the API, requirements of apps, and Terraform resources.

use serde_json::{Map, Value};

use crate::convert::conversion::Omission;
use crate::convert::triggers::terraform;

/// What a document says about further triggers that it does not contain.
#[derive(Debug, PartialEq, Eq)]
pub struct MissingTriggers {
    /// As text: "it has 3 of 140 triggers".
    pub found: String,
}

/// Whether the document is one page of several, or a list of pages without some of them.
pub fn missing(document: &Value, found: usize) -> Option<MissingTriggers> {
    let pages: Vec<&Value> = match document {
        Value::Array(pages) => pages.iter().filter(|page| is_page(page)).collect(),
        page => vec![page],
    };
    let count = pages.iter().filter_map(|page| count(page)).max();
    // Of pages that follow each other one is the last, and one the first.
    let has_last = pages.is_empty() || pages.iter().any(|page| !has_next(page));
    let has_first = pages.is_empty() || pages.iter().any(|page| !has_previous(page));
    let found = match (count, pages.len()) {
        (Some(count), _) if count > found as u64 => format!("it has {found} of {count} triggers"),
        (_, 0 | 1) if !has_last || !has_first => {
            format!("it is one page of several, with {found} triggers")
        }
        (_, pages) if !has_last || !has_first => {
            format!("it has {pages} pages of more, with {found} triggers")
        }
        (_, _) => return None,
    };
    Some(MissingTriggers { found })
}

/// Whether a value is a page of the API: an object with a list of triggers.
fn is_page(value: &Value) -> bool {
    value.get("triggers").is_some_and(Value::is_array)
}

/// The number of all triggers, which some tools write as text.
fn count(page: &Value) -> Option<u64> {
    let count = page.get("count")?;
    count
        .as_u64()
        .or_else(|| count.as_str()?.trim().parse().ok())
}

/// Whether a page names another one at one of these places: a link, `true`, or anything else that is not empty.
fn names_another(page: &Value, places: &[&str]) -> bool {
    let mut found = places.iter().filter_map(|place| page.pointer(place));
    found.any(|value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !matches!(text.trim(), "" | "false" | "null"),
        Value::Bool(true) | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
    })
}

/// By cursor, a last page has a link to a next one too: `has_more` decides, if it is there.
fn has_next(page: &Value) -> bool {
    let by_cursor = match page.pointer("/meta/has_more") {
        Some(_) => names_another(page, &["/meta/has_more"]),
        None => names_another(page, &["/links/next"]),
    };
    by_cursor || names_another(page, &["/next_page"])
}

fn has_previous(page: &Value) -> bool {
    names_another(page, &["/previous_page"])
}

/// The triggers of an export.
#[derive(Default)]
pub struct Triggers<'v> {
    pub read: Vec<Trigger<'v>>,
    /// Items that are not valid triggers.
    pub invalid: Vec<Omission>,
}

/// A trigger and its location in the export.
pub struct Trigger<'v> {
    pub body: &'v Map<String, Value>,
    pub at: String,
}

/// The triggers of a document: an export, a page of the API, one trigger, or a list; `None` if there are none.
pub fn find(document: &Value) -> Option<Triggers<'_>> {
    match document {
        Value::Object(_) if is_trigger(document) => Some(one(document, "")),
        Value::Object(map) => match (map.get("triggers"), map.get("trigger")) {
            (Some(Value::Array(items)), _) if items.is_empty() || items.iter().any(is_like_one) => {
                Some(many(items, "triggers"))
            }
            // The requirements of an app: triggers by key.
            (Some(Value::Object(keyed)), _) if keyed.values().any(is_like_one) => {
                Some(by_key(keyed, "triggers"))
            }
            (_, Some(trigger)) if is_like_one(trigger) => Some(one(trigger, "trigger")),
            _ => match map.get(terraform::RESOURCE) {
                Some(Value::Object(keyed)) => Some(by_key(keyed, terraform::RESOURCE)),
                Some(_) | None => None,
            },
        },
        Value::Array(items) if items.iter().any(is_trigger) => Some(many(items, "")),
        Value::Array(items) if items.iter().any(is_page) => Some(of_pages(items)),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            None
        }
    }
}

fn one<'v>(item: &'v Value, at: &str) -> Triggers<'v> {
    let mut triggers = Triggers::default();
    triggers.add(item, at.to_owned());
    triggers
}

fn many<'v>(items: &'v [Value], at: &str) -> Triggers<'v> {
    let mut triggers = Triggers::default();
    for (number, item) in items.iter().enumerate() {
        triggers.add(item, format!("{at}[{number}]"));
    }
    triggers
}

/// The triggers of pages that were joined to a list.
fn of_pages(pages: &[Value]) -> Triggers<'_> {
    let mut triggers = Triggers::default();
    for (number, page) in pages.iter().enumerate() {
        match page.get("triggers").and_then(Value::as_array) {
            Some(items) => triggers.extend(many(items, &format!("[{number}].triggers"))),
            None => triggers.add(page, format!("[{number}]")),
        }
    }
    triggers
}

fn by_key<'v>(items: &'v Map<String, Value>, at: &str) -> Triggers<'v> {
    let mut triggers = Triggers::default();
    for (key, item) in items {
        triggers.add(item, format!("{at}.{key}"));
    }
    triggers
}

fn is_trigger(value: &Value) -> bool {
    let listed = |key: &str| value.get(key).is_some_and(Value::is_array);
    let conditions = value.get("conditions").is_some_and(Value::is_object);
    (conditions || listed("all") || listed("any")) && value.get("actions").is_some()
}

/// Whether the value is meant as a trigger, where triggers are expected.
fn is_like_one(value: &Value) -> bool {
    let keys = ["title", "conditions", "actions"];
    keys.iter().any(|key| value.get(key).is_some())
}

/// Why the mapping is not a valid trigger.
fn problem(body: &Map<String, Value>) -> Option<String> {
    let lists = match body.get("conditions") {
        Some(Value::Object(lists)) => lists,
        Some(other) => {
            return Some(format!(
                "`conditions` must be a mapping of `all` and `any`, found {}",
                brief(other)
            ));
        }
        None => body,
    };
    let listed = ["all", "any"].map(|key| lists.get(key).filter(|list| !list.is_null()));
    if !body.contains_key("conditions") && listed == [None, None] {
        return Some("missing `conditions`".into());
    }
    if let Some(other) = listed.into_iter().flatten().find(|list| !list.is_array()) {
        return Some(format!(
            "`all` and `any` must be lists of conditions, found {}",
            brief(other)
        ));
    }
    match body.get("actions") {
        Some(Value::Array(_)) => None,
        Some(other) => Some(format!("`actions` must be a list, found {}", brief(other))),
        None => Some("missing `actions`".into()),
    }
}

fn brief(value: &Value) -> String {
    match value {
        Value::Object(_) => "a mapping".into(),
        Value::Array(_) => "a list".into(),
        Value::String(_) => "text".into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => format!("`{value}`"),
    }
}

impl<'v> Triggers<'v> {
    /// The number of items that were found, valid or not.
    pub fn len(&self) -> usize {
        self.read.len() + self.invalid.len()
    }

    fn extend(&mut self, others: Self) {
        self.read.extend(others.read);
        self.invalid.extend(others.invalid);
    }

    fn add(&mut self, item: &'v Value, at: String) {
        let Some(body) = item.as_object() else {
            let why = format!("expected a mapping, found {}", brief(item));
            return self
                .invalid
                .push(Omission::new("an item among the triggers", why, at));
        };
        let location = match at.as_str() {
            "" => "the whole file".to_owned(),
            at => at.to_owned(),
        };
        let trigger = Trigger { body, at };
        match problem(body) {
            None => self.read.push(trigger),
            Some(why) => self
                .invalid
                .push(Omission::new(trigger.describe(), why, location)),
        }
    }
}

impl Trigger<'_> {
    pub fn title(&self) -> &str {
        let title = self.body.get("title").or(self.body.get("raw_title"));
        title.and_then(Value::as_str).unwrap_or_default().trim()
    }

    /// The trigger as text for lists.
    pub fn describe(&self) -> String {
        match self.title() {
            "" => "a trigger without a title".into(),
            title => format!("the trigger \"{title}\""),
        }
    }

    pub fn location(&self, rest: &str) -> String {
        match self.at.as_str() {
            "" => rest.to_owned(),
            at => format!("{at}.{rest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trigger(title: &str) -> Value {
        json!({"title": title, "conditions": {"all": []}, "actions": []})
    }

    /// The titles that are found, and what is missing.
    fn read(document: &Value) -> (Vec<String>, Option<String>) {
        let found = find(document).expect("triggers");
        let missing = missing(document, found.len()).map(|missing| missing.found);
        let titles = found.read.iter().map(|found| found.title().to_owned());
        (titles.collect(), missing)
    }

    #[test]
    fn a_page_of_several_is_recognised_in_every_form_of_the_api() {
        let one_page = || Some("it is one page of several, with 1 triggers".to_owned());
        for (page, expected) in [
            (json!({}), None),
            (
                json!({"next_page": null, "previous_page": null, "count": 1}),
                None,
            ),
            (json!({"next_page": "https://a.example/2"}), one_page()),
            (json!({"previous_page": "https://a.example/1"}), one_page()),
            (
                json!({"links": {"next": "https://a.example/2"}}),
                one_page(),
            ),
            (json!({"links": {"next": null}}), None),
            (
                json!({"links": {"next": "https://a.example/2"}, "meta": {"has_more": false}}),
                None,
            ),
            (json!({"meta": {"has_more": true}}), one_page()),
            (json!({"meta": {"has_more": "true"}}), one_page()),
            (json!({"count": "1"}), None),
            (
                json!({"count": "140"}),
                Some("it has 1 of 140 triggers".into()),
            ),
            (
                json!({"count": 140}),
                Some("it has 1 of 140 triggers".into()),
            ),
        ] {
            let mut page = page;
            page["triggers"] = json!([trigger("a")]);
            assert_eq!(read(&page), (vec!["a".to_owned()], expected), "{page}");
        }
    }

    #[test]
    fn a_list_of_pages_has_the_triggers_of_all_of_them() {
        let page = |titles: &[&str], next: Value| {
            let triggers: Vec<Value> = titles.iter().map(|title| trigger(title)).collect();
            json!({"triggers": triggers, "count": 3, "next_page": next})
        };
        let (first, last) = (
            page(&["a", "b"], "https://a.example/2".into()),
            page(&["c"], Value::Null),
        );
        let all = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(read(&json!([first, last])), (all, None));
        let (found, missing) = read(&json!([first]));
        assert_eq!(found, ["a", "b"]);
        assert_eq!(missing.as_deref(), Some("it has 2 of 3 triggers"));
        let mut uncounted = first.clone();
        uncounted["count"] = Value::Null;
        let (_, missing) = read(&json!([uncounted, uncounted]));
        assert_eq!(
            missing.as_deref(),
            Some("it has 2 pages of more, with 4 triggers")
        );
    }
}
