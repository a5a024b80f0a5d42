//! Reads `commands` of the configuration: the programs that rules may run. An empty list is an error.

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::vocabulary::{Vocabulary, words};

/// The value of `commands`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commands {
    /// The paths of the programs that may run; `None` allows every program.
    pub allow: Option<Vec<String>>,
}

pub const COMMANDS: Vocabulary = Vocabulary {
    name: "`commands`",
    words: words! {
        "allow" allow =>
            "The programs that steps may run: absolute paths, or paths relative to this file. `/*` at the end allows a whole folder. Default: any program.";
    },
};

fn allow() -> Value {
    json!({"type": "array", "minItems": 1, "items": {"type": "string"}, "examples": [["/usr/bin/curl", "./bin/*"]]})
}

pub fn schema() -> Value {
    COMMANDS.schema(&[])
}

/// Reads `commands`; reports and leaves out invalid entries.
pub fn lower(node: &Node, diagnostics: &mut Diagnostics) -> Commands {
    if diagnostics.entries(node, &COMMANDS).is_none() {
        return Commands::default();
    }
    let Some(allow) = node.get("allow") else {
        return Commands::default();
    };
    let Some(list) = allow.as_list().filter(|list| !list.is_empty()) else {
        let message = "`allow` takes a list of programs";
        let help =
            "write `allow: [/usr/bin/curl, ./bin/*]`, or remove `allow` to allow every program";
        diagnostics.invalid(allow.at, message, help);
        // The author wanted a limit: an invalid list allows no program.
        return Commands {
            allow: Some(Vec::new()),
        };
    };
    let programs: Vec<_> = list
        .iter()
        .map(|node| lower_program(node, diagnostics))
        .collect();
    Commands {
        allow: Some(programs.into_iter().flatten().collect()),
    }
}

fn lower_program(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let path = diagnostics.text(node, "allow")?;
    let literal = path.strip_suffix("/*").unwrap_or(&path);
    if path.contains('/') && !literal.contains('*') {
        return Some(path);
    }
    let message = format!("`{path}` is not the path of a program");
    let help = match path.contains('/') {
        true => {
            "`/*` is allowed only at the end, for the programs directly in the folder".to_owned()
        }
        false => {
            format!(
                "write the full path, `/usr/bin/{path}`, or `./{path}` for a program next to this file"
            )
        }
    };
    diagnostics.reject_value(node.at, message, &help)
}
