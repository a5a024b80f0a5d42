//! How the rule compares with its shadow version: counts, and the newest events for which only one of them starts a run.

use maud::{Markup, html};

use crate::page::answer::time;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::text::{capital, short, text};
use crate::report::why::rule::shadow_comparison::{RunsOfOne, ShadowComparison};

/// Characters of an id.
const MAX_ID: usize = 60;

pub fn section(comparison: &ShadowComparison) -> Markup {
    html! {
        section aria-labelledby="h-shadow" {
            div class="bar" {
                h2 id="h-shadow" { "Compared with its shadow version" }
                p {
                    a href=(link::rule(&comparison.rule)) { (text(&comparison.rule)) } " and "
                    a href=(link::rule(&comparison.shadow)) { (text(&comparison.shadow)) }
                }
            }
            div class="box pad" {
                p { (prose(&capital(&comparison.sentence()))) "." }
                (examples("Only the rule starts a run", &comparison.rule, &comparison.only_rule))
                (examples("Only the shadow version would", &comparison.shadow, &comparison.only_shadow))
            }
        }
    }
}

fn examples(title: &str, rule: &str, found: &RunsOfOne) -> Markup {
    html! {
        @if !found.examples.is_empty() {
            h3 { (title) }
            ul {
                @for run in &found.examples {
                    li {
                        (time(run.planned)) " "
                        a class="link" href=(link::run(run.id)) { "run " (run.id.0) } " for "
                        a href=(link::event(run.event_row)) { (short(&run.event, MAX_ID)) }
                    }
                }
            }
            p class="more" {
                a href=(link::query("/runs", &[("rule", rule), ("shadow", "differs")])) { "All of these runs" }
            }
        }
    }
}
