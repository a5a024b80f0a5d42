//! The text of a rule with its line numbers, and beside each line what it kept from matching and what no test exercises.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::page::icon::Icon;
use crate::page::text::text;
use crate::report::render::diagnostics::{grouped, number};
use crate::report::rule_test::coverage::Point;
use crate::report::rule_test::coverage::point::Side;
use crate::report::rule_test::of_rules::RuleTests;
use crate::report::why::rule::facts::RuleHistory;
use crate::store::RevisionId;
use flowtrigger_core::rule::Rule;

/// Lines that are shown. A bundle can have tens of thousands.
const MAX_LINES: usize = 2_000;
/// Bytes of a line that are shown.
const MAX_LINE: usize = 500;
/// Texts that a button can copy.
const MAX_COPIED: usize = 64 * 1024;

/// The document that defines a rule.
#[derive(Debug)]
pub struct SourceText {
    file: String,
    /// The number of its first line in the file.
    first: u32,
    text: String,
    /// Which earlier revision it is of.
    revision: Option<RevisionId>,
}

/// What is written beside one line.
#[derive(Debug, Default, PartialEq, Eq)]
struct LineNotes {
    near_misses: usize,
    /// What no test exercises, such as `predicate false`.
    untested: Vec<String>,
    tested: usize,
}

impl SourceText {
    pub fn of(rule: &Rule) -> Self {
        let document = rule.version.document();
        let text = document.strip_prefix("---\n");
        let skipped = u32::from(text.is_some());
        Self {
            file: rule.version.file().to_string(),
            first: rule.version.line + skipped + 1,
            text: text.unwrap_or(document).trim_end().to_owned(),
            revision: None,
        }
    }

    pub fn of_revision(rule: &Rule, revision: RevisionId) -> Self {
        Self {
            revision: Some(revision),
            ..Self::of(rule)
        }
    }

    /// The document, as the author wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn json(&self) -> Value {
        json!({
            "file": self.file,
            "line": self.first,
            "text": self.text,
            "revision": self.revision.map(|revision| revision.0),
        })
    }

    pub fn html(&self, found: &RuleHistory, tests: Option<&RuleTests>) -> Markup {
        let notes = match self.revision {
            None => notes(found, tests),
            Some(_) => BTreeMap::new(),
        };
        let lines: Vec<&str> = self.text.lines().collect();
        html! {
            section aria-labelledby="h-src" {
                div class="bar" {
                    h2 id="h-src" { "Source" }
                    p {
                        code { (text(&self.file)) }
                        @match self.revision {
                            Some(revision) => { " as it was in revision " (revision.0) },
                            None if !notes.is_empty() => ", with near misses of 24 hours and what tests exercise",
                            None => "",
                        }
                    }
                    @if self.text.len() <= MAX_COPIED {
                        span class="push" {
                            button type="button" class="s js-only" data-copy=(self.text) { (Icon::Copy.render()) "Copy" }
                        }
                    }
                }
                div class="box src" tabindex="0" role="region" aria-label="Lines of the source" {
                    table {
                        caption class="vh" { "Source with line numbers and notes" }
                        tbody {
                            @for (line, at) in lines.iter().take(MAX_LINES).zip(self.first..) {
                                tr id=(format!("L{at}")) {
                                    td { (at) }
                                    @match notes.get(&at) {
                                        Some(notes) => { td { (yaml_line(line)) } td { (notes.html()) } },
                                        None => td colspan="2" { (yaml_line(line)) },
                                    }
                                }
                            }
                        }
                    }
                }
                @if lines.len() > MAX_LINES { p class="mu" { "and " (number(lines.len() - MAX_LINES, "more line")) } }
            }
        }
    }
}

/// Notes by line.
fn notes(found: &RuleHistory, tests: Option<&RuleTests>) -> BTreeMap<u32, LineNotes> {
    let mut notes: BTreeMap<u32, LineNotes> = BTreeMap::new();
    let groups = found.events.iter().flat_map(|sample| &sample.near_misses);
    for group in groups {
        let note = notes.entry(group.predicate.at.line).or_default();
        note.near_misses += group.events;
    }
    let Some(tests) = tests.filter(|tests| !tests.results.is_empty()) else {
        return notes;
    };
    for point in tests.covered().iter().flat_map(|rule| &rule.points) {
        notes.entry(point.at.line).or_default().add(point);
    }
    notes
}

impl LineNotes {
    fn add(&mut self, point: &Point) {
        let never = Side::BOTH
            .into_iter()
            .filter(|side| point.tests(*side).is_empty());
        let (kind, id) = (point.id.kind(), &point.id);
        self.untested
            .extend(never.map(|side| format!("{kind} {}", id.side(side))));
        self.tested += usize::from(point.is_covered());
    }

    fn html(&self) -> Markup {
        let mut untested = self.untested.clone();
        untested.dedup();
        html! {
            @match self.near_misses {
                0 => {},
                1 => { b { "1 near miss" } " " },
                many => { b { (grouped(many)) " near misses" } " " },
            }
            @if !untested.is_empty() {
                span class="vd missing" { "untested: " (untested.join(", ")) }
            } @else if self.tested > 0 {
                span class="vd ok" { "tested" }
            }
        }
    }
}

/// A line of YAML with its key, its quoted value and its comment apart. Only the look depends on it.
fn yaml_line(line: &str) -> Markup {
    let line = cut(line);
    let indent = line.len() - line.trim_start_matches([' ', '-']).len();
    let (before, rest) = line.split_at(indent);
    if rest.starts_with('#') {
        return html! { (part(None, before)) (part(Some("c"), rest)) };
    }
    let key = rest
        .find(": ")
        .or_else(|| rest.strip_suffix(':').map(str::len));
    let key = key.filter(|at| !rest[..*at].contains(['"', '\'', '{', '[', ' ']));
    let (key, value) = rest.split_at(key.unwrap_or(0));
    let (value, comment) = value.split_at(value.find(" #").unwrap_or(value.len()));
    let is_text = value
        .trim_start_matches([':', ' '])
        .starts_with(['"', '\'']);
    html! {
        (part(None, before))
        (part(Some("k"), key))
        (part(is_text.then_some("v"), value))
        (part(Some("c"), comment))
    }
}

/// A part of a line with its look; nothing of an empty one.
fn part(class: Option<&str>, written: &str) -> Markup {
    html! {
        @match (class, written) {
            (_, "") => {},
            (Some(class), written) => span class=(class) { (text(written)) },
            (None, written) => (text(written)),
        }
    }
}

/// The beginning of a long line.
fn cut(line: &str) -> &str {
    match line.len() > MAX_LINE {
        false => line,
        true => {
            let end = (0..=MAX_LINE).rev().find(|at| line.is_char_boundary(*at));
            &line[..end.unwrap_or_default()]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_texts_and_comments_are_told_apart() {
        for (line, expected) in [
            (
                "name: vip",
                r#"<span class="k"><bdi>name</bdi></span><bdi>: vip</bdi>"#,
            ),
            (
                "  - http:",
                r#"<bdi>  - </bdi><span class="k"><bdi>http</bdi></span><bdi>:</bdi>"#,
            ),
            ("# <b>", r#"<span class="c"><bdi># &lt;b&gt;</bdi></span>"#),
        ] {
            assert_eq!(yaml_line(line).into_string(), expected, "{line}");
        }
        let html = yaml_line("a: \"x: y\" # why").into_string();
        assert!(html.contains(r#"<span class="v"><bdi>: "#), "{html}");
        assert!(html.contains(r#"<span class="c"><bdi> # why"#), "{html}");
        let long = yaml_line(&"ü".repeat(100_000)).into_string();
        assert!(long.len() < 2_000);
    }

    #[test]
    fn lines_have_their_numbers_in_the_file() {
        let set = flowtrigger_testing::rules::from_text(
            "name: a\nevent_source: support\nevent_type: ticket.TagsChanged\nflow: [{ succeed: ok }]\n---\nname: b\nevent_source: support\nevent_type: ticket.TagsChanged\nflow: [{ succeed: ok }]\n",
        );
        let source = SourceText::of(&set.rules[1]);
        let line = source.text.lines().position(|line| line == "name: b");
        let at = source.first as usize + line.expect("the name");
        assert_eq!(at, set.rules[1].at.line as usize);
        assert_eq!(source.json()["file"], "r.yaml");
    }
}
