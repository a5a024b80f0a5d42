//! The posting lists of an index, in one allocation. They do not change once built.

use crate::matching::index::check_program::{Check, Code};
use crate::matching::index::fast_check::Quick;
use crate::matching::index::condition::Tree;

/// A candidate rule: its number in the set and its residual condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    pub rule: u32,
    pub check: Check,
}

/// A range of postings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub length: u32,
}

/// Builder of the lists. Lists and their residual conditions are written in the same order, so that testing
/// a list reads memory sequentially.
#[derive(Debug, Default)]
pub struct Postings {
    list: Vec<Posting>,
    code: Code,
    rests: Vec<Rest>,
    quick: Vec<Quick>,
    asked: Vec<u32>,
}

/// A residual condition, to be written where it is first tested.
#[derive(Debug)]
pub struct Rest {
    pub tree: Tree,
    /// How often it may still be copied; then it is shared.
    pub copies: u32,
    pub written: Check,
}

impl Postings {
    pub fn new(rests: Vec<Rest>, quick: Vec<Quick>, asked: Vec<u32>) -> Self {
        Self {
            rests,
            quick,
            asked,
            ..Self::default()
        }
    }

    /// Until then, `check` is the number of a residual condition.
    pub fn add(&mut self, postings: impl IntoIterator<Item = Posting>) -> Span {
        let start = number(self.list.len());
        for posting in postings {
            let check = self.written(posting.check);
            self.list.push(Posting { check, ..posting });
        }
        Span {
            start,
            length: number(self.list.len()) - start,
        }
    }

    fn written(&mut self, check: Check) -> Check {
        if check == Check::NOTHING {
            return check;
        }
        let rest = &mut self.rests[check.0 as usize];
        if rest.copies > 0 {
            rest.copies -= 1;
            rest.written = Check(number(self.code.length()));
            self.code.write(&rest.tree, &self.quick, &self.asked);
        }
        rest.written
    }

    pub fn finish(self) -> (Box<[Posting]>, Box<[u32]>) {
        (self.list.into(), self.code.finish())
    }
}

impl Span {
    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// The first postings of a range, up to a count.
    pub fn take(self, length: usize) -> Self {
        Self {
            start: self.start,
            length: number(length),
        }
    }

    pub fn slice<T>(self, list: &[T]) -> &[T] {
        let start = self.start as usize;
        &list[start..start + self.length as usize]
    }
}

/// A position as u32.
pub fn number(length: usize) -> u32 {
    u32::try_from(length).expect("an index holds fewer than 2^32 of anything")
}
