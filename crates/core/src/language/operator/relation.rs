//! The side of its operand that an ordering operator wants: of numbers, of times, of ranks alike.
//! It refuses to order anything itself.

use std::cmp::Ordering;

use crate::language::operator::index_condition::Interval;

/// The side of an operand that a value must be on.
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

    /// How far from the operand the nearest value on this side of it lies.
    pub fn inside(self) -> i64 {
        match self {
            OrderRelation::Less => -1,
            OrderRelation::LessOrEqual | OrderRelation::GreaterOrEqual => 0,
            OrderRelation::Greater => 1,
        }
    }

    /// How far from it the nearest value lies that is not on this side.
    pub fn outside(self) -> i64 {
        match self {
            OrderRelation::LessOrEqual => 1,
            OrderRelation::Less | OrderRelation::Greater => 0,
            OrderRelation::GreaterOrEqual => -1,
        }
    }

    /// This side of a number, the number itself included.
    pub fn up_to_and_with(self, number: f64) -> Interval {
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

    /// The numbers on this side of one.
    pub fn of_number(self, number: f64) -> Interval {
        self.up_to_and_with(match self {
            OrderRelation::Less => number.next_down(),
            OrderRelation::LessOrEqual | OrderRelation::GreaterOrEqual => number,
            OrderRelation::Greater => number.next_up(),
        })
    }
}
