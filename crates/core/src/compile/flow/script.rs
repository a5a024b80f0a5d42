//! Rejects templates in program text: `sh -c SCRIPT`, `python3 -c CODE`, `perl -e CODE`.
//! With a template, the event's text would become part of the program.

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;

const SHELLS: [&str; 9] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh",
];

/// Interpreters with the short and the long options that take program text.
const LANGUAGES: [(&str, &str, &[&str]); 8] = [
    ("python", "c", &[]),
    ("pypy", "c", &[]),
    ("perl", "eE", &[]),
    ("ruby", "e", &[]),
    ("node", "ep", &["--eval", "--print"]),
    ("bun", "ep", &["--eval", "--print"]),
    ("php", "r", &[]),
    ("lua", "e", &[]),
];

/// The short options whose value is the next argument.
const OPTIONS_WITH_VALUE: &str = "oOWXIr";

/// Checks that no argument is program text with a template. Returns false after an error.
pub fn check(argv: &[Node], diagnostics: &mut Diagnostics) -> bool {
    let texts: Vec<String> = argv
        .iter()
        .map(|node| node.scalar_text().unwrap_or_default())
        .collect();
    // Programs such as `env`, `sudo` and `timeout` run their arguments, so every argument may be an
    // interpreter.
    for (start, name) in texts.iter().enumerate() {
        let Some(script) = script_index(name, &texts[start + 1..]) else {
            continue;
        };
        let node = &argv[start + 1 + script];
        if texts[start + 1 + script].contains("{{") || texts[start + 1 + script].contains("{%") {
            let message = format!(
                "`{name}` would run this as a program, and the event's text would become part of it"
            );
            let help = "pass the text as a further argument, `[sh, -c, 'echo \"$1\"', sh, \"{{ … }}\"]`, or use `shell:`, which finds the event in its environment and on standard input";
            diagnostics.error(Code::TemplateInShell, node.at, message, help);
            return false;
        }
    }
    true
}

/// Returns the index of the program text among the arguments of an interpreter.
fn script_index(name: &str, arguments: &[String]) -> Option<usize> {
    let name = name.rsplit('/').next().unwrap_or(name);
    if SHELLS.contains(&name) {
        // `-lc` and `-ce` include `-c`.
        let plain =
            arguments.iter().map(
                |argument| match is_short(argument) && argument.contains('c') {
                    true => "-c".to_owned(),
                    false => argument.clone(),
                },
            );
        return index_after_options(&plain.collect::<Vec<_>>(), "c", &[]);
    }
    let versionless = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let (_, letters, long) = LANGUAGES.iter().find(|(known, ..)| *known == versionless)?;
    index_after_options(arguments, letters, long)
}

/// Returns the index of the argument after one of the options. The first argument that is not an option
/// ends the search: it is a file, and the rest are its arguments.
fn index_after_options(arguments: &[String], letters: &str, long: &[&str]) -> Option<usize> {
    let mut at = 0;
    while let Some(argument) = arguments.get(at) {
        let option = argument.strip_prefix(['-', '+'])?;
        let (first, last) = (option.chars().next()?, option.chars().last()?);
        let short = is_short(argument);
        if long.contains(&argument.as_str()) || (short && letters.contains(last)) {
            // Further options may follow first.
            let offset = arguments[at + 1..]
                .iter()
                .position(|next| !next.starts_with('-'))?;
            return Some(at + 1 + offset);
        }
        if short && letters.contains(first) {
            return Some(at);
        }
        at += 1 + usize::from(short && OPTIONS_WITH_VALUE.contains(last));
    }
    None
}

fn is_short(option: &str) -> bool {
    option.starts_with(['-', '+']) && !option.starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(argv: &[&str]) -> Option<usize> {
        let texts: Vec<String> = argv.iter().map(|text| (*text).to_owned()).collect();
        script_index(&texts[0], &texts[1..])
    }

    #[test]
    fn the_program_text_among_the_arguments_is_found() {
        for (argv, expected) in [
            (&["sh", "-c", "x"][..], Some(1)),
            (&["/bin/bash", "-lc", "x", "y"], Some(1)),
            (&["bash", "-e", "-c", "x"], Some(2)),
            (&["sh", "-c", "-e", "x"], Some(2)),
            (&["sh", "script.sh", "x"], None),
            (&["sh", "--norc", "x"], None),
            (&["sh", "-c"], None),
            (&["/usr/bin/python3.11", "-c", "x"], Some(1)),
            (&["python3", "-u", "-c", "x"], Some(2)),
            (&["python3", "x.py", "y"], None),
            (&["perl", "-ex"], Some(0)),
            (&["perl", "-lane", "x"], Some(1)),
            (&["bash", "-euo", "pipefail", "-c", "x"], Some(3)),
            (&["bash", "run.sh", "-c", "x"], None),
            (&["python3", "-m", "tool", "-c", "x"], None),
            (&["python3", "-cx"], Some(0)),
            (&["node", "--eval", "x"], Some(1)),
            (&["php", "-r", "x"], Some(1)),
            (&["printf", "-c", "x"], None),
        ] {
            assert_eq!(found(argv), expected, "{argv:?}");
        }
    }
}
