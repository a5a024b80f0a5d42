//! Arguments that an interpreter runs as a program: `sh -c SCRIPT`, `python3 -c CODE`, `perl -e CODE`.
//! It refuses a template in one: the event's text would become part of the program.

use crate::core::diagnostic::Code;
use crate::core::rule::document::Node;
use crate::core::rule::lowering::Lowering;

const SHELLS: [&str; 9] = [
    "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "csh",
];

/// Interpreters, and the options that take a program.
const LANGUAGES: [(&str, &[&str]); 9] = [
    ("python", &["-c"]),
    ("pypy", &["-c"]),
    ("perl", &["-e", "-E"]),
    ("ruby", &["-e"]),
    ("node", &["-e", "-p", "--eval", "--print"]),
    ("deno", &["eval"]),
    ("bun", &["-e", "--eval"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
];

/// Whether no argument is a program with a template in it; false after reporting.
pub fn check(argv: &[Node], cx: &mut Lowering<'_>) -> bool {
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
            cx.error(Code::TemplateInShell, node.at, message, help);
            return false;
        }
    }
    true
}

/// Which of the arguments behind an interpreter is its program.
fn script(name: &str, arguments: &[String]) -> Option<usize> {
    let name = name.rsplit('/').next().unwrap_or(name);
    if SHELLS.contains(&name) {
        let takes = |option: &String| {
            option.starts_with('-') && !option.starts_with("--") && option.contains('c')
        };
        let at = arguments.iter().position(takes)?;
        // `-c -e SCRIPT`: further options may stand between.
        let behind = arguments[at + 1..]
            .iter()
            .position(|next| !next.starts_with('-'))?;
        return Some(at + 1 + behind);
    }
    let versionless = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let (_, options) = LANGUAGES.iter().find(|(known, _)| *known == versionless)?;
    let at = arguments.iter().position(|given| {
        let attached = |option: &&str| option.len() == 2 && given.starts_with(option);
        options.contains(&given.as_str()) || options.iter().any(attached)
    })?;
    match options.contains(&arguments[at].as_str()) {
        true => (at + 1 < arguments.len()).then_some(at + 1),
        false => Some(at),
    }
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
            (&["node", "--eval", "x"], Some(1)),
            (&["php", "-r", "x"], Some(1)),
            (&["printf", "-c", "x"], None),
        ] {
            assert_eq!(found(argv), wanted, "{argv:?}");
        }
    }
}
