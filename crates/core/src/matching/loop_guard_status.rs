//! Describes the state of the loop guard for one rule and one event. The history of earlier runs comes from
//! the caller.

use std::sync::Arc;

use crate::event::Event;
use crate::loop_guard::origin::ActorOrigin;
use crate::loop_guard::{
    Causation, CausingRun, LoopCheck, LoopConsequence, LoopGuard, LoopHistory, WriteTarget,
};
use crate::matching::gate_status::GateState;
use crate::rule::Rule;

#[derive(Debug, Clone, PartialEq)]
pub struct LoopGuardStatus {
    pub guard: Arc<LoopGuard>,
    pub origin: ActorOrigin,
    /// The source and the key of the event.
    pub about: Option<String>,
    /// The key of the event.
    pub key: Option<String>,
    /// What the rate counts for: the same, or a part of it.
    pub counted: Option<String>,
    /// Whether the rate of runs is limited.
    pub counts: bool,
    /// None if it depends on earlier runs, which were not looked up.
    pub lineage: Option<Causation>,
    pub state: GateState,
}

/// None if the guard does not apply: it is off, or the rule writes nothing.
pub fn loop_guard_status(
    rule: &Rule,
    event: &Event,
    consult: impl FnOnce(&LoopCheck) -> Option<(LoopHistory, Vec<CausingRun>)>,
) -> Option<LoopGuardStatus> {
    let ask = rule.loop_ask_of(event)?;
    let now = jiff::Timestamp::MAX;
    let asks_nothing = ask.cause(now).is_none() && ask.rate(now).is_none();
    let facts = match asks_nothing {
        true => Some(Default::default()),
        false => consult(&ask),
    };
    Some(LoopGuardStatus {
        counts: ask.rate(now).is_some() && ask.guard.writes_to == WriteTarget::Sender,
        lineage: facts.as_ref().map(|(facts, _)| ask.lineage(facts)),
        state: state(&ask, facts),
        guard: ask.guard,
        origin: ask.origin,
        about: ask.about,
        key: event.key.clone(),
        counted: ask.counted,
    })
}

fn state(ask: &LoopCheck, facts: Option<(LoopHistory, Vec<CausingRun>)>) -> GateState {
    if ask.about.is_none() {
        let lacking = "event.key".to_owned();
        return GateState::NeverSuppresses { lacking };
    }
    let Some((facts, chain)) = facts else {
        return GateState::NotConsulted;
    };
    let Some(tripped) = ask.decide(&facts) else {
        return GateState::Open;
    };
    let why = ask.why(tripped, &facts, &chain);
    match ask.consequence(tripped) {
        LoopConsequence::Suppress => GateState::Closed { why },
        LoopConsequence::Hold => GateState::Closed {
            why: format!("{why}; the run is held"),
        },
        LoopConsequence::Count => GateState::Open,
    }
}

impl LoopGuardStatus {
    /// What the guard admits: `depth 2 of 5, the event is our own (actor 900)`.
    pub fn describe(&self) -> String {
        let limits = &self.guard.limits;
        let depth = |said: &str| match self.lineage {
            Some(lineage) => format!("depth {} of {}, {said}", lineage.depth, limits.depth),
            None => format!("depth {} at most, {said}", limits.depth),
        };
        let mut words = match &self.origin {
            ActorOrigin::OurConnection { actor } => {
                depth(&format!("the event is our own (actor {actor})"))
            }
            ActorOrigin::Other { actor } => depth(&format!("actor {actor} is not one of ours")),
            ActorOrigin::Unknown => "the event names no actor".to_owned(),
        };
        if let Some(about) = self.counted.as_ref().filter(|_| self.counts) {
            let (runs, within) = (
                self.guard.most_runs(),
                crate::gate::format_duration(limits.within),
            );
            words.push_str(&format!(", {runs} runs for {about} in {within}"));
        }
        words
    }

    /// The run that caused the event, as text; empty if none is known.
    pub fn describe_cause(&self) -> String {
        match self.lineage {
            Some(Causation {
                depth: 0,
                cause: Some(run),
            }) => format!(", may be caused by run {}", run.0),
            Some(Causation {
                cause: Some(run), ..
            }) => format!(", caused by run {}", run.0),
            Some(Causation { cause: None, .. }) | None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::compile::rule_set;
    use crate::config;
    use crate::diagnostic::{Diagnostics, FileId, Files};
    use crate::event::catalogue::Catalogue;
    use crate::event::catalogue::sample::sample;
    use crate::event::format::decode;
    use crate::event::json::parse::parse;
    use crate::run::RunId;

    fn rule(step: &str) -> Arc<Rule> {
        let diagnostics = &mut Diagnostics::default();
        let config = "connections: { desk: { base_url: https://desk.example, actor_id: 900 } }";
        let config = config::parse(FileId::default(), config, &BTreeMap::new(), diagnostics);
        let mut files = Files::default();
        let text = format!(
            "name: r\nevent_source: support\nevent_type: ticket.StatusChanged\nflow: [{step}]\n"
        );
        let file = files.add("r.yaml", text);
        let set = rule_set::rule_set(&Arc::new(files), &[file], &config, diagnostics);
        Arc::clone(&set.rules[0])
    }

    fn seen(actor: serde_json::Value, depth: Option<u32>) -> (String, String) {
        let sample = sample("support", "ticket.StatusChanged").expect("a sample");
        let value = parse(sample.text.as_bytes()).expect("JSON").value;
        let mut event = decode(value, Catalogue::built_in()).expect("an event");
        event.envelope["actor_id"] = actor;
        let facts = depth.map(|depth| LoopHistory {
            cause: Some((RunId(9), depth)),
            ..LoopHistory::default()
        });
        let rule = rule("{ http: { connection: desk, path: /t, method: PUT } }");
        let view = loop_guard_status(&rule, &event, |_| facts.map(|facts| (facts, Vec::new())));
        let view = view.expect("a guard");
        (
            view.describe(),
            view.state.describe() + &view.describe_cause(),
        )
    }

    #[test]
    fn what_was_not_looked_up_is_not_consulted_and_a_person_is_let_through() {
        let (words, state) = seen(json!(900), None);
        assert_eq!(words, "depth 5 at most, the event is our own (actor 900)");
        assert_eq!(state, "not consulted: depends on earlier runs");
        let (words, state) = seen(json!(12), None);
        assert_eq!(
            (words.as_str(), state.as_str()),
            ("depth 0 of 5, actor 12 is not one of ours", "open")
        );
        let (words, state) = seen(json!(null), Some(4));
        assert_eq!(
            words,
            "the event names no actor, 20 runs for support 90417 in 10m"
        );
        assert_eq!(state, "open, may be caused by run 9");
    }

    #[test]
    fn depth_is_described_if_it_is_known() {
        let (words, state) = seen(json!(900), Some(4));
        assert_eq!(words, "depth 5 of 5, the event is our own (actor 900)");
        assert_eq!(state, "open, caused by run 9");
        let (words, state) = seen(json!(900), Some(5));
        assert_eq!(words, "depth 6 of 5, the event is our own (actor 900)");
        assert!(state.starts_with("closed: event 6 in a row"), "{state}");
    }

    #[test]
    fn a_rule_that_writes_nothing_has_no_such_gate() {
        let sample = sample("support", "ticket.StatusChanged").expect("a sample");
        let value = parse(sample.text.as_bytes()).expect("JSON").value;
        let event = decode(value, Catalogue::built_in()).expect("an event");
        let rule = rule("{ http: { connection: desk, path: /t } }");
        assert_eq!(loop_guard_status(&rule, &event, |_| panic!("asked")), None);
    }
}
