//! The flows of bundles under their whole names, so that rules of ours may start them: `flow_name:
//! zis:INTEGRATION:flow:NAME`. What is wrong with them is told with their bundle, not here.

use std::sync::Arc;

use crate::core::bundle::{is_bundle, lower, read};
use crate::core::config::Config;
use crate::core::diagnostic::{Diagnostics, FileId, Files};
use crate::core::flow::named::{Body, Named, NamedFlows, part};
use crate::core::rule::document::{self, Node};
use crate::core::rule::fields::Fields;
use crate::core::rule::lowering::Lowering;
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
    let mut cx = Lowering::new(config, Fields::Open, told_later);
    let Some(bundle) = read(node, &mut cx) else {
        return Vec::new();
    };
    let flows = bundle.flows.iter().map(|flow| Named {
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
