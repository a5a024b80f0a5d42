//! Words for the keys of one mapping alone: what `window` means depends on where it stands.
//! It refuses words that mean the same everywhere; those stand in the common table.

use super::Table;

/// The words for the keys of a mapping, by the name of its vocabulary.
pub fn table(vocabulary: &str) -> Option<Table> {
    let tables = [
        ("a rule", RULE),
        ("a step", STEP),
        ("a branch", BRANCH),
        ("a flow", FLOW),
        ("`wait`", WAIT),
        ("`set` with `jq`", JQ),
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

/// What other tools call what becomes of a list whose item failed.
const ON_FAILURE: &[&str] = &[
    "on_fail",
    "on_failed",
    "on_failures",
    "onfail",
    "onFail",
    "onFailure",
    "on_error",
    "on_errors",
    "onerror",
    "onError",
    "on_item_failure",
    "on_item_error",
    "ignore_errors",
    "continue_on_error",
    "continue_on_failure",
    "allow_failure",
    "ignore_failure",
];

/// Whether other tools say so what `on_failure` says beside `for_each`.
pub fn means_on_failure(key: &str) -> bool {
    ON_FAILURE.contains(&key)
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

/// What becomes of a failure.
const CATCH: &[&str] = &[
    "rescue",
    "except",
    "on_error",
    "onerror",
    "on_fail",
    "fallback",
    "handle",
    "handler",
    "error_handler",
    "else_on_error",
];

const STEP: Table = &[
    (
        CATCH,
        "write `catch:`, a list of steps that run when this one failed",
    ),
    (
        ON_DEAD,
        "write `catch:`, a list of steps that run when this one failed; what is told of every run that gave up stands in the rule under `on_dead:`",
    ),
    (
        &["try", "begin"],
        "write the step as it is, with `catch: [ … ]` beside it; for several, `catch:` beside the rule's `flow`",
    ),
    (
        &[
            "ignore_errors",
            "continue_on_error",
            "allow_failure",
            "ignore_failure",
        ],
        "write `catch: [{ set: failed }]`, and the run goes on",
    ),
    (
        &["finally", "ensure", "always"],
        "nothing runs in any case: write the steps behind, and `catch:` for when it failed",
    ),
    (
        &[
            "switch", "case", "cases", "branch", "branches", "choice", "choices", "else", "elif",
            "else_if", "then", "unless", "match",
        ],
        "write `choose: [{ when: { … }, flow: [ … ] }, { flow: [ … ] }]`",
    ),
    (
        &[
            "loop",
            "foreach",
            "forEach",
            "for",
            "each",
            "map",
            "iterate",
            "with_items",
            "items",
            "while",
            "repeat",
            "until",
        ],
        "write `for_each: PATH` with the steps for each item under `flow:`",
    ),
    (
        &[
            "item",
            "var",
            "variable",
            "item_name",
            "iterator",
            "loop_var",
        ],
        "write `as: NAME` beside `for_each`",
    ),
    (
        &[
            "parallel",
            "batch",
            "max_parallel",
            "parallelism",
            "max_concurrency",
            "workers",
        ],
        "write `concurrency: 4` beside `for_each`; all other steps run one after the other",
    ),
    (
        &["sleep", "delay", "pause", "wait_for", "wait_until", "timer"],
        "write `wait: 4h`, or `wait: { until: PATH }`",
    ),
    (
        &[
            "subflow",
            "sub_flow",
            "call_flow",
            "run_flow",
            "use",
            "uses",
            "include",
            "import",
            "flow_name",
            "invoke",
        ],
        "write `flow: NAME`, the name of a flow under `flows:` in a document of its own",
    ),
    (
        &["with", "args", "arguments", "inputs", "parameters"],
        "write `vars: { … }` beside `flow: NAME`",
    ),
    (&["jq", "transform"], "write `set: { jq: PROGRAM }`"),
    (
        &["stop", "exit", "end", "return", "done", "finish"],
        "write `succeed:`, or `fail:` where it is a failure",
    ),
    (
        &["raise", "throw", "abort", "error"],
        "write `fail: MESSAGE`",
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

const BRANCH: Table = &[
    (
        &[
            "if",
            "condition",
            "case",
            "test",
            "match",
            "elif",
            "else_if",
            "unless",
        ],
        "write `when:`",
    ),
    (
        &[
            "then", "do", "steps", "run", "actions", "next", "goto", "body",
        ],
        "write `flow:`, a list of steps",
    ),
    (
        &["else", "default", "otherwise", "fallback"],
        "write a last branch without `when`: `- flow: [ … ]`",
    ),
];

const FLOW: Table = &[
    (
        &[
            "params",
            "parameters",
            "inputs",
            "input",
            "args",
            "arguments",
            "variables",
            "with",
        ],
        "write `vars:`, each with what it is unless given",
    ),
    (
        CATCH,
        "write `catch:`, a list of steps that run when one of the flow's failed",
    ),
    (
        ON_DEAD,
        "write `catch:`, a list of steps that run when one of the flow's failed",
    ),
    (
        &["event_source", "event_type", "when", "mode"],
        "it belongs to a rule, which runs the flow by `flow_name:`",
    ),
    (&["name"], "its name is the key that it stands under"),
];

const WAIT: Table = &[
    (
        &[
            "for", "duration", "time", "seconds", "minutes", "hours", "days", "delay",
        ],
        "write the duration itself: `wait: 4h`",
    ),
    (
        &["at", "till", "date", "to", "path", "timestamp"],
        "write `until: PATH`",
    ),
];

const JQ: Table = &[(
    &["data", "from", "value", "args", "vars", "on", "of"],
    "write `input:`, what the program reads",
)];

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
