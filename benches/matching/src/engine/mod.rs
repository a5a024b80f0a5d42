//! The engines: each takes the bytes of one event and returns the numbers of the rules that match.

mod a_tree;
mod floor;
pub mod ours;
mod plain_loop;
mod quamina;
mod sketch;

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::rule::Rule;

pub trait Engine {
    /// Adds the numbers of the rules that match, in any order.
    fn matches(&mut self, event: &[u8], out: &mut Vec<u32>);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Kind {
    Ours,
    Loop,
    Quamina,
    QuaminaByType,
    QuaminaOwnRanges,
    ATree,
    ATreeByType,
    Sketch,
    Skip,
    ToValue,
}

/// The role of an engine in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Ours,
    /// The reference: slow, simple and correct.
    Reference,
    /// Used as its documentation suggests.
    Peer,
    /// One instance for each event type, which is found first.
    HelpedPeer,
    /// A short program that trusts its input.
    Sketch,
    /// Parses the bytes and matches nothing.
    Floor,
}

pub const ALL: &[Kind] = &[
    Kind::Ours,
    Kind::Loop,
    Kind::Quamina,
    Kind::QuaminaByType,
    Kind::QuaminaOwnRanges,
    Kind::ATree,
    Kind::ATreeByType,
    Kind::Sketch,
    Kind::Skip,
    Kind::ToValue,
];

impl Kind {
    /// The name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Loop => "loop",
            Self::Quamina => "quamina",
            Self::QuaminaByType => "quamina-by-type",
            Self::QuaminaOwnRanges => "quamina-own-ranges",
            Self::ATree => "a-tree",
            Self::ATreeByType => "a-tree-by-type",
            Self::Sketch => "sketch",
            Self::Skip => "skip",
            Self::ToValue => "value",
        }
    }

    /// The name in the tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ours => "**flowtrigger**",
            Self::Loop => "plain loop by type over `serde_json::Value`",
            Self::Quamina => "`quamina` 0.7, ranges filtered afterwards",
            Self::QuaminaByType => "*helped:* `quamina` 0.7, one instance a type",
            Self::QuaminaOwnRanges => "`quamina` 0.7 with its own ranges",
            Self::ATree => "`a-tree` 0.6, prefixes and patterns filtered afterwards",
            Self::ATreeByType => "*helped:* `a-tree` 0.6, one instance a type",
            Self::Sketch => "sketch for these rules, trusts its input",
            Self::Skip => "floor: `serde_json` skips every value (`IgnoredAny`)",
            Self::ToValue => "floor: `serde_json` to `Value`",
        }
    }

    pub fn role(self) -> Role {
        match self {
            Self::Ours => Role::Ours,
            Self::Loop => Role::Reference,
            Self::Quamina | Self::QuaminaOwnRanges | Self::ATree => Role::Peer,
            Self::QuaminaByType | Self::ATreeByType => Role::HelpedPeer,
            Self::Sketch => Role::Sketch,
            Self::Skip | Self::ToValue => Role::Floor,
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    pub fn build<'a>(self, input: &Input<'a>) -> Result<Box<dyn Engine + 'a>, String> {
        Ok(match self {
            Self::Ours => Box::new(ours::Ours::build(input)?),
            Self::Loop => Box::new(plain_loop::Loop::build(input)),
            Self::Quamina => Box::new(quamina::Whole::build(input, quamina::Ranges::Afterwards)?),
            Self::QuaminaOwnRanges => Box::new(quamina::Whole::build(input, quamina::Ranges::Own)?),
            Self::QuaminaByType => Box::new(quamina::ByType::build(input)?),
            Self::ATree => Box::new(a_tree::Whole::build(input)?),
            Self::ATreeByType => Box::new(a_tree::ByType::build(input)?),
            Self::Sketch => Box::new(sketch::Sketch::build(input)?),
            Self::Skip => Box::new(floor::Skip),
            Self::ToValue => Box::new(floor::ToValue),
        })
    }
}

/// The rules that an engine is built from.
pub struct Input<'a> {
    pub rules: &'a [Rule],
    /// The same rules as YAML text.
    pub yaml: &'a str,
    pub deadline: Deadline,
}

/// The limits on time and memory of a build.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    began: Instant,
    limit: Duration,
}

const MAX_BYTES: u64 = 6 << 30;

impl Deadline {
    pub fn after(limit: Duration) -> Self {
        Self {
            began: Instant::now(),
            limit,
        }
    }

    /// Checks the limits between rules; the error names the exceeded limit.
    pub fn check(&self) -> Result<(), String> {
        if self.began.elapsed() > self.limit {
            return Err(format!("over {} s to build", self.limit.as_secs()));
        }
        if crate::measure::resident() > MAX_BYTES {
            return Err(format!("over {} GB to build", MAX_BYTES >> 30));
        }
        Ok(())
    }
}

/// The predicates that an engine does not support, which are checked for the rules that it found.
struct Afterwards<'a> {
    rules: &'a [Rule],
    /// For each rule, whether it has such predicates.
    open: Vec<bool>,
}

impl<'a> Afterwards<'a> {
    fn new(rules: &'a [Rule], takes: impl Fn(&crate::rule::Test) -> bool) -> Self {
        let open = rules
            .iter()
            .map(|rule| !rule.flat().all(|predicate| takes(&predicate.test)));
        Self {
            rules,
            open: open.collect(),
        }
    }

    fn is_open(&self, number: u32) -> bool {
        self.open[number as usize]
    }

    fn confirms(&self, number: u32, body: &serde_json::Value) -> bool {
        self.rules[number as usize].when.holds(body) == Some(true)
    }
}

/// Returns the body where the paths of rules start.
fn body(event: &serde_json::Value) -> &serde_json::Value {
    &event["input"]["ticket_event"]
}
