//! Compares engines at one number of rules: checks their results against the plain loop, then measures
//! events per second in rounds with a turn for each engine, so that noise affects all of them.

use std::time::Duration;

use serde::Serialize;

use crate::draw;
use crate::engine::{Deadline, Engine, Input, Kind, Role};
use crate::guard::guarded;
use crate::load::{self, Cost, Part};
use crate::measure::{median, processor};
use crate::options::Options;
use crate::yaml;

/// The results at one number of rules.
#[derive(Debug, Clone, Serialize)]
pub struct Race {
    pub rules: usize,
    /// The average number of rules that match an event.
    pub matches: f64,
    /// The number of events that the results were checked for.
    pub checked: usize,
    pub lanes: Vec<(Kind, Result<Lane, String>)>,
}

/// The results of one engine.
#[derive(Debug, Clone, Serialize)]
pub struct Lane {
    /// Events per second: the median, the lowest and the highest of the rounds.
    pub rate: f64,
    pub lowest: f64,
    pub highest: f64,
    pub answers: Answers,
    pub build: Option<Cost>,
}

#[derive(Debug, Clone, Serialize)]
pub enum Answers {
    /// The same rules as the reference, for a number of events.
    Right(usize),
    /// The number of events with other results, the number of events, and the first difference.
    Wrong {
        events: usize,
        of: usize,
        first: String,
    },
    /// The engine matches nothing by design.
    NotAsked,
}

impl Race {
    pub fn lane(&self, kind: Kind) -> Option<&Lane> {
        let found = self.lanes.iter().find(|(lane, _)| *lane == kind)?;
        found.1.as_ref().ok()
    }

    /// Returns the fastest engine with correct results among some roles.
    pub fn best(&self, roles: &[Role]) -> Option<(Kind, f64)> {
        let able = self.lanes.iter().filter_map(|(kind, lane)| {
            let lane = lane.as_ref().ok()?;
            let right = matches!(lane.answers, Answers::Right(_));
            (right && roles.contains(&kind.role())).then_some((*kind, lane.rate))
        });
        able.max_by(|one, other| one.1.total_cmp(&other.1))
    }
}

/// An engine in the race.
struct Runner<'a> {
    kind: Kind,
    engine: Box<dyn Engine + 'a>,
    build: Option<Cost>,
    answers: Answers,
    /// The index of the next event.
    next: usize,
    /// The number of events that take about two milliseconds.
    batch: usize,
    rates: Vec<f64>,
    /// The message of its panic; after one, the engine is not called again.
    failure: Option<String>,
}

pub fn run(size: usize, events: &[Vec<u8>], options: &Options) -> Race {
    let rules = draw::rules::rules(options.seed, size, options.rules, options.only);
    let yaml = yaml::file(&rules);
    let input = |limit: u64| Input {
        rules: &rules,
        yaml: &yaml,
        deadline: Deadline::after(Duration::from_secs(limit)),
    };
    let mut reference = Kind::Loop
        .build(&input(u64::MAX))
        .expect("the loop takes any rule");
    let expected = expected(&mut *reference, events, options);
    let mut failed = Vec::new();
    let mut runners = Vec::new();
    for &kind in &options.engines {
        let built = cost(kind, size, options).and_then(|build| {
            // The same build finished in another process, so no time limit applies here.
            let engine = kind.build(&input(options.build_seconds.saturating_mul(20)))?;
            Ok((engine, build))
        });
        match built {
            Ok((engine, build)) => runners.push(Runner::new(kind, engine, build)),
            Err(why) => failed.push((kind, Err(why))),
        }
    }
    for runner in &mut runners {
        runner.attempt(|runner| runner.check(events, &expected, options));
    }
    let turn = Duration::from_secs_f64(options.seconds / options.rounds as f64);
    for round in 0..options.rounds {
        // Each round starts with another engine.
        let count = runners.len().max(1);
        for index in 0..runners.len() {
            runners[(index + round) % count].attempt(|runner| runner.turn(events, turn));
        }
    }
    let total: usize = expected.iter().map(Vec::len).sum();
    let lanes = runners
        .into_iter()
        .map(|runner| (runner.kind, runner.lane()));
    let mut lanes: Vec<_> = lanes.chain(failed).collect();
    lanes.sort_by_key(|(kind, _)| options.engines.iter().position(|asked| asked == kind));
    Race {
        rules: size,
        matches: total as f64 / expected.len().max(1) as f64,
        checked: expected.len(),
        lanes,
    }
}

/// Returns time and memory of a build; `None` for a floor.
fn cost(kind: Kind, size: usize, options: &Options) -> Result<Option<Cost>, String> {
    match kind.role() {
        Role::Floor | Role::Sketch => Ok(None),
        Role::Ours | Role::Reference | Role::Peer | Role::HelpedPeer => {
            load::elsewhere(Part::Engine(kind), size, options).map(Some)
        }
    }
}

/// Returns the results of the reference, for as many events as fit in the time of one engine.
fn expected(reference: &mut dyn Engine, events: &[Vec<u8>], options: &Options) -> Vec<Vec<u32>> {
    let end = processor() + Duration::from_secs_f64(options.seconds.max(1.0));
    let mut all = Vec::new();
    for event in events.iter().take(20_000) {
        all.push(answer(reference, event));
        if processor() > end {
            break;
        }
    }
    all
}

fn answer(engine: &mut dyn Engine, event: &[u8]) -> Vec<u32> {
    let mut out = Vec::new();
    engine.matches(event, &mut out);
    out.sort_unstable();
    out
}

impl<'a> Runner<'a> {
    fn new(kind: Kind, engine: Box<dyn Engine + 'a>, build: Option<Cost>) -> Self {
        Self {
            kind,
            engine,
            build,
            answers: Answers::NotAsked,
            next: 0,
            batch: 1,
            rates: Vec::new(),
            failure: None,
        }
    }

    fn attempt(&mut self, work: impl FnOnce(&mut Self)) {
        if self.failure.is_some() {
            return;
        }
        let done = guarded(|| {
            work(self);
            Ok(())
        });
        self.failure = done.err();
    }

    /// Compares the results with the reference within the time limit.
    fn check(&mut self, events: &[Vec<u8>], expected: &[Vec<u32>], options: &Options) {
        if self.kind.role() == Role::Floor {
            return;
        }
        let end = processor() + Duration::from_secs_f64(options.seconds.max(1.0));
        let (mut of, mut wrong, mut first) = (0, 0, None);
        for (number, (event, wanted)) in events.iter().zip(expected).enumerate() {
            let got = answer(&mut *self.engine, event);
            of += 1;
            if got != *wanted {
                wrong += 1;
                first.get_or_insert_with(|| difference(number, wanted, &got));
            }
            if processor() > end {
                break;
            }
        }
        self.answers = match first {
            None => Answers::Right(of),
            Some(first) => Answers::Wrong {
                events: wrong,
                of,
                first,
            },
        };
    }

    /// Measures for about the given time.
    fn turn(&mut self, events: &[Vec<u8>], turn: Duration) {
        let mut out = Vec::new();
        let began = processor();
        let mut count = 0;
        loop {
            let before = processor();
            for _ in 0..self.batch {
                out.clear();
                self.engine.matches(&events[self.next], &mut out);
                std::hint::black_box(&out);
                self.next = (self.next + 1) % events.len();
            }
            count += self.batch;
            let now = processor();
            if now - began >= turn {
                let seconds = (now - began).as_secs_f64();
                return self.rates.push(count as f64 / seconds);
            }
            if now - before < Duration::from_millis(2) {
                self.batch *= 2;
            }
        }
    }

    fn lane(self) -> Result<Lane, String> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        Ok(Lane {
            lowest: self.rates.iter().copied().fold(f64::INFINITY, f64::min),
            highest: self.rates.iter().copied().fold(0.0, f64::max),
            rate: median(self.rates),
            answers: self.answers,
            build: self.build,
        })
    }
}

/// Describes the first rules that only one of both found.
fn difference(event: usize, wanted: &[u32], got: &[u32]) -> String {
    let extra: Vec<_> = got
        .iter()
        .filter(|rule| !wanted.contains(rule))
        .take(3)
        .collect();
    let lacking: Vec<_> = wanted
        .iter()
        .filter(|rule| !got.contains(rule))
        .take(3)
        .collect();
    format!("event {event}: {extra:?} too many, {lacking:?} not found")
}
