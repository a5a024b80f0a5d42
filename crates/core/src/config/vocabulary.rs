//! The top-level keys of `flowtrigger.yaml`; the module of each section has the keys of the section.

use serde_json::Value;

use crate::config::limits::LIMITS;
use crate::config::retention::RETENTION;
use crate::config::{archive, commands, listen, loop_guard, outgoing, redact};
use crate::document::vocabulary::{Vocabulary, anything, keyword, mapping, on_dead, text};

/// The keys of `flowtrigger.yaml`.
pub const CONFIG: Vocabulary = Vocabulary {
    name: "flowtrigger.yaml",
    words: &[
        keyword(
            "mode",
            "The highest mode of any rule: `shadow` on a staging machine. Default: `live`.",
            text,
        ),
        keyword(
            "vars",
            "Values for templates and conditions of every rule, read as `vars.NAME`.",
            mapping,
        ),
        keyword(
            "connections",
            "Connections by name: where requests go, and with which credentials.",
            mapping,
        ),
        keyword(
            "secrets",
            "Secrets by name: the environment variable or the file that holds each.",
            mapping,
        ),
        keyword(
            "integrations",
            "Connections and settings for ZIS bundles, by integration key.",
            mapping,
        ),
        keyword(
            "sources",
            "Sources by name: the path of each, how its senders are verified, and how events of your own systems are read. If present, only the listed sources accept events. Default: Zendesk (`support`) and Upmind (`upmind`), without verification.",
            mapping,
        ),
        keyword(
            "event_types",
            "Event types to add to the built-in catalogue.",
            anything,
        ),
        keyword(
            "on_dead",
            "The steps to run when a run ends as dead and its rule has no `on_dead`. `error.message` holds the reason.",
            on_dead,
        ),
        keyword(
            "archive",
            "Which events are kept for `why`: `full`, `unmatched` or `off`, or a mapping. Default: `full`.",
            archive::schema,
        ),
        keyword(
            "retention",
            "How long, and up to which size, finished runs are kept.",
            retention_schema,
        ),
        keyword(
            "limits",
            "Limits on running and waiting runs.",
            limits_schema,
        ),
        keyword(
            "listen",
            "The address of the daemon and the limits for senders: an address, or a mapping.",
            listen::schema,
        ),
        keyword(
            "outgoing",
            "Destinations that requests may reach besides the public internet, and the proxy.",
            outgoing::schema,
        ),
        keyword(
            "commands",
            "The programs that steps may run.",
            commands::schema,
        ),
        keyword(
            "loop_guard",
            "When rules that trigger themselves are stopped: a mapping, or `off`.",
            loop_guard::schema,
        ),
        keyword(
            "redact",
            "Fields of events, such as `comment.body`, that are removed when the runs of the event have ended.",
            redact::schema,
        ),
    ],
};

fn retention_schema() -> Value {
    RETENTION.schema(&[])
}

fn limits_schema() -> Value {
    LIMITS.schema(&[])
}

/// The keys of one secret; exactly one is required.
pub const SECRET: Vocabulary = Vocabulary {
    name: "a secret",
    words: &[
        keyword(
            "env",
            "The environment variable that holds the secret.",
            text,
        ),
        keyword("file", "The file that holds the secret.", text),
    ],
};
