//! Tests of the page of a rule: what it shows of a store with a revision, and of a rule that is unknown.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::page::session::{Role, SignIn};
use crate::store::conformance::{arrival, now};
use crate::store::{Revision, SqliteHistory, SqliteStore, Store, StoreSettings};

const RULE: &str = "name: tell\ndescription: \"<b>why</b>\"\nevent_source: support\nevent_type: ticket.TicketCreated\nwhen: { ticket.priority: urgent }\nthrottle: { per: ticket.id, in: 1h, limit: 2 }\nflow:\n  - name: send\n    http: { url: \"https://chat.example\" }\n  - succeed: fine\n";

async fn page(text: &str) -> RulePage {
    let set = flowtrigger_testing::rules::from_text(text);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowtrigger.db");
    let (store, _) = SqliteStore::open(&path, StoreSettings::default()).unwrap();
    let revision = Revision {
        files: vec![("r.yaml".into(), text.into())],
        config: Arc::default(),
        settings: StoreSettings::default(),
        awaited: Vec::new(),
    };
    store.set_revision(revision).await.unwrap();
    store.commit(arrival("1", &set.rules[0])).await.unwrap();
    let history = SqliteHistory::open(&path).unwrap();
    let StoredRule {
        found,
        activity,
        source,
    } = read("tell", None, now(), &history)
        .unwrap()
        .expect("a rule");
    assert!(read("gone", None, now(), &history).unwrap().is_none());
    let missing = read("tell", Some(RevisionId(99)), now(), &history);
    assert!(matches!(missing, Err(CommandError::Nothing(_))));
    RulePage {
        found,
        activity,
        archive: ArchiveState::Current,
        source,
        asked: None,
        tests: None,
    }
}

fn shown(page: &RulePage) -> String {
    let user = PageUser {
        name: "ada".into(),
        role: Role::Read,
        sign_in: SignIn::Session,
    };
    page.html(&user).into_string()
}

#[tokio::test]
async fn the_page_shows_the_text_the_runs_and_the_flow() {
    let page = page(RULE).await;
    let html = shown(&page);
    for part in [
        "&lt;b&gt;why&lt;/b&gt;",
        "id=\"L1\"",
        "href=\"/try?rule=tell\"",
        "throttle, 2 runs in 1h for each ticket.id",
        "href=\"#L8\"",
        "Runs a day: 0, 0, 0, 0, 0, 0, 1; 0 dead or held",
        "href=\"/runs?rule=tell&amp;state=queued\"",
        "https://chat.example",
        "class=\"st live\"",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("style="));
}

#[tokio::test]
async fn its_json_is_that_of_the_command_with_what_only_the_page_has() {
    let page = page(RULE).await;
    let json = page.json();
    let command = report::json(&page.found);
    for (key, value) in command.as_object().expect("an object") {
        assert_eq!(json[key], *value, "{key}");
    }
    assert_eq!(json["archive_behind"], json!(null));
    assert_eq!(json["text"]["line"], 1);
    assert_eq!(json["days"][6]["runs"], json!({"queued": 1}));
}

#[tokio::test]
async fn a_rule_that_does_not_act_says_why() {
    let page = page(&RULE.replace("flow:", "mode: shadow\nflow:")).await;
    let html = shown(&page);
    assert!(
        html.contains("in shadow mode, in the rules loaded last"),
        "{html}"
    );
    assert!(html.contains("class=\"st shadow\""));
}
