//! Executes a backtest: reads the archive, evaluates its events on all cores, lets gates decide in the order of the
//! commits, and compares both sides.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::thread;

use jiff::{SignedDuration, Timestamp};

use crate::engine::Rulebook;
use crate::report::backtest::archive_reader::ArchivePages;
use crate::report::backtest::commit_order::CommitOrder;
use crate::report::backtest::comparison::{
    ComparedSide, Knowledge, OutcomeRecord, OutcomeTable, RuleComparison, ShadowRuns,
};
use crate::report::backtest::coverage::BacktestCoverage;
use crate::report::backtest::evaluated_event::{ArchivedEvaluation, EvaluatedContent};
use crate::report::backtest::evaluation_pool::EvaluationPool;
use crate::report::backtest::gate_simulation::{GateSimulation, GatedEvent, GatedOutcome};
use crate::report::backtest::known_events::KnownEvents;
use crate::report::backtest::outcome::MatchOutcome;
use crate::report::backtest::rule_side::{RuleSide, SideMatches};
use crate::report::backtest::rule_ticks::{PastTicks, RuleTicks, VirtualTick};
use crate::report::error::CommandError;
use crate::store::history::{ArchivePosition, ArchivedEvent, EventRowId, OriginalRun};
use crate::store::sqlite::virtual_time::RunEnd;
use crate::store::{History, RevisionId};
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::event::format::clock::CLOCK;
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::run::{LogEntry, RunId, RunState};

/// Gates begin so many of their windows before the time that is compared.
const WARM_UP_WINDOWS: i32 = 2;
/// The longest time before, whatever the windows are.
const LONGEST_WARM_UP: SignedDuration = SignedDuration::from_hours(31 * 24);

/// What a backtest is asked to do.
#[derive(Debug, Clone)]
pub struct BacktestScope {
    pub since: Timestamp,
    pub until: Timestamp,
    pub now: Timestamp,
    /// Names of rules; an empty list takes all.
    pub rules: Vec<String>,
    /// New and gone runs of each rule that are kept as samples.
    pub samples: usize,
}

/// What the rules are compared with.
#[derive(Debug, Clone, Copy)]
pub enum BacktestBase<'b> {
    /// The runs that exist.
    WhatRan,
    /// Other rules, over the same events.
    Rules(&'b Rulebook),
}

/// How far a backtest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BacktestProgress {
    /// Events that were read.
    pub events: u64,
    /// When the last of them was received.
    pub at: Timestamp,
}

/// The result of a backtest.
#[derive(Debug)]
pub struct BacktestResult {
    pub scope: BacktestScope,
    /// Rules with runs on one of the sides, or with events of which nothing is known, by name.
    pub rules: Vec<RuleComparison>,
    pub coverage: BacktestCoverage,
    /// The revisions that evaluated the events, the earliest first.
    pub in_force: Vec<RevisionInForceThen>,
    /// From when on gates counted.
    pub gates_since: Timestamp,
    /// Why it ended before its last event.
    pub stopped: Option<StopReason>,
}

/// A revision that evaluated events of the time.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionInForceThen {
    pub id: RevisionId,
    pub events: u64,
    /// When its first and its last event of the time were received.
    pub first: Timestamp,
    pub last: Timestamp,
}

/// Why a backtest ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// A person cancelled it.
    Cancelled,
    /// It reached its limit of events or time.
    Limit,
}

/// Asked after each page; may end the backtest.
pub type OnProgress<'p> = &'p mut dyn FnMut(BacktestProgress) -> ControlFlow<StopReason>;

/// A backtest in progress, on the thread that reads the archive.
struct BacktestRun<'b, 'h> {
    history: &'h dyn History,
    scope: &'b BacktestScope,
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

/// One set of rules over time.
struct SidePlayer {
    side: ComparedSide,
    gates: Option<GateSimulation>,
    known: KnownEvents,
    ticks: RuleTicks,
    outcomes: Vec<GatedOutcome>,
}

/// An event whose matches become outcomes.
struct PlayedEvent<'e> {
    head: &'e ArchivedEvent,
    at: Timestamp,
    runs: &'e [OriginalRun],
}

/// Executes a backtest of the rules of a rulebook.
pub fn execute(
    history: &dyn History,
    book: &Rulebook,
    base: BacktestBase<'_>,
    scope: BacktestScope,
    on_progress: OnProgress<'_>,
) -> Result<BacktestResult, CommandError> {
    let mut sides = vec![RuleSide::new(&book.rules)];
    if let BacktestBase::Rules(other) = base {
        sides.push(RuleSide::new(&other.rules));
    }
    let begin = warm_up(&sides, scope.since);
    let compared = [ComparedSide::After, ComparedSide::Before];
    let players = sides.iter().zip(compared);
    let players = players.map(|(side, compared)| SidePlayer::new(side, compared, begin));
    let run = BacktestRun {
        history,
        scope: &scope,
        base,
        players: players.collect::<Result<_, _>>()?,
        sides: &sides,
        table: OutcomeTable::default(),
        past: PastTicks::read(history, scope.until)?,
        ticks: HashMap::new(),
        in_force: BTreeMap::new(),
        coverage: BacktestCoverage::read(history, scope.since, scope.until, scope.now)?,
        scratch: MatchScratch::default(),
    };
    let (run, stopped) = thread::scope(|threads| {
        let pool = EvaluationPool::start(threads, &sides);
        run.play(pool, begin, on_progress)
    })?;
    let BacktestRun {
        table,
        coverage,
        in_force,
        ..
    } = run;
    let mut in_force: Vec<RevisionInForceThen> = in_force.into_values().collect();
    in_force.sort_by_key(|revision| revision.first);
    let mode = |name: &str| match book.rules.rule(name).map(|rule| rule.mode) {
        Some(Mode::Shadow) => ShadowRuns::Count,
        Some(Mode::Live | Mode::Disabled) | None => ShadowRuns::Ignore,
    };
    let rules = table.compare(scope.samples, &mode, &mut |run| is_revived(history, run))?;
    Ok(BacktestResult {
        rules,
        coverage,
        in_force,
        gates_since: begin,
        stopped,
        scope,
    })
}

/// When gates begin to count.
fn warm_up(sides: &[RuleSide<'_>], since: Timestamp) -> Timestamp {
    let rules = sides.iter().flat_map(RuleSide::simulated_rules);
    let windows = rules.flat_map(|rule| {
        let gates = rule.gates.iter();
        let gates = gates.map(|gate| gate.window.after(since).duration_since(since));
        let guard = rule.guard.iter();
        let guard = guard.filter_map(|guard| SignedDuration::try_from(guard.limits.within).ok());
        gates.chain(guard)
    });
    let longest = windows.max().unwrap_or_default();
    let before = longest.saturating_mul(WARM_UP_WINDOWS).min(LONGEST_WARM_UP);
    since.checked_sub(before).unwrap_or(Timestamp::MIN)
}

/// Whether a person started a run that the loop guard had stopped.
fn is_revived(history: &dyn History, run: RunId) -> Result<bool, CommandError> {
    let detail = history.run(run)?;
    Ok(detail.is_some_and(|detail| {
        let mut log = detail.log.iter();
        log.any(|entry| matches!(entry, LogEntry::Revived { .. }))
    }))
}

impl SidePlayer {
    fn new(
        side: &RuleSide<'_>,
        compared: ComparedSide,
        begin: Timestamp,
    ) -> Result<Self, CommandError> {
        let has_gates = side.simulated_rules().next().is_some();
        Ok(Self {
            side: compared,
            gates: has_gates.then(GateSimulation::new).transpose()?,
            known: KnownEvents::default(),
            ticks: RuleTicks::new(side.rules, begin),
            outcomes: Vec::new(),
        })
    }
}

impl BacktestRun<'_, '_> {
    /// Reads and plays all events.
    fn play(
        mut self,
        mut pool: EvaluationPool,
        begin: Timestamp,
        on_progress: OnProgress<'_>,
    ) -> Result<(Self, Option<StopReason>), CommandError> {
        let mut pages = ArchivePages::new(self.history, begin, self.scope.until);
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
            while let Some(event) = order.next_certain() {
                self.play_event(event)?;
            }
            let progress = BacktestProgress {
                events: read,
                at: at.unwrap_or(begin),
            };
            if let ControlFlow::Break(reason) = on_progress(progress) {
                stopped = Some(reason);
                break;
            }
        }
        while let Some(event) = order.next() {
            self.play_event(event)?;
        }
        if stopped.is_none() {
            self.play_ticks(self.scope.until)?;
        }
        for player in &mut self.players {
            if let Some(gates) = &mut player.gates {
                gates.finish(&mut player.outcomes)?;
            }
        }
        self.decide();
        let (redacted, deleted) = self.table.unknown_events();
        self.coverage.redacted = redacted as u64;
        self.coverage.deleted += deleted as u64;
        Ok((self, stopped))
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
        let played = PlayedEvent {
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

    /// Whether the runs of a rule at this time are compared.
    fn is_compared(&self, received: Timestamp, rule: &str) -> bool {
        let rules = &self.scope.rules;
        received >= self.scope.since && (rules.is_empty() || rules.iter().any(|name| name == rule))
    }

    /// Adds the runs that exist.
    fn note_runs(&mut self, head: &ArchivedEvent, runs: &[OriginalRun]) {
        let received = head.position.received;
        for run in runs {
            if !self.is_compared(received, &run.rule) {
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
        let played = PlayedEvent {
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
        event: &PlayedEvent<'_>,
        matches: SideMatches,
    ) -> Result<(), CommandError> {
        let side = self.players[index].side;
        let (received, row) = (event.head.position.received, event.head.position.row);
        let record = |rule, knowledge| OutcomeRecord {
            rule,
            row,
            received,
            side,
            knowledge,
            run: None,
        };
        for number in &matches.unknown {
            let name = &self.sides[index].rule(*number).name;
            if self.is_compared(received, name) {
                let rule = self.table.rule(name);
                self.table.add(record(rule, Knowledge::Redacted));
            }
        }
        if matches.plain.is_empty() && matches.gated.is_empty() {
            return Ok(());
        }
        if let Some(first) = self.players[index].known.first_of(event.head) {
            self.table.repeat(row, first);
            return Ok(());
        }
        // Of deleted runs only the event is left.
        let are_deleted = event.head.had_runs && event.runs.is_empty();
        let is_unknown = are_deleted && matches!(self.base, BacktestBase::WhatRan);
        for number in &matches.plain {
            let rule = self.sides[index].rule(*number);
            if !self.is_compared(received, &rule.name) {
                continue;
            }
            let outcome = match rule.mode {
                Mode::Live => MatchOutcome::Run,
                Mode::Shadow => MatchOutcome::ShadowRun,
                Mode::Disabled => MatchOutcome::NoMatch,
            };
            let number = self.table.rule(&rule.name);
            self.table.add(record(
                number,
                match is_unknown {
                    true => Knowledge::RunsDeleted,
                    false => Knowledge::Known(outcome),
                },
            ));
        }
        let Some(kept) = matches.event else {
            return Ok(());
        };
        let (mut planned, mut numbers, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for gated in matches.gated {
            let rule = self.sides[index].rule(gated.number);
            ends.extend(end_of(&rule.name, event, gated.is_skipped));
            planned.push(gated.planned);
            if !self.is_compared(received, &rule.name) {
                numbers.push(None);
                continue;
            }
            let rule = self.table.rule(&rule.name);
            let record = record(
                rule,
                match is_unknown {
                    true => Knowledge::RunsDeleted,
                    false => Knowledge::Known(MatchOutcome::NoMatch),
                },
            );
            let number = self.table.add(record);
            numbers.push((!is_unknown).then_some(number));
        }
        let player = &mut self.players[index];
        let Some(gates) = &mut player.gates else {
            return Ok(());
        };
        let gated = GatedEvent {
            event: kept,
            received,
            at: event.at,
            planned,
            ends,
            numbers,
        };
        gates.add(gated, &mut player.outcomes)?;
        self.decide();
        Ok(())
    }

    /// Enters what the gates have decided.
    fn decide(&mut self) {
        for player in &mut self.players {
            for decided in player.outcomes.drain(..) {
                self.table.decide(decided.number, decided.outcome);
            }
        }
    }
}

/// How the run of a rule for an event ends, if a gate or the loop guard has to know it: as the run that exists did, or by a
/// guard of its flow.
fn end_of(rule: &str, event: &PlayedEvent<'_>, is_skipped: bool) -> Option<RunEnd> {
    let recorded = event.runs.iter().find(|run| run.rule == rule);
    let (at, state) = match recorded {
        Some(run) if run.state.gives_back() => (run.changed, RunState::Cancelled),
        // It wrote nothing.
        Some(run) if run.state.is_final() && run.attempts == 0 => (run.changed, RunState::Done),
        Some(_) => return None,
        None if is_skipped => (event.at, RunState::Cancelled),
        None => return None,
    };
    Some(RunEnd {
        rule: rule.to_owned(),
        at,
        state,
    })
}
