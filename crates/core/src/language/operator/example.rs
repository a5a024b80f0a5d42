//! Examples in the documentation of operators, which are also tests.

use crate::language::operator::Verdict;

/// One example in an operator's documentation; also a test.
pub struct Example {
    /// `field` has an unknown type; other names are fields of `ticket.PriorityChanged`.
    pub field: &'static str,
    /// The test of the field, as YAML.
    pub test: &'static str,
    /// The field's value as JSON; `None` if the field is absent.
    pub value: Option<&'static str>,
    pub verdict: Verdict,
}

/// Makes a table of examples: `field, test, value => verdict;`, where the value can be `absent`.
macro_rules! examples {
    (@value absent) => { None };
    (@value $value:literal) => { Some($value) };
    ($($field:literal, $test:literal, $value:tt => $verdict:ident;)*) => {
        &[$($crate::language::operator::example::Example {
            field: $field,
            test: $test,
            value: $crate::language::operator::example::examples!(@value $value),
            verdict: $crate::language::operator::Verdict::$verdict,
        }),*]
    };
}
pub(crate) use examples;
