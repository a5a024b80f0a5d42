//! The top-level keys of `flowtrigger.yaml`; the module of each section has the keys of the section.

use serde_json::Value;

use crate::config::limits::LIMITS;
use crate::config::retention::RETENTION;
use crate::config::{archive, commands, listen, loop_guard, outgoing, redact};
use crate::document::vocabulary::{Vocabulary, anything, mapping, on_dead, text, word};

/// The keys of `flowtrigger.yaml`.
pub const CONFIG: Vocabulary = Vocabulary {
    name: "flowtrigger.yaml",
    words: &[
        word(
            "mode",
            "The highest mode of any rule: `shadow` on a staging machine. Default: `live`.",
            text,
        ),
        word(
            "vars",
            "Values for templates and conditions of every rule, read as `vars.NAME`.",
            mapping,
        ),
        word(
            "connections",
            "Connections by name: where requests go, and with which credentials.",
            mapping,
        ),
        word(
            "secrets",
            "Secrets by name: the environment variable or the file that holds each.",
            mapping,
        ),
        word(
            "integrations",
            "Connections and settings for ZIS bundles, by integration key.",
            mapping,
        ),
        word(
            "sources",
            "Sources by name: the path of each, how its senders are verified, and how events of your own systems are read. If present, only the listed sources accept events. Default: Zendesk (`support`) and Upmind (`upmind`), without verification.",
            mapping,
        ),
        word(
            "event_types",
            "Event types to add to the built-in catalogue.",
            anything,
        ),
        word(
            "on_dead",
            "The steps to run when a run ends as dead and its rule has no `on_dead`. `error.message` holds the reason.",
            on_dead,
        ),
        word(
            "archive",
            "Which events are kept for `why`: `full`, `unmatched` or `off`, or a mapping. Default: `full`.",
            archive::schema,
        ),
        word(
            "retention",
            "How long, and up to which size, finished runs are kept.",
            retention_schema,
        ),
        word(
            "limits",
            "Limits on running and waiting runs.",
            limits_schema,
        ),
        word(
            "listen",
            "The address of the daemon and the limits for senders: an address, or a mapping.",
            listen::schema,
        ),
        word(
            "outgoing",
            "Destinations that requests may reach besides the public internet, and the proxy.",
            outgoing::schema,
        ),
        word(
            "commands",
            "The programs that steps may run.",
            commands::schema,
        ),
        word(
            "loop_guard",
            "When rules that trigger themselves are stopped: a mapping, or `off`.",
            loop_guard::schema,
        ),
        word(
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
        word(
            "env",
            "The environment variable that holds the secret.",
            text,
        ),
        word("file", "The file that holds the secret.", text),
    ],
};
