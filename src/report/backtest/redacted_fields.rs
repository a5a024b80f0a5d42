//! Finds rules that read a redacted field of a stored event, so that their verdict is not known.

use flowtrigger_core::gate::GateKind;
use flowtrigger_core::path::Path;
use flowtrigger_core::path::redact::reads_redacted;
use flowtrigger_core::rule::Rule;

/// Whether the condition or a gate of a rule reads one of these redacted values.
pub fn reads_redacted_field(rule: &Rule, redacted: &[String]) -> bool {
    let reads = |path: &Path| reads_redacted(path, redacted);
    let predicates = rule.when.predicates().into_iter();
    let mut tested = predicates.flat_map(|predicate| predicate.paths());
    tested.any(reads)
        || rule.gates.iter().any(|gate| {
            let distinct = match &gate.kind {
                GateKind::Series(series) => series.distinct.as_deref(),
                GateKind::During(_)
                | GateKind::Dedupe
                | GateKind::Debounce { .. }
                | GateKind::Throttle { .. } => None,
            };
            gate.per.as_deref().into_iter().chain(distinct).any(reads)
        })
}
