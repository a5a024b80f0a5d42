//! Finds the described source whose event a document can be, if its format is not a built-in one. If there is none, the
//! error says what each source misses.

use super::{ReadEventError, not_an_event};
use flowtrigger_core::config::Config;
use flowtrigger_core::event::format::custom::CustomFormat;
use flowtrigger_core::event::format::{DecodeError, FormatHint, head};
use flowtrigger_core::event::json::value_ref::ValueRef;

/// Sources whose errors are listed.
const MAX_LISTED: usize = 3;

/// `listening` is the `event_source` of the rule that the event is for: its sources come first. `unknown` is the error
/// of the built-in formats.
pub fn format_of<'c>(
    document: ValueRef<'_>,
    listening: Option<&str>,
    unknown: DecodeError,
    config: &'c Config,
) -> Result<FormatHint<'c>, ReadEventError> {
    let of_rule = |of: &&CustomFormat| listening.is_some_and(|source| of.source == source);
    let of_rule: Vec<&CustomFormat> = config.descriptions().filter(of_rule).collect();
    let candidates = match of_rule.is_empty() {
        true => config.descriptions().collect(),
        false => of_rule.clone(),
    };
    let (mut fitting, mut errors) = (Vec::new(), Vec::new());
    for candidate in candidates {
        match head(document, FormatHint::Custom(candidate), &config.catalogue) {
            Ok(_) => fitting.push(candidate),
            Err(error) => errors.push(format!("as an event of `{}`: {error}", candidate.name)),
        }
    }
    match (fitting.as_slice(), errors.as_slice()) {
        ([only], _) => Ok(FormatHint::Custom(only)),
        // Entries of one source; the rule listens to all of them.
        ([first, ..], _) if !of_rule.is_empty() => Ok(FormatHint::Custom(first)),
        ([first, second, ..], _) => Err(ReadEventError {
            message: format!(
                "this JSON can be an event of `{}` and of `{}`",
                first.name, second.name
            ),
            help: Some("name its source with `--source`".into()),
        }),
        ([], [only]) if !of_rule.is_empty() => Err(ReadEventError {
            message: only.clone(),
            help: None,
        }),
        ([], []) => Err(not_an_event(unknown)),
        ([], errors) => {
            let listed = &errors[..errors.len().min(MAX_LISTED)];
            Err(ReadEventError {
                message: format!("{unknown}; {}", listed.join("; ")),
                help: unknown.help,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use flowtrigger_testing::rules;

    const CONFIG: &str = "sources:\n  shop: { event_type: order, id: number }\n  mail: { event_type: kind }\n  till: { event_type: order, id: receipt }\n";

    fn find(value: &Value, listening: Option<&str>, config: &str) -> Result<String, String> {
        let config = rules::config(config);
        let document = ValueRef::Built(value);
        let unknown = head(document, FormatHint::Detect, &config.catalogue).unwrap_err();
        match format_of(document, listening, unknown, &config) {
            Ok(FormatHint::Custom(found)) => Ok(found.name.clone()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.message),
        }
    }

    #[test]
    fn the_source_of_the_rule_decides_and_its_error_is_named() {
        let order = json!({"number": 1});
        assert_eq!(find(&order, Some("shop"), CONFIG), Ok("shop".into()));
        let without_id = json!({"total": 1});
        assert_eq!(
            find(&without_id, Some("shop"), CONFIG),
            Err("as an event of `shop`: `number` is absent, expected text or a number".into())
        );
    }

    #[test]
    fn without_a_rule_the_only_source_that_fits_is_taken() {
        let both = json!({"number": 1, "receipt": 2});
        let config = "sources:\n  shop: { event_type: order, id: number }\n  till: { event_type: order, id: receipt }\n";
        let found = |value: &Value| find(value, None, config);
        assert_eq!(found(&json!({"number": 1})), Ok("shop".into()));
        assert_eq!(
            found(&both),
            Err("this JSON can be an event of `shop` and of `till`".into())
        );
        assert_eq!(
            found(&json!({"a": 1})),
            Err("this JSON is an object with keys a: unknown format; as an event of `shop`: `number` is absent, expected text or a number; as an event of `till`: `receipt` is absent, expected text or a number".into())
        );
        assert_eq!(
            find(&both, None, ""),
            Err("this JSON is an object with keys number, receipt: unknown format".into())
        );
    }
}
