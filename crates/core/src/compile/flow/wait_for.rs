//! Lowers `wait_for` of a step: the first of several events, or the answer of a person, within a time.
//! Reports waits that never end, and flows that cannot wait for events.

use std::time::Duration;

use crate::compile::compiler::Compiler;
use crate::compile::flow::action::ActionSpec;
use crate::compile::flow::awaited_event::{awaited_fields, lower_event, lower_events};
use crate::compile::flow::lower_steps;
use crate::compile::flow::wait::check_open_hours;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::decode::Decode;
use crate::document::vocabulary::words;
use crate::document::{Node, Yaml};
use crate::flow::limits::{MAX_ANSWERS, MAX_AWAITED_EVENTS_PER_RULE, MAX_RUN_TIME};
use crate::flow::step::{Action, Flow, Step};
use crate::flow::vocabulary::waiting::{WAIT_FOR, wait_for};
use crate::flow::wait_for::{AnswerChoices, Awaited, WaitFor};
use crate::language::during::lower_scheduled;
use crate::language::event_fields::EventFields;
use crate::language::names::StepOutput;
use crate::schedule::ScheduledDuration;

/// How long late events are accepted without `grace`.
const DEFAULT_GRACE: Duration = Duration::from_secs(30);
const MAX_GRACE: Duration = Duration::from_secs(86_400);
/// The most characters of an answer, which is the label of a button.
const MAX_ANSWER_LENGTH: usize = 60;
const MAX_QUESTION_LENGTH: usize = 500;

pub const ACTION: ActionSpec = ActionSpec {
    inner: Some(&WAIT_FOR),
    ..ActionSpec::new(
        words! {
            "wait_for" wait_for =>
                "Waits for the first of several events, or for the answer of a person, at most as long as `within` says. The result has `event` and `number`, or `answer`, and always `expired`.";
        },
        |node, step, cx| lower(node, step, cx).map(|wait| Action::WaitFor(Box::new(wait))),
    )
};

const EVENT_RESULT: &[&str] = &["event", "number", "expired"];
const ANSWER_RESULT: &[&str] = &["answer", "answered_at", "by", "expired", "url"];

/// What later steps can read of the result.
pub fn output(wait: &WaitFor) -> StepOutput {
    StepOutput::Keys(match &wait.awaited {
        Awaited::Events(_) => EVENT_RESULT,
        Awaited::Answer(_) => ANSWER_RESULT,
    })
}

/// The fields of the events that it waits for; None if it waits for an answer.
pub fn event_fields(wait: &WaitFor, cx: &Compiler<'_>) -> Option<EventFields> {
    match &wait.awaited {
        Awaited::Events(events) => Some(awaited_fields(events, &cx.config.catalogue)),
        Awaited::Answer(_) => None,
    }
}

/// The name of a step that waits for an answer, whose link the steps around it can read.
pub fn answer_name(step: &Node) -> Option<String> {
    step.get("wait_for")?.get("answer")?;
    step.get("name")?.scalar_text()
}

fn lower(node: &Node, step: &Node, cx: &mut Compiler<'_>) -> Option<WaitFor> {
    let Yaml::Map(_) = &node.value else {
        return reject_value(node, cx.diagnostics());
    };
    cx.entries(node, &WAIT_FOR)?;
    let awaited = lower_awaited(node, step, cx);
    let within = lower_within(node, cx);
    let grace = lower_grace(node, cx);
    let otherwise = match node.get("otherwise") {
        Some(steps) => cx
            .within(steps.at, |cx| lower_steps(steps, "otherwise", cx))
            .map(Some),
        None => Some(None),
    };
    Some(WaitFor {
        awaited: awaited?,
        within: within?,
        grace: grace?,
        otherwise: otherwise?,
    })
}

fn reject_value<T>(node: &Node, diagnostics: &mut Diagnostics) -> Option<T> {
    let text = node.as_text().unwrap_or_default();
    let message = format!("`wait_for` takes a mapping, found {}", node.kind());
    let help = match crate::document::duration::parse(text) {
        Some(_) => format!("to wait for a time write `wait: {text}`"),
        None => {
            "write `wait_for: { event_type: ticket.CommentAdded, same: ticket.id, within: 8h }`"
                .to_owned()
        }
    };
    diagnostics.reject(Code::WrongType, node.at, message, &help)
}

fn lower_awaited(node: &Node, step: &Node, cx: &mut Compiler<'_>) -> Option<Awaited> {
    let written = ["any", "event_type", "answer"];
    let mut written = written.into_iter().filter(|key| node.get(key).is_some());
    let first = written.next();
    if let (Some(first), Some(second)) = (first, written.next()) {
        let message = format!("`wait_for` takes one of `{first}` and `{second}`");
        let help = match second {
            "answer" => {
                "wait for the answer and for events in two steps, or let the person's answer be an event"
            }
            _ => "write all events under `any`: `any: [{ event_type: … }, { event_type: … }]`",
        };
        let at = node.get(second).map_or(node.at, |value| value.at);
        return cx.reject_value(at, message, help);
    }
    reject_stray(node, first, cx.diagnostics());
    match (node.get("any"), node.get("answer")) {
        (Some(any), _) => lower_events(any, cx).map(Awaited::Events),
        (None, Some(answers)) => lower_answer(node, answers, step, cx).map(Awaited::Answer),
        (None, None) if first.is_some() => {
            lower_event(node, cx).map(|event| Awaited::Events(vec![event]))
        }
        (None, None) => {
            let known = |key: &str| WAIT_FOR.get(key).is_some();
            let entries = node.as_map().unwrap_or_default();
            if entries.iter().all(|entry| known(&entry.key)) {
                let help = "write `event_type: …` with `same: …`, several of them under `any:`, or `answer: [approve, reject]`";
                cx.error(
                    Code::MissingKey,
                    node.at,
                    "`wait_for` does not say what it waits for",
                    help,
                );
            }
            None
        }
    }
}

/// Reports keys that belong to another form of `wait_for`.
fn reject_stray(node: &Node, form: Option<&str>, diagnostics: &mut Diagnostics) {
    let stray: &[&str] = match form {
        Some("answer") => &["event_source", "same", "when", "grace"],
        Some("any") => &["event_source", "same", "when", "question"],
        Some(_) => &["question"],
        None => &[],
    };
    for key in stray {
        let Some(value) = node.get(key) else {
            continue;
        };
        let (message, help) = match (*key, form) {
            ("grace", _) => (
                "`grace` has no effect beside `answer`: an answer after the end is rejected"
                    .to_owned(),
                "remove it, or write a longer `within`",
            ),
            ("question", _) => (
                "`question` has no effect without `answer`".to_owned(),
                "remove it",
            ),
            (key, Some("any")) => (
                format!("`{key}` has no effect beside `any`"),
                "write it in each event under `any`",
            ),
            (key, _) => (
                format!("`{key}` has no effect beside `answer`"),
                "remove it",
            ),
        };
        diagnostics.invalid(value.at, message, help);
    }
}

fn lower_answer(
    node: &Node,
    answers: &Node,
    step: &Node,
    cx: &mut Compiler<'_>,
) -> Option<AnswerChoices> {
    if step.get("name").is_none() {
        let message = "a step that waits for an answer has no `name`";
        let help =
            "add `name: approval`; the steps around it read the link as `steps.approval.url`";
        cx.error(Code::MissingKey, step.at, message, help);
    }
    let question = match node.get("question") {
        Some(question) => lower_question(question, cx).map(Some),
        None => Some(None),
    };
    let one = std::slice::from_ref(answers);
    let items = answers.as_list().unwrap_or(one);
    if items.is_empty() || items.len() > MAX_ANSWERS {
        let message = format!(
            "`answer` takes 1 to {MAX_ANSWERS} answers, found {}",
            items.len()
        );
        let help = "write the possible answers: `answer: [approve, reject]`";
        return cx.reject_value(answers.at, message, help);
    }
    let mut found: Vec<String> = Vec::new();
    for item in items {
        let answer = lower_answer_text(item, cx)?;
        if found.contains(&answer) {
            let message = format!("duplicate answer `{answer}`");
            return cx.reject(Code::DuplicateName, item.at, message, "remove one of them");
        }
        found.push(answer);
    }
    Some(AnswerChoices {
        answers: found,
        question: question?,
    })
}

fn lower_answer_text(node: &Node, cx: &mut Compiler<'_>) -> Option<String> {
    let text = cx.text(node, "answer")?;
    let length = text.chars().count();
    let plain = text.trim() == text && !text.chars().any(char::is_control);
    if (1..=MAX_ANSWER_LENGTH).contains(&length) && plain {
        return Some(text);
    }
    let message = format!("an answer takes 1 to {MAX_ANSWER_LENGTH} characters in one line");
    let help =
        "write a short label, such as `approve`; what the answer means belongs in `question`";
    cx.reject_value(node.at, message, help)
}

fn lower_question(node: &Node, cx: &mut Compiler<'_>) -> Option<String> {
    let text = cx.text(node, "question")?;
    if text.contains("{{") || text.contains("{%") {
        let message = "`question` takes text, found a template";
        let help = "the page shows the same text for every run; send what differs with the link";
        return cx.reject(Code::BadTemplate, node.at, message, help);
    }
    if text.trim().is_empty() || text.chars().count() > MAX_QUESTION_LENGTH {
        let message = format!("`question` takes 1 to {MAX_QUESTION_LENGTH} characters");
        return cx.reject_value(node.at, message, "send longer texts with the link");
    }
    Some(text)
}

fn lower_within(node: &Node, cx: &mut Compiler<'_>) -> Option<ScheduledDuration> {
    let Some(within) = node.get("within") else {
        let known = |key: &str| WAIT_FOR.get(key).is_some();
        let entries = node.as_map().unwrap_or_default();
        if !entries.is_empty() && entries.iter().all(|entry| known(&entry.key)) {
            let message = "`wait_for` has no `within`: the wait would never end";
            let help = "add how long it waits at most: `within: 8h`, at most 90d";
            cx.error(Code::MissingKey, node.at, message, help);
        }
        return None;
    };
    let time = lower_scheduled(within, "within", &mut cx.names)?;
    check_length(within.at, time, cx.diagnostics())
}

/// Reports a time that is nothing, or longer than a run can last.
fn check_length(
    at: Span,
    within: ScheduledDuration,
    diagnostics: &mut Diagnostics,
) -> Option<ScheduledDuration> {
    let help = match (within.time.is_zero(), within.time > MAX_RUN_TIME) {
        (false, false) => {
            check_open_hours(at, "within", &within, diagnostics)?;
            return Some(within);
        }
        (true, _) => "to look only at what came before the step, write a short time such as `1s`",
        (false, true) => "let a later event start a new run",
    };
    let message = "`within` must be more than 0 and at most 90d";
    diagnostics.reject_value(at, message, help)
}

fn lower_grace(node: &Node, cx: &mut Compiler<'_>) -> Option<Duration> {
    if node.get("answer").is_some() {
        return Some(Duration::ZERO);
    }
    let Some(grace) = node.get("grace") else {
        return Some(DEFAULT_GRACE);
    };
    let time = cx.duration(grace, "grace")?;
    if time > MAX_GRACE {
        let message = "`grace` is at most 1d";
        let help = "it is for events that arrive late; to wait longer write a longer `within`";
        return cx.reject_value(grace.at, message, help);
    }
    Some(time)
}

/// Reports a flow that waits for more events than a run may.
pub fn check_number_of_events(flow: &Flow, cx: &mut Compiler<'_>) {
    let mut count = 0;
    for located in flow.waits_for() {
        count += located.wait.events().len();
        if count > MAX_AWAITED_EVENTS_PER_RULE {
            let at = located
                .wait
                .events()
                .first()
                .map_or(located.at, |event| event.at);
            let message = format!(
                "a run of this rule would wait for more than {MAX_AWAITED_EVENTS_PER_RULE} events"
            );
            let help =
                "wait for fewer events in its steps, or move some of the steps to another rule";
            cx.invalid(at, message, help);
            return;
        }
    }
}

/// Where no step can wait for events or answers.
#[derive(Clone, Copy)]
pub enum CannotWait {
    /// For the items of a list.
    ForEach,
    /// In a flow that reports dead runs or outages.
    Notice(&'static str),
}

/// Whether a flow waits for nothing. Reports each of its steps that does.
pub fn reject_waits(flow: &Flow, place: CannotWait, cx: &mut Compiler<'_>) -> bool {
    let mut valid = true;
    for step in steps_that_wait(flow) {
        valid = false;
        let inside = match place {
            CannotWait::ForEach => "`for_each`",
            CannotWait::Notice("on_dead") => "`on_dead`",
            CannotWait::Notice(_) => "`on_outage`",
        };
        let message = match &step.action {
            Action::Flow(named) => format!(
                "the flow `{}` has a `wait_for`, which cannot be inside {inside}",
                named.name
            ),
            _ => format!("`wait_for` cannot be inside {inside}"),
        };
        let help = match place {
            CannotWait::ForEach => {
                "wait before or after the list, or let a rule of its own wait for each item"
            }
            CannotWait::Notice(_) => "report only; let an event start a run that waits",
        };
        cx.invalid(step.at, message, help);
    }
    valid
}

/// The steps of a flow, nested ones included, that wait; of a named flow the step that runs it.
fn steps_that_wait(flow: &Flow) -> Vec<&Step> {
    let mut found = Vec::new();
    let caught = flow.catch.iter().map(|flow| &**flow);
    for step in &flow.steps {
        if step.action.wait_for().is_some() {
            found.push(step);
        }
        let inner = step.action.inner_flows().into_iter();
        for inner in inner {
            match &step.action {
                Action::Flow(_) if inner.flow.has_wait_for() => found.push(step),
                Action::Flow(_) => {}
                _ => found.extend(steps_that_wait(inner.flow)),
            }
        }
        if let Some(caught) = step.catch.as_ref().and_then(|catch| catch.then.flow()) {
            found.extend(steps_that_wait(caught));
        }
    }
    found.extend(caught.flat_map(steps_that_wait));
    found
}
