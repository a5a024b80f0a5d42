//! Explaining, evaluating and the reference evaluator agree on random conditions and bodies.

use flowtrigger_core::language::condition::evaluate::Truth;
use flowtrigger_testing::reference::{TruthValue, evaluate};
use flowtrigger_testing::strategy::conditions::{bodies, condition_json, conditions};
use proptest::prelude::*;

use super::{documents, judge, lower};

fn truth_value(truth: Truth) -> TruthValue {
    match truth {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::Unknown => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn explanation_and_evaluation_agree_with_the_reference(
        condition in conditions(),
        bodies in prop::collection::vec(bodies(), 1..4),
    ) {
        let text = condition_json(&condition).to_string();
        let node = documents("random", &text).remove(0);
        let lowered = lower(&node);
        for body in bodies {
            let (truth, _) = judge(&lowered, &body);
            prop_assert_eq!(truth_value(truth), evaluate(&condition, &body), "{} on {}", text, body);
        }
    }
}
