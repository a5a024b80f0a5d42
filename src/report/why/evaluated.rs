//! Evaluates an event again with the rules of its time, and adds its runs.
//! The rules are those of the stored revision, or those of the runs if the revision was deleted. The recorded
//! outcome is compared with the new one.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::report::error::CommandError;
use crate::report::render::explanation::recorded_otherwise;
use crate::report::run::successor::Successors;
use crate::report::why::awaited_by::{AwaitedBy, awaited_by};
use crate::report::why::repeats::UnmatchedRepeats;
use crate::report::why::verdict::RuleOutcome;
use crate::store::history::{EventDeliveryRow, EventRecord, EventRow, PastRevision, RunDetail};
use crate::store::{History, RevisionId};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::FormatHint;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::matching::evaluation::explain::explain_stored;
use flowtrigger_core::matching::evaluation::{Evaluation, EventInput};
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::run::RunId;

pub struct EvaluatedEvent {
    pub arrived: EventRecord,
    pub repeats: Option<UnmatchedRepeats>,
    /// The request that delivered it, if it is kept.
    pub delivery: Option<EventDeliveryRow>,
    /// When its rules came into force: with the last start or reload before it.
    pub in_force: Option<Timestamp>,
    /// `None` if the rules of that time were deleted.
    pub past: Option<Arc<PastRevision>>,
    pub rules: Vec<EvaluatedRule>,
    /// How many rules listened, including those that `--rule` leaves out.
    pub listening: usize,
    /// Runs of rules that did not listen then: replays with later rules.
    pub others: Vec<RunDetail>,
    /// Runs that waited for the event and that it continued, with the paths of their steps.
    pub continued: Vec<(RunId, String)>,
    /// Runs that wait for such an event, and that it did not continue.
    pub awaited_by: Vec<AwaitedBy>,
    /// The newer runs of those that were replayed.
    pub successors: Successors,
}

pub struct EvaluatedRule {
    pub rule: Arc<Rule>,
    pub files: Arc<Files>,
    pub explanation: Explanation,
    /// Whether fields of the event were redacted.
    redacted: bool,
    /// Whether the rule matched when the event was received, as far as the data folder still shows it.
    recorded: Option<bool>,
    pub runs: Vec<RunDetail>,
}

impl EvaluatedEvent {
    /// Whether a rule that did not match then has runs: later rules replayed the event.
    pub fn has_replays(&self) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|rule| !rule.matches() && !rule.runs.is_empty())
    }
}

impl EvaluatedRule {
    /// A rule of any time with an event, without the runs of then.
    pub fn without_runs(rule: Arc<Rule>, files: Arc<Files>, explanation: Explanation) -> Self {
        Self {
            rule,
            files,
            explanation,
            redacted: false,
            recorded: None,
            runs: Vec::new(),
        }
    }

    pub fn recorded(&self) -> Option<&'static str> {
        let recorded = self.recorded?;
        Some(if recorded { "match" } else { "no match" })
    }

    /// The warning if the recorded outcome differs from this evaluation: another version of the program
    /// evaluated the event.
    pub fn contradiction(&self) -> Option<String> {
        let now = self.matches();
        let differs = self.recorded.is_some_and(|recorded| recorded != now);
        (differs && !self.redacted).then(|| recorded_otherwise(!now, self.explanation.truth))
    }

    pub fn matches(&self) -> bool {
        self.holds() && self.rule.mode != Mode::Disabled
    }

    /// Whether its predicates hold.
    fn holds(&self) -> bool {
        match self.explanation.truth {
            Truth::True => true,
            Truth::False => false,
            // Cannot be evaluated again, but a run shows that it matched.
            Truth::Unknown => self.redacted && !self.runs.is_empty(),
        }
    }

    pub fn outcome(&self) -> RuleOutcome {
        match (self.is_unknown(), self.holds(), self.rule.mode) {
            (true, _, _) => RuleOutcome::Unknown,
            (false, true, Mode::Disabled) => RuleOutcome::Disabled,
            (false, true, Mode::Live | Mode::Shadow) => RuleOutcome::Matched,
            (false, false, _) => RuleOutcome::NotMatched,
        }
    }

    /// Whether it is unknown if the rule matched.
    fn is_unknown(&self) -> bool {
        self.redacted && self.explanation.truth == Truth::Unknown && self.runs.is_empty()
    }
}

/// Compiled revisions, reused for events of the same type.
#[derive(Default)]
pub struct RevisionCache(HashMap<(RevisionId, String, String), Option<Arc<PastRevision>>>);

impl RevisionCache {
    /// How many compiled revisions it holds.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// Reads the event only if none of its type was asked for before.
    fn of(&mut self, head: &EventRow, history: &dyn History) -> RevisionResult {
        let known = (head.revision, head.source.clone(), head.event_type.clone());
        if let Some(past) = self.0.get(&known) {
            return Ok(past.clone());
        }
        match history.event(head.row)? {
            Some(arrived) => self.get(head, &arrived.event, history),
            None => Ok(None),
        }
    }

    fn get(&mut self, head: &EventRow, event: &Event, history: &dyn History) -> RevisionResult {
        let known = (head.revision, head.source.clone(), head.event_type.clone());
        if let Some(past) = self.0.get(&known) {
            return Ok(past.clone());
        }
        let past = history.revision(head.revision, event)?.map(Arc::new);
        self.0.insert(known, past.clone());
        Ok(past)
    }
}

/// Whether one of the rules listened to an event or has a run for it. Evaluates nothing: a ticket can have many events.
pub fn has_listener(
    head: &EventRow,
    rules: &[String],
    revisions: &mut RevisionCache,
    history: &dyn History,
) -> Result<bool, CommandError> {
    if let Some(past) = revisions.of(head, history)? {
        let listened = past.rules.subscribed_to(&head.source, &head.event_type);
        if listened.iter().any(|rule| rules.contains(&rule.name)) {
            return Ok(true);
        }
    }
    let runs = history.runs_of(head.row)?;
    Ok(runs.iter().any(|run| rules.contains(&run.rule)))
}

type RevisionResult = Result<Option<Arc<PastRevision>>, CommandError>;

/// Evaluates an event again with the rules of its time. Returns `None` if it was deleted meanwhile.
pub fn reevaluate(
    head: &EventRow,
    only: &[String],
    revisions: &mut RevisionCache,
    history: &dyn History,
) -> Result<Option<EvaluatedEvent>, CommandError> {
    let Some(arrived) = history.event(head.row)? else {
        return Ok(None);
    };
    let past = revisions.get(head, &arrived.event, history)?;
    let rows = history.runs_of(head.row)?;
    let successors = Successors::of(history, &rows)?;
    let mut runs = Vec::new();
    for run in rows {
        runs.extend(history.run(run.id)?);
    }
    let listened = match &past {
        Some(past) => listened(past, &arrived),
        None => rules_of(&runs),
    };
    let mut scratch = MatchScratch::default();
    let evaluation = past
        .as_ref()
        .map(|past| evaluate(&past.rules, &arrived, &mut scratch));
    let listening = listened.len();
    let is_selected = |rule: &Rule| only.is_empty() || only.contains(&rule.name);
    let mut rules = Vec::with_capacity(listening);
    for (rule, files) in listened {
        let (of_rule, rest) = runs.into_iter().partition(|run| run.row.rule == rule.name);
        runs = rest;
        if is_selected(&rule) {
            rules.push(EvaluatedRule {
                explanation: match &evaluation {
                    Some(evaluation) => evaluation.explain(&rule)?,
                    None => explain_stored(&rule, &files, &arrived.event)?,
                },
                redacted: is_redacted(&arrived.event),
                recorded: recorded(&of_rule, &arrived),
                runs: of_rule,
                rule,
                files,
            });
        }
    }
    drop(evaluation);
    runs.retain(|run| only.is_empty() || only.contains(&run.row.rule));
    let in_force = history.in_force_since(head.revision, head.received)?;
    let continued = history.continued_by(head.row)?;
    Ok(Some(EvaluatedEvent {
        awaited_by: awaited_by(&arrived, &continued, history)?,
        repeats: UnmatchedRepeats::find(&arrived, history)?,
        delivery: history.delivery_of(head.row)?,
        continued,
        arrived,
        in_force,
        past,
        rules,
        listening,
        others: runs,
        successors,
    }))
}

/// Evaluates the text as received if it is stored and still decodes to the same event.
fn evaluate<'a>(
    rules: &'a RuleSet,
    arrived: &'a EventRecord,
    scratch: &'a mut MatchScratch,
) -> Evaluation<'a> {
    match arrived.raw_text.as_deref() {
        Some(text) if decodes_to(rules, text, &arrived.event) => {
            let input = EventInput::Bytes {
                bytes: text.as_bytes(),
                format: FormatHint::Endpoint(&arrived.event.endpoint),
            };
            let evaluation = rules.evaluate(input, scratch);
            evaluation.expect("this text was read before")
        }
        Some(_) | None => rules.evaluate_event(&arrived.event, scratch),
    }
}

/// Whether a text still decodes to the recorded event. It does not if its format was a configured one, or if
/// this version names its type differently.
fn decodes_to(rules: &RuleSet, text: &str, event: &Event) -> bool {
    let mut scratch = MatchScratch::default();
    let input = EventInput::bytes(text.as_bytes());
    rules.evaluate(input, &mut scratch).is_ok_and(|evaluation| {
        let brief = evaluation.brief();
        (&brief.source, &brief.event_type, &brief.id)
            == (&event.source, &event.event_type, &event.id)
    })
}

/// The recorded outcome: a run that is no replay and no `on_dead` run shows a match, an archived event shows
/// that no rule matched. `None` if neither is stored.
fn recorded(runs: &[RunDetail], arrived: &EventRecord) -> Option<bool> {
    let matched = |run: &RunDetail| run.generation == 0 && run.row.tells_of.is_none();
    match (runs.iter().any(matched), &arrived.raw_text) {
        (true, _) => Some(true),
        (false, Some(_)) => Some(false),
        (false, None) => None,
    }
}

fn listened(past: &PastRevision, arrived: &EventRecord) -> Vec<(Arc<Rule>, Arc<Files>)> {
    let rules = past.rules.subscribed(&arrived.event).into_iter();
    rules
        .map(|rule| (Arc::clone(rule), Arc::clone(&past.rules.files)))
        .collect()
}

/// The rules of the runs, each once.
fn rules_of(runs: &[RunDetail]) -> Vec<(Arc<Rule>, Arc<Files>)> {
    let mut rules: Vec<(Arc<Rule>, Arc<Files>)> = Vec::new();
    for run in runs {
        if let Ok(rule) = &run.rule.rule
            && rules.iter().all(|(known, _)| known.name != rule.name)
        {
            rules.push((Arc::clone(rule), Arc::clone(&run.rule.files)));
        }
    }
    rules
}
