//! Converts between the gate checks of a run and their JSON.

use serde_json::Value;

use super::{duration, duration_micros, json};
use crate::store::RowError;
use flowtrigger_core::gate;
use flowtrigger_core::gate::{GateCheck, GateKind};

/// `None` without gate checks.
pub fn encode_checks(checks: &[GateCheck]) -> Option<String> {
    let checks: Vec<Value> = checks
        .iter()
        .map(|ask| {
            let mut check = json!({
                "gate": ask.kind.as_str(),
                "window": duration_micros(ask.window),
                "value": ask.value,
            });
            match ask.kind {
                GateKind::Dedupe => {}
                GateKind::Throttle { limit } => check["limit"] = limit.into(),
                GateKind::Debounce { at_most, keep } => {
                    check["keep"] = keep.as_str().into();
                    check["at_most"] = json!(at_most.map(duration_micros));
                }
            }
            check
        })
        .collect();
    (!checks.is_empty()).then(|| Value::Array(checks).to_string())
}

pub fn decode_checks(text: Option<&str>) -> Result<Vec<GateCheck>, RowError> {
    let part = "gates of a run";
    let checks = json(text.unwrap_or("[]"), part)?;
    let check = |check: &Value| {
        Some(GateCheck {
            kind: kind(check),
            window: duration(check["window"].as_i64()?),
            value: check["value"].as_str()?.to_owned(),
        })
    };
    let checks = checks
        .as_array()
        .and_then(|checks| checks.iter().map(check).collect());
    checks.ok_or(RowError(part))
}

fn kind(ask: &Value) -> GateKind {
    let keep = ask["keep"].as_str().and_then(gate::DebounceKeep::parse);
    match (ask["limit"].as_u64(), keep) {
        (Some(limit), _) => GateKind::Throttle {
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        },
        (None, Some(keep)) => GateKind::Debounce {
            at_most: ask["at_most"].as_i64().map(duration),
            keep,
        },
        (None, None) => GateKind::Dedupe,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn gate_checks_are_read_back() {
        let of = |kind| GateCheck {
            kind,
            window: Duration::from_secs(60),
            value: "ticket.id 7".into(),
        };
        let debounce = |at_most, keep| of(GateKind::Debounce { at_most, keep });
        let all = vec![
            of(GateKind::Dedupe),
            debounce(None, gate::DebounceKeep::All),
            debounce(Some(Duration::from_secs(90)), gate::DebounceKeep::First),
            of(GateKind::Throttle { limit: 3 }),
        ];
        assert_eq!(decode_checks(encode_checks(&all).as_deref()).unwrap(), all);
        assert_eq!(encode_checks(&[]), None);
        assert!(decode_checks(Some("[{}]")).is_err() && decode_checks(Some("7")).is_err());
    }
}
