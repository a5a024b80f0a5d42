//! Words for the keys of gates: `dedupe`, `debounce`, `throttle`.
//! It refuses words for the keys of the rule around them.

use crate::core::rule::synonyms::Table;

const PER: &[&str] = &[
    "key",
    "by",
    "on",
    "id",
    "field",
    "path",
    "group",
    "group_by",
    "scope",
    "partition",
    "unique",
    "same",
];

const TIME: &[&str] = &[
    "window", "within", "interval", "period", "ttl", "time", "duration", "cooldown", "expires",
    "expire", "timeout", "during", "over", "seconds", "minutes", "hours", "each",
];

const COUNT: &[&str] = &[
    "max", "count", "times", "runs", "maximum", "at_most", "burst", "events", "number",
];

pub const DEDUPE: Table = &[
    (PER, "write `per: PATH`, such as `per: ticket.id`"),
    (TIME, "write `for: DURATION`, such as `for: 24h`"),
    (
        &["in", "every"],
        "write `for: DURATION`, such as `for: 24h`; `in` is a word of `throttle`",
    ),
    (
        COUNT,
        "`dedupe` lets one run through; for more write `throttle: { limit: 3, in: 1h }`",
    ),
    (
        &["limit", "rate"],
        "`dedupe` lets one run through; for more write `throttle: { limit: 3, in: 1h }`",
    ),
];

pub const DEBOUNCE: Table = &[
    (PER, "write `per: PATH`, such as `per: ticket.id`"),
    (
        &[
            "for", "in", "wait", "delay", "window", "period", "after", "interval", "idle",
            "timeout",
        ],
        "write `quiet: DURATION`, such as `quiet: 10m`",
    ),
    (
        &[
            "max",
            "max_wait",
            "max_delay",
            "within",
            "limit",
            "up_to",
            "no_later_than",
        ],
        "write `at_most: DURATION`, such as `at_most: 1h`",
    ),
    (
        &[
            "mode", "edge", "take", "which", "event", "events", "emit", "use",
        ],
        "write `keep: first`, `keep: last` or `keep: all`",
    ),
    (
        &["leading"],
        "write `keep: first`: the run is about the first event, and starts when it is quiet",
    ),
    (
        &["trailing"],
        "write `keep: last`, which is taken unless given",
    ),
];

pub const THROTTLE: Table = &[
    (PER, "write `per: PATH`, such as `per: ticket.id`"),
    (TIME, "write `in: DURATION`, such as `in: 1h`"),
    (
        &["for", "every"],
        "write `in: DURATION`, such as `in: 1h`; `for` is a word of `dedupe`",
    ),
    (COUNT, "write `limit: NUMBER`, such as `limit: 3`"),
    (
        &["rate"],
        "write `limit: NUMBER` and `in: DURATION`, such as `limit: 3, in: 1h`",
    ),
];
