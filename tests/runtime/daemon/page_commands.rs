//! Commands on the page: asked with their consequences, given once, and executed for what was confirmed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowtrigger::engine::{EngineOptions, PageParts};
use flowtrigger::page;
use flowtrigger::source::admin;
use flowtrigger::source::http::HttpLimits;
use flowtrigger::store::RunStatus;
use flowtrigger_core::run::{RunId, RunState};
use flowtrigger_testing::data_folder::folder_until_thread_ends;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::test_daemon::{daemon_on_store, event, soon, telling};
use flowtrigger_testing::test_store::{empty_location, open_store};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;
use url::form_urlencoded;

/// An answer of the page.
pub struct Shown {
    pub status: u16,
    pub location: String,
    pub body: String,
}

impl Shown {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The hidden fields of the form, with the button that is pressed.
    pub fn form(&self, button: &str) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for field in self.body.split("<input type=\"hidden\" name=\"").skip(1) {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            let (value, _) = rest.split_once('"').unwrap();
            form.append_pair(name, &value.replace("&amp;", "&"));
        }
        form.append_pair("note", "INC-1").append_pair("go", button);
        form.finish()
    }
}

async fn ask(socket: &Path, request: &str) -> Shown {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    let read = soon("an answer", stream.read_to_string(&mut said));
    read.await.unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let location = head
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    Shown {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        location: location.unwrap_or_default().to_owned(),
        body: body.to_owned(),
    }
}

pub async fn get(socket: &Path, path: &str) -> Shown {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    ask(socket, &request).await
}

pub async fn post(socket: &Path, path: &str, form: &str) -> Shown {
    let length = form.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: same-origin\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
    );
    ask(socket, &request).await
}

/// The settled command that an answer leads to.
async fn ended(socket: &Path, answer: &Shown) -> Value {
    assert_eq!(answer.status, 303, "{}", answer.body);
    let path = format!("{}.json", answer.location);
    let wait = async {
        loop {
            let command = get(socket, &path).await.json();
            if !command["outcome"].is_null() {
                return command;
            }
            tokio::task::yield_now().await;
        }
    };
    soon("the command ends", wait).await
}

/// The page of a run.
fn path_of(run: &RunStatus) -> String {
    format!("/runs/{}", run.id.0)
}

/// The row of the newest event.
async fn newest_row(socket: &Path) -> u64 {
    let events = get(socket, "/events.json").await.json();
    events["events"][0]["row"].as_u64().unwrap()
}

/// A daemon with its page on a socket.
macro_rules! daemon_with_page {
    ($folder:ident, $receiver:expr) => {
        daemon_with_page!($folder, $receiver, "")
    };
    ($folder:ident, $receiver:expr, $rule:expr) => {{
        let location = empty_location($folder.join("test.db"));
        let store = open_store(&location);
        let rules = telling("tell", $receiver.address, $rule);
        let (options, limits) = (EngineOptions::default(), HttpLimits::default());
        let daemon = daemon_on_store(store, &rules, options, limits).await;
        let pages = page::open(PageParts {
            engine: daemon.engine.clone(),
            history: Box::new(move || location.open_history()),
            address: None,
            closing: watch::channel(false).1,
            data: $folder.clone(),
        });
        let socket: PathBuf = $folder.join("page.sock");
        tokio::spawn(admin::serve(
            admin::listen(&socket).unwrap(),
            Arc::new(daemon.engine.clone()),
            pages.unwrap().socket,
            std::future::pending(),
        ));
        (daemon, socket)
    }};
}

#[tokio::test]
async fn dead_runs_are_brought_back_once() {
    let folder = folder_until_thread_ends();
    let receiver = Receiver::ok();
    receiver.next_statuses(&[404, 404]);
    let (daemon, socket) = daemon_with_page!(folder, receiver);
    let mut runs = Vec::new();
    for ticket in [1, 2] {
        runs = daemon
            .accepted(&event(ticket, &format!("<script>{ticket}")))
            .await;
        daemon.settled(&runs).await;
    }
    let path = path_of(&runs[0]);
    let list = get(&socket, "/runs?state=dead&since=-1h").await;
    assert!(list.body.contains("2 runs match"), "{}", list.body);
    let question = get(
        &socket,
        "/confirm?command=retry&scope=all&state=dead&since=-1h",
    )
    .await;
    for part in [
        "Retry 2 runs?",
        "Idempotency-Key: ",
        "&lt;script&gt;1",
        "Retry 1 of them first",
    ] {
        assert!(question.body.contains(part), "{part}: {}", question.body);
    }
    assert!(!question.body.contains("<script>1"));
    let form = question.form("all");
    let given = post(&socket, "/confirm", &form).await;
    let command = ended(&socket, &given).await;
    assert_eq!(
        (&command["changed"], &command["outcome"]),
        (&2.into(), &"complete".into())
    );
    let again = post(&socket, "/confirm", &form).await;
    assert_eq!((again.status, &again.location), (303, &given.location));
    let commands = get(&socket, "/commands.json").await.json();
    assert_eq!(commands["commands"].as_array().map(Vec::len), Some(1));
    let run = get(&socket, &format!("{path}.json")).await.json();
    assert_eq!(
        (&run["commands"][0]["command"], &run["commands"][0]["by"]),
        (&"retry".into(), &"socket".into())
    );
    assert_eq!(run["commands"][0]["note"], "INC-1");
    let page = get(&socket, &path).await;
    assert!(page.body.contains("Who gave which command") && page.body.contains("INC-1"));
    assert!(!page.body.contains("<script>1"));
}

#[tokio::test]
async fn each_button_of_a_question_gives_its_own_command() {
    let folder = folder_until_thread_ends();
    let receiver = Receiver::ok();
    receiver.next_statuses(&[404; 4]);
    let (daemon, socket) = daemon_with_page!(folder, receiver);
    let mut runs = Vec::new();
    for ticket in [1, 2, 3] {
        let accepted = daemon.accepted(&event(ticket, &ticket.to_string())).await;
        daemon.settled(&accepted).await;
        runs.extend(accepted);
    }
    let question = get(&socket, "/confirm?command=retry&scope=all&state=dead").await;
    let first = post(&socket, "/confirm", &question.form("first")).await;
    assert_eq!(ended(&socket, &first).await["changed"], 1);
    daemon.settled(&runs[..1]).await;
    let page = get(&socket, &first.location).await;
    let [one, two, three] = [0, 1, 2].map(|index: usize| runs[index].id.0);
    let link = format!("href=\"/confirm?command=retry&amp;run={two}&amp;run={three}\"");
    for part in [
        "<span class=\"st dead\">1 dead again</span>",
        "2 runs are left.",
        &link,
        "Retry the other 2…",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let run = get(&socket, &path_of(&runs[0])).await;
    assert!(run.body.contains("dead again"), "{}", run.body);
    let all = post(&socket, "/confirm", &question.form("all")).await;
    assert_ne!(all.location, first.location);
    assert_eq!(ended(&socket, &all).await["changed"], 3);
    daemon.settled(&runs).await;
    let page = get(&socket, &all.location).await;
    assert!(page.body.contains(">3 runs retried<") && !page.body.contains("left."));
    assert!(page.body.contains("Now: 3 "), "{}", page.body);
    for command in ["retry", "cancel"] {
        let question = get(&socket, &format!("/confirm?command={command}&run={one}")).await;
        let part = format!("Nothing to {command}");
        assert!(question.body.contains(&part), "{}", question.body);
    }
}

#[tokio::test]
async fn a_replay_of_a_rule_in_shadow_mode_sends_nothing() {
    let folder = folder_until_thread_ends();
    let receiver = Receiver::ok();
    let (daemon, socket) = daemon_with_page!(folder, receiver, "mode: shadow\n");
    let runs = daemon.accepted(&event(1, "a")).await;
    daemon.settled(&runs).await;
    let row = newest_row(&socket).await;
    let question = get(&socket, &format!("/confirm?command=replay&event={row}")).await;
    for part in ["What would be sent if live", "nothing is sent"] {
        assert!(question.body.contains(part), "{part}: {}", question.body);
    }
    assert!(!question.body.contains("What is sent first"));
}

#[tokio::test]
async fn what_has_changed_since_the_question_is_asked_again() {
    let folder = folder_until_thread_ends();
    let receiver = Receiver::ok();
    receiver.next_statuses(&[404, 404]);
    let (daemon, socket) = daemon_with_page!(folder, receiver);
    let mut runs = Vec::new();
    for ticket in [1, 2] {
        let accepted = daemon.accepted(&event(ticket, &ticket.to_string())).await;
        daemon.settled(&accepted).await;
        runs.extend(accepted);
    }
    let question = get(&socket, "/confirm?command=retry&scope=all&state=dead").await;
    let asks = |run: &RunStatus| format!("/confirm?command=retry&run={}", run.id.0);
    let first = get(&socket, &asks(&runs[0])).await.form("all");
    ended(&socket, &post(&socket, "/confirm", &first).await).await;
    let settled = daemon.settled(&runs[..1]).await;
    assert_eq!(settled[0].state, RunState::Done);
    let again = post(&socket, "/confirm", &question.form("all")).await;
    assert_eq!(again.status, 200);
    assert!(
        again
            .body
            .contains("The runs have changed since you looked"),
        "{}",
        again.body
    );
    assert!(again.body.contains("Retry 1 run?"));
    let command = ended(
        &socket,
        &post(&socket, "/confirm", &again.form("all")).await,
    )
    .await;
    assert_eq!(command["runs"][0]["id"], runs[1].id.0);
    let foreign = question.form("all").replace("form=", "form=x");
    let outdated = post(&socket, "/confirm", &foreign).await;
    assert!(
        outdated.body.contains("was open for too long"),
        "{}",
        outdated.body
    );
    let last = post(
        &socket,
        "/confirm",
        &get(&socket, &asks(&runs[1])).await.form("all"),
    )
    .await;
    assert_eq!(last.status, 200);
    assert!(
        last.body.contains("There is nothing to do"),
        "{}",
        last.body
    );
}

#[tokio::test]
async fn events_are_replayed_with_the_rules_in_force() {
    let folder = folder_until_thread_ends();
    let receiver = Receiver::ok();
    let (daemon, socket) = daemon_with_page!(folder, receiver);
    let runs = daemon.accepted(&event(1, "a")).await;
    daemon.settled(&runs).await;
    let row = newest_row(&socket).await;
    let page = get(&socket, &path_of(&runs[0])).await;
    assert!(page.body.contains(&format!("href=\"/events/{row}\"")));
    let asks = format!("/confirm?command=replay&event={row}");
    let left_out = get(&socket, &asks).await;
    assert!(
        left_out.body.contains("the earlier run is done"),
        "{}",
        left_out.body
    );
    let question = get(&socket, &format!("{asks}&results=include")).await;
    assert!(
        question.body.contains("Replay this event?") && question.body.contains("1 run would start")
    );
    let command = ended(
        &socket,
        &post(&socket, "/confirm", &question.form("all")).await,
    )
    .await;
    assert_eq!(
        (&command["changed"], &command["outcome"]),
        (&1.into(), &"complete".into()),
        "{command}"
    );
    let replay = command["replay"].as_str().unwrap();
    let of_replay = get(&socket, &format!("/runs.json?replay={replay}"))
        .await
        .json();
    let mut second = runs[0].clone();
    second.id = RunId(of_replay["runs"][0]["id"].as_u64().unwrap());
    assert!(second.id > runs[0].id);
    daemon.settled(&[second]).await;
    let since = get(&socket, "/confirm?command=replay&since=-1h&results=include").await;
    let bulk = ended(
        &socket,
        &post(&socket, "/confirm", &since.form("all")).await,
    )
    .await;
    assert_eq!(
        (&bulk["changed"], &bulk["processed"]),
        (&1.into(), &1.into()),
        "{bulk}"
    );
    let unfinished = std::fs::read_dir(folder.join("replays")).unwrap();
    let names: Vec<_> = unfinished.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(
        names,
        ["lock"],
        "the files of replays that have ended are deleted"
    );
}

/// A page of another site cannot give a command, and a wrong question says what is wrong.
#[tokio::test]
async fn commands_are_guarded() {
    let folder = folder_until_thread_ends();
    let receiver = Receiver::ok();
    let (_daemon, socket) = daemon_with_page!(folder, receiver);
    let foreign = "POST /confirm HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: cross-site\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(ask(&socket, foreign).await.status, 403);
    for (path, status) in [
        ("/confirm", 400),
        ("/confirm?command=retry&scope=selected", 400),
        ("/confirm?command=replay&event=99", 404),
        ("/runs/99", 404),
        ("/runs/x", 404),
        ("/runs?state=dea", 400),
        ("/commands/1", 404),
    ] {
        assert_eq!(get(&socket, path).await.status, status, "{path}");
    }
}
