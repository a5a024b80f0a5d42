//! A ZIS bundle as it was written: its job specs, flows and HTTP actions, each with its place in the text.
//! Reading tells every mistake of form and goes on; whether names lead anywhere is asked elsewhere.

pub mod choice;
pub mod http;
pub mod name;
pub mod read;
pub mod state;
pub mod vocabulary;

use crate::diagnostic::Span;
use crate::document::Node;

pub use crate::bundle::http::HttpAction;
pub use crate::bundle::name::ResourceName;
pub use crate::bundle::read::read;
pub use crate::bundle::state::{BundleState, Definition};

/// The one version of the form that there is.
pub const TEMPLATE_VERSION: &str = "2019-10-14";

#[derive(Debug, Clone)]
pub struct Bundle {
    pub at: Span,
    pub name: Option<SpannedText>,
    pub description: Option<SpannedText>,
    /// The key of the integration that it belongs to: what its names have between `zis:` and the kind.
    pub integration: String,
    pub job_specs: Vec<JobSpec>,
    pub flows: Vec<BundleFlow>,
    pub actions: Vec<HttpAction>,
    /// The names of resources that have mistakes, so that what leads to them is no mistake too.
    pub broken: Vec<(ResourceKind, String)>,
}

/// A text of the bundle and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpannedText {
    pub text: String,
    pub at: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    JobSpec,
    Flow,
    Action,
}

/// Which event starts which flow.
#[derive(Debug, Clone)]
pub struct JobSpec {
    pub name: SpannedText,
    /// As they stand: the words for them are the same as in a rule.
    pub event_source: Node,
    pub event_type: Node,
    /// `zis:INTEGRATION:flow:NAME`.
    pub flow_name: SpannedText,
}

#[derive(Debug, Clone)]
pub struct BundleFlow {
    pub name: SpannedText,
    pub definition: Definition,
}

impl Bundle {
    /// The flow that a job spec starts; the name of a flow alone is enough.
    pub fn flow(&self, full: &str) -> Option<&BundleFlow> {
        let name = ResourceName::short(full);
        self.flows.iter().find(|flow| flow.name.text == name)
    }

    /// What job specs and rules call a flow.
    pub fn name_of(&self, flow: &BundleFlow) -> String {
        format!("zis:{}:flow:{}", self.integration, flow.name.text)
    }

    /// The action of this bundle that a state calls.
    pub fn action(&self, full: &str) -> Option<&HttpAction> {
        let name = ResourceName::short(full);
        self.actions.iter().find(|action| action.name.text == name)
    }

    pub fn is_broken(&self, kind: ResourceKind, name: &str) -> bool {
        self.broken
            .iter()
            .any(|(of, broken)| *of == kind && broken == name)
    }
}

impl ResourceKind {
    /// The `type` of such a resource.
    pub fn word(self) -> &'static str {
        match self {
            ResourceKind::JobSpec => "ZIS::JobSpec",
            ResourceKind::Flow => "ZIS::Flow",
            ResourceKind::Action => "ZIS::Action::Http",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        let all = [
            ResourceKind::JobSpec,
            ResourceKind::Flow,
            ResourceKind::Action,
        ];
        all.into_iter().find(|kind| kind.word() == word)
    }
}

/// Whether a document is meant as a bundle.
pub fn is_bundle(node: &Node) -> bool {
    let marks = ["zis_template_version", "resources"];
    marks.iter().any(|mark| node.get(mark).is_some())
}
