//! Converts between an exchange and the JSON of its column, which has a version.

use serde::{Deserialize, Serialize};

use super::deep;
use crate::store::RowError;
use flowtrigger_core::run::exchange::Exchange;

/// Increases when an older program could not read what this one writes.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct WrittenExchange<'e> {
    v: u32,
    exchange: &'e Exchange,
}

#[derive(Deserialize)]
struct StoredExchange {
    v: u32,
    exchange: Exchange,
}

pub fn encode_exchange(exchange: &Exchange) -> String {
    let written = WrittenExchange {
        v: FORMAT,
        exchange,
    };
    serde_json::to_string(&written).expect("an exchange has only texts and numbers")
}

pub fn decode_exchange(text: &str) -> Result<Exchange, RowError> {
    let stored: Option<StoredExchange> = deep(text);
    stored
        .filter(|stored| stored.v == FORMAT)
        .map(|stored| stored.exchange)
        .ok_or(RowError("exchange of an attempt"))
}
