//! Measures time and memory of builds, each in a separate process.
//! Builds therefore do not affect each other, and a build that exceeds its time limit is killed.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document;
use serde::{Deserialize, Serialize};

use crate::draw;
use crate::engine::{Deadline, Input, Kind, Role, ours};
use crate::guard::guarded;
use crate::measure::{peak, processor, resident};
use crate::options::Options;
use crate::{yaml, yaml_library};

/// The parts that can be built separately.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Engine(Kind),
    /// The library parses the whole file to values.
    YamlWhole,
    /// The library parses one document after another to values.
    YamlValues,
    /// The library parses one document after another to a tree with positions.
    YamlPlaces,
    /// flowtrigger's node tree with spans.
    Nodes,
    /// Only flowtrigger's index, for compiled rules.
    Index,
}

/// The parts of loading that are measured.
pub const PARTS: &[Part] = &[
    Part::YamlWhole,
    Part::YamlValues,
    Part::YamlPlaces,
    Part::Nodes,
    Part::Index,
    Part::Engine(Kind::Ours),
];

const ROUNDS: usize = 3;

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cost {
    pub seconds: f64,
    /// The increase of resident memory.
    pub bytes: u64,
    /// The maximum increase of resident memory.
    pub peak: u64,
}

/// The cost of each part, by name.
pub type Costs = Vec<(&'static str, Result<Cost, String>)>;

impl Part {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Engine(kind) => kind.as_str(),
            Self::YamlWhole => "yaml-whole",
            Self::YamlValues => "yaml-values",
            Self::YamlPlaces => "yaml-places",
            Self::Nodes => "nodes",
            Self::Index => "index",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        let part = PARTS.iter().copied().find(|part| part.as_str() == word);
        part.or_else(|| Kind::named(word).map(Self::Engine))
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Engine(_) => "rules read, checked and indexed",
            Self::YamlWhole => "the YAML library: the whole file to values",
            Self::YamlValues => "the YAML library: document by document, to values",
            Self::YamlPlaces => "the YAML library: document by document, to a tree with positions",
            Self::Nodes => "node trees of flowtrigger, document by document",
            Self::Index => "the index alone",
        }
    }

    /// Returns the time limit. Builds of flowtrigger have a long one.
    fn limit(self, options: &Options) -> Duration {
        let factor = match self {
            Self::Engine(kind) => match kind.role() {
                Role::Peer | Role::HelpedPeer => 1,
                Role::Ours | Role::Reference | Role::Sketch | Role::Floor => 10,
            },
            Self::YamlWhole | Self::YamlValues | Self::YamlPlaces | Self::Nodes | Self::Index => 10,
        };
        Duration::from_secs(options.build_seconds * factor)
    }
}

/// Measures the parts in turn, in several rounds, so that noise affects all; returns the medians.
pub fn medians(size: usize, options: &Options) -> Costs {
    let mut all: Vec<(Part, Vec<Result<Cost, String>>)> =
        PARTS.iter().map(|&part| (part, Vec::new())).collect();
    for _ in 0..ROUNDS {
        for (part, costs) in &mut all {
            costs.push(elsewhere(*part, size, options));
        }
    }
    let middle = |costs: Vec<Result<Cost, String>>| {
        let mut costs = costs.into_iter().collect::<Result<Vec<Cost>, String>>()?;
        costs.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
        Ok(costs[costs.len() / 2])
    };
    all.into_iter()
        .map(|(part, costs)| (part.as_str(), middle(costs)))
        .collect()
}

/// Builds the part in another process.
pub fn elsewhere(part: Part, size: usize, options: &Options) -> Result<Cost, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .args(options.describe(part, size))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let limit = part.limit(options);
    // Includes the time to generate the rules, and for a build to report that it reached its limit.
    let end = Instant::now() + limit * 2 + Duration::from_secs(10);
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(_) => break,
            None if Instant::now() > end => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("over {} s", limit.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    let mut output = String::new();
    let read = child
        .stdout
        .take()
        .map(|mut out| out.read_to_string(&mut output));
    if read.is_some()
        && let Ok(cost) = serde_json::from_str(&output)
    {
        return Ok(cost);
    }
    let mut complaint = String::new();
    let _ = child
        .stderr
        .take()
        .map(|mut err| err.read_to_string(&mut complaint));
    Err(complaint
        .lines()
        .next()
        .unwrap_or("ended without a word")
        .to_owned())
}

/// Builds the part in this process.
pub fn here(part: Part, options: &Options) -> Result<Cost, String> {
    let size = options.sizes.first().copied().unwrap_or_default();
    let rules = draw::rules::rules(options.seed, size, options.rules, options.only);
    let yaml = yaml::file(&rules);
    let events = draw::event::one_of_each(options.seed);
    let input = Input {
        rules: &rules,
        yaml: &yaml,
        deadline: Deadline::after(part.limit(options)),
    };
    match part {
        Part::Engine(kind) => cost(|| {
            let mut engine = kind.build(&input)?;
            // Some engines do most of the work at the first event of each type.
            for event in &events {
                engine.matches(event, &mut Vec::new());
            }
            Ok(engine)
        }),
        Part::YamlWhole => cost(|| yaml_library::whole(&yaml)),
        Part::YamlValues => cost(|| yaml_library::values(&yaml)),
        Part::YamlPlaces => cost(|| yaml_library::tree(&yaml)),
        Part::Nodes => cost(|| {
            let mut found = Diagnostics::default();
            Ok(document::read(FileId::default(), &yaml, &mut found))
        }),
        Part::Index => {
            let read = ours::load(&yaml)?;
            cost(|| Ok(ours::index(&read)))
        }
    }
}

fn cost<T>(build: impl FnOnce() -> Result<T, String>) -> Result<Cost, String> {
    let (before, began) = (resident(), processor());
    let built = guarded(build)?;
    let cost = Cost {
        seconds: (processor() - began).as_secs_f64(),
        bytes: resident().saturating_sub(before),
        peak: peak().saturating_sub(before),
    };
    drop(built);
    Ok(cost)
}
