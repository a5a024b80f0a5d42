//! The context in which an operator parses its operand, with the reports that operators share.

use crate::diagnostic::{Code, Report};
use crate::document::Node;
use crate::event::catalogue::field_type::FieldType;
use crate::language::event_fields::FieldCheck;
use crate::language::operator::CaseSensitivity;
use crate::language::resolver::NameResolver;
use crate::path::Path;

/// The context in which an operator parses its operand.
pub struct OperandContext<'p, 'a> {
    pub path: &'p Path,
    pub fields: FieldCheck,
    pub case: CaseSensitivity,
    pub names: &'p mut NameResolver<'a>,
}

impl OperandContext<'_, '_> {
    /// Returns the known types of the field; `None` if it may have any type.
    pub fn known(&self) -> Option<&[FieldType]> {
        match &self.fields {
            FieldCheck::Known(types) => Some(types),
            FieldCheck::Open
            | FieldCheck::Unlisted { .. }
            | FieldCheck::Misspelt { .. }
            | FieldCheck::Unknown { .. } => None,
        }
    }

    /// Reports an operator that supports none of the field's types; false after reporting. `instead` returns
    /// the help text.
    pub fn applies(
        &mut self,
        node: &Node,
        operator: &str,
        reads: fn(&FieldType) -> bool,
        instead: fn(&FieldType) -> &'static str,
    ) -> bool {
        let Some(types) = self.known().filter(|_| !self.is_of_stored_rule()) else {
            return true;
        };
        if types.is_empty() || types.iter().any(reads) {
            return true;
        }
        let (path, first) = (&self.path.text, &types[0]);
        let message = format!(
            "`{operator}` cannot read `{path}`, which is {}",
            first.describe()
        );
        let help = instead(first);
        self.names
            .error(Code::OperatorMismatch, node.at, message, help);
        false
    }

    /// Reports a comparison that can never hold, except in a stored rule. Returns whether the comparison is
    /// used in spite of it.
    pub fn never_holds(&mut self, node: &Node, message: String, help: &str) -> bool {
        if self.is_of_stored_rule() {
            return true;
        }
        self.names.error(Code::NeverHolds, node.at, message, help);
        false
    }

    fn is_of_stored_rule(&self) -> bool {
        self.names.diagnostics.is_of_stored_rules()
    }
}
