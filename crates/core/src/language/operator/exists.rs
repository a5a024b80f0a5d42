//! `exists`: the key is there, whatever it holds, null included. Never missing itself.
//! It refuses anything but true or false.

use serde_json::{Value, json};

use crate::document::Node;
use crate::language::operator::index_condition::{Clue, Narrowing};
use crate::language::operator::operand::boolean;
use crate::language::operator::{Compare, Example, Operator, Parsing, Spec, Verdict, absent, example};
use crate::path::Found;
use crate::path::scope::Scope;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Exists {
    pub wanted: bool,
}

pub const SPEC: Spec = Spec {
    name: "exists",
    summary: "The field is in the event (`true`) or not (`false`). A field that is null exists.",
    compares_text: false,
    parse,
    schema: || json!({"type": "boolean"}),
    examples: EXAMPLES,
};

const EXAMPLES: &[Example] = &[
    example("field", "{ exists: true }", "null", Verdict::Match),
    example("field", "{ exists: false }", "0", Verdict::NoMatch),
    absent("field", "{ exists: false }", Verdict::Match),
    absent("field", "{ exists: true }", Verdict::NoMatch),
    absent("field", "{ not: { exists: true } }", Verdict::Match),
];

fn parse(node: &Node, parsing: &mut Parsing<'_, '_>) -> Option<Operator> {
    let wanted = boolean(node, SPEC.name, parsing)?;
    Some(Operator::Exists(Exists { wanted }))
}

impl Exists {
    fn narrowing(wanted: bool) -> Vec<Narrowing> {
        vec![Narrowing::exactly(match wanted {
            true => Clue::Standing,
            false => Clue::Absent,
        })]
    }
}

impl Compare for Exists {
    fn test(&self, _: &Value, _: &Scope<'_>) -> Verdict {
        Verdict::of(self.wanted)
    }

    fn judge(&self, found: &Found<'_>, _: &Scope<'_>) -> Verdict {
        Verdict::of((*found != Found::Absent) == self.wanted)
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
        self.wanted.then_some(Value::Null).into_iter().collect()
    }

    fn violating(&self, _: &Found<'_>, _: &Scope<'_>) -> Option<Value> {
        (!self.wanted).then_some(Value::Null)
    }
}
