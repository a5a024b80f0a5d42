//! Gives each request its identity: the id that its sender gave the delivery, or a text that no other request has.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde_json::Value;

use crate::source::InvalidBody;
use flowtrigger_core::config::source::{DeliveryIdentity, EventSource};
use flowtrigger_core::event::format::request::EventRequest;
use flowtrigger_core::event::json::content_hash::fingerprint;
use flowtrigger_core::event::json::value_ref::ValueRef;

/// The identity of one request, or of one element of its array.
#[derive(Debug, Clone)]
pub(super) struct RequestIdentity {
    delivery: Option<String>,
    unique: String,
    equal_before: usize,
}

/// Counts the equal elements of one array.
#[derive(Debug, Default)]
pub(super) struct ElementCounter {
    seen: HashMap<String, usize>,
}

impl ElementCounter {
    /// How many elements before this one are equal to it.
    fn count(&mut self, element: &Value) -> usize {
        let seen = self
            .seen
            .entry(fingerprint(ValueRef::Built(element)))
            .or_default();
        let before = *seen;
        *seen += 1;
        before
    }
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
        Ok(Self {
            delivery,
            unique,
            equal_before: 0,
        })
    }

    /// Elements of an array have the id of their request and their position, or their number among the equal elements
    /// of the array: none is a repeat of another, and each is one of the same element of a repeated request.
    pub fn element(&self, index: usize, value: &Value, counter: &mut ElementCounter) -> Self {
        let delivery = self.delivery.as_ref().map(|id| format!("{id}-{index}"));
        let equal_before = match &delivery {
            Some(_) => 0,
            None => counter.count(value),
        };
        Self {
            delivery,
            unique: self.unique.clone(),
            equal_before,
        }
    }

    pub fn request<'a>(&'a self, source: &'a EventSource) -> EventRequest<'a> {
        EventRequest {
            endpoint: &source.name,
            custom: source.description(),
            delivery: self.delivery.as_deref(),
            unique: &self.unique,
            equal_before: self.equal_before,
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
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use flowtrigger_core::config::{self, Config};
    use flowtrigger_core::diagnostic::{Diagnostics, FileId};
    use flowtrigger_core::event::catalogue::Catalogue;
    use flowtrigger_core::event::format::request::body_hash;
    use flowtrigger_core::event::format::{FormatHint, read};

    fn shop() -> EventSource {
        let diagnostics = &mut Diagnostics::default();
        let text = "sources: { shop: { event_type: order } }";
        let config = config::parse(FileId::default(), text, &BTreeMap::new(), diagnostics);
        config.sources["shop"].clone()
    }

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
        let element = whole.element(1, &Value::Null, &mut ElementCounter::default());
        assert_eq!(element.delivery.as_deref(), Some("d-1"));
    }

    proptest! {
        /// The elements of one request are as many events, in any mixture of equal ones, and those of the same request
        /// sent again are the same events.
        #[test]
        fn elements_of_one_request_differ_and_those_of_its_repeat_are_the_same(
            elements in prop::collection::vec(0_u8..4, 1..40)
        ) {
            let body = serde_json::json!(elements.iter().map(|n| serde_json::json!({"n": n})).collect::<Vec<_>>());
            let shop = shop();
            let events = || -> Vec<String> {
                let identity = RequestIdentity::new(&shop, None, Timestamp::UNIX_EPOCH).unwrap();
                let mut counter = ElementCounter::default();
                let values = body.as_array().unwrap().iter().enumerate();
                let ids = values.map(|(index, value)| {
                    let element = identity.element(index, value, &mut counter);
                    let request = element.request(&shop);
                    let hint = FormatHint::Request(&request);
                    read(value.clone(), hint, Catalogue::built_in()).unwrap().id
                });
                ids.collect()
            };
            let (first, again) = (events(), events());
            let hashes = |ids: &[String]| -> Vec<String> {
                ids.iter().map(|id| body_hash(id).unwrap().to_owned()).collect()
            };
            let distinct: BTreeSet<String> = hashes(&first).into_iter().collect();
            prop_assert_eq!(distinct.len(), elements.len());
            prop_assert_eq!(hashes(&first), hashes(&again));
            prop_assert!(first.iter().zip(&again).all(|(one, two)| one != two));
        }
    }
}
