//! A compiled flow: steps with their templates, guards and retry schedules.
//! It is immutable; whatever could be wrong in it was found when it was loaded.

use std::sync::Arc;
use std::time::Duration;

use crate::core::diagnostic::Position;
use crate::core::flow::call::{Expect, Keep};
use crate::core::flow::confinement::Confinement;
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
    /// Most steps have the same.
    pub settings: Arc<Settings>,
}

/// How a step is carried out, whatever it does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    pub retry: Retry,
    pub timeout: Duration,
    pub keep: Keep,
    pub on_crash: OnCrash,
}

/// What becomes of a step that was under way when the program ended without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnCrash {
    /// It runs again, under the same key.
    Rerun,
    /// The run is held until a person decides.
    Hold,
}

impl Flow {
    /// The names of the secrets that its steps write out, each with its step.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &Step)> {
        self.steps.iter().flat_map(|step| {
            step.action
                .secrets()
                .into_iter()
                .map(move |name| (name, step))
        })
    }
}

#[derive(Debug, Clone)]
pub enum Action {
    Http(Box<Http>),
    Exec(Box<Exec>),
    /// A guard: unless true, the run ends skipped.
    When(Condition),
    Set(TreeTemplate),
    Succeed(Option<Template>),
    Fail(Option<Template>),
}

impl Action {
    fn secrets(&self) -> Vec<&str> {
        match self {
            Action::Http(http) => http.secrets(),
            Action::Exec(exec) => {
                let env = exec.env.iter().map(|(_, value)| value);
                let texts = exec.argv.iter().chain(&exec.stdin).chain(env);
                texts.flat_map(Template::secrets).collect()
            }
            Action::When(_) | Action::Set(_) | Action::Succeed(_) | Action::Fail(_) => Vec::new(),
        }
    }

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
    pub method: &'static str,
    /// `url:`, or the connection's base URL joined with `path:`.
    pub url: Template,
    /// The configured connection whose credentials go with the request.
    pub connection: Option<String>,
    pub query: Vec<(String, Template)>,
    pub headers: Vec<(String, Template)>,
    pub body: Option<BodyTemplate>,
    pub auth: Option<AuthTemplate>,
    pub expect: Expect,
    /// How many redirects are followed.
    pub redirects: u8,
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
    /// What it may use up and touch. Few steps say.
    pub confine: Option<Box<Confinement>>,
    /// Written as `shell:`: argv is `/bin/sh -c SCRIPT`.
    pub shell: bool,
}

impl Http {
    fn secrets(&self) -> Vec<&str> {
        let pairs = self
            .query
            .iter()
            .chain(&self.headers)
            .map(|(_, value)| value);
        let texts = std::iter::once(&self.url).chain(pairs);
        let mut names: Vec<&str> = texts.flat_map(Template::secrets).collect();
        names.extend(self.body.iter().flat_map(BodyTemplate::secrets));
        names.extend(self.auth.iter().flat_map(AuthTemplate::secrets));
        names
    }
}

impl BodyTemplate {
    fn secrets(&self) -> Vec<&str> {
        match self {
            BodyTemplate::Json(tree) => tree.secrets(),
            BodyTemplate::Form(fields) => fields
                .iter()
                .flat_map(|(_, value)| value.secrets())
                .collect(),
            BodyTemplate::Raw(text) => text.secrets().collect(),
        }
    }
}

impl AuthTemplate {
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            AuthTemplate::Bearer(token) => token.secrets().collect(),
            AuthTemplate::Basic { username, password } => {
                username.secrets().chain(password.secrets()).collect()
            }
            AuthTemplate::Header { value, .. } => value.secrets().collect(),
        }
    }
}
