//! A condition over numbered predicates. Negation is part of the predicates, so the condition is true exactly
//! if it is true with every verdict but a match counted as false: two truth values are enough here. Constants
//! are folded into the groups around them.

/// A condition whose predicates are numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexedCondition {
    True,
    False,
    Leaf(u32),
    All(Vec<IndexedCondition>),
    Any(Vec<IndexedCondition>),
}

impl IndexedCondition {
    pub fn all(parts: impl IntoIterator<Item = IndexedCondition>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                IndexedCondition::True => {}
                IndexedCondition::False => return IndexedCondition::False,
                IndexedCondition::All(parts) => kept.extend(parts),
                IndexedCondition::Leaf(_) | IndexedCondition::Any(_) => kept.push(part),
            }
        }
        match single(&mut kept) {
            Some(single) => single,
            None if kept.is_empty() => IndexedCondition::True,
            None => IndexedCondition::All(kept),
        }
    }

    pub fn any(parts: impl IntoIterator<Item = IndexedCondition>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                IndexedCondition::True => return IndexedCondition::True,
                IndexedCondition::False => {}
                IndexedCondition::Any(parts) => kept.extend(parts),
                IndexedCondition::Leaf(_) | IndexedCondition::All(_) => kept.push(part),
            }
        }
        match single(&mut kept) {
            Some(single) => single,
            None if kept.is_empty() => IndexedCondition::False,
            None => IndexedCondition::Any(kept),
        }
    }

    /// The residual condition if some predicates are known to hold.
    pub fn assuming(&self, known: &[u32]) -> IndexedCondition {
        match self {
            IndexedCondition::Leaf(leaf) if known.contains(leaf) => IndexedCondition::True,
            IndexedCondition::True | IndexedCondition::False | IndexedCondition::Leaf(_) => {
                self.clone()
            }
            IndexedCondition::All(parts) => {
                IndexedCondition::all(parts.iter().map(|part| part.assuming(known)))
            }
            IndexedCondition::Any(parts) => {
                IndexedCondition::any(parts.iter().map(|part| part.assuming(known)))
            }
        }
    }

    /// Sorts the parts so that the evaluation ends soon; `order` is the sort key of a predicate.
    pub fn sort(&mut self, order: &impl Fn(u32) -> f32) {
        let (IndexedCondition::All(parts) | IndexedCondition::Any(parts)) = self else {
            return;
        };
        for part in parts.iter_mut() {
            part.sort(order);
        }
        let key = |part: &IndexedCondition| match part {
            IndexedCondition::Leaf(leaf) => order(*leaf),
            // Larger parts come after smaller ones.
            IndexedCondition::True
            | IndexedCondition::False
            | IndexedCondition::All(_)
            | IndexedCondition::Any(_) => 4.0,
        };
        parts.sort_by(|a, b| key(a).total_cmp(&key(b)));
        parts.dedup();
    }
}

fn single(parts: &mut Vec<IndexedCondition>) -> Option<IndexedCondition> {
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
        let leaf = IndexedCondition::Leaf;
        let inner = IndexedCondition::any([
            leaf(1),
            IndexedCondition::False,
            IndexedCondition::any([leaf(2), leaf(3)]),
        ]);
        assert_eq!(
            inner,
            IndexedCondition::Any(vec![leaf(1), leaf(2), leaf(3)])
        );
        let tree = IndexedCondition::all([leaf(0), IndexedCondition::True, inner.clone()]);
        assert_eq!(tree, IndexedCondition::All(vec![leaf(0), inner.clone()]));
        assert_eq!(tree.assuming(&[0]), inner);
        assert_eq!(tree.assuming(&[2]), leaf(0));
        assert_eq!(tree.assuming(&[0, 3]), IndexedCondition::True);
        assert_eq!(
            IndexedCondition::all([leaf(1), IndexedCondition::False]),
            IndexedCondition::False
        );
        assert_eq!(IndexedCondition::all([]), IndexedCondition::True);
        assert_eq!(IndexedCondition::any([]), IndexedCondition::False);
    }

    #[test]
    fn groups_are_asked_last_and_nothing_twice() {
        let leaf = IndexedCondition::Leaf;
        let any = IndexedCondition::Any(vec![leaf(1), leaf(2)]);
        let mut tree = IndexedCondition::All(vec![any.clone(), leaf(3), leaf(0), leaf(3)]);
        tree.sort(&|leaf| leaf as f32 / 10.0);
        assert_eq!(tree, IndexedCondition::All(vec![leaf(0), leaf(3), any]));
    }
}
