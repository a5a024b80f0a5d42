//! Checks the operators, filters, tests and calls in template expressions.
//! Reports unknown ones, and operators with unexpected results, such as `~`, which writes null as `none`.

use std::ops::Range;

use minijinja::machinery::ast::{self, CallArg, CallType, Expr, Spanned};

use crate::diagnostic::Code;
use crate::document::suggest;
use crate::language::template::attribute_chain::{chain, is_repeatable, range};
use crate::language::template::check::Checker;
use crate::language::template::filter;
use crate::language::template::filter::{FILTERS, TESTS, date, format};
use crate::language::template::size_bound::is_number;

impl Checker<'_, '_> {
    pub fn operation(&mut self, op: &Spanned<ast::BinOp<'_>>) {
        match op.op {
            ast::BinOpKind::Sub if self.hyphenated(&op.left, &op.right) => return,
            ast::BinOpKind::Concat => {
                let help = "write the values side by side: `{{ a }}{{ b }}`, or `[a, b] | join`";
                let message = "`~` writes `none` for a value that is null";
                self.reject(Code::BadTemplate, range(op.span()), message, help);
            }
            ast::BinOpKind::Add => self.joining_addition(op),
            ast::BinOpKind::Mul => self.multiplication(op),
            ast::BinOpKind::Rem => self.text_remainder(op),
            _ => {}
        }
        self.expressions([&op.left, &op.right]);
    }

    /// Reports `ticket.id + 'x'`: only texts can be joined by `+`, and the field is never one.
    fn joining_addition(&mut self, op: &Spanned<ast::BinOp<'_>>) {
        let other = match (is_text(&op.left), is_text(&op.right)) {
            (true, false) => &op.right,
            (false, true) => &op.left,
            (true, true) | (false, false) => return,
        };
        let Some(chain) = chain(other).filter(|chain| !self.is_local(chain.names[0])) else {
            return;
        };
        let Some(found) = chain.path().and_then(|path| self.names.never_a_text(&path)) else {
            return;
        };
        let message = format!(
            "`+` joins texts, and `{}` is {found}",
            chain.names.join(".")
        );
        let help = "write the values side by side: `{{ a }}{{ b }}`, or `[a, b] | join`";
        self.reject(Code::BadTemplate, range(op.span()), message, help);
    }

    /// Reports `'%.2f' % x`, which formats in Python.
    fn text_remainder(&mut self, op: &Spanned<ast::BinOp<'_>>) {
        if let Expr::Const(pattern) = &op.left
            && let Some(pattern) = pattern.value.as_str()
        {
            let help = format!("write the filter `format`: `{{{{ '{pattern}' | format(x) }}}}`");
            let message = "`%` computes the remainder of numbers";
            self.reject(Code::BadTemplate, range(op.span()), message, &help);
        }
    }

    /// Checks that both factors are numbers: a text or list from an event times a number from an event
    /// could become arbitrarily large.
    fn multiplication(&mut self, op: &Spanned<ast::BinOp<'_>>) {
        if is_number(&op.left) && is_number(&op.right) {
            return;
        }
        let message = "`*` multiplies numbers, not texts or lists";
        let help = match is_repeatable(&op.left) || is_repeatable(&op.right) {
            true => "write the text out",
            false => "convert both to numbers: `(a | int) * 2`, `(a | float) * (b | float)`",
        };
        self.reject(Code::BadTemplate, range(op.span()), message, help);
    }

    /// Reports `steps.page-oncall.status`, which the engine reads as a subtraction.
    pub fn hyphenated(&mut self, left: &Expr<'_>, right: &Expr<'_>) -> bool {
        let (Some(left), Some(right)) = (chain(left), chain(right)) else {
            return false;
        };
        if left.names.len() < 2
            || left.span.end + 1 != right.span.start
            || self.is_local(right.names[0])
        {
            return false;
        }
        let (head, tail) = (left.names.join("."), right.names.join("."));
        let name = format!("{}-{}", left.names[left.names.len() - 1], right.names[0]);
        let help = match left.names[0] {
            "steps" => format!(
                "name the step `{}`: names of steps cannot contain `-`",
                name.replace('-', "_")
            ),
            _ => format!(
                "write `{}['{name}']`; for a subtraction put spaces around the `-`",
                left.names[..left.names.len() - 1].join(".")
            ),
        };
        let message = format!("`{head}-{tail}` is read as a subtraction");
        self.reject(
            Code::BadTemplate,
            left.span.start..right.span.end,
            message,
            &help,
        );
        true
    }

    pub fn filter(&mut self, filter: &Spanned<ast::Filter<'_>>) {
        self.known_filter(filter.name, range(filter.span()));
        if let Some(known) = filter::find(filter.name) {
            let given = filter
                .args
                .iter()
                .filter(|arg| matches!(arg, CallArg::Pos(_)))
                .count();
            if !known.takes.contains(&given) {
                let message = format!("`{}` does not take {given} values", filter.name);
                self.reject(
                    Code::BadTemplate,
                    range(filter.span()),
                    message,
                    known.summary,
                );
            }
        }
        self.keyword_arguments(filter);
        self.attribute(filter);
        self.quoted_names(filter);
        self.pattern(filter);
        self.time(filter);
        self.expressions(filter.expr.as_ref());
        self.arguments(&filter.args);
    }

    /// Checks the literal pattern of `date` and `format`.
    fn pattern(&mut self, filter: &Spanned<ast::Filter<'_>>) {
        let literal = |expr: Option<&Expr<'_>>| match expr {
            Some(Expr::Const(text)) => text.value.as_str().map(str::to_owned),
            _ => None,
        };
        let first = filter.args.first().and_then(|argument| match argument {
            CallArg::Pos(expr) => Some(expr),
            CallArg::Kwarg(..) | CallArg::PosSplat(_) | CallArg::KwargSplat(_) => None,
        });
        let wrong = match filter.name {
            "date" => literal(first).and_then(|pattern| date::check(&pattern).err()),
            "format" => match (literal(filter.expr.as_ref()), literal(first)) {
                (Some(pattern), _) => format::check(&pattern, filter.args.len()).err(),
                (None, Some(pattern)) if pattern.contains('%') => {
                    Some("the pattern comes before the value".to_owned())
                }
                (None, _) => None,
            },
            _ => None,
        };
        if let (Some(wrong), Some(known)) = (wrong, filter::find(filter.name)) {
            let message = format!("`{}`: {wrong}", filter.name);
            self.reject(
                Code::BadTemplate,
                range(filter.span()),
                message,
                known.summary,
            );
        }
    }

    /// Checks that the value of `date` can be a time.
    fn time(&mut self, filter: &Spanned<ast::Filter<'_>>) {
        let dated = filter.expr.as_ref().filter(|_| filter.name == "date");
        let Some(chain) = dated.and_then(chain) else {
            return;
        };
        let Some(path) = chain.path().filter(|_| !self.is_local(chain.names[0])) else {
            return;
        };
        let path = self.names.with_scope_root(path);
        if let Some(found) = self.names.never_a_time(&path) {
            let message = format!("`date` takes a time, and `{}` is {found}", path.text);
            let help = "name a field that contains one, such as `event.time`";
            self.reject(Code::OperatorMismatch, chain.span, message, help);
        }
    }

    fn keyword_arguments(&mut self, filter: &Spanned<ast::Filter<'_>>) {
        let Some(known) = filter::find(filter.name) else {
            return;
        };
        for argument in &filter.args {
            let CallArg::Kwarg(name, _) = argument else {
                continue;
            };
            if !filter::keyword_arguments(filter.name).contains(name) {
                let message = format!("`{}` takes no value named `{name}`", filter.name);
                let at = range(filter.span());
                self.reject(Code::BadTemplate, at, message, known.summary);
            }
        }
    }

    /// Checks the attribute of a filter that reads one of every item.
    fn attribute(&mut self, filter: &Spanned<ast::Filter<'_>>) {
        let mut arguments = filter.args.iter();
        let named = arguments.find_map(|argument| match argument {
            CallArg::Kwarg("attribute", expr) => Some(expr),
            CallArg::Kwarg(..)
            | CallArg::Pos(_)
            | CallArg::PosSplat(_)
            | CallArg::KwargSplat(_) => None,
        });
        let first = match (filter.name, filter.args.first()) {
            ("groupby" | "sum" | "selectattr" | "rejectattr", Some(CallArg::Pos(expr))) => {
                Some(expr)
            }
            _ => None,
        };
        if let ("groupby" | "map", true) = (filter.name, filter.args.is_empty()) {
            let message = format!("`{}` needs the name of an attribute", filter.name);
            let help = filter::find(filter.name).map_or("", |known| known.summary);
            self.reject(Code::BadTemplate, range(filter.span()), message, help);
        }
        let Some(Expr::Const(attribute)) = named.or(first) else {
            return;
        };
        let list = filter.expr.as_ref().and_then(chain);
        let Some((attribute, list)) = attribute.value.as_str().zip(list) else {
            return;
        };
        let Some(path) = list.path().filter(|_| !self.is_local(list.names[0])) else {
            return;
        };
        let path = self.names.with_scope_root(path);
        if let Some(element) = self.names.scalar_element(&path) {
            let message = format!(
                "an element of `{}` is {element}, which has no `{attribute}`",
                path.text
            );
            let help = format!("leave the attribute out of `{}`", filter.name);
            self.reject(Code::OperatorMismatch, list.span, message, &help);
        }
    }

    pub fn known_filter(&mut self, name: &str, at: Range<usize>) {
        if filter::find(name).is_some() {
            return;
        }
        let help = match suggest::for_template_filter(name) {
            Some(help) => help.to_owned(),
            None => nearest(
                name,
                FILTERS.iter().map(|filter| filter.name),
                "the filters are",
            ),
        };
        self.reject(
            Code::BadTemplate,
            at,
            format!("unknown filter `{name}`"),
            &help,
        );
    }

    pub fn known_test(&mut self, name: &str, at: Range<usize>) {
        if TESTS.iter().all(|test| test.name != name) {
            let help = match suggest::for_template_test(name) {
                Some(help) => help.to_owned(),
                None => nearest(name, TESTS.iter().map(|test| test.name), "the tests are"),
            };
            self.reject(
                Code::BadTemplate,
                at,
                format!("unknown test `{name}`"),
                &help,
            );
        }
    }

    /// Checks the names of filters and tests in arguments: `map('upper')`, `select('odd')`.
    pub fn quoted_names(&mut self, filter: &Spanned<ast::Filter<'_>>) {
        let text = |index: usize| match filter.args.get(index) {
            Some(CallArg::Pos(Expr::Const(name))) => name.value.as_str().map(str::to_owned),
            _ => None,
        };
        let at = range(filter.span());
        match filter.name {
            "map" => text(0)
                .into_iter()
                .for_each(|name| self.known_filter(&name, at.clone())),
            "select" | "reject" => {
                text(0)
                    .into_iter()
                    .for_each(|name| self.known_test(&name, at.clone()));
            }
            "selectattr" | "rejectattr" => {
                text(1)
                    .into_iter()
                    .for_each(|name| self.known_test(&name, at.clone()));
            }
            _ => {}
        }
    }

    pub fn test(&mut self, test: &Spanned<ast::Test<'_>>) {
        self.known_test(test.name, range(test.span()));
        self.expression(&test.expr);
        self.arguments(&test.args);
    }

    pub fn arguments(&mut self, arguments: &[CallArg<'_>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(expr)
                | CallArg::Kwarg(_, expr)
                | CallArg::PosSplat(expr)
                | CallArg::KwargSplat(expr) => self.expression(expr),
            }
        }
    }

    pub fn call(&mut self, call: &Spanned<ast::Call<'_>>) {
        let at = range(call.span());
        match call.identify_call() {
            CallType::Function("range") => {}
            CallType::Method(Expr::Var(var), "cycle" | "changed")
                if var.id == "loop" && self.is_local("loop") => {}
            CallType::Function(name) | CallType::Method(_, name) | CallType::Block(name) => {
                let help = match (filter::find(name), suggest::for_template_function(name)) {
                    (Some(filter), _) => {
                        format!("filters follow their value: {}", filter.summary)
                    }
                    (None, Some(help)) => help.to_owned(),
                    (None, None) => suggest::for_template_filter(name).map_or_else(
                        || "use a filter: `{{ ticket.tags | join(', ') }}`".to_owned(),
                        str::to_owned,
                    ),
                };
                self.reject(
                    Code::BadTemplate,
                    at,
                    format!("`{name}()` is not available"),
                    &help,
                );
            }
            CallType::Object(_) => {
                self.reject(
                    Code::BadTemplate,
                    at,
                    "a value cannot be called",
                    "use a filter",
                );
            }
        }
        self.arguments(&call.args);
    }
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone, all: &str) -> String {
    match suggest::nearest(name, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{all} {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// Whether an expression is a written text, or joins one.
fn is_text(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Const(text) => text.value.as_str().is_some(),
        Expr::BinOp(op) if matches!(op.op, ast::BinOpKind::Add) => {
            is_text(&op.left) || is_text(&op.right)
        }
        _ => false,
    }
}
