//! Which programs rules may run at all.
//! It refuses an empty list, which reads as everything or as nothing.

use serde_json::{Value, json};

use crate::core::diagnostic::Code;
use crate::core::rule::document::Node;
use crate::core::rule::document::vocabulary::{Vocabulary, word};
use crate::core::rule::lowering::Lowering;

/// What stands under `commands`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commands {
    /// The programs that may run, by their paths; None lets any run.
    pub allow: Option<Vec<String>>,
}

pub const COMMANDS: Vocabulary = Vocabulary {
    name: "`commands`",
    words: &[word(
        "allow",
        "The programs that steps may run, by absolute path, or relative to this file; a `/*` at the end takes all of a folder; any unless given.",
        allow,
    )],
};

fn allow() -> Value {
    json!({"type": "array", "minItems": 1, "items": {"type": "string"}, "examples": [["/usr/bin/curl", "./bin/*"]]})
}

pub fn schema() -> Value {
    COMMANDS.schema(&[])
}

/// What is wrong in it is reported and left out.
pub fn lower(node: &Node, cx: &mut Lowering<'_>) -> Commands {
    if cx.entries(node, &COMMANDS).is_none() {
        return Commands::default();
    }
    let Some(allow) = node.get("allow") else {
        return Commands::default();
    };
    let Some(list) = allow.as_list().filter(|list| !list.is_empty()) else {
        let message = "`allow` takes a list of programs";
        let help = "write `allow: [/usr/bin/curl, ./bin/*]`, or leave it out to let any run";
        cx.error(Code::InvalidValue, allow.at, message, help);
        // Whoever began a list wanted bounds.
        return Commands {
            allow: Some(Vec::new()),
        };
    };
    let programs: Vec<_> = list.iter().map(|node| lower_program(node, cx)).collect();
    Commands {
        allow: Some(programs.into_iter().flatten().collect()),
    }
}

fn lower_program(node: &Node, cx: &mut Lowering<'_>) -> Option<String> {
    let path = cx.text(node, "allow")?;
    let literal = path.strip_suffix("/*").unwrap_or(&path);
    if path.contains('/') && !literal.contains('*') {
        return Some(path);
    }
    let message = format!("`{path}` is no path of a program");
    let help = match path.contains('/') {
        true => "`/*` stands at the end alone, and takes what is directly in the folder".to_owned(),
        false => {
            format!("write where it is, `/usr/bin/{path}`, or `./{path}` for one beside this file")
        }
    };
    cx.error(Code::InvalidValue, node.at, message, &help);
    None
}
