//! Where requests may go and which programs may run: in `check`, in plans, in runs and after a reload.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::program::Output;
use flowtrigger_testing::receiver::Receiver;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::TIMEOUT;
use rustix::process::Signal;
use serde_json::Value;

use super::setup::{EXPLAIN, NOTE, RUN, rule, sandbox, sandbox_with_flow, urgent};

fn telling(url: &str) -> String {
    format!("- name: tell\n  http: {{ url: '{url}', json: {{}} }}\n  retry: {{ attempts: 1 }}\n")
}

fn here(receiver: &Receiver) -> String {
    telling(&format!("http://127.0.0.1:{}/x", receiver.port))
}

fn run(sandbox: &Sandbox) -> Value {
    sandbox.run_event(&RUN, &urgent(7))["runs"][0].clone()
}

#[test]
fn loopback_is_allowed_by_default_only_without_a_configuration() {
    let receiver = Receiver::ok();
    let sandbox = sandbox_with_flow(&here(&receiver));
    assert_eq!(run(&sandbox)["state"], "done");
    sandbox.write("flowtrigger.yaml", "mode: live\n");
    let dead = run(&sandbox);
    assert_eq!(dead["state"], "dead");
    let error = dead["steps"][0]["error"].as_str().unwrap();
    assert!(
        error.contains(
            "connection denied: `127.0.0.1` is a loopback address; to allow it, write \
             `outgoing: { allow: [127.0.0.1] }` in flowtrigger.yaml"
        ),
        "{error}"
    );
    assert_eq!(dead["steps"][0]["attempts"], 1);
    for allow in ["127.0.0.1", "127.0.0.0/8"] {
        sandbox.write(
            "flowtrigger.yaml",
            format!("outgoing: {{ allow: [{allow}] }}\n"),
        );
        assert_eq!(run(&sandbox)["state"], "done", "{allow}");
    }
    assert_eq!(receiver.received().len(), 3);
}

#[test]
fn a_proxy_of_the_environment_is_not_used_unless_configured() {
    let (receiver, proxy) = (Receiver::ok(), Receiver::ok());
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let sandbox = sandbox_with_flow(&here(&receiver));
    let sandbox = ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"]
        .into_iter()
        .fold(sandbox, |sandbox, name| sandbox.with_env(name, &address));
    assert_eq!(run(&sandbox)["state"], "done");
    assert_eq!((receiver.received().len(), proxy.received().len()), (1, 0));

    sandbox.write(
        "rules/rules.yaml",
        rule("far", &telling("http://far.example/x")),
    );
    sandbox.write("flowtrigger.yaml", "outgoing: { proxy: environment }\n");
    assert_eq!(run(&sandbox)["state"], "done");
    let head = proxy.received()[0].head.clone();
    assert!(head.starts_with("POST http://far.example/x "), "{head}");
}

#[test]
fn check_warns_of_a_target_that_would_be_refused_at_its_step() {
    let flow = "- http: { url: 'http://localhost:9/x' }\n- http: { connection: crm, path: '/{{ ticket.id }}' }\n- http: { url: 'http://0x7f.1:9/{{ ticket.id }}' }\n- http: { url: 'https://desk.example/' }\n";
    let sandbox =
        sandbox_with_flow(&flow.replace("connection: crm, path: '", "url: 'http://[::1]"));
    sandbox
        .run(&["check"])
        .expect_stdout(0, &["1 rule in 1 file, no errors\n"]);
    sandbox.write("rules/rules.yaml", rule("on-urgent", flow));
    sandbox.write(
        "flowtrigger.yaml",
        "connections: { crm: { base_url: 'http://10.1.2.3/api' } }\n",
    );
    sandbox.run(&["check"]).expect_stdout(
        0,
        &[
            "warning[refused-target]: requests would not be sent: `localhost` is at 127.0.0.1, a loopback address",
            "--> rules/rules.yaml:6:3",
            "write `outgoing: { allow: [localhost] }` in flowtrigger.yaml",
            "requests would not be sent: `10.1.2.3` is a private address",
            "--> rules/rules.yaml:7:3",
            "requests would not be sent: `127.0.0.1` is a loopback address",
            "--> rules/rules.yaml:8:3",
            "3 warnings",
        ],
    );
    // A rule that never acts sends nothing.
    sandbox.write(
        "rules/rules.yaml",
        format!("mode: shadow\n{}", rule("quiet", flow)),
    );
    sandbox.run(&["check"]).expect_stdout(0, &["no errors\n"]);
}

fn egress(sandbox: &Sandbox) -> Vec<Value> {
    let line = sandbox.run_event(&EXPLAIN, &urgent(7));
    let steps = line["rules"][0]["plan"].as_array().unwrap().clone();
    steps.iter().map(|step| step["egress"].clone()).collect()
}

#[test]
fn a_plan_shows_whether_each_request_is_allowed() {
    let steps = [
        telling("https://desk.example/"),
        telling("https://1.1.1.1/"),
        telling("http://10.0.0.1/"),
        telling("http://192.168.0.9/").replace("json: {}", "json: {}, redirects: 2"),
        NOTE.to_owned(),
    ];
    let flow = steps.concat().replace("name: tell", "timeout: 1s");
    let sandbox = sandbox_with_flow(&flow);
    sandbox.write(
        "flowtrigger.yaml",
        "outgoing: { allow: [192.168.0.0/24] }\n",
    );
    assert_eq!(
        egress(&sandbox),
        [
            "public name, checked when the request is sent".into(),
            "public address".into(),
            "denied: `10.0.0.1` is a private address".into(),
            "not public, allowed by `outgoing`; 2 redirects are followed, each checked again"
                .into(),
            Value::Null,
        ]
    );
    let text = sandbox.run_with_input(&["dry-run", "--explain", "-"], &urgent(7).to_string());
    text.expect_stdout(
        0,
        &["       egress: public name, checked when the request is sent\n"],
    );
}

fn checked(sandbox: &Sandbox) -> Output {
    sandbox.run(&["check"])
}

#[test]
fn a_program_that_may_not_run_is_an_error_before_anything_runs() {
    let sandbox = sandbox_with_flow("- exec: [./bin/page, '{{ ticket.id }}']\n- shell: 'true'\n");
    sandbox.write("rules/bin/page", "#!/bin/sh\n");
    let page = sandbox.path("rules/bin/page");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&page, mode).unwrap();
    sandbox.write(
        "flowtrigger.yaml",
        "commands: { allow: [/usr/bin/printf] }\n",
    );
    checked(&sandbox).expect_stdout(
        3,
        &[
            "error[refused-program]: the command `./bin/page` is not an allowed program",
            "--> rules/rules.yaml:6:3",
            "rules/bin/page` to `commands.allow` in flowtrigger.yaml",
            "the command `/bin/sh` is not an allowed program",
            "2 errors in 1 file",
        ],
    );
    sandbox
        .run_with_input(&RUN, &urgent(7).to_string())
        .expect_stderr(3, &["refused-program"]);
    sandbox.write(
        "flowtrigger.yaml",
        "commands: { allow: [./rules/bin/*, /bin/sh] }\n",
    );
    checked(&sandbox).expect_stdout(0, &["no errors\n"]);
    assert_eq!(run(&sandbox)["state"], "done");
}

#[test]
fn check_reports_limits_that_this_machine_cannot_enforce() {
    let sandbox =
        sandbox_with_flow("- exec: [date]\n  confine: { user: no-such-user, read: [./gone] }\n");
    checked(&sandbox).expect_stdout(
        0,
        &[
            "warning[unconfinable]: the command would not start here: `confine.user` is `no-such-user`, which is not in /etc/passwd",
            "create the user, or correct the name",
            "the command would not start here: `rules/gone` of `confine` does not exist",
            "--> rules/rules.yaml:6:3",
        ],
    );
    let dead = run(&sandbox);
    assert_eq!(dead["state"], "dead");
    let error = dead["steps"][0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("the command `date` was not started: `confine.user`"),
        "{error}"
    );
}

#[test]
fn a_confined_command_runs_and_its_plan_shows_the_limits() {
    let flow = "- exec: [sh, -c, 'ulimit -v; pwd; cat', sh]\n  name: bound\n  confine: { memory: 64MiB, cpu: 5s }\n- exec: [test, '{{ steps.bound.status }}', -eq, '0']\n";
    let sandbox = sandbox_with_flow(flow);
    assert_eq!(run(&sandbox)["state"], "done");
    let plan = sandbox.run_event(&EXPLAIN, &urgent(7))["rules"][0]["plan"].clone();
    assert_eq!(plan[0]["confined"], "cpu 5s, memory 64 MiB");
    let text = sandbox.run_with_input(&["dry-run", "--explain", "-"], &urgent(7).to_string());
    text.expect_stdout(0, &["       confined: cpu 5s, memory 64 MiB\n"]);
}

#[test]
fn a_reload_changes_the_egress_policy_and_the_log_shows_it() {
    let receiver = Receiver::ok();
    let sandbox = sandbox_with_flow(&here(&receiver));
    let daemon = DaemonProcess::start(&sandbox);
    daemon.expect_log(|line| {
        let message = line["message"].as_str().unwrap_or("");
        message.starts_with("there is no flowtrigger.yaml yet: requests may reach this machine")
    });
    let sent = |ticket: u64| {
        daemon
            .post("/events/support", &urgent(ticket).to_string())
            .json();
    };
    let reload = |count: usize| {
        daemon.signal(Signal::HUP);
        let began = std::time::Instant::now();
        while daemon.log().matches("\"reloaded\"").count() < count {
            assert!(began.elapsed() < TIMEOUT, "{}", daemon.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    sent(1);
    receiver.wait_for(1);
    sandbox.write("flowtrigger.yaml", "mode: live\n");
    reload(1);
    sent(2);
    daemon.expect_log(|line| line.to_string().contains("connection denied"));
    assert_eq!(receiver.received().len(), 1);
    sandbox.write("flowtrigger.yaml", "outgoing: { allow: [127.0.0.1] }\n");
    reload(2);
    sent(3);
    receiver.wait_for(2);
}

#[test]
fn the_confinement_launcher_cannot_be_called_directly() {
    let sandbox = sandbox();
    let output = sandbox.run(&["--become-confined", "{}"]);
    output.expect_stderr(125, &["this argument is for internal use"]);
    let help = sandbox.run(&["--help"]);
    assert!(!help.stdout.contains("confined"), "{help:?}");
}
