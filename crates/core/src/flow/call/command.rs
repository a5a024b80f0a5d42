//! Commands: as templates in a flow, rendered, and their results.

use std::time::Duration;

use serde_json::{Value, json};

use crate::event::Event;
use crate::flow::call::{
    Call, CallRendering, KeepOutput, RenderedCall, json_of, render_pairs, status_of,
};
use crate::flow::confinement::Confinement;
use crate::flow::step::StepSettings;
use crate::language::rendered_text::RenderedText;
use crate::language::template::{RenderError, Template};
use crate::path::scope::Scope;
use crate::run::call_result::{CallFailure, CallResult};

#[derive(Debug, Clone)]
pub struct ExecTemplate {
    pub argv: Vec<Template>,
    /// The standard input of the command. `None` is the whole event as JSON.
    pub stdin: Option<Template>,
    pub cwd: String,
    /// Whether `cwd` is not written, so that it is the folder of the rule file.
    pub cwd_is_default: bool,
    pub env: Vec<(String, Template)>,
    /// The limits of the command. Boxed because few steps have them.
    pub confine: Option<Box<Confinement>>,
    /// Written as `shell:`: argv is `/bin/sh -c SCRIPT`.
    pub shell: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ExecCall {
    /// The program and its arguments. Never interpreted by a shell: a `shell:` step is
    /// `["/bin/sh", "-c", SCRIPT]` with the literal script.
    pub argv: Vec<RenderedText>,
    pub stdin: RenderedText,
    /// The working directory. Relative programs are resolved against it.
    pub cwd: String,
    /// Whether it is the folder of the rule file because no other was written.
    pub cwd_is_default: bool,
    pub env: Vec<(String, RenderedText)>,
    /// The limits of the command.
    pub confine: Option<Box<Confinement>>,
    pub timeout: Duration,
    pub keep: KeepOutput,
}

impl CallRendering for ExecTemplate {
    fn kind(&self) -> &'static str {
        match self.shell {
            true => "shell",
            false => "exec",
        }
    }

    fn secrets(&self) -> Vec<&str> {
        let env = self.env.iter().map(|(_, value)| value);
        let texts = self.argv.iter().chain(&self.stdin).chain(env);
        texts.flat_map(Template::secrets).collect()
    }

    fn sends(&self) -> bool {
        true
    }

    fn command(&self) -> Option<&ExecTemplate> {
        Some(self)
    }

    fn render(&self, settings: &StepSettings, scope: &Scope<'_>) -> Result<Call, RenderError> {
        let argv = self.argv.iter().map(|argument| argument.render(scope));
        let mut env = event_variables(scope.event);
        env.extend(render_pairs(&self.env, scope)?);
        Ok(Call::Exec(ExecCall {
            argv: argv.collect::<Result<_, _>>()?,
            stdin: match &self.stdin {
                Some(template) => template.render(scope)?,
                None => RenderedText::plain(event_line(scope.event)),
            },
            cwd: self.cwd.clone(),
            cwd_is_default: self.cwd_is_default,
            env,
            confine: self.confine.clone(),
            timeout: settings.timeout,
            keep: settings.keep,
        }))
    }
}

impl RenderedCall for ExecCall {
    fn kind(&self) -> &'static str {
        "exec"
    }

    fn to_json(&self) -> Value {
        json!({
            "argv": self.argv.iter().map(RenderedText::to_string).collect::<Vec<_>>(),
            "stdin": self.stdin.to_string(),
            "cwd": self.cwd,
            "env": json_of(&self.env),
        })
    }

    fn result_of(&self, reply: Value) -> CallResult {
        let status = status_of(&reply, 0);
        if status != 0 {
            return Err(CallFailure {
                status: Some(status),
                ..CallFailure::transient(format!("the command ended with {status}"))
            });
        }
        let empty = json!({"status": 0, "stdout": "", "stderr": ""});
        Ok(self.keep.reply(empty, &reply))
    }
}

/// The environment variables of every command.
fn event_variables(event: &Event) -> Vec<(String, RenderedText)> {
    [
        ("FLOWTRIGGER_EVENT_TYPE", event.event_type.as_str()),
        ("FLOWTRIGGER_EVENT_ID", &event.id),
        ("FLOWTRIGGER_EVENT_SOURCE", &event.source),
        ("FLOWTRIGGER_KEY", event.key.as_deref().unwrap_or_default()),
    ]
    .map(|(name, value)| {
        (
            name.to_owned(),
            RenderedText::plain(value.replace('\0', "\u{fffd}")),
        )
    })
    .into()
}

/// The event as one line of JSON: the envelope, `event`, and the body in `input.ticket_event` as in the
/// ZIS format.
fn event_line(event: &Event) -> String {
    let mut document = event.envelope.as_object().cloned().unwrap_or_default();
    document.insert("event".into(), event.about.clone());
    document.insert("input".into(), json!({ "ticket_event": event.body }));
    format!("{}\n", serde_json::Value::Object(document))
}
