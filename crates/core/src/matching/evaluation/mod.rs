//! Evaluates the conditions of a rule set for one event. The daemon and every command take the verdict
//! on `when` from here.
//!
//! The verdict is always the index's. An explanation comes from the evaluator, which shares operators and
//! paths with the index but not the lookup; where the two differ, the result is a [`Disagreement`].

pub mod explain;
#[cfg(test)]
mod tests;

pub use crate::matching::evaluation::explain::{Disagreement, explain_stored};

use std::cell::OnceCell;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::event::Event;
use crate::event::format::decoder::Decoder;
use crate::event::format::{DecodeError, FormatHint, head, read};
use crate::event::header::EventHeader;
use crate::event::json::parse;
use crate::event::json::parse::JsonError;
use crate::event::json::tape::TapeDocument;
use crate::event::json::value_ref::ValueRef;
use crate::event::summary::EventSummary;
use crate::flow::decide::{RunInput, StepCall};
use crate::flow::plan::{PlanStep, plan};
use crate::matching::find::MatchScratch;
use crate::matching::rule_set::RuleSet;
use crate::rule::Rule;
use crate::run::answer_link::AnswerLinks;
use crate::run::call_result::CallResult;

/// An event to evaluate.
#[derive(Debug, Clone, Copy)]
pub enum EventInput<'a> {
    /// One event as it was received.
    Bytes {
        bytes: &'a [u8],
        format: FormatHint<'a>,
    },
    /// A decoded event.
    Event(&'a Event),
}

impl<'a> EventInput<'a> {
    /// The bytes of an event whose format is detected from its content.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        let format = FormatHint::Detect;
        Self::Bytes { bytes, format }
    }
}

/// Why bytes could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    #[error(transparent)]
    Json(#[from] JsonError),
    #[error(transparent)]
    Event(#[from] DecodeError),
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
    decoded: OnceCell<Box<Event>>,
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
    scanned: TapeDocument<'a>,
    format: FormatHint<'a>,
    /// None for a format that the configuration describes.
    decoder: Option<&'static Decoder>,
}

impl RuleSet {
    /// Finds the rules that match, without the disabled ones: over the bytes where they are one event in
    /// ordinary JSON, else over the decoded event.
    ///
    /// # Errors
    /// Bytes that are not JSON, or not one event of the format.
    pub fn evaluate<'a>(
        &'a self,
        input: EventInput<'a>,
        scratch: &'a mut MatchScratch,
    ) -> Result<Evaluation<'a>, InputError> {
        let (bytes, format) = match input {
            EventInput::Bytes { bytes, format } => (bytes, format),
            EventInput::Event(event) => return Ok(self.evaluate_event(event, scratch)),
        };
        scratch.prepare();
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
        let parsed = parse::parse(bytes)?;
        let mut event = read(parsed.value, format, self.catalogue())?;
        event.warnings.extend(parsed.repairs);
        self.find_in_event(&event, found);
        Ok(self.evaluation(
            &found.matches,
            Source::Decoded,
            OnceCell::from(Box::new(event)),
        ))
    }

    /// Finds the rules that match a decoded event.
    pub fn evaluate_event<'a>(
        &'a self,
        event: &'a Event,
        scratch: &'a mut MatchScratch,
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
        format: FormatHint<'a>,
        scratch: &'a mut MatchScratch,
    ) -> Option<Evaluation<'a>> {
        scratch.prepare();
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
        decoded: OnceCell<Box<Event>>,
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
                (None, FormatHint::Custom(description)) => &description.source,
                (None, FormatHint::Detect | FormatHint::Endpoint(_)) => &self.event().source,
                (None, FormatHint::Request(request)) => match request.custom {
                    Some(description) => &description.source,
                    None => &self.event().source,
                },
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
            Source::Tape(tape) => self.decoded.get_or_init(|| Box::new(self.decode(tape))),
            Source::Decoded => self
                .decoded
                .get()
                .expect("an evaluation that decoded its event holds it"),
        }
    }

    /// The same; a caller's event is cloned.
    pub fn into_event(mut self) -> Event {
        match self.decoded.take() {
            Some(event) => *event,
            None => match &self.source {
                Source::Tape(tape) => self.decode(tape),
                Source::Event(_) | Source::Decoded => self.event().clone(),
            },
        }
    }

    /// What the event is called by, without its values; decodes nothing.
    pub fn brief(&self) -> EventSummary {
        match &self.source {
            Source::Tape(tape) => self.with_head(tape, |head| head.brief(self.rules.catalogue())),
            Source::Event(_) | Source::Decoded => EventSummary::from_event(self.event()),
        }
    }

    fn decode(&self, tape: &TapeSource<'_>) -> Event {
        self.with_head(tape, |head| head.event(self.rules.catalogue()))
    }

    fn with_head<R>(&self, tape: &TapeSource<'_>, then: impl FnOnce(EventHeader<'_>) -> R) -> R {
        let document = ValueRef::Taped(tape.scanned.root());
        let catalogue = self.rules.catalogue();
        let head = match tape.decoder {
            Some(decoder) => decoder
                .head(document, catalogue)
                .map(|head| head.received_at(tape.format)),
            None => head(document, tape.format, catalogue),
        };
        then(head.expect("the header of these bytes was read before"))
    }

    /// The rules that are subscribed to the event's type, disabled ones included.
    pub fn subscribed(&self) -> Vec<&'a Arc<Rule>> {
        self.rules.subscribed(self.event())
    }

    /// Plans the flow of a rule for this event at a time: every step that would run, each call with its
    /// texts rendered and its secrets as names. Nothing is performed. `reply` gives the result of a call
    /// where it is known; a step that depends on an unknown result is planned as such.
    pub fn plan<'e>(
        &'e self,
        rule: &'e Rule,
        now: Timestamp,
        reply: &mut dyn FnMut(&StepCall) -> Option<CallResult>,
    ) -> Vec<PlanStep<'e>> {
        let event = self.event();
        let locals = match rule.reads_events() {
            true => self.locals.get_or_init(|| rule.locals_of(event)),
            false => &Value::Null,
        };
        let subject = RunInput {
            event,
            vars: &rule.vars,
            error: &Value::Null,
            locals,
            seed: "",
            links: AnswerLinks::Hidden,
        };
        plan(&rule.flow, &subject, now, reply)
    }

    fn is_among(&self, numbers: &[u32], rule: &Rule) -> bool {
        let mut matched = numbers.iter();
        matched.any(|number| self.rules.rules[*number as usize].name == rule.name)
    }
}
