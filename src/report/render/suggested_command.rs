//! Writes commands of this program with texts from outside, so that a person can copy them.

/// A value of a command's option, such as `--set`.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.:/@+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text of an event or a rule. A text with control characters cannot be typed: they are printed as in `$'…'` of a shell.
pub fn argument(text: &str) -> String {
    use crate::report::render::escape::is_control;
    if !text.chars().any(is_control) {
        return quoted(text);
    }
    let mut escaped = String::from("$'");
    for letter in text.chars() {
        match letter {
            '\'' | '\\' => escaped.extend(['\\', letter]),
            letter if is_control(letter) => {
                let mut bytes = [0; 4];
                for byte in letter.encode_utf8(&mut bytes).bytes() {
                    escaped.push_str(&format!("\\x{byte:02x}"));
                }
            }
            letter => escaped.push(letter),
        }
    }
    escaped.push('\'');
    escaped
}

/// The command that explains an event, with more options.
pub fn why(event: &str, options: &str) -> String {
    let event = argument(event);
    match event.starts_with('-') {
        true => format!("flowtrigger why {options} -- {event}"),
        false => format!("flowtrigger why {event} {options}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_of_any_text_can_be_copied() {
        for (text, typed) in [
            ("90417", "90417"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("$(rm)", "'$(rm)'"),
            ("a\nb'c", r"$'a\x0ab\'c'"),
            ("v\u{200b}", r"$'v\xe2\x80\x8b'"),
        ] {
            assert_eq!(argument(text), typed);
        }
        assert_eq!(why("-x", "--all"), "flowtrigger why --all -- -x");
        assert_eq!(why("x y", "--all"), "flowtrigger why 'x y' --all");
    }
}
