//! A rule with the verdict of each predicate: squares, a table, and the single changes with which it would match.

use maud::{Markup, html};

use crate::page::icon::Icon;
use crate::page::part::link;
use crate::page::part::predicate_group::headings;
use crate::page::part::prose::prose;
use crate::page::part::state::pill;
use crate::page::shell::count;
use crate::page::text::{short, text};
use crate::report::render::explanation::{change_option, change_text};
use crate::store::RevisionId;
use crate::store::history::EventRowId;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::Files;
use flowtrigger_core::language::condition::Polarity;
use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_core::language::condition::trace::TraceLine;
use flowtrigger_core::language::operator::Verdict;
use flowtrigger_core::matching::explain::{Explanation, NearMiss, SingleChange};
use flowtrigger_core::rule::Rule;

/// Predicates that the table shows.
const MAX_PREDICATES: usize = 200;
/// Squares of one rule.
const MAX_SQUARES: usize = 30;
/// Single changes that are proposed.
const MAX_CHANGES: usize = 5;
/// Characters of a value.
const MAX_VALUE: usize = 300;
/// A longer change does not fit into an address.
const MAX_CHANGE: usize = 1_500;

/// A rule that listened to an event.
pub struct RuleCard<'a> {
    pub rule: &'a Rule,
    pub explanation: &'a Explanation,
    pub files: &'a Files,
    /// The stored event on which a change can be tried; `None` where there is none.
    pub event: Option<EventRowId>,
    pub since: RuleSince,
}

/// What became of a rule since the revision of its card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleSince {
    /// It is of the revision in force.
    InForce,
    /// Its text is the same in the revision in force.
    Same(RevisionId),
    Changed(RevisionId),
    Gone(RevisionId),
}

/// How near the rule is to a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// A single change makes it match, and at least one predicate holds.
    Near,
    Matches,
    Far,
}

impl RuleCard<'_> {
    pub fn nearness(&self) -> Nearness {
        let mut lines = self.explanation.trace.lines.iter();
        let something_holds = lines.any(|line| line.verdict == Verdict::Match);
        match (self.explanation.truth, self.explanation.single_change) {
            (Truth::True, _) => Nearness::Matches,
            (_, _) if !something_holds => Nearness::Far,
            (Truth::Unknown, SingleChange::Unknown) => Nearness::Near,
            (_, SingleChange::Known) => Nearness::Near,
            (_, SingleChange::None | SingleChange::Unknown) => Nearness::Far,
        }
    }

    /// The card, with what belongs to it: gates and runs. What is far from a match is folded, and so are the
    /// predicates of what matched.
    pub fn html(&self, below: &Markup) -> Markup {
        let name = &self.rule.name;
        let id = anchor(name);
        match self.nearness() {
            Nearness::Near => html! {
                article class="box rule" id=(id) {
                    header {
                        (self.pill())
                        h3 { a href=(link::rule(name)) { (text(name)) } }
                        (self.summary())
                    }
                    (self.table())
                    (self.changes())
                    (below)
                }
            },
            Nearness::Matches => html! {
                article class="box rule" id=(id) {
                    header {
                        (self.pill())
                        h3 { a href=(link::rule(name)) { (text(name)) } }
                        (self.summary())
                    }
                    (below)
                    @if !self.explanation.trace.lines.is_empty() {
                        details class="rest" { summary { "Predicates" } (self.table()) }
                    }
                }
            },
            Nearness::Far => html! {
                details class="box rule rest" id=(id) open[self.event.is_none() && !self.explanation.near_misses.is_empty()] {
                    summary { (self.pill()) h3 { (text(name)) } (self.summary()) }
                    (self.table())
                    (self.changes())
                    div class="near" {
                        p {
                            @if self.explanation.single_change == SingleChange::None {
                                "No single change makes it match."
                            }
                        }
                        a class="btn s" href=(link::rule(name)) { "The rule" }
                    }
                    (below)
                }
            },
        }
    }

    fn pill(&self) -> Markup {
        let failing = self.explanation.trace.lines.iter();
        let failing = failing.filter(|line| line.verdict != Verdict::Match);
        match (self.rule.mode, self.explanation.truth, self.nearness()) {
            (Mode::Disabled, _, _) => pill("cancelled", "disabled"),
            (_, Truth::True, _) => pill("ok", "match"),
            (_, Truth::Unknown, Nearness::Near) => pill("nearly", "missing"),
            (_, Truth::Unknown, _) => pill("none", "missing"),
            (_, Truth::False, Nearness::Near) => match failing.count() {
                1 => pill("nearly", "no match, by 1"),
                _ => pill("nearly", "no match"),
            },
            (_, Truth::False, _) => pill("none", "no match"),
        }
    }

    /// Squares, how many predicates hold, and the place of the rule.
    fn summary(&self) -> Markup {
        let place = self.files.location(self.rule.at);
        let verdicts = self.explanation.trace.lines.iter();
        let verdicts: Vec<Verdict> = verdicts.map(|line| line.verdict).collect();
        html! {
            span class="mu" { (squares(&verdicts)) " " (holding(&verdicts)) }
            @if self.rule.mode == Mode::Shadow {
                span class="mu" { (pill("shadow", "shadow")) " recorded, never executed" }
            }
            (self.changed_since())
            span class="push m" { (text(&place)) }
        }
    }

    fn changed_since(&self) -> Markup {
        let (RevisionId(revision), what) = match self.since {
            RuleSince::InForce | RuleSince::Same(_) => return html! {},
            RuleSince::Changed(revision) => (revision, "changed"),
            RuleSince::Gone(revision) => (revision, "deleted"),
        };
        let name = &self.rule.name;
        html! {
            span class="mu" {
                "revision " (revision) ", " (what) " since"
                @if let (RuleSince::Changed(_), Some(EventRowId(row))) = (self.since, self.event) {
                    ": " a class="link" href=(link::query("/try", &[("event", &row.to_string()), ("rule", name)])) { "try it as it is now" }
                }
            }
        }
    }

    /// The line of a predicate in the text that was evaluated.
    fn line(&self, line: u32) -> String {
        let name = &self.rule.name;
        match self.since {
            RuleSince::InForce => link::rule_line(name, line),
            RuleSince::Same(revision)
            | RuleSince::Changed(revision)
            | RuleSince::Gone(revision) => {
                format!("{}#L{line}", link::rule_at(name, revision))
            }
        }
    }

    fn table(&self) -> Markup {
        let lines = &self.explanation.trace.lines;
        let shown = &lines[..lines.len().min(MAX_PREDICATES)];
        let groups: Vec<&str> = shown.iter().map(|line| line.group.as_str()).collect();
        html! {
            @if lines.is_empty() {
                p class="pad mu" { "No conditions: every event of its types matches." }
            } @else {
                table class="list preds" {
                    caption class="vh" { "Predicates of " (text(&self.rule.name)) }
                    thead {
                        tr {
                            th scope="col" { "Verdict" }
                            th scope="col" { "Path" }
                            th scope="col" { "Operator" }
                            th scope="col" { "Want" }
                            th scope="col" { "Got" }
                            th scope="col" class="r" { span class="vh" { "Place" } }
                        }
                    }
                    tbody {
                        @for (line, heading) in shown.iter().zip(headings(&groups)) {
                            @if let Some(heading) = heading {
                                tr class="grp" { td {} td colspan="5" { (heading) } }
                            }
                            (self.predicate(line))
                        }
                    }
                }
            }
            @if lines.len() > shown.len() {
                p class="mu" { "and " (count(lines.len() - shown.len(), "more predicate")) }
            }
        }
    }

    fn predicate(&self, line: &TraceLine) -> Markup {
        let (class, label) = verdict(line.verdict);
        let operator = match line.polarity {
            Polarity::Positive => line.operator.to_owned(),
            Polarity::Negated => format!("not {}", line.operator),
        };
        let is_in_group = line.group != "all";
        let row = (class != "ok").then_some(class);
        html! {
            tr class=[row] {
                td { span class={ "vd " (class) } { (label) } }
                td { span class=[is_in_group.then_some("in1")] { (path(&line.path)) } }
                td class="mu" { (operator) }
                td data-l="want" { (short(&line.want, MAX_VALUE)) }
                td data-l="got" {
                    @match &line.got {
                        Some(value) => (short(&value.to_string(), MAX_VALUE)),
                        None => span class="mu" { "no " (text(&line.path)) },
                    }
                    @if let Some(state) = &line.schedule {
                        div class="mu" { (text(&state.text())) }
                    }
                }
                td {
                    @if self.files.get(line.at.file).is_some() {
                        a href=(self.line(line.at.line)) { (line.at.line) ":" (line.at.column) }
                    }
                }
            }
            @if let Some(hint) = &line.hint {
                tr class={ "hint" @if let Some(row) = row { " " (row) } } { td {} td colspan="5" { (prose(&of_item(hint))) } }
            }
        }
    }

    fn changes(&self) -> Markup {
        let changes = &self.explanation.near_misses;
        html! {
            @for change in changes.iter().take(MAX_CHANGES) { (self.change(change)) }
            @if changes.len() > MAX_CHANGES {
                p class="mu" { "and " (count(changes.len() - MAX_CHANGES, "other change")) }
            }
        }
    }

    fn change(&self, near: &NearMiss) -> Markup {
        let option = change_option(near).filter(|option| option.len() <= MAX_CHANGE);
        // A change without a value is made by hand.
        let change = change_text(near).unwrap_or_default();
        let event = self.event.filter(|_| change.len() <= MAX_CHANGE);
        let link = event.map(|EventRowId(row)| {
            let fields = [
                ("event", &*row.to_string()),
                ("rule", &*self.rule.name),
                ("set", &*change),
            ];
            link::query("/try", &fields)
        });
        html! {
            div class="near" {
                p {
                    @match &near.set {
                        Some(value) => {
                            b { "Would match with " }
                            code { (text(&near.path)) " = " (short(&value.to_string(), MAX_VALUE)) }
                        }
                        None => {
                            b { "Would match if " }
                            code { (text(&near.path)) " " (short(&near.words, MAX_VALUE)) }
                        }
                    }
                }
                div class="row" {
                    @if let Some(option) = option {
                        button type="button" class="s js-only" data-copy=(option) { (Icon::Copy.render()) "Copy for dry-run" }
                    }
                    @if let Some(link) = link { a class="btn s" href=(link) { "Try it" } }
                }
            }
        }
    }
}

/// `[0] the value has…` of a list as `Item 1: the value has…`.
fn of_item(hint: &str) -> String {
    let item = hint
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    let item = item.and_then(|(index, rest)| Some((index.parse::<usize>().ok()?, rest)));
    match item {
        Some((index, rest)) => format!("Item {}: {rest}", index.saturating_add(1)),
        None => hint.to_owned(),
    }
}

/// The id of a card in its page.
pub fn anchor(rule: &str) -> String {
    format!("rule-{}", link::segment(rule))
}

/// One square for each predicate. What they show is also said in words.
pub fn squares(verdicts: &[Verdict]) -> Markup {
    html! {
        span class="pips" aria-hidden="true" {
            @for verdict in verdicts.iter().take(MAX_SQUARES) {
                i class=[square(*verdict)] {}
            }
        }
    }
}

fn square(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Match => None,
        Verdict::NoMatch => Some("f"),
        Verdict::Missing | Verdict::WrongType => Some("q"),
    }
}

/// `3 of 4 predicates hold`
pub fn holding(verdicts: &[Verdict]) -> String {
    let holding = verdicts
        .iter()
        .filter(|verdict| **verdict == Verdict::Match);
    match (holding.count(), verdicts.len()) {
        (_, 0) => "no conditions".to_owned(),
        (holding, 1) => format!("{holding} of 1 predicate holds"),
        (holding, all) => format!("{holding} of {} hold", count(all, "predicate")),
    }
}

fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Match => ("ok", "ok"),
        Verdict::NoMatch => ("fail", "FAIL"),
        Verdict::Missing => ("missing", "MISSING"),
        Verdict::WrongType => ("missing", "TYPE"),
    }
}

/// A path that can break after its dots.
fn path(path: &str) -> Markup {
    html! { @for part in path.split_inclusive('.') { (text(part)) wbr; } }
}

#[cfg(test)]
mod tests;
