//! Measures the language server with 10,000 rules: `cargo bench --bench editor`.
//! The time from a change to its diagnostics and the time of a completion, beside one `check` of the same rules.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use flowtrigger_testing::editor::Editor;
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_flowtrigger");
const RULES: usize = 10_000;
const ROUNDS: usize = 20;
const VALID: &str = "  current: urgent\n";
const BROKEN: &str = "  curent: urgent\n";
/// The aims for the median.
const DIAGNOSTICS: Duration = Duration::from_millis(100);
const COMPLETION: Duration = Duration::from_millis(50);

fn rule(number: usize) -> String {
    format!(
        "name: rule-{number}\nevent_source: support\nevent_type: ticket.PriorityChanged\n\
         when:\n  current: urgent\n  ticket.organization_id: {number}\n  ticket.tags: {{ has: [vip, team-{}] }}\n\
         flow:\n  - name: page\n    http:\n      connection: chat\n      path: /page\n      \
         json: {{ text: \"{{{{ ticket.id }}}} of {{{{ ticket.organization_id }}}}\", team: {} }}\n",
        number % 40,
        number % 7
    )
}

fn rules(numbers: std::ops::Range<usize>) -> String {
    let rules: Vec<String> = numbers.map(rule).collect();
    rules.join("---\n")
}

fn workspace(per_file: usize) -> Sandbox {
    let sandbox = Sandbox::new(PROGRAM);
    sandbox.write(
        "flowtrigger.yaml",
        "connections: { chat: { base_url: 'outbox:chat' } }\n",
    );
    for file in 0..RULES / per_file {
        let text = rules(file * per_file..(file + 1) * per_file);
        sandbox.write(&format!("rules/rules-{file:05}.yaml"), text);
    }
    sandbox
}

/// Replaces the first test of the condition of the first rule.
fn set_condition(editor: &mut Editor, file: &str, line: &str) {
    let at = |line: u32| json!({ "line": line, "character": 0 });
    let range = json!({ "start": at(4), "end": at(5) });
    editor.edit(file, &json!({ "range": range, "text": line }));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Prints one line, and returns whether the aim is reached.
fn report(what: &str, per_file: usize, time: Duration, aim: Option<Duration>) -> bool {
    let aimed = aim.map_or_else(String::new, |aim| format!(" (aim: {aim:?})"));
    println!("{per_file:>6} rules a file: {what:<28} {time:>10.1?}{aimed}");
    aim.is_none_or(|aim| time <= aim)
}

fn measure(per_file: usize) -> bool {
    let sandbox = workspace(per_file);
    let checks = (0..3).map(|_| {
        let start = Instant::now();
        let output = sandbox.run(&["check"]);
        assert_eq!(output.code, 0, "{output:?}");
        start.elapsed()
    });
    report("check", per_file, median(checks.collect()), None);
    let program = Path::new(PROGRAM);
    let mut editor = Editor::start(program, sandbox.folder(), &json!({}), &Value::Null);
    let file = format!("rules/rules-{:05}.yaml", RULES / per_file / 2);
    editor.open(&file, &sandbox.read(&file));
    set_condition(&mut editor, &file, BROKEN);
    editor.wait_for(&file, |found| found.len() == 1);
    let (mut diagnostics, mut completions) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (line, count) = match round % 2 {
            0 => (VALID, 0),
            _ => (BROKEN, 1),
        };
        let start = Instant::now();
        set_condition(&mut editor, &file, line);
        editor.wait_for(&file, |found| found.len() == count);
        diagnostics.push(start.elapsed());
        // A keystroke and the completion that follows it.
        let start = Instant::now();
        set_condition(&mut editor, &file, "  cur\n");
        let found = editor.at("textDocument/completion", &file, (4, 5));
        assert!(!found["items"].as_array().expect("a list").is_empty());
        completions.push(start.elapsed());
        set_condition(&mut editor, &file, line);
        editor.at("textDocument/hover", &file, (0, 0));
    }
    let diagnosed = report(
        "change to diagnostics",
        per_file,
        median(diagnostics),
        Some(DIAGNOSTICS),
    );
    let completed = report(
        "completion after a change",
        per_file,
        median(completions),
        Some(COMPLETION),
    );
    editor.end();
    diagnosed && completed
}

fn main() -> ExitCode {
    let reached = [1, 10, 100, RULES].map(measure);
    match reached.into_iter().all(|reached| reached) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
