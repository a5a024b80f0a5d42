//! An HTTP action of a bundle, for one state that calls it, as the `http:` of a step.
//! It refuses an address whose host comes from values.

use serde_json::{Map, Value, json};

use super::connections::Connections;
use super::filled::{Filled, Source};
use crate::core::bundle::http::{self, Address, HttpAction, Pair};

pub fn http(
    action: &HttpAction,
    source: &Source<'_>,
    connections: &mut Connections<'_>,
) -> Result<Value, String> {
    let mut http = Map::new();
    if let Some(method) = &action.method {
        http.insert("method".into(), json!(method.text.to_ascii_uppercase()));
    }
    address(action, source, connections, &mut http)?;
    if !action.headers.is_empty() {
        http.insert("headers".into(), headers(&action.headers, source)?);
    }
    if !action.query.is_empty() {
        http.insert("query".into(), query(&action.query, source)?);
    }
    if let Some(body) = &action.body {
        let body = filled(body, source)?;
        let key = match body.is_text() {
            true => "body",
            false => "json",
        };
        http.insert(key.into(), body.to_value()?);
    }
    Ok(Value::Object(http))
}

fn filled(written: &http::Filled, source: &Source<'_>) -> Result<Filled, String> {
    match written.reference {
        true => Filled::reference(&written.node, source),
        false => Filled::of(&written.node, source),
    }
}

fn address(
    action: &HttpAction,
    source: &Source<'_>,
    connections: &mut Connections<'_>,
    http: &mut Map<String, Value>,
) -> Result<(), String> {
    let named = action.connection.as_ref().map(|word| word.text.as_str());
    match &action.address {
        Address::Path(path) => {
            let name = connections.of_path(named);
            http.insert("connection".into(), json!(name));
            http.insert("path".into(), json!(filled(path, source)?.as_text()?));
        }
        Address::Url(url) => {
            let url = filled(url, source)?.as_text()?;
            let after = url.find("://").map_or(0, |at| at + 3);
            let end = url[after..]
                .find(['/', '?', '#'])
                .map_or(url.len(), |at| after + at);
            let (origin, rest) = url.split_at(end);
            if origin.contains("{{") {
                return Err("the host of its address comes from values".into());
            }
            let Some(name) = named else {
                http.insert("url".into(), json!(url));
                return Ok(());
            };
            let name = connections.of_host(name, origin)?;
            let path = match rest {
                rest if rest.starts_with('/') => rest.to_owned(),
                rest => format!("/{rest}"),
            };
            http.insert("connection".into(), json!(name));
            http.insert("path".into(), json!(path));
        }
    }
    Ok(())
}

fn headers(pairs: &[Pair], source: &Source<'_>) -> Result<Value, String> {
    let mut headers = Map::new();
    for pair in pairs {
        let value = filled(&pair.value, source)?.as_text()?;
        if headers
            .insert(pair.key.text.clone(), json!(value))
            .is_some()
        {
            return Err(format!("the header `{}` stands there twice", pair.key.text));
        }
    }
    Ok(Value::Object(headers))
}

/// A parameter that stands there twice has a list.
fn query(pairs: &[Pair], source: &Source<'_>) -> Result<Value, String> {
    let mut query: Map<String, Value> = Map::new();
    for pair in pairs {
        let value = json!(filled(&pair.value, source)?.as_text()?);
        match query.get_mut(&pair.key.text) {
            None => {
                query.insert(pair.key.text.clone(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = json!([first.clone(), value]),
        }
    }
    Ok(Value::Object(query))
}
