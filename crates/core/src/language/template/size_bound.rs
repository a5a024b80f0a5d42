//! Limits how many values an expression combines, at load.
//! `+` joins texts and lists, so a text that is repeatedly joined with itself would exhaust the memory.
//! The results of filters are limited by the filters themselves.

use std::collections::BTreeMap;

use minijinja::machinery::ast::{self, CallArg, Expr};

/// The maximum number of values that one expression combines.
pub const MAX_COMBINED_VALUES: u64 = 64;

/// The number of values that each name of the template combines.
pub type Weights = BTreeMap<String, u64>;

/// Returns how many values an expression combines. A literal number counts as none.
pub fn weight(expr: &Expr<'_>, known: &Weights) -> u64 {
    let of = |expr: &Expr<'_>| weight(expr, known);
    let all = |exprs: &[Expr<'_>]| exprs.iter().map(of).fold(0, u64::saturating_add);
    match expr {
        Expr::Const(constant) => u64::from(constant.value.as_str().is_some()),
        Expr::Var(var) => known.get(var.id).copied().unwrap_or(1),
        Expr::BinOp(op) => match op.op {
            ast::BinOpKind::Add => of(&op.left).saturating_add(of(&op.right)),
            ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => of(&op.left).max(of(&op.right)),
            _ => 0,
        },
        Expr::IfExpr(choice) => {
            let other = choice.false_expr.as_ref().map_or(0, of);
            of(&choice.true_expr).max(other)
        }
        // As text, the items of a list are quoted and escaped.
        Expr::List(list) => all(&list.items).saturating_mul(2),
        Expr::Tuple(tuple) => all(&tuple.items).saturating_mul(2),
        Expr::Map(map) => all(&map.keys)
            .saturating_add(all(&map.values))
            .saturating_mul(2),
        Expr::Filter(filter) => {
            let given = filter.args.iter().map(|argument| match argument {
                CallArg::Pos(expr)
                | CallArg::Kwarg(_, expr)
                | CallArg::PosSplat(expr)
                | CallArg::KwargSplat(expr) => of(expr),
            });
            let filtered = filter.expr.as_ref().map_or(1, of);
            given.fold(filtered, u64::max)
        }
        Expr::Slice(slice) => of(&slice.expr),
        Expr::GetAttr(attr) => of(&attr.expr),
        Expr::GetItem(item) => of(&item.expr),
        Expr::Call(_) => 1,
        Expr::UnaryOp(_) | Expr::Compare(_) | Expr::Test(_) => 0,
    }
}

const COUNTERS: [&str; 5] = ["index", "index0", "revindex", "revindex0", "length"];

/// Returns whether an expression is a number for every event, so that `*` multiplies it.
pub fn is_number(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Const(constant) => constant.value.is_number(),
        Expr::UnaryOp(op) => matches!(op.op, ast::UnaryOpKind::Neg),
        Expr::BinOp(op) => match op.op {
            ast::BinOpKind::Add | ast::BinOpKind::Mul => {
                is_number(&op.left) && is_number(&op.right)
            }
            ast::BinOpKind::Sub
            | ast::BinOpKind::Div
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem
            | ast::BinOpKind::Pow => true,
            _ => false,
        },
        Expr::Filter(filter) => {
            matches!(filter.name, "round" | "abs" | "length")
                || matches!(filter.name, "int" | "float") && filter.args.is_empty()
        }
        Expr::IfExpr(choice) => {
            let other = choice.false_expr.as_ref();
            is_number(&choice.true_expr) && other.is_none_or(|other| is_number(other))
        }
        Expr::GetAttr(attr) => match &attr.expr {
            Expr::Var(var) => var.id == "loop" && COUNTERS.contains(&attr.name),
            _ => false,
        },
        _ => false,
    }
}
