//! The lists of rules to try, all of an index in one piece of memory.
//! It refuses to grow once it is built.

use super::check::Check;

/// A rule to try: its number in the set, and what of its condition is not known yet to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    pub rule: u32,
    pub check: Check,
}

/// A run of postings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub length: u32,
}

/// Where lists are written one after the other.
#[derive(Debug, Default)]
pub struct Postings {
    list: Vec<Posting>,
}

impl Postings {
    pub fn add(&mut self, postings: impl IntoIterator<Item = Posting>) -> Span {
        let start = number(self.list.len());
        self.list.extend(postings);
        Span {
            start,
            length: number(self.list.len()) - start,
        }
    }

    pub fn finish(self) -> Box<[Posting]> {
        self.list.into()
    }
}

impl Span {
    pub fn is_empty(self) -> bool {
        self.length == 0
    }

    /// The first so many of them.
    pub fn first(self, length: usize) -> Self {
        Self {
            start: self.start,
            length: number(length),
        }
    }

    pub fn of<T>(self, list: &[T]) -> &[T] {
        let start = self.start as usize;
        &list[start..start + self.length as usize]
    }
}

/// A place in a table as its own short form.
pub fn number(length: usize) -> u32 {
    u32::try_from(length).expect("an index holds fewer than 2^32 of anything")
}
