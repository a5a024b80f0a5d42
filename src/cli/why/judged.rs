//! One event with the rules that were judged for it, each with the runs that it led to.
//! It takes rules from the edition that judged the event, and from the runs where that is gone.

use std::collections::HashMap;
use std::sync::Arc;

use crate::cli::exit::Failure;
use crate::core::diagnostic::Files;
use crate::core::event::Event;
use crate::core::event::redacted::is_redacted;
use crate::core::matching::evaluate::Truth;
use crate::core::matching::explanation::{Explanation, explain};
use crate::core::rule::jobspec::{Mode, Rule};
use crate::store::history::{EventRecord, EventRow, PastRevision, RunDetail};
use crate::store::{EditionId, History};

pub struct Judged {
    pub arrived: EventRecord,
    /// None where the rules of that time are gone.
    pub past: Option<Arc<PastRevision>>,
    pub rules: Vec<JudgedRule>,
    /// How many rules listened, those that nobody asks for included.
    pub listening: usize,
    /// Runs of rules that did not listen then: replays with later rules.
    pub others: Vec<RunDetail>,
}

pub struct JudgedRule {
    pub rule: Arc<Rule>,
    pub files: Arc<Files>,
    pub explanation: Explanation,
    /// Fields of the event are not kept.
    unsure: bool,
    pub runs: Vec<RunDetail>,
}

impl JudgedRule {
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
pub struct Editions(HashMap<(EditionId, String, String), Option<Arc<PastRevision>>>);

impl Editions {
    fn of(&mut self, head: &EventRow, event: &Event, journal: &dyn History) -> Found {
        let known = (head.edition, head.source.clone(), head.event_type.clone());
        if let Some(past) = self.0.get(&known) {
            return Ok(past.clone());
        }
        let past = journal.revision(head.edition, event)?.map(Arc::new);
        self.0.insert(known, past.clone());
        Ok(past)
    }
}

type Found = Result<Option<Arc<PastRevision>>, Failure>;

/// Judges an event again as it was judged then. None where it was deleted meanwhile.
pub fn judge(
    head: &EventRow,
    only: &[String],
    editions: &mut Editions,
    journal: &dyn History,
) -> Result<Option<Judged>, Failure> {
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
    let listening = listened.len();
    let asked = |rule: &Rule| only.is_empty() || only.contains(&rule.name);
    let mut rules = Vec::with_capacity(listening);
    for (rule, files) in listened {
        let (of_rule, rest) = runs.into_iter().partition(|run| run.row.rule == rule.name);
        runs = rest;
        if asked(&rule) {
            rules.push(JudgedRule {
                explanation: explain(&rule, &arrived.event),
                unsure: is_redacted(&arrived.event),
                runs: of_rule,
                rule,
                files,
            });
        }
    }
    runs.retain(|run| only.is_empty() || only.contains(&run.row.rule));
    Ok(Some(Judged {
        arrived,
        past,
        rules,
        listening,
        others: runs,
    }))
}

fn listened(past: &PastRevision, arrived: &EventRecord) -> Vec<(Arc<Rule>, Arc<Files>)> {
    let rules = past.rules.listening(&arrived.event).into_iter();
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
