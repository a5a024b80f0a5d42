//! The text of all metrics.

use super::*;
use crate::store::{SqliteStore, StoreSettings};
use flowtrigger_core::run::RunId;

async fn text(metrics: &Metrics) -> String {
    let store = SqliteStore::in_memory(StoreSettings::in_memory()).unwrap();
    metrics.text(&store, Timestamp::UNIX_EPOCH).await.unwrap()
}

#[track_caller]
fn expect(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|known| known == *line), "{line}: {text}");
    }
}

#[tokio::test]
async fn names_have_their_endings_and_every_state_its_gauge() {
    let metrics = Metrics::default();
    metrics.count_event("support", EventOutcome::Unmatched);
    metrics.count_rejected("", "unknown_source");
    metrics.observe_commit(Duration::from_millis(3));
    metrics.reloads().count(Ok(()), Timestamp::UNIX_EPOCH);
    metrics.count_suppressed("loop_guard");
    metrics.count_high_rate(&LoopFindings {
        held: vec![RunId(1), RunId(2)],
        admitted: Vec::new(),
    });
    let text = text(&metrics).await;
    let lines = [
        "flowtrigger_events_total{source=\"support\",outcome=\"unmatched\"} 1",
        "flowtrigger_requests_refused_total{source=\"\",reason=\"unknown_source\"} 1",
        "flowtrigger_runs{state=\"queued\"} 0",
        "flowtrigger_runs{state=\"suppressed\"} 0",
        "flowtrigger_suppressed_total{gate=\"loop_guard\"} 1",
        "flowtrigger_loop_guard_high_rate_total{outcome=\"held\"} 2",
        "flowtrigger_oldest_queued_age_seconds 0.0",
        "flowtrigger_commit_duration_seconds_count 1",
        "flowtrigger_reloads_total{result=\"ok\"} 1",
        "# TYPE flowtrigger_log_lines_lost counter",
        "# EOF",
    ];
    expect(&text, &lines);
    let minute = metrics.series().end_minute(1, [], 0);
    assert_eq!((minute.unmatched, minute.rejected), (1, 1));
    assert!(minute.commits.is_some());
}

#[tokio::test]
async fn counts_of_rules_and_durations_are_written_with_their_labels() {
    let metrics = Metrics::default();
    let rules = flowtrigger_testing::rules::from_text(
        "name: note\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n- succeed: fine\n",
    );
    metrics.set_names(&rules, &Config::default());
    metrics.rules().count_matched("note");
    metrics.rules().count_ended("note", "dead");
    metrics.rules().count_ended("note", "suppressed");
    metrics.rules().count_ended("gone", "done");
    let latencies = metrics.latencies();
    latencies.observe_ingest(Duration::from_millis(2));
    latencies.observe_ingest(Duration::from_secs(60));
    latencies.observe_queue_wait(Duration::ZERO);
    latencies.observe_run("done", Duration::from_secs(1));
    metrics.set_health(true, false);
    metrics.count_clock_set_back();
    let text = text(&metrics).await;
    let lines = [
        "flowtrigger_rule_events_matched_total{rule=\"note\"} 1",
        "flowtrigger_rule_events_matched_total{rule=\"other\"} 0",
        "flowtrigger_rule_runs_ended_total{rule=\"note\",state=\"done\"} 0",
        "flowtrigger_rule_runs_ended_total{rule=\"note\",state=\"dead\"} 1",
        "flowtrigger_rule_runs_ended_total{rule=\"note\",state=\"suppressed\"} 1",
        "flowtrigger_rule_runs_ended_total{rule=\"other\",state=\"done\"} 1",
        "# TYPE flowtrigger_ingest_duration_seconds histogram",
        "flowtrigger_ingest_duration_seconds_sum 60.002",
        "flowtrigger_ingest_duration_seconds_count 2",
        "flowtrigger_ingest_duration_seconds_bucket{le=\"0.001\"} 0",
        "flowtrigger_ingest_duration_seconds_bucket{le=\"0.002\"} 1",
        "flowtrigger_ingest_duration_seconds_bucket{le=\"10.0\"} 1",
        "flowtrigger_ingest_duration_seconds_bucket{le=\"+Inf\"} 2",
        "flowtrigger_queue_wait_seconds_count 1",
        "flowtrigger_run_latency_seconds_bucket{le=\"1.0\",state=\"done\"} 1",
        "flowtrigger_run_latency_seconds_count{state=\"dead\"} 0",
        "flowtrigger_ready 1",
        "flowtrigger_last_reload_successful 0",
        "flowtrigger_clock_set_backs_total 1",
    ];
    expect(&text, &lines);
    assert!(!text.contains("rule=\"note\",state=\"skipped\""), "{text}");
    assert!(!text.contains("state=\"queued\",rule"), "{text}");
}
