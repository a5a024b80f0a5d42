//! The Postgres server of the tests: databases, crashes, and its end with the process of the tests.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use flowtrigger_testing::postgres::{Encryption, Fsync, ServerOptions, own_server, server};
use flowtrigger_testing::wait::wait_until;

#[test]
fn each_database_is_empty() {
    let Some(server) = server() else { return };
    let (first, second) = (server.database(), server.database());
    server.psql(&first, "CREATE TABLE kept (id BIGINT)");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(server.psql(&first, tables), "1");
    assert_eq!(server.psql(&second, tables), "0");
    let owner =
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()";
    assert_eq!(server.psql(&first, owner), "flowtrigger");
}

#[test]
fn committed_rows_survive_an_immediate_stop() {
    let options = ServerOptions {
        fsync: Fsync::On,
        ..ServerOptions::default()
    };
    let Some(server) = own_server(options) else {
        return;
    };
    let database = server.database();
    server.psql(&database, "CREATE TABLE kept AS SELECT 7 AS id");
    for _ in 0..2 {
        server.stop_immediately();
        server.start();
        assert_eq!(server.psql(&database, "SELECT id FROM kept"), "7");
    }
    server.kill_backends();
}

#[test]
fn a_server_can_ask_for_a_password_and_for_tls() {
    let options = ServerOptions {
        encryption: Encryption::Tls,
        password: Some("open".to_owned()),
        ..ServerOptions::default()
    };
    let Some(server) = own_server(options) else {
        return;
    };
    let ask = |mode: &str, password: &str| {
        let url = server.database();
        let url = format!(
            "{url}?sslmode={mode}&sslrootcert={}",
            server.authority().display()
        );
        let mut psql = Command::new("psql");
        psql.args([&url, "-X", "-w", "-c", "SELECT 1"]);
        psql.env("PGPASSWORD", password);
        psql.output().expect("psql starts").status.success()
    };
    assert!(ask("verify-full", "open"));
    assert!(!ask("verify-full", "wrong"));
    assert!(!ask("disable", "open"));
}

/// Prints where its server is and waits. The test below kills the process that runs it.
#[test]
#[ignore = "for the test of a killed process"]
fn a_server_of_a_process_that_is_killed() {
    let Some(server) = server() else { return };
    let folder = server.socket_folder().display();
    #[allow(clippy::print_stdout)]
    {
        println!("\nfolder {folder}");
    }
    std::thread::park();
}

#[test]
fn a_server_ends_with_its_process() {
    if server().is_none() {
        return;
    }
    let name = "cluster::server::a_server_of_a_process_that_is_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let folder = lines
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("folder ").map(str::to_owned));
    let folder = folder.expect("the server starts");
    assert!(Path::new(&folder).join("data/postmaster.pid").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until("the server ends and leaves nothing", || {
        !Path::new(&folder).exists()
    });
}
