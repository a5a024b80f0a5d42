//! `present`: something stands there: the key is there and holds neither null, "" nor []. Never missing.
//! It refuses anything but true or false.

use serde_json::{Value, json};

use crate::document::Node;
use crate::language::operator::index_condition::{Clue, Narrowing, Point};
use crate::language::operator::operand::boolean;
use crate::language::operator::{Compare, Example, Operator, Parsing, Spec, Verdict, absent, example};
use crate::path::Found;
use crate::path::scope::Scope;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Present {
    pub wanted: bool,
}

pub const SPEC: Spec = Spec {
    name: "present",
    summary: "The field has a value (`true`) or not (`false`). null, \"\" and [] are no value.",
    compares_text: false,
    parse,
    schema: || json!({"type": "boolean"}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example("field", "{ present: true }", "0", Verdict::Match),
    example("field", "{ present: true }", "null", Verdict::NoMatch),
    example("field", "{ present: true }", r#""""#, Verdict::NoMatch),
    example("field", "{ present: false }", "[]", Verdict::Match),
    example("field", "{ present: true }", "false", Verdict::Match),
    absent("field", "{ present: false }", Verdict::Match),
    absent("field", "{ present: true }", Verdict::NoMatch),
];

fn parse(node: &Node, parsing: &mut Parsing<'_, '_>) -> Option<Operator> {
    let wanted = boolean(node, SPEC.name, parsing)?;
    Some(Operator::Present(Present { wanted }))
}

fn holds_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

impl Present {
    fn narrowing(wanted: bool) -> Vec<Narrowing> {
        if wanted {
            return vec![Narrowing::exactly(Clue::Present)];
        }
        let nothing = [Point::Null, Point::Text("".into()), Point::List];
        let clues = nothing.map(Clue::Equal).into_iter();
        vec![Narrowing {
            clues: clues.chain([Clue::Absent]).collect(),
            exact: false,
        }]
    }
}

impl Compare for Present {
    fn test(&self, value: &Value, _: &Scope<'_>) -> Verdict {
        Verdict::of(holds_something(value) == self.wanted)
    }

    fn judge(&self, found: &Found<'_>, _: &Scope<'_>) -> Verdict {
        Verdict::of(found.values().iter().any(holds_something) == self.wanted)
    }

    fn narrowings(&self) -> Vec<Narrowing> {
        Self::narrowing(self.wanted)
    }

    fn narrowings_of_negation(&self) -> Vec<Narrowing> {
        Self::narrowing(!self.wanted)
    }

    fn want(&self, _: &Scope<'_>) -> String {
        self.wanted.to_string()
    }

    fn satisfying(&self, _: &Found<'_>, _: &Scope<'_>) -> Vec<Value> {
        (!self.wanted).then_some(Value::Null).into_iter().collect()
    }

    fn violating(&self, _: &Found<'_>, _: &Scope<'_>) -> Option<Value> {
        self.wanted.then_some(Value::Null)
    }
}
