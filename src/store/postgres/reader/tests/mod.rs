//! Tests of reading Postgres beyond the conformance suite: connections that break, limits, functions, and messages.

mod messages;
mod writer;

use flowtrigger_testing::postgres::{ServerOptions, own_server, server};
use rusqlite::Connection;

use self::writer::Tables;
use super::*;
use crate::store::history::{EventFilter, EventPage};
use crate::store::sql::params;
use crate::store::sqlite::codec::minute::encode_minute;
use crate::store::{History, Minute, Percentiles, PostgresHistory};

fn connect(url: &str) -> PostgresReader {
    PostgresReader::connect(&PostgresSettings::for_url(url)).unwrap()
}

fn number(reader: &PostgresReader, sql: &str) -> Result<Option<i64>, HistoryError> {
    reader.first(sql, &[], |row| row.get(0))
}

#[test]
fn a_question_without_end_is_given_up_and_the_next_one_answered() {
    let Some(server) = server() else { return };
    let tables = Tables::create(server.database());
    let mut reader = connect(&tables.0);
    reader.max_query_time = Duration::from_millis(1);
    let endless = "SELECT count(*) FROM generate_series(1, 1000000000000)";
    let answer = number(&reader, endless);
    assert!(matches!(answer, Err(HistoryError::Timeout)), "{answer:?}");
    reader.max_query_time = MAX_QUERY_TIME;
    assert_eq!(
        number(&reader, "SELECT count(*) FROM runs").unwrap(),
        Some(0)
    );
}

#[test]
fn a_connection_that_has_broken_is_opened_again() {
    let Some(server) = own_server(ServerOptions::default()) else {
        return;
    };
    let tables = Tables::create(server.database());
    let reader = connect(&tables.0);
    let runs = "SELECT count(*) FROM runs";
    server.kill_backends();
    assert_eq!(number(&reader, runs).unwrap(), Some(0));
    server.stop_immediately();
    let error = number(&reader, runs).unwrap_err().to_string();
    let place = format!("127.0.0.1:{}", server.port());
    assert!(
        error.contains(&place) && error.contains("check that it runs"),
        "{error}"
    );
    server.start();
    assert_eq!(number(&reader, runs).unwrap(), Some(0));
}

#[test]
fn nothing_is_written_and_nothing_is_left_in_the_session() {
    let Some(server) = server() else { return };
    let tables = Tables::create(server.database());
    let reader = connect(&tables.0);
    let insert = "INSERT INTO facts VALUES ('a', 1) RETURNING value";
    let error = number(&reader, insert).unwrap_err().to_string();
    assert!(error.contains("read-only transaction"), "{error}");
    // A pooler gives each transaction another connection: it must need nothing of the one before.
    let limit = "SELECT CAST(setting AS BIGINT) FROM pg_settings WHERE name = 'statement_timeout'";
    assert_eq!(number(&reader, limit).unwrap(), Some(20_000));
    let statements = "SELECT count(*) FROM pg_prepared_statements";
    assert_eq!(number(&reader, statements).unwrap(), Some(0));
    let database = tables.0.rsplit('/').next().unwrap();
    let state = format!(
        "SELECT DISTINCT state, query FROM pg_stat_activity WHERE datname = '{database}' AND query = 'COMMIT'"
    );
    assert_eq!(server.psql("postgres", &state), "idle|COMMIT");
}

#[test]
fn functions_answer_as_on_sqlite() {
    let Some(server) = server() else { return };
    let tables = Tables::create(server.database());
    let reader = connect(&tables.0);
    let sqlite = Connection::open_in_memory().unwrap();
    let same = |sql: &str, params: &[SqlValue<'_>]| {
        let read = |row: &SqlRow<'_>| row.get::<Option<String>>(0);
        let expected = sqlite.rows(sql, params, read).unwrap();
        assert_eq!(
            reader.rows(sql, params, read).unwrap(),
            expected,
            "{sql} {params:?}"
        );
        expected
    };
    for (pattern, texts) in [
        ("page", ["page", "pages", "Page"]),
        (
            "each[[]*].page",
            ["each[2].page", "each[2].pages", "each.page"],
        ),
        ("a[*]b", ["a*b", "axb", "ab"]),
        ("a[?]_%\\", ["a?_%\\", "ax_%\\", "a?xx\\"]),
        ("a[[]b[[]*]", ["a[b[10]", "a[b", "ab[1]"]),
    ] {
        for text in texts {
            let sql = "SELECT CASE WHEN glob(?1, ?2) THEN 'yes' ELSE 'no' END";
            same(sql, params![pattern, text]);
        }
    }
    let object = r#"{"message": "it's \"so\"", "none": null, "number": 7, "list": [{"a": "b"}]}"#;
    for member in ["message", "none", "number", "missing"] {
        let sql = format!("SELECT CAST(json_extract(?1, '$.{member}') AS TEXT)");
        same(&sql, params![object]);
    }
    same(
        "SELECT json_extract(?1, '$.a')",
        params![Option::<&str>::None],
    );
    let list = r#"["first", "it's, second", "third (x)"]"#;
    let values = same("SELECT value FROM json_each(?1)", params![list]);
    assert_eq!(values.len(), 3);
    same("SELECT l.value FROM json_each(?1) l", params!["[]"]);
    let objects = r#"[{"actor": "U", "flow": "rule"}, {"actor": null}]"#;
    same(
        "SELECT json_extract(l.value, '$.actor') FROM json_each(?1) l",
        params![objects],
    );
    same(
        "SELECT CASE WHEN instr(lower(?1), lower(?2)) > 0 THEN 'yes' ELSE 'no' END",
        params!["it says WHAT?", "what?"],
    );
    // Postgres cannot have this letter in a text.
    let sql = "SELECT json_extract(?1, '$.a')";
    let read = |row: &SqlRow<'_>| row.get::<String>(0);
    let zero = reader.first(sql, params![r#"{"a": "x\u0000y"}"#], read);
    assert_eq!(zero.unwrap().unwrap(), "x y");
}

#[test]
fn the_minutes_of_daemons_are_added_up() {
    let Some(server) = server() else { return };
    let tables = Tables::create(server.database());
    let minute = |minute: i64, matched: u64, p99: u64, queued: u64| Minute {
        minute,
        matched,
        attempts: Some(Percentiles { p50: 5, p99 }),
        runs: [("queued".to_owned(), queued)].into(),
        ..Minute::default()
    };
    for (daemon, minute) in [
        (1, minute(100, 1, 40, 7)),
        (1, minute(101, 2, 40, 8)),
        (2, minute(101, 3, 90, 9)),
        (3, minute(101, 4, 20, 8)),
        (2, minute(102, 5, 20, 1)),
    ] {
        let content = encode_minute(&minute);
        let insert = format!(
            "INSERT INTO minutes VALUES ({}, {daemon}, '{content}')",
            minute.minute
        );
        tables.execute(&insert);
    }
    let history = PostgresHistory::connect(&PostgresSettings::for_url(&tables.0)).unwrap();
    let since = jiff::Timestamp::from_second(100 * 60).unwrap();
    let expected = [
        minute(100, 1, 40, 7),
        minute(101, 9, 90, 9),
        minute(102, 5, 20, 1),
    ];
    assert_eq!(history.minutes(since).unwrap(), expected);
}

#[test]
fn a_family_of_types_is_found_whatever_the_order_of_letters_in_the_database() {
    let Some(server) = server() else { return };
    let created = "CREATE DATABASE icu OWNER flowtrigger TEMPLATE template0 ENCODING 'UTF8'
        LOCALE_PROVIDER icu ICU_LOCALE 'en-US'";
    server.psql("postgres", created);
    let url = server.url(server.port(), "icu");
    let tables = Tables::create(url);
    for (id, name) in [
        (1, "ticket.Created"),
        (2, "ticketing.Created"),
        (3, "ticket.a"),
        (4, "user.Created"),
    ] {
        tables.execute(&format!(
            "INSERT INTO unmatched_events (id, source, type, event_id, received, revision, size, body, endpoint, day)
             VALUES ({id}, 'support', '{name}', 'e{id}', {id}, 1, 1, '{{}}', 'support', 0)"
        ));
    }
    let history = PostgresHistory::connect(&PostgresSettings::for_url(&tables.0)).unwrap();
    let filter = EventFilter {
        event_type: Some("ticket.*".to_owned()),
        ..EventFilter::default()
    };
    let page = EventPage {
        limit: 9,
        before: None,
    };
    let found = history.event_list(&filter, page).unwrap();
    let names: Vec<&str> = found
        .iter()
        .map(|event| event.event_type.as_str())
        .collect();
    assert_eq!(names, ["ticket.a", "ticket.Created"]);
}
