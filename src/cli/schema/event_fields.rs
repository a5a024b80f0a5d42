//! Adds the fields of each event type to the schema of a rule, so that editors complete them in `when`.
//! Fields that are not listed stay valid: whether a type has them is the business of `check`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::catalogue::event_type::{EventType, FieldInfo};

/// Adds a definition for each family, and for each event type with fields of its own, and selects it by `event_type`.
pub fn add(schema: &mut Value, catalogue: &Catalogue) {
    let mut families: BTreeMap<String, Vec<&EventType>> = BTreeMap::new();
    for event_type in catalogue.types() {
        let family = format!("{}/{}", event_type.source, event_type.family());
        families.entry(family).or_default().push(event_type);
    }
    let mut selections = Vec::new();
    for types in families.values() {
        let Some(first) = types.first() else { continue };
        let common = common_fields(types);
        let family = format!("{}.*", first.family());
        let shared = definition_name(&family);
        schema["$defs"][&shared] = definition(&shared, None, &common);
        // A type without fields of its own needs no definition either.
        let mut like_family = vec![family.as_str()];
        for event_type in types {
            let fields = event_type.fields().into_iter();
            let own: Vec<FieldInfo> = fields.filter(|field| !common.contains(field)).collect();
            let names = names_in_rules(event_type, catalogue);
            if own.is_empty() {
                like_family.extend(names);
                continue;
            }
            let name = definition_name(&event_type.name);
            schema["$defs"][&name] = definition(&name, Some(&shared), &own);
            selections.push(selection(&event_type.source, &names, &name));
        }
        selections.push(selection(&first.source, &like_family, &shared));
    }
    schema["$defs"]["rule"]["allOf"] = selections.into();
}

/// The display name, if no other type has it, and the name.
fn names_in_rules<'t>(event_type: &'t EventType, catalogue: &Catalogue) -> Vec<&'t str> {
    let display = event_type.display.as_deref().filter(|display| {
        let known = catalogue.by_display(&event_type.source, display);
        known.is_some_and(|known| known.name == event_type.name)
    });
    display
        .into_iter()
        .chain([event_type.name.as_str()])
        .collect()
}

/// The fields that all types of a family have.
fn common_fields(types: &[&EventType]) -> Vec<FieldInfo> {
    let mut fields = types.iter().map(|event_type| event_type.fields());
    let mut common = fields.next().unwrap_or_default();
    for fields in fields {
        common.retain(|field| fields.contains(field));
    }
    common
}

fn definition_name(event_type: &str) -> String {
    format!("when_{}", event_type.replace('*', "any"))
}

/// The condition of a type: its fields, also in groups.
fn definition(name: &str, family: Option<&str>, fields: &[FieldInfo]) -> Value {
    let group = json!({"items": reference(name)});
    let mut properties: Map<String, Value> = ["all", "any", "none"]
        .map(|key| (key.to_owned(), group.clone()))
        .into_iter()
        .collect();
    for field in fields {
        properties.insert(field.path.clone(), json!({"description": describe(field)}));
    }
    let mut definition = json!({"properties": properties});
    if let Some(family) = family {
        definition["allOf"] = json!([reference(family)]);
    }
    definition
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}")})
}

/// The type of a field, its values, and the formats that have it.
fn describe(field: &FieldInfo) -> String {
    let mut description = field.field_type.name();
    if let Some(values) = field.field_type.values() {
        description.push_str(": ");
        description.push_str(&values.join(", "));
    }
    if let Some(only) = &field.only {
        description.push_str(&format!(" ({only} only)"));
    }
    description
}

/// Selects the fields of a type for a rule that names it, alone or in a list.
fn selection(source: &str, names: &[&str], definition: &str) -> Value {
    let named = json!({"enum": names});
    json!({
        "if": {
            "required": ["event_source", "event_type"],
            "properties": {
                "event_source": {"const": source},
                "event_type": {"anyOf": [named, {"type": "array", "contains": named}]},
            },
        },
        "then": {"properties": {"when": reference(definition)}},
    })
}

/// The fields that the schema lists for a type or a family.
#[cfg(test)]
pub fn names<'s>(schema: &'s Value, event_type: &str) -> Vec<&'s str> {
    let definition = |name: &str| schema["$defs"][name]["properties"].as_object();
    let own = definition(&definition_name(event_type));
    let family = event_type.split('.').next().unwrap_or_default();
    let shared = definition(&definition_name(&format!("{family}.*")));
    let all = own.into_iter().chain(shared).flat_map(Map::keys);
    all.map(String::as_str).collect()
}
