//! Fuzzes conditions, operators, patterns and paths with any text.
//! The index finds the rules that the evaluator matches, a predicate and its negation never both hold, and
//! parsing a path twice gives the same path.

use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::read;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::path::redact::redacted;
use flowtrigger_core::path::scope::Scope;
use flowtrigger_core::path::{Path, PathKind, Resolved};
use flowtrigger_core::rule::Rule;
use serde_json::{Value, json};

use super::rulebook::{CONFIG, EVENTS, agree, described, load, text};
use super::rules::evaluate_samples;

/// The value of `when`, in a rule for the help desk and in one for a custom source.
pub fn conditions(bytes: &[u8]) {
    let Some(text) = text(bytes) else {
        return;
    };
    let when = text.replace('\n', "\n  ");
    let rule = |name: &str, source: &str| {
        format!(
            "name: {name}\nevent_source: {source}\nevent_type: \"*\"\nwhen:\n  {when}\nflow: [{{ succeed: ok }}]\n"
        )
    };
    for source in ["support", "shop"] {
        let (set, _) = load(&rule("r", source));
        evaluate_samples(&set);
        set.rules
            .iter()
            .for_each(|rule| redacted_agrees(&set, rule));
    }
}

/// Without redacted fields, an explanation has the same truth value as before, or is unknown.
fn redacted_agrees(set: &RuleSet, rule: &Rule) {
    let paths = ["current", "ticket.tags", "v"].map(|path| Path::parse(path).expect(path));
    for (_, _, event) in EVENTS.iter().step_by(7) {
        if let Some(kept) = redacted(event, &paths).filter(|_| rule.when.predicates().len() <= 16) {
            let mut scratch = MatchScratch::default();
            let mut truth = |event: &Event| {
                let explanation = set.evaluate_event(event, &mut scratch).explain(rule);
                explanation.unwrap_or_else(|error| panic!("{error}")).truth
            };
            let (whole, kept) = (truth(event), truth(&kept));
            assert!(
                kept == Truth::Unknown || kept == whole,
                "{whole:?} and then {kept:?}"
            );
        }
    }
}

/// An operator, its operand and a value, one per line; operand and value are JSON.
pub fn operators(bytes: &[u8]) {
    let Some(text) = text(bytes) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let operator = lines.next().unwrap_or_default();
    let mut value = || serde_json::from_str(lines.next()?).ok();
    if let (Some(operand), Some(value)) = (value(), value()) {
        compare(operator, operand, value);
    }
}

/// A regular expression, and the text after the first line break.
pub fn patterns(bytes: &[u8]) {
    if let Some((pattern, value)) = text(bytes).and_then(|text| text.split_once('\n')) {
        compare("matches", pattern.into(), value.into());
    }
}

fn compare(operator: &str, operand: Value, value: Value) {
    let body = json!({ "kind": "order.paid", "v": value, "previous": 3, "at": "2026-05-01" });
    let test = json!({ operator: operand });
    let ignored = json!({ operator: operand, "ignore_case": true });
    let whens = [
        json!({ "v": test }),
        json!({ "v": { "not": test } }),
        json!({ "none": [{ "v": test }] }),
        json!({ "v": ignored }),
        json!({ "any": [{ "v": ignored }, { "kind": "x" }] }),
    ];
    let rules = whens.into_iter().zip(0..).map(|(when, n)| {
        json!({ "name": format!("r{n}"), "event_source": "shop", "event_type": "*",
            "when": when, "flow": [{ "succeed": "ok" }] })
        .to_string()
    });
    let (set, _) = load(&rules.collect::<Vec<_>>().join("\n---\n"));
    let (bytes, hint) = (body.to_string().into_bytes(), described("shop"));
    let read_back = parse(&bytes).expect("JSON was written");
    let event = read(read_back.value, hint, &CONFIG.catalogue).expect("an event");
    agree(&set, &bytes, hint, &event, &mut MatchScratch::default());
    let mut scratch = MatchScratch::default();
    let evaluation = set.evaluate_event(&event, &mut scratch);
    let matched: Vec<&str> = evaluation.matched().map(|rule| &*rule.name).collect();
    let both = |a, b| matched.contains(&a) && matched.contains(&b);
    assert!(
        !both("r0", "r1") && !both("r0", "r2"),
        "both it and its negation: {matched:?}"
    );
    if set.rules.len() == 5 {
        assert_eq!(
            matched.contains(&"r1"),
            matched.contains(&"r2"),
            "two ways to negate"
        );
    }
}

/// A path, dotted or JSONPath.
pub fn paths(bytes: &[u8]) {
    let Some(text) = text(bytes) else {
        return;
    };
    let path = match Path::parse(text) {
        Ok(path) => path,
        Err(error) => return assert!(!error.message.is_empty()),
    };
    assert_eq!(path, Path::parse(text).expect("as before"));
    for (_, _, event) in EVENTS.iter().step_by(5) {
        let scope = Scope::new(event, &CONFIG.vars);
        let found = path.resolve(&scope);
        match (&path.route, &found) {
            (PathKind::Plain { .. }, Resolved::Absent) => drop(path.neighbour(&scope)),
            (PathKind::Plain { .. }, Resolved::One(_))
            | (PathKind::Query(_), Resolved::Absent | Resolved::Many(_)) => {}
            (PathKind::Plain { .. }, Resolved::Many(_))
            | (PathKind::Query(_), Resolved::One(_)) => {
                panic!("{found:?}")
            }
        }
    }
    // The catalogue's spelling of a path is a path to the same location.
    if let Some(again) = path.dotted().and_then(|dotted| Path::parse(&dotted).ok()) {
        let dotted = |path: &Path| path.dotted();
        assert!(
            again.step().is_some() || dotted(&again) == dotted(&path),
            "{:?}",
            dotted(&again)
        );
    }
    let _ = (path.below(), path.body_key(), path.step());
}
