//! Accepts requests: parses, decodes, matches and commits their events. One invalid element rejects a whole
//! array, and an event of another source is rejected.

pub mod batch;
mod counting;
mod delivery;
mod identity;
pub mod match_bytes;
mod request_events;
pub mod submit;
pub mod submitted_event;

use std::sync::Arc;

use serde_json::Value;

use crate::engine::Perform;
use crate::engine::handle::Engine;
use crate::source::{
    AcceptedEvent, AcceptedRun, AnswerResult, AskedQuestion, Endpoint, EventDelivery, Ingest,
    IngestError, IngestResponse, RejectedRequest, SentAnswer,
};
use crate::store::{RunStatus, Store, StoreError};
use delivery::IncomingDelivery;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::{EventSource, SourceFormat};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::clock::CLOCK;
use flowtrigger_core::event::format::{DecodeError, FormatHint, read};
use flowtrigger_core::event::request_values;
use flowtrigger_core::event::summary::EventSummary;
use flowtrigger_core::run::answer_link::AskedStep;
use identity::RequestIdentity;
use match_bytes::ByteMatch;
use request_events::{RequestEvents, forged};
use submit::{MatchedEvent, RequestContext};
use submitted_event::SubmittedEvent;

/// The reason that senders get while the database does not answer.
const AWAY: &str = "the database is not available; send it again later";
const STOPPING: &str = "stopping; send the events again after the restart";

/// The names of all configured sources.
pub fn sources(config: &Config) -> Vec<String> {
    config.sources.keys().cloned().collect()
}

/// Decodes an event of the named source, or of the source that its content shows.
pub fn read_event(
    value: Value,
    source: Option<&EventSource>,
    config: &Config,
) -> Result<Event, DecodeError> {
    let format = match source.map(|source| (&source.reads, &source.name)) {
        Some((SourceFormat::Custom(description), _)) => FormatHint::Custom(description),
        Some((SourceFormat::BuiltIn(_), name)) => FormatHint::Endpoint(name),
        None => FormatHint::Detect,
    };
    read_as(value, source, format, config)
}

fn read_as(
    value: Value,
    source: Option<&EventSource>,
    format: FormatHint<'_>,
    config: &Config,
) -> Result<Event, DecodeError> {
    let mut event = read(value, format, &config.catalogue)?;
    if let Some(entry) = source.or_else(|| config.sources.get(&event.endpoint)) {
        event.warnings.extend(entry.account_warnings(&event));
    }
    let Some(source) = source.filter(|source| event.source != source.source()) else {
        return Ok(event);
    };
    let (found, name) = (&event.source, &source.name);
    Err(DecodeError {
        message: format!("this is an event of `{found}`, not of `{name}`"),
        help: Some(match event.source == CLOCK {
            true => "the daemon makes the ticks of rules with `every`; none is accepted".to_owned(),
            false => format!("send it to `/events/{}`", event.source),
        }),
        path: None,
        finding: None,
    })
}

impl<S: Store, P: Perform> Ingest for Engine<S, P> {
    fn endpoint(&self, path: &str) -> Option<Arc<Endpoint>> {
        let active = self.shared.active.load();
        active.rulebook.entrances.at(path).cloned()
    }

    fn nearest_path(&self, path: &str) -> Option<String> {
        let active = self.shared.active.load();
        let nearest = active.rulebook.entrances.nearest(path);
        nearest.map(str::to_owned)
    }

    fn record_rejection(&self, request: RejectedRequest) {
        self.record_rejected_request(request);
    }

    fn ready(&self) -> Result<(), String> {
        match self.shared.accepting() {
            true => {
                self.shared.store.health()?;
                self.shared.lease.check(self.shared.clock().elapsed())
            }
            false => Err(STOPPING.into()),
        }
    }

    fn notes(&self) -> Vec<String> {
        let failed = self.shared.failed_reload.load();
        let note = failed.as_ref().map(|failed| {
            format!(
                "reloads have failed since {:.0}, so that the previous rules stay in use: {}",
                failed.since, failed.reason
            )
        });
        let suspended = self.shared.suspensions.describe();
        let overdue = self.shared.overdue_ticks.load();
        let overdue = overdue.as_ref().map(|overdue| overdue.describe());
        note.into_iter().chain(suspended).chain(overdue).collect()
    }

    async fn receive(&self, delivery: EventDelivery<'_>) -> Result<IngestResponse, IngestError> {
        let clock = self.shared.clock();
        let began = clock.elapsed();
        let response = self.ingest(delivery).await;
        let latencies = self.shared.metrics.latencies();
        latencies.observe_ingest(clock.elapsed().saturating_sub(began));
        response
    }

    fn asked(&self, token: &str) -> Option<AskedStep> {
        self.open_link(token)
    }

    async fn question(&self, asked: &AskedStep) -> Result<Option<AskedQuestion>, IngestError> {
        self.read_question(asked).await
    }

    async fn answer(&self, answer: SentAnswer) -> Result<Option<AnswerResult>, IngestError> {
        self.take_answer(answer).await
    }

    async fn metrics(&self) -> Result<String, String> {
        self.read_gauges().await;
        let (store, now) = (&self.shared.store, self.shared.now());
        let text = self.shared.metrics.text(store, now).await;
        text.map_err(|error| error.to_string())
    }
}

impl<S: Store, P: Perform> Engine<S, P> {
    /// The source is looked up here alone: a reload may have closed it since the request began.
    async fn ingest(&self, delivery: EventDelivery<'_>) -> Result<IngestResponse, IngestError> {
        let EventDelivery { id, body, .. } = delivery;
        let intake = Arc::clone(&self.shared.intake).read_owned().await;
        let active = self.shared.active.load_full();
        let rulebook = &active.rulebook;
        let Some(entrance) = rulebook.config.sources.get(&**delivery.endpoint) else {
            return Err(IngestError::UnknownSource);
        };
        // Whether the store can write is found out by the attempt: it may have recovered.
        if !self.shared.accepting() {
            let reason = STOPPING.to_owned();
            return Err(IngestError::Unavailable { reason });
        }
        let rejected = |error: StoreError| ingest_error(&error);
        let identity = RequestIdentity::new(entrance, id, self.shared.now());
        let identity = identity.map_err(IngestError::InvalidId)?;
        // A request that is rejected here gets its number when it is recorded.
        let incoming =
            || IncomingDelivery::new(self.shared.store.next_delivery(), entrance, &delivery);
        let added = match (delivery.values, &entrance.items) {
            (Some(values), None) => request_values::added_to_text(body, values),
            (Some(_) | None, _) => None,
        };
        let read_whole = entrance.items.is_some() || (delivery.values.is_some() && added.is_none());
        let text = added.as_deref().unwrap_or(body);
        let matched = match read_whole {
            true => None,
            false => rulebook.match_request(entrance, &identity.request(entrance), text),
        };
        let request = match matched {
            Some(ByteMatch::Unmatched(brief, event))
                if self.is_awaited(&active, &brief).await.map_err(rejected)? =>
            {
                let event = event.into_event();
                let event = event.map_err(|error| rejected(error.into()))?;
                RequestEvents {
                    events: vec![MatchedEvent::without_rules(event)],
                    array: false,
                }
            }
            Some(ByteMatch::Unmatched(brief, event)) => {
                let archived = self
                    .archive_delivered(&active, &brief, event, incoming())
                    .await;
                archived.map_err(rejected)?;
                self.shared.empty_paths.record(entrance, &brief);
                return Ok(unmatched(&brief));
            }
            Some(ByteMatch::Matched(event)) => {
                if delivery.values.is_none()
                    && event.event.raw.field(request_values::REQUEST_KEY).is_some()
                {
                    return Err(IngestError::InvalidBody(forged(None)));
                }
                RequestEvents {
                    events: vec![event],
                    array: false,
                }
            }
            None => RequestEvents::read(entrance, &identity, (body, delivery.values), rulebook)
                .map_err(IngestError::InvalidBody)?,
        };
        let array = request.array;
        let context = RequestContext {
            intake,
            delivery: incoming(),
        };
        let events = request.delivered_by(context.delivery.id, delivery.trace);
        let submitted = self
            .submit_with(Arc::clone(&active), events, Some(context))
            .await;
        let submitted = submitted.map_err(rejected)?;
        for event in &submitted {
            self.shared.empty_paths.record(entrance, &event.event);
        }
        let answers = submitted.iter().map(|event| answer(event, entrance));
        let mut answers: Vec<AcceptedEvent> = answers.collect();
        Ok(match (array, answers.len()) {
            (false, 1) => IngestResponse::One(answers.remove(0)),
            (true | false, _) => IngestResponse::Many(answers),
        })
    }
}

pub(in crate::engine) fn ingest_error(error: &StoreError) -> IngestError {
    let reason = error.to_string();
    match error {
        StoreError::Full { .. } | StoreError::TooManyWaiters { .. } => IngestError::Busy { reason },
        // Its text names the server; senders need not know it, and the log has it.
        StoreError::Unreachable(_) => IngestError::Unavailable {
            reason: AWAY.to_owned(),
        },
        StoreError::Busy
        | StoreError::Broken(_)
        | StoreError::Damaged(_)
        | StoreError::UnknownRun(_)
        | StoreError::ClaimLost(_)
        | StoreError::UnknownEvent
        | StoreError::OnlyTells(_)
        | StoreError::Redacted(_)
        | StoreError::Settings(_)
        | StoreError::WrongState { .. } => IngestError::Unavailable { reason },
    }
}

fn unmatched(event: &EventSummary) -> IngestResponse {
    IngestResponse::One(AcceptedEvent {
        accepted: true,
        event: event.id.clone(),
        runs: Vec::new(),
        continued: Vec::new(),
        redelivered: false,
        warnings: event.warnings.clone(),
    })
}

fn answer(submitted: &SubmittedEvent, source: &EventSource) -> AcceptedEvent {
    let accepted = |run: &RunStatus| AcceptedRun {
        id: run.id.0,
        rule: run.rule.to_string(),
        state: run.state.as_str(),
    };
    let committed = &submitted.committed;
    AcceptedEvent {
        accepted: true,
        event: submitted.id().to_owned(),
        runs: committed.runs.iter().map(accepted).collect(),
        continued: committed.continued.iter().map(accepted).collect(),
        redelivered: committed.redelivered,
        warnings: source.answer_warnings(&submitted.event.warnings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_sources_are_named_once() {
        assert_eq!(sources(&Config::default()), ["support", "upmind"]);
    }
}
