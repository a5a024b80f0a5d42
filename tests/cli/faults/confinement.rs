//! Confined commands of a daemon: paths beside the rule file work, and the admin socket is out of reach.

use flowtrigger_testing::daemon::DaemonProcess;

use super::setup::{sandbox_with_flow, urgent};

/// A step that writes what the program answers to `answer`, and then creates `done`.
fn asks_daemon(confine: &str) -> String {
    let program = env!("CARGO_BIN_EXE_flowtrigger");
    format!(
        "- name: ask\n  shell: |\n    {program} --data ../data runs retry 1 >../answer 2>&1\n    touch ../done\n{confine}"
    )
}

fn answer(confine: &str) -> String {
    let sandbox = sandbox_with_flow(&asks_daemon(confine));
    let daemon = DaemonProcess::start(&sandbox);
    assert_eq!(
        daemon
            .post("/events/support", &urgent(1).to_string())
            .status(),
        200
    );
    sandbox.wait_for_file("done");
    daemon.wait_until_idle();
    daemon.stop();
    sandbox.read("answer")
}

#[test]
fn a_confined_command_cannot_use_the_admin_socket() {
    let free = answer("");
    assert!(free.contains("run 1 is running"), "{free}");
    let confined = answer("  confine: { cpu: 100s }\n");
    assert!(confined.contains("failed to retry run 1"), "{confined}");
    assert!(!confined.contains("is running"), "{confined}");
}

#[test]
fn a_confined_command_has_a_mark_that_its_children_keep() {
    let limit = |confine: &str| {
        let flow = format!(
            "- name: ask\n  shell: |\n    (setsid sh -c 'ulimit -Hx unlimited; grep locks /proc/self/limits' || true) >../answer 2>/dev/null\n    touch ../done\n{confine}"
        );
        let sandbox = sandbox_with_flow(&flow);
        let daemon = DaemonProcess::start(&sandbox);
        daemon.post("/events/support", &urgent(1).to_string());
        sandbox.wait_for_file("done");
        daemon.stop();
        let answer = sandbox.read("answer");
        let mut words = answer.split_whitespace().skip(4);
        words.next().expect("a hard limit").to_owned()
    };
    let free = limit("").parse().unwrap_or(u64::MAX);
    let confined: u64 = limit("  confine: { cpu: 100s }\n").parse().unwrap();
    assert!(confined < free, "{confined} {free}");
}

#[test]
fn paths_of_confine_start_at_the_folder_of_the_rule_file() {
    let flow = "- name: copy\n  exec: [cp, texts/in, out/copy]\n  confine: { read: [texts], write: [out] }\n";
    let sandbox = sandbox_with_flow(flow);
    sandbox.write("rules/texts/in", "text");
    sandbox.write("rules/out/.keep", "");
    sandbox.run(&["check"]).expect_stdout(0, &[]);
    let daemon = DaemonProcess::start(&sandbox);
    assert_eq!(
        daemon
            .post("/events/support", &urgent(1).to_string())
            .status(),
        200
    );
    daemon.wait_until_idle();
    assert_eq!(daemon.count("done"), 1, "{}", daemon.log());
    assert_eq!(sandbox.read("rules/out/copy"), "text");
    daemon.stop();
}

#[test]
fn variables_that_load_code_are_rejected_beside_a_list_of_programs() {
    let flow =
        "- name: runs\n  exec: { argv: [/bin/true], env: { LD_PRELOAD: ./x.so, TICKET: '1' } }\n";
    let sandbox = sandbox_with_flow(flow);
    sandbox.run(&["check"]).expect_stdout(0, &[]);
    sandbox.write("flowtrigger.yaml", "commands: { allow: [/bin/true] }\n");
    let refused = sandbox.run(&["check"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    let text = refused.stdout + &refused.stderr;
    assert!(text.contains("`LD_PRELOAD` under `env`"), "{text}");
    assert!(!text.contains("TICKET` under"), "{text}");
}
