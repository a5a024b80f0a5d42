//! A condition over numbered predicates. Negation is part of the predicates, so the condition is true exactly
//! if it is true with every verdict but a match counted as false: two truth values are enough here. Constants
//! are folded into the groups around them.

/// A condition whose predicates are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    True,
    False,
    Leaf(u32),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

impl Tree {
    pub fn all(parts: impl IntoIterator<Item = Tree>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Tree::True => {}
                Tree::False => return Tree::False,
                Tree::All(parts) => kept.extend(parts),
                Tree::Leaf(_) | Tree::Any(_) => kept.push(part),
            }
        }
        match single(&mut kept) {
            Some(single) => single,
            None if kept.is_empty() => Tree::True,
            None => Tree::All(kept),
        }
    }

    pub fn any(parts: impl IntoIterator<Item = Tree>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Tree::True => return Tree::True,
                Tree::False => {}
                Tree::Any(parts) => kept.extend(parts),
                Tree::Leaf(_) | Tree::All(_) => kept.push(part),
            }
        }
        match single(&mut kept) {
            Some(single) => single,
            None if kept.is_empty() => Tree::False,
            None => Tree::Any(kept),
        }
    }

    /// The residual condition if some predicates are known to hold.
    pub fn assuming(&self, known: &[u32]) -> Tree {
        match self {
            Tree::Leaf(leaf) if known.contains(leaf) => Tree::True,
            Tree::True | Tree::False | Tree::Leaf(_) => self.clone(),
            Tree::All(parts) => Tree::all(parts.iter().map(|part| part.assuming(known))),
            Tree::Any(parts) => Tree::any(parts.iter().map(|part| part.assuming(known))),
        }
    }

    /// Sorts the parts so that the evaluation ends soon; `order` is the sort key of a predicate.
    pub fn sort(&mut self, order: &impl Fn(u32) -> f32) {
        let (Tree::All(parts) | Tree::Any(parts)) = self else {
            return;
        };
        for part in parts.iter_mut() {
            part.sort(order);
        }
        let key = |part: &Tree| match part {
            Tree::Leaf(leaf) => order(*leaf),
            // Larger parts come after smaller ones.
            Tree::True | Tree::False | Tree::All(_) | Tree::Any(_) => 4.0,
        };
        parts.sort_by(|a, b| key(a).total_cmp(&key(b)));
        parts.dedup();
    }
}

fn single(parts: &mut Vec<Tree>) -> Option<Tree> {
    match parts.len() {
        1 => parts.pop(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_vanishes() {
        let leaf = Tree::Leaf;
        let inner = Tree::any([leaf(1), Tree::False, Tree::any([leaf(2), leaf(3)])]);
        assert_eq!(inner, Tree::Any(vec![leaf(1), leaf(2), leaf(3)]));
        let tree = Tree::all([leaf(0), Tree::True, inner.clone()]);
        assert_eq!(tree, Tree::All(vec![leaf(0), inner.clone()]));
        assert_eq!(tree.assuming(&[0]), inner);
        assert_eq!(tree.assuming(&[2]), leaf(0));
        assert_eq!(tree.assuming(&[0, 3]), Tree::True);
        assert_eq!(Tree::all([leaf(1), Tree::False]), Tree::False);
        assert_eq!(Tree::all([]), Tree::True);
        assert_eq!(Tree::any([]), Tree::False);
    }

    #[test]
    fn groups_are_asked_last_and_nothing_twice() {
        let leaf = Tree::Leaf;
        let any = Tree::Any(vec![leaf(1), leaf(2)]);
        let mut tree = Tree::All(vec![any.clone(), leaf(3), leaf(0), leaf(3)]);
        tree.sort(&|leaf| leaf as f32 / 10.0);
        assert_eq!(tree, Tree::All(vec![leaf(0), leaf(3), any]));
    }
}
