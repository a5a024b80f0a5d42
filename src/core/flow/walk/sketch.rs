//! What a walk would do, noted on the way instead of done.
//! It knows no more than the log that the walk was given.

use std::collections::HashSet;

use crate::core::flow::plan::{MOST_PLANNED, Planned, What};
use crate::core::flow::step::Step;

#[derive(Default)]
pub struct Sketch<'a> {
    pub planned: Vec<Planned<'a>>,
    /// Places of calls of which nobody knows what they would give.
    open: HashSet<String>,
    /// How often something was met that nobody knows.
    pub unknown: usize,
    /// What is met is not shown.
    pub hidden: bool,
}

impl<'a> Sketch<'a> {
    pub fn new(open: HashSet<String>) -> Self {
        Self {
            open,
            ..Self::default()
        }
    }

    pub fn knows_nothing_of(&self, place: &str) -> bool {
        self.open.contains(place)
    }

    pub fn add(&mut self, step: &'a Step, place: &str, depth: usize, what: What) {
        if matches!(what, What::Later | What::Undecided(_)) {
            self.unknown += 1;
        }
        if self.hidden || self.planned.len() == MOST_PLANNED {
            return;
        }
        self.planned.push(Planned {
            step,
            place: place.to_owned(),
            depth,
            what,
        });
    }

    /// The failure of what was noted last leads on.
    pub fn caught(&mut self, place: &str, why: &str) {
        if let Some(last) = self.planned.last() {
            let (step, depth) = (last.step, last.depth);
            self.add(step, place, depth, What::Caught(why.to_owned()));
        }
    }
}
