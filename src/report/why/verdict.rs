//! The last sentence of a report: why nothing happened, if that is known. Each sentence states only what was checked;
//! the test lists them with the facts that each needs.

use crate::report::render::diagnostics::number;
use crate::report::render::escape::plain;

/// What is known about an event and the rules of its time.
#[derive(Debug, Clone, Default)]
pub struct EventFacts {
    pub source: String,
    /// The types of the events that were looked through; the explained one is the first.
    pub event_types: Vec<String>,
    /// The rules that were asked about; empty for all.
    pub asked: Vec<String>,
    /// A name that resembles the first of them.
    pub similar: Option<String>,
    pub revision: RevisionFacts,
    pub rules: Vec<RuleFacts>,
    /// Whether runs of rules are stored that did not listen, or did not match then.
    pub has_other_runs: bool,
}

/// What is stored of the rules of that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RevisionFacts {
    #[default]
    Complete,
    /// So many errors are found in them by this version of the program.
    WithErrors(usize),
    Deleted,
}

/// One rule that listened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFacts {
    pub name: String,
    pub outcome: RuleOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleOutcome {
    Matched,
    NotMatched,
    /// Its predicates hold, and it is disabled.
    Disabled,
    /// Fields of the event were redacted.
    Unknown,
}

impl EventFacts {
    /// Why nothing happened; `None` if something did.
    pub fn sentence(&self) -> Option<String> {
        if !self.asked.is_empty() && self.rules.is_empty() {
            return Some(self.not_listening());
        }
        let with = |outcome| {
            self.rules
                .iter()
                .filter(move |rule| rule.outcome == outcome)
        };
        if with(RuleOutcome::Matched).count() > 0 || self.has_other_runs {
            return None;
        }
        let unknown = with(RuleOutcome::Unknown).count();
        if unknown > 0 {
            return Some(format!(
                "no run is stored; whether {} matched is unknown, because fields of this event were redacted",
                number(unknown, "rule")
            ));
        }
        let disabled: Vec<String> = with(RuleOutcome::Disabled)
            .map(|rule| format!("`{}`", rule.name))
            .collect();
        if !disabled.is_empty() {
            let verbs = if disabled.len() == 1 {
                ["matches", "is"]
            } else {
                ["match", "are"]
            };
            return Some(format!(
                "nothing happened: {} {}, but {} disabled: no run was made; with `mode: shadow` a run would be recorded and nothing executed{}",
                disabled.join(", "),
                verbs[0],
                verbs[1],
                self.not_evaluated()
            ));
        }
        Some(self.none_matched())
    }

    fn not_listening(&self) -> String {
        let asked = &self.asked[0];
        let types = self.event_types.join(", ");
        let types = plain(&types);
        match self.revision {
            RevisionFacts::Deleted => format!(
                "whether a rule called `{asked}` listened to {types} is unknown: the rules of that time are not stored, and no run of it is"
            ),
            RevisionFacts::Complete | RevisionFacts::WithErrors(_) => {
                let similar = self.similar.as_ref();
                let similar = similar.map(|name| format!("; did you mean `{name}`?"));
                format!(
                    "no rule called `{asked}` listened to {types}{}{}",
                    self.not_evaluated(),
                    similar.unwrap_or_default()
                )
            }
        }
    }

    fn none_matched(&self) -> String {
        let event_type = self.event_types.first().map_or("", String::as_str);
        let event_type = plain(event_type);
        let rest = self.not_evaluated();
        match (self.asked.as_slice(), self.revision, self.rules.len()) {
            ([_], _, _) => format!("`{}` did not match{rest}", self.rules[0].name),
            ([_, ..], _, _) => format!("none of these rules matched{rest}"),
            ([], RevisionFacts::Deleted, _) => {
                "what happened is unknown: the rules of that time are not stored, and no run that matched is".into()
            }
            ([], RevisionFacts::Complete | RevisionFacts::WithErrors(_), 0) => format!(
                "nothing happened: no rule listened to {}/{event_type}{rest}",
                self.source
            ),
            ([], RevisionFacts::Complete | RevisionFacts::WithErrors(_), 1) => format!(
                "nothing happened: the one rule that listened to {event_type} did not match{rest}"
            ),
            ([], RevisionFacts::Complete | RevisionFacts::WithErrors(_), n) => format!(
                "nothing happened: none of the {n} rules that listened to {event_type} matched{rest}"
            ),
        }
    }

    /// Rules that this version could not load may have listened.
    fn not_evaluated(&self) -> String {
        match self.revision {
            RevisionFacts::WithErrors(errors) => format!(
                ", among those that this version can load: {} in the others",
                number(errors, "error")
            ),
            RevisionFacts::Complete | RevisionFacts::Deleted => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, outcome: RuleOutcome) -> RuleFacts {
        RuleFacts {
            name: name.into(),
            outcome,
        }
    }

    /// Every sentence, with the facts without which it would not be true.
    #[test]
    fn every_sentence_needs_its_facts() {
        use RevisionFacts::{Complete, Deleted, WithErrors};
        use RuleOutcome::{Disabled, Matched, NotMatched, Unknown};
        type Case<'a> = (
            &'a [&'a str],
            RevisionFacts,
            &'a [RuleOutcome],
            Option<&'a str>,
        );
        let cases: [Case<'_>; 17] = [
            (&[], Complete, &[Matched, NotMatched], None),
            (
                &[],
                Complete,
                &[],
                Some("nothing happened: no rule listened to desk/order"),
            ),
            (
                &[],
                Complete,
                &[NotMatched],
                Some("nothing happened: the one rule that listened to order did not match"),
            ),
            (
                &[],
                Complete,
                &[NotMatched, NotMatched],
                Some("nothing happened: none of the 2 rules that listened to order matched"),
            ),
            (
                &[],
                WithErrors(1),
                &[],
                Some(
                    "nothing happened: no rule listened to desk/order, among those that this version can load: 1 error in the others",
                ),
            ),
            (
                &[],
                WithErrors(2),
                &[NotMatched],
                Some(
                    "nothing happened: the one rule that listened to order did not match, among those that this version can load: 2 errors in the others",
                ),
            ),
            (
                &[],
                Deleted,
                &[],
                Some(
                    "what happened is unknown: the rules of that time are not stored, and no run that matched is",
                ),
            ),
            (
                &[],
                Deleted,
                &[NotMatched],
                Some(
                    "what happened is unknown: the rules of that time are not stored, and no run that matched is",
                ),
            ),
            (
                &[],
                Complete,
                &[Unknown, NotMatched],
                Some(
                    "no run is stored; whether 1 rule matched is unknown, because fields of this event were redacted",
                ),
            ),
            (
                &[],
                Complete,
                &[Disabled],
                Some(
                    "nothing happened: `r0` matches, but is disabled: no run was made; with `mode: shadow` a run would be recorded and nothing executed",
                ),
            ),
            (
                &[],
                Complete,
                &[Disabled, NotMatched, Disabled],
                Some(
                    "nothing happened: `r0`, `r2` match, but are disabled: no run was made; with `mode: shadow` a run would be recorded and nothing executed",
                ),
            ),
            (&[], Complete, &[Disabled, Matched], None),
            (&["r0"], Complete, &[NotMatched], Some("`r0` did not match")),
            (
                &["r0", "r1"],
                Complete,
                &[NotMatched, NotMatched],
                Some("none of these rules matched"),
            ),
            (
                &["x"],
                Complete,
                &[],
                Some("no rule called `x` listened to order; did you mean `y`?"),
            ),
            (
                &["x"],
                WithErrors(1),
                &[],
                Some(
                    "no rule called `x` listened to order, among those that this version can load: 1 error in the others; did you mean `y`?",
                ),
            ),
            (
                &["x"],
                Deleted,
                &[],
                Some(
                    "whether a rule called `x` listened to order is unknown: the rules of that time are not stored, and no run of it is",
                ),
            ),
        ];
        for (asked, revision, outcomes, expected) in cases {
            let rules = outcomes.iter().enumerate();
            let mut facts = EventFacts {
                source: "desk".into(),
                event_types: vec!["order".into()],
                asked: asked.iter().map(|name| (*name).to_owned()).collect(),
                similar: Some("y".into()),
                revision,
                rules: rules
                    .map(|(n, outcome)| rule(&format!("r{n}"), *outcome))
                    .collect(),
                has_other_runs: false,
            };
            assert_eq!(facts.sentence().as_deref(), expected, "{facts:?}");
            facts.has_other_runs = true;
            if asked.is_empty() {
                assert_eq!(
                    facts.sentence(),
                    None,
                    "a run shows that something happened: {facts:?}"
                );
            }
        }
    }
}
