//! Tests of every mistake in a step: its diagnostic, span and help.

use crate::compile::flow::tests::{flow, lower};
use crate::diagnostic::Code;

#[test]
fn every_mistake_is_reported_with_help() {
    for (step, code, message, help) in [
        (
            "url: https://a.example",
            Code::UnknownKey,
            "`url`",
            "under `http:`",
        ),
        ("run: ls", Code::UnknownKey, "`run`", "`exec: [program"),
        ("webhook: x", Code::UnknownKey, "`webhook`", "`http:"),
        (
            "{ attempts: 3, exec: [a] }",
            Code::UnknownKey,
            "`attempts`",
            "under `retry:`",
        ),
        (
            "{ http: { url: \"https://a.example\" }, exec: [a] }",
            Code::InvalidValue,
            "`http` and `exec`",
            "to its own step",
        ),
        ("name: x", Code::MissingKey, "has no action", "add one of"),
        (
            "{ name: page-oncall, exec: [a] }",
            Code::InvalidValue,
            "invalid step name",
            "`page_oncall`",
        ),
        (
            "{ exec: [a], wait: 4d }",
            Code::InvalidValue,
            "`exec` and `wait`",
            "to its own step",
        ),
        (
            "{ set: 1, retry: { attempts: 2 } }",
            Code::InvalidValue,
            "`retry` has no effect",
            "remove it",
        ),
        (
            "{ set: { jq: '.a | {{ ticket.id }}' } }",
            Code::BadTemplate,
            "cannot contain a template",
            "`input:",
        ),
        (
            "{ set: \"{{ secret.A }}\" }",
            Code::BadTemplate,
            "secret",
            "step that needs it",
        ),
        (
            "{ fail: \"{{ secret.A }}\" }",
            Code::BadTemplate,
            "secret",
            "step that needs it",
        ),
        (
            "{ exec: ls -l }",
            Code::WrongType,
            "takes a list",
            "`shell:`",
        ),
        (
            "{ exec: [] }",
            Code::InvalidValue,
            "empty",
            "name a program",
        ),
        (
            "{ exec: [\"{{ current }}\"] }",
            Code::InvalidValue,
            "must be literal",
            "path",
        ),
        (
            "{ exec: [a, \"{{ curent }\"] }",
            Code::BadTemplate,
            "never closed",
            "}}",
        ),
        (
            "{ exec: { argv: [a], env: { FLOWTRIGGER_KEY: x } } }",
            Code::InvalidValue,
            "FLOWTRIGGER_KEY",
            "another name",
        ),
        (
            "{ shell: \"echo {{ current }}\" }",
            Code::TemplateInShell,
            "no template",
            "standard input",
        ),
        (
            "{ http: \"https://a.example\" }",
            Code::WrongType,
            "takes a mapping",
            "url:",
        ),
        ("{ http: {} }", Code::MissingKey, "no URL", "url:"),
        (
            "{ http: { path: /x } }",
            Code::MissingKey,
            "needs a `connection`",
            "url",
        ),
        (
            "{ http: { connection: zendesk } }",
            Code::MissingKey,
            "needs a `path`",
            "path: /",
        ),
        (
            "{ http: { connection: zendsk, path: /x } }",
            Code::UnknownConnection,
            "`zendsk`",
            "`zendesk`",
        ),
        (
            "{ http: { connection: zendesk, path: x } }",
            Code::InvalidValue,
            "invalid path",
            "start it with `/`",
        ),
        (
            "{ http: { connection: zendesk, url: \"https://a.example\" } }",
            Code::InvalidValue,
            "beside",
            "alone",
        ),
        (
            "{ http: { url: \"https://{{ current }}/\" } }",
            Code::InvalidValue,
            "never form the host",
            "vars.base",
        ),
        (
            "{ http: { url: \"https://a.example\", method: FETCH } }",
            Code::InvalidValue,
            "`FETCH`",
            "GET, HEAD",
        ),
        (
            "{ http: { url: \"https://a.example\", json: 1, body: x } }",
            Code::InvalidValue,
            "`json` and `body`",
            "keep one",
        ),
        (
            "{ http: { url: \"https://a.example\", expect: ok } }",
            Code::InvalidValue,
            "`expect`",
            "2xx",
        ),
        (
            "{ http: { url: \"https://a.example\", headers: { Host: x } } }",
            Code::InvalidValue,
            "`Host`",
            "remove it",
        ),
        (
            "{ http: { url: \"https://a.example\", data: x } }",
            Code::UnknownKey,
            "`data`",
            "json:",
        ),
        (
            "{ exec: [a], timeout: 2h }",
            Code::InvalidValue,
            "at most 10m",
            "",
        ),
        (
            "{ exec: [a], keep: all }",
            Code::InvalidValue,
            "`keep`",
            "body",
        ),
        (
            "{ exec: [a], retry: 3 }",
            Code::WrongType,
            "`retry`",
            "attempts",
        ),
        (
            "{ exec: [a], retry: { attempts: 0 } }",
            Code::InvalidValue,
            "1 to 100",
            "",
        ),
        (
            "{ exec: [a], retry: { backoff: 1h, max_delay: 1m } }",
            Code::InvalidValue,
            "longer",
            "first delay",
        ),
        (
            "{ exec: [a, \"{{ steps.later.body }}\"] }",
            Code::UndefinedName,
            "`later`",
            "before",
        ),
    ] {
        let (lowered, diagnostics) = lower(&format!("flow:\n- {step}\n"));
        let _ = lowered;
        let found: Vec<_> = diagnostics.iter().collect();
        assert_eq!(found.len(), 1, "{step}: {found:?}");
        assert_eq!(found[0].code, code, "{step}: {}", found[0].message);
        assert!(
            found[0].message.contains(message),
            "{step}: {}",
            found[0].message
        );
        let helped = found[0].help.as_deref().unwrap_or_default();
        assert!(helped.contains(help), "{step}: {helped}");
    }
}

#[test]
fn a_flow_is_a_list_and_its_names_are_its_own() {
    for (yaml, message) in [
        ("flow: { http: { url: x } }\n", "takes a list"),
        ("flow: []\n", "no step"),
        ("flow:\n", "no step"),
        ("flow:\n- text\n", "takes a mapping"),
        (
            "flow:\n- { name: a, set: 1 }\n- { name: a, set: 2 }\n",
            "duplicate step name `a`",
        ),
        ("flow:\n- succeed: yes\n- set: 1\n", "unreachable step"),
    ] {
        let (_, diagnostics) = lower(yaml);
        let first = diagnostics
            .iter()
            .next()
            .unwrap_or_else(|| panic!("{yaml}"));
        assert!(first.message.contains(message), "{yaml}: {}", first.message);
    }
    let unnamed = flow("flow:\n- set: 1\n- exec: [a]\n");
    let names: Vec<_> = unnamed
        .steps
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(names, ["set-1", "exec-2"]);
}
