//! The tests of a choice as clauses under `when`.
//! It refuses an order of texts, which rules do not have.

use serde_json::{Value, json};

use super::scene::{Scene, keys};
use crate::core::bundle::choice::{Comparison, Operand, Relation, Test};
use crate::core::convert::clause::Clause;

pub fn clause(test: &Test, scene: &Scene) -> Result<Clause, String> {
    let each = |parts: &[Test]| -> Result<Vec<Clause>, String> {
        parts.iter().map(|part| clause(part, scene)).collect()
    };
    match test {
        Test::And(parts) => Ok(Clause::all(each(parts)?)),
        Test::Or(parts) => Ok(Clause::any(each(parts)?)),
        Test::Not(part) => Ok(negated(clause(part, scene)?)),
        Test::One {
            variable,
            comparison,
            ..
        } => {
            let path = path(&variable.text, scene)?;
            Ok(Clause::Test(path, comparison_test(comparison, scene)?))
        }
    }
}

/// A test turned round; where it is missing, so is this.
pub fn negated(clause: Clause) -> Clause {
    match clause {
        Clause::Test(path, test) if !test.is_object() => Clause::Test(path, json!({ "not": test })),
        Clause::Any(parts) => Clause::None(parts),
        other => Clause::None(vec![other]),
    }
}

fn path(text: &str, scene: &Scene) -> Result<String, String> {
    let Some(keys) = keys(text) else {
        return Err(format!("`{text}` names more than one place"));
    };
    let expression = scene.find(&keys)?;
    let path = expression.as_path();
    path.ok_or_else(|| format!("`{expression}` has a name that a condition cannot write"))
}

fn comparison_test(comparison: &Comparison, scene: &Scene) -> Result<Value, String> {
    match comparison {
        Comparison::Text(Relation::Equals, operand) | Comparison::Boolean(operand) => {
            value(operand, scene)
        }
        Comparison::Text(..) => Err("rules know no order of texts".into()),
        Comparison::Number(relation, operand) => related(*relation, value(operand, scene)?),
        Comparison::Time(Relation::Equals, operand) => {
            let time = value(operand, scene)?;
            Ok(json!({"gte": time, "lte": time}))
        }
        Comparison::Time(relation, operand) => related(*relation, value(operand, scene)?),
        Comparison::IsPresent(wanted) => Ok(json!({ "exists": wanted })),
        Comparison::IsNull(true) => Ok(Value::Null),
        Comparison::IsNull(false) => Ok(json!({ "not": null })),
    }
}

fn related(relation: Relation, value: Value) -> Result<Value, String> {
    Ok(match relation {
        Relation::Equals => value,
        Relation::Less => json!({ "lt": value }),
        Relation::LessOrEqual => json!({ "lte": value }),
        Relation::Greater => json!({ "gt": value }),
        Relation::GreaterOrEqual => json!({ "gte": value }),
    })
}

fn value(operand: &Operand, scene: &Scene) -> Result<Value, String> {
    match operand {
        Operand::Value(value) => Ok(value.clone()),
        Operand::Path(text) => Ok(json!({ "path": path(text, scene)? })),
    }
}
