//! Words for the keys of requests and commands.
//! It refuses words for the step around them.

use crate::core::rule::synonyms::Table;

pub const SANDBOX: &[&str] = &[
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

pub const HTTP: Table = &[(
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

pub const EXEC: Table = &[
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

pub const CONFINE: Table = &[
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
