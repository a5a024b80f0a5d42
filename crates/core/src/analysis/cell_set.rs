//! A set of cells of one variable. A variable has at most [`CellSet::CAPACITY`] cells.

use std::ops::{BitAnd, BitOr};

/// A set of cell numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CellSet(u128);

impl CellSet {
    /// The number of cells that a variable can have.
    pub const CAPACITY: usize = 128;

    pub const EMPTY: Self = Self(0);

    /// Returns the set of the first `count` cells.
    pub fn first(count: usize) -> Self {
        match count {
            0 => Self::EMPTY,
            Self::CAPACITY.. => Self(u128::MAX),
            count => Self((1 << count) - 1),
        }
    }

    /// Returns the set of one cell.
    pub fn one(cell: usize) -> Self {
        Self(1 << cell)
    }

    /// Returns the set of all cells but one.
    pub fn all_but(cell: usize) -> Self {
        Self(!(1 << cell))
    }

    pub fn insert(&mut self, cell: usize) {
        self.0 |= 1 << cell;
    }

    pub fn contains(self, cell: usize) -> bool {
        self.0 & (1 << cell) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every cell of this set is in the other.
    pub fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The cells, ascending.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..Self::CAPACITY).filter(move |cell| self.contains(*cell))
    }
}

impl BitAnd for CellSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for CellSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
