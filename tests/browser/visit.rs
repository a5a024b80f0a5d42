//! A desk with its page in a browser that is signed in, and the pages that tests look at.

use flowtrigger_testing::browser::Browser;
use flowtrigger_testing::support_desk::{SILENT_TICKET, SupportDesk};
use flowtrigger_testing::wait::wait_until;
use serde_json::Value;

/// A browser on the page of a desk.
pub struct Visit {
    pub browser: Browser,
    pub desk: SupportDesk,
}

impl Visit {
    /// `None` where no browser is installed.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let browser = Browser::start()?;
        let desk = SupportDesk::open(env!("CARGO_BIN_EXE_flowtrigger"));
        let visit = Self { browser, desk };
        visit.browser.resize(1_440, 900);
        visit.sign_in(&[]);
        Some(visit)
    }

    /// Signs in with a link, as a person does.
    #[track_caller]
    pub fn sign_in(&self, arguments: &[&str]) {
        self.browser.open(&self.desk.login_link(arguments));
        let button = self.browser.find("form[action='/login'] button");
        self.browser.click(&button);
        // A page that is opened before the answer has the cookie would ask to sign in.
        wait_until("the visitor is signed in", || {
            !self.browser.find_all("header.side").is_empty()
        });
    }

    #[track_caller]
    pub fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.desk.page));
    }

    /// The JSON of a page, as the administrative socket gives it.
    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        self.desk.daemon.admin("GET", path).json()
    }

    /// The page of the event for which nothing happened.
    #[track_caller]
    pub fn silent_event(&self) -> String {
        let events = self.json(&format!("/events.json?ticket={SILENT_TICKET}"));
        let found = events["events"].as_array().and_then(|events| events.last());
        let found = found
            .cloned()
            .unwrap_or_else(|| panic!("no event: {events}"));
        format!("/events/{}", found["row"])
    }

    /// The page of a run that is dead.
    #[track_caller]
    pub fn dead_run(&self) -> String {
        let runs = self.json("/runs.json?state=dead");
        format!("/runs/{}", runs["runs"][0]["id"])
    }

    /// One page of each kind, with a name for files.
    #[track_caller]
    pub fn pages(&self) -> Vec<(&'static str, String)> {
        let run = self.dead_run();
        let id = run.trim_start_matches("/runs/").to_owned();
        vec![
            ("overview", "/".to_owned()),
            ("events", "/events".to_owned()),
            ("event", self.silent_event()),
            ("runs", "/runs".to_owned()),
            ("run", run),
            ("problems", "/problems".to_owned()),
            ("rules", "/rules".to_owned()),
            ("rule", "/rules/page-urgent".to_owned()),
            ("try", "/try?rule=page-urgent".to_owned()),
            ("deliveries", "/deliveries".to_owned()),
            ("confirm", format!("/confirm?command=retry&run={id}")),
            ("pause", "/confirm/pause?target=everything".to_owned()),
            ("not-found", "/no-such-page".to_owned()),
        ]
    }
}
