//! Accepts requests: parses, decodes, matches and commits their events. One invalid element rejects a whole
//! array, and an event of another source is rejected.

pub mod batch;
mod delivery;
mod identity;
pub mod match_bytes;
pub mod submit;

use std::sync::Arc;

use serde_json::Value;

use crate::engine::handle::Engine;
use crate::engine::{Perform, Rulebook};
use crate::source::{
    AcceptedEvent, AcceptedRun, Endpoint, EventDelivery, Ingest, IngestError, IngestResponse,
    InvalidBody, RejectedRequest,
};
use crate::store::{DeliveryId, DeliveryPart, Store, StoreError};
use delivery::IncomingDelivery;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::{EventSource, SourceFormat};
use flowtrigger_core::event::Event;
use flowtrigger_core::event::format::{DecodeError, FormatHint, read};
use flowtrigger_core::event::json::parse::{JsonError, parse};
use flowtrigger_core::event::summary::EventSummary;
use identity::{ElementCounter, RequestIdentity};
use match_bytes::ByteMatch;
use submit::{MatchedEvent, RequestContext, SubmittedEvent};

/// The most elements of an array. A body of the maximum size has fewer real events.
const MAX_EVENTS: usize = 1_000;

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
        help: Some(format!("send it to `/events/{}`", event.source)),
        path: None,
        finding: None,
    })
}

impl<S: Store, P: Perform> Ingest for Engine<S, P> {
    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        let active = self.shared.active.load();
        active.rulebook.entrances.at(path).cloned()
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

    async fn receive(&self, delivery: EventDelivery<'_>) -> Result<IngestResponse, IngestError> {
        self.ingest(delivery).await
    }

    async fn metrics(&self) -> Result<String, String> {
        let now = self.shared.now();
        let metrics = &self.shared.metrics;
        if let Some(age) = self.shared.lease.age(self.shared.clock().elapsed()) {
            metrics.set_lease(self.shared.lease.membership(), age);
        }
        let text = metrics.text(&self.shared.store, now).await;
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
        let request = match rulebook.match_request(entrance, &identity.request(entrance), body) {
            Some(ByteMatch::Unmatched(brief, event)) => {
                let archived = self
                    .archive_delivered(&active, &brief, event, incoming())
                    .await;
                return archived.map_err(rejected).map(|()| unmatched(*brief));
            }
            Some(ByteMatch::Matched(event)) => RequestEvents {
                events: vec![event],
                array: false,
            },
            None => RequestEvents::read(entrance, &identity, body, rulebook)
                .map_err(IngestError::InvalidBody)?,
        };
        let array = request.array;
        let context = RequestContext {
            intake,
            delivery: incoming(),
        };
        let events = request.delivered_by(context.delivery.id);
        let submitted = self
            .submit_with(Arc::clone(&active), events, Some(context))
            .await;
        let submitted = submitted.map_err(rejected)?;
        let answers = submitted.iter().map(|event| answer(event, entrance));
        let mut answers: Vec<AcceptedEvent> = answers.collect();
        Ok(match (array, answers.len()) {
            (false, 1) => IngestResponse::One(answers.remove(0)),
            (true | false, _) => IngestResponse::Many(answers),
        })
    }
}

fn ingest_error(error: &StoreError) -> IngestError {
    let reason = error.to_string();
    match error {
        StoreError::Full { .. } => IngestError::Busy { reason },
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

/// The events of one request.
#[derive(Debug)]
struct RequestEvents {
    events: Vec<MatchedEvent>,
    array: bool,
}

impl RequestEvents {
    fn read(
        source: &EventSource,
        identity: &RequestIdentity,
        body: &[u8],
        rulebook: &Rulebook,
    ) -> Result<Self, Box<InvalidBody>> {
        let accepted = parse(body).map_err(unsound)?;
        let (values, array) = match accepted.value {
            Value::Array(values) => (values, true),
            one => (vec![one], false),
        };
        check_count(values.len())?;
        let mut events = Vec::with_capacity(values.len());
        let mut counter = ElementCounter::default();
        for (index, value) in values.into_iter().enumerate() {
            let identity = match array {
                true => identity.element(index, &value, &mut counter),
                false => identity.clone(),
            };
            let request = identity.request(source);
            let hint = FormatHint::Request(&request);
            let read = read_as(value, Some(source), hint, &rulebook.config);
            let mut event = read.map_err(|error| no_event(error, array.then_some(index)))?;
            event.warnings.extend(accepted.repairs.iter().cloned());
            events.push(MatchedEvent::new(event, rulebook));
        }
        Ok(Self { events, array })
    }

    /// The events, each with its place in the request.
    fn delivered_by(self, delivery: DeliveryId) -> Vec<MatchedEvent> {
        let array = self.array;
        let events = self.events.into_iter().enumerate();
        let events = events.map(|(index, event)| {
            event.delivered_by(DeliveryPart {
                delivery,
                index: array.then_some(index),
            })
        });
        events.collect()
    }
}

fn check_count(count: usize) -> Result<(), Box<InvalidBody>> {
    let (summary, error) = match count {
        0 => (
            "an empty array",
            "an empty array has no event; send at least one".into(),
        ),
        count if count > MAX_EVENTS => (
            "too many events in one array",
            format!("{count} events in one array; send at most {MAX_EVENTS}"),
        ),
        _ => return Ok(()),
    };
    Err(Box::new(InvalidBody {
        error,
        summary: Some(summary),
        line: Some(1),
        column: Some(1),
        ..InvalidBody::default()
    }))
}

fn unsound(error: JsonError) -> Box<InvalidBody> {
    Box::new(InvalidBody {
        summary: Some(error.fault.summary()),
        error: error.reason,
        line: Some(error.line),
        column: Some(error.column),
        ..InvalidBody::default()
    })
}

fn no_event(error: DecodeError, index: Option<usize>) -> Box<InvalidBody> {
    Box::new(InvalidBody {
        finding: Some(error.finding.unwrap_or_else(|| error.message.clone())),
        error: error.message,
        help: error.help,
        path: error.path,
        index,
        ..InvalidBody::default()
    })
}

fn unmatched(event: EventSummary) -> IngestResponse {
    IngestResponse::One(AcceptedEvent {
        accepted: true,
        event: event.id,
        runs: Vec::new(),
        redelivered: false,
        warnings: event.warnings,
    })
}

fn answer(submitted: &SubmittedEvent, source: &EventSource) -> AcceptedEvent {
    let runs = submitted.committed.runs.iter().map(|run| AcceptedRun {
        id: run.id.0,
        rule: run.rule.to_string(),
        state: run.state.as_str(),
    });
    AcceptedEvent {
        accepted: true,
        event: submitted.id().to_owned(),
        runs: runs.collect(),
        redelivered: submitted.committed.redelivered,
        warnings: source.answer_warnings(&submitted.event.warnings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(source: &str, text: &str) -> Result<RequestEvents, Box<InvalidBody>> {
        let rulebook = Rulebook::default();
        let source = &rulebook.config.sources[source];
        let identity = RequestIdentity::new(source, None, jiff::Timestamp::UNIX_EPOCH);
        RequestEvents::read(source, &identity?, text.as_bytes(), &rulebook)
    }

    fn ticket(id: &str) -> String {
        format!(
            r#"{{"input":{{"ticket_event":{{"type":"Ticket Created","ticket":{{"id":{id}}}}}}}}}"#
        )
    }

    #[test]
    fn one_event_or_an_array() {
        let one = request("support", &ticket("1")).expect("an event");
        assert!(!one.array && one.events.len() == 1);
        let many = request("support", &format!("[{}, {}]", ticket("1"), ticket("2")));
        let many = many.expect("two events");
        assert!(many.array && many.events[1].event.key.as_deref() == Some("2"));
    }

    #[test]
    fn what_is_not_json_has_a_place() {
        let rejected = request("support", "{\n \"a\": }").expect_err("no JSON");
        assert_eq!((rejected.line, rejected.column), (Some(2), Some(7)));
    }

    #[test]
    fn what_is_no_event_has_an_index_and_a_path() {
        let text = format!("[{}, {}]", ticket("1"), ticket("{}"));
        let rejected = request("support", &text).expect_err("no event");
        assert_eq!(rejected.index, Some(1));
        assert_eq!(
            rejected.path.as_deref(),
            Some("input.ticket_event.ticket.id")
        );
        assert!(request("support", "7").is_err_and(|rejected| rejected.index.is_none()));
    }

    #[test]
    fn the_url_decides_and_the_content_must_agree() {
        let rejected = request("upmind", &ticket("1")).expect_err("another source");
        assert_eq!(
            rejected.error,
            "this is an event of `support`, not of `upmind`"
        );
        assert_eq!(
            rejected.help.as_deref(),
            Some("send it to `/events/support`")
        );
    }

    #[test]
    fn arrays_have_bounds() {
        assert!(request("support", "[]").is_err());
        let most = vec![ticket("1"); MAX_EVENTS].join(",");
        assert!(request("support", &format!("[{most}]")).is_ok());
        let over = format!("[{most},{}]", ticket("1"));
        let rejected = request("support", &over).expect_err("too many");
        assert!(
            rejected.error.contains("at most 1000"),
            "{}",
            rejected.error
        );
    }

    #[test]
    fn built_in_sources_are_named_once() {
        assert_eq!(sources(&Config::default()), ["support", "upmind"]);
    }
}
