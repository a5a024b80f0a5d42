//! Limits the cost of JSONPath queries when they are compiled: evaluation is linear in the event size.
//! Queries that search the whole event for each node, or visit a node many times, are errors.

use jsonpath_rust::parser::model::{
    Comparable, Filter, FilterAtom, FnArg, JpQuery, Segment, Selector, SingularQuery, Test,
    TestFunction,
};

use crate::path::PathError;

/// The maximum number of combinations of selectors: `['a','b']['c','d']` has four.
const MAX_COMBINATIONS: usize = 64;

/// Checks the cost of a query.
///
/// # Errors
/// Why it costs too much, and what to write instead.
pub fn check(text: &str, query: &JpQuery) -> Result<(), PathError> {
    let mut cost = Cost::default();
    cost.segments(&query.segments, QueryContext::Path);
    let Some(CostError { message, help }) = cost.error else {
        return Ok(());
    };
    Err(PathError {
        message: format!("`{text}` {message}"),
        help: Some(help.into()),
    })
}

/// The maximum depth of nested function calls. The library's parser tries an unclosed call in several ways,
/// so that each further level triples the work.
const MAX_NESTED_CALLS: usize = 3;

/// Checks, before parsing, that a query does not take long to parse.
pub fn check_text(text: &str) -> Result<(), PathError> {
    match nested_calls(text) > MAX_NESTED_CALLS {
        false => Ok(()),
        true => Err(PathError {
            message: format!(
                "`{text}` calls functions within functions, more than {MAX_NESTED_CALLS} deep"
            ),
            help: Some("name one field, or compare it with an operator".into()),
        }),
    }
}

fn nested_calls(text: &str) -> usize {
    let (mut open, mut calls, mut most) = (Vec::new(), 0, 0);
    let (mut quote, mut before) = (None, ' ');
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(quoted), _) if quoted == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => {
                let call = before.is_ascii_alphanumeric() || before == '_';
                calls += usize::from(call);
                most = most.max(calls);
                open.push(call);
            }
            (None, ')') => calls -= usize::from(open.pop().unwrap_or_default()),
            (None, _) => {}
        }
        before = character;
    }
    most
}

#[derive(Default)]
struct Cost {
    descents: usize,
    combinations: usize,
    error: Option<CostError>,
}

struct CostError {
    message: &'static str,
    help: &'static str,
}

/// Where a part of a query is evaluated.
#[derive(Clone, Copy, PartialEq)]
enum QueryContext {
    Path,
    /// In a filter, which is evaluated for each node.
    Filter,
}

impl Cost {
    fn reject(&mut self, message: &'static str, help: &'static str) {
        self.error.get_or_insert(CostError { message, help });
    }

    fn segments(&mut self, segments: &[Segment], context: QueryContext) {
        for segment in segments {
            self.segment(segment, context);
        }
    }

    fn segment(&mut self, segment: &Segment, context: QueryContext) {
        match segment {
            Segment::Descendant(inner) => {
                self.descent(context);
                self.segment(inner, context);
            }
            Segment::Selector(selector) => self.selector(selector),
            Segment::Selectors(selectors) => {
                self.combine(selectors.len());
                selectors
                    .iter()
                    .for_each(|selector| self.selector(selector));
            }
        }
    }

    fn descent(&mut self, context: QueryContext) {
        self.descents += 1;
        if context == QueryContext::Filter {
            let help = "name the keys that lead to what the filter looks at";
            self.reject("has a `..` in a filter", help);
        } else if self.descents > 1 {
            let help = "one descent is allowed; name the keys in between";
            self.reject("has more than one `..`", help);
        }
    }

    fn combine(&mut self, selectors: usize) {
        self.combinations = self.combinations.max(1).saturating_mul(selectors.max(1));
        if self.combinations > MAX_COMBINATIONS {
            let help = "write one path for each, under `any:`";
            self.reject("selects more than 64 combinations", help);
        }
    }

    fn selector(&mut self, selector: &Selector) {
        match selector {
            Selector::Filter(filter) => self.filter(filter),
            Selector::Name(_) | Selector::Wildcard | Selector::Index(_) | Selector::Slice(..) => {}
        }
    }

    fn filter(&mut self, filter: &Filter) {
        match filter {
            Filter::Or(filters) | Filter::And(filters) => {
                filters.iter().for_each(|filter| self.filter(filter));
            }
            Filter::Atom(FilterAtom::Filter { expr, .. }) => self.filter(expr),
            Filter::Atom(FilterAtom::Test { expr, .. }) => self.test(expr),
            Filter::Atom(FilterAtom::Comparison(comparison)) => {
                let (left, right) = comparison.vals();
                self.comparable(left);
                self.comparable(right);
                if is_absolute(left) && is_absolute(right) {
                    let help = "write it as a separate condition";
                    self.reject(
                        "has a comparison in a filter that is the same for every node",
                        help,
                    );
                }
            }
        }
    }

    fn comparable(&mut self, side: &Comparable) {
        match side {
            Comparable::Function(function) => self.function(function),
            Comparable::Literal(_) | Comparable::SingularQuery(_) => {}
        }
    }

    fn test(&mut self, test: &Test) {
        match test {
            Test::RelQuery(segments) => self.segments(segments, QueryContext::Filter),
            Test::AbsQuery(query) => {
                let is_plain = |segment: &Segment| {
                    matches!(
                        segment,
                        Segment::Selector(Selector::Name(_) | Selector::Index(_))
                    )
                };
                if !query.segments.iter().all(is_plain) {
                    let help = "write it as a separate condition; a filter looks at `@`";
                    self.reject("searches the whole event again in a filter", help);
                }
            }
            Test::Function(function) => self.function(function),
        }
    }

    fn function(&mut self, function: &TestFunction) {
        match function {
            TestFunction::Length(argument) => self.argument(argument),
            TestFunction::Value(argument) | TestFunction::Count(argument) => {
                self.argument(argument);
            }
            TestFunction::Custom(_, arguments) => {
                arguments
                    .iter()
                    .for_each(|argument| self.argument(argument));
            }
            // A pattern in a filter is compiled again for every node of every event.
            TestFunction::Search(..) | TestFunction::Match(..) => {
                let help = "select the nodes with the path and test them with `matches:`";
                self.reject("uses a regex function in a filter", help);
            }
        }
    }

    fn argument(&mut self, argument: &FnArg) {
        match argument {
            FnArg::Literal(_) => {}
            FnArg::Test(test) => self.test(test),
            FnArg::Filter(filter) => self.filter(filter),
        }
    }
}

fn is_absolute(side: &Comparable) -> bool {
    match side {
        Comparable::SingularQuery(SingularQuery::Root(_)) => true,
        Comparable::SingularQuery(SingularQuery::Current(_))
        | Comparable::Literal(_)
        | Comparable::Function(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_calls_are_counted_outside_of_strings() {
        for (text, expected) in [
            ("$.a", 0),
            ("$[?length(@.a) == 1]", 1),
            ("$[?length(@.a) == length(@.b)]", 1),
            ("$[?length(value(@..a)) == 1]", 2),
            ("$[?((@.a == 1) && (@.b == 2))]", 0),
            ("$['f(f(f(f(f(']", 0),
            ("$[\"a\\\"f(f(\"]", 0),
            ("$[?f(f(f(f(x", 4),
            (")))f(", 1),
        ] {
            assert_eq!(nested_calls(text), expected, "{text}");
        }
    }
}
