//! The keys of `flowtrigger.yaml` itself; each section has its own in its own file.
//! It refuses to know how a value is lowered.

use serde_json::Value;

use super::{LIMITS, RETENTION, archive, commands, listen, loop_guard, outgoing, redact};
use crate::core::rule::document::vocabulary::{Vocabulary, anything, mapping, on_dead, text, word};

/// The keys of `flowtrigger.yaml`.
pub const CONFIG: Vocabulary = Vocabulary {
    name: "flowtrigger.yaml",
    words: &[
        word(
            "mode",
            "Caps the mode of every rule: `shadow` on a staging machine.",
            text,
        ),
        word(
            "vars",
            "Values for templates and conditions of every rule: `vars.NAME`.",
            mapping,
        ),
        word(
            "connections",
            "Where requests go and with which credentials, by name.",
            mapping,
        ),
        word(
            "secrets",
            "Where each secret is found: an environment variable or a file.",
            mapping,
        ),
        word(
            "integrations",
            "What ZIS bundles find here, by the key of their integration: connections under the names that they use, and settings.",
            mapping,
        ),
        word(
            "sources",
            "Where events come in, by the name in their URL: how senders prove who they are, and systems whose events you describe yourself. Once it stands here, no other source is open; Zendesk's (`support`) and Upmind's (`upmind`) are without it.",
            mapping,
        ),
        word(
            "event_types",
            "Event types that the built-in catalogue does not have.",
            anything,
        ),
        word(
            "on_dead",
            "The steps to run when a run gave up whose rule does not say; `error.message` tells why.",
            on_dead,
        ),
        word(
            "archive",
            "Which events are remembered for `why`: `full`, `unmatched` or `off`, or a mapping.",
            archive::schema,
        ),
        word(
            "retention",
            "How long and how much of finished runs is kept.",
            retention_schema,
        ),
        word(
            "limits",
            "How much may be at work and may wait.",
            limits_schema,
        ),
        word(
            "listen",
            "Where the daemon listens, and what bounds senders: an address, or a mapping.",
            listen::schema,
        ),
        word(
            "outgoing",
            "What requests may reach beyond the public internet, and through which proxy.",
            outgoing::schema,
        ),
        word(
            "commands",
            "Which programs steps may run.",
            commands::schema,
        ),
        word(
            "loop_guard",
            "When a rule is stopped that answers its own actions; `off` for never.",
            loop_guard::schema,
        ),
        word(
            "redact",
            "Fields of events that are not kept once their runs are over, such as `comment.body`.",
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

/// The keys of one secret; exactly one stands there.
pub const SECRET: Vocabulary = Vocabulary {
    name: "a secret",
    words: &[
        word("env", "The environment variable that holds it.", text),
        word("file", "The file that holds it.", text),
    ],
};
