//! Evaluates an event again with the rules of its time, and adds the runs that it led to.
//! The rules come from the revision that was in force, or from the runs where that was deleted. What was
//! recorded is a third witness beside the index and the evaluator.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cli::exit::CommandError;
use crate::cli::render::explanation::recorded_otherwise;
use crate::store::history::{EventRecord, EventRow, PastRevision, RunDetail};
use crate::store::{History, RevisionId};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::event::Event;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::matching::evaluation::explain::explain_stored;
use flowtrigger_core::matching::evaluation::{Evaluation, EventInput};
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::path::redact::is_redacted;
use flowtrigger_core::rule::Rule;

pub struct EvaluatedEvent {
    pub arrived: EventRecord,
    /// None where the rules of that time are gone.
    pub past: Option<Arc<PastRevision>>,
    pub rules: Vec<EvaluatedRule>,
    /// How many rules listened, those that nobody asks for included.
    pub listening: usize,
    /// Runs of rules that did not listen then: replays with later rules.
    pub others: Vec<RunDetail>,
}

pub struct EvaluatedRule {
    pub rule: Arc<Rule>,
    pub files: Arc<Files>,
    pub explanation: Explanation,
    /// Fields of the event are not kept.
    unsure: bool,
    /// Whether the rule matched when the event was received, as far as the data folder still shows it.
    recorded: Option<bool>,
    pub runs: Vec<RunDetail>,
}

impl EvaluatedRule {
    pub fn recorded(&self) -> Option<&'static str> {
        let recorded = self.recorded?;
        Some(if recorded { "match" } else { "no match" })
    }

    /// What to say where the recorded outcome is not that of this evaluation: another version of the
    /// program evaluated the event.
    pub fn contradiction(&self) -> Option<String> {
        let now = self.matches();
        let differs = self.recorded.is_some_and(|recorded| recorded != now);
        (differs && !self.unsure).then(|| recorded_otherwise(!now, self.explanation.truth))
    }

    pub fn matches(&self) -> bool {
        let matched = match self.explanation.truth {
            Truth::True => true,
            Truth::False => false,
            // It cannot be judged again, and a run says that it did.
            Truth::Unknown => self.unsure && !self.runs.is_empty(),
        };
        matched && self.rule.mode != Mode::Disabled
    }

    /// Whether nobody can say any more if it matched.
    pub fn is_open(&self) -> bool {
        self.unsure && self.explanation.truth == Truth::Unknown && self.runs.is_empty()
    }
}

/// Editions that were compiled for one event serve others of its type.
#[derive(Default)]
pub struct RevisionCache(HashMap<(RevisionId, String, String), Option<Arc<PastRevision>>>);

impl RevisionCache {
    fn of(&mut self, head: &EventRow, event: &Event, journal: &dyn History) -> RevisionResult {
        let known = (head.edition, head.source.clone(), head.event_type.clone());
        if let Some(past) = self.0.get(&known) {
            return Ok(past.clone());
        }
        let past = journal.revision(head.edition, event)?.map(Arc::new);
        self.0.insert(known, past.clone());
        Ok(past)
    }
}

type RevisionResult = Result<Option<Arc<PastRevision>>, CommandError>;

/// Evaluates an event again with the rules of its time. None where it was deleted meanwhile.
pub fn judge(
    head: &EventRow,
    only: &[String],
    editions: &mut RevisionCache,
    journal: &dyn History,
) -> Result<Option<EvaluatedEvent>, CommandError> {
    let Some(arrived) = journal.event(head.row)? else {
        return Ok(None);
    };
    let past = editions.of(head, &arrived.event, journal)?;
    let mut runs = Vec::new();
    for run in journal.runs_of(head.row)? {
        runs.extend(journal.run(run.id)?);
    }
    let listened = match &past {
        Some(past) => listened(past, &arrived),
        None => kept(&runs),
    };
    let mut scratch = MatchScratch::default();
    let evaluation = past
        .as_ref()
        .map(|past| evaluate(&past.rules, &arrived, &mut scratch));
    let listening = listened.len();
    let asked = |rule: &Rule| only.is_empty() || only.contains(&rule.name);
    let mut rules = Vec::with_capacity(listening);
    for (rule, files) in listened {
        let (of_rule, rest) = runs.into_iter().partition(|run| run.row.rule == rule.name);
        runs = rest;
        if asked(&rule) {
            rules.push(EvaluatedRule {
                explanation: match &evaluation {
                    Some(evaluation) => evaluation.explain(&rule)?,
                    None => explain_stored(&rule, &files, &arrived.event)?,
                },
                unsure: is_redacted(&arrived.event),
                recorded: recorded(&of_rule, &arrived),
                runs: of_rule,
                rule,
                files,
            });
        }
    }
    drop(evaluation);
    runs.retain(|run| only.is_empty() || only.contains(&run.row.rule));
    Ok(Some(EvaluatedEvent {
        arrived,
        past,
        rules,
        listening,
        others: runs,
    }))
}

/// Evaluates the text as received where it was stored and is still read as the same event.
fn evaluate<'a>(
    rules: &'a RuleSet,
    arrived: &'a EventRecord,
    scratch: &'a mut MatchScratch,
) -> Evaluation<'a> {
    match arrived.raw_text.as_deref() {
        Some(text) if reads_as(rules, text, &arrived.event) => {
            let input = EventInput::bytes(text.as_bytes());
            let evaluation = rules.evaluate(input, scratch);
            evaluation.expect("this text was read before")
        }
        Some(_) | None => rules.evaluate_event(&arrived.event, scratch),
    }
}

/// Whether a text is still read as the event that was recorded: not where it came in a format that the
/// configuration described, and not where this version knows its type by another name.
fn reads_as(rules: &RuleSet, text: &str, event: &Event) -> bool {
    let mut scratch = MatchScratch::default();
    let input = EventInput::bytes(text.as_bytes());
    rules.evaluate(input, &mut scratch).is_ok_and(|evaluation| {
        let brief = evaluation.brief();
        (&brief.source, &brief.event_type, &brief.id)
            == (&event.source, &event.event_type, &event.id)
    })
}

/// A run that is no replay and no `on_dead` run shows a match, and an event that was archived as received
/// shows that no rule matched. Anything else may have been deleted.
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

/// The rules that runs were planned with, each once.
fn kept(runs: &[RunDetail]) -> Vec<(Arc<Rule>, Arc<Files>)> {
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
