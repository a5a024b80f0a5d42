//! The text of `status`: a line for each thing that a person looks at, those of the daemon first.

use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{MAX_RULES, StatusAnswer};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::color::Tone;
use crate::report::render::diagnostics::{grouped, number};
use crate::report::render::size::size;
use crate::report::render::table::Table;
use crate::report::suspended;
use crate::report::time_argument::seconds;
use crate::store::history::RuleQueue;
use crate::store::short_digest;
use crate::tls::Expiry;
use flowtrigger_core::gate::format_duration;

impl StatusAnswer {
    pub(super) fn text(&self, out: &mut Output) -> Result<(), CommandError> {
        let mut table = Table::default();
        match (&self.daemon, &self.silent) {
            (Some(status), _) => self.local(status, &mut table),
            (None, Some(why)) => table.row(["daemon", &format!("status not known: {why}")]),
            (None, None) if self.stored.daemons.rows.is_empty() => {
                table.row(["daemon", "none runs on this data folder"]);
                self.last_rules(&mut table);
            }
            // Said after the table of the others.
            (None, None) => {}
        }
        let mut store = match self.store.kind {
            "folder" => format!("folder {}", self.store.place),
            _ => self.store.place.clone(),
        };
        let daemon_size = self
            .daemon
            .as_ref()
            .and_then(|status| status["disk_bytes"].as_u64());
        if let Some(bytes) = self.store.size.or(daemon_size) {
            store += &format!(", {}", size(bytes));
        }
        if let Some(bytes) = self.store.free {
            store += &format!("; {} free on its disk", size(bytes));
        }
        table.row(["store", &store]);
        if let Some(why) = &self.unreadable {
            table.note(&format!("          {why}"));
        }
        for file in &self.store.damaged {
            let note = format!("a damaged database was set aside as {file}; this one began empty");
            table.row_in(Tone::Red, ["", &note]);
        }
        let runs = self.stored.runs.iter();
        let runs: Vec<String> = runs
            .map(|(state, count)| format!("{} {state}", counted(*count)))
            .collect();
        let runs = match (&self.unreadable, runs.is_empty()) {
            (Some(_), _) => "not known".to_owned(),
            (None, true) => "none".to_owned(),
            (None, false) => runs.join(", "),
        };
        table.row(["runs", &runs]);
        self.queue(&mut table);
        if let Some(status) = &self.daemon {
            permits(status, &mut table);
        }
        table.write(out)?;
        if let Some(table) = suspended::table(&self.stored.suspended, self.config.as_ref()) {
            writeln!(out)?;
            table.write(out)?;
        }
        self.others(out)
    }

    /// What the daemon of the folder says of itself.
    fn local(&self, status: &Value, table: &mut Table) {
        let word = |key: &str| match &status[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let state = match (status["ready"].as_bool(), status["reason"].as_str()) {
            (Some(true), _) => "ready".to_owned(),
            (_, Some(reason)) => format!("not ready: {}", self.without_store_error(reason)),
            (_, None) => "not ready".to_owned(),
        };
        let uptime = match status["uptime_seconds"].as_u64() {
            Some(uptime) => format!(" ({})", format_duration(Duration::from_secs(uptime))),
            None => String::new(),
        };
        let address = match status["address"].as_str() {
            Some(address) => format!(", events at {address}"),
            None => String::new(),
        };
        table.row([
            "daemon",
            &format!(
                "{state}; process {} since {}{uptime}, version {}{address}",
                word("pid"),
                word("since"),
                word("version")
            ),
        ]);
        let own = status["revision"].as_u64();
        let row = self.stored.daemons.rows.iter();
        let row = row.clone().find(|row| row.revision.map(|id| id.0) == own);
        let digest = row.and_then(|row| row.digest.as_deref());
        let digest = digest.map_or(String::new(), |text| {
            format!(
                " (digest {} of rules and configuration)",
                short_digest(text)
            )
        });
        let pushed = match status["pushed"]["digest"].as_str() {
            Some(text) => format!(
                ", pushed at {1} ({0} in `flowtrigger push --list`)",
                short_digest(text),
                status["pushed"]["at"].as_str().unwrap_or_default()
            ),
            None => String::new(),
        };
        table.row([
            "rules",
            &format!(
                "{}, revision {}{digest}, loaded {}{pushed}",
                number(
                    usize::try_from(status["rules"].as_u64().unwrap_or_default())
                        .unwrap_or(usize::MAX),
                    "rule"
                ),
                word("revision"),
                word("loaded")
            ),
        ]);
        if let Some(false) = status["watches"].as_bool() {
            table.row([
                "",
                "changed files are not loaded automatically (`--no-watch`)",
            ]);
        }
        failed_reload(&status["failed_reload"], table);
        mode_row(status["mode"].as_str(), table);
        for certificate in status["certificates"].as_array().into_iter().flatten() {
            certificate_rows(certificate, table);
        }
    }

    /// What a daemon had loaded before it ended.
    fn last_rules(&self, table: &mut Table) {
        if let Some(revision) = &self.stored.revision {
            let (id, at) = (revision.id.0, seconds(revision.at));
            table.row(["rules", &format!("revision {id}, loaded last at {at}")]);
        }
    }

    /// The rules with the most unfinished runs.
    fn queue(&self, table: &mut Table) {
        let rules = &self.stored.queue;
        for (index, rule) in rules.iter().take(MAX_RULES).enumerate() {
            let name = match index {
                0 => "queue",
                _ => "",
            };
            table.row([name, &queued(rule)]);
        }
        match rules.len().saturating_sub(MAX_RULES) {
            0 => {}
            more => table.row(["", &format!("and {}", number(more, "more rule"))]),
        }
    }

    /// A reason without the text that is printed with the store.
    fn without_store_error(&self, reason: &str) -> String {
        match &self.unreadable {
            Some(why) => reason.replace(why, "see `store`"),
            None => reason.to_owned(),
        }
    }
}

/// `rule page: 8 queued, 4 running`.
fn queued(rule: &RuleQueue) -> String {
    let states = rule.runs.iter();
    let states: Vec<String> = states
        .map(|(state, count)| format!("{} {state}", counted(*count)))
        .collect();
    format!("rule {}: {}", rule.rule, states.join(", "))
}

/// The rules that hold the permits for runs.
fn permits(status: &Value, table: &mut Table) {
    let held = status["permits"].as_array().map_or(&[][..], Vec::as_slice);
    let permits = |held: &Value| held["permits"].as_u64().unwrap_or_default();
    let total: u64 = held.iter().map(permits).sum();
    let limit = status["places"].as_u64().unwrap_or_default();
    if total == 0 {
        return table.row(["permits", &format!("none of {limit} in use")]);
    }
    let oldest = held
        .iter()
        .filter_map(|held| held["oldest_seconds"].as_u64());
    let oldest = Duration::from_secs(oldest.max().unwrap_or_default());
    let mut rules: Vec<String> = held
        .iter()
        .take(MAX_RULES)
        .map(|held| {
            let rule = held["rule"].as_str().unwrap_or_default();
            format!("rule {rule} {}", permits(held))
        })
        .collect();
    match held.len().saturating_sub(MAX_RULES) {
        0 => {}
        more => rules.push(number(more, "more rule")),
    }
    table.row([
        "permits",
        &format!(
            "{total} of {limit} in use: {}; the oldest for {}",
            rules.join(", "),
            match oldest.is_zero() {
                true => "less than a second".to_owned(),
                false => format_duration(oldest),
            }
        ),
    ]);
}

/// What keeps every rule from executing its steps.
fn mode_row(mode: Option<&str>, table: &mut Table) {
    let meaning = match mode {
        Some("shadow") => {
            "shadow: no rule sends or executes anything (`mode` of the configuration)"
        }
        Some("disabled") => "disabled: no rule creates a run (`mode` of the configuration)",
        Some(_) | None => return,
    };
    table.row_in(Tone::Yellow, ["mode", meaning]);
}

/// The end of validity of a certificate, and why a renewal is not in use.
fn certificate_rows(certificate: &Value, table: &mut Table) {
    let word = |key: &str| certificate[key].as_str().unwrap_or_default();
    let now = Timestamp::now();
    let time = |key: &str| certificate[key].as_str()?.parse::<Timestamp>().ok();
    let starts = time("valid_from").filter(|start| *start > now);
    let warning = match (starts, time("expires")) {
        (Some(start), _) => Some(format!("not valid before {start:.0}; renew it")),
        (None, Some(end)) => Expiry(end).warning(now),
        (None, None) => None,
    };
    let (listener, file) = (word("listener"), word("certificate"));
    match (warning, certificate["expires"].as_str()) {
        (Some(warning), _) => table.row_in(
            Tone::Red,
            ["certificate", &format!("of {listener}: {warning} ({file})")],
        ),
        (None, Some(end)) => {
            table.row([
                "certificate",
                &format!("of {listener}: expires at {end} ({file})"),
            ]);
        }
        (None, None) => {
            let unknown = format!("of {listener}: its end of validity cannot be read ({file})");
            table.row(["certificate", &unknown]);
        }
    }
    if let Some(problem) = certificate["problem"].as_str() {
        table.row_in(Tone::Red, ["", &format!("not renewed: {problem}")]);
    }
}

/// Since when reloads fail, and the first mistake.
fn failed_reload(failed: &Value, table: &mut Table) {
    let Some(reason) = failed["reason"].as_str() else {
        return;
    };
    let word = |key: &str| failed[key].as_str().unwrap_or_default();
    let (at, since) = (word("at"), word("since"));
    let since = match at == since {
        true => String::new(),
        false => format!(", reloads fail since {since}"),
    };
    table.row_in(
        Tone::Red,
        ["", &format!("not reloaded at {at}{since}: {reason}")],
    );
    let mistakes = failed["diagnostics"].as_array();
    let mistakes = mistakes.map_or(&[][..], Vec::as_slice);
    if let [first, others @ ..] = mistakes {
        let word = |key: &str| first[key].as_str().unwrap_or_default();
        let more = match others.len() {
            0 => String::new(),
            more => format!(", and {}", number(more, "more error")),
        };
        let (file, message) = (word("file"), word("message"));
        let (line, column) = (&first["line"], &first["column"]);
        let mistake = format!("{file}:{line}:{column} {message}{more}");
        table.row_in(Tone::Red, ["", &mistake]);
    }
}

fn counted(count: u64) -> String {
    grouped(usize::try_from(count).unwrap_or(usize::MAX))
}
