//! Tells from the state of a run whether the gates of its rule let it start.

use crate::run::RunState;

/// Gates that suppress a run although its rule would start one for the event: `debounce` gives the event to another run, and
/// the loop guard is none of the rule's own gates.
pub const PASSING_GATES: [&str; 2] = ["debounce", "loop_guard"];

impl RunState {
    /// Whether the gates of its rule let the run start, or give its event to another run.
    pub fn passes_gates(&self) -> bool {
        self.gate().is_none_or(|gate| PASSING_GATES.contains(&gate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_gates_of_the_rule_count() {
        for (gate, passes) in [
            ("dedupe", false),
            ("count", false),
            ("debounce", true),
            ("loop_guard", true),
        ] {
            let state = RunState::Suppressed {
                gate: gate.into(),
                why: String::new(),
            };
            assert_eq!(state.passes_gates(), passes, "{gate}");
        }
        assert!(RunState::Shadow.passes_gates() && RunState::Queued.passes_gates());
    }
}
