//! Names the flows of a bundle in full, so that rules can run them:
//! `flow_name: zis:INTEGRATION:flow:NAME`.

use std::sync::Arc;

use crate::bundle::Bundle;
use crate::compile::flow::named_flows::{NamedFlow, NamedFlowBody};
use crate::flow::step;
use crate::rule::version::IncludedDocument;

/// Returns the flows of a bundle. An invalid flow keeps its name, so that rules that run it are not
/// reported too.
pub fn named_flows(
    bundle: &Bundle,
    lowered: Vec<Option<step::Flow>>,
    part: &IncludedDocument,
) -> Vec<NamedFlow> {
    // Duplicate names are reported when the bundle is read.
    let is_first = |place: usize, name: &str| {
        let mut before = bundle.flows[..place].iter();
        before.all(|flow| flow.name.text != name)
    };
    let flows = bundle.flows.iter().zip(lowered).enumerate();
    let flows = flows.filter(|(place, (flow, _))| is_first(*place, &flow.name.text));
    let flows = flows.map(|(_, (flow, lowered))| NamedFlow {
        name: bundle.name_of(flow).into(),
        at: flow.name.at,
        part: part.clone(),
        body: NamedFlowBody::Compiled(Arc::new(lowered.unwrap_or_default())),
    });
    flows.collect()
}
