//! Finds a value in text whatever encoding each of its characters has: none, percent, HTML entity, JSON escape, form.
//! The encodings may be mixed, and an encoding may be repeated, such as `%252F`.

/// Repetitions of an encoding that are recognised, so that hostile text costs little.
const MAX_REPEATED: usize = 4;
/// Bytes of an encoded character of which a part is missing at a cut.
const MAX_UNIT: usize = 12;
/// Characters of a value that are recognised at a cut.
const MIN_PART: usize = 3;

/// A value to find.
pub(super) struct EncodedValue(Vec<char>);

impl EncodedValue {
    pub(super) fn new(value: &str) -> Self {
        Self(value.chars().collect())
    }

    /// Whether a text that starts with this byte may start with the value.
    pub(super) fn may_start_with(&self, byte: u8) -> bool {
        let is_first = |c: char| c.to_string().as_bytes()[0] == byte;
        match self.0.first() {
            Some(' ' | '+') if matches!(byte, b' ' | b'+') => true,
            Some(first) => matches!(byte, b'%' | b'&' | b'\\') || is_first(*first),
            None => false,
        }
    }

    /// Where the value ends if the text has it at this position; the longest if encodings are ambiguous.
    pub(super) fn end(&self, text: &str, at: usize) -> Option<usize> {
        ends(&self.0, text.as_bytes(), at)
    }

    /// Where a part of the value starts that the end of the text has cut off.
    pub(super) fn start_of_cut(&self, text: &str) -> Option<usize> {
        let first = text.len().saturating_sub(self.0.len() * 3 * MAX_UNIT);
        let starts = (first..text.len()).filter(|at| text.is_char_boundary(*at));
        starts
            .filter(|at| self.may_start_with(text.as_bytes()[*at]))
            .find(|at| self.is_cut_from(text.as_bytes(), *at))
    }

    /// Where a part of the value ends that the start of the text has cut off.
    pub(super) fn end_of_cut(&self, text: &str) -> Option<usize> {
        let last = self.0.len().saturating_sub(MIN_PART);
        let from = (1..=last).find_map(|skipped| ends(&self.0[skipped..], text.as_bytes(), 0));
        from.filter(|end| text.is_char_boundary(*end))
    }

    fn is_cut_from(&self, text: &[u8], at: usize) -> bool {
        let mut positions = vec![at];
        for (matched, c) in self.0.iter().enumerate() {
            let is_at_end = |at: &usize| is_cut_unit(&text[*at..]);
            if matched >= MIN_PART && positions.iter().any(is_at_end) {
                return true;
            }
            positions = after(&positions, text, *c);
            if positions.is_empty() {
                return false;
            }
        }
        false
    }
}

/// Nothing, or the beginning of an encoded character.
fn is_cut_unit(rest: &[u8]) -> bool {
    match rest.first() {
        None => true,
        Some(b'%' | b'&' | b'\\') => {
            let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"#;%\\".contains(byte);
            rest.len() < MAX_UNIT && rest[1..].iter().all(inner)
        }
        Some(_) => false,
    }
}

fn ends(value: &[char], text: &[u8], at: usize) -> Option<usize> {
    let mut positions = vec![at];
    for c in value {
        positions = after(&positions, text, *c);
        if positions.is_empty() {
            return None;
        }
    }
    positions.into_iter().max()
}

/// The positions after the character, from any of these positions.
fn after(positions: &[usize], text: &[u8], c: char) -> Vec<usize> {
    let mut ends = Vec::new();
    for at in positions {
        add_ends(c, text, *at, &mut ends);
        match c {
            ' ' => add_ends('+', text, *at, &mut ends),
            '+' => add_ends(' ', text, *at, &mut ends),
            _ => {}
        }
    }
    ends.sort_unstable();
    ends.dedup();
    ends
}

fn add_ends(c: char, text: &[u8], at: usize, ends: &mut Vec<usize>) {
    let mut bytes = [0; 4];
    let bytes = c.encode_utf8(&mut bytes).as_bytes();
    let rest = &text[at..];
    if rest.starts_with(bytes) {
        ends.push(at + bytes.len());
    }
    let length = match rest.first() {
        Some(b'%') => {
            if c == '%' {
                add_repeated(b"25", (at + 1, text), ends);
            }
            percent(bytes, rest)
        }
        Some(b'&') => {
            if c == '&' {
                add_repeated(b"amp;", (at + 1, text), ends);
            }
            entity(c, rest)
        }
        Some(b'\\') => {
            if c == '\\' {
                let run = backslashes(rest);
                ends.extend([2, 4, 8].iter().filter(|n| **n <= run).map(|n| at + n));
            }
            escape(c, rest)
        }
        Some(_) | None => None,
    };
    ends.extend(length.map(|length| at + length));
}

/// The length of the bytes in percent-encoding.
fn percent(bytes: &[u8], rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    for byte in bytes {
        at += rest.get(at..)?.starts_with(b"%").then_some(1)?;
        let mut repeated = 0;
        let hex = loop {
            let digits = rest.get(at..at + 2)?;
            if hex(digits)? == u32::from(*byte) {
                break at + 2;
            }
            (digits == b"25" && repeated < MAX_REPEATED).then_some(())?;
            (at, repeated) = (at + 2, repeated + 1);
        };
        at = hex;
    }
    Some(at)
}

/// Adds the ends of a percent sign or an ampersand that is encoded once or again and again.
fn add_repeated(code: &[u8], (at, text): (usize, &[u8]), ends: &mut Vec<usize>) {
    let mut at = at;
    for _ in 0..MAX_REPEATED {
        if !text[at..].starts_with(code) {
            return;
        }
        at += code.len();
        ends.push(at);
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u32::from_str_radix(text, 16).ok()
}

/// The length of the character as an HTML entity, such as `&quot;`, `&#34;`, `&#x22;`, `&amp;quot;`.
fn entity(c: char, rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    for _ in 0..=MAX_REPEATED {
        if let Some(length) = entity_name(c, &rest[at..]) {
            return Some(at + length);
        }
        at += rest[at..].starts_with(b"amp;").then_some(4)?;
    }
    None
}

fn entity_name(c: char, rest: &[u8]) -> Option<usize> {
    const NAMES: [(&str, char); 21] = [
        ("amp;", '&'),
        ("lt;", '<'),
        ("gt;", '>'),
        ("quot;", '"'),
        ("apos;", '\''),
        ("sol;", '/'),
        ("plus;", '+'),
        ("equals;", '='),
        ("num;", '#'),
        ("percnt;", '%'),
        ("colon;", ':'),
        ("commat;", '@'),
        ("lowbar;", '_'),
        ("period;", '.'),
        ("excl;", '!'),
        ("dollar;", '$'),
        ("ast;", '*'),
        ("quest;", '?'),
        ("semi;", ';'),
        ("comma;", ','),
        ("bsol;", '\\'),
    ];
    let named = NAMES
        .iter()
        .find(|(name, named)| *named == c && rest.starts_with(name.as_bytes()));
    if let Some((name, _)) = named {
        return Some(name.len());
    }
    let digits = rest.strip_prefix(b"#")?;
    let (digits, radix) = match digits.first()? {
        b'x' | b'X' => (&digits[1..], 16),
        _ => (digits, 10),
    };
    let count = digits.iter().take(MAX_UNIT);
    let count = count
        .take_while(|byte| char::from(**byte).is_digit(radix))
        .count();
    let text = std::str::from_utf8(&digits[..count]).ok()?;
    let found = u32::from_str_radix(text, radix).ok()? == u32::from(c);
    let end = digits.get(count).is_some_and(|byte| *byte == b';');
    let length = rest.len() - digits.len() + count;
    found.then_some(length + usize::from(end))
}

/// The length of the character as an escape of a JSON string, with any number of backslashes.
fn escape(c: char, rest: &[u8]) -> Option<usize> {
    let run = backslashes(rest);
    let letter = match c {
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        other => other,
    };
    let is_escaped = c.is_ascii_punctuation() || c.is_ascii_control();
    if is_escaped && c != '\\' && rest.get(run).copied().map(char::from) == Some(letter) {
        return Some(run + 1);
    }
    let mut units = [0; 2];
    let mut at = 0;
    for unit in c.encode_utf16(&mut units) {
        at += backslashes(rest.get(at..)?);
        (rest.get(at) == Some(&b'u')).then_some(())?;
        (hex(rest.get(at + 1..at + 5)?)? == u32::from(*unit)).then_some(())?;
        at += 5;
    }
    Some(at)
}

fn backslashes(rest: &[u8]) -> usize {
    let run = rest.iter().take(MAX_UNIT);
    run.take_while(|byte| **byte == b'\\').count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::redaction::Redactor;
    use flowtrigger_core::secret::SecretValue;

    #[test]
    fn any_mixture_of_encodings_of_a_value_is_replaced() {
        let secret = "pat_9/QeK+aZ81==";
        let redactor = Redactor::new(&BTreeMap::from([
            ("S".to_owned(), SecretValue::new(secret)),
            ("T".to_owned(), SecretValue::new("s\u{f8}\"k'\\\u{1f600}<x")),
        ]));
        for found in [
            "pat_9/QeK%2BaZ81%3D%3D",
            "pat_9/QeK aZ81==",
            "pat_9\\/QeK\\u002baZ81&#61;&#x3D;",
            "pat_9%252FQeK&amp;#43;aZ81%3d=",
        ] {
            assert_eq!(
                redactor.text(&format!("a={found};")),
                "a=[secret S];",
                "{found}"
            );
            let (head, tail) = found.split_at(found.len() - 4);
            let head = redactor.without_end(&format!("x {head}"));
            assert_eq!(head, "x [secret S]", "{found}");
            assert!(!redactor.without_start(tail).contains("81="), "{tail}");
        }
        for found in [
            "s\\u00f8&quot;k&#x27;\\\\\\ud83d\\ude00&lt;x",
            "s%C3%B8\\\"k&#39;%5c\u{1f600}%3Cx",
        ] {
            assert_eq!(
                redactor.text(&format!("<{found}>")),
                "<[secret T]>",
                "{found}"
            );
        }
    }

    #[test]
    fn random_values_are_found_in_random_encodings() {
        let mut state = 7_u64;
        let mut random = |limit: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % limit
        };
        let letters: Vec<char> = "aZ09 /+=%&\\\"'<>;#u\u{f8}\u{20ac}\u{1f600}"
            .chars()
            .collect();
        for _ in 0..3_000 {
            let length = 8 + random(12);
            let value: String = (0..length)
                .map(|_| letters[random(letters.len())])
                .collect();
            let encoded: String = value
                .chars()
                .map(|c| match random(6) {
                    0 => c.to_string(),
                    1 => c
                        .to_string()
                        .bytes()
                        .map(|byte| format!("%{byte:02x}"))
                        .collect(),
                    2 => format!("&#{};", u32::from(c)),
                    3 => format!("&#x{:X};", u32::from(c)),
                    4 => {
                        let mut units = [0; 2];
                        let units = c.encode_utf16(&mut units).iter();
                        units.map(|unit| format!("\\u{unit:04x}")).collect()
                    }
                    _ => match c {
                        ' ' => "+".to_owned(),
                        '+' => " ".to_owned(),
                        other => {
                            let json = serde_json::Value::from(other.to_string()).to_string();
                            json[1..json.len() - 1].to_owned()
                        }
                    },
                })
                .collect();
            let secrets = BTreeMap::from([("S".to_owned(), SecretValue::new(value.as_str()))]);
            let around = ["", "x", "a%", "é ", "&amp;", "{\"k\":\""];
            let (before, after) = (around[random(6)], around[random(6)]);
            let clean = Redactor::new(&secrets)
                .text(&format!("{before}{encoded}{after}"))
                .into_owned();
            assert!(
                clean.contains("[secret S]"),
                "{value:?} in {encoded:?}: {clean}"
            );
            assert!(
                clean.len() <= before.len() + after.len() + 12,
                "{encoded:?}: {clean}"
            );
        }
    }
}
