//! Explains why an event has a run on one side only: the predicates, the gate or the rule.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::engine::Rulebook;
use crate::report::backtest::comparison::{EventComparison, RuleComparison};
use crate::report::backtest::execute::BacktestBase;
use crate::report::backtest::outcome::MatchOutcome;
use crate::report::backtest::report::RuleSamples;
use crate::report::error::CommandError;
use crate::report::render::escape::plain;
use crate::report::render::explanation::cut;
use crate::report::why::evaluated::EvaluatedRule;
use crate::report::why::export::test_entry;
use crate::store::history::{EventRecord, PastRevision};
use crate::store::{History, RevisionId};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::language::condition::Polarity;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::TraceLine;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::matching::evaluation::explain::explain_stored;
use flowtrigger_core::matching::explain::Explanation;
use flowtrigger_core::rule::Rule;

/// Predicates of one side that a sample names.
const MOST_PREDICATES: usize = 3;

/// A new or gone run with what made the difference.
#[derive(Debug)]
pub struct BacktestSample {
    pub event: EventComparison,
    /// Id, entry and key of the event; `None` of a tick that the daemon did not make.
    pub names: Option<SampleNames>,
    pub differences: Vec<RunDifference>,
    /// A test of the rule that passes with the rules of the backtest; `None` if the rule is not there.
    pub test: Option<String>,
}

/// How the event of a sample is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleNames {
    pub id: String,
    pub source: String,
    pub endpoint: String,
    pub key: Option<String>,
    pub event_type: String,
}

/// What made a difference, on one of the sides.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDifference {
    pub side: DifferingSide,
    pub cause: DifferenceCause,
}

/// On which side something prevented the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferingSide {
    Before,
    After,
}

/// What prevented a run.
#[derive(Debug, Clone, PartialEq)]
pub enum DifferenceCause {
    /// A predicate that does not hold.
    Predicate(DifferingPredicate),
    /// A gate, or the loop guard.
    Gate(&'static str),
    /// There is no rule of this name.
    NoRule,
    Disabled,
    /// Runs are only recorded.
    Shadow,
    /// The rule does not listen to the event.
    OtherType,
    /// The daemon made no tick at this time.
    NoTick,
    /// The same version of the rule matches it now: another version of the program evaluated it, or the rules of then are
    /// no longer kept.
    Unknown,
}

/// A predicate that does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct DifferingPredicate {
    pub path: String,
    /// `has "vip"`, `not has "vip"`.
    pub test: String,
    /// The value that was found, as JSON; `None` if there is none.
    pub got: Option<Value>,
    pub verdict: Verdict,
    /// File, line and column.
    pub location: String,
}

/// Reads events again to explain samples.
pub struct SampleReader<'b> {
    pub history: &'b dyn History,
    pub book: &'b Rulebook,
    pub base: BacktestBase<'b>,
    past: HashMap<(RevisionId, String), Option<Arc<PastRevision>>>,
}

/// A rule with the files that its positions point into.
struct LocatedRule {
    rule: Arc<Rule>,
    files: Arc<Files>,
}

impl<'b> SampleReader<'b> {
    pub fn new(history: &'b dyn History, book: &'b Rulebook, base: BacktestBase<'b>) -> Self {
        Self {
            history,
            book,
            base,
            past: HashMap::new(),
        }
    }

    /// Explains one new or gone run of a rule.
    pub fn read(
        &mut self,
        name: &str,
        event: EventComparison,
    ) -> Result<BacktestSample, CommandError> {
        let record = match event.row.0 {
            row if row < 0 => None,
            _ => self.history.event(event.row)?,
        };
        let Some(record) = record else {
            return Ok(BacktestSample {
                event,
                names: None,
                differences: vec![RunDifference {
                    side: DifferingSide::Before,
                    cause: DifferenceCause::NoTick,
                }],
                test: None,
            });
        };
        let after = self.after(name);
        let before = self.before(name, record.head.revision)?;
        let mut differences = Vec::new();
        for (side, rule, outcome) in [
            (DifferingSide::Before, &before, event.before),
            (DifferingSide::After, &after, event.after),
        ] {
            let causes = causes(rule.as_ref(), outcome, &record)?;
            differences.extend(
                causes
                    .into_iter()
                    .map(|cause| RunDifference { side, cause }),
            );
        }
        let head = &record.head;
        Ok(BacktestSample {
            names: Some(SampleNames {
                id: head.id.clone(),
                source: head.source.clone(),
                endpoint: record.event.endpoint.clone(),
                key: head.key.clone(),
                event_type: head.event_type.clone(),
            }),
            test: after.and_then(|rule| self.test(rule, &record)),
            event,
            differences,
        })
    }

    /// Explains the samples of a rule.
    pub fn samples(&mut self, rule: &RuleComparison) -> Result<RuleSamples, CommandError> {
        let mut read = |events: &[EventComparison]| {
            let samples = events.iter().map(|event| self.read(&rule.name, *event));
            samples.collect::<Result<Vec<_>, _>>()
        };
        Ok(RuleSamples {
            new: read(&rule.new_events)?,
            gone: read(&rule.gone_events)?,
        })
    }

    fn after(&self, name: &str) -> Option<LocatedRule> {
        LocatedRule::of(self.book, name)
    }

    /// The rule of then, or of the rules that are compared with.
    fn before(
        &mut self,
        name: &str,
        revision: RevisionId,
    ) -> Result<Option<LocatedRule>, CommandError> {
        if let BacktestBase::Rules(other) = self.base {
            return Ok(LocatedRule::of(other, name));
        }
        let key = (revision, name.to_owned());
        let past = match self.past.get(&key) {
            Some(past) => past.clone(),
            None => {
                let texts = self.history.revision_texts(revision)?;
                let past = texts.map(|texts| Arc::new(PastRevision::compile_rule(texts, name)));
                self.past.insert(key, past.clone());
                past
            }
        };
        Ok(past.and_then(|past| {
            Some(LocatedRule {
                rule: Arc::clone(past.rules.rule(name)?),
                files: Arc::clone(&past.rules.files),
            })
        }))
    }

    /// The event as a test of the rule. Not every event can be written as one.
    fn test(&self, located: LocatedRule, record: &EventRecord) -> Option<String> {
        let LocatedRule { rule, files } = located;
        let explanation = explain_stored(&rule, &files, &record.event).ok()?;
        let rule = EvaluatedRule::without_runs(rule, files, explanation);
        let test = test_entry::entry_of(&rule, record, &self.book.config, self.history);
        test.ok().map(|test| test.text)
    }
}

impl LocatedRule {
    fn of(book: &Rulebook, name: &str) -> Option<Self> {
        Some(Self {
            rule: Arc::clone(book.rules.rule(name)?),
            files: Arc::clone(&book.rules.files),
        })
    }

    fn explain(&self, record: &EventRecord) -> Result<Explanation, CommandError> {
        Ok(explain_stored(&self.rule, &self.files, &record.event)?)
    }
}

/// What prevented the run of a rule on one side; nothing if there is a run.
fn causes(
    rule: Option<&LocatedRule>,
    outcome: MatchOutcome,
    record: &EventRecord,
) -> Result<Vec<DifferenceCause>, CommandError> {
    let located = match (outcome, rule) {
        (MatchOutcome::Run, _) => return Ok(Vec::new()),
        (MatchOutcome::ShadowRun, _) => return Ok(vec![DifferenceCause::Shadow]),
        (MatchOutcome::KeptBack(gate), _) => return Ok(vec![DifferenceCause::Gate(gate)]),
        (MatchOutcome::NoMatch, None) => return Ok(vec![DifferenceCause::NoRule]),
        (MatchOutcome::NoMatch, Some(located)) => located,
    };
    let (rule, head) = (&located.rule, &record.head);
    if rule.mode == Mode::Disabled {
        return Ok(vec![DifferenceCause::Disabled]);
    }
    if !rule.listens_to(&head.source, &head.event_type) {
        return Ok(vec![DifferenceCause::OtherType]);
    }
    let explanation = located.explain(record)?;
    if explanation.truth == Truth::True {
        return Ok(vec![DifferenceCause::Unknown]);
    }
    let lines = explanation.trace.lines.iter();
    let failing = lines.filter(|line| line.verdict != Verdict::Match);
    let failing = failing.take(MOST_PREDICATES);
    let causes = failing.map(|line| DifferenceCause::of_line(line, &located.files));
    Ok(causes.collect())
}

impl DifferenceCause {
    fn of_line(line: &TraceLine, files: &Files) -> Self {
        let not = match line.polarity {
            Polarity::Positive => "",
            Polarity::Negated => "not ",
        };
        DifferenceCause::Predicate(DifferingPredicate {
            path: line.path.clone(),
            test: format!("{not}{} {}", line.operator, line.want),
            got: line.got.clone(),
            verdict: line.verdict,
            location: files.location(line.at),
        })
    }

    fn kind(&self) -> &'static str {
        match self {
            DifferenceCause::Predicate(_) => "predicate",
            DifferenceCause::Gate(_) => "gate",
            DifferenceCause::NoRule => "no_rule",
            DifferenceCause::Disabled => "disabled",
            DifferenceCause::Shadow => "shadow",
            DifferenceCause::OtherType => "other_type",
            DifferenceCause::NoTick => "no_tick",
            DifferenceCause::Unknown => "unknown",
        }
    }
}

impl RunDifference {
    pub fn json(&self) -> Value {
        let mut json = json!({
            "side": self.side.as_str(),
            "cause": self.cause.kind(),
        });
        match &self.cause {
            DifferenceCause::Predicate(predicate) => {
                json["path"] = predicate.path.as_str().into();
                json["test"] = predicate.test.as_str().into();
                json["got"] = predicate.got.clone().unwrap_or_default();
                json["verdict"] = predicate.verdict.describe().into();
                json["location"] = predicate.location.as_str().into();
            }
            DifferenceCause::Gate(gate) => json["gate"] = (*gate).into(),
            DifferenceCause::NoRule
            | DifferenceCause::Disabled
            | DifferenceCause::Shadow
            | DifferenceCause::OtherType
            | DifferenceCause::NoTick
            | DifferenceCause::Unknown => {}
        }
        json
    }

    /// The difference as a part of a line.
    pub fn text(&self) -> String {
        let side = self.side.as_str();
        match &self.cause {
            DifferenceCause::Predicate(predicate) => {
                let got = match &predicate.got {
                    Some(got) => format!("got {}", cut(&got.to_string())),
                    None => format!("got no {}", plain(&predicate.path)),
                };
                let (path, test) = (plain(&predicate.path), cut(&predicate.test));
                format!("{side}: {path} {test}, {got}")
            }
            DifferenceCause::Gate(gate) => format!("{side}: stopped by `{gate}`"),
            DifferenceCause::NoRule => format!("{side}: no rule of this name"),
            DifferenceCause::Disabled => format!("{side}: the rule is disabled"),
            DifferenceCause::Shadow => format!("{side}: the rule is in shadow"),
            DifferenceCause::OtherType => {
                format!("{side}: the rule does not listen to the event")
            }
            DifferenceCause::NoTick => "before: no tick at this time".into(),
            DifferenceCause::Unknown => format!(
                "{side}: no run, although the rule matches; another version of the program evaluated the event, or its runs were deleted"
            ),
        }
    }
}

impl DifferingSide {
    pub fn as_str(self) -> &'static str {
        match self {
            DifferingSide::Before => "before",
            DifferingSide::After => "after",
        }
    }
}
