//! Makes mutants of a rule or a flow: copies of its document, each with one small change that its tests should notice.
//! A mutant that does not load is no mutant: `check` already reports such a change.

mod bound;
mod bundle;
mod compiler;
mod condition;
mod cursor;
pub mod difference;
pub mod equivalence;
mod flow;
mod gate;
mod shown;
#[cfg(test)]
mod tests;

use crate::diagnostic::Span;
use crate::document::Node;
use crate::mutation::cursor::NodeCursor;

pub use crate::mutation::compiler::MutantCompiler;

/// A changed document.
#[derive(Debug, Clone)]
pub struct Mutant {
    pub kind: MutationKind,
    /// The key of the document that was changed: `when.ticket.tags.not.has[0]`. Steps are named.
    pub key: String,
    /// The location of what was changed.
    pub at: Span,
    /// The change, in words.
    pub change: String,
    pub document: Node,
}

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MutationKind {
    DropPredicate,
    Negate,
    Raise,
    Lower,
    DropElement,
    Swap,
    DropGate,
    DropGuard,
    DropBranch,
    DropStep,
    DropLeaf,
}

/// Which part of a rule a mutant changes. The rest compiles to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MutatedPart {
    /// Which events match.
    Match,
    Gates,
    Flow,
    /// The events of a sequence: which match, and which complete it.
    Sequence,
}

impl MutationKind {
    pub const ALL: [MutationKind; 11] = [
        MutationKind::DropPredicate,
        MutationKind::Negate,
        MutationKind::Raise,
        MutationKind::Lower,
        MutationKind::DropElement,
        MutationKind::Swap,
        MutationKind::DropGate,
        MutationKind::DropGuard,
        MutationKind::DropBranch,
        MutationKind::DropStep,
        MutationKind::DropLeaf,
    ];

    /// The name in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            MutationKind::DropPredicate => "drop_predicate",
            MutationKind::Negate => "negate",
            MutationKind::Raise => "raise",
            MutationKind::Lower => "lower",
            MutationKind::DropElement => "drop_element",
            MutationKind::Swap => "swap",
            MutationKind::DropGate => "drop_gate",
            MutationKind::DropGuard => "drop_guard",
            MutationKind::DropBranch => "drop_branch",
            MutationKind::DropStep => "drop_step",
            MutationKind::DropLeaf => "drop_leaf",
        }
    }
}

impl Mutant {
    /// The name of the mutant, unique in its rule. It stays the same while its line moves.
    pub fn name(&self) -> String {
        format!("{} {}", self.kind.as_str(), self.key)
    }

    pub fn part(&self) -> MutatedPart {
        let first = self.key.split(['.', '[']).next().unwrap_or_default();
        match first {
            // Of a bundle, only flows are changed.
            "flow" | "catch" | "resources" => MutatedPart::Flow,
            "when" | "event_type" => MutatedPart::Match,
            "sequence" => MutatedPart::Sequence,
            _ => MutatedPart::Gates,
        }
    }
}

/// Returns the mutants of a rule's document, in the order of the document.
pub fn mutants(document: &Node) -> Vec<Mutant> {
    let root = NodeCursor::root(document);
    let mut found = Vec::new();
    for entry in root.entries() {
        match entry.key() {
            "event_type" => condition::elements(&entry, &mut found),
            "when" => condition::of_rule(&entry, &mut found),
            "flow" | "catch" => flow::steps(&entry, &mut found),
            "sequence" => gate::sequence(&entry, &mut found),
            key if gate::is_gate(key) => gate::gate(&entry, &mut found),
            _ => {}
        }
    }
    distinct(found)
}

/// Returns the mutants of the body of a named flow.
pub fn flow_mutants(body: &Node) -> Vec<Mutant> {
    let root = NodeCursor::root(body);
    let mut found = Vec::new();
    for entry in root.entries() {
        if matches!(entry.key(), "flow" | "catch") {
            flow::steps(&entry, &mut found);
        }
    }
    distinct(found)
}

/// Returns the mutants of a flow of a bundle, with those of the requests that it sends. Each document is a whole bundle.
pub fn bundle_flow_mutants(document: &Node, name: &str) -> Vec<Mutant> {
    let mut found = Vec::new();
    bundle::flow(&NodeCursor::root(document), name, &mut found);
    distinct(found)
}

/// The mutants without those that have the same name: two steps with one name, of which the first counts.
fn distinct(mutants: Vec<Mutant>) -> Vec<Mutant> {
    let mut names = std::collections::HashSet::new();
    let is_new = |mutant: &Mutant| names.insert((mutant.kind, mutant.key.clone()));
    let mut mutants = mutants;
    mutants.retain(is_new);
    mutants
}
