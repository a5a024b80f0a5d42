//! The examples in `deploy/`: their rules load and pass their tests, and scripts and balancers name the same ports.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::docs::{read, root};

fn three_daemons() -> PathBuf {
    root().join("deploy/three-daemons")
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
