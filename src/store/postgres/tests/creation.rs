//! The first start on a database: what it must be like, and what the log of the server shows.

use flowtrigger_testing::postgres::{Encryption, ServerOptions, own_server, server};

use super::open;
use crate::store::conformance::{arrival, live_rule};
use crate::store::postgres::{PostgresSettings, PostgresStore};
use crate::store::{Store, StoreSettings};

async fn refused(settings: &PostgresSettings) -> String {
    let opened = PostgresStore::connect(settings, StoreSettings::default()).await;
    opened.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_another_encoding_is_refused() {
    let Some(server) = server() else { return };
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let name = format!("encoded_{}", encoding.to_lowercase());
        let create = format!(
            "CREATE DATABASE {name} OWNER flowtrigger ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
        );
        server.psql("postgres", &create);
        let settings = PostgresSettings::for_url(server.url(server.port(), &name));
        let why = refused(&settings).await;
        assert!(why.contains(encoding), "{why}");
        assert!(why.contains("ENCODING 'UTF8' TEMPLATE template0"), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_does_not_own_the_database_is_told_so() {
    let Some(server) = server() else { return };
    server.psql("postgres", "CREATE DATABASE not_owned");
    server.psql("not_owned", "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let settings = PostgresSettings::for_url(server.url(server.port(), "not_owned"));
    let why = refused(&settings).await;
    assert!(why.contains("permission denied for schema public"), "{why}");
    let advice = "ALTER DATABASE not_owned OWNER TO flowtrigger";
    assert!(why.contains(advice), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_event_leaves_no_warning_in_the_log_of_the_server() {
    let Some(server) = own_server(ServerOptions::default()) else {
        return;
    };
    let store = open(&PostgresSettings::for_url(server.database()));
    store.commit(arrival("1", &live_rule("a"))).await.unwrap();
    let log = server.log();
    assert!(!log.contains("no transaction in progress"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_tls_fails_says_what_to_set() {
    let Some(server) = server() else { return };
    let url = format!("{}?sslmode=require", server.database());
    let why = refused(&PostgresSettings::for_url(url)).await;
    assert!(
        why.contains("`sslmode=disable`") && why.contains("`ssl = on`"),
        "{why}"
    );
    let options = ServerOptions {
        encryption: Encryption::Tls,
        ..ServerOptions::default()
    };
    let Some(server) = own_server(options) else {
        return;
    };
    let url = server.url(server.port(), "postgres");
    let url = url.split('?').next().unwrap_or_default();
    let url = format!("{url}?sslmode=verify-full");
    let why = refused(&PostgresSettings::for_url(url)).await;
    assert!(why.contains("`sslrootcert=FILE`"), "{why}");
}
