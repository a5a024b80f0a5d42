//! What of a condition is left to judge, written as numbers one after the other: most conditions are a few
//! predicates of which all must hold. It judges none itself.

use super::posting::number;
use super::tree::Tree;

/// Nothing; one predicate; or where in the code a condition begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check(u32);

/// Words: a predicate's number, or a mark with the length of what it spans.
#[derive(Debug, Default)]
pub struct Code {
    words: Vec<u32>,
}

const ELSEWHERE: u32 = 1 << 31;
const ALL: u32 = 1 << 30;
const ANY: u32 = 1 << 31;
const LENGTH: u32 = ALL - 1;

impl Check {
    pub const NOTHING: Self = Self(u32::MAX);
}

impl Code {
    /// None where the condition never holds.
    pub fn add(&mut self, tree: &Tree) -> Option<Check> {
        match tree {
            Tree::True => Some(Check::NOTHING),
            Tree::False => None,
            Tree::Leaf(leaf) => Some(Check(*leaf)),
            Tree::All(_) | Tree::Any(_) => {
                let start = number(self.words.len());
                self.write(tree);
                Some(Check(ELSEWHERE | start))
            }
        }
    }

    fn write(&mut self, tree: &Tree) {
        let (mark, parts) = match tree {
            Tree::Leaf(leaf) => return self.words.push(*leaf),
            Tree::All(parts) => (ALL, parts.as_slice()),
            Tree::Any(parts) => (ANY, parts.as_slice()),
            // All of none, and any of none.
            Tree::True => (ALL, &[][..]),
            Tree::False => (ANY, &[][..]),
        };
        let at = self.words.len();
        self.words.push(mark);
        for part in parts {
            self.write(part);
        }
        self.words[at] |= number(self.words.len() - at - 1) & LENGTH;
    }

    pub fn finish(self) -> Box<[u32]> {
        self.words.into()
    }
}

/// Whether what is left holds, where `leaf` judges a predicate.
#[inline]
pub fn holds(check: Check, code: &[u32], leaf: &mut impl FnMut(u32) -> bool) -> bool {
    match check {
        Check::NOTHING => true,
        Check(word) if word & ELSEWHERE == 0 => leaf(word),
        Check(word) => group_holds((word & !ELSEWHERE) as usize, code, leaf),
    }
}

fn group_holds(at: usize, code: &[u32], leaf: &mut impl FnMut(u32) -> bool) -> bool {
    let decisive = code[at] & ANY != 0;
    let end = end(at, code);
    let mut at = at + 1;
    while at < end {
        let holds = match code[at] & (ALL | ANY) {
            0 => leaf(code[at]),
            _ => group_holds(at, code, leaf),
        };
        if holds == decisive {
            return decisive;
        }
        at = self::end(at, code);
    }
    !decisive
}

/// The word behind a condition.
fn end(at: usize, code: &[u32]) -> usize {
    match code[at] & (ALL | ANY) {
        0 => at + 1,
        _ => at + 1 + (code[at] & LENGTH) as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_as_its_tree_does() {
        let leaf = Tree::Leaf;
        let tree = Tree::All(vec![
            leaf(0),
            Tree::Any(vec![leaf(1), Tree::All(vec![leaf(2), leaf(3)])]),
            leaf(4),
        ]);
        let mut code = Code::default();
        code.add(&Tree::All(vec![leaf(4), leaf(3)]));
        let check = code.add(&tree).expect("a condition");
        let code = code.finish();
        for bits in 0..32_u32 {
            let mut is = |leaf: u32| bits & (1 << leaf) != 0;
            let expected = is(0) && (is(1) || (is(2) && is(3))) && is(4);
            assert_eq!(holds(check, &code, &mut is), expected, "{bits:05b}");
        }
    }

    #[test]
    fn what_is_settled_needs_no_predicate() {
        let mut code = Code::default();
        assert_eq!(code.add(&Tree::True), Some(Check::NOTHING));
        assert_eq!(code.add(&Tree::False), None);
        assert!(holds(Check::NOTHING, &[], &mut |_| unreachable!()));
    }
}
