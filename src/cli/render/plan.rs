//! A plan as text and as JSON: each step rendered, secrets redacted, with its retry schedule.
//! It prints what would be sent and nothing that only looks like it.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::cli::output::Output;
use crate::cli::render::explanation::{lines, trace_json};
use crate::cli::render::paint::{Paint, Tone};
use crate::cli::render::plain::plain;
use crate::core::config::Outgoing;
use crate::core::diagnostic::Files;
use crate::core::egress::Foresight;
use crate::core::flow::call::{Auth, Body, Call, ExecCall, HttpCall, Text};
use crate::core::flow::plan::{Planned, What};
use crate::core::flow::step::{Action, OnCrash, Step};
use crate::core::rule::jobspec::{Lane, Mode, Rule};

/// How much of a body or a script is shown.
const BODY: usize = 2_000;

pub fn text(
    out: &mut Output,
    plan: &[Planned<'_>],
    rule: &Rule,
    (outgoing, files): (&Outgoing, &Files),
) -> io::Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    let paint = Paint::of(out);
    let lane = match &rule.lane {
        Lane::Key if rule.is_about_tickets() => "one run at a time for each ticket".to_owned(),
        Lane::Key => "one run at a time for each key of an event".to_owned(),
        Lane::Per(path) => format!("one run at a time for each {}", path.text),
        Lane::None => "runs do not wait for each other".to_owned(),
    };
    let acts = match rule.mode {
        Mode::Live => "nothing was sent",
        Mode::Shadow | Mode::Disabled => "nothing would be sent",
    };
    writeln!(out, "  {}  {acts}; {lane}", paint.tone(Tone::Bold, "plan"))?;
    for (number, planned) in plan.iter().enumerate() {
        let step = planned.step;
        let heading = format!("{} {}", number + 1, step.name);
        write!(out, "    {}  ", paint.tone(Tone::Bold, &heading))?;
        one(out, planned, outgoing, files)?;
    }
    on_dead(out, rule, files)
}

/// The steps that would tell of a dead run, by name: what they would send depends on its error.
fn on_dead(out: &mut Output, rule: &Rule, files: &Files) -> io::Result<()> {
    let Some(first) = rule.on_dead.as_ref().and_then(|flow| flow.steps.first()) else {
        return Ok(());
    };
    let steps = rule.on_dead.iter().flat_map(|flow| &flow.steps);
    let names: Vec<&str> = steps.map(|step| step.name.as_str()).collect();
    let paint = Paint::of(out);
    writeln!(
        out,
        "    {}  {}  {}",
        paint.tone(Tone::Bold, "if it dies"),
        names.join(", "),
        paint.tone(Tone::Dim, &files.place(first.at))
    )
}

/// As `on_dead` says it, without what its steps would send.
pub fn on_dead_json(rule: &Rule, files: &Files) -> Value {
    let steps = rule.on_dead.iter().flat_map(|flow| &flow.steps);
    let step = |step: &Step| {
        json!({
            "step": step.name,
            "kind": step.action.kind(),
            "at": files.place(step.at),
        })
    };
    steps.map(step).collect()
}

fn one(
    out: &mut Output,
    planned: &Planned<'_>,
    outgoing: &Outgoing,
    files: &Files,
) -> io::Result<()> {
    let kind = planned.step.action.kind();
    match &planned.what {
        What::Call(Call::Http(call)) => http(out, call, planned.step, outgoing),
        What::Call(Call::Exec(call)) => exec(out, call, planned.step),
        What::Call(Call::Jq(_) | Call::Config(_)) => writeln!(out, "{kind}"),
        What::Guard { truth, trace } => {
            writeln!(
                out,
                "{kind}  {}",
                match truth.words() {
                    "match" => "holds: the run goes on",
                    _ => "does not hold: the run would end here, skipped",
                }
            )?;
            lines(out, trace, files)
        }
        What::Set(value) => writeln!(out, "{kind}  {}", cut(&value.to_string())),
        What::End(message) => {
            writeln!(
                out,
                "{kind}  {}",
                message.as_deref().map(cut).unwrap_or_default()
            )
        }
        What::Later => writeln!(
            out,
            "{kind}  reads what an earlier step gets; known when that has run"
        ),
        What::Fails(why) => writeln!(out, "{kind}  would end the run as dead: {}", plain(why)),
    }
}

fn http(out: &mut Output, call: &HttpCall, step: &Step, outgoing: &Outgoing) -> io::Result<()> {
    writeln!(out, "{} {}", call.method, plain(&call.url.to_string()))?;
    for (name, value) in &call.headers {
        writeln!(out, "       {name}: {}", plain(&value.to_string()))?;
    }
    if let Some(auth) = &call.auth {
        writeln!(out, "       {}", auth_words(auth))?;
    }
    if let Some(body) = &call.body {
        writeln!(out, "       {}", cut(&body_text(body)))?;
    }
    if let Some(egress) = egress(call, outgoing) {
        writeln!(out, "       egress: {egress}")?;
    }
    schedule(out, step)
}

/// Where the request may go, as far as it can be told; None for an outbox.
fn egress(call: &HttpCall, outgoing: &Outgoing) -> Option<String> {
    let seen = outgoing.foresee(&call.url.to_string())?;
    let words = plain(&outgoing.words(&seen)).into_owned();
    Some(match call.redirects {
        _ if matches!(seen, Foresight::Refused(_)) => words,
        0 => words,
        1 => format!("{words}; one redirect is followed, checked again"),
        many => format!("{words}; {many} redirects are followed, each checked again"),
    })
}

fn exec(out: &mut Output, call: &ExecCall, step: &Step) -> io::Result<()> {
    let argv: Vec<String> = call.argv.iter().map(Text::to_string).collect();
    writeln!(
        out,
        "{} {}  in {}",
        step.action.kind(),
        cut(&json!(argv).to_string()),
        call.cwd
    )?;
    for (name, value) in &call.env {
        writeln!(out, "       {name}={}", plain(&value.to_string()))?;
    }
    if let Some(confinement) = &call.confine {
        writeln!(out, "       confined: {}", plain(&confinement.words()))?;
    }
    schedule(out, step)
}

fn schedule(out: &mut Output, step: &Step) -> io::Result<()> {
    let timeout = step.settings.timeout.as_secs_f64();
    write!(
        out,
        "       time-out {timeout}s; {}",
        step.settings.retry.words()
    )?;
    match on_crash(step) {
        Some(word) => writeln!(out, "; after a crash: {word}"),
        None => writeln!(out),
    }
}

/// What becomes of a command that a crash cut off; a request always runs again.
fn on_crash(step: &Step) -> Option<&'static str> {
    match (&step.action, step.settings.on_crash) {
        (Action::Exec(_), OnCrash::Hold) => Some("hold"),
        (Action::Exec(_), OnCrash::Rerun) => Some("rerun"),
        (
            Action::Http(_)
            | Action::When(_)
            | Action::Set(_)
            | Action::Jq(_)
            | Action::Config(_)
            | Action::Choose(_)
            | Action::Each(_)
            | Action::Wait(_)
            | Action::Flow(_)
            | Action::Succeed(_)
            | Action::Fail(_),
            _,
        ) => None,
    }
}

fn auth_words(auth: &Auth) -> String {
    match auth {
        Auth::Bearer(token) => format!("Authorization: Bearer {token}"),
        Auth::Basic { username, password } => {
            format!("Authorization: Basic {username}:{password}, in base64")
        }
        Auth::Header { name, value } => format!("{name}: {value}"),
    }
}

fn body_text(body: &Body) -> String {
    match body {
        Body::Json(tree) => tree.redacted().to_string(),
        Body::Form(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, v)| format!("{name}={v}"))
                .collect();
            fields.join("&")
        }
        Body::Raw(text) => text.to_string(),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(BODY) {
        Some((end, _)) => format!("{}…", plain_lines(&text[..end])),
        None => plain_lines(text),
    }
}

/// A body or a script may have several lines.
fn plain_lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(plain).collect();
    lines.join("\n")
}

pub fn json(plan: &[Planned<'_>], outgoing: &Outgoing, files: &Files) -> Value {
    plan.iter()
        .map(|planned| one_json(planned, outgoing, files))
        .collect()
}

fn one_json(planned: &Planned<'_>, outgoing: &Outgoing, files: &Files) -> Value {
    let step = planned.step;
    let mut line = json!({
        "step": step.name,
        "kind": step.action.kind(),
        "at": files.place(step.at),
    });
    let details = match &planned.what {
        What::Call(call) => call_json(call, step, outgoing),
        What::Guard { truth, trace } => {
            json!({"verdict": truth.words(), "predicates": trace_json(trace, files)})
        }
        What::Set(value) => json!({"value": value}),
        What::End(message) => json!({"message": message}),
        What::Later => json!({"later": "reads what an earlier step gets"}),
        What::Fails(why) => json!({"fails": why}),
    };
    if let (Some(line), Value::Object(details)) = (line.as_object_mut(), details) {
        line.extend(details);
    }
    line
}

/// A call with its secrets redacted and its schedule.
fn call_json(call: &Call, step: &Step, outgoing: &Outgoing) -> Value {
    let mut value = sent_json(call);
    match call {
        Call::Http(call) => {
            if let Some(egress) = egress(call, outgoing) {
                value["egress"] = egress.into();
            }
        }
        Call::Exec(call) => {
            if let Some(confinement) = &call.confine {
                value["confined"] = confinement.words().into();
            }
        }
        Call::Jq(_) | Call::Config(_) => {}
    }
    value["timeout"] = json!(step.settings.timeout.as_secs_f64());
    value["retry"] = json!(step.settings.retry.words());
    if let Some(word) = on_crash(step) {
        value["on_crash"] = word.into();
    }
    value
}

/// What a call sends, with its secrets redacted: what rule tests compare with.
pub fn sent_json(call: &Call) -> Value {
    match call {
        Call::Http(call) => http_json(call),
        Call::Jq(call) => json!({"program": call.program, "input": call.input}),
        Call::Config(call) => {
            json!({"integration": call.integration, "scope": call.scope, "patch": call.patch})
        }
        Call::Exec(call) => json!({
            "argv": call.argv.iter().map(Text::to_string).collect::<Vec<_>>(),
            "stdin": call.stdin.to_string(),
            "cwd": call.cwd,
            "env": pairs(&call.env),
        }),
    }
}

fn http_json(call: &HttpCall) -> Value {
    let mut value = json!({
        "method": call.method,
        "url": call.url.to_string(),
        "query": query(&call.url.to_string()),
        "headers": pairs(&call.headers),
    });
    match &call.body {
        Some(Body::Json(tree)) => value["json"] = tree.redacted(),
        Some(Body::Form(fields)) => value["form"] = pairs(fields),
        Some(Body::Raw(text)) => value["body"] = text.to_string().into(),
        None => {}
    }
    if let Some(auth) = &call.auth {
        value["auth"] = auth_words(auth).into();
    }
    value
}

/// The parameters of an address, decoded.
fn query(url: &str) -> Value {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = url::form_urlencoded::parse(query.as_bytes());
    let pairs = pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
    Value::Object(pairs.collect())
}

fn pairs(pairs: &[(String, Text)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(name, text)| (name.clone(), Value::String(text.to_string())));
    Value::Object(pairs.collect())
}
