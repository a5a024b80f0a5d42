//! The words under `exec` and `confine` as tables, with their JSON Schema.
//! It refuses to know how a command is lowered.

use serde_json::{Value, json};

use crate::core::config::size;
use crate::core::flow::bounds::MOST_PROCESSES;
use crate::core::rule::document::vocabulary::{Vocabulary, boolean, duration, mapping, text, word};

/// The keys under `exec`, where it is not the list of arguments itself.
pub const EXEC: Vocabulary = Vocabulary {
    name: "`exec`",
    words: &[
        word("argv", "The program and its arguments.", argv),
        word(
            "stdin",
            "What the program reads; the event as JSON unless given.",
            text,
        ),
        word(
            "cwd",
            "The folder that it runs in; the rule file's folder unless given.",
            text,
        ),
        word(
            "env",
            "Environment variables by name, beside `FLOWTRIGGER_EVENT_…`.",
            mapping,
        ),
    ],
};

/// The keys under `confine`.
pub const CONFINE: Vocabulary = Vocabulary {
    name: "`confine`",
    words: &[
        word(
            "cpu",
            "Processor time of each process, in whole seconds.",
            duration,
        ),
        word(
            "memory",
            "Address space of each process; 16MiB at least.",
            size::schema,
        ),
        word(
            "file_size",
            "Size of each file that it writes; pipes are not files.",
            size::schema,
        ),
        word(
            "processes",
            "Processes of its user together, what else it runs included; needs a `user` where flowtrigger runs as root.",
            processes,
        ),
        word(
            "user",
            "The user of /etc/passwd that it runs as, with that user's group and home and no other group; only root can give it.",
            text,
        ),
        word(
            "read",
            "Where it may read and run programs, beside itself and what the system's programs need; it then writes only where `write` says. Relative to the rule file's folder, as `write` is.",
            paths,
        ),
        word(
            "write",
            "Where it may write, beside devices such as /dev/null; `[]` for nowhere.",
            paths,
        ),
    ],
};

pub fn exec() -> Value {
    json!({"oneOf": [argv(), EXEC.schema(&["argv"])]})
}

fn argv() -> Value {
    let item = json!({"type": ["string", "number", boolean()["type"]]});
    json!({"type": "array", "minItems": 1, "items": item})
}

pub fn confine() -> Value {
    let mut schema = CONFINE.schema(&[]);
    schema["minProperties"] = json!(1);
    schema
}

fn processes() -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": MOST_PROCESSES})
}

fn paths() -> Value {
    json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
}
