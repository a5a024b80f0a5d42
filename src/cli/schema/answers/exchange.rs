//! The schema of the exchange of an attempt: what was sent and what came back.

use serde_json::{Value, json};

use super::{Keys, any, count, flag, list, maybe_number, maybe_text, number, text, words};

/// The exchange of a request or of a command.
pub fn exchange() -> Value {
    json!({"oneOf": [http(), command()]})
}

fn or_null(schema: Value) -> Value {
    json!({"oneOf": [schema, {"type": "null"}]})
}

fn http() -> Value {
    let request = changes()
        .with("headers", headers())
        .with("body", or_null(body()))
        .object("The request, with secrets by name.");
    let redirect = Keys::new()
        .with("status", count("The status of the redirect."))
        .with("url", text("Where it led."))
        .object("A redirect that was followed.");
    let response = Keys::new()
        .with("status", count("The status."))
        .with("headers", headers())
        .with("headers_cut", flag("Whether headers were left out."))
        .with("body", or_null(body()))
        .object("The response.");
    Keys::new()
        .with("kind", words("A request.", &["http"]))
        .with(
            "kept",
            words(
                "`target` if only the method and the URL were kept.",
                &["full", "target"],
            ),
        )
        .with("method", maybe_text("The method."))
        .with("url", maybe_text("The URL."))
        .with("request", or_null(request))
        .with("redirects", list(redirect, "The redirects, in order."))
        .with("response", or_null(response))
        .with(
            "address",
            maybe_text("The address that was connected to, if it is known."),
        )
        .with(
            "connection",
            words(
                "`none` if no connection was made and so nothing was sent; `opening` if no new one was complete and an open one may have been used; `unknown` if it was not recorded.",
                &["none", "opened", "reused", "opening", "unknown"],
            ),
        )
        .with("timing", or_null(timing()))
        .object("The exchange of a request.")
}

fn command() -> Value {
    let texts = |description: &str| list(json!({"type": "string"}), description);
    let stdin = Keys::new()
        .with("size", count("Bytes."))
        .with("sha256", text("The digest, with secrets by name."))
        .object("The standard input.");
    let request = changes()
        .with("argv", texts("The command and its arguments."))
        .with("cwd", any("The folder of the command."))
        .with("environment", texts("The names of the variables."))
        .with("stdin", stdin)
        .object("What the command got.");
    let response = Keys::new()
        .with("status", any("The exit status; null if it did not exit."))
        .with("signal", any("The signal that ended it; null if none did."))
        .with("timed_out", flag("Whether it reached its time limit."))
        .with("stdout", or_null(body()))
        .with("stderr", or_null(body()))
        .object("How the command ended.");
    Keys::new()
        .with("kind", words("A command.", &["command"]))
        .with("kept", words("Everything.", &["full"]))
        .with("request", request)
        .with("response", response)
        .with("timing", timing())
        .object("The exchange of a command.")
}

/// What was changed in a request before it was stored.
fn changes() -> Keys {
    Keys::new()
        .with("cut", flag("Whether a part was cut."))
        .with("redacted", flag("Whether a part was redacted."))
}

fn headers() -> Value {
    let header = Keys::new()
        .with("name", text("Its name."))
        .with("value", text("Its value."))
        .object("A header.");
    list(header, "The headers, in order.")
}

fn body() -> Value {
    Keys::new()
        .with("text", maybe_text("The text; null if it is no text."))
        .with(
            "base64",
            maybe_text("The bytes in base64; null if it is text."),
        )
        .with("size", count("Bytes of the whole body."))
        .with("cut", flag("Whether only a part was kept."))
        .object("A body.")
}

fn timing() -> Value {
    Keys::new()
        .with("queued", number("Seconds until it started."))
        .with(
            "connect",
            maybe_number("Seconds to connect; null if an open connection was used."),
        )
        .with("first_byte", maybe_number("Seconds to the first byte."))
        .with("total", number("Seconds in all."))
        .object("How long it took.")
}
