//! `retry`, `timeout`, `keep` and `on_crash` of a step, lowered, with what holds where they are not given.
//! It refuses them beside a step that performs nothing.

use std::time::Duration;

use crate::compile::compiler::Compiler;
use crate::compile::flow::http;
use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::decode::Decode;
use crate::document::{Entry, Node, Yaml};
use crate::flow::call::KeepOutput;
use crate::flow::step::{OnCrash, StepSettings};
use crate::flow::vocabulary::RETRY;
use crate::run::retry::RetryPolicy;

const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
const MOST_ATTEMPTS: u64 = 100;

pub fn lower(
    node: &Node,
    action: Option<&Entry>,
    performs: bool,
    cx: &mut Compiler<'_>,
) -> Option<StepSettings> {
    if let (Some(action), false) = (action, performs) {
        refuse_settings(node, &action.key, cx.diagnostics());
    }
    let (retry, timeout) = defaults(action, cx);
    let retry = match node.get("retry") {
        Some(node) => lower_retry(node, retry, cx.diagnostics()),
        None => Some(retry),
    };
    let timeout = match node.get("timeout") {
        Some(node) => lower_timeout(node, cx.diagnostics()),
        None => Some(timeout),
    };
    let keep = match node.get("keep") {
        Some(node) => lower_keep(node, cx.diagnostics()),
        None => Some(KeepOutput::default()),
    };
    let on_crash = match node.get("on_crash") {
        Some(node) => lower_on_crash(node, action, cx.diagnostics()),
        None => Some(usual_on_crash(action)),
    };
    Some(StepSettings {
        on_crash: on_crash?,
        retry: retry?,
        timeout: timeout?,
        keep: keep?,
    })
}

/// A request says by its key that it is a repeat; a command cannot.
fn usual_on_crash(action: Option<&Entry>) -> OnCrash {
    match action {
        Some(entry) if matches!(entry.key.as_str(), "exec" | "shell") => OnCrash::Hold,
        Some(_) | None => OnCrash::Rerun,
    }
}

fn lower_on_crash(
    node: &Node,
    action: Option<&Entry>,
    diagnostics: &mut Diagnostics,
) -> Option<OnCrash> {
    if action.is_some_and(|action| action.key == "http") {
        let message = "`on_crash` does nothing beside `http`";
        let help = "a request always runs again after a crash, under the same `Idempotency-Key`; leave it out here";
        diagnostics.error(Code::InvalidValue, node.at, message, help);
        return None;
    }
    match node.as_text() {
        Some("rerun") => Some(OnCrash::Rerun),
        Some("hold") => Some(OnCrash::Hold),
        _ => {
            let help = "rerun runs a command again that a crash cut off, under the same key; hold leaves it to a person";
            diagnostics.error(
                Code::InvalidValue,
                node.at,
                "`on_crash` takes rerun or hold",
                help,
            );
            None
        }
    }
}

fn refuse_settings(node: &Node, action: &str, diagnostics: &mut Diagnostics) {
    for key in ["retry", "timeout", "keep"] {
        if let Some(setting) = node.get(key) {
            let message = format!("`{key}` does nothing beside `{action}`");
            let help = "it belongs to `http`, `exec` and `shell`; leave it out here";
            diagnostics.error(Code::InvalidValue, setting.at, message, help);
        }
    }
    if let Some(setting) = node.get("on_crash") {
        let message = format!("`on_crash` does nothing beside `{action}`");
        let help = "it belongs to `exec` and `shell`; leave it out here";
        diagnostics.error(Code::InvalidValue, setting.at, message, help);
    }
}

fn defaults(action: Option<&Entry>, cx: &Compiler<'_>) -> (RetryPolicy, Duration) {
    match action {
        Some(entry) if entry.key == "http" => {
            (RetryPolicy::of_requests(), http::timeout(&entry.value, cx))
        }
        _ => (RetryPolicy::of_commands(), COMMAND_TIMEOUT),
    }
}

fn lower_retry(
    node: &Node,
    default: RetryPolicy,
    diagnostics: &mut Diagnostics,
) -> Option<RetryPolicy> {
    if node.as_map().is_none() {
        let message = format!("`retry` takes a mapping, found {}", node.kind());
        diagnostics.error(
            Code::WrongType,
            node.at,
            message,
            "write `retry: { attempts: 3, backoff: 1s }`",
        );
        return None;
    }
    diagnostics.entries(node, &RETRY)?;
    let attempts = match node.get("attempts") {
        Some(node) => lower_attempts(node, diagnostics),
        None => Some(default.attempts.max(3)),
    };
    let backoff = match node.get("backoff") {
        Some(node) => diagnostics.duration(node, "backoff"),
        None => Some(default.backoff),
    };
    let max_delay = match node.get("max_delay") {
        Some(node) => diagnostics.duration(node, "max_delay"),
        None => Some(default.max_delay.max(backoff?)),
    };
    let retry = RetryPolicy {
        attempts: attempts?,
        backoff: backoff?,
        max_delay: max_delay?,
    };
    if retry.backoff > retry.max_delay {
        let message = "`backoff` is longer than `max_delay`";
        diagnostics.error(
            Code::InvalidValue,
            node.at,
            message,
            "the first wait is `backoff`; make `max_delay` at least as long",
        );
        return None;
    }
    Some(retry)
}

fn lower_attempts(node: &Node, diagnostics: &mut Diagnostics) -> Option<u32> {
    let number = match &node.value {
        Yaml::Number(number) => number.as_u64().filter(|n| (1..=MOST_ATTEMPTS).contains(n)),
        _ => None,
    };
    if number.is_none() {
        let message = "`attempts` takes a number from 1 to 100";
        diagnostics.error(
            Code::InvalidValue,
            node.at,
            message,
            "it counts every attempt; 1 means that nothing is repeated",
        );
    }
    number.map(|n| u32::try_from(n).expect("the range fits"))
}

fn lower_timeout(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let timeout = diagnostics.duration(node, "timeout")?;
    if timeout.is_zero() || timeout > LONGEST_TIMEOUT {
        let help = "split longer work into several steps, or let the other side report back";
        diagnostics.error(
            Code::InvalidValue,
            node.at,
            "`timeout` is more than nothing and at most 10m",
            help,
        );
        return None;
    }
    Some(timeout)
}

fn lower_keep(node: &Node, diagnostics: &mut Diagnostics) -> Option<KeepOutput> {
    match node.as_text() {
        Some("body") => Some(KeepOutput::Body),
        Some("status") => Some(KeepOutput::Status),
        Some("none") => Some(KeepOutput::None),
        _ => {
            let help = "body keeps the whole result for later steps, status its status alone, none nothing";
            diagnostics.error(
                Code::InvalidValue,
                node.at,
                "`keep` takes body, status or none",
                help,
            );
            None
        }
    }
}
