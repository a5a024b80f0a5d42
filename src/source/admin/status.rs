//! The state of the daemon, as `GET /status` answers it and the page shows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::certificate_status::CertificateStatus;
use flowtrigger_core::diagnostic::{Diagnostics, Files};

/// The state of the daemon.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub version: &'static str,
    pub pid: u32,
    /// The start time.
    #[serde(serialize_with = "seconds")]
    pub since: Timestamp,
    pub uptime_seconds: u64,
    /// Whether events are accepted.
    pub ready: bool,
    /// Why none are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where events are received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Where events and runs are kept: `folder` or `postgres`.
    pub store: &'static str,
    pub rules: usize,
    /// The highest mode of any rule: `live`, `shadow` or `disabled`.
    pub mode: &'static str,
    /// The rules that were pushed, if they are not those of a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed: Option<PushedRules>,
    /// The revision in force.
    pub revision: u64,
    /// When it was loaded: at the start, or by the last successful reload.
    #[serde(serialize_with = "seconds")]
    pub loaded: Timestamp,
    /// Whether changed files are loaded automatically.
    pub watches: bool,
    /// The last reload, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_reload: Option<FailedReload>,
    /// The certificates of the listeners.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateStatus>,
    /// Why the store does not answer; `runs` is empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_error: Option<String>,
    /// The number of runs in each state.
    pub runs: BTreeMap<&'static str, u64>,
    /// Runs that can execute at the same time.
    pub places: usize,
    /// The permits for runs that are in use, by rule: those with the most first.
    pub permits: Vec<HeldPermits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_queued_seconds: Option<u64>,
    /// What is paused or down, with the runs that wait.
    pub suspended: Vec<Value>,
    /// Size of the database.
    pub disk_bytes: u64,
    /// Space for the data folder on its disk, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_free_bytes: Option<u64>,
    /// Unmatched events and exchanges that could not be stored since the start.
    pub lost_events: u64,
    pub lost_exchanges: u64,
}

/// The permits for runs that the runs of one rule hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldPermits {
    pub rule: Arc<str>,
    pub permits: usize,
    /// How long the oldest of them has been held.
    pub oldest_seconds: u64,
}

/// Pushed rules in force.
#[derive(Debug, Clone, Serialize)]
pub struct PushedRules {
    /// The digest of their texts.
    pub digest: String,
    /// When they were pushed.
    #[serde(serialize_with = "seconds")]
    pub at: Timestamp,
}

/// A reload that left the rules as they were.
#[derive(Debug, Clone)]
pub struct FailedReload {
    pub at: Timestamp,
    /// When the first of the reloads was that failed since the last success.
    pub since: Timestamp,
    pub reason: String,
    /// The texts in which the mistakes are.
    pub files: Arc<Files>,
    /// The mistakes; none if another reason was found.
    pub diagnostics: Arc<Diagnostics>,
}

impl Serialize for FailedReload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = json!({
            "at": format!("{:.0}", self.at),
            "since": format!("{:.0}", self.since),
            "reason": self.reason,
            "diagnostics": self.diagnostics.to_json(&self.files),
        });
        document.serialize(serializer)
    }
}

fn seconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.0}"))
}

#[cfg(test)]
mod tests {
    use flowtrigger_core::diagnostic::{Code, Report, Span};

    use super::*;

    #[test]
    fn a_failed_reload_lists_its_mistakes() {
        let mut files = Files::default();
        let file = files.add("rules/a.yaml", "naem: a\n");
        let mut diagnostics = Diagnostics::default();
        let at = Span {
            file,
            line: 1,
            column: 1,
            ..Span::default()
        };
        diagnostics.error(Code::UnknownKey, at, "unknown key `naem`", "write `name`");
        let failed = FailedReload {
            at: Timestamp::UNIX_EPOCH,
            since: Timestamp::UNIX_EPOCH,
            reason: "failed to load the rules".into(),
            files: Arc::new(files),
            diagnostics: Arc::new(diagnostics),
        };
        let json = json!(failed);
        assert_eq!(json["at"], "1970-01-01T00:00:00Z");
        let mistake = &json["diagnostics"][0];
        assert_eq!(
            (&mistake["file"], &mistake["line"]),
            (&json!("rules/a.yaml"), &json!(1))
        );
        assert_eq!(mistake["help"], "write `name`");
    }
}
