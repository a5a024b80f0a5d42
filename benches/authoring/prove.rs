//! Measures `check --prove` on many rules, beside loading them and the plain evaluation of one event for each rule.

use std::fmt::Write;
use std::time::Instant;

use flowtrigger_core::analysis::findings::prove;
use flowtrigger_core::analysis::{Analyzer, Satisfiability, Subject};
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;
use flowtrigger_core::{Config, Event};

const COUNTS: [usize; 2] = [10_000, 100_000];

/// Conditions as help desks have them. Few rules write to the help desk.
fn rule(number: usize) -> String {
    let priority = ["low", "normal", "high", "urgent"][number % 4];
    let (event_type, when) = match number % 5 {
        0 => (
            "ticket.PriorityChanged",
            format!("  current: {priority}\n  ticket.organization_id: {number}\n"),
        ),
        1 => (
            "ticket.StatusChanged",
            format!(
                "  previous: [new, open]\n  current: solved\n  ticket.tags: {{ has: [team-{number}, vip], not: {{ has: test }} }}\n"
            ),
        ),
        2 => (
            "ticket.CommentAdded",
            format!(
                "  comment.body: {{ contains: \"order {number}\" }}\n  comment.is_public: true\n"
            ),
        ),
        3 => (
            "ticket.TicketCreated",
            format!(
                "  any:\n    - ticket.subject: {{ starts_with: \"[{number}]\" }}\n    - ticket.group_id: {number}\n  ticket.brand_id: {{ between: [{number}, {}] }}\n",
                number + 10
            ),
        ),
        _ => (
            "ticket.GroupAssignmentChanged",
            format!(
                "  current: {{ gt: {number} }}\n  previous: {{ lte: {number} }}\n  ticket.priority: {{ gte: {priority} }}\n"
            ),
        ),
    };
    let flow = match number % 10 {
        0 => format!(
            "  - http:\n      method: PUT\n      url: \"https://desk.zendesk.com/api/v2/tickets/{{{{ ticket.id }}}}.json\"\n      json: {{ ticket: {{ group_id: {number} }} }}\n"
        ),
        _ => format!("  - succeed: done {number}\n"),
    };
    format!(
        "name: rule-{number}\nevent_source: support\nevent_type: {event_type}\nwhen:\n{when}flow:\n{flow}"
    )
}

pub fn measure() {
    for count in COUNTS {
        let mut text = String::new();
        for number in 0..count {
            let _ = writeln!(text, "---\n{}", rule(number));
        }
        let config = Config::default();
        let started = Instant::now();
        let rules = flowtrigger_core::load([("rules.yaml", text)], &config).expect("sound rules");
        let loaded = started.elapsed();
        let events = events(&rules, &config);
        let started = Instant::now();
        let mut scratch = MatchScratch::default();
        let mut matched = 0;
        for event in &events {
            matched += rules.evaluate_event(event, &mut scratch).matched().count();
        }
        let evaluated = started.elapsed();
        let started = Instant::now();
        let report = prove(&rules, &config);
        let proven = started.elapsed();
        println!(
            "{count} rules: loaded in {:.2} s, proven in {:.2} s ({} findings, {} undecided); \
             yardstick: {} events evaluated in {:.3} s, {matched} matches",
            loaded.as_secs_f64(),
            proven.as_secs_f64(),
            report.findings.len(),
            report.undecided.len(),
            events.len(),
            evaluated.as_secs_f64(),
        );
    }
}

/// An event that each rule matches.
fn events(rules: &RuleSet, config: &Config) -> Vec<Event> {
    let mut analyzer = Analyzer::new(config);
    let found =
        rules
            .rules
            .iter()
            .filter_map(|rule| match analyzer.satisfiable(Subject::of_rule(rule)) {
                Satisfiability::Yes(witness) => Some(witness.event),
                Satisfiability::No(_) | Satisfiability::Unknown(_) => None,
            });
    found.collect()
}
