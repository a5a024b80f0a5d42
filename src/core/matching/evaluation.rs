//! Evaluates the conditions of a rule set for one event. The daemon and every command take the verdict
//! on `when` from here.
//!
//! The verdict is always the index's. An explanation comes from the evaluator, which shares operators and
//! paths with the index but not the lookup; where the two differ, the result is a [`Disagreement`].

use std::cell::OnceCell;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::core::config::Config;
use crate::core::config::Mode;
use crate::core::diagnostic::Files;
use crate::core::event::datum::Datum;
use crate::core::event::decode::{NotAnEvent, Told, head, read};
use crate::core::event::decoder::Decoder;
use crate::core::event::head::Head;
use crate::core::event::json::{self, Refused};
use crate::core::event::tape::Scanned;
use crate::core::event::{Brief, Event};
use crate::core::flow::plan::{Planned, plan};
use crate::core::flow::{Subject, Task};
use crate::core::matching::evaluate::Truth;
use crate::core::matching::explanation::{self, Explanation};
use crate::core::matching::find::Scratch;
use crate::core::matching::ruleset::{RuleSet, evaluate_rule};
use crate::core::matching::trace::NoTrace;
use crate::core::rule::jobspec::Rule;
use crate::core::rule::path::redact;
use crate::core::run::CallResult;

/// An event to evaluate.
#[derive(Debug, Clone, Copy)]
pub enum EventInput<'a> {
    /// One event as it was received.
    Bytes { bytes: &'a [u8], format: Told<'a> },
    /// A decoded event.
    Event(&'a Event),
}

impl<'a> EventInput<'a> {
    /// The bytes of an event whose format is detected from its content.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        let format = Told::ByContent;
        Self::Bytes { bytes, format }
    }
}

/// Why bytes could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    #[error(transparent)]
    Json(#[from] Refused),
    #[error(transparent)]
    Event(#[from] NotAnEvent),
}

/// What the index read: the tape of the scanned bytes, or the decoded event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBy {
    Tape,
    Tree,
}

impl ReadBy {
    pub fn as_str(self) -> &'static str {
        match self {
            ReadBy::Tape => "tape",
            ReadBy::Tree => "tree",
        }
    }
}

/// The rules that match one event.
#[derive(Debug)]
pub struct Evaluation<'a> {
    rules: &'a RuleSet,
    /// The matching rules by their number in the set, ascending.
    numbers: &'a [u32],
    source: Source<'a>,
    /// The event of a tape, from its first use on.
    decoded: OnceCell<Event>,
    /// The local names of flows that read the events of a gate: here this event alone.
    locals: OnceCell<Value>,
}

#[derive(Debug)]
enum Source<'a> {
    Tape(TapeSource<'a>),
    /// The caller's event.
    Event(&'a Event),
    /// An event that was decoded here; `Evaluation::decoded` holds it.
    Decoded,
}

/// Scanned bytes that hold one event.
#[derive(Debug)]
struct TapeSource<'a> {
    scanned: Scanned<'a>,
    format: Told<'a>,
    /// None for a format that the configuration describes.
    decoder: Option<&'static Decoder>,
}

/// The index and the evaluator differ on a rule: a bug of this program, whichever of them is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    pub rule: String,
    /// The id of the event.
    pub event: String,
    pub read: ReadBy,
    /// Whether the index matched the rule.
    pub index: bool,
    pub evaluator: Truth,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = match self.read {
            ReadBy::Tape => "bytes",
            ReadBy::Tree => "decoded event",
        };
        let index = match self.index {
            true => Truth::True,
            false => Truth::False,
        };
        write!(
            f,
            "internal error: index and evaluator disagree on rule `{}` for event `{}` \
             (index over {read}: {}, evaluator: {}); this is a bug, please report it with this event",
            self.rule,
            self.event,
            index.label(),
            self.evaluator.label()
        )
    }
}

impl std::error::Error for Disagreement {}

impl RuleSet {
    /// Finds the rules that match, without the disabled ones: over the bytes where they are one event in
    /// ordinary JSON, else over the decoded event.
    ///
    /// # Errors
    /// Bytes that are not JSON, or not one event of the format.
    pub fn evaluate<'a>(
        &'a self,
        input: EventInput<'a>,
        scratch: &'a mut Scratch,
    ) -> Result<Evaluation<'a>, InputError> {
        let (bytes, format) = match input {
            EventInput::Bytes { bytes, format } => (bytes, format),
            EventInput::Event(event) => return Ok(self.evaluate_event(event, scratch)),
        };
        let found = &mut scratch.found;
        if let Some(scanned) = scratch.tape.scan(bytes)
            && let Some((decoder, built)) = self.find_in_document(&scanned, format, found)
        {
            let source = TapeSource {
                scanned,
                format,
                decoder,
            };
            return Ok(self.evaluation(&found.matches, Source::Tape(source), built));
        }
        let parsed = json::accept(bytes)?;
        let mut event = read(parsed.value, format, self.catalogue())?;
        event.warnings.extend(parsed.repairs);
        self.find_in_event(&event, found);
        Ok(self.evaluation(&found.matches, Source::Decoded, OnceCell::from(event)))
    }

    /// Finds the rules that match a decoded event.
    pub fn evaluate_event<'a>(
        &'a self,
        event: &'a Event,
        scratch: &'a mut Scratch,
    ) -> Evaluation<'a> {
        self.find_in_event(event, &mut scratch.found);
        let numbers = &scratch.found.matches;
        self.evaluation(numbers, Source::Event(event), OnceCell::new())
    }

    /// The first half of [`RuleSet::evaluate`]: None where the bytes have to be parsed in full, as a list
    /// of events or damaged text does.
    pub fn evaluate_scanned<'a>(
        &'a self,
        bytes: &'a [u8],
        format: Told<'a>,
        scratch: &'a mut Scratch,
    ) -> Option<Evaluation<'a>> {
        let scanned = scratch.tape.scan(bytes)?;
        let found = &mut scratch.found;
        let (decoder, built) = self.find_in_document(&scanned, format, found)?;
        let source = TapeSource {
            scanned,
            format,
            decoder,
        };
        Some(self.evaluation(&found.matches, Source::Tape(source), built))
    }

    fn evaluation<'a>(
        &'a self,
        numbers: &'a [u32],
        source: Source<'a>,
        decoded: OnceCell<Event>,
    ) -> Evaluation<'a> {
        Evaluation {
            rules: self,
            numbers,
            source,
            decoded,
            locals: OnceCell::new(),
        }
    }
}

impl<'a> Evaluation<'a> {
    /// The rules that match, in the order of the set.
    pub fn matched(&self) -> impl Iterator<Item = &'a Arc<Rule>> + use<'a> {
        let rules = self.rules;
        let numbers = self.numbers.iter();
        numbers.map(|number| &rules.rules[*number as usize])
    }

    /// The matching rules by their number in the set, ascending.
    pub fn numbers(&self) -> &'a [u32] {
        self.numbers
    }

    /// Whether the rule matches.
    pub fn matches(&self, rule: &Rule) -> bool {
        self.is_among(self.numbers, rule)
    }

    /// Whether any rule matches.
    pub fn has_match(&self) -> bool {
        !self.numbers.is_empty()
    }

    pub fn read(&self) -> ReadBy {
        match self.source {
            Source::Tape(_) => ReadBy::Tape,
            Source::Event(_) | Source::Decoded => ReadBy::Tree,
        }
    }

    /// The event's source, as rules name it in `event_source`.
    pub fn source(&self) -> &str {
        match &self.source {
            Source::Tape(tape) => match (tape.decoder, tape.format) {
                (Some(decoder), _) => decoder.source,
                (None, Told::Described(description)) => &description.source,
                (None, Told::ByContent) => &self.event().source,
            },
            Source::Event(_) | Source::Decoded => &self.event().source,
        }
    }

    /// The text of an event that was scanned.
    pub fn text(&self) -> Option<&'a str> {
        match &self.source {
            Source::Tape(tape) => Some(tape.scanned.text()),
            Source::Event(_) | Source::Decoded => None,
        }
    }

    /// The event; decoded on the first call if only its bytes were scanned.
    pub fn event(&self) -> &Event {
        match &self.source {
            Source::Event(event) => event,
            Source::Tape(tape) => self.decoded.get_or_init(|| self.decode(tape)),
            Source::Decoded => self
                .decoded
                .get()
                .expect("an evaluation that decoded its event holds it"),
        }
    }

    /// The same; a caller's event is cloned.
    pub fn into_event(mut self) -> Event {
        match self.decoded.take() {
            Some(event) => event,
            None => match &self.source {
                Source::Tape(tape) => self.decode(tape),
                Source::Event(_) | Source::Decoded => self.event().clone(),
            },
        }
    }

    /// What the event is called by, without its values; decodes nothing.
    pub fn brief(&self) -> Brief {
        match &self.source {
            Source::Tape(tape) => self.with_head(tape, |head| head.brief(self.rules.catalogue())),
            Source::Event(_) | Source::Decoded => Brief::of(self.event()),
        }
    }

    fn decode(&self, tape: &TapeSource<'_>) -> Event {
        self.with_head(tape, |head| head.event(self.rules.catalogue()))
    }

    fn with_head<R>(&self, tape: &TapeSource<'_>, then: impl FnOnce(Head<'_>) -> R) -> R {
        let document = Datum::Taped(tape.scanned.root());
        let catalogue = self.rules.catalogue();
        let head = match tape.decoder {
            Some(decoder) => decoder.head(document, catalogue),
            None => head(document, tape.format, catalogue),
        };
        then(head.expect("the header of these bytes was read before"))
    }

    /// The rules that are subscribed to the event's type, disabled ones included.
    pub fn subscribed(&self) -> Vec<&'a Arc<Rule>> {
        self.rules.subscribed(self.event())
    }

    /// Explains one rule of the set: the verdict of every predicate, and single changes to the event that
    /// make the rule match.
    ///
    /// # Errors
    /// The evaluator's verdict on this event, or on a proposed change of it, is not the index's. Nothing is
    /// compared for a disabled rule, which no index holds, and for an event of which fields were redacted.
    pub fn explain(&self, rule: &Rule) -> Result<Explanation, Box<Disagreement>> {
        let event = self.event();
        let (truth, trace) = explanation::trace(rule, event);
        if redact::is_redacted(event) {
            return Ok(explanation::of_kept_values(rule, event, trace));
        }
        self.compare(rule, event, truth, (self.numbers, self.read()))?;
        let near_misses = match truth {
            Truth::True => Vec::new(),
            Truth::False | Truth::Unknown => {
                let mut scratch = Scratch::default();
                explanation::near_misses(rule, event, &trace, &mut |changed| {
                    let truth = evaluate_rule(rule, changed, &mut NoTrace);
                    self.rules.find_in_event(changed, &mut scratch.found);
                    let numbers = &scratch.found.matches;
                    self.compare(rule, changed, truth, (numbers, ReadBy::Tree))?;
                    Ok::<_, Box<Disagreement>>(truth == Truth::True)
                })?
            }
        };
        Ok(Explanation {
            truth,
            trace,
            near_misses,
        })
    }

    /// Compares the index with the evaluator for every rule that is subscribed to the event, without
    /// explaining any. Debug builds of the daemon do so for every event.
    ///
    /// # Errors
    /// The first rule on which they differ.
    pub fn verify(&self) -> Result<(), Box<Disagreement>> {
        let event = self.event();
        for rule in self.subscribed().into_iter().chain(self.matched()) {
            let truth = evaluate_rule(rule, event, &mut NoTrace);
            self.compare(rule, event, truth, (self.numbers, self.read()))?;
        }
        Ok(())
    }

    /// Plans the flow of a rule for this event at a time: every step that would run, each call with its
    /// texts rendered and its secrets as names. Nothing is performed. `reply` gives the result of a call
    /// where it is known; a step that depends on an unknown result is planned as such.
    pub fn plan<'e>(
        &'e self,
        rule: &'e Rule,
        now: Timestamp,
        reply: &mut dyn FnMut(&Task) -> Option<CallResult>,
    ) -> Vec<Planned<'e>> {
        let event = self.event();
        let locals = match rule.reads_events() {
            true => self.locals.get_or_init(|| rule.locals_of(event)),
            false => &Value::Null,
        };
        let subject = Subject {
            event,
            vars: &rule.vars,
            error: &Value::Null,
            locals,
            seed: "",
        };
        plan(&rule.flow, &subject, now, reply)
    }

    fn compare(
        &self,
        rule: &Rule,
        event: &Event,
        truth: Truth,
        (numbers, read): (&[u32], ReadBy),
    ) -> Result<(), Box<Disagreement>> {
        if rule.mode == Mode::Disabled || redact::is_redacted(event) {
            return Ok(());
        }
        let index = self.is_among(numbers, rule);
        let wanted = truth == Truth::True && rule.listens_to(&event.source, &event.event_type);
        if index == wanted || !self.holds_rule(rule) {
            return Ok(());
        }
        Err(Box::new(Disagreement {
            rule: rule.name.clone(),
            event: event.id.clone(),
            read,
            index,
            evaluator: truth,
        }))
    }

    fn is_among(&self, numbers: &[u32], rule: &Rule) -> bool {
        let mut matched = numbers.iter();
        matched.any(|number| self.rules.rules[*number as usize].name == rule.name)
    }

    /// Whether the rule is of this set; a rule of another one has nothing to compare with.
    fn holds_rule(&self, rule: &Rule) -> bool {
        self.rules.rules.iter().any(|own| own.name == rule.name)
    }
}

/// Explains a rule that was stored with a run, as the only rule of a set.
///
/// # Errors
/// Those of [`Evaluation::explain`].
pub fn explain_stored(
    rule: &Arc<Rule>,
    files: &Arc<Files>,
    event: &Event,
) -> Result<Explanation, Box<Disagreement>> {
    let rules = vec![Arc::clone(rule)];
    let rules = RuleSet::new(rules, Arc::clone(files), &Config::default());
    let mut scratch = Scratch::default();
    rules.evaluate_event(event, &mut scratch).explain(rule)
}

#[cfg(test)]
mod tests;
