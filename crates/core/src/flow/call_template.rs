//! Lists the kinds of calls as templates, before their values are rendered.
//! A new kind needs a variant here and in `call`.

use crate::flow::call::Call;
use crate::flow::control::{JqStep, SettingsAccess};
use crate::flow::render;
use crate::flow::step::{Action, ExecTemplate, HttpTemplate, StepSettings};
use crate::language::template::RenderError;
use crate::path::scope::Scope;

/// An action that leaves the process, not yet rendered.
#[derive(Debug, Clone)]
pub enum CallTemplate {
    Http(Box<HttpTemplate>),
    Exec(Box<ExecTemplate>),
    Jq(Box<JqStep>),
    Config(Box<SettingsAccess>),
}

impl From<HttpTemplate> for Action {
    fn from(http: HttpTemplate) -> Self {
        Action::Call(CallTemplate::Http(Box::new(http)))
    }
}

impl From<ExecTemplate> for Action {
    fn from(exec: ExecTemplate) -> Self {
        Action::Call(CallTemplate::Exec(Box::new(exec)))
    }
}

impl From<JqStep> for Action {
    fn from(jq: JqStep) -> Self {
        Action::Call(CallTemplate::Jq(Box::new(jq)))
    }
}

impl From<SettingsAccess> for Action {
    fn from(config: SettingsAccess) -> Self {
        Action::Call(CallTemplate::Config(Box::new(config)))
    }
}

impl CallTemplate {
    pub(super) fn secrets(&self) -> Vec<&str> {
        match self {
            CallTemplate::Http(http) => http.secrets(),
            CallTemplate::Exec(exec) => exec.secrets(),
            CallTemplate::Jq(jq) => jq.secrets(),
            CallTemplate::Config(_) => Vec::new(),
        }
    }

    pub(super) fn sends(&self) -> bool {
        match self {
            CallTemplate::Http(_) | CallTemplate::Exec(_) => true,
            CallTemplate::Jq(_) | CallTemplate::Config(_) => false,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            CallTemplate::Http(_) => "http",
            CallTemplate::Exec(exec) if exec.shell => "shell",
            CallTemplate::Exec(_) => "exec",
            CallTemplate::Jq(_) => "set",
            CallTemplate::Config(config) => match config.patch {
                Some(_) => "patch_config",
                None => "load_config",
            },
        }
    }

    pub(super) fn render(
        &self,
        settings: &StepSettings,
        scope: &Scope<'_>,
    ) -> Result<Call, RenderError> {
        Ok(match self {
            CallTemplate::Http(http) => Call::Http(render::http(http, settings, scope)?),
            CallTemplate::Exec(exec) => Call::Exec(render::exec(exec, settings, scope)?),
            CallTemplate::Jq(jq) => Call::Jq(render::jq(jq, scope)?),
            CallTemplate::Config(config) => Call::Config(render::config(config, scope)?),
        })
    }
}
