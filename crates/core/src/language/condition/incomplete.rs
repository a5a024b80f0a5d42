//! The result of lowering a condition: with mistakes, its correct parts, so that they can still be checked.

use crate::language::condition::Condition;

/// What could be lowered of a condition with a reported mistake. The parts with mistakes count as possible.
pub struct Incomplete(pub Condition);

impl Incomplete {
    /// Nothing could be lowered.
    pub fn nothing() -> Self {
        Self(Condition::always())
    }
}

/// A condition, or the correct parts of one with mistakes.
pub type Lowered = Result<Condition, Incomplete>;

/// Combines parts; the result is incomplete if one of them is.
pub fn combined(parts: Vec<Lowered>, combine: impl FnOnce(Vec<Condition>) -> Condition) -> Lowered {
    let complete = parts.iter().all(Result::is_ok);
    let parts = parts.into_iter();
    let whole = combine(
        parts
            .map(|part| part.unwrap_or_else(|Incomplete(part)| part))
            .collect(),
    );
    match complete {
        true => Ok(whole),
        false => Err(Incomplete(whole)),
    }
}
