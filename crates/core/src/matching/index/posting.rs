//! The posting lists of an index, in one allocation. They do not change once built.

use crate::matching::index::check_program::{CheckProgram, CheckStart};
use crate::matching::index::condition::IndexedCondition;
use crate::matching::index::fast_check::FastCheck;

/// A candidate rule: its number in the set and its residual condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    pub rule: u32,
    pub check: CheckStart,
}

/// A range of postings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PostingRange {
    pub start: u32,
    pub length: u32,
}

/// Builder of the lists. Lists and their residual conditions are written in the same order, so that testing
/// a list reads memory sequentially.
#[derive(Debug, Default)]
pub struct Postings {
    list: Vec<Posting>,
    code: CheckProgram,
    rests: Vec<ResidualCondition>,
    checks: Vec<FastCheck>,
    operands: Vec<u32>,
}

/// A residual condition, to be written where it is first tested.
#[derive(Debug)]
pub struct ResidualCondition {
    pub tree: IndexedCondition,
    /// How often it may still be copied; then it is shared.
    pub copies: u32,
    pub written: CheckStart,
}

impl Postings {
    pub fn new(rests: Vec<ResidualCondition>, checks: Vec<FastCheck>, operands: Vec<u32>) -> Self {
        Self {
            rests,
            checks,
            operands,
            ..Self::default()
        }
    }

    /// Until then, `check` is the number of a residual condition.
    pub fn add(&mut self, postings: impl IntoIterator<Item = Posting>) -> PostingRange {
        let start = number(self.list.len());
        for posting in postings {
            let check = self.written(posting.check);
            self.list.push(Posting { check, ..posting });
        }
        PostingRange {
            start,
            length: number(self.list.len()) - start,
        }
    }

    fn written(&mut self, check: CheckStart) -> CheckStart {
        if check == CheckStart::NOTHING {
            return check;
        }
        let rest = &mut self.rests[check.0 as usize];
        if rest.copies > 0 {
            rest.copies -= 1;
            rest.written = CheckStart(number(self.code.length()));
            self.code.write(&rest.tree, &self.checks, &self.operands);
        }
        rest.written
    }

    pub fn finish(self) -> (Box<[Posting]>, Box<[u32]>) {
        (self.list.into(), self.code.finish())
    }
}

impl PostingRange {
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
