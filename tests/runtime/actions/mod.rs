//! Actions with real effects: requests to this machine, commands and outboxes, and how they fail. No result
//! depends on speed.

mod confine;
mod connection_tls;
mod exchange;
mod exec;
mod hostile_answers;
mod http;
mod http_failures;
mod jq;
mod lookup;
mod outbox;
mod outgoing;
mod programs;
mod redirects;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use flowtrigger::action::secret::SecretStore;
use flowtrigger::action::{Performer, PerformerOptions};
use flowtrigger_core::egress::policy::{EgressAllow, EgressPolicy};
use flowtrigger_core::flow::call::{Call, ExecCall, ExpectedStatus, HttpCall, KeepOutput};
use flowtrigger_core::language::rendered_text::{RenderedText, SecretEncoding, TextPart};
use flowtrigger_core::run::call_result::{CallFailure, CallResult};
use flowtrigger_core::secret::SecretValue;
use ipnet::IpNet;
use serde_json::Value;

/// Much longer than any call takes.
pub const AMPLE: Duration = Duration::from_secs(60);
pub const KEY: &str = "key-1";

pub fn performer() -> Performer {
    with(|_| ())
}

/// A performer with secrets and changed options.
pub fn with(change: impl FnOnce(&mut PerformerOptions)) -> Performer {
    let mut options = PerformerOptions::new("/nowhere/outbox");
    options.outgoing = allowing(&["127.0.0.1"]);
    options.launcher = env!("CARGO_BIN_EXE_flowtrigger").into();
    change(&mut options);
    let secrets = SecretStore::new(BTreeMap::from([
        ("TOKEN".to_owned(), SecretValue::new("s3cr\"t/1")),
        ("INSIDE".to_owned(), SecretValue::new("10.1.2.3")),
        ("BROKEN".to_owned(), SecretValue::new("hidden\r\nX-Evil: 1")),
    ]));
    Performer::new(secrets, options).unwrap()
}

/// A policy that also allows these networks, hosts and endings (`*.internal`).
pub fn allowing(entries: &[&str]) -> EgressPolicy {
    let allowed = |entry: &&str| match (entry.strip_prefix('*'), entry.parse::<IpNet>()) {
        (Some(end), _) => EgressAllow::Under(end.to_owned()),
        (None, Ok(network)) => EgressAllow::Network(network),
        (None, Err(_)) => match entry.parse::<IpAddr>() {
            Ok(address) => EgressAllow::Network(address.into()),
            Err(_) => EgressAllow::Host((*entry).to_owned()),
        },
    };
    EgressPolicy {
        allow: entries.iter().map(allowed).collect(),
        ..EgressPolicy::default()
    }
}

pub fn http(method: &str, url: impl Into<String>) -> HttpCall {
    HttpCall {
        method: method.into(),
        url: RenderedText::plain(url),
        connection: None,
        tls: None,
        headers: vec![],
        body: None,
        auth: None,
        timeout: AMPLE,
        redirects: 0,
        expect: ExpectedStatus::default(),
        keep: KeepOutput::Body,
    }
}

pub fn exec(argv: &[&str]) -> ExecCall {
    ExecCall {
        argv: argv.iter().copied().map(RenderedText::plain).collect(),
        stdin: RenderedText::default(),
        cwd: "/".into(),
        cwd_is_default: false,
        env: vec![],
        confine: None,
        timeout: AMPLE,
        keep: KeepOutput::Body,
    }
}

pub fn secret(name: &str) -> RenderedText {
    RenderedText(vec![TextPart::Secret {
        name: name.into(),
        encoding: SecretEncoding::Plain,
    }])
}

pub fn succeeded(performed: CallResult) -> Value {
    match performed {
        Ok(reply) => reply.value,
        Err(failure) => panic!("failed: {}", failure.message),
    }
}

pub fn failed(performed: CallResult) -> CallFailure {
    match performed {
        Ok(reply) => panic!("succeeded: {}", reply.value),
        Err(failure) => failure,
    }
}

pub async fn perform_http(performer: &Performer, call: HttpCall) -> CallResult {
    performer.perform(&Call::Http(call), KEY).await
}

pub async fn perform_exec(performer: &Performer, call: ExecCall) -> CallResult {
    performer.perform(&Call::Exec(call), KEY).await
}
