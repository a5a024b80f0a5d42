//! The side of its operand that an ordering operator wants: of numbers, of times, of ranks alike.
//! It refuses to order anything itself.

use std::cmp::Ordering;

use crate::language::operator::index_condition::Interval;

/// The side of an operand that a value must be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    Below,
    UpTo,
    From,
    Above,
}

impl Side {
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Side::Below => ordering.is_lt(),
            Side::UpTo => ordering.is_le(),
            Side::From => ordering.is_ge(),
            Side::Above => ordering.is_gt(),
        }
    }

    /// How far from the operand the nearest value on this side of it lies.
    pub fn inside(self) -> i64 {
        match self {
            Side::Below => -1,
            Side::UpTo | Side::From => 0,
            Side::Above => 1,
        }
    }

    /// How far from it the nearest value lies that is not on this side.
    pub fn outside(self) -> i64 {
        match self {
            Side::UpTo => 1,
            Side::Below | Side::Above => 0,
            Side::From => -1,
        }
    }

    /// This side of a number, the number itself included.
    pub fn up_to_and_with(self, number: f64) -> Interval {
        match self {
            Side::Below | Side::UpTo => Interval {
                high: number,
                ..Interval::ALL
            },
            Side::From | Side::Above => Interval {
                low: number,
                ..Interval::ALL
            },
        }
    }

    /// The numbers on this side of one.
    pub fn of_number(self, number: f64) -> Interval {
        self.up_to_and_with(match self {
            Side::Below => number.next_down(),
            Side::UpTo | Side::From => number,
            Side::Above => number.next_up(),
        })
    }
}
