//! Reads the `zendesk_trigger` resources of Terraform, from HCL or from its JSON form, as triggers of the API.
//! A reference to another resource keeps its text (`${…}`), which no condition or payload accepts.

use hcl::expr::{Expression, FuncCall, TemplateExpr};
use hcl::template::{Element, Template};
use hcl::{Block, Body, Structure};
use serde_json::{Map, Value, json};

/// The type of the resources.
pub const RESOURCE: &str = "zendesk_trigger";

pub const SYNTAX: &str = "the file is read as Terraform because it has a resource `zendesk_trigger`; correct it with `terraform validate`";

pub const REFERS: &str =
    "it refers to another part of the Terraform configuration; write the value there";

/// The key of a condition or action that refers to another part of the configuration. In other exports, `${` is
/// plain text.
const REFERENCE: &str = "terraform_reference";

/// Whether a part of a condition or action of a Terraform file is a reference.
pub fn refers(item: &Value, part: &Value) -> bool {
    item.get(REFERENCE).is_some() && part.to_string().contains("${")
}

/// Whether the text is HCL with triggers.
pub fn is_hcl(text: &str) -> bool {
    let begins = text.trim_start();
    !begins.starts_with(['{', '[']) && text.contains("resource") && text.contains(RESOURCE)
}

/// The triggers of a document in Terraform's JSON form, by key, as the API writes them; `None` if it has none.
pub fn triggers(document: &Value) -> Option<Value> {
    let resources = document.get("resource")?.get(RESOURCE)?.as_object()?;
    let triggers = resources.iter().map(|(key, resource)| {
        // In the JSON form, a resource may be in a list of one.
        let resource = match resource {
            Value::Array(items) if items.len() == 1 => &items[0],
            other => other,
        };
        (key.clone(), trigger(resource))
    });
    let triggers: Map<String, Value> = triggers.collect();
    (!triggers.is_empty()).then(|| json!({ RESOURCE: triggers }))
}

fn trigger(resource: &Value) -> Value {
    let Some(body) = resource.as_object() else {
        return resource.clone();
    };
    let list = |value: &Value| match value {
        Value::Array(_) | Value::Null => value.clone(),
        single => json!([single]),
    };
    let conditions = |value: &Value| match list(value) {
        Value::Array(items) => items.iter().map(marked).collect(),
        other => other,
    };
    let mut trigger = Map::new();
    for (key, value) in body {
        match key.as_str() {
            "all" | "any" => trigger.insert(key.clone(), conditions(value)),
            "conditions" => {
                let mut lists = value.clone();
                for key in ["all", "any"] {
                    if let Some(list) = lists.get_mut(key) {
                        *list = conditions(list);
                    }
                }
                trigger.insert(key.clone(), lists)
            }
            "action" | "actions" => {
                let actions = list(value);
                let actions = actions.as_array().into_iter().flatten().map(action);
                trigger.insert(
                    "actions".into(),
                    actions.map(|action| marked(&action)).collect(),
                )
            }
            _ => trigger.insert(key.clone(), value.clone()),
        };
    }
    if !trigger.contains_key("conditions") {
        trigger.entry("all").or_insert_with(|| json!([]));
    }
    Value::Object(trigger)
}

/// The item, marked if it refers to another part of the configuration.
fn marked(item: &Value) -> Value {
    let mut item = item.clone();
    let refers = item.to_string().contains("${");
    if let (true, Value::Object(map)) = (refers, &mut item) {
        map.insert(REFERENCE.into(), Value::Bool(true));
    }
    item
}

/// An action whose list is written as JSON in a text.
fn action(action: &Value) -> Value {
    let mut action = action.clone();
    let text = action.get("value").and_then(Value::as_str);
    let list = text.filter(|text| text.trim_start().starts_with('['));
    let list = list.and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(list) = list {
        action["value"] = list;
    }
    action
}

/// The document in Terraform's JSON form, with the conditions and actions as lists.
pub fn read(text: &str) -> Result<Value, String> {
    let body = hcl::parse(text).map_err(|error| problem(&error))?;
    let mut triggers = Map::new();
    for block in blocks(&body) {
        let labels: Vec<&str> = block.labels().iter().map(|label| label.as_str()).collect();
        if let ("resource", [RESOURCE, name]) = (block.identifier(), labels.as_slice()) {
            triggers.insert((*name).to_owned(), Value::Object(mapping(block.body())));
        }
    }
    Ok(json!({"resource": {RESOURCE: triggers}}))
}

/// The error on one line, without the excerpt of the parser.
fn problem(error: &hcl::Error) -> String {
    match error {
        hcl::Error::Parse(error) => {
            let (at, message) = (error.location(), error.message().replace('\n', " "));
            format!(
                "not valid HCL: line {}, column {}: {message}",
                at.line(),
                at.column()
            )
        }
        other => format!("not valid HCL: {other}"),
    }
}

fn blocks(body: &Body) -> impl Iterator<Item = &Block> {
    body.iter().filter_map(|structure| match structure {
        Structure::Block(block) => Some(block),
        Structure::Attribute(_) => None,
    })
}

fn mapping(body: &Body) -> Map<String, Value> {
    let mut map = Map::new();
    for structure in body.iter() {
        match structure {
            Structure::Attribute(attribute) => {
                map.insert(attribute.key().to_owned(), value(attribute.expr()));
            }
            Structure::Block(block) => {
                let list = map
                    .entry(block.identifier().to_owned())
                    .or_insert_with(|| json!([]));
                if let Value::Array(items) = list {
                    items.push(Value::Object(mapping(block.body())));
                }
            }
        }
    }
    map
}

fn value(expression: &Expression) -> Value {
    match expression {
        Expression::Null => Value::Null,
        Expression::Bool(value) => json!(value),
        Expression::Number(number) => number_value(number),
        Expression::String(text) => json!(text),
        Expression::Array(items) => items.iter().map(value).collect(),
        Expression::Object(entries) => {
            let entries = entries.iter();
            let entries = entries.map(|(key, entry)| (key_text(key), value(entry)));
            Value::Object(entries.collect())
        }
        Expression::Parenthesis(inside) => value(inside),
        Expression::TemplateExpr(template) => json!(template_text(template)),
        Expression::FuncCall(call) => function(call, expression),
        other => json!(reference(other)),
    }
}

fn number_value(number: &hcl::Number) -> Value {
    let text = number.to_string();
    serde_json::from_str(&text).unwrap_or(json!(text))
}

fn key_text(key: &hcl::ObjectKey) -> String {
    match key {
        hcl::ObjectKey::Identifier(name) => name.as_str().to_owned(),
        other => other.to_string(),
    }
}

/// `jsonencode` writes its value as text; other functions are not evaluated.
fn function(call: &FuncCall, whole: &Expression) -> Value {
    match (call.name.name.as_str(), call.args.as_slice()) {
        ("jsonencode", [argument]) => json!(value(argument).to_string()),
        _ => json!(reference(whole)),
    }
}

/// The text of an expression whose value is not known.
fn reference(expression: &Expression) -> String {
    let text = hcl::format::to_string(expression).unwrap_or_default();
    format!("${{{}}}", text.trim())
}

fn template_text(template: &TemplateExpr) -> String {
    let Ok(parsed) = Template::from_expr(template) else {
        return format!("${{{template}}}");
    };
    let elements = parsed.elements().iter().map(|element| match element {
        Element::Literal(text) => text.clone(),
        Element::Interpolation(inside) => reference(&inside.expr),
        Element::Directive(_) => format!("${{{template}}}"),
    });
    elements.collect()
}
