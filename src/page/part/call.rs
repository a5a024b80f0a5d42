//! Shows a call before it is made: a request, a command or a jq program, with its secrets as names.

use maud::{Markup, html};

use crate::page::text::short;
use flowtrigger_core::flow::call::{Auth, Call, ExecCall, HttpCall, RequestBody};
use flowtrigger_core::language::rendered_text::RenderedText;

/// Characters of a call that are shown.
const MAX_CHARS: usize = 4_000;

/// The call as it will be sent.
pub fn call(call: &Call, key: Option<&str>) -> Markup {
    html! { pre class="code" { (short(&whole(call, key), MAX_CHARS)) } }
}

/// The method and the address of a request, or the program of a command.
pub fn line(call: &Call) -> Markup {
    const MAX_LINE: usize = 120;
    html! { code { (short(&first_line(call), MAX_LINE)) } }
}

fn first_line(call: &Call) -> String {
    match call {
        Call::Http(http) => format!("{} {}", http.method, http.url),
        Call::Exec(command) => argv(command),
        Call::Jq(_) => "jq program".to_owned(),
        Call::Config(settings) => format!("settings of {}", settings.integration),
    }
}

fn whole(call: &Call, key: Option<&str>) -> String {
    match call {
        Call::Http(http) => request(http, key),
        Call::Exec(command) => format!("{}\nin {}", argv(command), command.cwd),
        Call::Jq(jq) => jq.program.clone(),
        Call::Config(settings) => {
            let patch = settings.patch.as_ref();
            let patch = patch.map_or_else(String::new, |patch| format!(", changed by {patch}"));
            format!(
                "settings of {} {}{patch}",
                settings.integration, settings.scope
            )
        }
    }
}

fn request(http: &HttpCall, key: Option<&str>) -> String {
    let mut lines = vec![format!("{} {}", http.method, http.url)];
    if let Some(auth) = &http.auth {
        lines.push(match auth {
            Auth::Bearer(token) => format!("Authorization: Bearer {token}"),
            Auth::Basic { username, password } => {
                format!("Authorization: Basic [base64 of {username}:{password}]")
            }
            Auth::Header { name, value } => format!("{name}: {value}"),
        });
    }
    let headers = http.headers.iter();
    lines.extend(headers.map(|(name, value)| format!("{name}: {value}")));
    let has_key = |name: &str| name.eq_ignore_ascii_case("idempotency-key");
    if let Some(key) = key.filter(|_| !http.headers.iter().any(|(name, _)| has_key(name))) {
        lines.push(format!("Idempotency-Key: {key}"));
    }
    if let Some(body) = &http.body {
        lines.push(String::new());
        lines.push(match body {
            RequestBody::Json(tree) => tree.redacted().to_string(),
            RequestBody::Form(fields) => {
                let fields = fields.iter().map(|(name, value)| format!("{name}={value}"));
                fields.collect::<Vec<_>>().join("&")
            }
            RequestBody::Raw(text) => text.to_string(),
        });
    }
    lines.join("\n")
}

fn argv(command: &ExecCall) -> String {
    let argv: Vec<String> = command.argv.iter().map(RenderedText::to_string).collect();
    serde_json::json!(argv).to_string()
}
