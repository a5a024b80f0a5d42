//! Tests of the list of rules: which rules a page has, and what it shows of them.

use super::*;
use crate::page::session::{Role, SignIn};
use crate::store::conformance::arrival;
use crate::store::{SqliteHistory, SqliteStore, Store, StoreSettings};

const RULES: &str = "name: b\ndescription: <b>second</b>\nevent_source: support\nevent_type: ticket.PriorityChanged\nmode: shadow\nflow: [{ succeed: ok }]\n---\nname: a\nevent_source: support\nevent_type: ticket.*\nflow: [{ succeed: \"needle\" }]\n---\nname: c\nevent_source: support\nevent_type: user.UserCreated\nmode: disabled\nflow: [{ succeed: ok }]\n";

fn book() -> Rulebook {
    let rules = flowtrigger_testing::rules::from_text(RULES);
    Rulebook {
        files: Arc::clone(&rules.files),
        rules,
        ..Rulebook::default()
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn activity() -> HashMap<String, RuleActivity> {
    let mut activity = RuleActivity::none("a", now());
    activity.days[6].runs.insert("done".into(), 1_999);
    activity.days[6].runs.insert("dead".into(), 2);
    activity.last_planned = Some(now());
    HashMap::from([("a".to_owned(), activity)])
}

fn names(filter: &RuleFilter) -> Vec<String> {
    let selected = select(&book(), filter, &activity());
    let names = selected.rules.iter().map(|rule| rule.name.clone());
    names.collect()
}

#[test]
fn a_filter_takes_rules_by_text_type_mode_and_runs() {
    let with = |change: fn(&mut RuleFilter)| {
        let mut filter = RuleFilter::default();
        change(&mut filter);
        names(&filter)
    };
    assert_eq!(with(|_| {}), ["a", "b", "c"]);
    assert_eq!(with(|filter| filter.after = "a".into()), ["b", "c"]);
    assert_eq!(with(|filter| filter.text = "B".into()), ["b"]);
    assert_eq!(with(|filter| filter.text = "needle".into()), ["a"]);
    assert_eq!(with(|filter| filter.mode = Some(Mode::Disabled)), ["c"]);
    assert_eq!(with(|filter| filter.is_idle = true), ["b", "c"]);
    let of_type = |name: &str| {
        names(&RuleFilter {
            event_type: name.into(),
            ..RuleFilter::default()
        })
    };
    assert_eq!(of_type("ticket.PriorityChanged"), ["a", "b"]);
    assert_eq!(of_type("ticket.*"), ["a"]);
    assert_eq!(of_type("user.UserCreated"), ["c"]);
}

#[test]
fn only_the_rules_of_a_page_are_listed() {
    let text: Vec<String> = (0..120)
        .map(|number| {
            format!("name: r{number:03}\nevent_source: support\nevent_type: ticket.TagsChanged\nflow: [{{ succeed: ok }}]\n")
        })
        .collect();
    let rules = flowtrigger_testing::rules::from_text(&text.join("---\n"));
    let book = Rulebook {
        rules,
        ..Rulebook::default()
    };
    let mut after = String::new();
    let mut pages = Vec::new();
    loop {
        let filter = RuleFilter {
            after: after.clone(),
            ..RuleFilter::default()
        };
        let selected = select(&book, &filter, &HashMap::new());
        assert_eq!(selected.found, 120);
        after = selected.rules.last().expect("a rule").name.clone();
        pages.push(selected.rules.len());
        if !selected.has_more {
            break;
        }
    }
    assert_eq!((pages, after.as_str()), (vec![50, 50, 20], "r119"));
}

fn page(filter: RuleFilter) -> RulesPage {
    let book = book();
    let selected = select(&book, &filter, &activity());
    RulesPage {
        types: written_types(&book),
        total: 3,
        found: selected.found,
        rows: rows(
            selected.rules,
            &book,
            activity(),
            &TestsByRule::new(),
            now(),
        ),
        next: Some("/rules?after=c".into()),
        first: None,
        in_force: None,
        failed_reload: None,
        idle: IdlePeriod::Days,
        now: now(),
        cap: Some("`mode: shadow` in `flowtrigger.yaml`".into()),
        filter,
    }
}

fn shown(page: &RulesPage) -> String {
    let user = PageUser {
        name: "ada".into(),
        role: Role::Read,
        sign_in: SignIn::Session,
    };
    page.html(&user).into_string()
}

#[test]
fn the_list_shows_the_same_in_both_forms() {
    let page = page(RuleFilter::default());
    let html = shown(&page);
    for part in [
        "href=\"/rules/a\"",
        "href=\"/runs?rule=a\">2,001</a>",
        "href=\"/runs?rule=a&amp;state=dead&amp;state=held\">2</a>",
        "&lt;b&gt;second&lt;/b&gt;",
        "r.yaml:1:7",
        "no match in 7 days",
        "class=\"st shadow\"",
        "<code><bdi>mode: shadow</bdi></code>",
        "href=\"/rules?after=c\"",
        "not run yet",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("style="));
    let json = page.json();
    assert_eq!(json["rules"][0]["runs"], 2_001);
    assert_eq!(json["rules"][0]["failed"], 2);
    assert_eq!(json["rules"][1]["mode"], "shadow");
    assert_eq!(json["rules"][0]["types"], json!(["ticket.*"]));
}

#[test]
fn an_empty_list_says_what_to_do() {
    let filter = RuleFilter {
        text: "nothing <has> this".into(),
        ..RuleFilter::default()
    };
    let html = shown(&page(filter));
    assert!(html.contains("No rule fits this filter"), "{html}");
    assert!(
        html.contains("value=\"nothing &lt;has&gt; this\""),
        "{html}"
    );
}

#[test]
fn a_short_history_does_not_claim_a_week_without_a_match() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowtrigger.db");
    drop(SqliteStore::open(&path, StoreSettings::default()).unwrap());
    let history = SqliteHistory::open(&path).unwrap();
    let found = IdlePeriod::read(now(), &history).unwrap();
    assert_eq!(found, IdlePeriod::NoEvents);
    let mut page = page(RuleFilter::default());
    for (idle, said) in [
        (IdlePeriod::NoEvents, "no match yet"),
        (
            IdlePeriod::Since(now()),
            "no match since <time datetime=\"2027-01-15T08:00:00Z\"",
        ),
    ] {
        page.idle = idle;
        let html = shown(&page);
        assert!(html.contains(said), "{said}: {html}");
        assert!(!html.contains("class=\"st none\">no match in 7"), "{html}");
    }
}

#[tokio::test]
async fn the_first_stored_event_begins_the_history() {
    let set = flowtrigger_testing::rules::from_text(RULES);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowtrigger.db");
    let (store, _) = SqliteStore::open(&path, StoreSettings::default()).unwrap();
    store.commit(arrival("1", &set.rules[0])).await.unwrap();
    let history = SqliteHistory::open(&path).unwrap();
    let today = crate::store::conformance::now();
    let found = IdlePeriod::read(today, &history).unwrap();
    assert!(matches!(found, IdlePeriod::Since(_)), "{found:?}");
    let later = today + jiff::SignedDuration::from_hours(8 * 24);
    let found = IdlePeriod::read(later, &history).unwrap();
    assert_eq!(found, IdlePeriod::Days);
}
