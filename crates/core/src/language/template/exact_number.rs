//! Numbers in templates whose digits a double does not keep, such as `1.10`: they keep them where a template only
//! passes them on.
//! A template that calculates or compares gets the nearest double instead.

use std::fmt;
use std::sync::Arc;

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::value::{Object, ObjectRepr, Value};
use serde_json::Number;

use crate::number::double;

/// How a template receives numbers whose digits a double does not keep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum NumberForm {
    #[default]
    NearestDouble,
    Exact,
}

/// A number that only its text holds.
#[derive(Debug)]
pub struct ExactNumber(pub Number);

impl Object for ExactNumber {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        double(&self.0) != 0.0
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Converts a number to a value of the engine.
pub fn from_number(number: &Number, form: NumberForm) -> Value {
    if form == NumberForm::Exact && number.as_str() == "-0" {
        return Value::from_object(ExactNumber(number.clone()));
    }
    if let Some(n) = number.as_i64() {
        return Value::from(n);
    }
    if let Some(n) = number.as_i128() {
        return Value::from(n);
    }
    let nearest = double(number);
    let keeps_digits =
        || Number::from_f64(nearest).is_some_and(|same| same.as_str() == number.as_str());
    match form {
        NumberForm::Exact if !keeps_digits() => Value::from_object(ExactNumber(number.clone())),
        NumberForm::Exact | NumberForm::NearestDouble => Value::from(nearest),
    }
}

/// The form of numbers for a template.
pub fn number_form(template: &Stmt<'_>) -> NumberForm {
    match passes(template) {
        true => NumberForm::Exact,
        false => NumberForm::NearestDouble,
    }
}

/// Filters that calculate with numbers or order them.
const CALCULATING: [&str; 16] = [
    "sort",
    "groupby",
    "format",
    "unique",
    "map",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "min",
    "max",
    "sum",
    "int",
    "float",
    "round",
    "abs",
];

/// Whether a statement only passes values on.
fn passes(statement: &Stmt<'_>) -> bool {
    match statement {
        Stmt::Template(template) => template.children.iter().all(passes),
        Stmt::EmitRaw(_) => true,
        Stmt::EmitExpr(emit) => passes_value(&emit.expr),
        Stmt::ForLoop(each) => {
            let bodies = each.body.iter().chain(&each.else_body);
            each.filter_expr.is_none() && passes_value(&each.iter) && bodies.into_iter().all(passes)
        }
        Stmt::IfCond(condition) => {
            let bodies = condition.true_body.iter().chain(&condition.false_body);
            passes_value(&condition.expr) && bodies.into_iter().all(passes)
        }
        _ => false,
    }
}

fn passes_value(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Var(_) | Expr::Const(_) => true,
        Expr::GetAttr(attr) => passes_value(&attr.expr),
        Expr::GetItem(item) => passes_value(&item.expr) && passes_value(&item.subscript_expr),
        Expr::BinOp(op) => {
            let joins = matches!(
                op.op,
                BinOpKind::Concat | BinOpKind::ScAnd | BinOpKind::ScOr
            );
            joins && passes_value(&op.left) && passes_value(&op.right)
        }
        Expr::IfExpr(choice) => {
            passes_value(&choice.test_expr)
                && passes_value(&choice.true_expr)
                && choice.false_expr.as_ref().is_none_or(passes_value)
        }
        Expr::Filter(filter) => {
            let arguments = filter.args.iter().all(passes_argument);
            let passing =
                !CALCULATING.contains(&filter.name) || is_attribute_map(filter.name, &filter.args);
            passing && arguments && filter.expr.as_ref().is_none_or(passes_value)
        }
        Expr::Test(test) => {
            let of_presence = matches!(test.name, "defined" | "undefined" | "none");
            of_presence && passes_value(&test.expr)
        }
        Expr::List(list) => list.items.iter().all(passes_value),
        Expr::Map(map) => map.values.iter().all(passes_value),
        _ => false,
    }
}

fn passes_argument(argument: &CallArg<'_>) -> bool {
    match argument {
        CallArg::Pos(expr) | CallArg::Kwarg(_, expr) => passes_value(expr),
        CallArg::PosSplat(_) | CallArg::KwargSplat(_) => false,
    }
}

fn is_attribute_map(filter: &str, arguments: &[CallArg<'_>]) -> bool {
    let is_attribute = |argument: &CallArg<'_>| matches!(argument, CallArg::Kwarg("attribute", _));
    filter == "map" && arguments.iter().all(is_attribute)
}
