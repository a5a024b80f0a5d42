//! Completion in ZIS bundles and in named flows.

use super::completion::{has, labels, lacks, loaded};

#[test]
fn bundles_are_completed_by_the_type_of_each_part() {
    let file = "rules/bundle.json";
    let (_sandbox, mut editor) = loaded(file);
    let mut at = |text: &str| labels(&mut editor, file, text);
    let start = r#"{ "zis_template_version": "2019-10-14", "name": "desk", "resources": {
      "tell": { "type": "ZIS::Action::Http", "properties": { "name": "tell", "definition": { } } },"#;
    let root = at(r#"{ "zis_template_version": "2019-10-14", "¦"#);
    has(&root, &["name", "resources"]);
    lacks(&root, &["event_type", "when", "zis_template_version"]);
    has(
        &at(&format!("{start} \"a\": {{ \"¦\" }} }} }}")),
        &["type", "properties"],
    );
    has(
        &at(&format!("{start} \"a\": {{ \"type\": \"¦")),
        &["ZIS::JobSpec", "ZIS::Flow", "ZIS::Action::Http"],
    );
    let properties = |kind: &str, end: &str| {
        format!("{start} \"a\": {{ \"type\": \"ZIS::{kind}\", \"properties\": {{ {end}")
    };
    let job = at(&properties("JobSpec", "\"name\": \"x\",\n \"¦"));
    has(&job, &["event_source", "event_type", "flow_name"]);
    lacks(&job, &["definition", "name"]);
    let flow = at(&properties("Flow", "\"¦\" } } } }"));
    has(&flow, &["name", "definition"]);
    lacks(&flow, &["event_type"]);
    let http = at(&properties("Action::Http", "\"definition\": { \"¦"));
    has(
        &http,
        &["method", "url", "path", "requestBody", "connectionName"],
    );
    lacks(&http, &["StartAt"]);
    let http = at(&properties(
        "Action::Http",
        "\"definition\": { \"connectionName\": \"¦",
    ));
    has(&http, &["chat", "crm"]);
    let state = |end: &str| {
        properties(
            "Flow",
            &format!("\"definition\": {{ \"StartAt\": \"One\", \"States\": {{ \"One\": {{ {end}"),
        )
    };
    has(&at(&state("\"Type\": \"¦")), &["Action", "Choice", "Fail"]);
    let wait = at(&state("\"Type\": \"Wait\", \"¦"));
    has(&wait, &["Seconds", "Next"]);
    lacks(&wait, &["ActionName", "Type"]);
    has(
        &at(&state("\"Type\": \"Action\", \"ActionName\": \"¦")),
        &["zis:desk:action:tell"],
    );
    has(&at(&state("\"Type\": \"Wait\", \"Next\": \"¦")), &["One"]);
    has(
        &at(&state(
            "\"Type\": \"Choice\", \"Choices\": [{ \"Variable\": \"$.input\", \"¦",
        )),
        &["StringEquals", "IsPresent", "Next"],
    );

    // The same in YAML.
    let yaml = "zis_template_version: '2019-10-14'\nresources:\n  main:\n    type: ZIS::Flow\n    properties:\n      definition:\n        StartAt: One\n        States:\n          One:\n            Type: Pass\n            ¦\n";
    editor.open("rules/bundle.yaml", "");
    let pass = labels(&mut editor, "rules/bundle.yaml", yaml);
    has(&pass, &["Result", "End"]);
    lacks(&pass, &["Seconds", "Type"]);
    editor.end();
}

#[test]
fn steps_of_named_flows_have_the_fields_of_their_callers() {
    let file = "rules/flows.yaml";
    let (sandbox, mut editor) = loaded(file);
    let flow = |name: &str| {
        format!(
            "flows:\n  {name}:\n    flow:\n      - http: {{ connection: chat, path: '/{{{{ ¦ }}}}' }}\n"
        )
    };
    let fields = labels(&mut editor, file, &flow("tell-desk"));
    has(&fields, &["tags_added", "ticket.id"]);
    lacks(&fields, &["current"]);
    lacks(&labels(&mut editor, file, &flow("unused")), &["tags_added"]);
    let choose = "flows:\n  tell-desk:\n    flow:\n      - choose:\n          - when: { ¦ }\n";
    has(&labels(&mut editor, file, choose), &["tags_added"]);
    // A flow that is called by another one.
    let nested = format!(
        "{}  tell-desk:\n    flow:\n      - flow: inner\n",
        flow("inner")
    );
    has(&labels(&mut editor, file, &nested), &["tags_added"]);
    drop(sandbox);
    editor.end();
}
