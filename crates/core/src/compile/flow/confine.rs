//! Lowers `confine` of a step: limits on the resources and files of its command.
//! Reports templates, an empty mapping, and limits under which no program can start.

use std::path::Path;
use std::time::Duration;

use crate::compile::compiler::Compiler;
use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::document::size;
use crate::flow::call::CallTemplate;
use crate::flow::confinement::Confinement;
use crate::flow::limits::MAX_PROCESSES;
use crate::flow::step::Action;
use crate::flow::vocabulary::command::CONFINE;

/// With less, even the system's libraries do not load.
const MIN_MEMORY: u64 = 16 << 20;
const MAX_BYTES: u64 = 1 << 50;
const MAX_CPU_TIME: Duration = Duration::from_secs(3_600);

/// Adds the `confine` of the step to its action. Returns false after an error.
pub fn lower_into(action: &mut Action, step: &Node, cx: &mut Compiler<'_>) -> bool {
    let Some(node) = step.get("confine") else {
        return true;
    };
    let Action::Call(CallTemplate::Exec(exec)) = action else {
        let message = format!("`confine` has no effect beside `{}`", action.kind());
        let help = "it belongs to `exec` and `shell`; remove it here";
        cx.invalid(node.at, message, help);
        return false;
    };
    let confinement = lower(node, cx);
    let valid = confinement.is_some();
    exec.confine = confinement.map(Box::new);
    valid
}

fn lower(node: &Node, cx: &mut Compiler<'_>) -> Option<Confinement> {
    let entries = cx.entries(node, &CONFINE)?;
    if entries.is_empty() {
        let help = "write the limits, `confine: { cpu: 10s, memory: 256MiB }`, or remove it";
        return cx.reject_value(node.at, "`confine` limits nothing", help);
    }
    let before = cx.diagnostics().errors();
    let confinement = Confinement {
        cpu: node
            .get("cpu")
            .and_then(|node| lower_cpu(node, cx.diagnostics())),
        memory: node
            .get("memory")
            .and_then(|node| size::lower(node, "memory", MIN_MEMORY..=MAX_BYTES, cx.diagnostics())),
        file_size: node
            .get("file_size")
            .and_then(|node| size::lower(node, "file_size", 1..=MAX_BYTES, cx.diagnostics())),
        processes: node
            .get("processes")
            .and_then(|node| cx.whole_number(node, "processes", 1..=MAX_PROCESSES)),
        user: node
            .get("user")
            .and_then(|node| lower_user(node, cx.diagnostics())),
        read: node
            .get("read")
            .and_then(|node| lower_paths(node, "read", cx)),
        write: node
            .get("write")
            .and_then(|node| lower_paths(node, "write", cx)),
    };
    (cx.diagnostics().errors() == before).then_some(confinement)
}

/// The kernel counts whole seconds.
fn lower_cpu(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let time = diagnostics.duration(node, "cpu")?;
    if time.subsec_nanos() == 0 && (Duration::from_secs(1)..=MAX_CPU_TIME).contains(&time) {
        return Some(time);
    }
    let message = "`cpu` takes whole seconds from 1s to 1h";
    let help = "it limits processor time; `timeout` limits the elapsed time of a step";
    diagnostics.reject_value(node.at, message, help)
}

fn lower_user(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let user = diagnostics.text(node, "user")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.$".contains(c);
    let is_number = user.chars().all(|c| c.is_ascii_digit());
    if !user.is_empty() && user.chars().all(is_name) && !is_number {
        return Some(user);
    }
    let message = format!("invalid user name `{user}`");
    let help = "write a name from /etc/passwd, such as `nobody`; the user's group applies too";
    diagnostics.reject_value(node.at, message, help)
}

fn lower_paths(node: &Node, key: &str, cx: &mut Compiler<'_>) -> Option<Vec<String>> {
    let nodes = node.as_list().unwrap_or(std::slice::from_ref(node));
    let paths: Vec<_> = nodes.iter().map(|node| lower_path(node, key, cx)).collect();
    paths.into_iter().collect()
}

fn lower_path(node: &Node, key: &str, cx: &mut Compiler<'_>) -> Option<String> {
    let path = cx.text(node, key)?;
    let help = match path.as_str() {
        "" => "write a folder or a file",
        text if text.contains("{{") => {
            "write the path literally: an event must not choose what the command can access"
        }
        text if text.contains('*') => "write the folder: everything below it is included",
        _ => {
            let joined = Path::new(&cx.folder).join(path.strip_prefix("./").unwrap_or(&path));
            return Some(joined.to_string_lossy().into_owned());
        }
    };
    let message = format!("`{key}` takes folders and files, not `{path}`");
    cx.reject_value(node.at, message, help)
}
