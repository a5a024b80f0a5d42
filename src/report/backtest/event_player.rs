//! Plays evaluated events in the order of their commits, with the ticks between them.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::report::backtest::archive_reader::ArchivePages;
use crate::report::backtest::commit_order::CommitOrder;
use crate::report::backtest::comparison::{ComparedSide, Knowledge, OutcomeRecord};
use crate::report::backtest::coverage::BacktestCoverage;
use crate::report::backtest::evaluated_event::{ArchivedEvaluation, EvaluatedContent};
use crate::report::backtest::evaluation_pool::EvaluationPool;
use crate::report::backtest::execute::{
    BacktestBase, BacktestProgress, BacktestScope, OnProgress, RevisionInForceThen, StopReason,
};
use crate::report::backtest::outcome::MatchOutcome;
use crate::report::backtest::outcome_table::OutcomeTable;
use crate::report::backtest::rule_side::{RuleSide, SideMatches};
use crate::report::backtest::rule_ticks::{PastTicks, VirtualTick};
use crate::report::backtest::side_player::{ComparedRules, SidePlayedEvent, SidePlayer};
use crate::report::error::CommandError;
use crate::store::history::{ArchivePosition, ArchivedEvent, EventRowId, OriginalRun};
use crate::store::{History, RevisionId};
use flowtrigger_core::event::format::clock::CLOCK;
use flowtrigger_core::matching::find::MatchScratch;

/// What a backtest has counted.
pub struct PlayedEvents {
    pub table: OutcomeTable,
    pub coverage: BacktestCoverage,
    /// The revisions that evaluated the events, the earliest first.
    pub in_force: Vec<RevisionInForceThen>,
    pub stopped: Option<StopReason>,
}

/// A backtest in progress, on the thread that reads the archive.
pub struct EventPlayer<'b, 'h> {
    history: &'h dyn History,
    scope: &'b BacktestScope,
    /// From when on gates count.
    begin: Timestamp,
    base: BacktestBase<'b>,
    sides: &'b [RuleSide<'b>],
    players: Vec<SidePlayer>,
    table: OutcomeTable,
    past: PastTicks<'h>,
    /// The rows of ticks by their ids: those that are not in the archive have rows of their own.
    ticks: HashMap<String, EventRowId>,
    in_force: BTreeMap<RevisionId, RevisionInForceThen>,
    coverage: BacktestCoverage,
    scratch: MatchScratch,
}

impl<'b, 'h> EventPlayer<'b, 'h> {
    pub fn new(
        history: &'h dyn History,
        (sides, base): (&'b [RuleSide<'b>], BacktestBase<'b>),
        scope: &'b BacktestScope,
        begin: Timestamp,
    ) -> Result<Self, CommandError> {
        let compared = [ComparedSide::After, ComparedSide::Before];
        let players = sides.iter().zip(compared);
        let players = players.map(|(side, compared)| SidePlayer::new(side, compared, begin));
        Ok(Self {
            history,
            scope,
            begin,
            base,
            players: players.collect::<Result<_, _>>()?,
            sides,
            table: OutcomeTable::default(),
            past: PastTicks::read(history, scope.until)?,
            ticks: HashMap::new(),
            in_force: BTreeMap::new(),
            coverage: BacktestCoverage::read(history, scope.since, scope.until, scope.now)?,
            scratch: MatchScratch::default(),
        })
    }

    /// Reads and plays all events.
    pub fn play(
        mut self,
        mut pool: EvaluationPool,
        on_progress: OnProgress<'_>,
    ) -> Result<PlayedEvents, CommandError> {
        let mut pages = ArchivePages::new(self.history, self.begin, self.scope.until);
        let mut order = CommitOrder::default();
        let mut read = 0;
        let mut stopped = None;
        let mut is_read = false;
        loop {
            while !is_read && pool.has_room() {
                match pages.read_next()? {
                    Some(page) => pool.send(page)?,
                    None => is_read = true,
                }
            }
            let Some(page) = pool.receive()? else { break };
            read += page.len() as u64;
            let at = page.last().map(|event| event.head.position.received);
            for event in page {
                order.add(event);
            }
            while let Some(event) = order.take_certain() {
                self.play_event(event)?;
            }
            let progress = BacktestProgress {
                events: read,
                at: at.unwrap_or(self.begin),
            };
            if let ControlFlow::Break(reason) = on_progress(progress) {
                stopped = Some(reason);
                break;
            }
        }
        while let Some(event) = order.take_next() {
            self.play_event(event)?;
        }
        if stopped.is_none() {
            self.play_ticks(self.scope.until)?;
        }
        for player in &mut self.players {
            player.finish(&mut self.table)?;
        }
        let (redacted, deleted) = self.table.unknown_events();
        self.coverage.redacted = redacted as u64;
        self.coverage.deleted += deleted as u64;
        let mut in_force: Vec<RevisionInForceThen> = self.in_force.into_values().collect();
        in_force.sort_by_key(|revision| revision.first);
        Ok(PlayedEvents {
            table: self.table,
            coverage: self.coverage,
            in_force,
            stopped,
        })
    }

    fn play_event(&mut self, event: ArchivedEvaluation) -> Result<(), CommandError> {
        let at = event.committed();
        let ArchivedEvaluation {
            head,
            runs,
            content,
        } = event;
        self.play_ticks(at)?;
        let is_compared = head.position.received >= self.scope.since;
        self.coverage.events += u64::from(is_compared);
        let (revision, matches) = match content {
            EvaluatedContent::Read(revision, matches) => (revision, matches),
            EvaluatedContent::Unreadable => {
                self.coverage.unreadable += u64::from(is_compared);
                return Ok(());
            }
            EvaluatedContent::Deleted => {
                self.coverage.deleted += u64::from(is_compared);
                return Ok(());
            }
        };
        if is_compared {
            self.note_revision(revision, head.position.received);
        }
        if let BacktestBase::WhatRan = self.base {
            self.note_runs(&head, &runs);
        }
        let played = SidePlayedEvent {
            head: &head,
            at,
            runs: &runs,
        };
        if head.source == CLOCK {
            self.note_tick(&head);
        }
        for (index, mut matches) in matches.into_iter().enumerate() {
            if head.source == CLOCK {
                self.keep_ticks_of(index, revision, &mut matches)?;
            }
            self.play_matches(index, &played, matches)?;
        }
        Ok(())
    }

    fn note_revision(&mut self, id: RevisionId, received: Timestamp) {
        let first = RevisionInForceThen {
            id,
            events: 0,
            first: received,
            last: received,
        };
        let revision = self.in_force.entry(id).or_insert(first);
        revision.events += 1;
        revision.last = received;
    }

    /// Adds the runs that exist.
    fn note_runs(&mut self, head: &ArchivedEvent, runs: &[OriginalRun]) {
        let received = head.position.received;
        for run in runs {
            if !self.scope.compares(received, &run.rule) {
                continue;
            }
            let rule = self.table.rule(&run.rule);
            self.table.add(OutcomeRecord {
                rule,
                row: head.position.row,
                received,
                side: ComparedSide::Before,
                knowledge: Knowledge::Known(MatchOutcome::of_state(&run.state)),
                run: Some(run.id),
            });
        }
    }

    /// A tick of the archive may be one that the backtest has made.
    fn note_tick(&mut self, head: &ArchivedEvent) {
        let row = head.position.row;
        if let Some(made) = self.ticks.insert(head.id.clone(), row)
            && made != row
        {
            self.table.repeat(made, row);
        }
    }

    /// Ticks of the archive count for rules that tick at the same times; the others have their own.
    fn keep_ticks_of(
        &mut self,
        index: usize,
        revision: RevisionId,
        matches: &mut SideMatches,
    ) -> Result<(), CommandError> {
        let side = &self.sides[index];
        let mut alike = Vec::new();
        let numbers = matches.plain.iter();
        let numbers = numbers.chain(matches.gated.iter().map(|gated| &gated.number));
        for number in numbers {
            if self.past.ticks_alike(side.rule(*number), revision)? {
                alike.push(*number);
            }
        }
        matches.plain.retain(|number| alike.contains(number));
        matches.gated.retain(|gated| alike.contains(&gated.number));
        Ok(())
    }

    /// Plays the ticks before a time that the archive does not have.
    fn play_ticks(&mut self, until: Timestamp) -> Result<(), CommandError> {
        for index in 0..self.players.len() {
            if self.players[index].ticks.is_empty() {
                continue;
            }
            loop {
                let rules = &self.sides[index].rules.rules;
                let ticks = &mut self.players[index].ticks;
                let Some(tick) = ticks.next_before(until, rules, &mut self.past)? else {
                    break;
                };
                self.play_tick(index, tick)?;
            }
        }
        Ok(())
    }

    fn play_tick(&mut self, index: usize, tick: VirtualTick) -> Result<(), CommandError> {
        let VirtualTick { number, at, event } = tick;
        // Rows of the archive are not negative.
        let made = EventRowId(-1 - self.ticks.len() as i64);
        let row = *self.ticks.entry(event.id.clone()).or_insert(made);
        let head = ArchivedEvent {
            position: ArchivePosition { received: at, row },
            source: event.source.clone(),
            endpoint: event.endpoint.clone(),
            event_type: event.event_type.clone(),
            id: event.id.clone(),
            key: event.key.clone(),
            matched: false,
            had_runs: false,
        };
        let mut matches = self.sides[index].evaluate_event(event, &mut self.scratch);
        matches.plain.retain(|matched| *matched == number);
        matches.gated.retain(|matched| matched.number == number);
        let played = SidePlayedEvent {
            head: &head,
            at,
            runs: &[],
        };
        self.play_matches(index, &played, matches)
    }

    /// Adds the outcomes of an event for one set of rules.
    fn play_matches(
        &mut self,
        index: usize,
        event: &SidePlayedEvent<'_>,
        matches: SideMatches,
    ) -> Result<(), CommandError> {
        let compared = ComparedRules {
            rules: &self.sides[index],
            scope: self.scope,
            base: self.base,
        };
        self.players[index].play(&compared, event, matches, &mut self.table)
    }
}
