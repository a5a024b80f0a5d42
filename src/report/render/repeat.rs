//! The command that repeats an attempt by hand: `curl` for a request, the command itself for a command. What was
//! not stored completely is not repeated: a wrong request would be worse than none.

use crate::report::render::shell::{
    SECRET_PREFIX, argument, printed, quote, quote_text, secrets, with_line_break,
};
use flowtrigger_core::run::exchange::{
    BodyContent, CommandExchange, Exchange, ExchangeHeader, ExchangeText, HttpExchange,
    RequestChanges,
};

/// The length above which a body is not an argument: the kernel limits one argument to 128 KiB.
const MAX_ARGUMENT: usize = 64 * 1_024;

/// The command as text of a shell, or why it cannot be written.
pub fn command(exchange: &Exchange) -> Result<String, &'static str> {
    let RequestChanges { cut, redacted } = exchange.changes();
    if cut {
        return Err(
            "what was sent is stored without its end; raise `archive.exchange_size` to keep longer requests",
        );
    }
    if redacted {
        return Err(
            "values of what was sent were removed when it was stored, because `redact` or a secret has them",
        );
    }
    let command = match exchange {
        Exchange::Http(http) => curl(http)?,
        Exchange::Command(command) => by_hand(command),
    };
    Ok(with_line_break(command))
}

fn curl(http: &HttpExchange) -> Result<String, &'static str> {
    if http.url.to_string().starts_with("outbox:") {
        return Err("it was written to an outbox, and not sent to a server");
    }
    let mut texts = vec![&http.url];
    texts.extend(http.headers.iter().map(|header| &header.value));
    let mut options = vec![
        "curl --globoff --path-as-is".to_owned(),
        match http.method.as_str() {
            // `--request HEAD` would wait for a body.
            "HEAD" => "--head".to_owned(),
            method => format!("--request {}", quote_text(method)),
        },
    ];
    options.extend(http.headers.iter().map(header));
    let mut input = String::new();
    if let Some(body) = &http.body {
        let BodyContent::Text(text) = &body.content else {
            return Err("its body is not text");
        };
        texts.push(text);
        let has_nul = text.to_string().contains('\0');
        if has_nul || text.to_string().len() > MAX_ARGUMENT {
            input = format!("{} | ", printed(text));
            options.push("--data-binary @-".to_owned());
        } else {
            options.push(format!("--data-raw {}", quote(text)));
        }
    }
    options.push(quote(&http.url));
    let guards = guards(&texts);
    Ok(format!("{guards}{input}{}", options.join(" \\\n  ")))
}

/// A header without a value is written with a semicolon: a colon would remove it.
fn header(header: &ExchangeHeader) -> String {
    let mut text = ExchangeText::plain(header.name.as_str());
    match header.value.is_empty() {
        true => text.push(";"),
        false => {
            text.push(": ");
            text.0.extend(header.value.0.iter().cloned());
        }
    }
    format!("--header {}", quote(&text))
}

fn by_hand(command: &CommandExchange) -> String {
    let argv: Vec<String> = command.argv.iter().map(argument).collect();
    let texts: Vec<&ExchangeText> = command.argv.iter().collect();
    let stdin = &command.stdin;
    let note = match stdin.size {
        0 => String::new(),
        size => format!("# its standard input of {size} bytes is not stored\n"),
    };
    let cwd = argument(&ExchangeText::plain(command.cwd.as_str()));
    format!("{note}{}cd {cwd} && {}", guards(&texts), argv.join(" "))
}

/// Stops before anything is sent if the variable of a secret is not set.
fn guards(texts: &[&ExchangeText]) -> String {
    let mut names: Vec<&str> = texts.iter().flat_map(|text| secrets(text)).collect();
    names.sort_unstable();
    names.dedup();
    let guard = |name: &&str| format!(": \"${{{SECRET_PREFIX}{name}:?}}\" &&\n");
    names.iter().map(guard).collect()
}
