//! Words for the keys of one mapping alone: what `window` means depends on where it stands.
//! It refuses words that mean the same everywhere; those stand in the common table.

use super::Table;

/// The words for the keys of a mapping, by the name of its vocabulary.
pub fn table(vocabulary: &str) -> Option<Table> {
    let tables = [
        ("a rule", RULE),
        ("a step", STEP),
        ("`dedupe`", DEDUPE),
        ("`debounce`", DEBOUNCE),
        ("`throttle`", THROTTLE),
        ("flowtrigger.yaml", CONFIG),
        ("`archive`", ARCHIVE),
        ("`retention`", RETENTION),
        ("`limits`", LIMITS),
        ("`http`", HTTP),
        ("`exec`", EXEC),
        ("`confine`", CONFINE),
        ("`outgoing`", OUTGOING),
        ("`commands`", COMMANDS),
    ];
    let found = tables.into_iter().find(|(name, _)| *name == vocabulary);
    found.map(|(_, table)| table)
}

const ON_DEAD: &[&str] = &[
    "on_failure",
    "on_error",
    "on_fail",
    "onerror",
    "on_dead_letter",
    "dead_letter",
    "dlq",
    "fallback",
];

const RULE: Table = &[
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
        "write `on_dead:`, a list of steps that run when a run gave up",
    ),
    (&["on_crash"], "it belongs into an `exec` or `shell` step"),
];

const STEP: Table = &[
    (
        ON_DEAD,
        "write `on_dead:` in the rule: its steps run when a run gave up",
    ),
    (
        &["on_dead"],
        "it belongs into the rule, beside `flow`: its steps run when a run gave up",
    ),
    (
        &["on_restart", "restart", "rerun", "idempotent", "repeatable"],
        "write `on_crash: rerun` where the command may run twice",
    ),
    (
        SANDBOX,
        "write `confine: { cpu: 10s, memory: 256MiB, user: nobody }`",
    ),
    (
        &["cpu", "memory", "user", "read", "write"],
        "put it under `confine:`, beside `exec` or `shell`",
    ),
];

const SANDBOX: &[&str] = &[
    "sandbox",
    "limits",
    "resources",
    "ulimit",
    "isolate",
    "isolation",
    "security",
    "run_as",
    "landlock",
    "restrict",
];

const HTTP: Table = &[(
    &[
        "follow",
        "follow_redirects",
        "redirect",
        "max_redirects",
        "allow_redirects",
        "location",
    ],
    "write `redirects: 3`; none is followed unless given",
)];

const EXEC: Table = &[
    (SANDBOX, "write `confine:` beside `exec`, in the step"),
    (
        &["confine", "cpu", "memory", "user"],
        "write `confine:` beside `exec`, in the step",
    ),
    (
        &["timeout", "retry", "keep", "on_crash"],
        "write it beside `exec`, in the step",
    ),
];

const CONFINE: Table = &[
    (
        &[
            "mem",
            "ram",
            "max_memory",
            "memory_limit",
            "rss",
            "as",
            "address_space",
        ],
        "write `memory: 256MiB`",
    ),
    (
        &["cpu_time", "cpus", "seconds", "time"],
        "write `cpu: 10s`, processor time",
    ),
    (
        &["timeout"],
        "what a step may take by the clock is its `timeout`, beside `confine`; `cpu` is processor time",
    ),
    (
        &["fsize", "files", "disk", "filesize"],
        "write `file_size: 10MiB`",
    ),
    (
        &["nproc", "pids", "procs", "threads", "forks"],
        "write `processes: 32`",
    ),
    (
        &["run_as", "uid", "as_user", "username", "group", "gid"],
        "write `user: NAME`; its group goes with it",
    ),
    (
        &["readonly", "read_only", "ro", "paths", "allow", "execute"],
        "write `read: [/srv/data]`",
    ),
    (
        &["writable", "rw", "read_write", "writes"],
        "write `write: [/var/spool/desk]`",
    ),
    (
        &["network", "net"],
        "what a command reaches by the network is not bound here; run it as a `user` that a firewall knows",
    ),
];

const ALLOWED: &[&str] = &[
    "allowlist",
    "allow_list",
    "whitelist",
    "allowed",
    "permit",
    "only",
];

const OUTGOING: Table = &[
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

const COMMANDS: Table = &[
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

const DEDUPE: Table = &[
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

const DEBOUNCE: Table = &[
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

const THROTTLE: Table = &[
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

const CONFIG: Table = &[
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

const ARCHIVE: Table = &[
    (AGE, "write `for: DURATION`, such as `for: 7d`"),
    (SIZE, "write `at_most: SIZE`, such as `at_most: 256MB`"),
    (
        &["mode", "which", "what", "level", "enabled", "only"],
        "write `events: full`, `events: unmatched` or `events: off`",
    ),
];

const RETENTION: Table = &[
    (AGE, "write `for: DURATION`, such as `for: 7d`"),
    (SIZE, "write `at_most: SIZE`, such as `at_most: 1GB`"),
];

const LIMITS: Table = &[
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
