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

/// Creates an example with a value.
pub const fn example(
    field: &'static str,
    test: &'static str,
    value: &'static str,
    verdict: Verdict,
) -> Example {
    Example {
        field,
        test,
        value: Some(value),
        verdict,
    }
}

/// Creates an example with an absent field.
pub const fn absent(field: &'static str, test: &'static str, verdict: Verdict) -> Example {
    Example {
        field,
        test,
        value: None,
        verdict,
    }
}
