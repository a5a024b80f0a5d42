//! Models a ZIS bundle as written: job specs, flows and HTTP actions, each with its location.
//! Reading reports all syntax mistakes; names are resolved in `compile::bundle`.

pub(crate) mod choice;
pub(crate) mod http;
pub(crate) mod name;
pub mod part;
pub(crate) mod read;
pub(crate) mod state;
pub(crate) mod vocabulary;

use crate::diagnostic::Span;
use crate::document::Node;
use crate::document::suggest;

pub use crate::bundle::http::HttpAction;
pub use crate::bundle::name::ResourceName;
pub use crate::bundle::state::Definition;

/// The only version of the bundle format.
pub const TEMPLATE_VERSION: &str = "2019-10-14";

#[derive(Debug, Clone)]
pub struct Bundle {
    pub at: Span,
    pub name: Option<SpannedText>,
    pub description: Option<SpannedText>,
    /// The key of its integration: the part of its names between `zis:` and the kind.
    pub integration: String,
    pub job_specs: Vec<JobSpec>,
    pub flows: Vec<BundleFlow>,
    pub actions: Vec<HttpAction>,
    /// The names of invalid resources, so that references to them are not reported too.
    pub broken: Vec<(ResourceKind, String)>,
}

/// A text of the bundle with its location.
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
    /// Not lowered yet: it takes the same values as in a rule.
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
    /// Returns the flow with this name, with or without the prefix `zis:INTEGRATION:flow:`.
    pub fn flow(&self, full: &str) -> Option<&BundleFlow> {
        let name = ResourceName::short(full);
        self.flows.iter().find(|flow| flow.name.text == name)
    }

    /// Returns the full name of a flow, used by job specs and rules.
    pub fn name_of(&self, flow: &BundleFlow) -> String {
        format!("zis:{}:flow:{}", self.integration, flow.name.text)
    }

    /// Returns the action with this name, with or without prefix.
    pub fn action(&self, full: &str) -> Option<&HttpAction> {
        let name = ResourceName::short(full);
        self.actions.iter().find(|action| action.name.text == name)
    }

    /// Returns the action with this name, or else the one that was probably meant, for the checks that do not
    /// depend on the name.
    pub fn meant_action(&self, full: &str) -> Option<&HttpAction> {
        let near = || {
            let known = self.actions.iter().map(|action| action.name.text.as_str());
            self.action(suggest::nearest(ResourceName::short(full), known)?)
        };
        self.action(full).or_else(near)
    }

    pub fn is_broken(&self, kind: ResourceKind, name: &str) -> bool {
        self.broken
            .iter()
            .any(|(of, broken)| *of == kind && broken == name)
    }
}

impl ResourceKind {
    pub const ALL: [Self; 3] = [Self::JobSpec, Self::Flow, Self::Action];

    /// Returns the `type` of such a resource.
    pub fn as_str(self) -> &'static str {
        match self {
            ResourceKind::JobSpec => "ZIS::JobSpec",
            ResourceKind::Flow => "ZIS::Flow",
            ResourceKind::Action => "ZIS::Action::Http",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whether a document is a bundle.
pub fn is_bundle(node: &Node) -> bool {
    let markers = ["zis_template_version", "resources"];
    markers.iter().any(|marker| node.get(marker).is_some())
}
