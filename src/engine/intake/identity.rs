//! Gives each request its identity: the id that its sender gave the delivery, or a text that no other request has.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::source::InvalidBody;
use flowtrigger_core::config::source::{DeliveryIdentity, EventSource};
use flowtrigger_core::event::format::request::EventRequest;

/// The identity of one request, or of one element of its array.
#[derive(Debug, Clone)]
pub(super) struct RequestIdentity {
    delivery: Option<String>,
    unique: String,
}

/// Differs between processes, so that a clock that was set back repeats nothing.
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0) & 0xff_ffff);
static REQUESTS: AtomicU64 = AtomicU64::new(0);

impl RequestIdentity {
    /// # Errors
    /// If the source requires a header that the request does not have.
    pub fn new(
        source: &EventSource,
        delivery: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, Box<InvalidBody>> {
        let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
        let (micros, process) = (now.as_microsecond(), *PROCESS);
        let unique = format!("{micros:x}-{process:x}-{number:x}");
        let delivery = match (&source.identity, delivery) {
            (DeliveryIdentity::Header(name), None) => return Err(missing(source, name)),
            (DeliveryIdentity::Header(_) | DeliveryIdentity::Delivery(_), given) => {
                given.map(str::to_owned)
            }
            (DeliveryIdentity::Request, _) => Some(format!("request-{unique}")),
            (DeliveryIdentity::Body, _) => None,
        };
        Ok(Self { delivery, unique })
    }

    /// Elements of an array have the id of their request and their position, so that none is a repeat of another.
    /// Elements without an id stay equal if their bodies are.
    pub fn element(&self, index: usize) -> Self {
        Self {
            delivery: self.delivery.as_ref().map(|id| format!("{id}-{index}")),
            unique: self.unique.clone(),
        }
    }

    pub fn request<'a>(&'a self, source: &'a EventSource) -> EventRequest<'a> {
        EventRequest {
            endpoint: &source.name,
            custom: source.description(),
            delivery: self.delivery.as_deref(),
            unique: &self.unique,
        }
    }
}

fn missing(source: &EventSource, header: &str) -> Box<InvalidBody> {
    Box::new(InvalidBody {
        error: format!("the header `{header}` is absent, is repeated or is not a short text"),
        help: Some(format!(
            "the source `{}` reads the id of its events from this header",
            source.name
        )),
        path: Some(format!("header.{header}")),
        ..InvalidBody::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::config::Config;

    fn source(identity: DeliveryIdentity) -> EventSource {
        EventSource {
            identity,
            ..Config::default().sources["support"].clone()
        }
    }

    #[test]
    fn no_two_requests_are_equal_unless_their_sender_says_so() {
        let at = Timestamp::UNIX_EPOCH;
        let ids = |identity, header| {
            let source = source(identity);
            let ids = [0, 1].map(|_| {
                let identity = RequestIdentity::new(&source, header, at).unwrap();
                let request = identity.request(&source);
                (
                    request.delivery.map(str::to_owned),
                    request.unique.to_owned(),
                )
            });
            assert_ne!(ids[0].1, ids[1].1);
            [ids[0].0.clone(), ids[1].0.clone()]
        };
        let [one, two] = ids(DeliveryIdentity::Request, Some("d"));
        assert!(one.is_some() && one != two);
        for identity in [
            DeliveryIdentity::Header("x-id".into()),
            DeliveryIdentity::Delivery("x-id"),
        ] {
            let [one, two] = ids(identity, Some("d"));
            assert!(one.as_deref() == Some("d") && one == two);
        }
        assert_eq!(ids(DeliveryIdentity::Body, Some("d")), [None, None]);
        assert_eq!(ids(DeliveryIdentity::Delivery("x-id"), None), [None, None]);
    }

    #[test]
    fn a_required_header_is_missed_and_elements_of_an_array_differ() {
        let required = source(DeliveryIdentity::Header("x-id".into()));
        let at = Timestamp::UNIX_EPOCH;
        let error = RequestIdentity::new(&required, None, at).unwrap_err();
        assert!(error.error.contains("`x-id` is absent"), "{}", error.error);
        let whole = RequestIdentity::new(&required, Some("d"), at).unwrap();
        let element = whole.element(1);
        assert_eq!(element.delivery.as_deref(), Some("d-1"));
    }
}
