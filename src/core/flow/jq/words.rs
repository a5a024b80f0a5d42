//! The right word for what people write in jq programs and jq, or this program, does not know.
//! It refuses to guess when nothing is near.

use jaq_core::load::parse::Expect;

use super::program::functions;
use crate::core::rule::synonyms::{for_jq_name, nearest};

/// Names, why a step has them not, and what to write.
type Refused = (&'static [&'static str], &'static str, &'static str);

const REFUSED: [Refused; 7] = [
    (
        &["env", "$ENV"],
        "a jq program sees no environment",
        "use `vars.…`, or a secret in the step that needs it",
    ),
    (
        &["now", "localtime", "strflocaltime", "mktime_local"],
        "a jq program sees neither clock nor time zone: a run that goes on after a restart must find the same answer",
        "use a time of the event (`.event.time`), with `fromdate`, `gmtime` and `strftime`, which are UTC",
    ),
    (
        &["input", "inputs", "input_filename", "input_line_number"],
        "a jq program of a step has one input",
        "read it as `.`",
    ),
    (
        &[
            "debug",
            "stderr",
            "debug_empty",
            "stderr_empty",
            "input_debug",
        ],
        "a jq program of a step prints nothing",
        "look at the step's result: `flowtrigger dry-run --explain`, `flowtrigger runs show`",
    ),
    (
        &["halt", "halt_error"],
        "a jq program of a step ends with its result",
        "fail with `error(\"why\")`, or end the run with a step `fail` or `succeed`",
    ),
    (
        &[
            "$__prog_args",
            "$__prog_name",
            "$ARGS",
            "$named",
            "$__loc__",
            "getpath_env",
        ],
        "nobody gives arguments to a jq program of a step",
        "read `.vars.…`, or put the value under `input`",
    ),
    (
        &[
            "get_search_list",
            "modulemeta",
            "import",
            "include",
            "builtins",
        ],
        "a jq program of a step stands alone",
        "define what it needs in front of it: `def name: …;`",
    ),
];

/// Why no step has it, and what to write instead.
pub(super) fn refused(name: &str) -> Option<(&'static str, &'static str)> {
    let row = REFUSED.iter().find(|(names, ..)| names.contains(&name))?;
    Some((row.1, row.2))
}

/// The message and what to do.
pub(super) fn for_function(name: &str, arguments: usize) -> (String, String) {
    if let Some((why, help)) = refused(name) {
        return (format!("`{name}` is not there: {why}"), help.to_owned());
    }
    let mut takes: Vec<usize> = functions()
        .filter(|(known, _)| *known == name)
        .map(|(_, count)| count)
        .collect();
    takes.sort_unstable();
    takes.dedup();
    if !takes.is_empty() {
        let message = format!("`{name}` takes {}, found {arguments}", counts(&takes));
        return (
            message,
            "arguments stand apart with `;`, as in `sub(\"a\"; \"b\")`".into(),
        );
    }
    let message = format!("jq has no function `{name}`");
    let help = for_jq_name(name).map(str::to_owned);
    let help = help.or_else(|| Some(format!("did you mean `{}`?", near(name)?)));
    let field = || format!("a field is read with a dot: `.{name}`; a text stands in double quotes");
    (message, help.unwrap_or_else(field))
}

/// A slip of the finger first: short names are not alike by their letters alone.
fn near(name: &str) -> Option<&'static str> {
    let inner = |known: &&str| known.starts_with('!') || known.ends_with("_or_empty");
    let known = || {
        functions()
            .map(|(known, _)| known)
            .filter(|known| !inner(known))
    };
    let slip = |known: &&str| strsim::damerau_levenshtein(name, known) == 1 && known.len() > 2;
    known().find(slip).or_else(|| nearest(name, known()))
}

fn counts(takes: &[usize]) -> String {
    let words: Vec<String> = takes.iter().map(ToString::to_string).collect();
    match takes {
        [0] => "no argument".into(),
        [1] => "1 argument".into(),
        _ => format!("{} arguments", words.join(" or ")),
    }
}

pub(super) fn for_variable(name: &str) -> (String, String) {
    if let Some((why, help)) = refused(name) {
        return (format!("`{name}` is not there: {why}"), help.to_owned());
    }
    let bare = name.trim_start_matches('$');
    (
        format!("there is no variable `{name}`"),
        format!("read a field as `.{bare}`, or name a value first: `… as {name} | …`"),
    )
}

pub(super) fn closing(open: &str) -> &'static str {
    match open {
        "(" => ")",
        "[" => "]",
        "{" => "}",
        _ => "\"",
    }
}

/// What belongs where something else was found.
pub(super) fn wanted(expect: &Expect<&str>) -> String {
    match expect {
        Expect::Just(word) => format!("`{word}`"),
        Expect::Term => "a value or a filter".into(),
        Expect::Nothing => "an operator or the end".into(),
        Expect::Key => "the name of a field".into(),
        Expect::Ident => "a name".into(),
        Expect::Arg => "the name of an argument".into(),
        Expect::Str => "a text".into(),
        other => match other.as_str() {
            "else or end" => "`else` or `end`".into(),
            "variable" => "a variable (`$name`)".into(),
            other => format!("a {other}"),
        },
    }
}

pub(super) fn short(found: &str) -> String {
    let mut short: String = found.chars().take(20).collect();
    if short.len() < found.len() {
        short.push('…');
    }
    short.replace(['\n', '\r', '\t'], " ")
}

/// For a character that jq does not have.
pub(super) fn for_character(found: &str) -> Option<&'static str> {
    Some(match found {
        "'" | "`" | "“" | "”" => "write texts in double quotes: \"…\"",
        "&" => "write `and`",
        "!" => "write `| not`",
        ")" | "]" | "}" => "take it out, or open it before",
        _ => return None,
    })
}

/// For a word or symbol in the wrong place; `before` is what stands in front of it.
pub(super) fn for_token(before: &str, found: &str) -> &'static str {
    match found {
        "||" => "write `or`",
        "&&" => "write `and`",
        "===" => "write `==`",
        "!==" => "write `!=`",
        "!" => "write `(…) | not`",
        "=>" | "->" => "jq has no functions of that form; write `map(.x)`",
        "then" if before.ends_with("else") => "write `elif … then`",
        "" if before.ends_with(['|', ',', '+', '-', '*', '/']) => {
            "take the last operator out, or write what belongs behind it"
        }
        "" if before.contains("if ") => "close every `if … then … else …` with `end`",
        found if found.starts_with('(') => "call a function behind a pipe: `.field | name(…)`",
        found if found.starts_with('"') => "join texts with `+`, or write \"… \\(.field) …\"",
        found if found.starts_with(|c: char| c.is_ascii_digit()) && before.ends_with('.') => {
            "write `.[0]` for an item of a list"
        }
        _ => "see the manual of jq, https://jqlang.org/manual",
    }
}
