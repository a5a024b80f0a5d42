//! Prints the differences of two versions of rules as text.

use std::io::{self, Write};

use crate::cli::diff::changed_part::{ChangedPart, changed_parts};
use crate::engine::Rulebook;
use crate::report::output::Output;
use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;
use flowtrigger_core::analysis::comparison::{RuleChange, RuleDifference};

/// Prints every rule that differs, and a summary.
pub fn print(
    out: &mut Output,
    differences: &[RuleDifference],
    books: [&Rulebook; 2],
    is_same_config: bool,
) -> io::Result<()> {
    let changed: Vec<&RuleDifference> =
        differences.iter().filter(|of| !of.is_unchanged()).collect();
    for difference in &changed {
        print_rule(out, difference, books)?;
    }
    if !is_same_config {
        writeln!(out, "the configuration differs\n")?;
    }
    let unchanged = differences.len() - changed.len();
    writeln!(
        out,
        "{} changed, {unchanged} unchanged",
        number(changed.len(), "rule")
    )
}

fn print_rule(out: &mut Output, of: &RuleDifference, books: [&Rulebook; 2]) -> io::Result<()> {
    let [before, after] = books;
    let at = match (of.after, of.before) {
        (Some(at), _) => after.files.location(at),
        (None, Some(at)) => before.files.location(at),
        (None, None) => String::new(),
    };
    writeln!(
        out,
        "{}",
        plain(&format!("{} {} ({at})", of.label(), of.name))
    )?;
    if let RuleChange::Kept {
        matches,
        types,
        effects,
    } = &of.change
    {
        let (only_before, only_after) = matches.events();
        if let Some(event) = only_after {
            writeln!(out, "  now matches {}", plain(&event.text()))?;
        }
        if let Some(event) = only_before {
            writeln!(out, "  no longer matches {}", plain(&event.text()))?;
        }
        for sentence in types.sentences() {
            writeln!(out, "  {}", plain(&sentence))?;
        }
        if let Some(why) = matches.why() {
            writeln!(out, "  {}", plain(&why.to_string()))?;
        }
        for effect in effects {
            let (parts, more) = changed_parts(effect);
            for part in &parts {
                writeln!(out, "  {}", plain(&effect_line(part)))?;
            }
            if more > 0 {
                let key = plain(&effect.key);
                writeln!(out, "  `{key}` differs in {} more", number(more, "part"))?;
            }
        }
    }
    writeln!(out)
}

fn effect_line(part: &ChangedPart) -> String {
    let path = &part.path;
    match (&part.before, &part.after) {
        (Some(before), Some(after)) => format!("`{path}` was {before}, is {after}"),
        (Some(before), None) => format!("`{path}` was {before}, is removed"),
        (None, Some(after)) => format!("`{path}` is added: {after}"),
        (None, None) => format!("`{path}` changed"),
    }
}
