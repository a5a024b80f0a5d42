//! Pills for states and outcomes. The class selects colour and glyph, so that colour is never the only sign.

use maud::{Markup, html};

use flowtrigger_core::run::RunState;

/// A pill with a class of the style sheet: a state of runs, or `ok`, `failing`, `matched`, `nearly`, `none`.
pub fn pill(class: &str, label: &str) -> Markup {
    html! { span class={ "st " (class) } { (label) } }
}

/// The state of a run.
pub fn run_state(state: &RunState) -> Markup {
    pill(state.as_str(), state.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_its_class_and_its_word() {
        let dead = RunState::Dead { why: "<b>".into() };
        assert_eq!(
            run_state(&dead).into_string(),
            r#"<span class="st dead">dead</span>"#
        );
    }
}
