//! Warns about rules that trigger themselves: they write a field whose change they listen to.
//! Warns only in certain cases; not if the rule excludes its own changes, or if that cannot be known.

#[cfg(test)]
mod tests;
pub(crate) mod written_fields;

use serde_json::{Value, json};

use crate::compile::guarded_request::guarded_requests;
use crate::compile::self_trigger::written_fields::FieldWrites;
use crate::compile::write_targets;
use crate::config::Config;
use crate::config::mode::Mode;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::event::catalogue::Catalogue;
use crate::event::catalogue::event_type::FieldLookup;
use crate::event::catalogue::write_effects::WriteEffect;
use crate::event::type_pattern::TypePattern;
use crate::event::{Event, ReceivedDocument};
use crate::flow::call::HttpTemplate;
use crate::flow::step::Step;
use crate::gate::GateKind;
use crate::language::condition::evaluate::Truth;
use crate::language::condition::{Condition, Polarity, Predicate};
use crate::language::template::json::JsonTemplate;
use crate::path::scope::Scope;
use crate::path::{PathKind, Root};
use crate::rule::Rule;

pub fn warn(rule: &Rule, config: &Config, diagnostics: &mut Diagnostics) {
    if rule.event_source != "support" || rule.mode == Mode::Disabled || runs_once(rule) {
        return;
    }
    for request in guarded_requests(rule) {
        let written = triggering_write(rule, request.http, &request.guards, config);
        if let Some(written) = written {
            diagnostics.push(warning(request.step, request.http, written, config));
        }
    }
}

/// Whether a `dedupe` stops a rule that triggers itself.
pub fn runs_once(rule: &Rule) -> bool {
    rule.gates.iter().any(|gate| gate.kind == GateKind::Dedupe)
}

/// Returns the write of a request whose event would trigger the rule again.
fn triggering_write(
    rule: &Rule,
    http: &HttpTemplate,
    guards: &[&Condition],
    config: &Config,
) -> Option<&'static WriteEffect> {
    if !write_targets::to_help_desk(http, config) {
        return None;
    }
    let requests = written_fields::of(http);
    let mut listed = WriteEffect::all().iter().filter(|written| {
        let listens = |pattern: &TypePattern| pattern.covers(&written.event_type);
        rule.event_types.iter().any(listens)
    });
    listed.find(|written| {
        let starts = |request: &FieldWrites<'_>| {
            let change = PredictedChange {
                rule,
                written,
                request,
                catalogue: &config.catalogue,
            };
            written.ticket == request.target
                && written.object() == request.object
                && change.is_change()
                && guards.iter().all(|guard| change.may_pass(guard))
        };
        requests.iter().any(starts)
    })
}

/// The change that a request makes, as its event would describe it.
pub struct PredictedChange<'a> {
    /// The rule that the event may start.
    pub rule: &'a Rule,
    pub written: &'static WriteEffect,
    pub request: &'a FieldWrites<'a>,
    pub catalogue: &'a Catalogue,
}

/// The value at a path of that event.
enum PredictedValue {
    Value(Value),
    /// The request sets it to a value that is not in the rule's text.
    Unknown,
    /// The request does not change it.
    Unchanged,
}

impl PredictedChange<'_> {
    /// Whether the request writes the field, and not just its current value.
    pub fn is_change(&self) -> bool {
        match self.field(&self.written.writes) {
            None => false,
            Some(JsonTemplate::Field(path)) => path.text != "current",
            Some(
                JsonTemplate::Value(_)
                | JsonTemplate::Typed(_)
                | JsonTemplate::Text(_)
                | JsonTemplate::List(_)
                | JsonTemplate::Map(_),
            ) => true,
        }
    }

    fn field(&self, name: &str) -> Option<&JsonTemplate> {
        self.request.field(name)
    }

    /// Whether the event of the change may satisfy a condition. An unknown value counts as not: it may be
    /// how the author excludes own changes.
    pub fn may_pass(&self, condition: &Condition) -> bool {
        match condition {
            Condition::All(parts) => parts.iter().all(|part| self.may_pass(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.may_pass(part)),
            Condition::Predicate(predicate) => self.may_hold(predicate),
        }
    }

    fn may_hold(&self, predicate: &Predicate) -> bool {
        let compares = predicate.operator.paths().next().is_some();
        if self.lacks(predicate) {
            return false;
        }
        match predicate.path.route {
            PathKind::Plain {
                root: Root::Local | Root::Error | Root::Document,
                ..
            } => return false,
            PathKind::Plain { .. } | PathKind::Query(_) => {}
        }
        match self.value_at(&predicate.path.text, predicate.polarity) {
            PredictedValue::Unchanged => true,
            PredictedValue::Unknown => false,
            PredictedValue::Value(_) if compares => false,
            PredictedValue::Value(value) => self.holds(predicate, value),
        }
    }

    /// Whether events of that type do not have the field.
    fn lacks(&self, predicate: &Predicate) -> bool {
        let known = self.catalogue.by_name("support", &self.written.event_type);
        let path = match &predicate.path.route {
            PathKind::Plain {
                root: Root::Body, ..
            } => predicate.path.text.as_str(),
            PathKind::Plain { .. } | PathKind::Query(_) => return false,
        };
        let field = known.map(|known| known.field(path));
        matches!(field, Some(FieldLookup::Unknown { .. }))
    }

    /// The value that the event certainly has at a path.
    pub fn known_value(&self, path: &str) -> Option<Value> {
        match self.value_at(path, Polarity::Positive) {
            PredictedValue::Value(value) => Some(value),
            PredictedValue::Unknown | PredictedValue::Unchanged => None,
        }
    }

    fn value_at(&self, path: &str, polarity: Polarity) -> PredictedValue {
        if path == "event.type" {
            return PredictedValue::Value(self.written.event_type.as_str().into());
        }
        let about_actor = path.contains("actor") || path.contains("author");
        if about_actor || path.starts_with('$') || path.starts_with("steps.") {
            return PredictedValue::Unknown;
        }
        let field = match self.written.source_of(path) {
            Some(Some(field)) => field,
            Some(None) => return PredictedValue::Unknown,
            // The event contains the object as it is after the change.
            None if self.is_of_object(path) && self.field(path).is_some() => path,
            None if self.is_of_object(path) && path.ends_with(".tags") => {
                let (added, removed) = (self.tags("additional_tags"), self.tags("remove_tags"));
                match (self.field(&added).is_some(), polarity) {
                    // Added tags can violate a negated test; existing tags stay.
                    (true, Polarity::Negated) => return self.constant(&added),
                    (true, Polarity::Positive) => return PredictedValue::Unchanged,
                    (false, _) if self.field(&removed).is_some() => return PredictedValue::Unknown,
                    (false, _) => return PredictedValue::Unchanged,
                }
            }
            None => return PredictedValue::Unchanged,
        };
        self.constant(field)
    }

    fn tags(&self, field: &str) -> String {
        format!("{}.{field}", self.request.object)
    }

    /// Whether the path is a field of the object that the request writes.
    fn is_of_object(&self, path: &str) -> bool {
        let below = path.strip_prefix(self.request.object);
        below.is_some_and(|below| below.starts_with('.'))
    }

    fn constant(&self, field: &str) -> PredictedValue {
        let default = || self.written.defaults.get(field).cloned();
        let value = match self.field(field) {
            Some(written) => written.constant(),
            None => default(),
        };
        value.map_or(PredictedValue::Unknown, PredictedValue::Value)
    }

    fn holds(&self, predicate: &Predicate, value: Value) -> bool {
        let mut event = empty_event(&self.written.event_type);
        if predicate.path.text != "event.type"
            && crate::path::set::set(&mut event, &predicate.path, value).is_err()
        {
            return false;
        }
        let scope = Scope::new(&event, &self.rule.vars);
        predicate.evaluate(&scope).truth() == Truth::True
    }
}

fn empty_event(event_type: &str) -> Event {
    Event {
        source: "support".into(),
        endpoint: "support".into(),
        event_type: event_type.to_owned(),
        id: String::new(),
        key: None,
        time: None,
        envelope: Value::Null,
        body: Value::Null,
        raw: ReceivedDocument::null(),
        about: json!({"source": "support", "endpoint": "support", "type": event_type}),
        format: "",
        warnings: Vec::new(),
        trace: None,
    }
}

fn warning(step: &Step, http: &HttpTemplate, written: &WriteEffect, config: &Config) -> Diagnostic {
    let message = format!(
        "this step writes `{}`, whose change starts the rule again",
        written.writes
    );
    let connection = http.connection.as_ref();
    let connection = connection.and_then(|name| config.connections.get(name));
    let actor = connection.and_then(|connection| connection.actor_id.as_deref());
    let help = match (actor, connection) {
        (Some(actor), _) => format!(
            "exclude our own changes with `when: {{ actor_id: {{ not: {actor} }} }}` if events have `actor_id`, or by the new value; otherwise only `loop_guard` stops the loop"
        ),
        (None, Some(connection)) => format!(
            "exclude our own changes in `when`, by `actor_id` or by the new value, and give the connection `{}` its `actor_id`; otherwise only `loop_guard` stops the loop, by rate",
            connection.name
        ),
        (None, None) => "exclude our own changes in `when`, by `actor_id` or by the new value, and write through a connection with `actor_id`; otherwise only `loop_guard` stops the loop, by rate".to_owned(),
    };
    Diagnostic::warning(Code::StartsItself, step.at, message).help(help)
}
