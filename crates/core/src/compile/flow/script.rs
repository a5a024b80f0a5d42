//! Arguments that an interpreter runs as a program: `sh -c SCRIPT`, `python3 -c CODE`, `perl -e CODE`.
//! It refuses a template in one: the event's text would become part of the program.

use crate::diagnostic::{Code, Diagnostics, Report};
use crate::document::Node;

const SHELLS: [&str; 9] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh",
];

/// Interpreters, the letters of the options that take a program, and the long ones.
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

/// The letters of options whose value is the next argument.
const VALUED: &str = "oOWXIr";

/// Whether no argument is a program with a template in it; false after reporting.
pub fn check(argv: &[Node], diagnostics: &mut Diagnostics) -> bool {
    let texts: Vec<String> = argv
        .iter()
        .map(|node| node.scalar_text().unwrap_or_default())
        .collect();
    // `env`, `sudo`, `timeout` and the like run what stands behind them.
    for (start, name) in texts.iter().enumerate() {
        let Some(script) = script(name, &texts[start + 1..]) else {
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

/// Which of the arguments behind an interpreter is its program.
fn script(name: &str, arguments: &[String]) -> Option<usize> {
    let name = name.rsplit('/').next().unwrap_or(name);
    if SHELLS.contains(&name) {
        // `-lc` and `-ce` are `-c` with more.
        let plain = arguments
            .iter()
            .map(|given| match is_short(given) && given.contains('c') {
                true => "-c".to_owned(),
                false => given.clone(),
            });
        return behind_options(&plain.collect::<Vec<_>>(), "c", &[]);
    }
    let versionless = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let (_, letters, long) = LANGUAGES.iter().find(|(known, ..)| *known == versionless)?;
    behind_options(arguments, letters, long)
}

/// The first argument that is no option ends the search: it names a file, and what follows is the
/// file's.
fn behind_options(arguments: &[String], letters: &str, long: &[&str]) -> Option<usize> {
    let mut at = 0;
    while let Some(given) = arguments.get(at) {
        let option = given.strip_prefix(['-', '+'])?;
        let (first, last) = (option.chars().next()?, option.chars().last()?);
        let short = is_short(given);
        if long.contains(&given.as_str()) || (short && letters.contains(last)) {
            // Further options may stand between.
            let behind = arguments[at + 1..]
                .iter()
                .position(|next| !next.starts_with('-'))?;
            return Some(at + 1 + behind);
        }
        if short && letters.contains(first) {
            return Some(at);
        }
        at += 1 + usize::from(short && VALUED.contains(last));
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
        script(&texts[0], &texts[1..])
    }

    #[test]
    fn the_program_among_the_arguments_is_found() {
        for (argv, wanted) in [
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
            assert_eq!(found(argv), wanted, "{argv:?}");
        }
    }
}
