//! The header `traceparent` of requests. With an exporter, a request belongs to the span of its attempt; without one, it
//! carries what the delivery said, so that the trace of the sender goes on.

use super::Worker;
use crate::store::Store;
use flowtrigger_core::event::trace_context::{TRACEPARENT, TraceParent};
use flowtrigger_core::flow::call::Call;
use flowtrigger_core::flow::decide::StepCall;
use flowtrigger_core::language::rendered_text::RenderedText;
use flowtrigger_core::run::EventIdentity;
use flowtrigger_core::run::span_ids::{SpanIds, rounds};

impl<S: Store, P> Worker<'_, S, P> {
    /// Adds the header to a request, unless its step or its connection sets one.
    pub(super) fn add_trace_parent(&self, task: &mut StepCall) {
        let Call::Http(call) = &mut task.call else {
            return;
        };
        let mut headers = call.headers.iter();
        if headers.any(|(name, _)| name.eq_ignore_ascii_case(TRACEPARENT)) {
            return;
        }
        if let Some(parent) = self.trace_parent(&task.step, task.number) {
            let value = RenderedText::plain(parent.to_string());
            call.headers.push((TRACEPARENT.to_owned(), value));
        }
    }

    fn trace_parent(&self, step: &str, number: u32) -> Option<TraceParent> {
        let delivered = self.run.event.trace;
        let active = self.shared.active.load();
        let Some(export) = &active.rulebook.config.traces else {
            return delivered;
        };
        let event = EventIdentity::of(&self.run.event);
        let ids = SpanIds::new(event, delivered, self.run.id, rounds(&self.run.log));
        let is_sampled = export.samples(ids.trace(), delivered);
        let span = ids.attempt(step, number);
        Some(TraceParent::new(ids.trace(), span, is_sampled))
    }
}
