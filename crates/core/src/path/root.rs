//! Where a plain path starts: the part of the event, or the values beside it.
//! A name of the envelope belongs to the sender's body in formats whose envelope does not have it.

use serde_json::Value;

use crate::event::Event;
use crate::event::format::has_envelope_field;
use crate::path::PathSegment;
use crate::path::scope::Scope;

/// Where a plain path starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Root {
    /// The `ticket_event` object.
    Body,
    /// `account_id`, `subdomain`, `integration_key`, `actor_id`: the envelope, or the body for events of a
    /// format whose envelope has no such field.
    Envelope,
    /// `event.type`, `event.id`, `event.time`, `event.source`, `event.key`.
    Event,
    /// `$.raw…`: the body as received.
    Raw,
    Vars,
    Steps,
    /// `error.message`, `error.run`, `error.rule`, `error.attempts`: the failure of a run or step.
    Error,
    /// A local name of the flow: the item of a `for_each`, the `events` that a debounce collected.
    Local,
    /// `$` in a bundle's flow.
    Document,
}

impl Root {
    pub(super) fn value<'a>(self, scope: &Scope<'a>, keys: &[PathSegment]) -> &'a Value {
        match self.in_event(scope.event, keys) {
            Root::Body => &scope.event.body,
            Root::Envelope => &scope.event.envelope,
            Root::Event => &scope.event.about,
            Root::Raw => &scope.event.raw,
            Root::Vars => scope.vars,
            Root::Steps => scope.steps,
            Root::Error => scope.error,
            Root::Local => scope.locals,
            Root::Document => scope.document,
        }
    }

    /// Returns where the keys start in this event.
    pub fn in_event(self, event: &Event, keys: &[PathSegment]) -> Self {
        let is_of_envelope = |key: &PathSegment| has_envelope_field(event.format, &key.name);
        match self {
            Root::Envelope if !keys.first().is_some_and(is_of_envelope) => Root::Body,
            Root::Body
            | Root::Envelope
            | Root::Event
            | Root::Raw
            | Root::Vars
            | Root::Steps
            | Root::Error
            | Root::Local
            | Root::Document => self,
        }
    }
}
