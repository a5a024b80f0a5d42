//! Validates the JSON that commands print with the schemas in `schema/`, so that a key that is added, removed or of another
//! type fails every test that prints it.

use std::cell::RefCell;
use std::collections::HashMap;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::repository;

/// The commands whose JSON has a schema.
const COMMANDS: [&str; 18] = [
    "why", "runs", "run", "dry-run", "send", "events", "check", "replay", "test", "status", "push",
    "move", "reload", "backup", "restore", "pause", "resume", "backtest",
];

thread_local! {
    static VALIDATORS: RefCell<HashMap<&'static str, Validator>> = RefCell::default();
}

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new(command: &str) -> Self {
        let path = repository::root().join(format!("schema/{command}.schema.json"));
        let text = std::fs::read_to_string(&path).expect("a schema");
        let schema = serde_json::from_str(&text).expect("JSON");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler
            .add_resource("answer.json", schema)
            .expect("a schema");
        let index = compiler
            .compile("answer.json", &mut schemas)
            .expect("a valid schema");
        Self { schemas, index }
    }
}

/// Checks the output of a command with `--format json` against its schema. Other output is not checked.
#[track_caller]
pub fn assert_documented(arguments: &[&str], stdout: &str) {
    let mut words = arguments.iter();
    let Some(command) = words.find_map(|word| COMMANDS.into_iter().find(|name| name == word))
    else {
        return;
    };
    let is_json = arguments
        .windows(2)
        .any(|pair| pair == ["--format", "json"]);
    if !is_json {
        return;
    }
    // Documents follow each other: one in a line, or one over several lines.
    for document in serde_json::Deserializer::from_str(stdout).into_iter::<Value>() {
        let document = document.unwrap_or_else(|error| panic!("{error} in {stdout}"));
        // `runs replay` of a selection prints the lines of `replay`.
        let command = match command {
            "runs" if document.get("kind").is_some() => "replay",
            // `test.schema.json` describes the files of tests.
            "test" => "test-results",
            "resume" => "pause",
            command => command,
        };
        VALIDATORS.with_borrow_mut(|validators| {
            let validator = validators.entry(command).or_insert_with(|| Validator::new(command));
            let valid = validator.schemas.validate(&document, validator.index);
            if let Err(error) = valid {
                panic!("{arguments:?} prints what schema/{command}.schema.json does not describe: {error:#}\n{document:#}");
            }
        });
    }
}
