//! Filters of lists that read an attribute of every item: `sum`, `groupby`.
//! An item without the attribute is an error that names it: the engine's filters leave it out, or fail later.

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind, State, filters};

pub fn sum(
    state: &State<'_, '_>,
    value: Value,
    attribute: Option<&str>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let named = match attribute {
        Some(attribute) => Some(attribute),
        None => kwargs.get::<Option<&str>>("attribute")?,
    };
    match named {
        Some(named) => {
            let help = format!("write `map(attribute='{named}', default=0) | sum`");
            check_items(&value, named, &help)?;
        }
        None if value.is_undefined() => {}
        None => {
            let absent = value.try_iter()?.position(|item| item.is_undefined());
            if let Some(index) = absent {
                return Err(absent_item(index));
            }
        }
    }
    filters::sum(state, value, attribute, None, kwargs)
}

pub fn groupby(value: Value, attribute: Option<&str>, kwargs: Kwargs) -> Result<Value, Error> {
    let named = match attribute {
        Some(attribute) => attribute,
        None => kwargs.get::<&str>("attribute")?,
    };
    if !kwargs.has("default") {
        let help = format!("write `groupby('{named}', default='')`");
        check_items(&value, named, &help)?;
    }
    filters::groupby(value, attribute, kwargs)
}

/// Returns the error for an item that an earlier `map` could not fill.
pub fn absent_item(index: usize) -> Error {
    let message = format!(
        "item {} of the list has no value, because it lacks the attribute that was read; \
         write `map(attribute='name', default='')`",
        index + 1
    );
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Checks that every item has the attribute, a dotted path.
fn check_items(value: &Value, attribute: &str, help: &str) -> Result<(), Error> {
    if value.is_undefined() {
        return Ok(());
    }
    for (index, item) in value.try_iter()?.enumerate() {
        if !has(&item, attribute) {
            let message = format!(
                "item {} of the list has no `{attribute}`; {help}",
                index + 1
            );
            return Err(Error::new(ErrorKind::InvalidOperation, message));
        }
    }
    Ok(())
}

fn has(item: &Value, attribute: &str) -> bool {
    let mut value = item.clone();
    for key in attribute.split('.') {
        let found = match key.parse::<usize>() {
            Ok(index) => value.get_item_by_index(index),
            Err(_) => value.get_attr(key),
        };
        match found {
            Ok(inner) if !inner.is_undefined() => value = inner,
            Ok(_) | Err(_) => return false,
        }
    }
    true
}
