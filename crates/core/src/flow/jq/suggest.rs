//! Messages and help for unknown functions, variables and syntax errors of jq programs.

use jaq_core::load::parse::Expect;

use crate::document::suggest::{for_jq_name, nearest};
use crate::flow::jq::program::functions;

/// Names, why they are not available, and what to write instead.
type UnsupportedFunctions = (&'static [&'static str], &'static str, &'static str);

const UNSUPPORTED: [UnsupportedFunctions; 7] = [
    (
        &["env", "$ENV"],
        "a jq program cannot read the environment",
        "use `vars.…`, or a secret in the step that needs it",
    ),
    (
        &["now", "localtime", "strflocaltime", "mktime_local"],
        "a jq program has no clock and no time zone, because a run that continues after a restart must get the same result",
        "use a time of the event (`.event.time`), with `fromdate`, `gmtime` and `strftime`, which are UTC",
    ),
    (
        &["input", "inputs", "input_filename", "input_line_number"],
        "the jq program of a step has one input",
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
        "the jq program of a step cannot print",
        "see the step's result with `flowtrigger dry-run --explain` or `flowtrigger runs show`",
    ),
    (
        &["halt", "halt_error"],
        "the jq program of a step ends with its result",
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
        "the jq program of a step has no arguments",
        "read `.vars.…`, or pass the value with `input`",
    ),
    (
        &[
            "get_search_list",
            "modulemeta",
            "import",
            "include",
            "builtins",
        ],
        "the jq program of a step has no other files",
        "define the functions that it needs before it: `def name: …;`",
    ),
];

/// Functions of jq that jaq does not have.
pub(super) const ONLY_IN_JQ: [&str; 12] = [
    "tostream",
    "fromstream",
    "truncate_stream",
    "GROUP_BY",
    "UNIQUE_BY",
    "have_literal_numbers",
    "have_decnum",
    "lgamma_r",
    "isvalid",
    "recurse_down",
    "@base32",
    "@base32d",
];

/// The help where a failure has its cause in a difference between jaq and jq.
pub(super) fn for_failure(message: &str) -> Option<&'static str> {
    let hints = [
        (
            "cannot use null as iterable",
            "write `// []` after a value that may be absent; and while jq makes an object of null where a path is assigned, here write `. + {a: {b: 1}}`",
        ),
        (
            "cannot use null as string",
            "write `// \"\"` after a value that may be absent",
        ),
        (
            "cannot use null as number",
            "write `// 0` after a value that may be absent",
        ),
    ];
    let found = hints.iter().find(|(start, _)| message.starts_with(start));
    found.map(|(_, hint)| *hint)
}

/// The help for a name after `.field-`: the key of a field with a hyphen.
fn hyphenated(before: &str, name: &str, after: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let path = before.strip_suffix('-')?;
    let start = path.rfind(|c: char| !is_name(c))?;
    let is_field = path[..=start].ends_with('.') && start + 1 < path.len();
    let end = after.find(|c: char| !is_name(c)).unwrap_or(after.len());
    let (field, rest) = (&path[start + 1..], &after[..end]);
    is_field.then(|| {
        format!("a hyphen subtracts; write `.\"{field}-{name}{rest}\"` to read the field, or `- {name}` with a space")
    })
}

/// Why a name is not available, and what to write instead.
pub(super) fn unsupported(name: &str) -> Option<(&'static str, &'static str)> {
    let row = UNSUPPORTED
        .iter()
        .find(|(names, ..)| names.contains(&name))?;
    Some((row.1, row.2))
}

/// The message and help for an unknown function or a wrong number of arguments.
/// `around` is the text before and after the name.
pub(super) fn for_function(name: &str, arguments: usize, around: (&str, &str)) -> (String, String) {
    if let Some((why, help)) = unsupported(name) {
        return (format!("`{name}` is not available: {why}"), help.to_owned());
    }
    let mut known: Vec<usize> = functions()
        .filter(|(known, _)| *known == name)
        .map(|(_, count)| count)
        .collect();
    known.sort_unstable();
    known.dedup();
    if !known.is_empty() {
        let message = format!("`{name}` expects {}, found {arguments}", counts(&known));
        return (
            message,
            "separate arguments with `;`, as in `sub(\"a\"; \"b\")`".into(),
        );
    }
    if ONLY_IN_JQ.contains(&name) {
        let message = format!("jaq, which runs these programs, has no `{name}`");
        let help = match name.starts_with("@base32") {
            true => "let the receiver do it, or use `@base64` if it accepts that",
            false => {
                "write it with the other functions: `path(..)`, `reduce`, `to_entries`, `map`, `select`"
            }
        };
        return (message, help.to_owned());
    }
    let message = format!("unknown function `{name}`");
    if let Some(help) = hyphenated(around.0, name, around.1) {
        return (message, help);
    }
    let help = for_jq_name(name).map(str::to_owned);
    let help = help.or_else(|| Some(format!("did you mean `{}`?", near(name)?)));
    let field = || format!("write `.{name}` to read a field, or double quotes for a string");
    (message, help.unwrap_or_else(field))
}

/// The most similar function: first one with a single typo, because short names are rarely similar
/// otherwise.
fn near(name: &str) -> Option<&'static str> {
    let is_internal = |known: &&str| known.starts_with('!') || known.ends_with("_or_empty");
    let known = || {
        functions()
            .map(|(known, _)| known)
            .filter(|known| !is_internal(known))
    };
    let is_typo = |known: &&str| strsim::damerau_levenshtein(name, known) == 1 && known.len() > 2;
    known().find(is_typo).or_else(|| nearest(name, known()))
}

fn counts(known: &[usize]) -> String {
    let words: Vec<String> = known.iter().map(ToString::to_string).collect();
    match known {
        [0] => "no argument".into(),
        [1] => "1 argument".into(),
        _ => format!("{} arguments", words.join(" or ")),
    }
}

pub(super) fn for_variable(name: &str) -> (String, String) {
    if let Some((why, help)) = unsupported(name) {
        return (format!("`{name}` is not available: {why}"), help.to_owned());
    }
    let bare = name.trim_start_matches('$');
    (
        format!("unknown variable `{name}`"),
        format!("write `.{bare}` to read a field, or define the variable first: `… as {name} | …`"),
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

/// Describes what the parser expected.
pub(super) fn expected(expect: &Expect<&str>) -> String {
    match expect {
        Expect::Just(word) => format!("`{word}`"),
        Expect::Term => "a value or a filter".into(),
        Expect::Nothing => "an operator or the end".into(),
        Expect::Key => "the name of a field".into(),
        Expect::Ident => "a name".into(),
        Expect::Arg => "the name of an argument".into(),
        Expect::Str => "a string".into(),
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

/// The help for a character that jq does not know.
pub(super) fn for_character(found: &str) -> Option<&'static str> {
    Some(match found {
        "'" | "`" | "“" | "”" | "‘" | "’" => "write strings in double quotes: \"…\"",
        "&" => "write `and`",
        "!" => "write `| not`",
        ")" | "]" | "}" => "remove it, or open it before",
        _ => return None,
    })
}

/// The help for a token in the wrong place; `before` is the text before it.
pub(super) fn for_token(before: &str, found: &str) -> &'static str {
    match found {
        "?//" => {
            "jaq, which runs these programs, has no alternatives of a pattern; write `. as $x | if ($x | type) == \"array\" then … else … end`"
        }
        "<>" => "write `!=`",
        _ if before.ends_with(" ?") => "write `if … then … else … end`",
        "||" => "write `or`",
        "&&" => "write `and`",
        "===" => "write `==`",
        "!==" => "write `!=`",
        "!" => "write `(…) | not`",
        "=>" | "->" => "jq has no functions of that form; write `map(.x)`",
        "then" if before.ends_with("else") => "write `elif … then`",
        "" if before.ends_with(['|', ',', '+', '-', '*', '/']) => {
            "remove the last operator, or write a value after it"
        }
        "" if before.contains("if ") => "close every `if … then … else …` with `end`",
        found if found.starts_with('(') => "call a function after a pipe: `.field | name(…)`",
        found if found.starts_with('"') => "join strings with `+`, or write \"… \\(.field) …\"",
        found if found.starts_with(|c: char| c.is_ascii_digit()) && before.ends_with('.') => {
            "write `.[0]` for an item of a list"
        }
        _ => "see the jq manual, https://jqlang.org/manual",
    }
}
