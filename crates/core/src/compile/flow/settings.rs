//! Lowers `retry`, `timeout`, `keep` and `on_crash` of a step, and supplies their defaults.
//! Reports them beside a step that makes no call.

use std::time::Duration;

use crate::compile::compiler::Compiler;
use crate::compile::flow::FoundAction;
use crate::compile::flow::action::{ActionSpec, AfterCrash, CallDefaults, actions};
use crate::config::retry::lower_policy;
use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::decode::Decode;
use crate::flow::call::KeepOutput;
use crate::flow::step::{OnCrash, StepSettings};
use crate::flow::vocabulary::RETRY;
use crate::language::resolver::NameResolver;
use crate::run::retry::RetryPolicy;
use crate::run::step_retry::StepRetry;

/// The default timeout of a command.
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_TIMEOUT: Duration = Duration::from_secs(600);

/// The settings of a step without a call, which have no effect.
const NO_CALL: CallDefaults = CallDefaults {
    retry: |_, _| StepRetry::of_all(RetryPolicy::of_commands()),
    timeout: |_, _| COMMAND_TIMEOUT,
    after_crash: AfterCrash::Chosen(OnCrash::Rerun),
};

pub fn lower(
    node: &Node,
    action: Option<FoundAction<'_>>,
    cx: &mut Compiler<'_>,
) -> Option<StepSettings> {
    let call = action.and_then(|action| action.spec.call.as_ref());
    if let (Some(action), None) = (action, call) {
        reject_settings(node, action.spec.key(), cx.diagnostics());
    }
    let defaults = call.unwrap_or(&NO_CALL);
    let value = action.map_or(node, |action| &action.entry.value);
    let (retry, timeout) = ((defaults.retry)(value, cx), (defaults.timeout)(value, cx));
    let retry = match node.get("retry") {
        Some(node) => lower_retry(node, retry.policy, &mut cx.names).map(StepRetry::of_all),
        None => Some(retry),
    };
    let retry = match node.get("catch") {
        Some(_) => retry.map(StepRetry::caught),
        None => retry,
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
        Some(node) => lower_on_crash(node, defaults, action, cx.diagnostics()),
        None => Some(defaults.on_crash()),
    };
    Some(StepSettings {
        on_crash: on_crash?,
        retry: retry?,
        timeout: timeout?,
        keep: keep?,
    })
}

impl CallDefaults {
    fn on_crash(&self) -> OnCrash {
        match self.after_crash {
            AfterCrash::Repeats(_) => OnCrash::Rerun,
            AfterCrash::Chosen(default) => default,
        }
    }
}

fn lower_on_crash(
    node: &Node,
    defaults: &CallDefaults,
    action: Option<FoundAction<'_>>,
    diagnostics: &mut Diagnostics,
) -> Option<OnCrash> {
    if let (AfterCrash::Repeats(help), Some(action)) = (&defaults.after_crash, action) {
        let message = format!("`on_crash` has no effect beside `{}`", action.spec.key());
        return diagnostics.reject_value(node.at, message, help);
    }
    match node.as_text() {
        Some("rerun") => Some(OnCrash::Rerun),
        Some("hold") => Some(OnCrash::Hold),
        _ => {
            let help = "`rerun` runs an interrupted command again with the same key; `hold` holds the run for a person";
            diagnostics.reject_value(node.at, "`on_crash` takes rerun or hold", help)
        }
    }
}

/// Reports the settings of calls beside an action that makes none.
fn reject_settings(node: &Node, action: &str, diagnostics: &mut Diagnostics) {
    for key in ["retry", "timeout", "keep", "on_crash"] {
        let Some(setting) = node.get(key) else {
            continue;
        };
        let message = format!("`{key}` has no effect beside `{action}`");
        let help = format!("it belongs to {}; remove it here", owners(key));
        diagnostics.invalid(setting.at, message, &help);
    }
}

/// Lists the actions that have a setting.
fn owners(setting: &str) -> String {
    let has_setting = |action: &&ActionSpec| match &action.call {
        None => false,
        Some(call) => setting != "on_crash" || matches!(call.after_crash, AfterCrash::Chosen(_)),
    };
    let owners = actions().filter(has_setting);
    let mut keys: Vec<String> = owners.map(|action| format!("`{}`", action.key())).collect();
    let last = keys.pop().unwrap_or_default();
    match keys.is_empty() {
        true => last,
        false => format!("{} and {last}", keys.join(", ")),
    }
}

/// Reads `retry` of a step. With `for` alone, only the time limits the attempts.
fn lower_retry(
    node: &Node,
    default: RetryPolicy,
    names: &mut NameResolver<'_>,
) -> Option<RetryPolicy> {
    const EXAMPLE: &str = "write `retry: { attempts: 3, backoff: 1s }`";
    let attempts = match node.get("for") {
        Some(_) => None,
        None => default.attempts.map(|attempts| attempts.max(3)),
    };
    let default = RetryPolicy {
        attempts,
        ..default
    };
    lower_policy(node, (&RETRY, EXAMPLE), &default, names)
}

fn lower_timeout(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let timeout = diagnostics.duration(node, "timeout")?;
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        let help = "split longer work into several steps, or let the other side report back";
        return diagnostics.reject_value(
            node.at,
            "`timeout` must be more than 0 and at most 10m",
            help,
        );
    }
    Some(timeout)
}

fn lower_keep(node: &Node, diagnostics: &mut Diagnostics) -> Option<KeepOutput> {
    match node.as_text() {
        Some("body") => Some(KeepOutput::Body),
        Some("status") => Some(KeepOutput::Status),
        Some("none") => Some(KeepOutput::None),
        _ => {
            let help = "`body` keeps the whole result for later steps, `status` only its status, `none` nothing";
            diagnostics.reject_value(node.at, "`keep` takes body, status or none", help)
        }
    }
}
