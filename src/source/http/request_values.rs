//! Takes from a request what its source reads beside the body: headers, values of the query, an id.

use axum::http::{HeaderMap, Uri};
use serde_json::{Map, Value, json};

use crate::source::query_value::single_query_value;
use flowtrigger_core::config::value_location::{RequestLocation, RequestNeeds};
use flowtrigger_core::event::request_values::{HEADERS, ID, QUERY};

/// The longest value that is taken.
const MAX_VALUE_BYTES: usize = 1_024;

/// The values of a request; `None` if its source reads none. A header or a value that occurs twice, is long or is not text
/// counts as absent.
pub fn taken(needs: &RequestNeeds, headers: &HeaderMap, uri: &Uri) -> Option<Map<String, Value>> {
    if needs.is_empty() {
        return None;
    }
    let mut found = Map::new();
    let mut put = |part: &str, values: Map<String, Value>| {
        if !values.is_empty() {
            found.insert(part.to_owned(), Value::Object(values));
        }
    };
    let header = |name: &String| Some((name.clone(), json!(header(headers, name)?)));
    put(HEADERS, needs.headers.iter().filter_map(header).collect());
    let value = |name: &String| Some((name.clone(), json!(query(uri, name)?)));
    put(QUERY, needs.query.iter().filter_map(value).collect());
    let mut ids = needs.ids.iter().filter_map(|location| match location {
        RequestLocation::Header(name) => self::header(headers, name),
        RequestLocation::Query(name) => query(uri, name),
    });
    if let Some(id) = ids.next() {
        found.insert(ID.to_owned(), id.into());
    }
    Some(found)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    fitting(value.to_str().ok()?)
}

fn query(uri: &Uri, name: &str) -> Option<String> {
    fitting(&single_query_value(uri.query()?, name)?)
}

fn fitting(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= MAX_VALUE_BYTES;
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs() -> RequestNeeds {
        let mut needs = RequestNeeds::default();
        for place in [
            RequestLocation::Header("x-kind".into()),
            RequestLocation::Query("kind".into()),
        ] {
            needs.add(&place);
            needs.ids.push(place);
        }
        needs
    }

    fn of(headers: &[(&'static str, &str)], uri: &str) -> Value {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let taken = taken(&needs(), &map, &uri.parse().unwrap());
        Value::Object(taken.unwrap())
    }

    #[test]
    fn only_what_is_needed_is_taken() {
        assert_eq!(
            of(
                &[("x-kind", " made "), ("authorization", "secret")],
                "/a?other=1"
            ),
            json!({"headers": {"x-kind": "made"}, "id": "made"})
        );
        assert_eq!(
            of(&[], "/a?kind=sent+now&kind2=x"),
            json!({"query": {"kind": "sent now"}, "id": "sent now"})
        );
        assert!(
            taken(
                &RequestNeeds::default(),
                &HeaderMap::new(),
                &Uri::from_static("/a?kind=1")
            )
            .is_none()
        );
    }

    #[test]
    fn what_is_repeated_or_long_is_absent() {
        let long = "x".repeat(MAX_VALUE_BYTES + 1);
        for (headers, uri) in [
            (
                &[("x-kind", "a"), ("x-kind", "b")][..],
                "/a?kind=1&kind=2".to_owned(),
            ),
            (&[("x-kind", long.as_str())][..], format!("/a?kind={long}")),
            (&[("x-kind", " ")][..], "/a?kind=".to_owned()),
        ] {
            assert_eq!(of(headers, &uri), json!({}), "{uri}");
        }
    }
}
