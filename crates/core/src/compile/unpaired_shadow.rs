//! Warns about a rule in shadow mode that is alone while a live rule has nearly the same name: its author probably wanted
//! a shadow version, which needs the same name. Few names are compared: those that differ in one word.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::mode::Mode;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::document::suggest::is_one_letter_apart;
use crate::event::type_pattern::TypePattern;
use crate::lookalike;
use crate::rule::Rule;

/// More live rules than this whose names differ in one word are a series: another word is no mistake there.
const MAX_SERIES: usize = 20;
/// Shorter words, such as `eu` and `us`, often differ in one letter.
const MIN_WORD: usize = 5;

/// The live rules by their names as a reader would compare them.
#[derive(Default)]
struct LiveNames<'r> {
    by_words: HashMap<Vec<String>, &'r Rule>,
    /// With one word left out.
    by_rest: HashMap<Vec<String>, Vec<&'r Rule>>,
}

/// Warns about each rule in shadow mode whose name is nearly that of a live rule.
pub fn warn(rules: &[Arc<Rule>], diagnostics: &mut Diagnostics) {
    if diagnostics.is_of_stored_rules() {
        return;
    }
    let can_be_paired = |rule: &&Arc<Rule>| rule.counterpart.is_none() && rule.every.is_none();
    let unpaired = rules.iter().filter(can_be_paired);
    let shadows = unpaired.clone().filter(|rule| {
        rule.mode == Mode::Shadow && !rule.is_shadow_version() && !rule.version.is_of_bundle()
    });
    let shadows: Vec<&Arc<Rule>> = shadows.collect();
    if shadows.is_empty() {
        return;
    }
    let mut live = LiveNames::default();
    for rule in unpaired.filter(|rule| rule.mode == Mode::Live) {
        live.add(rule);
    }
    for shadow in shadows {
        let Some(meant) = live.meant_by(shadow) else {
            continue;
        };
        let message = format!(
            "rule `{}` in shadow mode has no rule that it is compared with",
            shadow.name
        );
        let help = format!(
            "did you mean a shadow version of `{name}`? Then write `{name}`, the same name",
            name = meant.name
        );
        let warning = Diagnostic::warning(Code::UnpairedShadow, shadow.at, message);
        diagnostics.push(warning.help(help));
    }
}

impl<'r> LiveNames<'r> {
    fn add(&mut self, rule: &'r Rule) {
        let words = words(&rule.name);
        for left_out in 0..words.len() {
            let rest = rest(&words, left_out);
            self.by_rest.entry(rest).or_default().push(rule);
        }
        self.by_words.entry(words).or_insert(rule);
    }

    /// The live rule whose name the author of a rule in shadow mode probably meant.
    fn meant_by(&self, shadow: &Rule) -> Option<&'r Rule> {
        let written = words(&shadow.name);
        if let Some(same) = self.by_words.get(&written) {
            return Some(same);
        }
        let is_suffix = |word: &String| word == Mode::Shadow.as_str();
        let unmarked: Vec<String> = written.iter().filter(|w| !is_suffix(w)).cloned().collect();
        if let Some(marked) = self.by_words.get(&unmarked) {
            return Some(marked);
        }
        (0..written.len()).find_map(|index| {
            let others = self.by_rest.get(&rest(&written, index))?;
            if others.len() > MAX_SERIES {
                return None;
            }
            let is_misspelt = |other: &&&Rule| {
                let words = words(&other.name);
                let word = words.get(index);
                word.is_some_and(|word| is_misspelt(&written[index], word))
                    && share_events(shadow, other)
            };
            others.iter().find(is_misspelt).copied()
        })
    }
}

/// The words of a name, without what readers overlook: case, separators, letters of other alphabets that look the same.
fn words(name: &str) -> Vec<String> {
    let name = lookalike::latin(name).to_lowercase();
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn rest(words: &[String], left_out: usize) -> Vec<String> {
    let mut rest = words.to_vec();
    // The place counts: `a-b` is not `b-a`.
    rest[left_out].clear();
    rest
}

fn is_misspelt(word: &str, known: &str) -> bool {
    let has_digits = |word: &str| word.contains(|letter: char| letter.is_numeric());
    let is_long = word.chars().count().max(known.chars().count()) >= MIN_WORD;
    is_long && !has_digits(word) && !has_digits(known) && is_one_letter_apart(word, known)
}

/// Whether both can match an event.
fn share_events(a: &Rule, b: &Rule) -> bool {
    let share = |a: &TypePattern, b: &TypePattern| match (a, b) {
        (TypePattern::Name(name), other) | (other, TypePattern::Name(name)) => other.covers(name),
        (TypePattern::Family(a), TypePattern::Family(b)) => a.starts_with(b) || b.starts_with(a),
    };
    let types = &b.event_types;
    let has_shared = |a: &TypePattern| types.iter().any(|b| share(a, b));
    a.event_source == b.event_source && a.event_types.iter().any(has_shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Files;

    /// The help for a rule in shadow mode beside live rules of these names.
    fn help(live: &[&str], shadow: &str) -> Option<String> {
        let rule = |name: &str, mode: &str| {
            format!(
                "name: {name}\nmode: {mode}\nevent_source: support\nevent_type: ticket.TicketCreated\nflow: [{{ succeed: done }}]\n"
            )
        };
        let live = live.iter().map(|name| rule(name, "live"));
        let all: Vec<String> = live.chain([rule(shadow, "shadow")]).collect();
        let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
        let file = files.add("r.yaml", all.join("---\n"));
        let config = crate::config::Config::default();
        let files = Arc::new(files);
        crate::compile::rule_set::rule_set(&files, &[file], &config, &mut diagnostics);
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        let found = diagnostics.iter().map(|found| found.help.clone());
        found.collect::<Vec<_>>().pop().flatten()
    }

    #[test]
    fn a_name_that_readers_take_for_that_of_a_live_rule_is_a_near_miss() {
        for shadow in [
            "page-vip-team",
            "page_vip_teams",
            "Page-VIP-teams",
            "page-vip-taems",
            "page-vip-teams-shadow",
            "shadow-page-vip-teams",
        ] {
            let found = help(&["other", "page-vip-teams"], shadow);
            let expected = "did you mean a shadow version of `page-vip-teams`? Then write `page-vip-teams`, the same name";
            assert_eq!(found.as_deref(), Some(expected), "{shadow}");
        }
    }

    #[test]
    fn other_names_are_no_near_misses() {
        for (live, shadow) in [
            ("page-vip", "page-vip"),
            ("page-eu", "page-us"),
            ("tier-1", "tier-2"),
            ("tier-level1", "tier-level2"),
            ("notify-berlin", "notify-madrid"),
            ("notify-agent", "agent-notify"),
            ("page-vip", "page-vip-weekend"),
        ] {
            assert_eq!(help(&[live], shadow), None, "{live} {shadow}");
        }
    }

    #[test]
    fn one_more_name_of_a_long_series_is_no_near_miss() {
        let live: Vec<String> = ('a'..='z')
            .map(|letter| format!("notify-team{letter}"))
            .collect();
        let live: Vec<&str> = live.iter().map(String::as_str).collect();
        assert_eq!(help(&live[..25], "notify-teamz"), None);
        assert!(help(&live[..3], "notify-teamz").is_some());
    }
}
