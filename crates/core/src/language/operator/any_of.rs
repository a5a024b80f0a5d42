//! The operator `any_of`: one element of the list fulfils a condition. Its fields are those of the element; an
//! operator without a field tests the element itself. Reports fields that are not lists.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::diagnostic::{Code, Report};
use crate::document::{Node, Yaml};
use crate::event::catalogue::field_type::FieldType;
use crate::language::condition::evaluate::{Truth, evaluate};
use crate::language::condition::trace::{NoTrace, Trace, TraceLine};
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::operator::has::elements;
use crate::language::operator::index_condition::{EqualityKey, IndexCondition, IndexKey};
use crate::language::operator::operand::Operand;
use crate::language::operator::{
    CaseSensitivity, Example, OperandContext, Operator, OperatorImpl, OperatorSpec, Verdict,
    examples, format_value,
};
use crate::path::scope::Scope;
use crate::path::{Path, Resolved};

/// The condition of an element. It is compared and hashed by what it tests, not by its place in the file.
#[derive(Debug, Clone)]
pub struct AnyOf {
    pub condition: Condition,
}

pub const SPEC: OperatorSpec = OperatorSpec {
    name: "any_of",
    summary: "One element of the list fulfils this condition, whose fields are those of the element. An operator without a field tests the element itself.",
    compares_text: true,
    parse,
    schema: || json!({"$ref": "#/$defs/element_condition"}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = examples! {
    "field", "{ any_of: { id: 1, value: { starts_with: gold } } }", r#"[{"id": 2, "value": "gold"}, {"id": 1, "value": "gold plan"}]"# => Match;
    "field", "{ any_of: { id: 1, value: { starts_with: gold } } }", r#"[{"id": 2, "value": "gold"}, {"id": 1, "value": "silver"}]"# => NoMatch;
    "ticket.tags", "{ any_of: { starts_with: vip, not: vip_test } }", r#"["vip_test", "vip_gold"]"# => Match;
    "field", "{ any_of: { lines: { any_of: { sku: A1 } } } }", r#"[{"lines": [{"sku": "B2"}]}, {"lines": [{"sku": "A1"}]}]"# => Match;
    "field", "{ not: { any_of: { id: 1 } } }", "[]" => Match;
    "field", "{ not: { any_of: { id: 1 } } }", r#"[{"name": "x"}]"# => Missing;
    "field", "{ any_of: { id: 1 } }", r#"{"id": 1}"# => WrongType;
    "field", "{ not: { any_of: { id: 1 } } }", absent => Missing;
};

fn parse(node: &Node, context: &mut OperandContext<'_, '_>) -> Option<Operator> {
    let is_list = |field: &FieldType| matches!(field, FieldType::List(_) | FieldType::Any);
    if !context.applies(
        node,
        SPEC.name,
        is_list,
        |_| "it tests the elements of a list",
    ) {
        return None;
    }
    let Yaml::Map(_) = &node.value else {
        let message = format!("`any_of` takes a condition, found {}", node.kind());
        let help = "write the fields of an element, `any_of: { id: 1 }`, or an operator, `any_of: { starts_with: vip }`";
        context.names.error(Code::WrongType, node.at, message, help);
        return None;
    };
    let element = match context.known() {
        Some([FieldType::List(element)]) => FieldType::clone(element),
        Some(_) | None => FieldType::Any,
    };
    let condition = Condition::lower_for_element(node, element, context.case, context.names)?;
    check_fields(node, &condition, context)?;
    Some(Operator::AnyOf(AnyOf { condition }))
}

/// Reports fields of elements that are single values; `None` after an error.
fn check_fields(
    node: &Node,
    condition: &Condition,
    context: &mut OperandContext<'_, '_>,
) -> Option<()> {
    let Some([FieldType::List(element)]) = context.known() else {
        return Some(());
    };
    if matches!(
        **element,
        FieldType::Any | FieldType::Object | FieldType::List(_)
    ) {
        return Some(());
    }
    let predicates = condition.predicates().into_iter();
    let mut fields = predicates.filter_map(|predicate| predicate.path.local());
    let Some((field, _)) = fields.next() else {
        return Some(());
    };
    let (path, kind) = (&context.path.text, element.describe());
    let message = format!("an element of `{path}` is {kind}, which has no field `{field}`");
    let help = "test the element itself: `any_of: { starts_with: vip }`";
    context.never_holds(node, message, help).then_some(())
}

impl AnyOf {
    /// Whether the condition only compares elements with values of the rule, with regard to letter case.
    pub fn compares_elements(&self) -> bool {
        let compares = |predicate: &Predicate| {
            let literal = |operand: &&Operand| !operand.is_path();
            predicate.path.is_element()
                && matches!(*predicate.operator, Operator::Is(_))
                && predicate.operator.case() == CaseSensitivity::Exact
                && predicate.operator.operands().iter().all(literal)
        };
        self.condition.predicates().into_iter().all(compares)
    }

    fn truth(&self, element: &Value, scope: &Scope<'_>) -> Truth {
        let scope = Scope {
            locals: element,
            ..*scope
        };
        evaluate(&self.condition, &scope, &mut NoTrace)
    }

    fn trace(&self, element: &Value, scope: &Scope<'_>) -> Trace {
        let scope = Scope {
            locals: element,
            ..*scope
        };
        let mut trace = Trace::default();
        evaluate(&self.condition, &scope, &mut trace);
        trace
    }
}

impl OperatorImpl for AnyOf {
    fn test(&self, value: &Value, scope: &Scope<'_>) -> Verdict {
        elements(value, |items| {
            let verdicts = items.iter().map(|item| match self.truth(item, scope) {
                Truth::True => Verdict::Match,
                Truth::False => Verdict::NoMatch,
                Truth::Unknown => Verdict::Missing,
            });
            Verdict::any(verdicts)
        })
    }

    fn operands(&self) -> Vec<&Operand> {
        let predicates = self.condition.predicates().into_iter();
        predicates
            .flat_map(|predicate| predicate.operator.operands())
            .collect()
    }

    fn operands_mut(&mut self) -> Vec<&mut Operand> {
        operands_of(&mut self.condition)
    }

    fn reads_event(&self) -> bool {
        let mut predicates = self.condition.predicates().into_iter();
        predicates.any(|predicate| !predicate.path.is_local() || predicate.operator.reads_event())
    }

    fn inner_paths(&self) -> Vec<&Path> {
        let predicates = self.condition.predicates().into_iter();
        let paths = predicates.flat_map(|predicate| predicate.paths());
        paths.filter(|path| !path.is_local()).collect()
    }

    fn index_conditions(&self) -> Vec<IndexCondition> {
        vec![IndexCondition::within(IndexKey::Equal(EqualityKey::List))]
    }

    fn operand_json(&self, scope: &Scope<'_>) -> Value {
        let inner = Scope {
            locals: &Value::Null,
            ..*scope
        };
        condition_json(&self.condition, &inner)
    }

    fn expected(&self, scope: &Scope<'_>) -> String {
        let inner = Scope {
            locals: &Value::Null,
            ..*scope
        };
        described(&self.condition, &inner)
    }

    fn hint(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        match found.values() {
            [Value::Array(items)] => Some(self.failing_elements(items, scope)),
            [Value::Null] | [] => None,
            [value] => Some(format!(
                "the value is not a list but {}",
                format_value(value)
            )),
            values => Some(self.failing_lists(values, scope)),
        }
    }

    fn match_note(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<String> {
        let values = found.values();
        let fulfils = |item: &Value| self.truth(item, scope) == Truth::True;
        let elements = values.iter().enumerate().filter_map(|(number, value)| {
            let items = value.as_array()?;
            let index = items.iter().position(fulfils)?;
            Some((number, index, &items[index]))
        });
        let (number, index, item) = elements.into_iter().next()?;
        let list = match values {
            [_] => String::new(),
            _ => format!("list {}: ", number + 1),
        };
        Some(format!(
            "{list}[{index}] fulfils it: {}",
            format_value(item)
        ))
    }

    /// The list without the elements that fulfil the condition.
    fn violating_value(&self, found: &Resolved<'_>, scope: &Scope<'_>) -> Option<Value> {
        let [Value::Array(items)] = found.values() else {
            return None;
        };
        let fails = |item: &&Value| self.truth(item, scope) == Truth::False;
        Some(items.iter().filter(fails).cloned().collect())
    }
}

impl AnyOf {
    /// Names what each element lacks.
    fn failing_elements(&self, items: &[Value], scope: &Scope<'_>) -> String {
        if items.is_empty() {
            return "the list is empty".into();
        }
        let shown = items.iter().enumerate().take(MAX_SHOWN);
        let mut parts: Vec<String> = shown
            .map(|(index, item)| format!("[{index}] {}", failures(&self.trace(item, scope))))
            .collect();
        if items.len() > MAX_SHOWN {
            parts.push(format!("and {} more", items.len() - MAX_SHOWN));
        }
        parts.join("; ")
    }

    /// The same for a path that finds several values.
    fn failing_lists(&self, values: &[Value], scope: &Scope<'_>) -> String {
        if !values.iter().any(Value::is_array) {
            return format!(
                "the path finds {} values, and none of them is a list; \
                 name the list itself, without `[*]` at the end, or test the values without `any_of`",
                values.len()
            );
        }
        let shown = values.iter().enumerate().take(MAX_SHOWN);
        let mut parts: Vec<String> = shown
            .map(|(number, value)| {
                let list = format!("list {}", number + 1);
                match value {
                    Value::Array(items) => {
                        format!("{list}: {}", self.failing_elements(items, scope))
                    }
                    other => format!("{list} is {}, not a list", format_value(other)),
                }
            })
            .collect();
        if values.len() > MAX_SHOWN {
            parts.push(format!("and {} more lists", values.len() - MAX_SHOWN));
        }
        parts.join("; ")
    }
}

/// The number of elements that an explanation shows.
const MAX_SHOWN: usize = 5;

/// The comparisons of one element that do not hold.
fn failures(trace: &Trace) -> String {
    let failing = trace
        .lines
        .iter()
        .filter(|line| line.verdict != Verdict::Match);
    let failing: Vec<String> = failing.map(failure).collect();
    failing.join(", ")
}

fn failure(line: &TraceLine) -> String {
    let not = match line.polarity {
        Polarity::Positive => "",
        Polarity::Negated => "not ",
    };
    let got = match &line.got {
        Some(value) => format!("is {}", format_value(value)),
        None => "is absent".into(),
    };
    let kind = match line.verdict {
        Verdict::WrongType => " (wrong type)",
        Verdict::Match | Verdict::NoMatch | Verdict::Missing => "",
    };
    let inner = match (&line.hint, line.operator == SPEC.name) {
        (Some(hint), true) => format!(" ({hint})"),
        (Some(_) | None, _) => String::new(),
    };
    format!(
        "{} {got}{kind}, want {not}{} {}{inner}",
        line.path, line.operator, line.want
    )
}

fn described(condition: &Condition, scope: &Scope<'_>) -> String {
    let joined = |parts: &[Condition], word: &str| {
        let parts: Vec<String> = parts.iter().map(|part| described(part, scope)).collect();
        parts.join(word)
    };
    match condition {
        Condition::All(parts) => joined(parts, ", "),
        Condition::Any(parts) => format!("({})", joined(parts, " or ")),
        Condition::Predicate(predicate) => {
            let not = match predicate.polarity {
                Polarity::Positive => "",
                Polarity::Negated => "not ",
            };
            let want = predicate.operator.want(scope);
            format!(
                "{} {not}{} {want}",
                predicate.path.text,
                predicate.operator.name()
            )
        }
    }
}

/// The condition of an element: groups of predicates, each with its operand.
fn condition_json(condition: &Condition, scope: &Scope<'_>) -> Value {
    let group = |parts: &[Condition]| -> Value {
        let parts = parts.iter().map(|part| condition_json(part, scope));
        parts.collect()
    };
    match condition {
        Condition::All(parts) => json!({"all": group(parts)}),
        Condition::Any(parts) => json!({"any": group(parts)}),
        Condition::Predicate(predicate) => json!({
            "path": predicate.path.text,
            "operator": predicate.operator.name(),
            "polarity": predicate.polarity.as_str(),
            "want": predicate.operator.operand_json(scope),
            "ignore_case": predicate.operator.case() == CaseSensitivity::Ignored,
        }),
    }
}

fn operands_of(condition: &mut Condition) -> Vec<&mut Operand> {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter_mut().flat_map(operands_of).collect()
        }
        Condition::Predicate(predicate) => {
            let operator = &mut Arc::make_mut(predicate).operator;
            Arc::make_mut(operator).operands_mut()
        }
    }
}

/// What a condition tests, without the places in the file.
pub fn same(a: &Condition, b: &Condition) -> bool {
    match (a, b) {
        (Condition::All(a), Condition::All(b)) | (Condition::Any(a), Condition::Any(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Condition::Predicate(a), Condition::Predicate(b)) => {
            a.path.route == b.path.route && a.polarity == b.polarity && a.operator == b.operator
        }
        (Condition::All(_) | Condition::Any(_) | Condition::Predicate(_), _) => false,
    }
}

impl PartialEq for AnyOf {
    fn eq(&self, other: &Self) -> bool {
        same(&self.condition, &other.condition)
    }
}

impl Eq for AnyOf {}

impl Hash for AnyOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for predicate in self.condition.predicates() {
            predicate.operator.hash(state);
        }
    }
}
