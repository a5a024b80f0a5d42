//! Shortens text from outside for a message: one line, no control characters.
//! The text must be redacted already.

/// The first `cap` characters.
pub(super) fn first(text: &str, cap: usize) -> String {
    let mut characters = one_line(text);
    let mut excerpt: String = characters.by_ref().take(cap).collect();
    if characters.next().is_some() {
        excerpt.push('…');
    }
    excerpt.trim_end().to_owned()
}

/// The last `cap` characters.
pub(super) fn last(text: &str, cap: usize) -> String {
    let line: Vec<char> = one_line(text.trim_end()).collect();
    if line.len() <= cap {
        return line.into_iter().collect();
    }
    let tail: String = line[line.len() - cap..].iter().collect();
    format!("…{}", tail.trim_start())
}

/// White space becomes one space, so that a log line stays one line; other control characters, which could act
/// on a terminal, are removed.
fn one_line(text: &str) -> impl Iterator<Item = char> {
    let mut after_space = true;
    text.chars().filter_map(move |c| {
        let space = c.is_whitespace();
        let keep = !(space && after_space) && (space || !c.is_control());
        if keep {
            after_space = space;
        }
        keep.then_some(if space { ' ' } else { c })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_line_without_control_characters() {
        assert_eq!(first("  a\r\n\tb\u{1b}[31mc \n", 20), "a b[31mc");
        assert_eq!(last("  a\r\n\tb\u{1b}[31mc \n", 20), "a b[31mc");
    }

    #[test]
    fn the_cut_is_counted_in_characters_and_shown() {
        assert_eq!(first("äöüß", 4), "äöüß");
        assert_eq!(first("äöüß!", 4), "äöüß…");
        assert_eq!(last("äöüß", 4), "äöüß");
        assert_eq!(last("!äöüß", 4), "…äöüß");
    }
}
