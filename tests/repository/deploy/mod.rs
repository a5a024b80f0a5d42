//! The examples and packages in `deploy/`: their rules load and pass their tests, scripts and balancers name the same
//! ports, and the tools that read the files accept them.

mod container;
mod debian;
mod kubernetes;
mod proxies;
mod systemd;

use std::path::{Path, PathBuf};
use std::process::Command;

use super::docs::{read, root};

fn three_daemons() -> PathBuf {
    root().join("deploy/three-daemons")
}

fn folder(name: &str) -> PathBuf {
    root().join("deploy").join(name)
}

/// Whether a program is installed. Where `DEPLOY_TESTS_MUST_RUN` is set, all programs must be.
fn is_installed(program: &str, package: &str) -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| {
        let mut folders = std::env::split_paths(&path);
        let sbin = Path::new("/usr/sbin").join(program);
        folders.any(|folder| folder.join(program).exists()) || sbin.exists()
    });
    assert!(
        found || std::env::var_os("DEPLOY_TESTS_MUST_RUN").is_none(),
        "`{program}` is not installed: install the package `{package}`"
    );
    if !found {
        report(&format!(
            "not tested: `{program}` of the package `{package}` is not installed"
        ));
    }
    found
}

#[allow(clippy::print_stderr)]
fn report(text: &str) {
    eprintln!("{text}");
}

/// `flowtrigger COMMAND` with a configuration and rules.
#[track_caller]
fn succeeds_with_rules(command: &str, config: &Path, rules: &Path) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_flowtrigger"));
    program.arg(command).arg("--config").arg(config);
    succeeds(program.arg("--rules").arg(rules), root());
}

#[track_caller]
fn succeeds(command: &mut Command, folder: &Path) {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FLOWTRIGGER_")) {
        command.env_remove(name);
    }
    let output = command.current_dir(folder).output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

#[test]
fn the_rules_of_three_daemons_load_and_pass_their_tests() {
    for command in ["check", "test"] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_flowtrigger"));
        succeeds(program.arg(command), &three_daemons());
    }
}

#[test]
fn the_script_of_three_daemons_is_a_shell_script() {
    succeeds(
        Command::new("sh").args(["-n", "start.sh"]),
        &three_daemons(),
    );
}

/// `start.sh` adds the number of the daemon to this port.
#[test]
fn the_balancer_knows_the_daemons_that_the_script_starts() {
    let script = read(three_daemons().join("start.sh"));
    assert!(script.contains("--listen \"127.0.0.1:$((8100 + $1))\""));
    assert!(script.contains("${*:-1 2 3}"));
    let balancer = read(three_daemons().join("nginx.conf"));
    let servers = balancer.lines().filter_map(|line| {
        let server = line.trim().strip_prefix("server 127.0.0.1:")?;
        server.split_once(' ').map(|(port, _)| port)
    });
    assert_eq!(servers.collect::<Vec<_>>(), ["8101", "8102", "8103"]);
}
