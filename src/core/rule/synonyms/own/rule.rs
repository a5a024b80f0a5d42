//! Words for the keys of a rule itself.
//! It refuses words for what stands under one of them.

use super::ON_DEAD;
use super::step::CATCH;
use crate::core::rule::synonyms::Table;

pub const RULE: Table = &[
    (
        &[
            "deduplicate",
            "dedup",
            "deduplication",
            "unique",
            "once",
            "once_per",
            "cooldown",
            "suppress",
            "repeat_interval",
            "idempotency",
        ],
        "write `dedupe: { per: ticket.id, for: 24h }`",
    ),
    (
        &[
            "quiet",
            "quiet_period",
            "settle",
            "batch",
            "digest",
            "aggregate",
            "group_wait",
        ],
        "write `debounce: { per: ticket.id, quiet: 10m }`",
    ),
    (
        &["rate_limit", "ratelimit", "rate", "limit", "max_runs"],
        "write `throttle: { limit: 3, in: 1h }`",
    ),
    (
        ON_DEAD,
        "write `on_dead:`, a list of steps that run when a run gave up; to go on after a failed step, `catch:`",
    ),
    (&["on_crash"], "it belongs into an `exec` or `shell` step"),
    (
        &["flows"],
        "it stands in a document of its own: put a line `---` before it",
    ),
    (
        CATCH,
        "write `catch:`, a list of steps that run when a step failed, or `on_dead:`, which tells of a run that gave up",
    ),
    (
        &[
            "flow_ref", "use", "uses", "run_flow", "use_flow", "flowname", "flowName",
        ],
        "write `flow_name: NAME`",
    ),
    (
        &[
            "for_each", "foreach", "loop", "choose", "switch", "wait", "sleep",
        ],
        "it is a step: put it under `flow:`",
    ),
];
