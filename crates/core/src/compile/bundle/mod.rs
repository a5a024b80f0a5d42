//! Compiles a bundle: one rule for each job spec, and every flow under its full name.
//! All mistakes are reported; a bundle with any gives no rules.

pub(crate) mod action;
pub(crate) mod builtin;
pub(crate) mod check;
pub(crate) mod choice_condition;
pub(crate) mod flow;
pub(crate) mod named_flows;
pub(crate) mod token;
pub(crate) mod url;

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::Arc;

use crate::bundle::name::ResourceName;
use crate::bundle::read::read;
use crate::bundle::{Bundle, JobSpec, ResourceKind};
use crate::compile::bundle::check::accounts::AccountGaps;
use crate::compile::bundle::named_flows::named_flows;
use crate::compile::cache::CompileCache;
use crate::compile::compiler::Compiler;
use crate::compile::event_pattern::{lower_listed_types, lower_source};
use crate::compile::flow::named_flows::NamedFlow;
use crate::compile::{self_trigger, write_targets};
use crate::config::Config;
use crate::config::mode::Mode;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::suggest;
use crate::document::{Node, Yaml};
use crate::event::catalogue::event_type::EventType;
use crate::event::format::type_name::ResolvedType;
use crate::event::type_pattern::TypePattern;
use crate::flow::bundle_document::is_wrapped;
use crate::flow::step;
use crate::language::condition::Condition;
use crate::language::event_fields::{EventFields, EventTypes};
use crate::rule::version::{IncludedDocument, RuleVersion};
use crate::rule::{Lane, Rule};

pub use crate::compile::bundle::builtin::{LOAD, PATCH, is_known};
pub use crate::compile::bundle::flow::default_result_path;

/// The rules and flows of a bundle.
#[derive(Default)]
pub struct CompiledBundle {
    /// One for each job spec; none if the bundle has a mistake.
    pub rules: Vec<Arc<Rule>>,
    /// All flows, which rules outside the bundle can run by name.
    pub flows: Vec<NamedFlow>,
}

/// Compiles the bundle of a document. Reports all its mistakes.
pub fn compile(
    node: &Node,
    part: &IncludedDocument,
    version: &RuleVersion,
    config: &Config,
    cache: &mut CompileCache,
    diagnostics: &mut Diagnostics,
) -> CompiledBundle {
    let before = diagnostics.errors();
    let mut cx = Compiler::new(config, EventFields::Open, diagnostics).with_cache(take(cache));
    let mut compiled = match read(node, cx.diagnostics()) {
        Some(bundle) => lower_bundle(&bundle, part, version, &mut cx),
        None => CompiledBundle::default(),
    };
    if cx.diagnostics().errors() > before {
        compiled.rules.clear();
    }
    *cache = cx.into_cache();
    compiled
}

/// The events that a job spec listens to.
pub struct JobSpecTrigger<'b> {
    pub spec: &'b JobSpec,
    /// The position of the flow that it starts.
    flow: Option<usize>,
    /// The position of the flow that it probably means, for the checks of that flow.
    meant: Option<usize>,
    pub source: Option<String>,
    pub types: Option<Arc<[TypePattern]>>,
    fields: EventFields,
}

fn lower_bundle(
    bundle: &Bundle,
    part: &IncludedDocument,
    version: &RuleVersion,
    cx: &mut Compiler<'_>,
) -> CompiledBundle {
    let specs = bundle.job_specs.iter();
    let triggers: Vec<JobSpecTrigger<'_>> =
        specs.map(|spec| lower_trigger(spec, bundle, cx)).collect();
    check::names(bundle, &triggers, cx);
    // A stored bundle was checked when it was loaded, by the checks of that version.
    let is_checked = !cx.names.diagnostics.is_of_stored_rules();
    let mut flows: Vec<Option<step::Flow>> = Vec::with_capacity(bundle.flows.len());
    for (place, flow) in bundle.flows.iter().enumerate() {
        let starting = triggers
            .iter()
            .filter(|trigger| trigger.meant == Some(place));
        cx.names.fields = fields_of(starting.clone());
        let gaps = AccountGaps::of(starting, cx.config);
        if is_checked {
            check::flow(flow, bundle, &gaps, &mut cx.names);
        }
        flows.push(flow::lower(&flow.definition, bundle, cx));
    }
    cx.names.fields = fields_of(triggers.iter());
    if is_checked {
        check::unused_actions::check(bundle, cx);
    }
    let mut rules = Vec::with_capacity(triggers.len());
    for trigger in triggers {
        let started = trigger.flow.and_then(|place| flows.get(place)).cloned();
        if let Some(flow) = trigger.meant.and_then(|place| bundle.flows.get(place)) {
            cx.cache.flows.mark_used(&bundle.name_of(flow).into());
        }
        if let Some(flow) = started.flatten() {
            cx.names.fields = trigger.fields.clone();
            rules.extend(rule(bundle, trigger, flow, version, cx).map(Arc::new));
        }
    }
    CompiledBundle {
        rules,
        flows: named_flows(bundle, flows, part),
    }
}

/// Returns the fields of the events of job specs.
fn fields_of<'t>(triggers: impl Iterator<Item = &'t JobSpecTrigger<'t>>) -> EventFields {
    let mut types: Vec<EventType> = Vec::new();
    let mut assumed = false;
    for trigger in triggers {
        match &trigger.fields {
            EventFields::Of(known) if known.are_assumed() => assumed = true,
            EventFields::Of(_) => {}
            EventFields::Open | EventFields::Any | EventFields::None => return EventFields::Open,
        }
        if let EventFields::Of(known) = &trigger.fields {
            types.extend(known.types().iter().cloned());
        }
    }
    if assumed {
        let families: BTreeSet<String> = types
            .iter()
            .map(|known| format!("{}.*", known.family()))
            .collect();
        let families = Vec::from_iter(families).join(", ");
        return EventFields::Of(EventTypes::assumed(types, families));
    }
    match types.is_empty() {
        true => EventFields::Open,
        false => EventFields::Of(types.into_iter().collect()),
    }
}

fn lower_trigger<'b>(
    spec: &'b JobSpec,
    bundle: &Bundle,
    cx: &mut Compiler<'_>,
) -> JobSpecTrigger<'b> {
    let source = lower_source(&spec.event_source, cx);
    let types = match check_single_type(&spec.event_type, cx.diagnostics()) {
        true => lower_unwrapped(&spec.event_type, source.as_deref(), cx)
            .or_else(|| lower_listed_types(&spec.event_type, source.as_deref(), cx)),
        false => None,
    };
    let fields = match &types {
        Some(types) => known_fields(types, cx),
        None => meant_fields(&spec.event_type, source.as_deref(), cx),
    };
    warn_about_display_name(&spec.event_type, types.as_deref(), cx.diagnostics());
    let name = ResourceName::short(&spec.flow_name.text);
    let position = |name: &str| bundle.flows.iter().position(|flow| flow.name.text == name);
    let near = || {
        suggest::nearest(
            name,
            bundle.flows.iter().map(|flow| flow.name.text.as_str()),
        )
    };
    JobSpecTrigger {
        spec,
        flow: position(name),
        meant: position(name)
            .or_else(|| near().and_then(position))
            .or_else(|| only_flow(bundle)),
        source,
        types,
        fields,
    }
}

/// The flow of a bundle that has only one.
fn only_flow(bundle: &Bundle) -> Option<usize> {
    (bundle.flows.len() == 1).then_some(0)
}

/// The fields of types that ZIS wraps. Other events are the body as posted, which may have any field.
fn known_fields(types: &[TypePattern], cx: &Compiler<'_>) -> EventFields {
    let wrapped = types.iter().all(|pattern| match pattern {
        TypePattern::Name(tag) => is_wrapped("support", tag),
        TypePattern::Family(_) => false,
    });
    let of_support = cx.names.fields.is_of("support");
    match wrapped && of_support {
        true => cx.names.fields.clone(),
        false => EventFields::Open,
    }
}

/// The fields of an unknown type, so that the paths of the flow are checked as well: those of the type that differs
/// by a letter or two, or else of the family, since what no type of the family has is a mistake in any case.
fn meant_fields(node: &Node, source: Option<&str>, cx: &Compiler<'_>) -> EventFields {
    let text = node.as_text().unwrap_or_default();
    let catalogue = &cx.config.catalogue;
    let tag = ResolvedType::webhook_tag(text);
    let near = catalogue.nearest("support", text);
    let misspelt = near.filter(|near| suggest::is_misspelt(&tag, &near.name));
    if let Some(near) = misspelt.filter(|near| is_wrapped("support", &near.name))
        && source.is_none_or(|source| source == "support")
    {
        return EventFields::Of([near.clone()].into_iter().collect());
    }
    let family = match tag.split_once('.') {
        Some((family, _)) => Some(family),
        None => near.map(EventType::family),
    };
    let Some(pattern) = family
        .filter(|_| source.is_none_or(|source| source == "support"))
        .map(|family| format!("{family}.*"))
    else {
        return EventFields::Open;
    };
    let known = catalogue.matching("support", &pattern).into_iter();
    let types: Vec<EventType> = known
        .filter(|known| is_wrapped("support", &known.name))
        .cloned()
        .collect();
    match types.is_empty() {
        true => EventFields::Open,
        false => EventFields::Of(EventTypes::assumed(types, pattern)),
    }
}

fn check_single_type(node: &Node, diagnostics: &mut Diagnostics) -> bool {
    let help = match &node.value {
        Yaml::List(_) => "write a job spec for each, with the same `flow_name`",
        Yaml::Text(text) if text.ends_with('*') => {
            "ZIS has no families: write a job spec for each type"
        }
        _ => return true,
    };
    let message = "a job spec listens to one event type";
    diagnostics.error(Code::WrongType, node.at, message, help);
    false
}

/// Returns the pattern of a Zendesk type whose events ZIS does not wrap, such as
/// `zen:event-type:agent.state_changed`. ZIS has more of them than the catalogue.
fn lower_unwrapped(
    node: &Node,
    source: Option<&str>,
    cx: &mut Compiler<'_>,
) -> Option<Arc<[TypePattern]>> {
    let text = node.as_text().filter(|_| source == Some("support"))?;
    let tag = ResolvedType::webhook_tag(text);
    let (family, name) = tag.split_once('.')?;
    let catalogue = &cx.config.catalogue;
    let webhook = ResolvedType::webhook_name(text);
    if let Some(declared) = catalogue.by_webhook(webhook)
        && !is_wrapped("support", &declared.name)
    {
        cx.names.fields = EventFields::Open;
        return Some([TypePattern::Name(declared.name.clone())].into());
    }
    let of_support = catalogue.matching("support", "*").into_iter();
    let families = of_support.map(EventType::family);
    let families: Vec<&str> = families.filter(|of| is_wrapped("support", of)).collect();
    let near = catalogue.nearest("support", text);
    let wrapped = near.filter(|near| is_wrapped("support", &near.name));
    let same_name = wrapped.is_some_and(|near| {
        let short = near.name.split_once('.').map(|(_, short)| short);
        short.is_some_and(|short| short.eq_ignore_ascii_case(name))
    });
    let meant = suggest::nearest(family, families.iter().copied()).is_some()
        || same_name
        || near.is_some_and(|near| near.is_misspelt_as(text));
    if meant || name.is_empty() || text.contains(' ') {
        return None;
    }
    cx.names.fields = EventFields::Open;
    let message = format!("`{tag}` is not in the catalogue, so its fields are not checked");
    let help = format!(
        "it starts for the event webhook type that rules call `{tag}`; `$.input` is the body of the webhook; to declare the type, add `{{ source: support, name: {webhook} }}` to `event_types` in flowtrigger.yaml"
    );
    cx.warning(Code::UnknownEventType, node.at, message, help);
    Some([TypePattern::Name(tag)].into())
}

/// Warns about a display name: it works here, but ZIS does not recognise it.
fn warn_about_display_name(
    node: &Node,
    types: Option<&[TypePattern]>,
    diagnostics: &mut Diagnostics,
) {
    let (Some(text), Some([TypePattern::Name(tag)])) = (node.as_text(), types) else {
        return;
    };
    let is_webhook = ResolvedType::webhook_name(text) != text;
    if text != tag && !is_webhook && ResolvedType::webhook_tag(text) != *tag {
        let message =
            format!("`{text}` is a display name: it starts the flow here, but not on ZIS");
        let help = format!("write the name of the type: `{tag}`");
        diagnostics.warning(Code::UnknownEventType, node.at, message, help);
    }
}

fn rule(
    bundle: &Bundle,
    trigger: JobSpecTrigger<'_>,
    flow: step::Flow,
    version: &RuleVersion,
    cx: &mut Compiler<'_>,
) -> Option<Rule> {
    let name = rule_name(&bundle.integration, &trigger.spec.name.text);
    let on_dead = cx.cache.default_on_dead.clone();
    let on_outage = cx.cache.on_outage.clone();
    let notices = [on_dead.as_deref(), on_outage.as_deref()];
    let source = trigger.source?;
    let rule = Rule {
        at: trigger.spec.name.at,
        event_types: trigger.types?,
        every: None,
        mode: Mode::Live.min(cx.config.mode),
        when: Condition::always(),
        vars: Arc::clone(&cx.names.in_scope.vars),
        lane: Lane::Key,
        guard: write_targets::guard(&source, Some(&flow), notices, cx),
        event_source: source,
        gates: Vec::new(),
        sequence: None,
        flow,
        on_dead,
        on_outage,
        version: version.clone().of_rule(&name),
        has_tests: false,
        awaits_events: false,
        counterpart: None,
        name,
    };
    self_trigger::warn(&rule, cx.config, cx.diagnostics());
    Some(rule)
}

/// Returns `INTEGRATION.JOBSPEC`, with characters that rule names cannot have replaced.
pub fn rule_name(integration: &str, spec: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || "._-".contains(c) {
        true => c,
        false => '-',
    };
    let full = match integration {
        "" => spec.to_owned(),
        integration => format!("{integration}.{spec}"),
    };
    let name: String = full.chars().map(plain).take(100).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    match name {
        "" => "job-spec".into(),
        name => name.to_owned(),
    }
}

/// Reports an unknown name, with the most similar known one.
pub fn report_unknown_name(
    at: Span,
    what: &str,
    name: &str,
    known: &[&str],
    diagnostics: &mut Diagnostics,
) {
    let message = format!("no {what} is called `{name}`");
    let help = match suggest::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("this bundle has no {what}"),
        None => format!("there are {}", known.join(", ")),
    };
    diagnostics.error(Code::UndefinedName, at, message, &help);
}

/// Whether a name is that of an invalid resource, whose mistakes are reported.
pub fn is_reported(bundle: &Bundle, kind: ResourceKind, name: &str) -> bool {
    bundle.is_broken(kind, name)
}
