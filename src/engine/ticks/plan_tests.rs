//! Tests of the plan: what is due when, after downtime, reloads and changes of the clock.

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

fn rules(text: &str) -> Vec<Arc<Rule>> {
    flowtrigger_testing::rules::from_text(text).rules
}

fn ticking(name: &str, cron: &str, missed: &str) -> String {
    format!(
        "name: {name}\nevery: {{ cron: \"{cron}\", missed: {missed} }}\nflow: [{{ succeed: ok }}]\n---\n"
    )
}

fn due(plan: &TickPlan) -> Vec<String> {
    let due = plan.due().iter();
    let shown = due.map(|tick| {
        let missed = if tick.missed { " missed" } else { "" };
        format!("{}@{}{missed}", tick.rule.name, tick.at)
    });
    shown.collect()
}

fn last(name: &str, cron: &str, time: &str) -> LastTick {
    LastTick {
        rule: name.to_owned(),
        expression: format!("{cron} UTC"),
        at: at(time),
    }
}

const NINE: &str = "0 9 * * *";

#[test]
fn a_new_rule_ticks_from_its_load_on() {
    let mut plan = TickPlan::default();
    let book = rules(&ticking("a", "*/15 * * * *", "all"));
    let now = at("2026-11-30T09:05:00Z");
    assert!(plan.set_rules(&book, Vec::new(), now).is_empty());
    assert_eq!(
        plan.unnoted(),
        [last("a", "*/15 * * * *", "2026-11-30T09:05:00Z")]
    );
    plan.noted();
    assert_eq!(plan.next(), Some(at("2026-11-30T09:15:00Z")));
    plan.advance(at("2026-11-30T09:14:59.999Z"));
    assert!(plan.due().is_empty());
    plan.advance(at("2026-11-30T09:15:00Z"));
    assert_eq!(due(&plan), ["a@2026-11-30T09:15:00Z"]);
    assert!(plan.unnoted().is_empty(), "it is not committed");
    plan.committed(1);
    assert_eq!(
        plan.unnoted(),
        [last("a", "*/15 * * * *", "2026-11-30T09:15:00Z")]
    );
}

#[test]
fn missed_ticks_run_as_the_rule_says() {
    for (missed, expected, skipped) in [
        ("last", vec!["a@2026-11-30T09:00:00Z missed"], 1),
        ("none", vec![], 1),
        (
            "all",
            vec![
                "a@2026-11-28T09:00:00Z missed",
                "a@2026-11-29T09:00:00Z missed",
                "a@2026-11-30T09:00:00Z missed",
            ],
            0,
        ),
    ] {
        let mut plan = TickPlan::default();
        let book = rules(&ticking("a", NINE, missed));
        let now = at("2026-11-30T12:00:00Z");
        plan.set_rules(&book, vec![last("a", NINE, "2026-11-27T09:00:00Z")], now);
        assert_eq!(plan.advance(now).len(), skipped, "{missed}");
        assert_eq!(due(&plan), expected, "{missed}");
        // Nothing is due twice.
        plan.advance(now + SignedDuration::from_secs(1));
        assert_eq!(due(&plan), expected, "{missed}");
    }
}

#[test]
fn a_tick_that_is_a_minute_late_is_not_missed() {
    for missed in ["last", "none", "all"] {
        let mut plan = TickPlan::default();
        let book = rules(&ticking("a", NINE, missed));
        let now = at("2026-11-30T09:01:00Z");
        plan.set_rules(&book, vec![last("a", NINE, "2026-11-29T09:00:00Z")], now);
        assert!(plan.advance(now).is_empty());
        assert_eq!(due(&plan), ["a@2026-11-30T09:00:00Z"], "{missed}");
    }
}

#[test]
fn a_thousand_missed_ticks_run_at_most() {
    let mut plan = TickPlan::default();
    let book = rules(&ticking("a", "* * * * *", "all"));
    let now = at("2026-11-30T12:00:30Z");
    plan.set_rules(
        &book,
        vec![last("a", "* * * * *", "2026-11-29T12:00:00Z")],
        now,
    );
    let skipped = plan.advance(now);
    assert_eq!(skipped[0].left_out, Some(440));
    assert_eq!(plan.due().len(), 1_000);
    assert_eq!(
        plan.due().back().map(|tick| (tick.at, tick.missed)),
        Some((at("2026-11-30T12:00:00Z"), false))
    );
}

#[test]
fn rules_that_changed_or_were_off_start_anew() {
    let now = at("2026-11-30T12:00:00Z");
    let known = || {
        vec![
            last("a", NINE, "2026-11-27T09:00:00Z"),
            last("gone", NINE, "2026-11-27T09:00:00Z"),
        ]
    };
    let mut plan = TickPlan::default();
    let off = ticking("a", NINE, "all").replace("flow:", "mode: disabled\nflow:");
    assert_eq!(plan.set_rules(&rules(&off), known(), now), ["a", "gone"]);
    plan.advance(now);
    assert!(plan.due().is_empty() && plan.next().is_none());
    // As after a restart with another expression.
    let mut plan = TickPlan::default();
    plan.set_rules(&rules(&ticking("a", "0 8 * * *", "all")), known(), now);
    plan.advance(now);
    assert!(plan.due().is_empty());
    assert_eq!(plan.unnoted()[0].at, now);
}

#[test]
fn a_reload_keeps_what_waits_for_the_store() {
    let mut plan = TickPlan::default();
    let start = at("2026-11-30T08:59:00Z");
    let before = rules(&(ticking("a", NINE, "none") + &ticking("b", NINE, "none")));
    plan.set_rules(&before, Vec::new(), start);
    plan.advance(at("2026-11-30T09:00:00Z"));
    assert_eq!(plan.due().len(), 2);
    // The store was away; `b` has another expression now.
    let later = at("2026-11-30T09:30:00Z");
    let after = rules(&(ticking("a", NINE, "none") + &ticking("b", "0 10 * * *", "none")));
    plan.set_rules(&after, vec![last("a", NINE, "2026-11-30T08:59:00Z")], later);
    plan.advance(later);
    assert_eq!(due(&plan), ["a@2026-11-30T09:00:00Z"]);
}

#[test]
fn a_clock_that_was_wrong_stops_no_rule() {
    let mut plan = TickPlan::default();
    let book = rules(&ticking("a", NINE, "all"));
    let now = at("2026-11-30T08:59:00Z");
    plan.set_rules(&book, vec![last("a", NINE, "2031-01-01T09:00:00Z")], now);
    plan.advance(now);
    plan.advance(at("2026-11-30T09:00:00Z"));
    assert_eq!(due(&plan), ["a@2026-11-30T09:00:00Z"]);
    // An hour back: nothing ticks twice.
    plan.committed(1);
    plan.advance(at("2026-11-30T08:00:00Z"));
    plan.advance(at("2026-11-30T09:00:01Z"));
    assert!(plan.due().is_empty());
}

#[test]
fn many_rules_tick_in_order_and_within_bounds() {
    let text: String = (0..1_300)
        .map(|n| ticking(&format!("r{n:05}"), "* * * * *", "all"))
        .collect();
    let book = rules(&text);
    let start = at("2026-11-30T08:59:30Z");
    let mut plan = TickPlan::default();
    plan.set_rules(&book, Vec::new(), start);
    let now = start + SignedDuration::from_mins(40);
    plan.advance(now);
    assert_eq!(plan.due().len(), 50_000);
    let due = plan.due().iter();
    let times: Vec<_> = due.map(|tick| (tick.at, tick.rule.name.clone())).collect();
    assert!(times.is_sorted());
    plan.committed(50_000);
    plan.advance(now);
    assert_eq!(plan.due().len(), 2_000);
    plan.skip_committed(&[last("r01299", "* * * * *", "2026-12-30T08:59:30Z")]);
    assert!(plan.due().iter().all(|tick| tick.rule.name != "r01299"));
    assert_eq!(plan.due().len(), 1_960);
}
