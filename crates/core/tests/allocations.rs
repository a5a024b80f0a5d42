//! Matching allocates no memory for an event of a known type once its buffers have grown.

use std::sync::Arc;

use flowtrigger_core::compile::rule_set::rule_set;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Diagnostics, Files};
use flowtrigger_core::event::format::FormatHint;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::matching::rule_set::RuleSet;

/// The conditions of rules: every kind of access path and of residual condition that reads one value.
const CONDITIONS: &[&str] = &[
    "{ ticket.priority: urgent }",
    "{ ticket.priority: { is: URGENT, ignore_case: true } }",
    "{ ticket.organization_id: [7, 8], ticket.status: { not: solved } }",
    "{ ticket.tags: { has: [vip, 'a tag of more than sixteen bytes'] }, ticket.id: { gte: 10 } }",
    "{ ticket.tags: { has_all: [vip, gold] } }",
    "{ ticket.id: { between: [1, 500] }, ticket.priority: { present: true } }",
    "{ ticket.external_id: { starts_with: HL- }, ticket.status: { exists: true } }",
    "{ ticket.external_id: { ends_with: '7' } }",
    "{ ticket.external_id: { matches: '^HL-(1|2)' } }",
    "{ ticket.subject: { contains: refund } }",
    "{ ticket.subject: { matches: '[0-9]{3}$' } }",
    "{ current: { gt: 5 } }",
    "{ any: [{ ticket.status: open }, { ticket.assignee_id: null }] }",
    "{ none: [{ ticket.status: open }, { ticket.via.channel: email }] }",
];

fn rules() -> RuleSet {
    let documents = CONDITIONS.iter().enumerate().map(|(number, when)| {
        format!(
            "name: r{number}\nevent_source: support\nevent_type: \"ticket.*\"\nwhen: {when}\nflow: [{{ succeed: ok }}]\n"
        )
    });
    let text = documents.collect::<Vec<_>>().join("---\n");
    let (mut files, mut found) = (Files::default(), Diagnostics::default());
    let file = files.add("rules.yaml", text.as_str());
    let rules = rule_set(&Arc::new(files), &[file], &Config::default(), &mut found);
    assert!(found.is_empty(), "{:?}", found.sorted());
    rules
}

fn events() -> Vec<String> {
    let ticket = |number: usize| {
        let (priority, status) = (
            ["urgent", "low", "URGENT"][number % 3],
            ["open", "solved"][number % 2],
        );
        format!(
            r#"{{"id":{number},"priority":"{priority}","status":"{status}","organization_id":{},"assignee_id":null,"external_id":"HL-{number}","subject":"A refund for order {number}00, as in the café","tags":["vip","gold","a tag of more than sixteen bytes"],"via":{{"channel":"email"}}}}"#,
            number % 10
        )
    };
    let types = [
        r#""type":"Ticket Created","#,
        r#""type":"Priority Changed","previous":"low","current":"urgent","#,
        r#""type":"Subject Changed","previous":"a","current":"007","#,
        r#""type":"Task Due At Changed","current":"2026-01-01","#,
    ];
    let event = |number: usize| {
        format!(
            r#"{{"account_id":1,"input":{{"ticket_event":{{{}"meta":{{"occurred_at":"2026-05-01T10:00:00Z"}},"ticket":{}}}}}}}"#,
            types[number % types.len()],
            ticket(number + 1)
        )
    };
    (0..24).map(event).collect()
}

#[test]
fn an_event_is_matched_without_an_allocation() {
    let (rules, events, mut scratch) = (rules(), events(), MatchScratch::default());
    let mut matches = |event: &str| {
        let evaluation = rules.evaluate_scanned(event.as_bytes(), FormatHint::Detect, &mut scratch);
        evaluation.expect("ordinary JSON").numbers().len()
    };
    let mut all = || -> Vec<usize> { events.iter().map(|event| matches(event)).collect() };
    let first = all();
    assert!(first.iter().any(|count| *count > 9), "{first:?}");
    // Each type of event is known to the buffers after its second event.
    assert_eq!(all(), first);
    for (event, first) in events.iter().zip(first) {
        let mut again = 0;
        let used = allocation_counter::measure(|| again = matches(event));
        assert_eq!(again, first, "{event}");
        assert_eq!(used.count_total, 0, "{event}");
    }
}
