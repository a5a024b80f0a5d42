//! Pauses on the page: asked with their consequences, given once, shown where they matter.

use std::path::PathBuf;
use std::sync::Arc;

use flowtrigger::engine::{EngineOptions, PageParts};
use flowtrigger::page;
use flowtrigger::source::admin;
use flowtrigger::source::http::HttpLimits;
use flowtrigger_core::run::RunState;
use flowtrigger_testing::data_folder::folder_until_thread_ends;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{daemon_on_store, event, telling, until};
use flowtrigger_testing::test_store::{empty_location, open_store};
use tokio::sync::watch;

use super::page_commands::{get, post};

#[tokio::test]
async fn a_rule_is_paused_and_resumed() {
    let folder = folder_until_thread_ends();
    let receiver = Receiver::ok();
    let (daemon, socket) = daemon_with_page!(folder, receiver);
    let rule = get(&socket, "/rules/tell").await;
    let path = "/confirm/pause?target=rule+tell";
    assert!(
        rule.body.contains(&format!("href=\"{path}\"")),
        "{}",
        rule.body
    );
    let question = get(&socket, path).await;
    for part in [
        "Pause rule tell?",
        "its runs start no further step: 0 runs unfinished",
        "events are still accepted",
    ] {
        assert!(question.body.contains(part), "{part}: {}", question.body);
    }
    let given = post(&socket, "/confirm/pause", &question.form("all")).await;
    assert_eq!((given.status, &*given.location), (303, "/rules/tell"));
    let runs = daemon.accepted(&event(1, "a")).await;
    until("the run waits", || async {
        let overview = get(&socket, "/rules/tell.json").await.json();
        overview["suspended"][0]["waiting"] == 1
    })
    .await;
    assert_eq!(receiver.count(), 0);
    let overview = get(&socket, "/").await;
    let resume = "/confirm/resume?target=rule+tell";
    for page in [&overview, &get(&socket, "/rules/tell").await] {
        for part in [" by socket, on the page: INC-1; ", resume] {
            assert!(page.body.contains(part), "{part}: {}", page.body);
        }
    }
    let status = get(&socket, "/overview.json").await.json();
    assert_eq!(status["suspended"][0]["pause"]["note"], "INC-1", "{status}");
    let question = get(&socket, resume).await;
    assert!(
        question
            .body
            .contains("1 run waiting: they continue in order"),
        "{}",
        question.body
    );
    let given = post(&socket, "/confirm/resume", &question.form("all")).await;
    assert_eq!((given.status, &*given.location), (303, "/rules/tell"));
    let settled = daemon.settled(&runs).await;
    assert_eq!(settled[0].state, RunState::Done);
    let twice = post(&socket, "/confirm/resume", &question.form("all")).await;
    assert_eq!(twice.status, 409);
    let question = get(&socket, resume).await;
    assert!(
        question.body.contains("is not paused") && !question.body.contains("<button class=\"go\">"),
        "{}",
        question.body
    );
    for (path, status) in [
        ("/confirm/pause?target=rule+tel", 404),
        ("/confirm/pause?target=nothing", 400),
        ("/confirm/pause", 400),
    ] {
        assert_eq!(get(&socket, path).await.status, status, "{path}");
    }
}
