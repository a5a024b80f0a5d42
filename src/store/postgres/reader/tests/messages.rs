//! What a person reads when the history on Postgres cannot be opened.

use flowtrigger_testing::postgres::{Encryption, ServerOptions, own_server, server};

use super::super::*;
use super::Tables;
use crate::store::postgres::SCHEMA;
use crate::store::{History, PostgresHistory};

fn error(url: &str, password: Option<&str>) -> String {
    let settings = PostgresSettings {
        url: url.to_owned(),
        password: password.map(str::to_owned),
    };
    let error = PostgresReader::connect(&settings).unwrap_err();
    error.to_string()
}

fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

#[test]
fn a_server_that_does_not_answer_is_named() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let text = error(&format!("postgres://a@127.0.0.1:{port}/x"), None);
    let place = format!("127.0.0.1:{port}");
    assert_contains(
        &text,
        &[&place, ": Connection refused", "check that it runs"],
    );
}

#[test]
fn a_wrong_password_is_reported_and_not_shown() {
    let options = ServerOptions {
        password: Some("right".to_owned()),
        ..ServerOptions::default()
    };
    let Some(server) = own_server(options) else {
        return;
    };
    let url = server.database();
    let text = error(&url, Some("wrong"));
    assert_contains(
        &text,
        &["log in", "`flowtrigger`", "check the user and the password"],
    );
    assert!(!text.contains("wrong"), "{text}");
    assert_contains(
        &error(&url, None),
        &["asks for a password, and none is set"],
    );
    assert_contains(&error(&url, Some("right")), &["no tables of flowtrigger"]);
}

#[test]
fn a_database_without_tables_and_one_that_does_not_exist_are_told_apart() {
    let Some(server) = server() else { return };
    let url = server.database();
    let database = url.rsplit('/').next().unwrap();
    let quoted = format!("`{database}`");
    assert_contains(&error(&url, None), &[&quoted, "no daemon has used it yet"]);
    let missing = server.url(server.port(), "nothing");
    assert_contains(&error(&missing, None), &["`nothing`", "does not exist"]);
}

#[test]
fn the_version_of_the_schema_decides_whether_it_is_read() {
    let Some(server) = server() else { return };
    let open = |version: i64, compatible_from: i64| {
        let tables = Tables::create(server.database());
        tables.execute(&format!(
            "UPDATE schema_version SET version = {version}, compatible_from = {compatible_from}"
        ));
        PostgresReader::connect(&PostgresSettings::for_url(&tables.0))
    };
    // A newer schema that this version may use.
    let newer = SCHEMA + 1;
    assert!(open(newer, SCHEMA).is_ok());
    let text = open(newer, newer).unwrap_err().to_string();
    let (found, known) = (format!("schema {newer}"), format!("knows {SCHEMA}"));
    assert_contains(&text, &["newer flowtrigger", &found, &known]);
    let text = open(0, 0).unwrap_err().to_string();
    assert_contains(&text, &["older flowtrigger", "schema 0", "to upgrade it"]);
}

#[test]
fn a_server_that_is_not_trusted_is_rejected_and_one_that_is_trusted_is_read() {
    let options = ServerOptions {
        encryption: Encryption::Tls,
        ..ServerOptions::default()
    };
    let Some(server) = own_server(options) else {
        return;
    };
    let url = server.database();
    let authority = server.authority();
    let trusted = format!(
        "{url}?sslmode=verify-full&sslrootcert={}",
        authority.display()
    );
    assert_contains(&error(&trusted, None), &["no tables of flowtrigger"]);
    assert_contains(
        &error(&format!("{url}?sslmode=verify-full"), None),
        &["failed to connect", "certificate"],
    );
    assert_contains(&error(&url, None), &["failed to"]);
}

#[test]
fn the_rights_to_read_are_enough() {
    let Some(server) = server() else { return };
    let url = Tables::create(server.database()).0;
    server.psql("postgres", "CREATE ROLE reader LOGIN");
    server.psql(
        &url,
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
    );
    let socket = server.socket_folder().display().to_string();
    let (place, database) = (socket.replace('/', "%2F"), url.rsplit('/').next().unwrap());
    let url = format!("postgres://reader@{place}:{}/{database}", server.port());
    let settings = PostgresSettings::for_url(url);
    let history = PostgresHistory::connect(&settings).unwrap();
    assert_eq!(history.counts().unwrap(), []);
}
