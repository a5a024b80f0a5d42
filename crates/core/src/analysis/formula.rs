//! Formulas over the cells of variables, and the bounded search for cells with which a formula holds.

use crate::analysis::cell_set::CellSet;

/// A formula in negation normal form.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// The variable has one of these cells.
    In(usize, CellSet),
    Every(Vec<Formula>),
    Some(Vec<Formula>),
}

impl Formula {
    pub const TRUE: Self = Self::Every(Vec::new());
    pub const FALSE: Self = Self::Some(Vec::new());

    /// The part alone if there is only one.
    pub fn every(mut parts: Vec<Formula>) -> Self {
        match parts.len() {
            1 => parts.swap_remove(0),
            _ => Self::Every(parts),
        }
    }

    /// The part alone if there is only one.
    pub fn some(mut parts: Vec<Formula>) -> Self {
        match parts.len() {
            1 => parts.swap_remove(0),
            _ => Self::Some(parts),
        }
    }
}

/// More decisions than this are not made for one question.
const MAX_DECISIONS: usize = 20_000;

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchEnd {
    /// The visitor accepted a solution.
    Accepted,
    /// Every solution was visited, and none accepted.
    Exhausted,
    /// The search was ended before every solution was visited.
    Limited,
}

/// Looks for the cells with which all formulas hold.
pub struct CellSearch<V> {
    /// Decides on a solution: the remaining cells of each variable. True ends the search.
    visit: V,
    decisions: usize,
}

impl<V: FnMut(&[CellSet]) -> bool> CellSearch<V> {
    pub fn new(visit: V) -> Self {
        Self {
            visit,
            decisions: 0,
        }
    }

    /// Visits the solutions. Each has, for every variable, the cells of which any can be chosen.
    pub fn run(&mut self, formulas: &[Formula], domains: Vec<CellSet>) -> SearchEnd {
        self.solve(formulas.iter().collect(), Vec::new(), domains)
    }

    fn solve(
        &mut self,
        pending: Vec<&Formula>,
        groups: Vec<FormulaChoice<'_>>,
        mut domains: Vec<CellSet>,
    ) -> SearchEnd {
        let Some(mut open) = propagate(pending, groups, &mut domains) else {
            return SearchEnd::Exhausted;
        };
        let smallest = open.iter().enumerate().min_by_key(|(_, parts)| parts.len());
        let Some((number, _)) = smallest else {
            return match (self.visit)(&domains) {
                true => SearchEnd::Accepted,
                false => SearchEnd::Exhausted,
            };
        };
        for part in open.swap_remove(number) {
            self.decisions += 1;
            if self.decisions > MAX_DECISIONS {
                return SearchEnd::Limited;
            }
            match self.solve(vec![part], open.clone(), domains.clone()) {
                SearchEnd::Exhausted => {}
                end @ (SearchEnd::Accepted | SearchEnd::Limited) => return end,
            }
        }
        SearchEnd::Exhausted
    }
}

/// Formulas of which one must hold.
type FormulaChoice<'f> = Vec<&'f Formula>;

/// Restricts the domains until only choices remain that they do not decide. `None` if there is no solution.
fn propagate<'f>(
    mut pending: Vec<&'f Formula>,
    mut groups: Vec<FormulaChoice<'f>>,
    domains: &mut [CellSet],
) -> Option<Vec<FormulaChoice<'f>>> {
    while !pending.is_empty() {
        while let Some(formula) = pending.pop() {
            match formula {
                Formula::In(variable, cells) => {
                    domains[*variable] = domains[*variable] & *cells;
                    if domains[*variable].is_empty() {
                        return None;
                    }
                }
                Formula::Every(parts) => pending.extend(parts),
                Formula::Some(parts) => groups.push(parts.iter().collect()),
            }
        }
        let mut remaining = Vec::with_capacity(groups.len());
        for mut group in groups {
            if group.iter().any(|part| is_entailed(part, domains)) {
                continue;
            }
            group.retain(|part| is_possible(part, domains));
            match group.as_slice() {
                [] => return None,
                [only] => pending.push(only),
                [_, _, ..] => remaining.push(group),
            }
        }
        groups = remaining;
    }
    Some(groups)
}

/// Whether a part can hold, as far as each of its variables alone decides.
fn is_possible(formula: &Formula, domains: &[CellSet]) -> bool {
    match formula {
        Formula::In(variable, cells) => !(domains[*variable] & *cells).is_empty(),
        Formula::Every(parts) => parts.iter().all(|part| is_possible(part, domains)),
        Formula::Some(parts) => parts.iter().any(|part| is_possible(part, domains)),
    }
}

/// Whether a part holds for all remaining cells, as far as each of its variables alone decides.
fn is_entailed(formula: &Formula, domains: &[CellSet]) -> bool {
    match formula {
        Formula::In(variable, cells) => domains[*variable].is_within(*cells),
        Formula::Every(parts) => parts.iter().all(|part| is_entailed(part, domains)),
        Formula::Some(parts) => parts.iter().any(|part| is_entailed(part, domains)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(variable: usize, cells: &[usize]) -> Formula {
        let mut set = CellSet::EMPTY;
        cells.iter().for_each(|cell| set.insert(*cell));
        Formula::In(variable, set)
    }

    fn solutions(formulas: &[Formula], sizes: &[usize]) -> usize {
        let mut count = 0;
        let domains = sizes.iter().map(|size| CellSet::first(*size)).collect();
        let mut search = CellSearch::new(|_: &[CellSet]| {
            count += 1;
            false
        });
        assert_eq!(search.run(formulas, domains), SearchEnd::Exhausted);
        count
    }

    #[test]
    fn a_conjunction_without_common_cells_has_no_solution() {
        assert_eq!(solutions(&[within(0, &[0]), within(0, &[1])], &[3]), 0);
        assert_eq!(solutions(&[within(0, &[0, 1]), within(0, &[1])], &[3]), 1);
    }

    #[test]
    fn every_part_of_a_choice_is_visited() {
        let choice = Formula::Some(vec![within(0, &[0]), within(1, &[0])]);
        assert_eq!(solutions(std::slice::from_ref(&choice), &[2, 2]), 2);
        assert_eq!(
            solutions(&[choice.clone(), within(0, &[1]), within(1, &[1])], &[2, 2]),
            0
        );
        assert_eq!(solutions(&[Formula::FALSE], &[2]), 0);
        assert_eq!(solutions(&[Formula::TRUE], &[2]), 1);
    }
}
