//! Files that change under a daemon: complete sets are loaded, and mistakes leave the rules in use and are shown.

use std::fs;
use std::os::unix::fs::symlink;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::{Value, json};

use super::setup::{NOTE, rule, sandbox, sandbox_with_flow, urgent};

const FAILED: &str = "flowtrigger_reloads_total{result=\"failed\"}";

/// The rule that matches an event now.
fn matched(daemon: &DaemonProcess, ticket: u64) -> String {
    let event = urgent(ticket).to_string();
    let answer = daemon.post("/events/support", &event).json();
    answer["runs"][0]["rule"].as_str().unwrap().to_owned()
}

fn reloaded(line: &Value) -> bool {
    line["message"] == "reloaded" && line["cause"] == "changed files"
}

fn not_reloaded(log: &str) -> usize {
    log.matches("not reloaded: the previous rules stay in use")
        .count()
}

#[test]
fn changed_rules_and_configuration_are_loaded() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start_watching(&sandbox);
    assert_eq!(daemon.admin("GET", "/status").json()["watches"], true);
    assert_eq!(matched(&daemon, 1), "on-urgent");
    let started = daemon.metric("flowtrigger_reload_last_success_timestamp_seconds");
    assert!(started > 1.7e9, "{started}");
    sandbox.write_rules(&rule("another", NOTE));
    let line = daemon.expect_log(reloaded);
    let counts =
        ["rules", "rules_added", "rules_changed", "rules_removed"].map(|key| line[key].clone());
    assert_eq!(counts, [1, 1, 0, 1].map(Value::from));
    assert_eq!(matched(&daemon, 2), "another");
    assert!(daemon.metric("flowtrigger_reload_last_success_timestamp_seconds") > started);
    sandbox.write("flowtrigger.yaml", "mode: shadow\n");
    daemon.expect_logs(2, reloaded);
    let answer = daemon
        .post("/events/support", &urgent(3).to_string())
        .json();
    assert_eq!(answer["runs"][0]["state"], "shadow", "{answer}");
    daemon.stop();
}

#[test]
fn a_broken_set_keeps_the_old_rules_and_is_shown_until_it_is_corrected() {
    let sandbox = sandbox_with_flow(NOTE);
    let daemon = DaemonProcess::start_watching(&sandbox);
    let broken = rule("broken", NOTE).replace("when:", "wenn:");
    sandbox.write_rules(&broken);
    let line = daemon.expect_log(|line| line["at"] == "rules/rules.yaml:4:1");
    assert_eq!(line["level"], "ERROR");
    let line = daemon.expect_message("not reloaded");
    assert_eq!(line["cause"], "changed files");
    // The same mistake in another file is found again, and is no news.
    fs::remove_file(sandbox.path("rules/rules.yaml")).unwrap();
    wait_until("the missing file is found", || daemon.metric(FAILED) == 2.0);
    for count in [3.0, 4.0] {
        sandbox.write("rules/new", &broken);
        fs::rename(sandbox.path("rules/new"), sandbox.path("rules/rules.yaml")).unwrap();
        wait_until("the set is tried again", || daemon.metric(FAILED) == count);
    }
    assert_eq!(not_reloaded(&daemon.log()), 3, "{}", daemon.log());
    assert_eq!(matched(&daemon, 1), "on-urgent");
    assert_eq!(daemon.metric("flowtrigger_last_reload_successful"), 0.0);
    let ready = daemon.get("/readyz");
    assert_eq!(ready.status(), 200);
    let note = "so that the previous rules stay in use: failed to load the rules: 1 error in";
    assert!(
        ready
            .body
            .starts_with("ready\nnote: reloads have failed since 2"),
        "{ready:?}"
    );
    assert!(ready.body.contains(note), "{ready:?}");
    let accept = "accept: application/json\r\n";
    let ready = daemon.request("GET", "/readyz", accept, b"").json();
    assert_eq!(
        (&ready["ready"], &ready["reason"]),
        (&json!(true), &Value::Null)
    );
    assert!(
        ready["notes"][0].as_str().unwrap().contains(note),
        "{ready}"
    );
    let failed = daemon.admin("GET", "/status").json()["failed_reload"].clone();
    assert!(
        failed["since"].as_str() <= failed["at"].as_str(),
        "{failed}"
    );
    let status = sandbox.run(&["status"]);
    status.expect_stdout(
        0,
        &[
            "not reloaded at 2",
            "rules/rules.yaml:4:1 unknown key `wenn`",
        ],
    );
    sandbox.write_rules(&rule("corrected", NOTE));
    daemon.expect_log(reloaded);
    assert_eq!(matched(&daemon, 2), "corrected");
    assert_eq!(daemon.metric("flowtrigger_last_reload_successful"), 1.0);
    assert_eq!(daemon.get("/readyz").body, "ready\n");
    daemon.stop();
}

#[test]
fn a_changed_secret_is_loaded() {
    let receiver = Receiver::ok();
    let flow = format!(
        "- http: {{ url: 'http://127.0.0.1:{}/', headers: {{ X-Key: '{{{{ secret.KEY }}}}' }} }}",
        receiver.port
    );
    let sandbox = sandbox_with_flow(&flow);
    sandbox.write(
        "flowtrigger.yaml",
        "outgoing: { allow: [127.0.0.1] }\nsecrets: { KEY: { file: key } }\n",
    );
    sandbox.write("key", "the-first-key");
    let daemon = DaemonProcess::start_watching(&sandbox);
    daemon.accept("support", &urgent(1));
    daemon.wait_until_idle();
    // A secret that is gone is a mistake, and its return corrects it.
    fs::remove_file(sandbox.path("key")).unwrap();
    daemon.expect_message("not reloaded");
    sandbox.write("key", "the-second-key");
    daemon.expect_log(reloaded);
    daemon.accept("support", &urgent(2));
    daemon.wait_until_idle();
    let keys: Vec<String> = receiver
        .received()
        .iter()
        .map(|got| got.header("x-key").unwrap_or_default().to_owned())
        .collect();
    assert_eq!(keys, ["the-first-key", "the-second-key"]);
    daemon.stop();
}

/// Rules as Kubernetes mounts them: links to a folder, which is replaced as a whole.
fn mount(sandbox: &Sandbox, version: &str, files: &[(&str, String)]) {
    let folder = sandbox.path("rules").join(format!("..{version}"));
    fs::create_dir(&folder).unwrap();
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
        let link = sandbox.path("rules").join(name);
        if !link.is_symlink() {
            symlink(format!("..data/{name}"), link).unwrap();
        }
    }
    let new = sandbox.path("rules/..data_tmp");
    symlink(format!("..{version}"), &new).unwrap();
    fs::rename(new, sandbox.path("rules/..data")).unwrap();
}

#[test]
fn a_replaced_link_to_a_folder_of_rules_is_seen() {
    let sandbox = sandbox();
    mount(&sandbox, "1", &[("a.yaml", rule("first", NOTE))]);
    let daemon = DaemonProcess::start_watching(&sandbox);
    assert_eq!(matched(&daemon, 1), "first");
    mount(&sandbox, "2", &[("a.yaml", rule("other", NOTE))]);
    daemon.expect_log(reloaded);
    assert_eq!(matched(&daemon, 2), "other");
    daemon.stop();
}

#[test]
fn without_watching_files_are_loaded_on_request_alone() {
    for (name, value) in [("FLOWTRIGGER_NO_WATCH", "1"), ("IRRELEVANT", "1")] {
        let sandbox = sandbox_with_flow(NOTE).with_env(name, value);
        // The environment is enough, and so is the option, which other tests give.
        let daemon = match name {
            "FLOWTRIGGER_NO_WATCH" => DaemonProcess::start_watching(&sandbox),
            _ => DaemonProcess::start(&sandbox),
        };
        assert_eq!(daemon.admin("GET", "/status").json()["watches"], false);
        sandbox.write_rules(&rule("another", NOTE));
        sandbox.run(&["status"]).expect_stdout(0, &["`--no-watch`"]);
        assert_eq!(matched(&daemon, 1), "on-urgent");
        let reload = sandbox.run(&["reload"]);
        reload.expect_stdout(
            0,
            &["reloaded: 1 rule, revision 2; 1 rule added, 1 rule removed"],
        );
        assert_eq!(matched(&daemon, 2), "another");
        assert!(!daemon.log().contains("unknown environment variable"));
        daemon.stop();
    }
}
