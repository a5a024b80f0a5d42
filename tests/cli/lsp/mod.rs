//! `lsp`, driven by a scripted editor: problems, completion, descriptions, definitions, changes and the protocol.

mod completion;
mod diagnostics;
mod fixes;
mod history;
mod names;
mod parts;
mod protocol;

use std::path::Path;

use flowtrigger_testing::editor::Editor;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_flowtrigger");

pub const CONFIG: &str = "\
vars:
  desk: https://desk.example/tickets
  limit: 200
schedules:
  office: { zone: Europe/Berlin, hours: { mon-fri: 09:00-17:00 } }
secrets:
  CHAT_TOKEN: { env: CHAT_TOKEN }
connections:
  chat: { base_url: 'outbox:chat' }
  crm: { base_url: 'outbox:crm' }
";

pub const RULE: &str = "\
name: urgent
event_source: support
event_type: ticket.PriorityChanged
when:
  current: urgent
flow:
  - name: page
    http: { connection: chat, path: /page, json: { text: \"{{ vars.desk }}/{{ ticket.id }}\" } }
";

pub const FLOWS: &str = "\
flows:
  tell-desk:
    vars: { channel: general }
    flow:
      - http: { connection: chat, path: '/{{ vars.channel }}', json: { id: \"{{ ticket.id }}\" } }
";

pub const CALLER: &str = "\
name: tagged
event_source: support
event_type: ticket.TagsChanged
during: office
flow:
  - flow: tell-desk
    vars: { channel: tags }
";

pub const TESTS: &str = "\
- name: urgent tickets are paged
  rule: urgent
  event: ../priority.json
  expect: match
";

/// A workspace with a configuration, rules, flows and tests.
pub fn workspace() -> Sandbox {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write("flowtrigger.yaml", CONFIG);
    sandbox.write("rules/urgent.yaml", RULE);
    sandbox.write("rules/urgent.test.yaml", TESTS);
    sandbox.write("rules/flows.yaml", FLOWS);
    sandbox.write("rules/tagged.yaml", CALLER);
    let sample = include_str!("../../../examples/events/zis/priority-changed.json");
    sandbox.write("priority.json", sample);
    sandbox
}

/// A server for a workspace.
pub fn editor(sandbox: &Sandbox) -> Editor {
    Editor::start(
        Path::new(PROGRAM),
        sandbox.folder(),
        &json!({}),
        &Value::Null,
    )
}

/// A text and the line and UTF-16 column of the `¦` in it.
pub fn marked(text: &str) -> (String, (usize, usize)) {
    let offset = text.find('¦').expect("a mark");
    let before = &text[..offset];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let column = before[start..].encode_utf16().count();
    (text.replace('¦', ""), (line, column))
}

/// The messages of diagnostics without their help.
pub fn messages(found: &[Value]) -> Vec<String> {
    let messages = found.iter().map(|found| {
        let message = found["message"].as_str().expect("a message");
        message.lines().next().unwrap_or_default().to_owned()
    });
    messages.collect()
}
