//! Finds rules that another rule makes superfluous: it matches every event that they match, and does the same.

use rustc_hash::FxHashMap;

use crate::analysis::findings::effects::EffectTexts;
use crate::analysis::findings::{Analysed, Finding, ProofReport};
use crate::analysis::{Analyzer, Implication, Subject, Witness};
use crate::diagnostic::Code;
use crate::matching::find::MatchScratch;
use crate::rule::Rule;

/// Of the rules that match one event, so many are compared.
const MAX_CANDIDATES: usize = 256;

/// Adds the rules that another one covers.
pub(super) fn find(analysed: &Analysed<'_>, analyzer: &mut Analyzer<'_>, report: &mut ProofReport) {
    let rules = &analysed.rules.rules;
    let addresses = rules.iter().enumerate();
    let numbers: FxHashMap<*const Rule, usize> = addresses
        .map(|(number, rule)| (std::ptr::from_ref::<Rule>(rule), number))
        .collect();
    let mut scratch = MatchScratch::default();
    let mut effects = EffectTexts::default();
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
            .take(MAX_CANDIDATES + 1)
            .collect();
        report.not_compared += others.len().saturating_sub(MAX_CANDIDATES);
        let rule = analysed.rule(number);
        let covering = others.into_iter().take(MAX_CANDIDATES).find(|other| {
            let wide = analysed.rule(*other);
            !covered[*other]
                && wide.sequence.is_none()
                && effects.is_equal([(*other, wide), (number, rule)])
                && is_implied(rule, wide, analyzer)
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

fn is_implied(narrow: &Rule, wide: &Rule, analyzer: &mut Analyzer<'_>) -> bool {
    let (narrow, wide) = (Subject::of_rule(narrow), Subject::of_rule(wide));
    matches!(analyzer.implies(narrow, wide), Implication::Yes)
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
