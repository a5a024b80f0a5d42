//! Checks that the functions of a JSONPath query are used as RFC 9535 allows: with arguments of their types, and
//! in a comparison if their result is a value.

use jsonpath_rust::parser::model::{
    Comparable, Filter, FilterAtom, FnArg, JpQuery, Literal, Segment, Selector, Test, TestFunction,
};

/// A function that is used in a wrong way.
#[derive(Debug, PartialEq, Eq)]
pub struct MisusedFunction {
    /// The number of calls before it in the text.
    pub calls_before: usize,
    pub message: String,
    pub help: String,
}

/// Checks all functions of a query.
///
/// # Errors
/// The first misuse.
pub fn check(query: &JpQuery) -> Result<(), MisusedFunction> {
    Check { calls: 0 }.segments(&query.segments)
}

struct Check {
    /// The calls so far, in the order of the text.
    calls: usize,
}

type Checked = Result<(), MisusedFunction>;

impl Check {
    fn segments(&mut self, segments: &[Segment]) -> Checked {
        segments
            .iter()
            .try_for_each(|segment| self.segment(segment))
    }

    fn segment(&mut self, segment: &Segment) -> Checked {
        match segment {
            Segment::Descendant(inner) => self.segment(inner),
            Segment::Selector(selector) => self.selector(selector),
            Segment::Selectors(selectors) => selectors
                .iter()
                .try_for_each(|selector| self.selector(selector)),
        }
    }

    fn selector(&mut self, selector: &Selector) -> Checked {
        match selector {
            Selector::Filter(filter) => self.filter(filter),
            Selector::Name(_) | Selector::Wildcard | Selector::Index(_) | Selector::Slice(..) => {
                Ok(())
            }
        }
    }

    fn filter(&mut self, filter: &Filter) -> Checked {
        match filter {
            Filter::Or(parts) | Filter::And(parts) => {
                parts.iter().try_for_each(|part| self.filter(part))
            }
            Filter::Atom(FilterAtom::Filter { expr, .. }) => self.filter(expr),
            Filter::Atom(FilterAtom::Test { expr, .. }) => self.test(expr),
            Filter::Atom(FilterAtom::Comparison(comparison)) => {
                let (left, right) = comparison.vals();
                self.comparable(left)?;
                self.comparable(right)
            }
        }
    }

    fn test(&mut self, test: &Test) -> Checked {
        match test {
            Test::RelQuery(segments) => self.segments(segments),
            Test::AbsQuery(query) => self.segments(&query.segments),
            Test::Function(function) => match &**function {
                TestFunction::Match(..) | TestFunction::Search(..) => self.function(function),
                TestFunction::Length(_)
                | TestFunction::Value(_)
                | TestFunction::Count(_)
                | TestFunction::Custom(..) => {
                    let name = name(function);
                    let help = match **function {
                        TestFunction::Value(_) => "test the field itself: `[?@.a]`".to_owned(),
                        _ => format!("compare it: `[?{name}(@.a) > 0]`"),
                    };
                    self.reject(format!("the result of `{name}` is not true or false"), help)
                }
            },
        }
    }

    fn comparable(&mut self, side: &Comparable) -> Checked {
        match side {
            Comparable::Function(function) => self.function(function),
            Comparable::Literal(_) | Comparable::SingularQuery(_) => Ok(()),
        }
    }

    fn function(&mut self, function: &TestFunction) -> Checked {
        match function {
            TestFunction::Length(argument) => self.value_argument(argument),
            TestFunction::Value(argument) | TestFunction::Count(argument) => {
                self.nodes_argument(name(function), argument)
            }
            TestFunction::Match(text, pattern) | TestFunction::Search(text, pattern) => {
                self.calls += 1;
                [text, pattern]
                    .into_iter()
                    .try_for_each(|argument| self.argument(argument))
            }
            TestFunction::Custom(name, _) => self.reject(
                format!("`{name}` is not a function of JSONPath"),
                "the functions are `length`, `count` and `value`".into(),
            ),
        }
    }

    /// The argument of `length`: a single value.
    fn value_argument(&mut self, argument: &FnArg) -> Checked {
        if let FnArg::Literal(literal) = argument
            && !matches!(literal, Literal::String(_))
        {
            return self.reject(
                "`length` of a number, a boolean or null is always nothing".into(),
                "write the path of a text, a list or an object: `length(@.a)`".into(),
            );
        }
        let single = match argument {
            FnArg::Literal(_) => true,
            FnArg::Test(test) => match &**test {
                Test::RelQuery(segments) => is_singular(segments),
                Test::AbsQuery(query) => is_singular(&query.segments),
                Test::Function(function) => !matches!(
                    **function,
                    TestFunction::Match(..) | TestFunction::Search(..)
                ),
            },
            FnArg::Filter(_) => false,
        };
        if !single {
            return self.reject(
                "`length` takes a single value, and this can be several".into(),
                "the number of nodes is `count(…)`".into(),
            );
        }
        self.calls += 1;
        self.argument(argument)
    }

    /// The argument of `count` and `value`: nodes.
    fn nodes_argument(&mut self, name: &str, argument: &FnArg) -> Checked {
        let is_query = match argument {
            FnArg::Test(test) => !matches!(**test, Test::Function(_)),
            FnArg::Literal(_) | FnArg::Filter(_) => false,
        };
        if !is_query {
            let help = format!("write the path of the nodes: `{name}(@.a)`");
            return self.reject(format!("`{name}` takes a path"), help);
        }
        self.calls += 1;
        self.argument(argument)
    }

    fn argument(&mut self, argument: &FnArg) -> Checked {
        match argument {
            FnArg::Literal(_) => Ok(()),
            FnArg::Test(test) => match &**test {
                Test::Function(function) => self.function(function),
                Test::RelQuery(segments) => self.segments(segments),
                Test::AbsQuery(query) => self.segments(&query.segments),
            },
            FnArg::Filter(filter) => self.filter(filter),
        }
    }

    fn reject(&self, message: String, help: String) -> Checked {
        Err(MisusedFunction {
            calls_before: self.calls,
            message,
            help,
        })
    }
}

fn name(function: &TestFunction) -> &str {
    match function {
        TestFunction::Length(_) => "length",
        TestFunction::Value(_) => "value",
        TestFunction::Count(_) => "count",
        TestFunction::Match(..) => "match",
        TestFunction::Search(..) => "search",
        TestFunction::Custom(name, _) => name,
    }
}

fn is_singular(segments: &[Segment]) -> bool {
    segments.iter().all(|segment| {
        matches!(
            segment,
            Segment::Selector(Selector::Name(_) | Selector::Index(_))
        )
    })
}
