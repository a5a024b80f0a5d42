//! The flows of a bundle by the names under which rules run them.
//! It says nothing of what is wrong with them: that is told where the bundle itself is loaded.

use crate::core::bundle::{Word, read};
use crate::core::config::Config;
use crate::core::diagnostic::Diagnostics;
use crate::core::flow::step;
use crate::core::rule::document::Node;
use crate::core::rule::fields::Fields;
use crate::core::rule::lowering::Lowering;

/// Each flow's whole name, where it stands, and the flow itself unless something is wrong with it.
pub fn flows(node: &Node, config: &Config) -> Vec<(Word, Option<step::Flow>)> {
    let told_elsewhere = &mut Diagnostics::default();
    let mut cx = Lowering::new(config, Fields::Open, told_elsewhere);
    let Some(bundle) = read(node, &mut cx) else {
        return Vec::new();
    };
    let flows = bundle.flows.iter().map(|flow| {
        let word = Word {
            text: format!("zis:{}:flow:{}", bundle.integration, flow.name.text),
            at: flow.name.at,
        };
        (word, super::flow::lower(&flow.definition, &bundle, &mut cx))
    });
    flows.collect()
}
