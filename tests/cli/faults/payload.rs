//! Hostile text in a ticket arrives as one argument and as one string.

use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::setup::{RUN, sandbox, subject};

const HOSTILE: [&str; 16] = [
    "plain",
    "",
    "two words and\ta tab",
    "it's \"quoted\" \\ and \\\" escaped",
    "line one\nline two\r\nline three",
    "🎟️ naïve ☃ \u{1F468}\u{200D}\u{1F469}",
    "{{ secret.KEY }} {% if x %} {# no #}",
    "#{{ 7 * 7 }} ${7*7} <%= 7 %>",
    "$(touch pwned) `touch pwned` ; touch pwned | cat && true",
    "--help -rf / *.yaml ~ $HOME",
    "\u{FDD0}\u{FDD1}\u{FFFF}\u{FEFF}\u{2028}",
    "\u{1b}[31mred\u{7}\u{8}\u{7f}",
    "null",
    "[1, {\"a\": 2}]",
    "1e999",
    "%00 %2e%2e%2f &a=b#c?d",
];

fn prepared(port: u16) -> Sandbox {
    let sandbox = sandbox();
    let flow = "- name: call
  exec: [sh, -c, 'printf \"%s\\0\" \"$#\" \"$@\" > \"../$1.bin\"', sh, '{{ ticket.id }}', '{{ current }}', 'a {{ current }} z']
- name: tell
  http:
    method: POST
    url: http://127.0.0.1:PORT/t/{{ ticket.id }}
    query: { q: '{{ current }}' }
    json: { id: '{{ ticket.id }}', text: '{{ current }}', within: '<{{ current }}>' }
- name: ask
  http: { method: POST, url: 'http://127.0.0.1:PORT/form', form: { text: '{{ current }}' } }
";
    let rule = "name: hostile\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n";
    let text = format!("{rule}{flow}").replace("PORT", &port.to_string());
    sandbox.write("rules/rules.yaml", text);
    sandbox
}

/// Sends all texts and compares what arrived.
fn arrives(texts: &[String]) {
    let receiver = Receiver::ok();
    let sandbox = prepared(receiver.port);
    let events: Vec<String> = (1..)
        .zip(texts)
        .map(|(n, text)| subject(n, text).to_string())
        .collect();
    let output = sandbox.run_with_input(&RUN, &events.join("\n"));
    assert_eq!(output.code, 0, "{output:?}");
    assert!(!sandbox.path("pwned").exists() && !sandbox.path("rules/pwned").exists());
    let got = receiver.received();
    for (ticket, text) in (1u64..).zip(texts) {
        let arguments = sandbox.read(&format!("{ticket}.bin"));
        assert_eq!(arguments, format!("3\0{ticket}\0{text}\0a {text} z\0"));
        let sent = got
            .iter()
            .find(|got| got.head.contains("/t/") && got.json()["id"] == ticket);
        let sent = sent.unwrap_or_else(|| panic!("{ticket} is not among {got:?}"));
        assert_eq!(
            sent.json(),
            json!({"id": ticket, "text": text, "within": format!("<{text}>")})
        );
        let target = sent.head.split(' ').nth(1).unwrap();
        let url = url::Url::parse(&format!("http://h{target}")).unwrap();
        let asked: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        assert_eq!(asked, [("q".to_owned(), text.clone())], "{target}");
    }
    let mut forms: Vec<String> = got
        .iter()
        .filter(|got| got.head.contains("/form"))
        .flat_map(|got| {
            url::form_urlencoded::parse(got.body.as_bytes())
                .into_owned()
                .collect::<Vec<_>>()
        })
        .map(|(_, text)| text)
        .collect();
    let mut expected = texts.to_vec();
    forms.sort_unstable();
    expected.sort_unstable();
    assert_eq!(forms, expected);
}

#[test]
fn known_injections_arrive_unchanged() {
    arrives(&HOSTILE.map(str::to_owned));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_arrives_unchanged(
        texts in prop::collection::vec("([^\u{0}]|[\"'`$\\\\{}%#\n;|&<>]){0,40}", 1..8)
    ) {
        arrives(&texts);
    }
}

#[test]
fn a_nul_is_rejected_for_commands_and_accepted_in_json() {
    let receiver = Receiver::ok();
    let sandbox = prepared(receiver.port);
    let text = "a\u{0}b";
    let output = sandbox.run_with_input(&RUN, &subject(1, text).to_string());
    assert_eq!(output.code, 1);
    let run = &output.json_lines()[0]["runs"][0];
    let error = run["steps"][0]["error"].as_str().unwrap();
    assert!(
        error.contains("contains a NUL character") && error.contains("`stdin`"),
        "{error}"
    );
    assert_eq!(receiver.received().len(), 0);
    let only = "name: n\nevent_source: support\nevent_type: ticket.SubjectChanged\nflow:\n- http: { url: 'http://127.0.0.1:PORT/', json: { t: '{{ current }}' } }\n";
    sandbox.write(
        "rules/rules.yaml",
        only.replace("PORT", &receiver.port.to_string()),
    );
    assert_eq!(
        sandbox.run_event(&RUN, &subject(1, text))["runs"][0]["state"],
        "done"
    );
    assert_eq!(receiver.received()[0].json()["t"], Value::from(text));
}
