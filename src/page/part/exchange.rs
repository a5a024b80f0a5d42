//! Shows what an attempt sent and received, side by side, with sizes, times, and what was replaced or cut, and the
//! command that repeats it by hand.

use maud::{Markup, html};

use crate::page::icon::Icon;
use crate::page::part::prose::prose;
use crate::page::text::{MAX_CHARS, short, text};
use crate::report::render::exchange::{argv, bytes, describe_missing_response, end, millis, times};
use crate::report::render::repeat;
use flowtrigger_core::run::exchange::{
    BodyContent, CapturedBody, CommandExchange, ConnectionUse, Exchange, ExchangeHeader,
    HttpExchange, RecordedExchange, RequestChanges,
};

/// How much of a body is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownBodies {
    /// The first characters.
    Short,
    /// All that is kept.
    Whole,
}

impl ShownBodies {
    fn limit(self) -> usize {
        match self {
            ShownBodies::Short => MAX_CHARS,
            ShownBodies::Whole => usize::MAX,
        }
    }
}

/// The exchange of an attempt. `more` is the page that shows all of it.
pub fn exchange(recorded: &RecordedExchange, bodies: ShownBodies, more: Option<&str>) -> Markup {
    html! {
        div class="io" {
            @match &recorded.exchange {
                None => (only_target(recorded)),
                Some(Exchange::Http(http)) => (request_and_response(http, bodies)),
                Some(Exchange::Command(command)) => (command_and_output(command, bodies)),
            }
            @if let Some(exchange) = &recorded.exchange {
                (by_hand(exchange))
            }
            @if let Some(more) = more { p { a class="link" href=(more) { "This attempt on a page of its own" } } }
        }
    }
}

fn only_target(recorded: &RecordedExchange) -> Markup {
    html! {
        div {
            h3 { "Request" }
            pre {
                @match &recorded.target {
                    Some(target) => (text(&format!("{} {}", target.method, target.url))),
                    None => "not kept",
                }
            }
        }
        p { "Only the method and the address are kept. " code { "archive: { exchanges: full }" } " keeps the content of new attempts." }
    }
}

fn request_and_response(http: &HttpExchange, bodies: ShownBodies) -> Markup {
    let head = format!("{} {}", http.method, http.url);
    html! {
        div {
            h3 { "Request" @if let Some(body) = &http.body { ", " (bytes(body.size)) } }
            pre {
                (text(&head)) (headers(&http.headers))
                @if let Some(body) = &http.body { "\n\n" (content(body, bodies)) }
            }
            (changes(http.changes))
        }
        div {
            @match &http.response {
                None => {
                    h3 { "No response" }
                    pre { (describe_missing_response(http.connection)) }
                }
                Some(response) => {
                    h3 {
                        "Response after " (millis(http.timing.first_byte.unwrap_or(http.timing.total)))
                        @if let Some(body) = &response.body { ", " (bytes(body.size)) }
                    }
                    pre {
                        (response.status) (phrase(response.status)) (headers(&response.headers))
                        @if response.headers_cut { "\n(further headers are not kept)" }
                        @match &response.body {
                            Some(body) => { "\n\n" (content(body, bodies)) }
                            None if http.connection == ConnectionUse::None => "\n\n(written to the outbox)",
                            None => "\n\n(the body did not arrive)",
                        }
                    }
                }
            }
        }
        @if !http.redirects.is_empty() {
            p {
                "Redirected: "
                @for redirect in &http.redirects {
                    (redirect.status) " to " code { (short(&redirect.url, 300)) } " "
                }
            }
        }
        p { (text(&times(http))) }
    }
}

/// ` Not Found`, of a status that has a name.
fn phrase(status: u16) -> String {
    let status = axum::http::StatusCode::from_u16(status).ok();
    let name = status.and_then(|status| status.canonical_reason());
    name.map(|name| format!(" {name}")).unwrap_or_default()
}

fn command_and_output(command: &CommandExchange, bodies: ShownBodies) -> Markup {
    html! {
        div {
            h3 { "Command" }
            pre { (short(&argv(command), bodies.limit())) "\nin " (text(&command.cwd)) }
            p class="mu" {
                "Standard input of " (bytes(command.stdin.size)) ", SHA-256 "
                code { (text(&command.stdin.sha256)) }
                @if !command.environment.is_empty() {
                    "; variables "
                    @for name in &command.environment { code { (text(name)) } " " }
                }
            }
            (changes(command.changes))
        }
        div {
            h3 { (sentence(&end(command.end))) " after " (millis(command.timing.total)) }
            (output("Standard output", command.stdout.as_ref(), bodies))
            (output("Standard error", command.stderr.as_ref(), bodies))
        }
    }
}

fn output(name: &str, output: Option<&CapturedBody>, bodies: ShownBodies) -> Markup {
    html! {
        @if let Some(output) = output {
            h3 { (name) ", " (bytes(output.size)) }
            @if output.size > 0 { pre { (content(output, bodies)) } }
        }
    }
}

/// The text with a capital letter.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => String::new(),
    }
}

fn headers(headers: &[ExchangeHeader]) -> Markup {
    html! {
        @for header in headers {
            "\n" (text(&format!("{}: {}", header.name, header.value)))
        }
    }
}

fn content(body: &CapturedBody, bodies: ShownBodies) -> Markup {
    html! {
        @match &body.content {
            BodyContent::Text(content) => (short(&content.to_string(), bodies.limit())),
            BodyContent::Base64(content) => {
                "(not text; in base64)\n" (short(content, bodies.limit()))
            }
        }
        @if body.cut { "\n" span class="mu" { "(cut; the rest is not kept)" } }
    }
}

fn changes(changes: RequestChanges) -> Markup {
    html! {
        @if changes.redacted { p class="mu" { "Values were replaced when it was stored." } }
        @if changes.cut { p class="mu" { "It is stored without its end." } }
    }
}

/// The command that repeats it, or why there is none.
fn by_hand(exchange: &Exchange) -> Markup {
    html! {
        @match repeat::command(exchange) {
            Ok(command) => {
                details {
                    summary { "Repeat it by hand" }
                    div class="cmd" {
                        pre { (text(&command)) }
                        button type="button" class="s js-only" data-copy=(command) { (Icon::Copy.render()) "Copy" }
                    }
                }
            }
            Err(why) => p class="mu" { "It cannot be repeated by hand: " (prose(why)) "." },
        }
    }
}

#[cfg(test)]
pub mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use flowtrigger_core::run::RunId;
    use flowtrigger_core::run::exchange::{
        CommandEnd, ConnectionUse, ExchangePart, ExchangeText, ExchangeTiming, HttpAnswer,
        StdinDigest,
    };

    fn body(text: &str) -> CapturedBody {
        CapturedBody {
            content: BodyContent::Text(ExchangeText::plain(text)),
            size: text.len() as u64,
            cut: false,
        }
    }

    /// A request that was answered with 503.
    pub fn http() -> HttpExchange {
        HttpExchange {
            method: "POST".into(),
            url: ExchangeText::plain("https://pager.example/v2/enqueue"),
            headers: vec![ExchangeHeader {
                name: "authorization".into(),
                value: ExchangeText(vec![
                    ExchangePart::Text("Bearer ".into()),
                    ExchangePart::Secret {
                        secret: "PAGER_KEY".into(),
                        forms: vec![],
                    },
                ]),
            }],
            body: Some(body("{\"a\":1}")),
            response: Some(HttpAnswer {
                status: 503,
                headers: vec![],
                headers_cut: true,
                body: Some(body("<script>\u{202e}")),
            }),
            redirects: vec![],
            address: Some("192.0.2.7:443".into()),
            connection: ConnectionUse::Opened,
            timing: ExchangeTiming {
                total: Duration::from_millis(7),
                first_byte: Some(Duration::from_millis(6)),
                ..ExchangeTiming::default()
            },
            changes: RequestChanges::default(),
        }
    }

    pub fn recorded(exchange: Option<Exchange>) -> RecordedExchange {
        RecordedExchange {
            run: RunId(7),
            step: "page".into(),
            attempt: 1,
            started: Timestamp::UNIX_EPOCH,
            target: exchange.as_ref().and_then(Exchange::target),
            end: None,
            exchange,
        }
    }

    fn shown(exchange: Exchange, bodies: ShownBodies) -> String {
        super::exchange(&recorded(Some(exchange)), bodies, None).into_string()
    }

    #[test]
    fn both_sides_are_shown_and_escaped() {
        let html = shown(Exchange::Http(Box::new(http())), ShownBodies::Short);
        for part in [
            "POST https://pager.example/v2/enqueue",
            "<span class=\"secret\">secret PAGER_KEY</span>",
            "Request, 7 B",
            "Response after 6ms",
            "&lt;script&gt;<span class=\"inv\"",
            "(further headers are not kept)",
            "192.0.2.7:443",
            "curl --globoff",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("<script>"));
    }

    #[test]
    fn long_bodies_are_cut_where_they_are_not_the_subject() {
        let mut long = http();
        long.body = Some(body(&"ä".repeat(100_000)));
        long.changes.redacted = true;
        let html = shown(Exchange::Http(Box::new(long.clone())), ShownBodies::Short);
        assert!(html.len() < 20_000, "{}", html.len());
        assert!(html.contains("98,000 more characters"));
        assert!(html.contains("It cannot be repeated by hand"));
        let whole = shown(Exchange::Http(Box::new(long)), ShownBodies::Whole);
        assert!(whole.len() > 200_000);
    }

    #[test]
    fn a_request_without_response_says_whether_it_may_have_arrived() {
        let mut none = http();
        none.response = None;
        none.connection = ConnectionUse::None;
        let html = shown(Exchange::Http(Box::new(none)), ShownBodies::Short);
        assert!(html.contains("none: no connection was opened"), "{html}");
        let only = super::exchange(
            &recorded(None),
            ShownBodies::Short,
            Some("/runs/7/attempts/1"),
        );
        let only = only.into_string();
        assert!(only.contains("Only the method and the address are kept"));
        assert!(only.contains("href=\"/runs/7/attempts/1\""));
    }

    #[test]
    fn a_command_has_its_outputs_and_its_end() {
        let command = CommandExchange {
            argv: vec![
                ExchangeText::plain("./bin/append"),
                ExchangeText::plain("a b"),
            ],
            cwd: "/srv".into(),
            environment: vec!["TICKET".into()],
            stdin: StdinDigest {
                size: 12,
                sha256: "00ff".into(),
            },
            end: Some(CommandEnd::Status(3)),
            stdout: Some(body("done\n")),
            stderr: None,
            timing: ExchangeTiming::default(),
            changes: RequestChanges::default(),
        };
        let html = shown(Exchange::Command(Box::new(command)), ShownBodies::Short);
        for part in [
            "./bin/append 'a b'",
            "Status 3 after 0ms",
            "Standard output, 5 B",
            "TICKET",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
