//! Lists the calls: the actions that leave the process, as templates in a flow and rendered.
//! Each has a file here with both forms. A rendered call is ready to be performed, except that secrets are still
//! names: only `action` inserts their values.

mod client_tls;
mod command;
mod http;
mod jq;
mod receiver;
mod settings;

use serde_json::{Value, json};

use crate::flow::step::{Action, StepSettings};
use crate::language::rendered_text::RenderedText;
use crate::language::template::{RenderError, Template};
use crate::path::scope::Scope;
use crate::run::call_result::{CallResult, Reply};

pub use crate::flow::call::client_tls::{ClientIdentity, ClientTls};
pub use crate::flow::call::command::{ExecCall, ExecTemplate};
pub use crate::flow::call::http::{
    Auth, AuthTemplate, BodyTemplate, ExpectedStatus, HttpCall, HttpTemplate, RequestBody,
    is_transient,
};
pub use crate::flow::call::jq::{JqCall, JqClock, JqInput, JqStep};
pub use crate::flow::call::settings::{SettingsAccess, SettingsCall};

/// The list of the calls: each with its name, its template and its rendered form. Expands to the macro in
/// brackets, which gets the rest of the input in parentheses and then the list.
///
/// A new call needs a row here and nowhere else. The compiler reports the traits that it must implement.
#[macro_export]
macro_rules! calls {
    ([$($with:tt)*] $($input:tt)*) => {
        $($with)*! {
            ($($input)*)
            Http(HttpTemplate => HttpCall)
            Exec(ExecTemplate => ExecCall)
            Jq(JqStep => JqCall)
            Config(SettingsAccess => SettingsCall)
        }
    };
}

/// Evaluates an expression with the rendered form of a call, whatever its type:
/// `match_call!(call, rendered => rendered.perform())`.
#[macro_export]
macro_rules! match_call {
    ((@arms ($call:expr) $rendered:ident ($body:expr)) $($name:ident($_t:ident => $_r:ident))*) => {
        match $call { $($crate::flow::call::Call::$name($rendered) => $body,)* }
    };
    ($call:expr, $rendered:ident => $body:expr) => {
        $crate::calls!([$crate::match_call] @arms ($call) $rendered ($body))
    };
}

macro_rules! define {
    (() $($name:ident($template:ident => $rendered:ident))*) => {
        /// An action that leaves the process, not yet rendered.
        #[derive(Debug, Clone)]
        pub enum CallTemplate {
            $($name(Box<$template>),)*
        }

        impl CallTemplate {
            pub(super) fn get(&self) -> &dyn CallRendering {
                match self {
                    $(CallTemplate::$name(template) => &**template,)*
                }
            }
        }

        /// A call to something outside of the flow. `action` performs it.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Call {
            $($name($rendered),)*
        }

        $(impl From<$template> for Action {
            fn from(template: $template) -> Self {
                Action::Call(CallTemplate::$name(Box::new(template)))
            }
        })*
    };
}

calls!([define]);

/// What every call in a flow has.
pub(super) trait CallRendering {
    /// The key that names the action in a rule.
    fn kind(&self) -> &'static str;

    /// The names of the secrets that it uses, duplicates included.
    fn secrets(&self) -> Vec<&str>;

    fn render(&self, settings: &StepSettings, scope: &Scope<'_>) -> Result<Call, RenderError>;

    /// Whether it sends something, which a rule test can look at.
    fn sends(&self) -> bool {
        false
    }

    /// Whether it is a jq program that can read everything the step can read.
    fn reads_everything(&self) -> bool {
        false
    }

    /// The HTTP request that it sends, which may write to a help desk.
    fn request(&self) -> Option<&HttpTemplate> {
        None
    }

    /// The command that it runs.
    fn command(&self) -> Option<&ExecTemplate> {
        None
    }
}

/// What every rendered call has.
trait RenderedCall {
    /// Its name in metrics.
    fn kind(&self) -> &'static str;

    /// What it sends, with secrets redacted.
    fn to_json(&self) -> Value;

    /// Its result for a reply. A call that gives a value instead of a reply returns it, or that under `body`.
    fn result_of(&self, reply: Value) -> CallResult {
        Ok(Reply {
            value: reply.get("body").cloned().unwrap_or(reply),
        })
    }
}

impl Call {
    fn get(&self) -> &dyn RenderedCall {
        match_call!(self, rendered => rendered)
    }

    /// What metrics call it.
    pub fn kind(&self) -> &'static str {
        self.get().kind()
    }

    /// What it sends, with secrets redacted: what rule tests compare with.
    pub fn to_json(&self) -> Value {
        self.get().to_json()
    }

    /// Its result where it gets this reply.
    pub fn result_of(&self, reply: Value) -> CallResult {
        self.get().result_of(reply)
    }
}

/// The part of a result that later steps can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum KeepOutput {
    #[default]
    Body,
    Status,
    None,
}

impl KeepOutput {
    /// What is kept of a reply laid over an empty one.
    fn reply(self, mut value: Value, reply: &Value) -> Reply {
        for (key, part) in reply.as_object().into_iter().flatten() {
            value[key] = part.clone();
        }
        let value = match self {
            KeepOutput::Body => value,
            KeepOutput::Status => json!({"status": value["status"]}),
            KeepOutput::None => json!({}),
        };
        Reply { value }
    }
}

/// The status of a reply, or the usual one.
fn status_of(reply: &Value, usual: u16) -> u16 {
    let status = reply.get("status").and_then(Value::as_u64);
    status
        .and_then(|status| u16::try_from(status).ok())
        .unwrap_or(usual)
}

fn json_of(pairs: &[(String, RenderedText)]) -> Value {
    let pairs = pairs
        .iter()
        .map(|(name, text)| (name.clone(), Value::String(text.to_string())));
    Value::Object(pairs.collect())
}

fn render_pairs(
    templates: &[(String, Template)],
    scope: &Scope<'_>,
) -> Result<Vec<(String, RenderedText)>, RenderError> {
    templates
        .iter()
        .map(|(name, template)| Ok((name.clone(), template.render(scope)?)))
        .collect()
}
