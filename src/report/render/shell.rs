//! Writes texts of an exchange as words of a POSIX shell. Secrets become variables, and characters that a reader
//! cannot see are written as octal escapes, so that the text shows what it does.

use crate::report::render::escape::is_control;
use flowtrigger_core::run::exchange::{ExchangePart, ExchangeText, SecretForm};

/// The prefix of the variables with the values of secrets.
pub const SECRET_PREFIX: &str = "FLOWTRIGGER_SECRET_";

/// The commands that define the variable with a line break, if a text uses it. A line break is never written as it
/// is, so that no text can pass for a line of its own.
pub fn with_line_break(command: String) -> String {
    match command.contains(LINE_BREAK) {
        true => format!("nl=$(printf '\n.') && nl=${{nl%.}} &&\n{command}"),
        false => command,
    }
}

const LINE_BREAK: &str = "\"$nl\"";

/// One word. A text must not contain NUL, which no argument can.
pub fn quote(text: &ExchangeText) -> String {
    let mut merged = ExchangeText::default();
    for part in &text.0 {
        match part {
            ExchangePart::Text(text) => merged.push(text),
            ExchangePart::Secret { .. } | ExchangePart::Base64 { .. } => {
                merged.0.push(part.clone())
            }
        }
    }
    let written: String = merged.0.iter().map(part).collect();
    match written.is_empty() {
        true => "''".to_owned(),
        false => written,
    }
}

/// One word without secrets.
pub fn quote_text(text: &str) -> String {
    quote(&ExchangeText::plain(text))
}

/// A word that is only quoted if it has to be.
pub fn argument(text: &ExchangeText) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let shown = text.to_string();
    match !text.has_secrets() && !shown.is_empty() && shown.chars().all(is_plain) {
        true => shown,
        false => quote(text),
    }
}

/// Commands that write the text: `printf %s …`, and NUL characters between them.
pub fn printed(text: &ExchangeText) -> String {
    let mut commands = Vec::new();
    let mut current = ExchangeText::default();
    let flush = |current: &mut ExchangeText, commands: &mut Vec<String>| {
        if !current.is_empty() {
            commands.push(format!("printf %s {}", quote(current)));
        }
        *current = ExchangeText::default();
    };
    for part in &text.0 {
        let ExchangePart::Text(text) = part else {
            current.0.push(part.clone());
            continue;
        };
        for (index, piece) in text.split('\0').enumerate() {
            if index > 0 {
                flush(&mut current, &mut commands);
                commands.push("printf '\\000'".to_owned());
            }
            current.push(piece);
        }
    }
    flush(&mut current, &mut commands);
    match commands.as_slice() {
        [one] => one.clone(),
        several => format!("{{ {}; }}", several.join("; ")),
    }
}

/// The names of the secrets in a text, duplicates included.
pub fn secrets(text: &ExchangeText) -> Vec<&str> {
    let mut names = Vec::new();
    add_secrets(&text.0, &mut names);
    names
}

fn add_secrets<'t>(parts: &'t [ExchangePart], names: &mut Vec<&'t str>) {
    for part in parts {
        match part {
            ExchangePart::Text(_) => {}
            ExchangePart::Secret { secret, .. } => names.push(secret),
            ExchangePart::Base64 { base64 } => add_secrets(base64, names),
        }
    }
}

fn part(part: &ExchangePart) -> String {
    match part {
        ExchangePart::Text(text) => literal(text),
        ExchangePart::Secret { secret, forms } if forms.is_empty() => {
            format!("\"${SECRET_PREFIX}{secret}\"")
        }
        ExchangePart::Secret { secret, forms } => {
            let steps: String = forms.iter().map(|form| pipe(*form)).collect();
            format!("\"$(printf %s \"${SECRET_PREFIX}{secret}\"{steps})\"")
        }
        ExchangePart::Base64 { base64 } => {
            let inner = quote(&ExchangeText(base64.clone()));
            format!("\"$(printf %s {inner}{})\"", pipe(SecretForm::Base64))
        }
    }
}

fn pipe(form: SecretForm) -> &'static str {
    match form {
        SecretForm::Base64 => " | base64 | tr -d '\\n'",
        SecretForm::Percent => " | od -An -v -tx1 | tr -d ' \\n' | sed 's/../%&/g'",
        SecretForm::Json => " | sed 's/[\"\\\\]/\\\\&/g'",
    }
}

/// Text in quotes, with the characters that cannot be seen as escapes between them.
fn literal(text: &str) -> String {
    let is_hidden = |c: char| c != '\n' && is_control(c);
    let mut written = String::new();
    for (index, line) in text.split('\n').enumerate() {
        written.push_str(if index == 0 { "" } else { LINE_BREAK });
        written.push_str(&line_literal(line, &is_hidden));
    }
    written
}

fn line_literal(line: &str, is_hidden: &dyn Fn(char) -> bool) -> String {
    let mut written = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let shown = rest.find(is_hidden).unwrap_or(rest.len());
        if shown > 0 {
            written.push_str(&format!("'{}'", rest[..shown].replace('\'', "'\\''")));
        }
        rest = &rest[shown..];
        let hidden = rest.find(|c| !is_hidden(c)).unwrap_or(rest.len());
        if hidden > 0 {
            let octal: String = rest[..hidden]
                .bytes()
                .map(|byte| format!("\\{byte:03o}"))
                .collect();
            written.push_str(&format!("\"$(printf '{octal}')\""));
        }
        rest = &rest[hidden..];
    }
    written
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn secret(forms: &[SecretForm]) -> ExchangePart {
        ExchangePart::Secret {
            secret: "KEY".into(),
            forms: forms.into(),
        }
    }

    /// What `sh` makes of a text.
    fn shell(text: &ExchangeText) -> Vec<u8> {
        let output = Command::new("sh")
            .args(["-c", &with_line_break(printed(text))])
            .env("FLOWTRIGGER_SECRET_KEY", "a \"b\"\\/é'$x")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        output.stdout
    }

    #[test]
    fn a_shell_reads_every_text_as_it_is() {
        for text in [
            "plain",
            "it's \"$HOME\" `id` $(id) \\n \\",
            "-n",
            "%s %d",
            "a\nb\n\n",
            "\u{1b}[31mred\u{202e}\r\n",
            "tab\tend\t",
            "a\0b\0\0c",
            "é—🎉",
        ] {
            let written = printed(&ExchangeText::plain(text));
            assert_eq!(
                shell(&ExchangeText::plain(text)),
                text.as_bytes(),
                "{written}"
            );
            assert!(!written.contains(is_control), "{written:?}");
        }
    }

    #[test]
    fn secrets_are_inserted_in_the_form_of_the_request() {
        use SecretForm::{Base64, Json, Percent};
        for (forms, expected) in [
            (&[][..], "a \"b\"\\/é'$x"),
            (&[Json], "a \\\"b\\\"\\\\/é'$x"),
            (&[Base64], "YSAiYiJcL8OpJyR4"),
            (&[Percent], "%61%20%22%62%22%5c%2f%c3%a9%27%24%78"),
            (
                &[Base64, Percent],
                "%59%53%41%69%59%69%4a%63%4c%38%4f%70%4a%79%52%34",
            ),
        ] {
            let text = ExchangeText(vec![
                ExchangePart::Text("'<".into()),
                secret(forms),
                ExchangePart::Text(">\n".into()),
            ]);
            let read = String::from_utf8(shell(&text)).unwrap();
            assert_eq!(read, format!("'<{expected}>\n"));
        }
        let basic = ExchangeText(vec![ExchangePart::Base64 {
            base64: vec![ExchangePart::Text("bot:".into()), secret(&[])],
        }]);
        assert_eq!(shell(&basic), b"Ym90OmEgImIiXC/DqSckeA==");
        assert_eq!(secrets(&basic), ["KEY"]);
    }

    #[test]
    fn the_name_of_a_secret_in_a_text_is_no_variable() {
        let text = ExchangeText::plain("[secret KEY] $FLOWTRIGGER_SECRET_KEY");
        assert_eq!(shell(&text), b"[secret KEY] $FLOWTRIGGER_SECRET_KEY");
        assert!(secrets(&text).is_empty());
    }

    #[test]
    fn arguments_are_quoted_where_it_is_needed() {
        for (text, written) in [("a-b.sh", "a-b.sh"), ("a b", "'a b'"), ("", "''")] {
            assert_eq!(argument(&ExchangeText::plain(text)), written);
        }
    }
}
