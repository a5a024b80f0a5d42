//! Compiles a bundle: one rule for each job spec, and every flow under its whole name.
//! A bundle with a mistake anywhere makes no rule; all its mistakes are reported.

pub mod action;
pub mod builtin;
pub mod check;
pub mod choice;
pub mod flow;
pub mod named_flows;
pub mod url;

use std::mem::take;
use std::sync::Arc;

use crate::bundle::name::ResourceName;
use crate::bundle::read::read;
use crate::bundle::{Bundle, JobSpec, ResourceKind};
use crate::compile::bundle::named_flows::named_flows;
use crate::compile::cache::CompileCache;
use crate::compile::compiler::Compiler;
use crate::compile::event_pattern::{lower_source, lower_types};
use crate::compile::flow::named_flows::NamedFlow;
use crate::compile::{self_trigger, write_targets};
use crate::config::Config;
use crate::config::mode::Mode;
use crate::diagnostic::{Code, Diagnostics, Report, Span};
use crate::document::{Node, Yaml};
use crate::event::catalogue::event_type::EventType;
use crate::flow::step;
use crate::language::condition::Condition;
use crate::language::event_fields::EventFields;
use crate::rule::event_pattern::TypePattern;
use crate::rule::version::{IncludedDocument, RuleVersion};
use crate::rule::{Lane, Rule};

pub use crate::compile::bundle::builtin::{LOAD, PATCH, is_known};
pub use crate::compile::bundle::flow::usual_landing;

/// What a bundle is compiled to.
#[derive(Default)]
pub struct CompiledBundle {
    /// One for each job spec; none where anything in the bundle is wrong.
    pub rules: Vec<Arc<Rule>>,
    /// All flows, by which rules outside the bundle run them.
    pub flows: Vec<NamedFlow>,
}

/// Compiles the bundle of a document; reports everything that is wrong with it.
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

/// What a job spec listens to.
pub struct JobSpecTrigger<'b> {
    pub spec: &'b JobSpec,
    /// The place of the flow that it starts.
    flow: Option<usize>,
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
    let mut flows: Vec<Option<step::Flow>> = Vec::with_capacity(bundle.flows.len());
    for (place, flow) in bundle.flows.iter().enumerate() {
        cx.names.fields = fields_of(place, &triggers);
        check::flow(flow, bundle, &mut cx.names);
        flows.push(flow::lower(&flow.definition, bundle, cx));
    }
    let mut rules = Vec::with_capacity(triggers.len());
    for trigger in triggers {
        let started = trigger.flow.and_then(|place| flows.get(place)).cloned();
        if let Some(flow) = trigger.flow.and_then(|place| bundle.flows.get(place)) {
            cx.cache.flows.run(&bundle.name_of(flow).into());
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

/// What the events hold that may start a flow: all that any of its job specs listens to.
fn fields_of(flow: usize, triggers: &[JobSpecTrigger<'_>]) -> EventFields {
    let mut types: Vec<EventType> = Vec::new();
    for trigger in triggers.iter().filter(|trigger| trigger.flow == Some(flow)) {
        match &trigger.fields {
            EventFields::Of(known) => types.extend(known.types().iter().cloned()),
            EventFields::Open | EventFields::Any | EventFields::None => return EventFields::Open,
        }
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
    let types = one_type(&spec.event_type, cx.diagnostics())
        .then(|| lower_types(&spec.event_type, source.as_deref(), cx))
        .flatten();
    let fields = match &types {
        Some(_) => cx.names.fields.clone(),
        None => EventFields::Open,
    };
    warn_of_display_name(&spec.event_type, types.as_deref(), cx.diagnostics());
    let name = ResourceName::short(&spec.flow_name.text);
    JobSpecTrigger {
        spec,
        flow: bundle.flows.iter().position(|flow| flow.name.text == name),
        source,
        types,
        fields,
    }
}

fn one_type(node: &Node, diagnostics: &mut Diagnostics) -> bool {
    let help = match &node.value {
        Yaml::List(_) => "write a job spec for each, with the same `flow_name`",
        Yaml::Text(text) if text.ends_with('*') => {
            "ZIS knows no families: write a job spec for each type"
        }
        _ => return true,
    };
    let message = "a job spec listens to one event type";
    diagnostics.error(Code::WrongType, node.at, message, help);
    false
}

/// A display name is understood here, and is silently another type there.
fn warn_of_display_name(node: &Node, types: Option<&[TypePattern]>, diagnostics: &mut Diagnostics) {
    let (Some(text), Some([TypePattern::Tag(tag)])) = (node.as_text(), types) else {
        return;
    };
    if text != tag {
        let message = format!(
            "`{text}` is what people call the type, and starts nothing on ZIS; here it starts the flow"
        );
        diagnostics.warning(
            Code::UnknownEventType,
            node.at,
            message,
            format!("write its name: `{tag}`"),
        );
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
    let rule = Rule {
        at: trigger.spec.name.at,
        event_source: trigger.source?,
        event_types: trigger.types?,
        mode: Mode::Live.min(cx.config.mode),
        when: Condition::always(),
        vars: Arc::clone(&cx.names.in_scope.vars),
        lane: Lane::Key,
        guard: write_targets::guard(Some(&flow), on_dead.as_deref(), cx),
        gates: Vec::new(),
        flow,
        on_dead,
        version: version.clone().of_rule(&name),
        has_tests: false,
        name,
    };
    self_trigger::warn(&rule, cx.config, cx.diagnostics());
    Some(rule)
}

/// `INTEGRATION.JOBSPEC`, as far as both are made of what names of rules are made of.
pub fn rule_name(integration: &str, spec: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || "._-".contains(c) {
        true => c,
        false => '-',
    };
    let whole = match integration {
        "" => spec.to_owned(),
        integration => format!("{integration}.{spec}"),
    };
    let name: String = whole.chars().map(plain).take(100).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    match name {
        "" => "job-spec".into(),
        name => name.to_owned(),
    }
}

/// A name that leads nowhere, with the nearest that there is.
pub fn nowhere(at: Span, what: &str, name: &str, known: &[&str], diagnostics: &mut Diagnostics) {
    use crate::document::suggest;

    let message = format!("no {what} is called `{name}`");
    let help = match suggest::nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("this bundle has no {what}"),
        None => format!("there are {}", known.join(", ")),
    };
    diagnostics.error(Code::UndefinedName, at, message, &help);
}

/// Whether a name leads to a resource that has mistakes of its own.
pub fn told(bundle: &Bundle, kind: ResourceKind, name: &str) -> bool {
    bundle.is_broken(kind, name)
}
