//! The top-level keys of `flowtrigger.yaml`; the module of each section has the keys of the section.

use serde_json::Value;

use crate::config::limits::LIMITS;
use crate::config::retention::RETENTION;
use crate::config::{
    archive, commands, listen, loop_guard, outgoing, page, redact, schedules, store, traces,
};
use crate::document::vocabulary::{Vocabulary, anything, mapping, on_dead, text, words};

/// The keys of `flowtrigger.yaml`.
pub const CONFIG: Vocabulary = Vocabulary {
    name: "flowtrigger.yaml",
    words: words! {
        "mode" text => "The highest mode of any rule: `shadow` on a staging machine. Default: `live`.";
        "vars" mapping => "Values for templates and conditions of every rule, read as `vars.NAME`.";
        "schedules" schedules::schema =>
            "Business hours by name, for `during`: their time zone, open hours and holidays.";
        "connections" mapping => "Connections by name: where requests go, and with which credentials.";
        "secrets" mapping => "Secrets by name: the environment variable, the file or the systemd credential that holds each.";
        "integrations" mapping => "Connections and settings for ZIS bundles, by integration key.";
        "sources" mapping =>
            "Sources by name: the path of each, how its senders are verified, and how events of your own systems are read. If present, only the listed sources accept events. Default: Zendesk (`support`) and Upmind (`upmind`), without verification.";
        "event_types" anything => "Event types to add to the built-in catalogue.";
        "on_dead" on_dead =>
            "The steps to run when a run ends as dead and its rule has no `on_dead`. `error.message` holds the reason.";
        "on_outage" on_dead =>
            "The steps to run when a receiver fails and runs wait for it. `error.receiver` names it.";
        "archive" archive::schema =>
            "Which events are kept for `why`: `full`, `unmatched` or `off`, or a mapping. Default: `full`.";
        "retention" retention_schema => "How long, and up to which size, finished runs are kept.";
        "limits" limits_schema => "Limits on running and waiting runs.";
        "listen" listen::schema =>
            "The address of the daemon and the limits for senders: an address, or a mapping.";
        "page" page::schema =>
            "The web page: its address or `off`, or a mapping with the people that may sign in. Default: 127.0.0.1:8081.";
        "store" store::schema =>
            "Where events and runs are kept: a Postgres database that several daemons share. Default: a file of the data folder.";
        "outgoing" outgoing::schema =>
            "Destinations that requests may reach besides the public internet, and the proxy.";
        "commands" commands::schema => "The programs that steps may run.";
        "loop_guard" loop_guard::schema =>
            "When rules that trigger themselves are stopped: a mapping, or `off`.";
        "traces" traces::schema =>
            "Where a trace of each run is sent after it has ended, by OpenTelemetry. Default: nowhere.";
        "redact" redact::schema =>
            "Fields of events, such as `comment.body`, that are removed when the runs of the event have ended.";
    },
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
    words: words! {
        "env" text => "The environment variable that holds the secret.";
        "file" text => "The file that holds the secret.";
        "credential" text => "The name of the systemd credential that holds the secret: `NAME` of `LoadCredential=NAME:FILE`.";
    },
};
