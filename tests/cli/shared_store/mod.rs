//! The program on a database that daemons share: commands from any machine, pushed rules, and a folder that is moved.

mod commands;
mod example;
mod moved;
mod password;
mod pauses;
mod pushed;

use flowtrigger_testing::postgres::{Postgres, server};
use flowtrigger_testing::sandbox::Sandbox;
use serde_json::{Value, json};

const SOURCES: &str = "sources: { desk: { event_type: { path: kind }, key: ticket_id, id: id } }\n";

fn event(id: &str, kind: &str) -> Value {
    json!({"id": id, "kind": kind, "ticket_id": 90_417})
}

fn rule(name: &str, kind: &str, step: &str) -> String {
    format!("name: {name}\nevent_source: desk\nevent_type: {kind}\nflow:\n- {step}\n")
}

/// An empty database, or `None` where no server is installed.
fn database() -> Option<(Postgres, String)> {
    let server = server()?;
    let url = server.database();
    Some((server, url))
}

/// A machine that uses the database.
fn machine(url: &str) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write("flowtrigger.yaml", SOURCES);
    sandbox.with_env("FLOWTRIGGER_STORE", url)
}
