//! A compiled flow: steps with their templates, guards and retry schedules.
//! It is immutable; whatever could be wrong in it was found when it was loaded.

use std::time::Duration;

use crate::core::diagnostic::Position;
use crate::core::flow::call::{Expect, Keep};
use crate::core::rule::condition::Condition;
use crate::core::rule::template::{Template, TreeTemplate};
use crate::core::run::Retry;

#[derive(Debug, Clone, Default)]
pub struct Flow {
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub struct Step {
    /// The author's name, or the kind with its number (`http-1`) where none was given.
    pub name: String,
    pub at: Position,
    pub action: Action,
    pub retry: Retry,
    pub timeout: Duration,
    pub keep: Keep,
}

#[derive(Debug, Clone)]
pub enum Action {
    Http(Box<Http>),
    Exec(Exec),
    /// A guard: unless true, the run ends skipped.
    When(Condition),
    Set(TreeTemplate),
    Succeed(Option<Template>),
    Fail(Option<Template>),
}

impl Action {
    /// The key that names this action in a rule.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::Http(_) => "http",
            Action::Exec(exec) if exec.shell => "shell",
            Action::Exec(_) => "exec",
            Action::When(_) => "when",
            Action::Set(_) => "set",
            Action::Succeed(_) => "succeed",
            Action::Fail(_) => "fail",
        }
    }
}

#[derive(Debug, Clone)]
pub struct Http {
    pub method: String,
    /// `url:`, or the connection's base URL joined with `path:`.
    pub url: Template,
    /// The configured connection whose credentials go with the request.
    pub connection: Option<String>,
    pub query: Vec<(String, Template)>,
    pub headers: Vec<(String, Template)>,
    pub body: Option<BodyTemplate>,
    pub auth: Option<AuthTemplate>,
    pub expect: Expect,
}

#[derive(Debug, Clone)]
pub enum BodyTemplate {
    Json(TreeTemplate),
    Form(Vec<(String, Template)>),
    Raw(Template),
}

#[derive(Debug, Clone)]
pub enum AuthTemplate {
    Bearer(Template),
    Basic {
        username: Template,
        password: Template,
    },
    Header {
        name: String,
        value: Template,
    },
}

#[derive(Debug, Clone)]
pub struct Exec {
    pub argv: Vec<Template>,
    /// What the command reads; the whole event as JSON where the step says nothing.
    pub stdin: Option<Template>,
    pub cwd: String,
    pub env: Vec<(String, Template)>,
    /// Written as `shell:`: argv is `/bin/sh -c SCRIPT`.
    pub shell: bool,
}
