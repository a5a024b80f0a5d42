//! Gates in `dry-run`, which reads their history from the data folder.
//! Admissions are at most an hour old, and windows last a day.

use flowtrigger::store::sqlite::codec::micros;
use jiff::Timestamp;
use rusqlite::params;

use serde_json::Value;

use super::fixture::{Data, RULES, priority};
use super::program::flowtrigger;

#[test]
fn dry_run_says_of_each_gate_how_it_stands() {
    let data = Data::new();
    let file = |name: &str, text: &str| {
        let path = data.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().expect("UTF-8").to_owned()
    };
    let gated = RULES.replacen("flow:", "dedupe: { per: ticket.id, for: 24h }\nflow:", 1);
    let rules = file("gated.yaml", &gated);
    let event = priority(7, "urgent", "2026-01-07T09:02:00Z");
    let event = file("event.json", &event.document().to_string());
    let dry_run =
        |data: &std::path::Path| flowtrigger(data, &["dry-run", "--rules", &rules, &event]);
    let nowhere = dry_run(&data.folder().join("nowhere"));
    assert!(
        nowhere
            .out
            .contains("1 run for ticket.id 7 in 1d  not consulted"),
        "{nowhere:?}"
    );
    let fresh = dry_run(data.folder());
    assert!(
        fresh.out.contains("1 run for ticket.id 7 in 1d  open\n"),
        "{fresh:?}"
    );
    data.sql
        .execute(
            "INSERT INTO queues (id, rule) VALUES (1, 'page-urgent')",
            [],
        )
        .unwrap();
    let charge = "INSERT INTO gate_admissions (queue, gate, value, at, run, until) VALUES (1, 'dedupe', 'ticket.id 7', ?1, 12, 0)";
    data.sql
        .execute(charge, params![micros(Timestamp::now())])
        .unwrap();
    let charged = dry_run(data.folder());
    assert!(
        charged
            .out
            .contains("closed: earlier run 12 for ticket.id 7"),
        "{charged:?}"
    );
    let arguments = ["dry-run", "--format", "json", "--rules", &rules, &event];
    let json = flowtrigger(data.folder(), &arguments).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    let gates = json["rules"][0]["gates"].as_array().expect("gates");
    let mut gates = gates.iter();
    let dedupe = gates.find(|gate| gate["gate"] == "dedupe").expect("a gate");
    assert_eq!(
        (&dedupe["per"], &dedupe["value"]),
        (&"ticket.id".into(), &"7".into())
    );
    assert_eq!(
        (&dedupe["counts"], &dedupe["closed_by"]),
        (&false.into(), &12.into())
    );
    let until = dedupe["until"].as_str().expect("until");
    assert!(until.parse::<Timestamp>().expect("a time") > Timestamp::now());
}

#[test]
fn dry_run_says_how_the_loop_guard_stands() {
    let data = Data::new();
    let file = |name: &str, text: &str| {
        let path = data.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().expect("UTF-8").to_owned()
    };
    let rules = file(
        "loop.yaml",
        r#"{"name": "raise", "event_source": "support", "event_type": "ticket.PriorityChanged", "flow": [
            {"http": {"method": "PUT", "url": "https://desk.example/api/v2/tickets/{{ ticket.id }}", "json": {}}}]}"#,
    );
    let event = priority(7, "urgent", "2026-01-07T09:02:00Z");
    let event = file("event.json", &event.document().to_string());
    let dry_run = |data: &std::path::Path, format: &str| {
        let arguments = [
            "dry-run",
            "--explain",
            "--rules",
            &rules,
            "--format",
            format,
            &event,
        ];
        flowtrigger(data, &arguments).out
    };
    let line = "  loop_guard  the event names no actor, 20 runs for support 7 in 10m";
    let nowhere = dry_run(&data.folder().join("nowhere"), "text");
    assert!(
        nowhere.contains(&format!("{line}  not consulted")),
        "{nowhere}"
    );
    let fresh = dry_run(data.folder(), "text");
    assert!(fresh.contains(&format!("{line}  open\n")), "{fresh}");
    data.sql
        .execute("INSERT INTO queues (id, rule) VALUES (1, 'raise')", [])
        .unwrap();
    let now = micros(Timestamp::now());
    for run in 1..=20 {
        let charge = "INSERT INTO gate_admissions (queue, gate, value, at, run, until) VALUES (1, 'loop_guard', 'support 7', ?1, ?2, 0)";
        data.sql.execute(charge, params![now, run]).unwrap();
    }
    let closed = dry_run(data.folder(), "text");
    let why = "limit of 20 runs for support 7 within 10m reached";
    assert!(
        closed.contains(&format!("{line}  closed: {why}")),
        "{closed}"
    );
    let json: Value = serde_json::from_str(&dry_run(data.folder(), "json")).unwrap();
    let gate = &json["rules"][0]["gates"][0];
    assert_eq!(gate["gate"], "loop_guard");
    assert_eq!(
        (&gate["per"], &gate["value"]),
        (&"event.key".into(), &"7".into())
    );
    assert_eq!(
        (&gate["state"], &gate["depth"]),
        (&"closed".into(), &0.into())
    );
    assert!(
        gate["why"].as_str().expect("why").starts_with(why),
        "{gate}"
    );
}
