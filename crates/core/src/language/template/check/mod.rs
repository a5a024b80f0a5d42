//! Checks a parsed template at load, so that it does not fail when a step starts.
//! Reports undefined names, unknown filters and tests, secrets that are not written out directly,
//! statements that are not available, and expressions that could become too large.

pub(crate) mod expression;

use std::ops::Range;

use minijinja::machinery::ast::{Expr, Spanned, Stmt, UnaryOpKind};
use minijinja::machinery::{Span, ast};

use crate::diagnostic::{Code, Report};
use crate::language::resolver::NameResolver;
use crate::language::template::Escape;
use crate::language::template::attribute_chain::{
    AttributeChain, chain, is_secret_name, range, single,
};
use crate::language::template::exact_number::number_form;
use crate::language::template::filter::OF_SECRETS;
use crate::language::template::location::TextLocation;
use crate::language::template::read_set::ReadSet;
use crate::language::template::size_bound::{MAX_COMBINED_VALUES, Weights, weight};
use crate::path::Path;

/// What a valid template reads.
#[derive(Debug, Default)]
pub struct TemplateReads {
    pub reads: ReadSet,
    /// The path, if the template is exactly one `{{ path }}`.
    pub single: Option<Path>,
}

/// Checks a template; `None` after reporting all errors.
pub fn check(
    template: &Stmt<'_>,
    location: &TextLocation<'_>,
    escape: Escape,
    names: &mut NameResolver<'_>,
) -> Option<TemplateReads> {
    let mut checker = Checker {
        location,
        escape,
        names,
        locals: vec![Weights::new()],
        reading: TemplateReads::default(),
        valid: true,
        if_depth: 0,
    };
    checker.statement(template);
    checker.reading.reads.numbers = number_form(template);
    let single = single(template).and_then(|chain| chain.path());
    checker.reading.single = single.map(|path| checker.names.with_scope_root(path));
    checker.valid.then_some(checker.reading)
}

/// Walks the syntax tree of one template.
pub struct Checker<'c, 'a> {
    location: &'c TextLocation<'c>,
    escape: Escape,
    names: &'c mut NameResolver<'a>,
    /// Names that the template itself defines, innermost last.
    locals: Vec<Weights>,
    reading: TemplateReads,
    valid: bool,
    /// The number of `if` statements and expressions around the current position.
    if_depth: usize,
}

impl Checker<'_, '_> {
    /// Reports an error and marks the template as invalid. A template of a stored rule was valid for the version
    /// that stored it; the engine decides when it is rendered.
    pub fn reject(&mut self, code: Code, at: Range<usize>, message: impl Into<String>, help: &str) {
        if self.names.diagnostics.is_of_stored_rules() {
            return;
        }
        self.valid = false;
        self.names
            .error(code, self.location.span(&at), message, help);
    }

    fn statements(&mut self, statements: &[Stmt<'_>]) {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn scoped(&mut self, statements: &[Stmt<'_>]) {
        self.locals.push(Weights::new());
        self.statements(statements);
        self.locals.pop();
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.output(&emit.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => self.for_loop(each),
            Stmt::IfCond(condition) => {
                // In the engine, an `if` has no scope of its own: a name set inside remains set after it.
                self.sized_expression(&condition.expr);
                self.if_depth += 1;
                self.statements(&condition.true_body);
                self.statements(&condition.false_body);
                self.if_depth -= 1;
            }
            Stmt::WithBlock(with) => {
                self.locals.push(Weights::new());
                for (target, value) in &with.assignments {
                    let weight = self.sized_expression(value);
                    self.define(target, weight);
                }
                self.statements(&with.body);
                self.locals.pop();
            }
            Stmt::Set(set) => {
                let weight = self.sized_expression(&set.expr);
                self.define(&set.target, weight);
            }
            Stmt::SetBlock(s) => self.unavailable("set … endset", s.span()),
            Stmt::AutoEscape(s) => self.unavailable("autoescape", s.span()),
            Stmt::FilterBlock(s) => self.unavailable("filter", s.span()),
            Stmt::Block(s) => self.unavailable("block", s.span()),
            Stmt::Import(s) => self.unavailable("import", s.span()),
            Stmt::FromImport(s) => self.unavailable("from … import", s.span()),
            Stmt::Extends(s) => self.unavailable("extends", s.span()),
            Stmt::Include(s) => self.unavailable("include", s.span()),
            Stmt::Macro(s) => self.unavailable("macro", s.span()),
            Stmt::CallBlock(s) => self.unavailable("call", s.span()),
            Stmt::Do(s) => self.unavailable("do", s.span()),
        }
    }

    fn unavailable(&mut self, name: &str, span: Span) {
        let help = "a text may use `if`, `for`, `set x = …` and `with`; put anything larger into a command";
        self.reject(
            Code::BadTemplate,
            range(span),
            format!("`{{% {name} %}}` is not available"),
            help,
        );
    }

    fn for_loop(&mut self, each: &Spanned<ast::ForLoop<'_>>) {
        if each.recursive {
            self.unavailable("for … recursive", each.span());
        }
        let weight = self.sized_expression(&each.iter);
        self.locals.push(Weights::from([("loop".to_owned(), 1)]));
        self.define(&each.target, weight);
        if let Some(condition) = &each.filter_expr {
            self.expression(condition);
        }
        self.statements(&each.body);
        self.locals.pop();
        self.scoped(&each.else_body);
    }

    /// Checks an expression and returns how many values it combines.
    fn sized_expression(&mut self, expr: &Expr<'_>) -> u64 {
        self.expression(expr);
        let known = self.locals.iter().flatten();
        let known = known
            .map(|(name, weight)| (name.clone(), *weight))
            .collect();
        let weight = weight(expr, &known);
        if weight > MAX_COMBINED_VALUES {
            let message = format!("this combines more than {MAX_COMBINED_VALUES} values");
            let help = "write them out one after the other: `{{ a }}{{ b }}`";
            self.reject(Code::BadTemplate, range(expr.span()), message, help);
        }
        weight
    }

    fn define(&mut self, target: &Expr<'_>, weight: u64) {
        match target {
            Expr::Var(var) => {
                if let Some(locals) = self.locals.last_mut() {
                    // Both branches of an `if` may set the name: the larger weight counts.
                    let known = locals.entry(var.id.to_owned()).or_default();
                    *known = weight.max(*known);
                }
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.define(item, weight)),
            Expr::Tuple(tuple) => tuple
                .items
                .iter()
                .for_each(|item| self.define(item, weight)),
            _ => {
                let at = range(target.span());
                self.reject(
                    Code::BadTemplate,
                    at,
                    "only a name can be set",
                    "write `{% set name = … %}`",
                );
            }
        }
    }

    /// Returns whether the template itself defines the name.
    pub fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|locals| locals.contains_key(name))
    }

    /// Checks an expression whose value is written out. Secrets are allowed only here.
    fn output(&mut self, expr: &Expr<'_>) {
        match expr {
            Expr::IfExpr(choice) => {
                self.sized_expression(&choice.test_expr);
                self.if_depth += 1;
                self.output(&choice.true_expr);
                match &choice.false_expr {
                    Some(other) => self.output(other),
                    None => self.no_else(range(expr.span())),
                }
                self.if_depth -= 1;
            }
            Expr::Filter(filter) if OF_SECRETS.contains(&filter.name) => self.encoded(filter),
            _ => match chain(expr).filter(|chain| self.is_secret(chain)) {
                Some(secret) => self.secret(&secret),
                None => {
                    self.sized_expression(expr);
                    self.warn_if_absent(expr);
                }
            },
        }
    }

    /// Warns about a field that is written out directly and may be absent, unless an `if` surrounds it.
    fn warn_if_absent(&mut self, expr: &Expr<'_>) {
        let Some(chain) = chain(expr).filter(|chain| !self.is_local(chain.names[0])) else {
            return;
        };
        if let Some(path) = chain.path().filter(|_| self.if_depth == 0 && self.valid) {
            let at = self.location.span(&chain.span);
            let path = self.names.with_scope_root(path);
            self.names.warn_if_absent(&path, at);
        }
    }

    fn no_else(&mut self, at: Range<usize>) {
        let help = "end it with `else ''`, or with another value";
        self.reject(
            Code::BadTemplate,
            at,
            "an `if` without `else` has no value when its condition is false",
            help,
        );
    }

    fn encoded(&mut self, filter: &Spanned<ast::Filter<'_>>) {
        let secret = filter
            .expr
            .as_ref()
            .and_then(chain)
            .filter(|chain| self.is_secret(chain));
        // A secret in a path is inserted unchanged, unless `urlencode` follows it.
        let encodes_twice = match secret {
            Some(_) => filter.name != "urlencode",
            None => filter.name == "urlencode",
        };
        if self.escape == Escape::Url && encodes_twice {
            let message = format!(
                "`{}` would encode twice: values in a URL are encoded already",
                filter.name
            );
            self.reject(
                Code::BadTemplate,
                range(filter.span()),
                message,
                "leave the filter out",
            );
            return;
        }
        match secret {
            Some(secret) => self.secret(&secret),
            None => self.filter(filter),
        }
    }

    fn is_secret(&self, chain: &AttributeChain<'_>) -> bool {
        chain.names[0] == "secret" && !self.is_local("secret")
    }

    fn secret(&mut self, chain: &AttributeChain<'_>) {
        match chain.names.as_slice() {
            [_, name] if is_secret_name(name) => {
                let secret = ["secret".to_owned(), (*name).to_owned()];
                self.reading.reads.add(&secret);
            }
            _ => {
                let help = "write `{{ secret.NAME }}`; a name has letters, digits and `_`";
                self.reject(
                    Code::BadTemplate,
                    chain.span.clone(),
                    "a secret is read by one name",
                    help,
                );
            }
        }
    }

    fn name(&mut self, chain: &AttributeChain<'_>) {
        if self.is_local(chain.names[0]) {
            return;
        }
        if chain.names[0] == "secret" {
            let help = "write `{{ secret.NAME }}` alone, or with `| urlencode` or `| b64encode`";
            self.reject(
                Code::BadTemplate,
                chain.span.clone(),
                "a secret can only be written out, not read",
                help,
            );
            return;
        }
        let names: Vec<String> = chain.names.iter().map(|name| (*name).to_owned()).collect();
        self.reading.reads.add(&names);
        if let Some(path) = chain.prefix() {
            let at = self.location.span(&chain.span);
            let path = self.names.with_scope_root(path);
            self.valid &= self.names.check_path(&path, at);
        }
    }

    pub fn expressions<'e>(&mut self, expressions: impl IntoIterator<Item = &'e Expr<'e>>) {
        for expression in expressions {
            self.expression(expression);
        }
    }

    pub fn expression(&mut self, expr: &Expr<'_>) {
        if let Some(chain) = chain(expr) {
            return self.name(&chain);
        }
        match expr {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expression(&slice.expr);
                self.expressions(
                    [&slice.start, &slice.stop, &slice.step]
                        .into_iter()
                        .flatten(),
                );
            }
            Expr::UnaryOp(op) => match op.op {
                UnaryOpKind::Not | UnaryOpKind::Neg => self.expression(&op.expr),
            },
            Expr::BinOp(op) => self.operation(op),
            Expr::Compare(compare) => {
                self.expression(&compare.expr);
                self.expressions(compare.ops.iter().map(|op| &op.expr));
            }
            Expr::IfExpr(choice) => {
                self.expressions([&choice.test_expr, &choice.true_expr]);
                match &choice.false_expr {
                    Some(other) => self.expression(other),
                    None => self.no_else(range(expr.span())),
                }
            }
            Expr::Filter(filter) => self.filter(filter),
            Expr::Test(test) => self.test(test),
            Expr::GetAttr(attr) => self.expression(&attr.expr),
            Expr::GetItem(item) => self.expressions([&item.expr, &item.subscript_expr]),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.expressions(&list.items),
            Expr::Tuple(tuple) => self.expressions(&tuple.items),
            Expr::Map(map) => self.expressions(map.keys.iter().chain(&map.values)),
        }
    }
}
