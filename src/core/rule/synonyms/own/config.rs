//! Words for the keys of `flowtrigger.yaml` and its sections.
//! It refuses words for what rules say.

use super::ON_DEAD;
use super::action::SANDBOX;
use crate::core::rule::synonyms::Table;

const ALLOWED: &[&str] = &[
    "allowlist",
    "allow_list",
    "whitelist",
    "allowed",
    "permit",
    "only",
];

pub const OUTGOING: Table = &[
    (
        ALLOWED,
        "write `allow: [10.1.0.0/16, crm.internal, '*.internal']`",
    ),
    (
        &[
            "hosts",
            "networks",
            "subnets",
            "whitelist_subnets",
            "cidr",
            "cidrs",
        ],
        "write `allow: [10.1.0.0/16, crm.internal, '*.internal']`",
    ),
    (
        &["deny", "block", "denylist", "blocklist"],
        "what is not public is refused as it is; `allow` says what of it may be reached",
    ),
    (
        &["http_proxy", "https_proxy", "proxy_url"],
        "write `proxy: http://proxy.internal:3128`, or `proxy: environment`",
    ),
    (
        &["no_proxy"],
        "write `proxy: environment` and set `NO_PROXY` there",
    ),
    (
        &["redirects", "follow_redirects"],
        "it belongs into a step, under `http`: `redirects: 3`",
    ),
];

pub const COMMANDS: Table = &[
    (ALLOWED, "write `allow: [/usr/bin/curl, ./bin/*]`"),
    (
        &["programs", "paths", "exec", "shell"],
        "write `allow: [/usr/bin/curl, ./bin/*]`",
    ),
    (
        SANDBOX,
        "it belongs into a step: `confine:`, beside `exec` or `shell`",
    ),
];

pub const CONFIG: Table = &[
    (
        ON_DEAD,
        "write `on_dead:`, a list of steps that run when a run gave up",
    ),
    (
        &[
            "concurrency",
            "workers",
            "max_concurrency",
            "threads",
            "parallel",
        ],
        "write `limits: { runs: 16 }`",
    ),
    (
        &["history", "ttl", "cleanup", "expire", "max_age"],
        "write `retention: { for: 7d, at_most: 1GB }`",
    ),
    (
        &["dedupe", "throttle", "rate_limit"],
        "it belongs into a rule",
    ),
];

const AGE: &[&str] = &[
    "age", "max_age", "days", "keep", "keep_for", "ttl", "time", "duration", "period", "window",
    "within", "in",
];

const SIZE: &[&str] = &[
    "size", "max_size", "max", "limit", "bytes", "cap", "disk", "space",
];

pub const ARCHIVE: Table = &[
    (AGE, "write `for: DURATION`, such as `for: 7d`"),
    (SIZE, "write `at_most: SIZE`, such as `at_most: 256MB`"),
    (
        &["mode", "which", "what", "level", "enabled", "only"],
        "write `events: full`, `events: unmatched` or `events: off`",
    ),
];

pub const RETENTION: Table = &[
    (AGE, "write `for: DURATION`, such as `for: 7d`"),
    (SIZE, "write `at_most: SIZE`, such as `at_most: 1GB`"),
];

pub const LIMITS: Table = &[
    (
        &[
            "concurrency",
            "workers",
            "threads",
            "max_concurrency",
            "parallel",
            "max_runs",
            "at_work",
        ],
        "write `runs: NUMBER`",
    ),
    (
        &["queue", "queue_size", "queued", "pending", "max_queue"],
        "write `backlog: NUMBER`",
    ),
    (&["rule", "per_flow", "rules"], "write `per_rule: NUMBER`"),
    (
        &["host", "per_connection", "per_target", "hosts"],
        "write `per_host: NUMBER`",
    ),
];
