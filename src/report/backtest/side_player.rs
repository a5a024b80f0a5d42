//! Plays the events of one set of rules: recognises repeats, lets gates decide, and adds what became of each match.

use jiff::Timestamp;

use crate::report::backtest::comparison::{ComparedSide, Knowledge, OutcomeRecord};
use crate::report::backtest::execute::{BacktestBase, BacktestScope};
use crate::report::backtest::gate_simulation::{GateSimulation, GatedEvent, GatedOutcome};
use crate::report::backtest::known_events::KnownEvents;
use crate::report::backtest::outcome::MatchOutcome;
use crate::report::backtest::outcome_table::OutcomeTable;
use crate::report::backtest::plain_gates::{PlainGates, PlainMatch};
use crate::report::backtest::rule_side::{GatedMatch, RuleSide, SideMatches};
use crate::report::backtest::rule_ticks::RuleTicks;
use crate::report::error::CommandError;
use crate::store::history::{ArchivedEvent, OriginalRun};
use crate::store::sqlite::virtual_time::RunEnd;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::run::RunState;

/// One set of rules over time.
pub struct SidePlayer {
    side: ComparedSide,
    /// `None` without rules that need one.
    gates: Option<GateSimulation>,
    plain_gates: PlainGates,
    known: KnownEvents,
    pub ticks: RuleTicks,
    outcomes: Vec<GatedOutcome>,
}

/// The rules whose matches become outcomes.
#[derive(Clone, Copy)]
pub struct ComparedRules<'b> {
    pub rules: &'b RuleSide<'b>,
    pub scope: &'b BacktestScope,
    pub base: BacktestBase<'b>,
}

/// An event whose matches become outcomes.
pub struct SidePlayedEvent<'e> {
    pub head: &'e ArchivedEvent,
    pub at: Timestamp,
    pub runs: &'e [OriginalRun],
}

impl SidePlayedEvent<'_> {
    /// Whether its runs were deleted, so that what ran is unknown.
    fn has_lost_runs(&self, base: BacktestBase<'_>) -> bool {
        let are_deleted = self.head.had_runs && self.runs.is_empty();
        are_deleted && matches!(base, BacktestBase::WhatRan)
    }
}

impl SidePlayer {
    pub fn new(
        side: &RuleSide<'_>,
        compared: ComparedSide,
        begin: Timestamp,
    ) -> Result<Self, CommandError> {
        Ok(Self {
            side: compared,
            gates: side.needs_store().then(GateSimulation::new).transpose()?,
            plain_gates: PlainGates::default(),
            known: KnownEvents::default(),
            ticks: RuleTicks::new(side.rules, begin),
            outcomes: Vec::new(),
        })
    }

    /// Adds the outcomes of the next event.
    pub fn play(
        &mut self,
        compared: &ComparedRules<'_>,
        event: &SidePlayedEvent<'_>,
        matches: SideMatches,
        table: &mut OutcomeTable,
    ) -> Result<(), CommandError> {
        for number in &matches.unknown {
            self.add(compared, event, (*number, Knowledge::Redacted), table);
        }
        if matches.plain.is_empty() && matches.gated.is_empty() {
            return Ok(());
        }
        if let Some(first) = self.known.first_of(event.head) {
            table.repeat(event.head.position.row, first);
            return Ok(());
        }
        let is_unknown = event.has_lost_runs(compared.base);
        for number in &matches.plain {
            let knowledge = match (is_unknown, compared.rules.rule(*number).mode) {
                (true, _) => Knowledge::RunsDeleted,
                (false, Mode::Live) => Knowledge::Known(MatchOutcome::Run),
                (false, Mode::Shadow) => Knowledge::Known(MatchOutcome::ShadowRun),
                (false, Mode::Disabled) => Knowledge::Known(MatchOutcome::NoMatch),
            };
            self.add(compared, event, (*number, knowledge), table);
        }
        let (plain, stored): (Vec<GatedMatch>, Vec<GatedMatch>) =
            matches.gated.into_iter().partition(|gated| gated.is_plain);
        for gated in plain {
            let outcome = self.decide_plain(&gated, event);
            let knowledge = match is_unknown {
                true => Knowledge::RunsDeleted,
                false => Knowledge::Known(outcome),
            };
            self.add(compared, event, (gated.number, knowledge), table);
        }
        let Some(kept) = matches.event else {
            return Ok(());
        };
        let mut gated_event = GatedEvent {
            event: kept,
            received: event.head.position.received,
            at: event.at,
            planned: Vec::with_capacity(stored.len()),
            ends: Vec::new(),
            numbers: Vec::with_capacity(stored.len()),
        };
        for gated in stored {
            let knowledge = match is_unknown {
                true => Knowledge::RunsDeleted,
                // Until the gates have decided.
                false => Knowledge::Known(MatchOutcome::NoMatch),
            };
            let added = self.add(compared, event, (gated.number, knowledge), table);
            gated_event.ends.extend(end_of(&gated, event));
            gated_event.numbers.push(added.filter(|_| !is_unknown));
            gated_event.planned.push(gated.planned);
        }
        if let Some(gates) = &mut self.gates {
            gates.add(gated_event, &mut self.outcomes)?;
        }
        self.decide(table);
        Ok(())
    }

    fn decide_plain(&mut self, gated: &GatedMatch, event: &SidePlayedEvent<'_>) -> MatchOutcome {
        let end = end_of(gated, event).filter(|end| end.state.gives_back());
        let is_live = gated.planned.mode == Mode::Live;
        self.plain_gates.decide(&PlainMatch {
            rule: gated.number,
            planned: &gated.planned,
            received: event.head.position.received,
            at: event.at,
            released: end.filter(|_| is_live).map(|end| end.at),
        })
    }

    /// Decides on the last events.
    pub fn finish(&mut self, table: &mut OutcomeTable) -> Result<(), CommandError> {
        if let Some(gates) = &mut self.gates {
            gates.finish(&mut self.outcomes)?;
        }
        self.decide(table);
        Ok(())
    }

    /// Adds an outcome, if the rule is compared at this time.
    fn add(
        &self,
        compared: &ComparedRules<'_>,
        event: &SidePlayedEvent<'_>,
        (number, knowledge): (u32, Knowledge),
        table: &mut OutcomeTable,
    ) -> Option<usize> {
        let name = &compared.rules.rule(number).name;
        let position = event.head.position;
        if !compared.scope.compares(position.received, name) {
            return None;
        }
        let rule = table.rule(name);
        Some(table.add(OutcomeRecord {
            rule,
            row: position.row,
            received: position.received,
            side: self.side,
            knowledge,
            run: None,
        }))
    }

    /// Enters what the gates have decided.
    fn decide(&mut self, table: &mut OutcomeTable) {
        for decided in self.outcomes.drain(..) {
            table.decide(decided.number, decided.outcome);
        }
    }
}

/// How the run of a match ends, if a gate or the loop guard has to know it: as the run that exists did, or by a guard of
/// its flow.
fn end_of(gated: &GatedMatch, event: &SidePlayedEvent<'_>) -> Option<RunEnd> {
    let rule = &gated.planned.rule.name;
    let recorded = event.runs.iter().find(|run| run.rule == *rule);
    let (at, state) = match recorded {
        Some(run) if run.state.gives_back() => (run.changed, RunState::Cancelled),
        // It wrote nothing.
        Some(run) if run.state == RunState::Done && run.attempts == 0 => {
            (run.changed, RunState::Done)
        }
        Some(_) => return None,
        None if gated.is_skipped => (event.at, RunState::Cancelled),
        None => return None,
    };
    Some(RunEnd {
        rule: rule.clone(),
        at,
        state,
    })
}
