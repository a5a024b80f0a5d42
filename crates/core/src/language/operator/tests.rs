//! Runs the documented examples of all operators, and tests what all operators have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::config::{Config, ConfigSource};
use crate::diagnostic::Code;
use crate::diagnostic::{Diagnostics, FileId};
use crate::document;
use crate::event::Event;
use crate::event::catalogue::Catalogue;
use crate::language::condition::Condition;
use crate::language::condition::evaluate::evaluate;
use crate::language::condition::trace::Trace;
use crate::language::event_fields::EventFields;
use crate::schedule::Schedule;

/// An event with one value at a dotted path.
fn event(field: &str, value: Option<&str>) -> Event {
    let mut body = json!({});
    if let Some(value) = value {
        let value: Value = serde_json::from_str(value).expect("an example's value is JSON");
        body = field
            .rsplit('.')
            .fold(value, |inner, name| json!({ name: inner }));
    }
    Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: "ticket.PriorityChanged".into(),
        id: "e1".into(),
        key: None,
        time: "2026-03-01T12:00:00Z".parse().ok(),
        envelope: json!({}),
        body,
        raw: Value::Null.into(),
        about: json!({}),
        format: "zis",
        warnings: vec![],
        trace: None,
    }
}

fn vars() -> Value {
    json!({"many": [1, 2], "none": []})
}

/// `office` is open on weekdays from 9 to 17 in Berlin.
fn office() -> Arc<BTreeMap<String, Arc<Schedule>>> {
    let text = "schedules: { office: { zone: Europe/Berlin, hours: { mon-fri: 09:00-17:00 } } }";
    ConfigSource::new("flowtrigger.yaml".into(), text.into(), BTreeMap::new())
        .compile()
        .schedules
}

fn lower(field: &str, test: &str) -> Result<Condition, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let text = format!("{field}: {test}\n");
    let nodes = document::read(FileId(0), &text, &mut diagnostics);
    let priority = Catalogue::built_in().by_name("support", "ticket.PriorityChanged");
    let fields = match field {
        "field" => EventFields::Open,
        _ => EventFields::Of(priority.into_iter().cloned().collect()),
    };
    let config = Config::default();
    let mut names = config.name_resolver(fields, &mut diagnostics);
    names.in_scope.vars = vars().into();
    names.schedules = office();
    let condition = nodes
        .first()
        .and_then(|node| Condition::lower(node, &mut names));
    condition
        .filter(|_| !diagnostics.has_errors())
        .ok_or(diagnostics)
}

fn verdict(field: &str, test: &str, value: Option<&str>) -> (Verdict, Trace) {
    let condition = lower(field, test).unwrap_or_else(|d| panic!("{field}: {test}: {d:?}"));
    let event = event(field, value);
    let (vars, steps) = (vars(), json!({}));
    let scope = Scope {
        steps: &steps,
        ..Scope::new(&event, &vars)
    };
    let mut trace = Trace::default();
    evaluate(&condition, &scope, &mut trace);
    (trace.lines[0].verdict, trace)
}

#[test]
fn every_documented_example_holds() {
    for spec in SPECS {
        assert!(
            spec.examples.len() >= 5,
            "`{}` needs more examples",
            spec.name
        );
        for example in spec.examples {
            let (got, _) = verdict(example.field, example.test, example.value);
            let case = format!("{}: {} on {:?}", example.field, example.test, example.value);
            assert_eq!(got, example.verdict, "{case}");
        }
    }
}

#[test]
fn negation_swaps_match_and_no_match() {
    for spec in SPECS {
        for example in spec.examples {
            let (plain, _) = verdict(example.field, example.test, example.value);
            let negated = format!("{{ not: {} }}", example.test);
            let (negated, _) = verdict(example.field, &negated, example.value);
            let expected = match plain {
                Verdict::Match => Verdict::NoMatch,
                Verdict::NoMatch => Verdict::Match,
                Verdict::Missing | Verdict::WrongType => plain,
            };
            assert_eq!(
                negated, expected,
                "not {}: {:?}",
                example.test, example.value
            );
        }
    }
}

#[test]
fn satisfying_values_match_and_violating_values_do_not() {
    for spec in SPECS {
        for example in spec.examples {
            let condition = lower(example.field, example.test).expect("an example loads");
            let [predicate] = condition.predicates()[..] else {
                continue;
            };
            let event = event(example.field, example.value);
            let (vars, steps) = (vars(), json!({}));
            let scope = Scope {
                steps: &steps,
                ..Scope::new(&event, &vars)
            };
            let found = predicate.path.resolve(&scope);
            for value in predicate.operator.satisfying(&found, &scope) {
                let verdict = predicate.operator.evaluate(&Resolved::One(&value), &scope);
                assert_eq!(verdict, Verdict::Match, "{} by {value}", example.test);
            }
            if let Some(value) = predicate.operator.violating(&found, &scope) {
                let verdict = predicate.operator.evaluate(&Resolved::One(&value), &scope);
                assert_eq!(verdict, Verdict::NoMatch, "{} by {value}", example.test);
            }
        }
    }
}

#[test]
fn a_failed_negation_has_no_hint() {
    for (test, value) in [
        ("{ not: vip }", r#""vip""#),
        ("{ not: { contains: VIP, ignore_case: true } }", r#""vip""#),
        ("{ not: { matches: v } }", r#""vip""#),
        ("{ not: { has: vip } }", r#"["vip"]"#),
    ] {
        let (verdict, trace) = verdict("field", test, Some(value));
        assert_eq!(
            (verdict, &trace.lines[0].hint),
            (Verdict::NoMatch, &None),
            "{test}"
        );
    }
}

/// What a schedule was at the time is shown whether or not the predicate holds, and the next time at which it holds.
#[test]
fn the_state_of_a_schedule_is_explained() {
    let open = "during office open: Mon 11:00 Europe/Berlin, closes 17:00";
    let closed = "during office closed: Sun 11:00 Europe/Berlin, opens Mon 09:00";
    for (test, time, matches, words, next) in [
        (
            "{ during: office }",
            "2026-03-02T10:00:00Z",
            true,
            open,
            "2026-03-02T11:00:00+01:00",
        ),
        (
            "{ not: { during: office } }",
            "2026-03-02T10:00:00Z",
            false,
            open,
            "2026-03-02T17:00:00+01:00",
        ),
        (
            "{ during: { not: office } }",
            "2026-03-02T10:00:00Z",
            false,
            open,
            "2026-03-02T17:00:00+01:00",
        ),
        (
            "{ during: office }",
            "2026-03-01T10:00:00Z",
            false,
            closed,
            "2026-03-02T09:00:00+01:00",
        ),
        (
            "{ not: { during: office } }",
            "2026-03-01T10:00:00Z",
            true,
            closed,
            "2026-03-01T11:00:00+01:00",
        ),
    ] {
        let (found, trace) = verdict("field", test, Some(&format!("\"{time}\"")));
        assert_eq!(found == Verdict::Match, matches, "{test}");
        let line = &trace.lines[0];
        assert_eq!(line.hint.as_deref(), Some(words), "{test}");
        let state = line.schedule.as_ref().unwrap();
        assert_eq!(state.open, words == open);
        let condition = lower("field", test).unwrap();
        let predicate = condition.predicates()[0];
        let (event, vars) = (event("field", Some(&format!("\"{time}\""))), vars());
        let scope = Scope::new(&event, &vars);
        let found = predicate.path.resolve(&scope);
        let value = match predicate.polarity {
            Polarity::Positive => predicate.operator.satisfying(&found, &scope).pop(),
            Polarity::Negated => predicate.operator.violating(&found, &scope),
        };
        assert_eq!(value, Some(json!(next)), "{test}");
    }
}

#[test]
fn a_schedule_needs_a_time_of_day_and_a_name() {
    for (field, test, code) in [
        (
            "ticket.subject",
            "{ during: office }",
            Code::OperatorMismatch,
        ),
        (
            "ticket.created_at",
            "{ during: ofice }",
            Code::UndefinedName,
        ),
        ("ticket.created_at", "{ during: [office] }", Code::WrongType),
        (
            "ticket.created_at",
            "{ during: { outside: office } }",
            Code::WrongType,
        ),
    ] {
        let diagnostics = lower(field, test).unwrap_err();
        assert_eq!(diagnostics.sorted()[0].code, code, "{test}");
    }
}

#[test]
fn hints_explain_near_misses() {
    for (field, test, value, words) in [
        ("field", "VIP", r#""vip""#, "only in letter case"),
        ("field", "7", r#""7""#, "only the type differs"),
        (
            "field",
            "{ has: VIP }",
            r#"["x", "vip"]"#,
            "[1] differs only in letter case",
        ),
        (
            "field",
            "{ contains: VIP }",
            r#"["VIP"]"#,
            "`any_of: { OPERATOR: TEXT }` tests its elements",
        ),
        (
            "field",
            "{ not: { starts_with: VIP } }",
            r#"["VIP"]"#,
            "`any_of: { OPERATOR: TEXT }` tests its elements; keep the `not` around it",
        ),
        (
            "field",
            "{ has: vip }",
            r#""vip""#,
            "`contains: TEXT` looks inside",
        ),
        ("field", "vip", r#"["vip"]"#, "`has: \"vip\"` looks inside"),
        ("field", "{ gt: 5 }", "null", "null has no order"),
        ("field", "{ gt: 5 }", r#""x""#, "no common order"),
        (
            "field",
            "{ matches: '^VIP' }",
            r#""vip 1""#,
            "only in letter case",
        ),
        (
            "field",
            "{ before: 2026-01-01 }",
            r#""soon""#,
            "is not a time",
        ),
        ("field", "{ has_all: [a, b] }", r#"["a"]"#, "lacks \"b\""),
    ] {
        let (_, trace) = verdict(field, test, Some(value));
        let hint = trace.lines[0].hint.clone().unwrap_or_default();
        assert!(hint.contains(words), "{test} on {value}: {hint}");
    }
}

#[test]
fn impossible_comparisons_are_reported_with_a_suggestion() {
    for (field, test, code, help) in [
        ("ticket.tags", "vip", Code::NeverHolds, "`has: \"vip\"`"),
        (
            "current",
            "urgnt",
            Code::NeverHolds,
            "did you mean `urgent`?",
        ),
        (
            "current",
            "Urgent",
            Code::NeverHolds,
            "did you mean `urgent`?",
        ),
        (
            "current",
            "{ gt: Normal }",
            Code::NeverHolds,
            "did you mean `normal`?",
        ),
        ("current", "{ gt: 3 }", Code::NeverHolds, "low < normal"),
        (
            "ticket.id",
            "\"35\"",
            Code::NeverHolds,
            "without quotes: 35",
        ),
        ("ticket.subject", "7", Code::NeverHolds, "in quotes"),
        (
            "ticket.subject",
            "{ has: x }",
            Code::OperatorMismatch,
            "`contains: TEXT`",
        ),
        (
            "ticket.tags",
            "{ contains: x }",
            Code::OperatorMismatch,
            "`has: VALUE`",
        ),
        (
            "ticket.tags",
            "{ gt: 3 }",
            Code::OperatorMismatch,
            "`any_of: { gt: 1 }`",
        ),
        ("ticket.tags", "{ has: 3 }", Code::NeverHolds, "in quotes"),
        (
            "ticket.id",
            "{ before: 2026-01-01 }",
            Code::OperatorMismatch,
            "`lt` and `gt`",
        ),
        (
            "ticket.created_at",
            "{ before: soon }",
            Code::InvalidValue,
            "-2h",
        ),
        (
            "ticket.subject",
            "{ matches: '(' }",
            Code::BadRegex,
            "single quotes",
        ),
        (
            "ticket.subject",
            "{ matches: 'a(?=b)' }",
            Code::BadRegex,
            "look-around",
        ),
        (
            "ticket.subject",
            "{ matches: '(a{1000}){1000}' }",
            Code::BadRegex,
            "lower the counts",
        ),
        (
            "field",
            "{ between: [9, 1] }",
            Code::NeverHolds,
            "lower end comes first",
        ),
        (
            "field",
            "{ between: [1, 2, 3] }",
            Code::InvalidValue,
            "[LOW, HIGH]",
        ),
        ("field", "[]", Code::NeverHolds, "at least one value"),
        (
            "field",
            "{ includes: x }",
            Code::UnknownOperator,
            "`has: VALUE`",
        ),
        (
            "field",
            "{ stars_with: x }",
            Code::UnknownOperator,
            "did you mean `starts_with`?",
        ),
        (
            "field",
            "{ exists: true, ignore_case: true }",
            Code::OperatorMismatch,
            "`contains`",
        ),
        (
            "field",
            "{ gt: [true] }",
            Code::InvalidValue,
            "takes a number",
        ),
        (
            "field",
            "\"{{ ticket.id }}\"",
            Code::InvalidValue,
            "{ path: ticket.id }",
        ),
        (
            "ticket.requester.email",
            "x",
            Code::UnknownField,
            "contain only ids",
        ),
        (
            "ticket.priorty",
            "low",
            Code::UnknownField,
            "did you mean `ticket.priority`?",
        ),
    ] {
        let diagnostics = lower(field, test).err().unwrap_or_default();
        let found = diagnostics.iter().next();
        let found = found.unwrap_or_else(|| panic!("{field}: {test} was not reported"));
        let text = format!("{field}: {test}: {found:?}");
        assert_eq!(found.code, code, "{text}");
        assert!(
            found.help.clone().unwrap_or_default().contains(help),
            "{text}"
        );
    }
}

#[test]
fn a_list_variable_means_any_of_its_elements() {
    for (test, value, expected) in [
        ("{ path: vars.many }", "2", Verdict::Match),
        ("{ not: { path: vars.many } }", "3", Verdict::Match),
        ("[9, { path: vars.many }]", "1", Verdict::Match),
        ("{ has: { path: vars.many } }", "[5, 2]", Verdict::Match),
        (
            "{ has_all: { path: vars.many } }",
            "[5, 2]",
            Verdict::NoMatch,
        ),
        ("{ has_all: { path: vars.many } }", "[1, 2]", Verdict::Match),
        ("{ path: vars.none }", "1", Verdict::NoMatch),
    ] {
        let (got, _) = verdict("field", test, Some(value));
        assert_eq!(got, expected, "{test} on {value}");
    }
    let reported = lower("field", "{ between: [{ path: vars.many }, 9] }").err();
    let reported = reported.unwrap_or_default();
    assert!(
        reported.iter().any(|d| d.code == Code::NeverHolds),
        "{reported:?}"
    );
}
