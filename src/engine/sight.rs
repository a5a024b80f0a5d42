//! Matches events by the rules in force: in the bytes as received where that is possible, else decoded.
//! Nothing is decoded for an event that no rule matches.

use std::cell::RefCell;
use std::sync::Arc;

use super::Rulebook;
use super::handle::Judge;
use super::submission::MatchedEvent;
use crate::core::config::{EventSource, Reads};
use crate::core::event::decode::Told;
use crate::core::event::{Brief, Event};
use crate::core::matching::evaluation::Evaluation;
use crate::core::matching::find::Scratch;
use crate::core::rule::jobspec::Rule;
use crate::store::Unmatched;

/// An event that was matched in its bytes.
pub enum ByteMatch {
    /// No rule matches; nothing was decoded.
    Unmatched(Box<Brief>, Unmatched),
    Matched(MatchedEvent),
}

/// Matches events by one rulebook, also outside of the engine's tasks.
#[derive(Clone)]
pub struct Matcher {
    active: Arc<Judge>,
}

/// An event with the rules that match it, and the rulebook that they are from.
pub struct IncomingEvent {
    pub(super) active: Arc<Judge>,
    pub(super) matched: ByteMatch,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Matcher {
    pub(super) fn new(active: Arc<Judge>) -> Self {
        Self { active }
    }

    pub fn rulebook(&self) -> &Rulebook {
        &self.active.rulebook
    }

    /// None where the bytes have to be parsed in full.
    pub fn match_bytes(&self, bytes: &[u8], format: Told<'_>) -> Option<IncomingEvent> {
        let matched = self.rulebook().match_bytes(bytes, format, None)?;
        Some(self.incoming(matched))
    }

    pub fn match_event(&self, event: Event) -> IncomingEvent {
        let event = MatchedEvent::new(event, self.rulebook());
        self.incoming(ByteMatch::Matched(event))
    }

    fn incoming(&self, matched: ByteMatch) -> IncomingEvent {
        IncomingEvent {
            active: Arc::clone(&self.active),
            matched,
        }
    }
}

impl Rulebook {
    /// Matches the body of a request to a configured source. None where it has to be parsed in full:
    /// a list of events, damaged text, an event of another source.
    pub fn match_request(&self, source: &EventSource, body: &[u8]) -> Option<ByteMatch> {
        match &source.reads {
            Reads::Described(description) => {
                self.match_bytes(body, Told::Described(description), None)
            }
            Reads::BuiltIn(source) => self.match_bytes(body, Told::ByContent, Some(source)),
        }
    }

    /// Matches an event in its bytes, which must be of the given `event_source`, if any.
    fn match_bytes(
        &self,
        bytes: &[u8],
        format: Told<'_>,
        source: Option<&str>,
    ) -> Option<ByteMatch> {
        SCRATCH.with_borrow_mut(|scratch| {
            let evaluation = self.rules.evaluate_scanned(bytes, format, scratch)?;
            let is_of_source = source.is_none_or(|source| evaluation.source() == source);
            is_of_source.then(|| self.matched(evaluation))
        })
    }

    /// The rules that match an event. Debug builds compare the index with the evaluator.
    pub(super) fn matching(&self, event: &Event) -> Vec<Arc<Rule>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let evaluation = self.rules.evaluate_event(event, scratch);
            verify(&evaluation);
            evaluation.matched().map(Arc::clone).collect()
        })
    }

    fn matched(&self, evaluation: Evaluation<'_>) -> ByteMatch {
        verify(&evaluation);
        // An archived event must be readable without this configuration.
        if let Some(text) = evaluation.text()
            && !evaluation.has_match()
            && !self.config.catalogue.is_extended()
        {
            let brief = Box::new(evaluation.brief());
            let event = Unmatched::Scanned {
                brief: Box::clone(&brief),
                raw: text.into(),
            };
            return ByteMatch::Unmatched(brief, event);
        }
        let rules = evaluation.matched().map(Arc::clone).collect();
        ByteMatch::Matched(MatchedEvent::with_rules(rules, evaluation.into_event()))
    }
}

/// Stops a debug build where the index and the evaluator differ, as every test that drives the daemon does.
fn verify(evaluation: &Evaluation<'_>) {
    if cfg!(debug_assertions)
        && let Err(disagreement) = evaluation.verify()
    {
        panic!("{disagreement}");
    }
}
