//! Finds rules that another rule makes superfluous: it matches every event that they match, and does the same.

use rustc_hash::FxHashMap;

use crate::analysis::findings::{Analysed, Finding, ProofReport, effects};
use crate::analysis::{Analyzer, Implication, Subject, Witness};
use crate::diagnostic::Code;
use crate::matching::find::MatchScratch;
use crate::rule::Rule;

/// With more rules than this that match one event, a rule is not compared.
const MAX_CANDIDATES: usize = 32;

/// Adds the rules that another one covers.
pub(super) fn find(analysed: &Analysed<'_>, analyzer: &mut Analyzer<'_>, report: &mut ProofReport) {
    let rules = &analysed.rules.rules;
    let addresses = rules.iter().enumerate();
    let numbers: FxHashMap<*const Rule, usize> = addresses
        .map(|(number, rule)| (std::ptr::from_ref::<Rule>(rule), number))
        .collect();
    let mut scratch = MatchScratch::default();
    let mut covered = vec![false; rules.len()];
    for (number, event) in analysed.events.iter().enumerate() {
        let Some(event) = event else {
            continue;
        };
        let evaluation = analysed.rules.evaluate_event(&event.event, &mut scratch);
        let matched = evaluation.matched();
        let others: Vec<usize> = matched
            .filter_map(|rule| numbers.get(&std::ptr::from_ref::<Rule>(rule)).copied())
            .filter(|other| *other != number)
            .collect();
        report.not_compared += others.len().saturating_sub(MAX_CANDIDATES);
        let rule = analysed.rule(number);
        let covering = others.into_iter().take(MAX_CANDIDATES).find(|other| {
            !covered[*other]
                && analysed.rule(*other).sequence.is_none()
                && covers(analysed.rule(*other), rule, analyzer)
        });
        if let Some(other) = covering {
            covered[number] = true;
            let event = Witness::clone(event);
            report
                .findings
                .push(finding(rule, analysed.rule(other), event));
        }
    }
}

fn covers(wide: &Rule, narrow: &Rule, analyzer: &mut Analyzer<'_>) -> bool {
    effects::is_equal(wide, narrow)
        && matches!(
            analyzer.implies(Subject::of_rule(narrow), Subject::of_rule(wide)),
            Implication::Yes
        )
}

fn finding(rule: &Rule, other: &Rule, event: Witness) -> Finding {
    Finding {
        code: Code::Subsumed,
        rule: rule.name.clone(),
        others: vec![other.name.clone()],
        at: rule.at,
        message: format!(
            "rule `{}` matches every event that `{}` matches, and does the same: both run",
            other.name, rule.name
        ),
        help: format!("remove `{}`, or correct one of the conditions", rule.name),
        related: vec![other.at],
        events: vec![event],
    }
}
