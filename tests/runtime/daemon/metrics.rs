//! The metrics by rule and receiver, and the durations from the acceptance of an event to the end of its runs.

use flowtrigger::engine::reload;
use flowtrigger_testing::receiver::{Receiver, dead_port};
use flowtrigger_testing::test_daemon::{answered, daemon, event, telling, until};

/// Whether `/metrics` has all these lines.
async fn expect(request: impl Fn() -> reqwest::RequestBuilder, lines: &[String]) -> String {
    let text = || async {
        let answer = answered(request()).await;
        answer.body.as_str().expect("a text").to_owned()
    };
    let has = |text: &str, line: &String| text.lines().any(|known| known == line);
    // A count follows the state in the store after a moment.
    let counted = || async {
        let text = text().await;
        lines.iter().all(|line| has(&text, line))
    };
    until(&format!("the metrics have {lines:?}"), counted).await;
    text().await
}

#[tokio::test]
async fn rules_and_receivers_are_counted_by_name_until_a_reload_without_them() {
    let receiver = Receiver::ok();
    let dead = format!("127.0.0.1:{}", dead_port());
    let fine = telling("fine", receiver.address, "");
    let failing = telling("failing", dead.parse().unwrap(), "");
    let failing = failing.replace("  http:\n", "  retry: { attempts: 1 }\n  http:\n");
    let daemon = daemon(&format!("{fine}---\n{failing}")).await;
    let runs = daemon.accepted(&event(1, "a")).await;
    daemon.settled(&runs).await;
    let (alive, request) = (receiver.address, || daemon.request("GET", "/metrics"));
    let lines = [
        "flowtrigger_rule_events_matched_total{rule=\"fine\"} 1".to_owned(),
        "flowtrigger_rule_events_matched_total{rule=\"failing\"} 1".to_owned(),
        "flowtrigger_rule_runs_ended_total{rule=\"fine\",state=\"done\"} 1".to_owned(),
        "flowtrigger_rule_runs_ended_total{rule=\"failing\",state=\"dead\"} 1".to_owned(),
        format!(
            "flowtrigger_receiver_attempts_total{{receiver=\"{alive}\",outcome=\"succeeded\"}} 1"
        ),
        format!(
            "flowtrigger_receiver_attempts_total{{receiver=\"{dead}\",outcome=\"unreachable\"}} 1"
        ),
        format!(
            "flowtrigger_receiver_attempts_total{{receiver=\"{dead}\",outcome=\"succeeded\"}} 0"
        ),
        format!("flowtrigger_receiver_attempt_duration_seconds_count{{receiver=\"{alive}\"}} 1"),
        "flowtrigger_queue_wait_seconds_count 2".to_owned(),
        "flowtrigger_run_latency_seconds_count{state=\"done\"} 1".to_owned(),
        "flowtrigger_run_latency_seconds_count{state=\"dead\"} 1".to_owned(),
        "flowtrigger_ingest_duration_seconds_count 1".to_owned(),
        "flowtrigger_ready 1".to_owned(),
        "flowtrigger_last_reload_successful 1".to_owned(),
    ];
    expect(request, &lines).await;
    daemon.post(&event(1, "a")).await;
    let redelivered = [
        "flowtrigger_ingest_duration_seconds_count 2".to_owned(),
        "flowtrigger_rule_events_matched_total{rule=\"fine\"} 1".to_owned(),
        "flowtrigger_rule_runs_ended_total{rule=\"fine\",state=\"done\"} 1".to_owned(),
    ];
    expect(request, &redelivered).await;
    std::fs::write(daemon.rules_file(), fine).unwrap();
    reload(daemon.paths.clone(), &daemon.engine).await.unwrap();
    let kept = ["flowtrigger_rule_events_matched_total{rule=\"fine\"} 1".to_owned()];
    let text = expect(request, &kept).await;
    assert!(!text.contains("rule=\"failing\""), "{text}");
    assert!(!text.contains(&dead), "{text}");
}

#[tokio::test]
async fn runs_that_end_without_a_worker_are_counted_too() {
    let receiver = Receiver::ok();
    let shadow = telling("shadow", receiver.address, "");
    let shadow = shadow.replace("flow:", "mode: shadow\nflow:");
    let waiting =
        telling("waiting", receiver.address, "").replace("flow:\n", "flow:\n- wait: 1h\n");
    let daemon = daemon(&format!("{shadow}---\n{waiting}")).await;
    let runs = daemon.accepted(&event(1, "a")).await;
    let waiting = runs.iter().find(|run| &*run.rule == "waiting");
    let waiting = waiting.expect("a run of the rule").id;
    daemon.engine.cancel(waiting).await.unwrap();
    let lines = [
        "flowtrigger_rule_runs_ended_total{rule=\"shadow\",state=\"shadow\"} 1".to_owned(),
        "flowtrigger_rule_runs_ended_total{rule=\"waiting\",state=\"cancelled\"} 1".to_owned(),
    ];
    let request = || daemon.request("GET", "/metrics");
    expect(request, &lines).await;
}
