//! A run's log, found by the places of its steps: how far each came.
//! It refuses to decide what follows.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde_json::Value;

use crate::core::run::{Attempt, Line, Reply};

/// What the log says, by place.
pub struct Log<'a> {
    stories: HashMap<&'a str, Story<'a>>,
    /// What the last taking up ended the wait for.
    pub over: Option<Timestamp>,
    /// Since when the run has been going, as far as its log tells; a person's order begins it anew.
    pub since: Option<Timestamp>,
}

/// What the log says of one step.
#[derive(Clone, Copy)]
pub struct Story<'a> {
    pub last: Last<'a>,
    /// Failed tries since a person last ordered the run to go on.
    pub tries: u32,
    /// The run was taken up after the last line of the step.
    pub claimed: bool,
    /// A person ordered the run to go on after the last line of the step.
    pub revived: bool,
    /// The failure led elsewhere.
    pub caught: Option<&'a Value>,
}

#[derive(Clone, Copy)]
pub enum Last<'a> {
    Nothing,
    Started { number: u32 },
    Waiting { until: Timestamp },
    Attempt(&'a Attempt),
}

impl<'a> Log<'a> {
    pub fn of(lines: &'a [Line]) -> Self {
        let mut log = Self {
            stories: HashMap::new(),
            over: None,
            since: None,
        };
        lines.iter().for_each(|line| log.add(line));
        log
    }

    pub fn story(&self, place: &str) -> Story<'a> {
        self.stories.get(place).copied().unwrap_or(UNTOLD)
    }

    /// The results of the steps that stand directly behind these names, by name.
    pub fn results(&self, prefix: &str) -> BTreeMap<&'a str, &'a Value> {
        let own = self.stories.iter().filter_map(|(place, story)| {
            let name = place.strip_prefix(prefix)?;
            let result = story.result().filter(|_| !name.contains(['.', '[']))?;
            Some((name, result))
        });
        own.collect()
    }

    fn add(&mut self, line: &'a Line) {
        match line {
            Line::Started { step, number, at } => {
                self.goes_on(step, *at, Last::Started { number: *number });
            }
            Line::Waiting { step, at, until } => {
                self.goes_on(step, *at, Last::Waiting { until: *until });
            }
            Line::Attempt(attempt) => {
                self.goes_on(&attempt.step, attempt.started, Last::Attempt(attempt));
                self.of_step(&attempt.step).tries += 1;
            }
            Line::Caught { step, error, .. } => self.of_step(step).caught = Some(error),
            Line::Claimed { over } => {
                self.over = self.over.max(*over);
                self.stories
                    .values_mut()
                    .for_each(|story| story.claimed = true);
            }
            Line::Revived { at } => {
                self.since = Some(*at);
                for story in self.stories.values_mut() {
                    (story.revived, story.tries) = (true, 0);
                }
            }
        }
    }

    fn goes_on(&mut self, step: &'a str, at: Timestamp, last: Last<'a>) {
        self.since = self.since.or(Some(at));
        let story = self.of_step(step);
        (story.last, story.claimed, story.revived) = (last, false, false);
    }

    fn of_step(&mut self, step: &'a str) -> &mut Story<'a> {
        self.stories.entry(step).or_insert(UNTOLD)
    }
}

const UNTOLD: Story<'static> = Story {
    last: Last::Nothing,
    tries: 0,
    claimed: false,
    revived: false,
    caught: None,
};

impl<'a> Story<'a> {
    pub fn result(&self) -> Option<&'a Value> {
        match self.last {
            Last::Attempt(Attempt {
                outcome: Ok(Reply { value: result }),
                ..
            }) => Some(result),
            Last::Attempt(_) | Last::Nothing | Last::Started { .. } | Last::Waiting { .. } => None,
        }
    }
}
