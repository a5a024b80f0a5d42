//! Residual conditions as one array of numbers, in the order in which rules are tested. Most are
//! conjunctions of a few predicates. Predicates are evaluated by the caller.

use crate::matching::index::condition::IndexedCondition;
use crate::matching::index::fast_check::FastCheck;

/// Start of a residual condition, or `NOTHING` if nothing is left to test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckStart(pub u32);

/// A word has its kind in the two highest bits. The rest is the number of words that follow for `all` and
/// `any`, the number of a predicate, or the slot and the test of a fast check. Its operands follow.
#[derive(Debug, Default)]
pub struct CheckProgram {
    words: Vec<u32>,
}

/// Evaluates predicates.
pub trait PredicateEvaluator {
    fn evaluate(&mut self, predicate: u32) -> bool;
    fn fast_check(&mut self, check: u32, operands: &[u32]) -> bool;
}

const PREDICATE: u32 = 0;
const ALL: u32 = 1 << 30;
const ANY: u32 = 2 << 30;
const FAST_CHECK: u32 = 3 << 30;
const MARK: u32 = 3 << 30;
/// In a fast check: how many words follow.
const MAX_OPERANDS: u32 = 15;

impl CheckStart {
    pub const NOTHING: Self = Self(u32::MAX);
}

impl CheckProgram {
    /// The number of words so far: the start of the next condition.
    pub fn length(&self) -> usize {
        self.words.len()
    }

    pub fn write(&mut self, tree: &IndexedCondition, checks: &[FastCheck], operands: &[u32]) {
        let (mark, parts) = match tree {
            IndexedCondition::Leaf(leaf) => {
                return self.leaf(*leaf, checks[*leaf as usize], operands);
            }
            IndexedCondition::All(parts) => (ALL, parts.as_slice()),
            IndexedCondition::Any(parts) => (ANY, parts.as_slice()),
            // An empty `all` is true, an empty `any` is false.
            IndexedCondition::True => (ALL, &[][..]),
            IndexedCondition::False => (ANY, &[][..]),
        };
        let at = self.words.len();
        self.words.push(mark);
        for part in parts {
            self.write(part, checks, operands);
        }
        let spanned = self.words.len() - at - 1;
        self.words[at] |= crate::matching::index::posting::number(spanned) & !MARK;
    }

    fn leaf(&mut self, leaf: u32, check: FastCheck, operands: &[u32]) {
        let Some((check, operands)) = check.encode(operands) else {
            return self.words.push(leaf);
        };
        let length = crate::matching::index::posting::number(operands.len());
        if length > MAX_OPERANDS || check > (!MARK >> 4) {
            return self.words.push(leaf);
        }
        self.words.push(FAST_CHECK | (check << 4) | length);
        self.words.extend(operands);
    }

    pub fn finish(self) -> Box<[u32]> {
        self.words.into()
    }
}

/// Whether a residual condition holds.
#[inline]
pub fn holds(check: CheckStart, code: &[u32], evaluator: &mut impl PredicateEvaluator) -> bool {
    match check {
        CheckStart::NOTHING => true,
        CheckStart(at) => node_holds(&code[at as usize..], evaluator),
    }
}

fn node_holds(code: &[u32], evaluator: &mut impl PredicateEvaluator) -> bool {
    let Some((&word, rest)) = code.split_first() else {
        return true;
    };
    let decisive = match word & MARK {
        PREDICATE | FAST_CHECK => return leaf_holds(word, rest, evaluator),
        mark => mark == ANY,
    };
    let mut parts = &rest[..(word & !MARK) as usize];
    while let Some((&word, rest)) = parts.split_first() {
        let holds = match word & MARK {
            PREDICATE | FAST_CHECK => leaf_holds(word, rest, evaluator),
            _ => node_holds(parts, evaluator),
        };
        if holds == decisive {
            return decisive;
        }
        parts = &rest[length(word)..];
    }
    !decisive
}

#[inline]
fn leaf_holds(word: u32, rest: &[u32], evaluator: &mut impl PredicateEvaluator) -> bool {
    match word & MARK {
        FAST_CHECK => {
            let operands = &rest[..(word & MAX_OPERANDS) as usize];
            evaluator.fast_check((word & !MARK) >> 4, operands)
        }
        _ => evaluator.evaluate(word),
    }
}

/// The words of a condition after its first.
fn length(word: u32) -> usize {
    match word & MARK {
        PREDICATE => 0,
        FAST_CHECK => (word & MAX_OPERANDS) as usize,
        _ => (word & !MARK) as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::operator::index_condition::Interval;

    /// Predicates as bits; a fast check reads the slot of its bit.
    struct Bits(u32);

    impl PredicateEvaluator for Bits {
        fn evaluate(&mut self, predicate: u32) -> bool {
            self.0 & (1 << predicate) != 0
        }

        fn fast_check(&mut self, check: u32, _: &[u32]) -> bool {
            let slot = check >> 3;
            self.0 & (1 << slot) != 0
        }
    }

    #[test]
    fn a_condition_holds_as_its_tree_does() {
        let leaf = IndexedCondition::Leaf;
        let tree = IndexedCondition::All(vec![
            leaf(0),
            IndexedCondition::Any(vec![leaf(1), IndexedCondition::All(vec![leaf(2), leaf(3)])]),
            leaf(4),
        ]);
        let checks = [
            FastCheck::None,
            FastCheck::Exists(1),
            FastCheck::Number(2, Interval::ALL),
            FastCheck::None,
            FastCheck::Present(4),
        ];
        let mut code = CheckProgram::default();
        code.write(&leaf(4), &checks, &[]);
        let check = CheckStart(crate::matching::index::posting::number(code.length()));
        code.write(&tree, &checks, &[]);
        let code = code.finish();
        for bits in 0..32_u32 {
            let is = |leaf: u32| bits & (1 << leaf) != 0;
            let expected = is(0) && (is(1) || (is(2) && is(3))) && is(4);
            assert_eq!(holds(check, &code, &mut Bits(bits)), expected, "{bits:05b}");
        }
    }

    #[test]
    fn nothing_left_holds() {
        assert!(holds(CheckStart::NOTHING, &[], &mut Bits(0)));
    }
}
