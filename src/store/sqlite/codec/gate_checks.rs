//! Converts the gate checks of a run to JSON, and reads what is shown of them.

use jiff::Timestamp;
use serde_json::Value;

use super::{duration, duration_micros, json, micros, time};
use crate::store::RowError;
use flowtrigger_core::gate::debounce::describe;
use flowtrigger_core::gate::recorded::RecordedGate;
use flowtrigger_core::gate::{
    GateCheck, GateKind, describe_during, describe_open_time, format_duration,
};

/// `None` without gate checks. An event without a time has that of its receipt.
pub fn encode_checks(checks: &[GateCheck], received: Timestamp) -> Option<String> {
    let checks: Vec<Value> = checks
        .iter()
        .map(|ask| {
            let mut check = json!({
                "gate": ask.kind.as_str(),
                "window": duration_micros(ask.window.time),
                "value": ask.value,
            });
            if let Some(during) = &ask.window.during {
                check["during"] = during.text().into();
            }
            match &ask.kind {
                GateKind::During(during) => {
                    let at = ask.time.unwrap_or(received);
                    check["during"] = during.text().into();
                    check["text"] = describe_during(during, at).into();
                    check["changes"] = json!(during.schedule.next_change(at).map(micros));
                }
                GateKind::Dedupe => {}
                GateKind::Throttle { limit } => check["limit"] = (*limit).into(),
                GateKind::Series(gate) => check["limit"] = gate.needs().into(),
                GateKind::Debounce { at_most, keep } => {
                    check["keep"] = keep.as_str().into();
                    check["at_most"] = json!(
                        at_most
                            .as_ref()
                            .map(|longest| duration_micros(longest.time))
                    );
                    let during = at_most.as_ref().and_then(|longest| longest.during.as_ref());
                    if let Some(during) = during {
                        check["at_most_during"] = during.text().into();
                    }
                }
            }
            check
        })
        .collect();
    (!checks.is_empty()).then(|| Value::Array(checks).to_string())
}

pub fn decode_checks(text: Option<&str>) -> Result<Vec<RecordedGate>, RowError> {
    let part = "gates of a run";
    let checks = json(text.unwrap_or("[]"), part)?;
    let checks = checks
        .as_array()
        .and_then(|checks| checks.iter().map(recorded).collect());
    checks.ok_or(RowError(part))
}

fn recorded(check: &Value) -> Option<RecordedGate> {
    let window = times(&check["window"], &check["during"])?;
    let gate = check["gate"].as_str()?;
    let details = match gate {
        "during" => check["text"].as_str()?.to_owned(),
        "debounce" => {
            let at_most = times(&check["at_most"], &check["at_most_during"]);
            describe(&window, at_most.as_deref())
        }
        "count" => format!("{} within {window}", check["limit"].as_u64()?),
        "sequence" => format!("{} steps within {window}", check["limit"].as_u64()?),
        _ => format!("window {window}"),
    };
    Some(RecordedGate {
        gate: gate.to_owned(),
        value: check["value"].as_str()?.to_owned(),
        details,
        changes: check["changes"].as_i64().map(time),
    })
}

/// A duration with its schedule, as text.
fn times(micros: &Value, during: &Value) -> Option<String> {
    let time = duration(micros.as_i64()?);
    Some(match during.as_str() {
        Some(during) => describe_open_time(time, during),
        None => format_duration(time),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flowtrigger_core::gate::DebounceKeep;
    use flowtrigger_core::schedule::ScheduledDuration;

    use super::*;

    #[test]
    fn gate_checks_are_read_back() {
        let always = |seconds| ScheduledDuration::always(Duration::from_secs(seconds));
        let of = |kind| GateCheck {
            kind,
            window: always(60),
            value: "ticket.id 7".into(),
            time: None,
        };
        let debounce = |at_most, keep| of(GateKind::Debounce { at_most, keep });
        let office = flowtrigger_testing::schedules::office();
        let hours = |hours: u64| ScheduledDuration {
            time: Duration::from_secs(hours * 3_600),
            during: Some(office.clone()),
        };
        let scheduled = |kind, window| GateCheck { window, ..of(kind) };
        let all = vec![
            of(GateKind::Dedupe),
            of(GateKind::During(office.clone())),
            scheduled(
                GateKind::Debounce {
                    at_most: Some(hours(40)),
                    keep: DebounceKeep::Last,
                },
                hours(4),
            ),
            debounce(None, DebounceKeep::All),
            debounce(Some(always(90)), DebounceKeep::First),
            of(GateKind::Throttle { limit: 3 }),
        ];
        let text = encode_checks(&all, Timestamp::UNIX_EPOCH);
        let read = decode_checks(text.as_deref()).unwrap();
        let read: Vec<_> = read
            .iter()
            .map(|one| (one.gate.as_str(), one.value.as_str(), one.details.as_str()))
            .collect();
        assert_eq!(
            read,
            [
                ("dedupe", "ticket.id 7", "window 1m"),
                (
                    "during",
                    "ticket.id 7",
                    "office closed: Thu 00:00 UTC, opens 09:00"
                ),
                (
                    "debounce",
                    "ticket.id 7",
                    "quiet 4h during office, at most 40h during office"
                ),
                ("debounce", "ticket.id 7", "quiet 1m"),
                ("debounce", "ticket.id 7", "quiet 1m, at most 1m30s"),
                ("throttle", "ticket.id 7", "window 1m"),
            ]
        );
        assert_eq!(encode_checks(&[], Timestamp::UNIX_EPOCH), None);
        assert!(decode_checks(Some("[{}]")).is_err() && decode_checks(Some("7")).is_err());
    }
}
