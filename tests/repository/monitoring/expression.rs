//! Parses an expression, and compares the metrics, labels and values that it names with those of daemons.

use std::collections::BTreeSet;

use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{Expr, LabelModifier, VectorSelector, parse};

use super::live::Live;
use super::{OF_PROMETHEUS, OF_SCRAPES, PENDING, description};

/// What was found in an expression.
#[derive(Debug)]
pub struct Checked {
    pub problems: Vec<String>,
    /// The labels of its result.
    pub labels: BTreeSet<String>,
}

/// Checks an expression. The variables of a dashboard are replaced.
///
/// # Errors
/// Where it does not parse.
pub fn check(expression: &str, live: &Live) -> Result<Checked, String> {
    let expression = expression.replace("$__rate_interval", "5m");
    let parsed = parse(&expression)?;
    let mut check = Check {
        live,
        problems: Vec::new(),
    };
    let labels = check.expression(&parsed);
    Ok(Checked {
        problems: check.problems,
        labels,
    })
}

struct Check<'l> {
    live: &'l Live,
    problems: Vec<String>,
}

impl Check<'_> {
    /// The labels of the result.
    fn expression(&mut self, expression: &Expr) -> BTreeSet<String> {
        match expression {
            Expr::VectorSelector(selector) => self.selector(selector),
            Expr::MatrixSelector(matrix) => self.selector(&matrix.vs),
            Expr::Subquery(inner) => self.expression(&inner.expr),
            Expr::Unary(inner) => self.expression(&inner.expr),
            Expr::Paren(inner) => self.expression(&inner.expr),
            Expr::Aggregate(aggregate) => {
                let labels = self.expression(&aggregate.expr);
                self.modified(aggregate.modifier.as_ref(), labels)
            }
            Expr::Binary(binary) => {
                let labels = self.expression(&binary.lhs);
                let other = self.expression(&binary.rhs);
                let matching = binary.modifier.as_ref();
                if let Some(matching) = matching.and_then(|modifier| modifier.matching.as_ref()) {
                    self.modified(Some(matching), other);
                }
                labels
            }
            Expr::Call(call) => {
                let mut labels = BTreeSet::new();
                for argument in &call.args.args {
                    labels.extend(self.expression(argument));
                }
                if call.func.name == "histogram_quantile" && !labels.remove("le") {
                    self.problems
                        .push("a quantile without the label `le`".to_owned());
                }
                labels
            }
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => BTreeSet::new(),
        }
    }

    /// The labels that `by` keeps or `without` removes.
    fn modified(
        &mut self,
        modifier: Option<&LabelModifier>,
        labels: BTreeSet<String>,
    ) -> BTreeSet<String> {
        let Some(modifier) = modifier else {
            return BTreeSet::new();
        };
        let named: BTreeSet<String> = modifier.labels().labels.iter().cloned().collect();
        for name in named.difference(&labels) {
            self.problems
                .push(format!("no label `{name}` in the input of an aggregation"));
        }
        match modifier.is_include() {
            true => named,
            false => labels.difference(&named).cloned().collect(),
        }
    }

    fn selector(&mut self, selector: &VectorSelector) -> BTreeSet<String> {
        let name = selector.name.clone().unwrap_or_default();
        let pending = PENDING.iter().find(|(pending, _)| *pending == name);
        let own: Vec<String> = match pending {
            Some((_, labels)) => labels.iter().map(|label| (*label).to_owned()).collect(),
            None if name == OF_SCRAPES => Vec::new(),
            None if self.live.is_unknown(&name) => return unverified_labels(selector),
            None if !self.live.has(&name) => {
                self.problems.push(format!("no metric `{name}`"));
                return BTreeSet::new();
            }
            None => self
                .live
                .labels(&name)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        };
        let labels: BTreeSet<String> = own
            .into_iter()
            .chain(OF_PROMETHEUS.map(str::to_owned))
            .collect();
        for matcher in &selector.matchers.matchers {
            if !labels.contains(&matcher.name) {
                self.problems
                    .push(format!("`{name}` has no label `{}`", matcher.name));
            } else if pending.is_none() && !OF_PROMETHEUS.contains(&matcher.name.as_str()) {
                self.value(&name, matcher);
            }
        }
        labels
    }

    /// A value must be one that a daemon has written, or that docs/operations.md lists.
    fn value(&mut self, metric: &str, matcher: &Matcher) {
        let row = description(metric).unwrap_or_default();
        let listed = row.split('`').skip(1).step_by(2);
        let mut known: BTreeSet<&str> = self.live.values(metric, &matcher.name);
        known.extend(listed);
        let missing: Vec<&str> = match &matcher.op {
            MatchOp::Equal | MatchOp::NotEqual => [matcher.value.as_str()]
                .into_iter()
                .filter(|value| !value.is_empty() && !known.contains(value))
                .collect(),
            MatchOp::Re(_) | MatchOp::NotRe(_) => {
                let values = matcher.value.split('|');
                values.filter(|value| !known.contains(value)).collect()
            }
        };
        for value in missing {
            let label = &matcher.name;
            self.problems
                .push(format!("`{label}` of `{metric}` has no value `{value}`"));
        }
    }
}

/// A metric of a daemon that could not be started here, as the missing server said. Its labels are those of the selector.
fn unverified_labels(selector: &VectorSelector) -> BTreeSet<String> {
    let matchers = selector.matchers.matchers.iter();
    let names = matchers.map(|matcher| matcher.name.clone());
    names.chain(OF_PROMETHEUS.map(str::to_owned)).collect()
}
