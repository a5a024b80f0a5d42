//! What a test expects a step to send: values with their locations, and tests of a part of a text.
//! Compares them with what was sent: all expected keys of mappings, whole lists, equal scalars.

use serde_json::{Value, json};

use crate::diagnostic::{Code, Report, Span};
use crate::document::{Entry, Node, Yaml};
use crate::language::operator::CaseSensitivity;
use crate::language::operator::equality::equal;
use crate::language::operator::matches::explain;
use crate::language::operator::pattern::Pattern;
use crate::language::resolver::NameResolver;

/// An expected value and where it is written.
#[derive(Debug, Clone)]
pub struct ExpectedValue {
    pub at: Span,
    kind: ExpectedKind,
}

#[derive(Debug, Clone)]
enum ExpectedKind {
    Scalar(Value),
    List(Vec<ExpectedValue>),
    Map(Vec<ExpectedField>),
    /// A mapping with `contains` or `matches`: tests a text, or is compared as fields with a mapping.
    Part(Vec<TextTest>, Vec<ExpectedField>),
}

#[derive(Debug, Clone)]
struct ExpectedField {
    name: String,
    value: ExpectedValue,
}

/// A test of a text.
#[derive(Debug, Clone)]
enum TextTest {
    Contains(String),
    Matches(Pattern),
}

/// A part of what was sent that is not as expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub path: String,
    /// Where the expectation is written.
    pub at: Span,
    pub wanted: String,
    /// `None` if there is no value at this path.
    pub got: Option<Value>,
}

impl ExpectedValue {
    /// Reads an expected value. `None` after an invalid pattern was reported.
    pub fn lower(node: &Node, names: &mut NameResolver<'_>) -> Option<Self> {
        let kind = match &node.value {
            Yaml::List(items) => {
                let items: Vec<_> = items.iter().map(|item| Self::lower(item, names)).collect();
                ExpectedKind::List(items.into_iter().collect::<Option<_>>()?)
            }
            Yaml::Map(entries) => {
                let fields = lower_fields(entries, names);
                match lower_text_tests(entries, names)? {
                    tests if tests.is_empty() => ExpectedKind::Map(fields?),
                    tests => ExpectedKind::Part(tests, fields?),
                }
            }
            Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
                ExpectedKind::Scalar(node.to_json())
            }
        };
        Some(Self { at: node.at, kind })
    }

    /// Returns where the sent value differs.
    pub fn differences(&self, sent: &Value) -> Vec<Difference> {
        let mut found = Vec::new();
        self.compare("", Some(sent), &mut found);
        found
    }

    fn compare(&self, path: &str, sent: Option<&Value>, found: &mut Vec<Difference>) {
        match (&self.kind, sent) {
            (
                ExpectedKind::Map(fields) | ExpectedKind::Part(_, fields),
                Some(Value::Object(sent)),
            ) => {
                for ExpectedField { name, value } in fields {
                    let dot = if path.is_empty() { "" } else { "." };
                    value.compare(&format!("{path}{dot}{name}"), sent.get(name), found);
                }
            }
            (ExpectedKind::List(items), Some(Value::Array(sent))) if items.len() == sent.len() => {
                for (index, (item, sent)) in items.iter().zip(sent).enumerate() {
                    item.compare(&format!("{path}[{index}]"), Some(sent), found);
                }
            }
            (ExpectedKind::Scalar(value), Some(sent))
                if equal(value, sent, CaseSensitivity::Exact) => {}
            (ExpectedKind::Part(tests, _), sent) => {
                let failing = |test: &&TextTest| !sent.is_some_and(|sent| test.holds(sent));
                found.extend(tests.iter().filter(failing).map(|test| Difference {
                    path: path.to_owned(),
                    at: self.at,
                    wanted: test.describe(),
                    got: sent.cloned(),
                }));
            }
            (_, sent) => found.push(Difference {
                path: path.to_owned(),
                at: self.at,
                wanted: self.to_json().to_string(),
                got: sent.cloned(),
            }),
        }
    }

    fn to_json(&self) -> Value {
        match &self.kind {
            ExpectedKind::Scalar(value) => value.clone(),
            ExpectedKind::List(items) => items.iter().map(Self::to_json).collect(),
            ExpectedKind::Map(fields) | ExpectedKind::Part(_, fields) => {
                let fields = fields.iter();
                let fields = fields.map(|field| (field.name.clone(), field.value.to_json()));
                fields.collect::<serde_json::Map<_, _>>().into()
            }
        }
    }
}

impl TextTest {
    /// A list contains a text that is one of its elements.
    fn holds(&self, sent: &Value) -> bool {
        match (self, sent) {
            (TextTest::Contains(part), Value::String(text)) => text.contains(part),
            (TextTest::Contains(part), Value::Array(items)) => items.contains(&json!(part)),
            (TextTest::Matches(pattern), Value::String(text)) => pattern.is_match(text),
            (TextTest::Contains(_) | TextTest::Matches(_), _) => false,
        }
    }

    fn describe(&self) -> String {
        match self {
            TextTest::Contains(part) => format!("contains {}", json!(part)),
            TextTest::Matches(pattern) => format!("matches {}", json!(pattern.as_str())),
        }
    }
}

fn lower_fields(entries: &[Entry], names: &mut NameResolver<'_>) -> Option<Vec<ExpectedField>> {
    let fields = entries.iter().map(|entry| {
        Some(ExpectedField {
            name: entry.key.clone(),
            value: ExpectedValue::lower(&entry.value, names)?,
        })
    });
    let fields: Vec<_> = fields.collect();
    fields.into_iter().collect()
}

/// The tests of a mapping that has no other keys than tests of texts; empty for any other mapping.
fn lower_text_tests(entries: &[Entry], names: &mut NameResolver<'_>) -> Option<Vec<TextTest>> {
    let is_test = |entry: &Entry| {
        matches!(entry.key.as_str(), "contains" | "matches") && entry.value.as_text().is_some()
    };
    if !entries.iter().all(is_test) {
        return Some(Vec::new());
    }
    let tests = entries.iter().map(|entry| {
        let text = entry.value.as_text().unwrap_or_default();
        if entry.key == "contains" {
            return Some(TextTest::Contains(text.to_owned()));
        }
        match names.interner.patterns.share(text, CaseSensitivity::Exact) {
            Ok(pattern) => Some(TextTest::Matches(pattern)),
            Err(error) => {
                let (message, help) = explain(text, &error);
                names.reject(Code::BadRegex, entry.value.at, message, help)
            }
        }
    });
    let tests: Vec<_> = tests.collect();
    tests.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::diagnostic::{Diagnostics, FileId};
    use crate::document;
    use crate::language::event_fields::EventFields;

    fn differences(expected: &str, sent: &Value) -> Vec<String> {
        let mut diagnostics = Diagnostics::default();
        let nodes = document::read(FileId::default(), expected, &mut diagnostics);
        let config = Config::default();
        let mut names = config.name_resolver(EventFields::Open, &mut diagnostics);
        let expected = ExpectedValue::lower(&nodes[0], &mut names).expect("a value");
        let found = expected.differences(sent).into_iter();
        found
            .map(|found| {
                let got = found.got.map_or("nothing".into(), |got| got.to_string());
                format!("{} wants {}, got {got}", found.path, found.wanted)
            })
            .collect()
    }

    #[test]
    fn parts_of_texts_are_tested_at_any_depth() {
        let sent = json!({"json": {"text": "#7 is urgent", "tags": ["vip", "eu"]}});
        for holds in [
            "{ json: { text: { contains: urgent } } }",
            "{ json: { text: { matches: '^#\\d+ is' } } }",
            "{ json: { text: { contains: urgent, matches: '^#7' } } }",
            "{ json: { tags: { contains: vip } } }",
            "{ json: { tags: [{ contains: v }, { matches: '^e' }] } }",
        ] {
            assert_eq!(differences(holds, &sent), Vec::<String>::new(), "{holds}");
        }
        assert_eq!(
            differences(
                "{ json: { text: { contains: low, matches: '^#8' } } }",
                &sent
            ),
            [
                r##"json.text wants contains "low", got "#7 is urgent""##,
                r##"json.text wants matches "^#8", got "#7 is urgent""##,
            ]
        );
        assert_eq!(
            differences(
                "{ json: { tags: { contains: vi }, a: { contains: b } } }",
                &sent
            ),
            [
                r#"json.tags wants contains "vi", got ["vip","eu"]"#,
                r#"json.a wants contains "b", got nothing"#,
            ]
        );
    }

    #[test]
    fn fields_that_are_called_like_a_test_are_compared_as_fields() {
        let sent = json!({"json": {"contains": "a lot", "matches": "("}});
        assert!(differences("{ json: { contains: a lot } }", &sent).is_empty());
        assert_eq!(
            differences("{ json: { contains: a } }", &sent),
            [r#"json.contains wants "a", got "a lot""#]
        );
        assert_eq!(
            differences("{ json: { contains: { x: 1 } } }", &sent),
            [r#"json.contains wants {"x":1}, got "a lot""#]
        );
    }

    #[test]
    fn an_invalid_pattern_is_reported_with_its_place() {
        let mut diagnostics = Diagnostics::default();
        let text = "{ json: { text: { matches: 'a(' } } }";
        let nodes = document::read(FileId::default(), text, &mut diagnostics);
        let config = Config::default();
        let mut names = config.name_resolver(EventFields::Open, &mut diagnostics);
        assert!(ExpectedValue::lower(&nodes[0], &mut names).is_none());
        let found = diagnostics.sorted();
        assert!(found[0].message.contains("not a regular expression"));
        assert_eq!(found[0].at.column, 28);
    }
}
