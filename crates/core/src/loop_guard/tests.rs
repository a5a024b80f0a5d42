//! Tests of the loop guard's limits of depth and rate, without a store.

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn guard(acts_as: &[&str], unnamed: bool) -> LoopGuard {
    LoopGuard {
        limits: LoopLimits::default(),
        ours: vec!["900".into()],
        acts_as: acts_as.iter().map(|&actor| actor.to_owned()).collect(),
        unnamed,
        writes_to: match acts_as.is_empty() && !unnamed {
            true => WriteTarget::Others,
            false => WriteTarget::Sender,
        },
        writes: Vec::new(),
    }
}

fn ask(guard: LoopGuard, origin: ActorOrigin) -> LoopCheck {
    LoopCheck {
        guard: Arc::new(guard),
        origin,
        about: Some("support 7".into()),
        counted: Some("support 7".into()),
        update: None,
    }
}

fn ours() -> ActorOrigin {
    ActorOrigin::OurConnection {
        actor: "900".into(),
    }
}

fn person() -> ActorOrigin {
    ActorOrigin::Other { actor: "12".into() }
}

fn after(depth: u32) -> LoopHistory {
    LoopHistory {
        cause: Some((RunId(9), depth)),
        ..LoopHistory::default()
    }
}

fn runs(runs: u32) -> LoopHistory {
    LoopHistory {
        rate: GateHistory {
            runs,
            oldest: Some((RunId(1), at(0))),
        },
        ..LoopHistory::default()
    }
}

fn chain(runs: &[u64]) -> Vec<CausingRun> {
    let link = |run: &u64| CausingRun {
        run: RunId(*run),
        rule: "ping".into(),
    };
    runs.iter().map(link).collect()
}

#[test]
fn depth_5_allows_5_own_events_but_not_the_sixth() {
    let ask = ask(guard(&["900"], false), ours());
    for (facts, depth, tripped) in [
        (LoopHistory::default(), 1, None),
        (after(0), 1, None),
        (after(4), 5, None),
        (after(5), 6, Some(LoopViolation::Depth)),
    ] {
        assert_eq!(ask.lineage(&facts).depth, depth);
        assert_eq!(ask.decide(&facts), tripped, "{depth}");
    }
    assert_eq!(
        ask.why(
            LoopViolation::Depth,
            &after(5),
            &chain(&[9, 8, 7, 6, 5, 4, 3])
        ),
        "event 6 in a row caused by our own actions, `depth` allows 5; caused by \
         run 9 (ping) ← run 8 (ping) ← run 7 (ping) ← …"
    );
}

#[test]
fn an_event_of_another_user_has_depth_0_and_no_limits() {
    let ask = ask(guard(&["900"], false), person());
    assert_eq!((ask.cause(at(0)), ask.rate(at(0))), (None, None));
    assert_eq!(ask.lineage(&LoopHistory::default()), Causation::default());
    assert_eq!(ask.trace(), Some("support 7"));
}

#[test]
fn without_an_actor_the_rate_decides_and_the_cause_is_only_possible() {
    let ask = ask(guard(&["900"], false), ActorOrigin::Unknown);
    let cause = ask.cause(at(100)).expect("a search");
    assert_eq!((cause.actor, cause.since), (None, at(40)));
    let rate = RateQuery {
        counted: "support 7",
        update: None,
        since: at(400),
    };
    assert_eq!(ask.rate(at(1_000)), Some(rate));
    assert_eq!(ask.decide(&runs(19)), None);
    let tripped = ask.decide(&runs(20)).expect("tripped");
    assert_eq!(ask.consequence(tripped), LoopConsequence::Hold);
    assert_eq!(
        ask.why(tripped, &runs(20), &chain(&[20])),
        "limit of 20 runs for support 7 within 10m reached, which may be a loop; possibly caused by run 20 (ping); \
         opens again at 1970-01-01T00:10:00Z"
    );
    // A possible cause does not increase the depth.
    let lineage = ask.lineage(&after(5));
    assert_eq!((lineage.depth, lineage.cause), (0, Some(RunId(9))));
}

#[test]
fn a_high_rate_of_a_rule_that_writes_elsewhere_is_only_counted() {
    let elsewhere = ask(guard(&[], false), ActorOrigin::Unknown);
    assert_eq!(elsewhere.decide(&runs(199)), None);
    let tripped = elsewhere.decide(&runs(200)).expect("a high rate");
    assert_eq!(elsewhere.consequence(tripped), LoopConsequence::Count);
    let person = ask(guard(&[], false), person());
    assert_eq!((person.rate(at(0)), person.trace()), (None, None));
    // An own event through a third system has no known cause.
    let back = ask(guard(&[], false), ours());
    assert!(back.rate(at(0)).is_some());
}

#[test]
fn a_connection_without_actor_limits_the_rate_for_every_origin() {
    for origin in [person(), ours(), ActorOrigin::Unknown] {
        let ask = ask(guard(&["900"], true), origin);
        assert!(ask.rate(at(0)).is_some());
    }
    let person = ask(guard(&[], true), person());
    let tripped = person.decide(&runs(20)).expect("tripped");
    let why = person.why(tripped, &runs(20), &[]);
    assert!(why.contains("without `actor_id`"), "{why}");
}

#[test]
fn an_event_without_a_key_is_never_suppressed() {
    for origin in [ours(), ActorOrigin::Unknown] {
        let ask = LoopCheck {
            about: None,
            counted: None,
            ..ask(guard(&["900"], true), origin)
        };
        assert_eq!((ask.cause(at(0)), ask.rate(at(0))), (None, None));
        assert_eq!(ask.trace(), None);
        assert_eq!(ask.decide(&after(50)), None);
    }
}

#[test]
fn a_held_run_is_recognised_by_its_reason() {
    let state = held("limit of 20 runs reached");
    let why = stopped(&state).expect("stopped by the guard");
    assert!(why.starts_with("limit of 20 runs reached; "), "{why}");
    let other = RunState::Held {
        why: "a command was interrupted".into(),
    };
    assert_eq!(stopped(&other), None);
    assert_eq!(stopped(&RunState::Done), None);
}
