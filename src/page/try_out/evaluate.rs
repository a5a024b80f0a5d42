//! Evaluates an edited event with an edited rule, as `dry-run --explain` does: nothing is sent and nothing is stored.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::diff::{ChangedLine, changed_lines, differing};
use super::edited_rule::EditedRule;
use super::form::TryForm;
use super::invisible;
use crate::engine::Rulebook;
use crate::page::part::diagnostic_list::diagnostic_list;
use crate::page::part::plan::gates_and_plan;
use crate::page::part::prose::prose;
use crate::page::part::rule_card::{RuleCard, RuleSince};
use crate::page::text::{short, text};
use crate::report::dry_run::change;
use crate::report::dry_run::gate_history::GateHistorySource;
use crate::report::dry_run::{EventAnswer, ShownRules};
use crate::report::error::CommandError;
use crate::report::input::{InputEvent, ReadEventError, written};
use crate::report::render::diagnostics::{counted, number};
use crate::report::render::explanation::change_text;
use crate::report::render::gates::prevented;
use crate::store::History;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::flow::simulate::Mocks;
use flowtrigger_core::matching::evaluation::Evaluation;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunId;

/// Rules that are explained. Those that match come first.
const MAX_RULES: usize = 100;
/// Single changes that are offered, and the characters of one.
const MAX_BUTTONS: usize = 5;
const MAX_BUTTON: usize = 60;
/// Changed lines that are shown.
const MAX_CHANGED: usize = 400;

/// What would happen.
pub struct TryResult {
    /// The document of `dry-run`, or the error.
    pub json: Value,
    /// Whether the event and the rule could be read.
    pub is_sound: bool,
    /// What is wrong with the texts, in short.
    pub status: Markup,
    pub html: Markup,
}

/// Why the event cannot be evaluated.
struct UnreadableEvent {
    message: String,
    help: Option<String>,
}

impl From<ReadEventError> for UnreadableEvent {
    fn from(ReadEventError { message, help }: ReadEventError) -> Self {
        let is_of_terminal = |help: &String| help.contains("`--") || help.contains("--source");
        let help = match help {
            Some(help) if is_of_terminal(&help) => Some("choose its source below the texts".into()),
            help => help,
        };
        Self { message, help }
    }
}

impl UnreadableEvent {
    /// On the page, a change is no option of a command.
    fn on_page(self) -> Self {
        let on_page = |words: String| words.replacen("--set ", "", 1);
        Self {
            message: on_page(self.message),
            help: self.help.map(on_page),
        }
    }
}

impl From<CommandError> for UnreadableEvent {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Usage(error)
            | CommandError::Unset(error)
            | CommandError::Nothing(error)
            | CommandError::Runtime(error) => Self {
                message: error.message,
                help: error.help,
            },
            CommandError::Invalid(_) | CommandError::Output(_) => Self {
                message: error.to_string(),
                help: None,
            },
        }
    }
}

/// Evaluates the form with the rules in force, or with the edited rule in their place.
pub fn evaluate(
    form: &TryForm,
    book: &Rulebook,
    history: &dyn History,
) -> Result<TryResult, CommandError> {
    let edited = (!form.rule.trim().is_empty()).then(|| EditedRule::compile(&form.rule, book));
    let event = read(form, book, edited.as_ref());
    let has_errors = edited
        .as_ref()
        .is_some_and(|edited| edited.diagnostics.has_errors());
    let mut result = match &event {
        Err(error) => failed(error),
        Ok(_) if has_errors => TryResult {
            json: json!({ "error": "the rule has errors", "help": null }),
            is_sound: false,
            status: html! {},
            html: html! {},
        },
        Ok(event) => answer(form, event, (book, edited.as_ref()), history)?,
    };
    if let Some(edited) = &edited {
        result.json["diagnostics"] = edited.diagnostics.to_json(&edited.book.files);
        let mistakes = &edited.diagnostics;
        result.html = html! {
            (difference(form, edited))
            @if !mistakes.is_empty() {
                section aria-labelledby="h-dia" {
                    div class="bar" { h2 id="h-dia" { "The rule" } p { (counted(mistakes)) } }
                    div class="box pad" { (diagnostic_list(&edited.book.files, mistakes)) }
                }
            }
            (result.html)
        };
    }
    result.status = status(form, edited.as_ref());
    Ok(result)
}

fn read<'c>(
    form: &'c TryForm,
    book: &'c Rulebook,
    edited: Option<&'c EditedRule>,
) -> Result<InputEvent<'c>, UnreadableEvent> {
    let changes = form.changes.iter().map(|change| change::parse(change));
    let changes = changes.collect::<Result<Vec<_>, _>>();
    let mut changes = changes.map_err(|error| UnreadableEvent::from(error).on_page())?;
    let at = form.time().map_err(|help| UnreadableEvent {
        message: format!("`{}` is not a time", form.at.trim()),
        help: Some(help),
    })?;
    changes.extend(at.map(change::to_time));
    let input = unchanged(form, book, edited)?;
    let changed = change::changed(input, &changes, book);
    changed.map_err(|error| UnreadableEvent::from(error).on_page())
}

/// The event as it is written.
fn unchanged<'c>(
    form: &'c TryForm,
    book: &'c Rulebook,
    edited: Option<&'c EditedRule>,
) -> Result<InputEvent<'c>, UnreadableEvent> {
    let rule = edited.and_then(EditedRule::rule);
    let listening = rule.map(|rule| rule.event_source.as_str());
    let source = (!form.source.is_empty()).then_some(form.source.as_str());
    Ok(written(&form.event, source, listening, &book.config)?)
}

fn failed(error: &UnreadableEvent) -> TryResult {
    TryResult {
        json: json!({ "error": error.message, "help": error.help }),
        is_sound: false,
        status: html! {},
        html: html! {
            section {
                div class="note bad" role="alert" {
                    p {
                        b { "The event: " } (prose(&error.message))
                        @if let Some(help) = &error.help { br; span class="mu" { (prose(help)) } }
                    }
                }
            }
        },
    }
}

fn answer(
    form: &TryForm,
    event: &InputEvent<'_>,
    (book, edited): (&Rulebook, Option<&EditedRule>),
    history: &dyn History,
) -> Result<TryResult, CommandError> {
    let judged = edited.map_or(book, |edited| &edited.book);
    let mut scratch = MatchScratch::default();
    let evaluation = judged.rules.evaluate(event.as_input(), &mut scratch);
    let evaluation = evaluation.map_err(|error| CommandError::runtime(error.to_string()))?;
    let names = explained(&evaluation);
    let left_out = evaluation.subscribed().len() - names.len();
    let gates = GateHistorySource::new(Some(history));
    let gates = form.time().ok().flatten().map_or(gates, |at| gates.at(at));
    let answer = EventAnswer::new(&evaluation, &names, (judged, &Mocks::default()), &gates)?;
    let before = match edited {
        // It was read before, to be changed.
        Some(edited) if !(form.changes.is_empty() && form.at.is_empty()) => {
            match unchanged(form, book, Some(edited)) {
                Ok(event) => Some(verdict_before(edited, &event, book)?),
                Err(_) => None,
            }
        }
        Some(edited) => Some(verdict_before(edited, event, book)?),
        None => None,
    };
    let own = match form.row {
        Some(row) => history.runs_of(row)?,
        None => Vec::new(),
    };
    let own: Vec<RunId> = own.iter().map(|run| run.id).collect();
    let mut json = answer.json(ShownRules::All);
    if let Some(before) = &before {
        json["before"] = before.as_str().into();
    }
    let files = &judged.rules.files;
    let html = html! {
        section aria-labelledby="h-res" {
            div class="bar" {
                h2 id="h-res" { "This event" }
                p {
                    @match &before {
                        Some(before) => { "before: " (before) ", now: " (now(&answer)) },
                        None => (describe(&answer)),
                    }
                }
            }
            @if answer.rules.is_empty() { p class="box pad" { (text(&unheard(&answer, edited))) } }
            @for rule in &answer.rules {
                (RuleCard {
                    rule: rule.rule,
                    explanation: &rule.explanation,
                    files,
                    event: None,
                    since: RuleSince::InForce,
                }
                .html(&html! {
                    (single_changes(&rule.explanation))
                    (gates_and_plan(rule, &own, &judged.config.outgoing, files))
                }))
            }
            @if left_out > 0 { p class="mu more" { "and " (number(left_out, "other rule")) " that listen to it, not explained here" } }
            p class="mu more" { "Nothing was sent and nothing was stored." }
        }
    };
    Ok(TryResult {
        json,
        is_sound: true,
        status: html! {},
        html,
    })
}

/// Buttons that evaluate the texts again with a single change.
fn single_changes(explanation: &Explanation) -> Markup {
    let changes = explanation.near_misses.iter().filter_map(change_text);
    let changes: Vec<String> = changes.take(MAX_BUTTONS).collect();
    html! {
        @if !changes.is_empty() {
            div class="row" {
                "Try it with"
                @for change in &changes {
                    button class="s m" form="try" name="set" value=(change) { (short(change, MAX_BUTTON)) }
                }
            }
        }
    }
}

/// The rules that are explained: those that match, then others that listen.
fn explained(evaluation: &Evaluation<'_>) -> Vec<String> {
    let subscribed = evaluation.subscribed();
    let matched = subscribed.iter().filter(|rule| evaluation.matches(rule));
    let others = subscribed.iter().filter(|rule| !evaluation.matches(rule));
    let names = matched.chain(others).map(|rule| rule.name.clone());
    names.take(MAX_RULES).collect()
}

/// The verdict of the rule in force.
fn verdict_before(
    edited: &EditedRule,
    event: &InputEvent<'_>,
    book: &Rulebook,
) -> Result<String, CommandError> {
    let Some(rule) = &edited.in_force else {
        return Ok("not in force".into());
    };
    let mut scratch = MatchScratch::default();
    let evaluation = book.rules.evaluate(event.as_input(), &mut scratch);
    let evaluation = evaluation.map_err(|error| CommandError::runtime(error.to_string()))?;
    if !evaluation
        .subscribed()
        .iter()
        .any(|known| known.name == rule.name)
    {
        return Ok("does not listen".into());
    }
    let explanation = evaluation.explain(rule)?;
    Ok(verdict(rule, explanation.truth.label()))
}

fn verdict(rule: &Rule, label: &str) -> String {
    match rule.mode {
        Mode::Live => label.to_owned(),
        Mode::Shadow | Mode::Disabled => format!("{label}, {}", rule.mode.as_str()),
    }
}

fn now(answer: &EventAnswer<'_>) -> String {
    match answer.rules.first() {
        Some(rule) => {
            let verdict = verdict(rule.rule, rule.explanation.truth.label());
            match rule.closed_gate() {
                Some(gate) => format!("{verdict}, but {}", prevented(gate)),
                None => verdict,
            }
        }
        None => "does not listen".into(),
    }
}

/// How many rules listen and match.
fn describe(answer: &EventAnswer<'_>) -> String {
    let matched = answer.rules.iter().filter(|rule| rule.matched).count();
    match (matched, answer.rules.len()) {
        (_, 0) => "no rule listens to it".into(),
        (0, 1) => "the rule that listens to it does not match".into(),
        (_, 1) => "the rule that listens to it matches".into(),
        (1, all) => format!("1 of {} that listen matches", number(all, "rule")),
        (matched, all) => format!("{matched} of {} that listen match", number(all, "rule")),
    }
}

/// Why no rule is explained.
fn unheard(answer: &EventAnswer<'_>, edited: Option<&EditedRule>) -> String {
    match edited.and_then(EditedRule::rule) {
        Some(rule) => {
            let summary = answer.unmatched(ShownRules::All);
            format!(
                "`{}` does not listen to {}/{}",
                rule.name, summary.source, summary.event_type
            )
        }
        None => answer.unmatched(ShownRules::All).to_string(),
    }
}

/// What `check` finds, and what the event hides.
fn status(form: &TryForm, edited: Option<&EditedRule>) -> Markup {
    html! {
        @if let Some(edited) = edited {
            code { "check" } " finds "
            @match edited.diagnostics.is_empty() {
                true => "no mistakes. ",
                false => { (counted(&edited.diagnostics)) ". " },
            }
        }
        (invisible::note(&invisible::find(&form.event)))
    }
}

/// How the rule differs from the one in force.
fn difference(form: &TryForm, edited: &EditedRule) -> Markup {
    let Some(in_force) = &edited.in_force else {
        return html! { p class="mu more" { "No rule of this name is in force." } };
    };
    let before = crate::page::rule::source_text::SourceText::of(in_force);
    let changed = changed_lines(before.text(), form.rule.trim_end());
    let lines = differing(&changed);
    html! {
        @if changed.is_empty() {
            p class="mu more" { "The rule is the one in force." }
        } @else {
            details class="more" {
                summary { (number(lines, "line")) @if lines == 1 { " differs" } @else { " differ" } " from the rule in force" }
                pre class="code more" {
                    @for line in changed.iter().take(MAX_CHANGED) {
                        @match line {
                            ChangedLine::Removed { number, text: line } => span class="minus" { "- " (number) "  " (text(line)) "\n" },
                            ChangedLine::Added { number, text: line } => span class="plus" { "+ " (number) "  " (text(line)) "\n" },
                        }
                    }
                    @if changed.len() > MAX_CHANGED { "…" }
                }
            }
        }
    }
}
