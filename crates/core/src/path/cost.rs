//! What a query could cost at most, told before any event comes: work that grows with the event, and no
//! faster. It refuses whatever looks at the whole event once for each of its nodes, or at a node many times.

use jsonpath_rust::parser::model::{
    Comparable, Filter, FilterAtom, FnArg, JpQuery, Segment, Selector, SingularQuery, Test,
    TestFunction,
};

use crate::path::PathError;

/// Times that a node may be yielded, where selectors stand side by side: `['a','b']['c','d']` makes four.
const MOST_WAYS: usize = 64;

/// Why a query is too costly, and what to write instead.
pub fn check(text: &str, query: &JpQuery) -> Result<(), PathError> {
    let mut cost = Cost::default();
    cost.segments(&query.segments, QueryContext::Path);
    let Some(CostError { message, help }) = cost.trouble else {
        return Ok(());
    };
    Err(PathError {
        message: format!("`{text}` {message}"),
        help: Some(help.into()),
    })
}

/// Calls of functions within each other. The library's parser tries a call that does not end in several
/// ways, each call within it again: three times the work for one more.
const MOST_CALLS: usize = 3;

/// What could take long to parse, told before it is parsed.
pub fn check_text(text: &str) -> Result<(), PathError> {
    match calls_within_each_other(text) > MOST_CALLS {
        false => Ok(()),
        true => Err(PathError {
            message: format!(
                "`{text}` calls functions within functions, more than {MOST_CALLS} deep"
            ),
            help: Some("name the place, or compare it with an operator".into()),
        }),
    }
}

fn calls_within_each_other(text: &str) -> usize {
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
    ways: usize,
    trouble: Option<CostError>,
}

struct CostError {
    message: &'static str,
    help: &'static str,
}

/// Where a part of a query stands.
#[derive(Clone, Copy, PartialEq)]
enum QueryContext {
    Path,
    /// Evaluated for each node.
    Filter,
}

impl Cost {
    fn refuse(&mut self, message: &'static str, help: &'static str) {
        self.trouble.get_or_insert(CostError { message, help });
    }

    fn segments(&mut self, segments: &[Segment], place: QueryContext) {
        for segment in segments {
            self.segment(segment, place);
        }
    }

    fn segment(&mut self, segment: &Segment, place: QueryContext) {
        match segment {
            Segment::Descendant(inner) => {
                self.descent(place);
                self.segment(inner, place);
            }
            Segment::Selector(selector) => self.selector(selector),
            Segment::Selectors(selectors) => {
                self.side_by_side(selectors.len());
                selectors
                    .iter()
                    .for_each(|selector| self.selector(selector));
            }
        }
    }

    fn descent(&mut self, place: QueryContext) {
        self.descents += 1;
        if place == QueryContext::Filter {
            let help = "name the keys that lead to what the filter looks at";
            self.refuse("has a `..` in a filter", help);
        } else if self.descents > 1 {
            let help = "one descent is allowed; name the keys in between";
            self.refuse("has more than one `..`", help);
        }
    }

    fn side_by_side(&mut self, selectors: usize) {
        self.ways = self.ways.max(1).saturating_mul(selectors.max(1));
        if self.ways > MOST_WAYS {
            let help = "write one path for each, under `any:`";
            self.refuse("leads more than 64 ways at once", help);
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
                    let help = "make it a condition of its own";
                    self.refuse("compares in a filter what is the same for every node", help);
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
                    let help = "make it a condition of its own; a filter looks at `@`";
                    self.refuse("searches the whole event again inside of a filter", help);
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
                self.refuse("uses a regex function in a filter", help);
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
    fn calls_within_calls_are_counted_outside_of_texts() {
        for (text, wanted) in [
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
            assert_eq!(calls_within_each_other(text), wanted, "{text}");
        }
    }
}
