//! The password of the database is used and never shown.

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::postgres::{ServerOptions, own_server};
use flowtrigger_testing::sandbox::Sandbox;

use super::{SOURCES, event, machine, rule};

const PASSWORD: &str = "s3cr3t-of-the-store";

#[test]
fn the_password_is_in_no_output_log_or_row() {
    let options = ServerOptions {
        password: Some(PASSWORD.into()),
        ..ServerOptions::default()
    };
    let Some(server) = own_server(options) else {
        return;
    };
    let url = server.database();
    let with_password = |password: &str| url.replace("@", &format!(":{password}@"));
    let desk = machine(&with_password(PASSWORD));
    desk.write_rules(&rule("page", "urgent", "succeed: fine"));
    let daemon = DaemonProcess::start(&desk);
    daemon.accept("desk", &event("e1", "urgent"));
    daemon.wait_until_idle();
    for command in [
        vec!["status"],
        vec!["status", "--format", "json"],
        vec!["runs", "list"],
        vec!["why", "e1", "--format", "json"],
        vec!["check", "--format", "json"],
        vec!["push"],
    ] {
        let output = desk.run(&command);
        assert_eq!(output.code, 0, "{output:?}");
        assert!(!format!("{output:?}").contains(PASSWORD), "{output:?}");
    }
    assert!(!daemon.log().contains(PASSWORD), "{}", daemon.log());
    daemon.stop();
    let rows = server.psql(&url, "SELECT c::text FROM configs c");
    let texts = server.psql(&url, "SELECT t::text FROM texts t");
    assert!(!format!("{rows}{texts}").contains(PASSWORD));
    // A secret of the configuration, and a wrong one.
    let by_secret =
        Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger")).with_env("FLOWTRIGGER_SECRET_DB", PASSWORD);
    let store = format!("store: {{ postgres: \"{url}\", password: DB }}\n{SOURCES}");
    by_secret.write("flowtrigger.yaml", store);
    by_secret.run(&["runs", "list"]).expect_stdout(0, &["page"]);
    let wrong = machine(&with_password("wr0ng-of-the-store"));
    let output = wrong.run(&["runs", "list"]);
    output.expect_stderr(5, &["password authentication failed"]);
    assert!(!output.stderr.contains("wr0ng"), "{output:?}");
    let unset = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    unset.write(
        "flowtrigger.yaml",
        format!("store: {{ postgres: \"{url}\", password: DB }}\n{SOURCES}"),
    );
    unset
        .run(&["runs", "list"])
        .expect_stderr(3, &["FLOWTRIGGER_SECRET_DB", "is not set"]);
}

#[test]
fn a_password_in_the_configuration_is_an_error_that_is_not_repeated() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write_rules(&rule("page", "urgent", "succeed: fine"));
    sandbox.write(
        "flowtrigger.yaml",
        format!("store: {{ postgres: \"postgres://u:{PASSWORD}@h/d\" }}\n{SOURCES}"),
    );
    for command in [&["check"][..], &["runs", "list"], &["status"], &["push"]] {
        let output = sandbox.run(command);
        assert_eq!(output.code, 3, "{output:?}");
        let text = format!("{}{}", output.stdout, output.stderr);
        assert!(text.contains("password: STORE_PASSWORD"), "{text}");
        assert!(!text.contains(PASSWORD), "{text}");
    }
    let variable = machine(&format!("mysql://u:{PASSWORD}@h/d"));
    for command in [&["runs", "list"][..], &["why", "e1"], &["check"]] {
        let output = variable.run(command);
        assert_eq!(output.code, 3, "{output:?}");
        let text = format!("{}{}", output.stdout, output.stderr);
        assert!(text.contains("unknown scheme `mysql`"), "{text}");
        assert!(!text.contains(PASSWORD), "{text}");
    }
    let misspelt = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"))
        .with_env("FLOWTRIGGER_STOER", "postgres://u@h/d");
    for command in [&["runs", "list"][..], &["why", "e1"], &["status"]] {
        let output = misspelt.run(command);
        let meant = "did you mean `FLOWTRIGGER_STORE`?";
        assert!(output.stderr.contains(meant), "{output:?}");
    }
    // Nothing connects to the address.
    sandbox.write(
        "flowtrigger.yaml",
        format!("store: {{ postgres: \"postgres://u@127.0.0.1:1/d\" }}\n{SOURCES}"),
    );
    sandbox.run(&["check"]).expect_stdout(0, &["no errors"]);
}
