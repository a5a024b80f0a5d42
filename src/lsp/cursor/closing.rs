//! Closes the brackets of a text that ends in the middle of a document, so that what is written before a cursor can be read.

/// The text with its brackets closed, without a half-written end.
pub fn closed(before: &str) -> String {
    let mut closers = Vec::new();
    let mut quote: Option<(char, usize)> = None;
    let mut previous = '\n';
    let mut is_escaped = false;
    for (index, c) in before.char_indices() {
        match (quote, c) {
            (Some(('"', _)), '\\') => is_escaped = !is_escaped,
            (Some((open, _)), c) if c == open && !is_escaped => quote = None,
            (Some(_), _) => is_escaped = false,
            // Within a word it is an apostrophe.
            (None, '"' | '\'') if " \n\t[{,:".contains(previous) => quote = Some((c, index)),
            (None, '{') => closers.push('}'),
            (None, '[') => closers.push(']'),
            (None, '}' | ']') => drop(closers.pop()),
            (None, _) => {}
        }
        previous = c;
    }
    let end = quote.map_or(before.len(), |(_, start)| start);
    let text = before[..end].trim_end().trim_end_matches(',');
    let closers = closers.into_iter().rev().map(|closer| format!(" {closer}"));
    format!("{text}{}", closers.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_closed() {
        for (before, expected) in [
            ("{\"a\": {\"b\": [1, ", "{\"a\": {\"b\": [1 ] } }"),
            ("{\"a\": \"x]\\\"\", \"", "{\"a\": \"x]\\\"\" }"),
            ("{ a: it's, b: '", "{ a: it's, b: }"),
            ("a: {b: 1}\nc:", "a: {b: 1}\nc:"),
        ] {
            assert_eq!(closed(before), expected, "{before}");
        }
    }
}
