//! The order relation that an operator requires between a value and its operand.
//! It applies to numbers, times and ranks alike; how two values are ordered is decided by the callers.

use std::cmp::Ordering;

use crate::language::operator::index_condition::Interval;

/// The required order of a value, relative to the operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderRelation {
    Less,
    LessOrEqual,
    GreaterOrEqual,
    Greater,
}

impl OrderRelation {
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            OrderRelation::Less => ordering.is_lt(),
            OrderRelation::LessOrEqual => ordering.is_le(),
            OrderRelation::GreaterOrEqual => ordering.is_ge(),
            OrderRelation::Greater => ordering.is_gt(),
        }
    }

    /// Returns the distance from the operand to the nearest value that satisfies the relation.
    pub fn satisfying_offset(self) -> i64 {
        match self {
            OrderRelation::Less => -1,
            OrderRelation::LessOrEqual | OrderRelation::GreaterOrEqual => 0,
            OrderRelation::Greater => 1,
        }
    }

    /// Returns the distance from the operand to the nearest value that violates the relation.
    pub fn violating_offset(self) -> i64 {
        match self {
            OrderRelation::LessOrEqual => 1,
            OrderRelation::Less | OrderRelation::Greater => 0,
            OrderRelation::GreaterOrEqual => -1,
        }
    }

    /// Returns the interval of numbers on this side of `number`, including `number`.
    pub fn closed_interval(self, number: f64) -> Interval {
        match self {
            OrderRelation::Less | OrderRelation::LessOrEqual => Interval {
                high: number,
                ..Interval::ALL
            },
            OrderRelation::GreaterOrEqual | OrderRelation::Greater => Interval {
                low: number,
                ..Interval::ALL
            },
        }
    }

    /// Returns the interval of numbers that satisfy the relation to `number`.
    pub fn interval(self, number: f64) -> Interval {
        self.closed_interval(match self {
            OrderRelation::Less => number.next_down(),
            OrderRelation::LessOrEqual | OrderRelation::GreaterOrEqual => number,
            OrderRelation::Greater => number.next_up(),
        })
    }
}
