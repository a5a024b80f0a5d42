//! Where requests go and which programs run, from the configuration to the report: what `check` says
//! beforehand, what a plan shows, what a run ends with, and what a reload changes.

use rustix::process::Signal;
use serde_json::Value;

use crate::receiver::Receiver;
use crate::serving::Daemon;
use crate::support::{EXPLAIN, NOTE, PATIENCE, Place, RUN, Said, rule, urgent};

fn telling(url: &str) -> String {
    format!("- name: tell\n  http: {{ url: '{url}', json: {{}} }}\n  retry: {{ attempts: 1 }}\n")
}

fn here(receiver: &Receiver) -> String {
    telling(&format!("http://127.0.0.1:{}/x", receiver.port))
}

fn run(place: &Place) -> Value {
    place.line(&RUN, &urgent(7))["runs"][0].clone()
}

#[test]
fn without_a_configuration_this_machine_may_be_reached_and_with_one_only_what_it_allows() {
    let receiver = Receiver::fine();
    let place = Place::with_flow(&here(&receiver));
    assert_eq!(run(&place)["state"], "done");
    place.write("flowtrigger.yaml", "mode: live\n");
    let dead = run(&place);
    assert_eq!(dead["state"], "dead");
    let error = dead["steps"][0]["error"].as_str().unwrap();
    assert!(
        error.contains(
            "connection denied: `127.0.0.1` is a loopback address; if it is meant, write \
             `outgoing: { allow: [127.0.0.1] }` in flowtrigger.yaml"
        ),
        "{error}"
    );
    assert_eq!(dead["steps"][0]["attempts"], 1);
    for allow in ["127.0.0.1", "127.0.0.0/8"] {
        place.write(
            "flowtrigger.yaml",
            format!("outgoing: {{ allow: [{allow}] }}\n"),
        );
        assert_eq!(run(&place)["state"], "done", "{allow}");
    }
    assert_eq!(receiver.got().len(), 3);
}

#[test]
fn a_proxy_of_the_environment_is_not_used_unless_configured() {
    let (receiver, proxy) = (Receiver::fine(), Receiver::fine());
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let place = Place::with_flow(&here(&receiver));
    let place = ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"]
        .into_iter()
        .fold(place, |place, name| place.set(name, &address));
    assert_eq!(run(&place)["state"], "done");
    assert_eq!((receiver.got().len(), proxy.got().len()), (1, 0));

    place.write(
        "rules/rules.yaml",
        rule("far", &telling("http://far.example/x")),
    );
    place.write("flowtrigger.yaml", "outgoing: { proxy: environment }\n");
    assert_eq!(run(&place)["state"], "done");
    let head = proxy.got()[0].head.clone();
    assert!(head.starts_with("POST http://far.example/x "), "{head}");
}

#[test]
fn check_warns_of_a_target_that_would_be_refused_at_its_step() {
    let flow = "- http: { url: 'http://localhost:9/x' }\n- http: { connection: crm, path: '/{{ ticket.id }}' }\n- http: { url: 'http://0x7f.1:9/{{ ticket.id }}' }\n- http: { url: 'https://desk.example/' }\n";
    let place = Place::with_flow(&flow.replace("connection: crm, path: '", "url: 'http://[::1]"));
    place
        .says(&["check"])
        .prints(0, &["1 rule in 1 file, no errors\n"]);
    place.write("rules/rules.yaml", rule("on-urgent", flow));
    place.write(
        "flowtrigger.yaml",
        "connections: { crm: { base_url: 'http://10.1.2.3/api' } }\n",
    );
    place.says(&["check"]).prints(
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
    place.write(
        "rules/rules.yaml",
        format!("mode: shadow\n{}", rule("quiet", flow)),
    );
    place.says(&["check"]).prints(0, &["no errors\n"]);
}

fn egress(place: &Place) -> Vec<Value> {
    let line = place.line(&EXPLAIN, &urgent(7));
    let steps = line["rules"][0]["plan"].as_array().unwrap().clone();
    steps.iter().map(|step| step["egress"].clone()).collect()
}

#[test]
fn a_plan_says_of_each_request_whether_it_would_go_out() {
    let steps = [
        telling("https://desk.example/"),
        telling("https://1.1.1.1/"),
        telling("http://10.0.0.1/"),
        telling("http://192.168.0.9/").replace("json: {}", "json: {}, redirects: 2"),
        NOTE.to_owned(),
    ];
    let flow = steps.concat().replace("name: tell", "timeout: 1s");
    let place = Place::with_flow(&flow);
    place.write(
        "flowtrigger.yaml",
        "outgoing: { allow: [192.168.0.0/24] }\n",
    );
    assert_eq!(
        egress(&place),
        [
            "public name, checked when it is sent".into(),
            "public address".into(),
            "refused: `10.0.0.1` is a private address".into(),
            "not public, allowed by `outgoing`; 2 redirects are followed, each checked again"
                .into(),
            Value::Null,
        ]
    );
    let text = place.answers(&["dry-run", "--explain", "-"], &urgent(7).to_string());
    text.prints(
        0,
        &["       egress: public name, checked when it is sent\n"],
    );
}

fn checked(place: &Place) -> Said {
    place.says(&["check"])
}

#[test]
fn a_program_that_may_not_run_is_an_error_before_anything_runs() {
    let place = Place::with_flow("- exec: [./bin/page, '{{ ticket.id }}']\n- shell: 'true'\n");
    place.write("rules/bin/page", "#!/bin/sh\n");
    let page = place.path("rules/bin/page");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&page, mode).unwrap();
    place.write(
        "flowtrigger.yaml",
        "commands: { allow: [/usr/bin/printf] }\n",
    );
    checked(&place).prints(
        3,
        &[
            "error[refused-program]: the command `./bin/page` is not an allowed program",
            "--> rules/rules.yaml:6:3",
            "rules/bin/page` to `commands.allow` in flowtrigger.yaml",
            "the command `/bin/sh` is not an allowed program",
            "2 errors in 1 file",
        ],
    );
    place
        .answers(&RUN, &urgent(7).to_string())
        .tells(3, &["refused-program"]);
    place.write(
        "flowtrigger.yaml",
        "commands: { allow: [./rules/bin/*, /bin/sh] }\n",
    );
    checked(&place).prints(0, &["no errors\n"]);
    assert_eq!(run(&place)["state"], "done");
}

#[test]
fn bounds_that_this_machine_cannot_put_in_force_are_told_by_check() {
    let place =
        Place::with_flow("- exec: [date]\n  confine: { user: no-such-user, read: [./gone] }\n");
    checked(&place).prints(
        0,
        &[
            "warning[unconfinable]: the command would not start here: `confine.user` is `no-such-user`, which is not in /etc/passwd",
            "create the user, or correct the name",
            "the command would not start here: `rules/gone` of `confine` does not exist",
            "--> rules/rules.yaml:6:3",
        ],
    );
    let dead = run(&place);
    assert_eq!(dead["state"], "dead");
    let error = dead["steps"][0]["error"].as_str().unwrap();
    assert!(
        error.starts_with("the command `date` was not started: `confine.user`"),
        "{error}"
    );
}

#[test]
fn a_bound_command_runs_and_its_plan_shows_the_bounds() {
    let flow = "- exec: [sh, -c, 'ulimit -v; pwd; cat', sh]\n  name: bound\n  confine: { memory: 64MiB, cpu: 5s }\n- exec: [test, '{{ steps.bound.status }}', -eq, '0']\n";
    let place = Place::with_flow(flow);
    assert_eq!(run(&place)["state"], "done");
    let plan = place.line(&EXPLAIN, &urgent(7))["rules"][0]["plan"].clone();
    assert_eq!(plan[0]["confined"], "cpu 5s, memory 64 MiB");
    let text = place.answers(&["dry-run", "--explain", "-"], &urgent(7).to_string());
    text.prints(0, &["       confined: cpu 5s, memory 64 MiB\n"]);
}

#[test]
fn a_reload_changes_where_requests_go_and_the_log_tells_what_holds_without_a_configuration() {
    let receiver = Receiver::fine();
    let place = Place::with_flow(&here(&receiver));
    let daemon = Daemon::start(&place);
    daemon.logs(|line| {
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
            assert!(began.elapsed() < PATIENCE, "{}", daemon.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    };
    sent(1);
    receiver.waits_for(1);
    place.write("flowtrigger.yaml", "mode: live\n");
    reload(1);
    sent(2);
    daemon.logs(|line| line.to_string().contains("connection denied"));
    assert_eq!(receiver.got().len(), 1);
    place.write("flowtrigger.yaml", "outgoing: { allow: [127.0.0.1] }\n");
    reload(2);
    sent(3);
    receiver.waits_for(2);
}

#[test]
fn a_command_is_not_made_by_hand_from_the_way_that_bounds_it() {
    let place = Place::new();
    let said = place.says(&["--become-confined", "{}"]);
    said.tells(125, &["this argument is for internal use"]);
    let help = place.says(&["--help"]);
    assert!(!help.stdout.contains("confined"), "{help:?}");
}
