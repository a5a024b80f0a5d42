//! Reads attribute access in template expressions, such as `ticket.via['channel']`, as a list of names.
//! Only constant names are included; a computed index has no chain.

use std::ops::Range;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{Expr, Stmt};

use crate::path::Path;

/// A name and the attributes below it: `ticket.via['channel']`.
pub struct AttributeChain<'a> {
    pub names: Vec<&'a str>,
    pub span: Range<usize>,
}

impl AttributeChain<'_> {
    /// Returns the chain as a path, up to the first name that a path cannot contain.
    pub fn prefix(&self) -> Option<Path> {
        let plain = |name: &&&str| {
            !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || "$.[]{}".contains(c))
        };
        let names: Vec<&str> = self.names.iter().take_while(plain).copied().collect();
        Path::parse(&names.join(".")).ok()
    }

    /// Returns the whole chain as a path; `None` for a secret, for `event` and `body` alone, which read the
    /// header or the body where the sender has no such field, or if a path cannot contain a name.
    pub fn path(&self) -> Option<Path> {
        if matches!(self.names.as_slice(), ["event" | "body"]) {
            return None;
        }
        let path = self.prefix()?;
        (path.text == self.names.join(".") && self.names[0] != "secret").then_some(path)
    }
}

/// Returns the chain of an expression that is only attribute access with constant names.
pub fn chain<'a>(expr: &'a Expr<'a>) -> Option<AttributeChain<'a>> {
    let (inner, name) = match expr {
        Expr::Var(var) => {
            return Some(AttributeChain {
                names: vec![var.id],
                span: range(var.span()),
            });
        }
        Expr::GetAttr(attr) => (&attr.expr, attr.name),
        Expr::GetItem(item) => match &item.subscript_expr {
            Expr::Const(name) => (&item.expr, name.value.as_str()?),
            _ => return None,
        },
        _ => return None,
    };
    let mut chain = chain(inner)?;
    chain.names.push(name);
    chain.span = chain.span.start..range(expr.span()).end.max(chain.span.end);
    Some(chain)
}

pub fn range(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}

/// Returns the chain if the template is exactly one `{{ path }}`.
pub fn single<'a>(template: &'a Stmt<'a>) -> Option<AttributeChain<'a>> {
    let Stmt::Template(template) = template else {
        return None;
    };
    match template.children.as_slice() {
        [Stmt::EmitExpr(emit)] => chain(&emit.expr),
        _ => None,
    }
}

/// Returns whether an expression is a literal text or list, which `*` would repeat.
pub fn is_repeatable(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Const(constant) => constant.value.as_str().is_some(),
        Expr::List(_) | Expr::Tuple(_) => true,
        _ => false,
    }
}

pub fn is_secret_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
