//! Formats a rendered call as text and as JSON, with redacted secrets, egress and retries.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::output::Output;
use crate::report::render::escape::plain;
use flowtrigger_core::egress::EgressForecast;
use flowtrigger_core::egress::policy::EgressPolicy;
use flowtrigger_core::flow::call::{Call, ExecCall, HttpCall, JqCall, RequestBody, SettingsCall};
use flowtrigger_core::flow::step::{OnCrash, Step};
use flowtrigger_core::language::rendered_text::RenderedText;
use flowtrigger_core::match_call;

/// The prefix of the variables that every command gets.
const STANDARD_PREFIX: &str = "FLOWTRIGGER_";
/// The maximum number of characters of a body or a script.
const MAX_BODY: usize = 2_000;

/// Implemented by every rendered call.
trait DescribeCall {
    /// Its lines as text, without control characters: what it does, then its details.
    fn lines(&self, step: &Step, outgoing: &EgressPolicy) -> Vec<String>;

    /// Adds to its JSON what is known before it is performed.
    fn add_forecast(&self, _value: &mut Value, _outgoing: &EgressPolicy) {}
}

/// Prints a call, its first line without indentation.
pub fn text(out: &mut Output, call: &Call, step: &Step, outgoing: &EgressPolicy) -> io::Result<()> {
    for (number, line) in lines(call, step, outgoing).iter().enumerate() {
        match number {
            0 => writeln!(out, "{line}")?,
            _ => writeln!(out, "       {line}")?,
        }
    }
    Ok(())
}

/// The lines of a call: what it does, then its details. Only the program of jq has more than one line in one text.
pub fn lines(call: &Call, step: &Step, outgoing: &EgressPolicy) -> Vec<String> {
    match_call!(call, call => call.lines(step, outgoing))
}

impl DescribeCall for JqCall {
    fn lines(&self, _: &Step, _: &EgressPolicy) -> Vec<String> {
        vec![format!("jq {}", cut(&self.program))]
    }
}

impl DescribeCall for SettingsCall {
    fn lines(&self, _: &Step, _: &EgressPolicy) -> Vec<String> {
        let target = format!("{} {}", plain(&self.integration), plain(&self.scope));
        vec![match &self.patch {
            None => format!("settings of {target}"),
            Some(patch) => format!(
                "settings of {target}, changed by {}",
                cut_line(&patch.to_string())
            ),
        }]
    }
}

impl DescribeCall for HttpCall {
    fn lines(&self, step: &Step, outgoing: &EgressPolicy) -> Vec<String> {
        let mut lines = vec![format!("{} {}", self.method, plain(&self.url.to_string()))];
        for (name, value) in &self.headers {
            lines.push(format!("{name}: {}", plain(&value.to_string())));
        }
        if let Some(auth) = &self.auth {
            lines.push(plain(&auth.to_string()).into_owned());
        }
        if let Some(tls) = &self.tls {
            lines.push(plain(&format!("tls: {tls}")).into_owned());
        }
        if let Some(body) = &self.body {
            lines.push(cut_line(&body_text(body)));
        }
        if let Some(egress) = egress(self, outgoing) {
            lines.push(format!("egress: {egress}"));
        }
        lines.push(schedule(step));
        lines
    }

    fn add_forecast(&self, value: &mut Value, outgoing: &EgressPolicy) {
        if let Some(egress) = egress(self, outgoing) {
            value["egress"] = egress.into();
        }
    }
}

impl DescribeCall for ExecCall {
    fn lines(&self, step: &Step, _: &EgressPolicy) -> Vec<String> {
        let argv: Vec<String> = self.argv.iter().map(RenderedText::to_string).collect();
        let kind = step.action.kind();
        let argv = cut_line(&json!(argv).to_string());
        let mut lines = vec![format!("{kind} {argv}  in {}", self.cwd)];
        // The variables of every command are in the documentation.
        let own = self
            .env
            .iter()
            .filter(|(name, _)| !name.starts_with(STANDARD_PREFIX));
        lines.extend(own.map(|(name, value)| format!("{name}={}", plain(&value.to_string()))));
        if let Some(confinement) = &self.confine {
            lines.push(format!("confined: {}", plain(&confinement.describe())));
        }
        lines.push(schedule(step));
        lines
    }

    fn add_forecast(&self, value: &mut Value, _: &EgressPolicy) {
        if let Some(confinement) = &self.confine {
            value["confined"] = confinement.describe().into();
        }
    }
}

/// Where the egress policy lets the request go. `None` for an outbox.
fn egress(call: &HttpCall, outgoing: &EgressPolicy) -> Option<String> {
    let forecast = outgoing.forecast(&call.url.to_string())?;
    let words = plain(&outgoing.describe(&forecast)).into_owned();
    Some(match call.redirects {
        _ if matches!(forecast, EgressForecast::Refused(_)) => words,
        0 => words,
        1 => format!("{words}; one redirect is followed, checked again"),
        many => format!("{words}; {many} redirects are followed, each checked again"),
    })
}

fn schedule(step: &Step) -> String {
    let timeout = step.settings.timeout.as_secs_f64();
    let retry = step.settings.retry.describe();
    match on_crash(step) {
        Some(word) => format!("time-out {timeout}s; {retry}; after a crash: {word}"),
        None => format!("time-out {timeout}s; {retry}"),
    }
}

/// What happens to a command after a crash. A request always runs again.
fn on_crash(step: &Step) -> Option<&'static str> {
    step.action.command()?;
    Some(match step.settings.on_crash {
        OnCrash::Hold => "hold",
        OnCrash::Rerun => "rerun",
    })
}

fn body_text(body: &RequestBody) -> String {
    match body {
        RequestBody::Json(tree) => tree.redacted().to_string(),
        RequestBody::Form(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, v)| format!("{name}={v}"))
                .collect();
            fields.join("&")
        }
        RequestBody::Raw(text) => text.to_string(),
    }
}

/// A text from outside, in one line.
pub fn cut_line(text: &str) -> String {
    match text.char_indices().nth(MAX_BODY) {
        Some((end, _)) => format!("{}…", plain(&text[..end])),
        None => plain(text).into_owned(),
    }
}

/// A program that the author of the rule wrote, with its lines.
fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_BODY) {
        Some((end, _)) => format!("{}…", plain_lines(&text[..end])),
        None => plain_lines(text),
    }
}

/// Escapes each line.
fn plain_lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(plain).collect();
    lines.join("\n")
}

/// A call with its secrets redacted and its schedule.
pub fn json_of(call: &Call, step: &Step, outgoing: &EgressPolicy) -> Value {
    let mut value = call.to_json();
    match_call!(call, call => call.add_forecast(&mut value, outgoing));
    value["timeout"] = json!(step.settings.timeout.as_secs_f64());
    value["retry"] = json!(step.settings.retry.describe());
    if let Some(word) = on_crash(step) {
        value["on_crash"] = word.into();
    }
    value
}
