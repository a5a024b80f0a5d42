//! Reloading: all new rules take effect, or the previous ones stay.

use flowtrigger::engine::{EngineError, reload};
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{daemon, event, telling};

#[tokio::test]
async fn a_broken_file_keeps_the_old_rules() {
    let receiver = Receiver::ok();
    let daemon = daemon(&telling("before", receiver.address, "")).await;
    let broken = telling("broken", receiver.address, "").replace("event_type", "event_tipe");
    std::fs::write(daemon.rules_file(), broken).unwrap();
    let kept = reload(daemon.paths.clone(), &daemon.engine).await;
    let Err(EngineError::Rules(reading)) = kept else {
        panic!("{kept:?}");
    };
    assert!(reading.diagnostics.has_errors());
    let answered = daemon.post(&event(1, "a")).await;
    assert_eq!(answered.body["runs"][0]["rule"], "before");
    let after = telling("after", receiver.address, "");
    std::fs::write(daemon.rules_file(), after).unwrap();
    assert_eq!(
        reload(daemon.paths.clone(), &daemon.engine).await.unwrap(),
        1
    );
    let answered = daemon.post(&event(1, "b")).await;
    assert_eq!(answered.body["runs"][0]["rule"], "after");
}

#[tokio::test]
async fn a_missing_secret_keeps_the_old_rules() {
    let receiver = Receiver::ok();
    let daemon = daemon(&telling("before", receiver.address, "")).await;
    let needing = telling("needing", receiver.address, "  \n").replace(
        "json:",
        "headers: { X-Key: \"{{ secret.A_SECRET_THAT_NOBODY_SET }}\" }\n    json:",
    );
    std::fs::write(daemon.rules_file(), needing).unwrap();
    let kept = reload(daemon.paths.clone(), &daemon.engine).await;
    let Err(error @ EngineError::Secrets(_)) = kept else {
        panic!("{kept:?}");
    };
    assert!(error.to_string().contains("A_SECRET_THAT_NOBODY_SET"));
    let answered = daemon.post(&event(1, "a")).await;
    assert_eq!(answered.body["runs"][0]["rule"], "before");
}

#[tokio::test]
async fn work_in_flight_keeps_the_rule_it_was_planned_with() {
    let receiver = Receiver::ok();
    receiver.hold("held");
    let daemon = daemon(&telling("tell", receiver.address, "")).await;
    let first = daemon.accepted(&event(1, "held")).await;
    receiver.wait_for_async(1).await;
    let second = daemon.accepted(&event(1, "waiting")).await;
    let moved = telling("tell", receiver.address, "").replace("/tell", "/moved");
    std::fs::write(daemon.rules_file(), moved).unwrap();
    reload(daemon.paths.clone(), &daemon.engine).await.unwrap();
    let third = daemon.accepted(&event(1, "new")).await;
    receiver.release(1);
    for runs in [first, second, third] {
        daemon.settled(&runs).await;
    }
    let paths: Vec<String> = receiver
        .received()
        .into_iter()
        .map(|got| got.path)
        .collect();
    assert_eq!(paths, ["/tell", "/tell", "/moved"]);
}
