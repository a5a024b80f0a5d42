//! The flows of bundles under their whole names, so that rules of ours may start them: `flow_name:
//! zis:INTEGRATION:flow:NAME`. What is wrong with them is told with their bundle, not here.

use std::sync::Arc;

use crate::core::bundle::{is_bundle, lower, read};
use crate::core::config::Config;
use crate::core::diagnostic::{Diagnostics, FileId, Files, Report};
use crate::core::flow::named::{Body, Named, NamedFlows, part};
use crate::core::rule::document::{self, Node};
use crate::core::rule::fields::Fields;
use crate::core::rule::lowering::compiler::Compiler;
use crate::core::rule::version::Part;

/// Adds the flows of all bundles; reports two of one name.
pub fn add_flows(
    files: &Files,
    rule_files: &[FileId],
    config: &Config,
    flows: &mut NamedFlows,
    diagnostics: &mut Diagnostics,
) {
    for &file in rule_files {
        let Some(source) = files.get(file) else {
            continue;
        };
        let chunks = document::chunks(&source.text);
        for chunk in chunks.filter(|chunk| chunk.text.contains("resources")) {
            let told_later = &mut Diagnostics::default();
            let node = document::read_chunk(file, &chunk, told_later);
            if let Some(node) = node.filter(is_bundle) {
                for named in of_bundle(&node, &part(&source.name, &chunk), config) {
                    flows.add(named, files, diagnostics);
                }
            }
        }
    }
}

fn of_bundle(node: &Node, part: &Part, config: &Config) -> Vec<Named> {
    let told_later = &mut Diagnostics::default();
    let mut cx = Compiler::new(config, Fields::Open, told_later);
    let Some(bundle) = read(node, cx.diagnostics()) else {
        return Vec::new();
    };
    // Two of one name are told with the bundle.
    let first = |place: usize, name: &str| {
        bundle.flows[..place]
            .iter()
            .all(|flow| flow.name.text != name)
    };
    let flows = bundle.flows.iter().enumerate();
    let flows = flows.filter(|(place, flow)| first(*place, &flow.name.text));
    let flows = flows.map(|(_, flow)| Named {
        name: bundle.name_of(flow).into(),
        at: flow.name.at,
        part: part.clone(),
        // One with mistakes keeps its name, so that whoever names it has none.
        body: Body::Compiled(Arc::new(
            lower::flow(flow, &bundle, &mut cx).unwrap_or_default(),
        )),
    });
    flows.collect()
}
