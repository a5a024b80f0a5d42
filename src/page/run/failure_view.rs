//! Shows why an attempt failed.

use maud::{Markup, html};

use super::timeline::ShownAttempt;
use crate::page::part::prose::prose;
use crate::report::render::attempts::RunLogLine;
use flowtrigger_core::gate::format_duration;
use flowtrigger_core::run::call_result::CallFailure;
/// The message of a failure, and what follows from it.
pub fn failure(attempt: &ShownAttempt<'_>) -> Markup {
    let RunLogLine::Attempt { attempt, .. } = attempt.line else {
        return html! {};
    };
    let Err(CallFailure {
        message,
        retryable,
        retry_after,
        during_outage,
        ..
    }) = &attempt.outcome
    else {
        return html! {};
    };
    html! {
        div class="io" {
            p {
                (prose(message))
                @if let Some(after) = retry_after { "; the response asked to wait " (format_duration(*after)) }
                @if *during_outage { "; the receiver counted as down, so the attempt is not counted" }
                @if !retryable { "; no further attempt can help, so there was none" }
                "."
            }
        }
    }
}
