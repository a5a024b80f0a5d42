//! Draws the rows of a run's time line, each attempt with its exchange below it.

use std::time::Duration;

use maud::{Markup, html};

use super::bars::{axis, bars, base, rect};
use super::failure_view::failure;
use super::time_scale::TimeScale;
use super::timeline::{AttemptGroup, AttemptOutcome, ShownAttempt, StepRow, TimeSpan, TimelineRow};
use super::wait_end::{decided, is_waiting};
use crate::page::answer::{day_and_time, time};
use crate::page::part::exchange::{ShownBodies, exchange};
use crate::page::part::link;
use crate::page::part::state::pill;
use crate::page::text::{short, text};
use crate::report::render::diagnostics::number;
use crate::report::render::exchange::{NO_EXCHANGE, millis};
use crate::report::render::window::gathers;
use crate::report::run::detail::StoredRun;
use crate::store::history::RunDetail;
use flowtrigger_core::gate::format_duration;
use flowtrigger_core::run::exchange::{Exchange, RecordedExchange};
use flowtrigger_core::run::{LogEntry, RunId};

/// Characters of an address in a row.
const MAX_TARGET: usize = 60;
/// Attempts of one step whose exchanges are on the page; the others have pages of their own.
const MAX_EXCHANGES: usize = 40;
/// Characters of a failure's message in a row.
const MAX_MESSAGE: usize = 160;

/// The whole time line.
pub fn timeline(run: &StoredRun, rows: &[TimelineRow<'_>]) -> Markup {
    let scale = TimeScale::of(rows);
    html! {
        section aria-labelledby="h-tl" {
            div class="bar" {
                h2 id="h-tl" { "Timeline" }
                p { "waits are drawn short" }
                button type="button" class="s js-only push" data-fold="tl" { "Unfold all" }
            }
            ol class="box tl" id="tl" {
                (axis(&scale))
                @for row in rows { (one_row(run, row, &scale)) }
            }
        }
    }
}

/// The parts of a row: name, what happened, bars, and time or length.
struct RowParts {
    name: Markup,
    what: Markup,
    bars: Markup,
    end: Markup,
}

impl RowParts {
    fn cells(self) -> Markup {
        html! {
            (self.name)
            span class="what" { (self.what) }
            (self.bars)
            span class="end" { (self.end) }
        }
    }

    fn plain(self) -> Markup {
        html! { li { div class="g" { (self.cells()) } } }
    }

    fn folded(self, below: &Markup) -> Markup {
        html! { li { details { summary class="g" { (self.cells()) } (below) } } }
    }
}

fn one_row(run: &StoredRun, row: &TimelineRow<'_>, scale: &TimeScale) -> Markup {
    let detail = &run.detail;
    let marks = |class: &str| bars(scale, &row.spans(), class);
    let name = |name: &str| html! { span class="name" { (short(name, 60)) } };
    match row {
        TimelineRow::Planned(at) => RowParts {
            name: name("planned"),
            what: html! {
                a href=(link::event(detail.row.event_row)) { (text(&detail.row.event_type)) }
                ", revision " (detail.arrived.head.revision.0)
            },
            bars: marks("f0"),
            end: time(*at),
        }
        .plain(),
        TimelineRow::Debounce(span, events) => {
            let count = usize::try_from(*events).unwrap_or(usize::MAX);
            RowParts {
                name: name(collects(detail)),
                what: html! { (number(count, "event")) },
                bars: marks("gap"),
                end: length(*span),
            }
            .folded(&window(run))
        }
        TimelineRow::Queued(span) => RowParts {
            name: name("queued"),
            what: html! { "waited for its lane, or for the limits of the daemon" },
            bars: marks("gap"),
            end: length(*span),
        }
        .plain(),
        TimelineRow::Step(step) => step_rows(run, step, scale),
        TimelineRow::Wait(step, span) => RowParts {
            name: name(step),
            what: html! {
                @if is_waiting(&detail.row.state, step, *span) { "waits" } @else { "waited" }
                " until " (day_and_time(span.to))
            },
            bars: marks("gap"),
            end: length(*span),
        }
        .plain(),
        TimelineRow::Decided(step, span, entry) => RowParts {
            name: name(step),
            what: html! { (short(&decided(entry), MAX_MESSAGE)) },
            bars: marks(match matches!(entry, LogEntry::Expired { .. }) {
                true => "f4",
                false => "f1",
            }),
            end: length(*span),
        }
        .plain(),
        TimelineRow::Caught(step, at, message) => RowParts {
            name: name(step),
            what: html! { "caught: " (short(message, MAX_MESSAGE)) "; continues with " code { "catch" } },
            bars: marks("f4"),
            end: time(*at),
        }
        .plain(),
        TimelineRow::Retried(at) => RowParts {
            name: name("command"),
            what: html! { "retry: the steps have all their attempts again" },
            bars: marks("f0"),
            end: time(*at),
        }
        .plain(),
        TimelineRow::Started(step, at) => RowParts {
            name: name(step),
            what: html! { "the command was started" },
            bars: marks("f1"),
            end: time(*at),
        }
        .plain(),
        TimelineRow::Interrupted(step, at) => RowParts {
            name: name(step),
            what: html! { (outcome_pill(&AttemptOutcome::Interrupted)) " held until a person decides" },
            bars: marks("f5"),
            end: time(*at),
        }
        .plain(),
        TimelineRow::OnDead(RunId(id), at) => RowParts {
            name: name("on_dead"),
            what: html! { a href=(link::run(RunId(*id))) { "run " (id) } " reports that it is dead" },
            bars: marks("f0"),
            end: time(*at),
        }
        .plain(),
        TimelineRow::Next(span) => RowParts {
            name: name("next"),
            what: html! { "continues at " (day_and_time(span.to)) },
            bars: marks("gap"),
            end: html! {},
        }
        .plain(),
        TimelineRow::Omitted(count) => html! {
            li {
                div class="g" {
                    span class="name" { "…" }
                    span class="what" {
                        (number(*count, "further attempt")) ", in the "
                        a href={ (link::run(detail.row.id)) ".json" } { "JSON of this run" }
                    }
                }
            }
        },
    }
}

/// The gate that collects the events of the run.
fn collects(detail: &RunDetail) -> &str {
    let gates = detail.asks.iter().map(|check| check.gate.as_str());
    let mut collecting = gates.filter(|gate| ["debounce", "count", "sequence"].contains(gate));
    collecting.next().unwrap_or("debounce")
}

/// A step with one attempt is one row. Of several attempts each group of equal ones has a row below the step.
fn step_rows(run: &StoredRun, step: &StepRow<'_>, scale: &TimeScale) -> Markup {
    let name = html! { span class="name" { (short(step.step, 60)) } };
    if let [group] = step.groups.as_slice()
        && let [attempt] = group.attempts.as_slice()
    {
        return RowParts {
            name,
            what: html! { (outcome_pill(&group.outcome)) " " (what(attempt, &group.outcome)) },
            bars: bars(scale, &[attempt.span], color(&group.outcome)),
            end: html! { (millis(attempt.span.length())) },
        }
        .folded(&below(run, attempt));
    }
    let last = step.groups.last();
    let mut left = MAX_EXCHANGES;
    html! {
        (RowParts {
            name,
            what: html! {
                @if let Some(last) = last { (outcome_pill(&last.outcome)) " " (target(last.attempts.last())) }
            },
            bars: html! {
                svg aria-hidden="true" {
                    (base())
                    @for group in &step.groups {
                        @for attempt in &group.attempts { (rect(scale, attempt.span, color(&group.outcome))) }
                    }
                }
            },
            end: html! { (number(step.attempts(), "attempt")) },
        }.plain())
        @for group in &step.groups { (group_row(run, group, scale, &mut left)) }
    }
}

fn group_row(
    run: &StoredRun,
    group: &AttemptGroup<'_>,
    scale: &TimeScale,
    left: &mut usize,
) -> Markup {
    let spans: Vec<TimeSpan> = group.attempts.iter().map(|attempt| attempt.span).collect();
    let bars = bars(scale, &spans, color(&group.outcome));
    match group.attempts.as_slice() {
        [] => html! {},
        [attempt] => {
            *left = left.saturating_sub(1);
            RowParts {
                name: html! { span class="try" { "attempt " (attempt.of_step) } },
                what: html! { (outcome_pill(&group.outcome)) " at " (time(attempt.span.from)) },
                bars,
                end: html! { (millis(attempt.span.length())) },
            }
            .folded(&below(run, attempt))
        }
        [first, .., last] => {
            let lengths = group.attempts.iter().map(|attempt| attempt.span.length());
            let attempts = html! {
                @for attempt in &group.attempts {
                    @if *left > 0 {
                        @let () = { *left -= 1 };
                        details class="one" {
                            summary {
                                "Attempt " (attempt.of_step) " at " (time(attempt.span.from)) ", "
                                (millis(attempt.span.length()))
                            }
                            (below(run, attempt))
                        }
                    } @else {
                        p class="one" {
                            a class="link" href=[attempt_page(run, attempt)] {
                                "Attempt " (attempt.of_step) " at " (time(attempt.span.from))
                            }
                        }
                    }
                }
            };
            RowParts {
                name: html! { span class="try" { "attempts " (first.of_step) "–" (last.of_step) } },
                what: html! { (outcome_pill(&group.outcome)) " each" },
                bars,
                end: html! { (millis(lengths.sum())) },
            }
            .folded(&attempts)
        }
    }
}

/// The exchange of an attempt, and its failure.
fn below(run: &StoredRun, attempt: &ShownAttempt<'_>) -> Markup {
    let page = attempt_page(run, attempt);
    html! {
        @match attempt.line.exchange() {
            Some(recorded) => (exchange(recorded, ShownBodies::Short, page.as_deref())),
            None => div class="io" { p { "No exchange: " (NO_EXCHANGE) "." } },
        }
        (failure(attempt))
    }
}

/// An attempt whose exchange is not kept has no page.
fn attempt_page(run: &StoredRun, attempt: &ShownAttempt<'_>) -> Option<String> {
    let number = attempt.number?;
    Some(format!(
        "{}/attempts/{number}",
        link::run(run.detail.row.id)
    ))
}

/// The events that a debounce collected.
fn window(run: &StoredRun) -> Markup {
    const MAX_LISTED: usize = 20;
    let detail = &run.detail;
    html! {
        div class="io" {
            @if let Some(window) = &detail.window {
                p {
                    @for check in &detail.asks {
                        @if check.gate == "debounce" {
                            (text(&gathers(check, Some(window)))) ". "
                        }
                    }
                    "Events: "
                    @for event in window.gathered.iter().rev().take(MAX_LISTED).rev() {
                        (time(event.came)) " " code { (short(&event.event, 40)) } " "
                    }
                }
            }
        }
    }
}

/// What an attempt did, in a few words.
fn what(attempt: &ShownAttempt<'_>, outcome: &AttemptOutcome<'_>) -> Markup {
    html! {
        (target(Some(attempt)))
        @match outcome {
            AttemptOutcome::Failed { status: None, message } if attempt.line.exchange().is_none() => {
                (short(message, MAX_MESSAGE))
            }
            AttemptOutcome::Succeeded(_) | AttemptOutcome::Failed { .. } | AttemptOutcome::Interrupted => {}
        }
    }
}

fn target(attempt: Option<&ShownAttempt<'_>>) -> Markup {
    let recorded = attempt.and_then(|attempt| attempt.line.exchange());
    html! { @if let Some(recorded) = recorded { (short(&describe_target(recorded), MAX_TARGET)) } }
}

/// Method, host and path of a request, or the program of a command.
pub fn describe_target(recorded: &RecordedExchange) -> String {
    match (&recorded.exchange, &recorded.target) {
        (Some(Exchange::Command(command)), _) => {
            let program = command.argv.first().map(ToString::to_string);
            program.unwrap_or_default()
        }
        (_, Some(target)) => {
            let url = target.url.split_once("://");
            let address = url.map_or(target.url.as_str(), |(_, rest)| rest);
            let address = address.split_once('?').map_or(address, |(path, _)| path);
            format!("{} {address}", target.method)
        }
        (Some(Exchange::Http(http)), None) => format!("{} {}", http.method, http.url),
        (None, None) => String::new(),
    }
}

pub fn outcome_pill(outcome: &AttemptOutcome<'_>) -> Markup {
    match outcome {
        AttemptOutcome::Succeeded(Some(status)) => pill("done", status),
        AttemptOutcome::Succeeded(None) => pill("done", "ok"),
        AttemptOutcome::Failed {
            status: Some(status),
            ..
        } => pill("dead", &status.to_string()),
        AttemptOutcome::Failed { status: None, .. } => pill("dead", "failed"),
        AttemptOutcome::Interrupted => pill("held", "interrupted"),
    }
}

fn color(outcome: &AttemptOutcome<'_>) -> &'static str {
    match outcome {
        AttemptOutcome::Succeeded(_) => "f7",
        AttemptOutcome::Failed { .. } => "f3",
        AttemptOutcome::Interrupted => "f5",
    }
}

fn length(span: TimeSpan) -> Markup {
    let whole = match span.length() {
        length if length < Duration::from_secs(1) => return html! { (millis(length)) },
        length => Duration::from_secs(length.as_secs()),
    };
    html! { (format_duration(whole)) }
}
