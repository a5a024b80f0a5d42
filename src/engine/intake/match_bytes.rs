//! Matches events by the current rules: on the received bytes if possible, else on the decoded event. An event
//! that no rule matches is not decoded.

use std::cell::RefCell;
use std::sync::Arc;

use super::submit::MatchedEvent;
use crate::engine::Rulebook;
use crate::engine::state::ActiveRulebook;
use crate::store::UnmatchedEvent;
use flowtrigger_core::config::source::{EventSource, SourceFormat};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::FormatHint;
use flowtrigger_core::event::format::request::EventRequest;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::matching::evaluation::Evaluation;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::rule::Rule;

/// An event that was matched in its bytes.
pub enum ByteMatch {
    /// No rule matches; nothing was decoded.
    Unmatched(Arc<EventSummary>, UnmatchedEvent),
    Matched(MatchedEvent),
}

/// Matches events by one rulebook, on any thread.
#[derive(Clone)]
pub struct Matcher {
    active: Arc<ActiveRulebook>,
}

/// An event with the rules that match it, and the rulebook that they are from.
pub struct ReceivedEvent {
    pub(super) active: Arc<ActiveRulebook>,
    pub(super) matched: ByteMatch,
}

thread_local! {
    static SCRATCH: RefCell<MatchScratch> = RefCell::default();
}

impl Matcher {
    pub(super) fn new(active: Arc<ActiveRulebook>) -> Self {
        Self { active }
    }

    pub fn rulebook(&self) -> &Rulebook {
        &self.active.rulebook
    }

    /// None if the bytes have to be parsed in full.
    pub fn match_bytes(&self, bytes: &[u8], format: FormatHint<'_>) -> Option<ReceivedEvent> {
        let matched = self.rulebook().match_bytes(bytes, format, None)?;
        Some(self.incoming(matched))
    }

    pub fn match_event(&self, event: Event) -> ReceivedEvent {
        let event = MatchedEvent::new(event, self.rulebook());
        self.incoming(ByteMatch::Matched(event))
    }

    fn incoming(&self, matched: ByteMatch) -> ReceivedEvent {
        ReceivedEvent {
            active: Arc::clone(&self.active),
            matched,
        }
    }
}

impl Rulebook {
    /// Matches the body of a request to a configured source. None if it has to be parsed in full: a list of
    /// events, damaged text, an event of another source.
    pub fn match_request(
        &self,
        entry: &EventSource,
        request: &EventRequest<'_>,
        body: &[u8],
    ) -> Option<ByteMatch> {
        let only = match &entry.reads {
            SourceFormat::Custom(_) => None,
            SourceFormat::BuiltIn(source) => Some(*source),
        };
        let mut matched = self.match_bytes(body, FormatHint::Request(request), only)?;
        if let ByteMatch::Matched(matched) = &mut matched
            && let Some(event) = Arc::get_mut(&mut matched.event)
        {
            let warnings = entry.account_warnings(event);
            event.warnings.extend(warnings);
        }
        Some(matched)
    }

    /// Matches an event in its bytes, which must be of the given `event_source`, if any.
    fn match_bytes(
        &self,
        bytes: &[u8],
        format: FormatHint<'_>,
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
            let brief = Arc::new(evaluation.brief());
            let event = UnmatchedEvent::Scanned {
                brief: Arc::clone(&brief),
                raw: text.into(),
            };
            return ByteMatch::Unmatched(brief, event);
        }
        let rules = evaluation.matched().map(Arc::clone).collect();
        ByteMatch::Matched(MatchedEvent::with_rules(rules, evaluation.into_event()))
    }
}

/// Panics in debug builds if the index and the evaluator disagree. Every test that drives the daemon does so.
fn verify(evaluation: &Evaluation<'_>) {
    if cfg!(debug_assertions)
        && let Err(disagreement) = evaluation.verify()
    {
        panic!("{disagreement}");
    }
}
