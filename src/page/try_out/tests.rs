//! Tests of the page Try: what an edited rule would do, and that nothing in the texts can harm the page.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::page::session::{Role, SignIn};
use crate::store::{SqliteHistory, SqliteStore, StoreSettings};
use flowtrigger_core::config::Config;
use flowtrigger_testing::rules;

const RULE: &str = "name: tell\nevent_source: support\nevent_type: ticket.PriorityChanged\nwhen: { current: urgent }\ndedupe: { per: ticket.id, for: 15m }\nflow:\n  - name: send\n    http:\n      connection: chat\n      path: /hook\n      json: { text: \"{{ ticket.id }}\" }\n";
const EVENT: &str = r#"{"input":{"ticket_event":{"type":"Priority Changed","previous":"low","current":"urgent","ticket":{"id":7,"tags":["vip"]}}}}"#;

struct Scene {
    _folder: tempfile::TempDir,
    history: SqliteHistory,
    book: Rulebook,
}

impl Scene {
    fn new() -> Self {
        let config: Config = rules::config(
            "connections:\n  chat: { base_url: \"https://chat.example\", auth: { bearer: \"{{ secret.CHAT }}\" } }\n",
        );
        let set = rules::load(&[("rules/tell.yaml", RULE)], &config);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowtrigger.db");
        drop(SqliteStore::open(&path, StoreSettings::default()).unwrap());
        Self {
            history: SqliteHistory::open(&path).unwrap(),
            book: Rulebook {
                files: Arc::clone(&set.files),
                rule_files: set.files.ids().collect(),
                rules: set,
                config,
                ..Rulebook::default()
            },
            _folder: folder,
        }
    }

    fn page(&self, event: &str, rule: &str, changes: &[&str]) -> TryPage {
        let form = TryForm {
            event: event.into(),
            rule: rule.into(),
            changes: changes.iter().map(|change| (*change).to_owned()).collect(),
            ..TryForm::default()
        };
        TryPage::new(form, &self.book, &self.history).unwrap()
    }
}

fn shown(page: &TryPage) -> String {
    let user = PageUser {
        name: "ada".into(),
        role: Role::Read,
        sign_in: SignIn::Session,
    };
    page.html(&user).into_string()
}

#[track_caller]
fn assert_shows(page: &TryPage, parts: &[&str]) {
    let html = shown(page);
    for part in parts {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("style="), "{html}");
}

#[test]
fn an_edited_rule_is_explained_with_its_plan() {
    let scene = Scene::new();
    let edited = RULE.replace("current: urgent", "current: high");
    let page = scene.page(EVENT, &edited, &[]);
    assert_shows(
        &page,
        &[
            "before: match, now: no match",
            "1 line differs from the rule in force",
            "no mistakes",
        ],
    );
    assert_eq!(page.json()["matched"], json!([]));
    assert_eq!(page.json()["before"], "match");
    let edited = RULE.replace("/hook", "/other");
    let page = scene.page(EVENT, &edited, &[]);
    assert_shows(
        &page,
        &[
            "before: match, now: match",
            "POST https://chat.example/other",
            "<span class=\"secret\">secret CHAT</span>",
            "<b>dedupe</b>",
            "Nothing was sent",
        ],
    );
    assert_eq!(page.json()["matched"], json!(["tell"]));
    assert_eq!(page.json()["rules"][0]["plan"][0]["step"], "send");
    assert_eq!(page.status(), StatusCode::OK);
}

#[test]
fn changes_are_made_before_the_evaluation() {
    let scene = Scene::new();
    let page = scene.page(EVENT, RULE, &["current=low"]);
    assert_shows(
        &page,
        &["before: match, now: no match", "value=\"current=low\""],
    );
    for (change, said) in [
        ("current", "has no `=`"),
        ("tikcet.id=1", "ticket.id"),
        ("current=[", "starts like JSON"),
    ] {
        let page = scene.page(EVENT, RULE, &[change]);
        let error = page.json()["error"].as_str().unwrap_or_default().to_owned();
        let help = page.json()["help"].as_str().unwrap_or_default().to_owned();
        assert!(
            format!("{error} {help}").contains(said),
            "{change}: {error}; {help}"
        );
        assert!(
            !format!("{error} {help}").contains("--set"),
            "{error}; {help}"
        );
        assert_eq!(page.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[test]
fn without_a_rule_all_rules_in_force_are_explained() {
    let scene = Scene::new();
    assert_shows(
        &scene.page(EVENT, "  \n", &[]),
        &[
            "the rule that listens to it matches",
            "href=\"/rules/tell\"",
            "Would do",
        ],
    );
}

#[test]
fn mistakes_are_shown_with_their_places() {
    let scene = Scene::new();
    let page = scene.page(EVENT, "name: tell\nflwo: []\n", &[]);
    assert_shows(
        &page,
        &[
            "unknown-key",
            "rules/tell.yaml:2:1",
            "<mark><bdi>flwo</bdi></mark>",
        ],
    );
    assert_eq!(page.json()["diagnostics"][0]["severity"], "error");
    assert_eq!(page.json()["error"], "the rule has errors");
    let page = scene.page("{\n  \"a\": ]\n}", RULE, &[]);
    assert_shows(&page, &["line 2, column"]);
}

#[test]
fn a_rule_that_does_not_listen_says_so() {
    let scene = Scene::new();
    let other = RULE
        .replace("ticket.PriorityChanged", "ticket.TicketCreated")
        .replace("current: urgent", "ticket.id: 7");
    assert_shows(
        &scene.page(EVENT, &other, &[]),
        &[
            "before: match, now: does not listen",
            "does not listen to support/ticket.PriorityChanged",
        ],
    );
    let new = RULE.replace("name: tell", "name: new");
    assert_shows(
        &scene.page(EVENT, &new, &[]),
        &["before: not in force, now: match"],
    );
}

#[test]
fn hostile_texts_stay_texts() {
    let scene = Scene::new();
    let event = EVENT.replace(
        "\"urgent\"",
        "\"urgent\",\"x\":\"</textarea><script>alert(1)</script>\u{202e}\"",
    );
    let rule = RULE.replace("tell", "\"<img src=x onerror=alert(1)>\"");
    for page in [
        scene.page(&event, &rule, &["current=<b>"]),
        scene.page(&event, &rule.replace("flow:", "<flow>:"), &[]),
        scene.page("<script>alert(1)</script>", "<script>", &["<b>=<b>"]),
    ] {
        let html = shown(&page);
        for bad in ["<script>", "<img", "</textarea><", "\u{202e}\""] {
            let allowed = usize::from(bad == "</textarea><") * 2;
            let outside = html.replace(&event.replace('<', "&lt;"), "");
            assert!(outside.matches(bad).count() <= allowed, "{bad}: {html}");
        }
    }
}

#[test]
fn large_texts_are_bounded() {
    let scene = Scene::new();
    let event = EVENT.replace("\"vip\"", &format!("\"{}\"", "ü".repeat(200_000)));
    let rule = format!("{RULE}description: \"{}\"\n", "x".repeat(400_000));
    let html = shown(&scene.page(&event, &rule, &[]));
    assert!(html.len() < 2_500_000, "{}", html.len());
    let deep = "[".repeat(300_000);
    assert_shows(&scene.page(&deep, RULE, &[]), &["The event: "]);
}
