//! Defines the keys under `exec` and `confine`, with their JSON Schema.
//! They are lowered in `compile::flow`.

use serde_json::{Value, json};

use crate::document::size;
use crate::document::vocabulary::{
    Keyword, Vocabulary, boolean, duration, keyword, mapping, text, words,
};
use crate::flow::limits::MAX_PROCESSES;

/// The key of a program with arguments.
pub const EXEC_ACTION: Keyword = keyword(
    "exec",
    "Runs a program with arguments, without a shell. The result has `status`, `stdout` and `stderr`.",
    exec,
);

/// The key of a script.
pub const SHELL_ACTION: Keyword = keyword(
    "shell",
    "Runs a shell script, which reads the event from its environment and standard input. The script must not contain templates.",
    text,
);

/// The keys under `exec`, if it is not a list of arguments.
pub const EXEC: Vocabulary = Vocabulary {
    name: "`exec`",
    words: words! {
        "argv" argv => "The program and its arguments.";
        "stdin" text => "The standard input of the program. Default: the event as JSON.";
        "cwd" text => "The working directory. Default: the folder of the rule file.";
        "env" mapping => "Environment variables by name, in addition to `FLOWTRIGGER_EVENT_…`.";
    },
};

/// The keys under `confine`.
pub const CONFINE: Vocabulary = Vocabulary {
    name: "`confine`",
    words: words! {
        "cpu" duration => "CPU time of each process, in whole seconds.";
        "memory" size::schema => "Address space of each process; at least 16MiB.";
        "file_size" size::schema => "Size of each file that it writes. Pipes are not counted as files.";
        "processes" processes =>
            "The number of processes of its user, including those not started by the step. If flowtrigger runs as root, this also requires `user`.";
        "user" text =>
            "The user in /etc/passwd that it runs as, with that user's group and home directory and no supplementary groups. Requires that flowtrigger runs as root.";
        "read" paths =>
            "Paths where it may read files and run programs, in addition to the program itself and what system programs need. With `read`, it may write only to the paths under `write`. Relative paths start at the folder of the rule file, for `write` as well.";
        "write" paths => "Paths where it may write, in addition to devices such as /dev/null; `[]` for none.";
    },
};

fn exec() -> Value {
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
    json!({"type": "integer", "minimum": 1, "maximum": MAX_PROCESSES})
}

fn paths() -> Value {
    json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
}
