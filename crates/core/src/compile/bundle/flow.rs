//! Lowers the states of a flow to steps, with their next steps, input, parameters and results.
//! A flow with an unknown name is not lowered; `check` reports the name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::bundle::Bundle;
use crate::bundle::choice::ChoiceRule;
use crate::bundle::name::ResourceName;
use crate::bundle::state;
use crate::bundle::state::{BundleState, Definition, PathField, StateKind};
use crate::compile::bundle::check::unsatisfiable;
use crate::compile::bundle::{action, builtin, choice_condition, token};
use crate::compile::compiler::Compiler;
use crate::config::Config;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Report};
use crate::document::Node;
use crate::flow::bundle_document::BundleOrigin;
use crate::flow::call::KeepOutput;
use crate::flow::control::{
    Branch, BranchTarget, Catch, Choose, ForEach, OnFailure, ResultPath, StatePaths, Wait,
};
use crate::flow::step::{Action, Flow, OnCrash, Step, StepSettings};
use crate::language::resolver::NameResolver;
use crate::language::template::json::JsonTemplate;
use crate::language::template::{Escape, Template};
use crate::path::{Path, PathKind, PathSegment, Root};
use crate::run::retry::RetryPolicy;
use crate::run::step_retry::StepRetry;
use crate::schedule::ScheduledDuration;

/// The default timeout of a request.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

pub fn lower(definition: &Definition, bundle: &Bundle, cx: &mut Compiler<'_>) -> Option<Flow> {
    let start = definition.position(&definition.start_at.text);
    let mut states: Vec<&BundleState> = definition.states.iter().collect();
    if let Some(start) = start {
        // A flow begins with its first step.
        let first = states.remove(start);
        states.insert(0, first);
    }
    let mut lowering = FlowLowering {
        positions: (0..)
            .zip(&states)
            .map(|(position, state)| (state.name.text.as_str(), position))
            .collect(),
        fallbacks: Vec::new(),
        next: u32::try_from(states.len()).unwrap_or(u32::MAX),
        bundle,
    };
    let steps: Vec<Option<Step>> = states
        .iter()
        .map(|state| lowering.state(state, cx))
        .collect();
    let mut steps: Vec<Step> = steps.into_iter().collect::<Option<_>>()?;
    steps.extend(lowering.fallbacks);
    start.map(|_| Flow {
        steps,
        catch: None,
        bundle: Some(origin(bundle, cx.config)),
        time_limit: definition.timeout,
    })
}

fn origin(bundle: &Bundle, config: &Config) -> Arc<BundleOrigin> {
    Arc::new(BundleOrigin {
        integration: bundle.integration.as_str().into(),
        accounts: config.accounts().collect(),
    })
}

struct FlowLowering<'b> {
    positions: HashMap<&'b str, u32>,
    /// Steps that fail the flow if no choice holds.
    fallbacks: Vec<Step>,
    /// The position of the next fallback.
    next: u32,
    bundle: &'b Bundle,
}

impl FlowLowering<'_> {
    fn state(&mut self, state: &BundleState, cx: &mut Compiler<'_>) -> Option<Step> {
        let action = self.action(state, cx);
        let data = data(state, &mut cx.names);
        let catch = match state.catch() {
            Some(catch) => self.catch(catch, cx.diagnostics()).map(Some),
            None => Some(None),
        };
        let next = match &state.then {
            state::NextState::Next(next) => Some(Some(*self.positions.get(next.text.as_str())?)),
            state::NextState::End => Some(None),
        };
        let (action, timeout) = action?;
        let timeout = state.timeout.unwrap_or(timeout);
        Some(Step {
            name: state.name.text.clone(),
            at: state.name.at,
            settings: cx
                .cache
                .settings
                .share(settings(&action, timeout, state.catch().is_some())),
            action,
            next: next?,
            catch: catch?.map(Box::new),
            data: Some(Box::new(data?)),
        })
    }

    /// Lowers the action of a state. Returns it with its timeout.
    fn action(&mut self, state: &BundleState, cx: &mut Compiler<'_>) -> Option<(Action, Duration)> {
        let action = match &state.does {
            StateKind::Action {
                name, parameters, ..
            } => {
                let common = ResourceName::parse(&name.text).is_some_and(|full| full.is_common());
                if common {
                    builtin::lower(name, parameters.as_ref(), self.bundle, &mut cx.names)?
                } else {
                    let own = self.bundle.meant_action(&name.text)?;
                    let lowered = action::lower(own, parameters.as_ref(), self.bundle, cx);
                    let (http, timeout) = lowered.filter(|_| own.is_called(name))?;
                    return Some((Action::from(http), timeout.unwrap_or(DEFAULT_TIMEOUT)));
                }
            }
            StateKind::Choice { choices, default } => {
                let fallback = match default {
                    Some(default) => *self.positions.get(default.text.as_str())?,
                    None => self.add_fallback(state, cx),
                };
                self.choose(choices, fallback, state, &mut cx.names)?
            }
            StateKind::Map { items, each, .. } => Action::Each(Box::new(ForEach {
                items: path(&items.text, items.at, cx.diagnostics())?,
                name: None,
                concurrency: 1,
                on_failure: OnFailure::Stop,
                flow: lower(each, self.bundle, cx)?,
            })),
            StateKind::Wait { seconds, .. } => Action::Wait(Wait::For(ScheduledDuration::always(
                Duration::from_secs(*seconds),
            ))),
            StateKind::Pass { result, .. } => Action::Set(match result {
                Some(result) => JsonTemplate::Value(Arc::new(result.to_json())),
                None => JsonTemplate::Field(Arc::new(root_path())),
            }),
            StateKind::Succeed { message } => Action::Succeed(match message {
                Some(message) => Some(self::message(&[message], cx.diagnostics())?),
                None => None,
            }),
            StateKind::Fail { error, cause } => {
                let parts: Vec<&Node> = error.iter().chain(cause).collect();
                Action::Fail(match parts.as_slice() {
                    [] => None,
                    parts => Some(self::message(parts, cx.diagnostics())?),
                })
            }
        };
        Some((action, DEFAULT_TIMEOUT))
    }

    fn choose(
        &self,
        choices: &[ChoiceRule],
        fallback: u32,
        state: &BundleState,
        names: &mut NameResolver<'_>,
    ) -> Option<Action> {
        let mut branches: Vec<Option<Branch>> = Vec::with_capacity(choices.len() + 1);
        for choice in choices {
            let when = choice_condition::lower(&choice.test, names);
            if let Some(when) = &when {
                unsatisfiable::warn_of_contradiction(when, names);
            }
            let then = self.positions.get(choice.next.text.as_str());
            branches.push(when.zip(then).map(|(when, then)| Branch {
                at: choice.at,
                when: Some(when),
                then: BranchTarget::Goto(*then),
            }));
        }
        let mut branches: Vec<Branch> = branches.into_iter().collect::<Option<_>>()?;
        branches.push(Branch {
            at: state.name.at,
            when: None,
            then: BranchTarget::Goto(fallback),
        });
        Some(Action::Choose(Box::new(Choose { branches })))
    }

    /// Adds a step that fails the flow, as ZIS does if no choice holds and there is no `Default`. Returns
    /// its position.
    fn add_fallback(&mut self, state: &BundleState, cx: &mut Compiler<'_>) -> u32 {
        let name = &state.name.text;
        let why = format!("no choice of `{name}` holds, and it has no `Default`; add one");
        let action = Action::Fail(Some(Template::literal(why)));
        self.fallbacks.push(Step {
            name: format!("{name} without a default"),
            at: state.name.at,
            settings: cx
                .cache
                .settings
                .share(settings(&action, DEFAULT_TIMEOUT, false)),
            action,
            next: None,
            catch: None,
            data: Some(Box::new(StatePaths {
                input: None,
                parameters: None,
                result: ResultPath::Nowhere,
                output: None,
            })),
        });
        let position = self.next;
        self.next += 1;
        position
    }

    fn catch(&self, catch: &state::Catcher, diagnostics: &mut Diagnostics) -> Option<Catch> {
        let error = result_path(
            catch.result.as_ref(),
            ResultPath::At(Vec::new()),
            diagnostics,
        );
        let next = self.positions.get(catch.next.text.as_str());
        Some(Catch {
            then: BranchTarget::Goto(*next?),
            error: error?,
        })
    }
}

fn settings(action: &Action, timeout: Duration, is_caught: bool) -> StepSettings {
    let retry = StepRetry::of_all(match action.request() {
        Some(_) => RetryPolicy::of_requests(),
        None => RetryPolicy::of_commands(),
    });
    StepSettings {
        retry: match is_caught {
            true => retry.caught(),
            false => retry,
        },
        timeout,
        keep: KeepOutput::default(),
        on_crash: OnCrash::Rerun,
    }
}

fn data(state: &BundleState, names: &mut NameResolver<'_>) -> Option<StatePaths> {
    let input = lower_path(state.input.as_ref(), "InputPath", names.diagnostics);
    let output = lower_path(state.output.as_ref(), "OutputPath", names.diagnostics);
    let result = result_path(
        state.result.as_ref(),
        default_result_path(state),
        names.diagnostics,
    );
    let parameters = match &state.does {
        StateKind::Action {
            name, parameters, ..
        } => {
            let common = ResourceName::parse(&name.text).is_some_and(|full| full.is_common());
            // The parameters of a built-in action are part of the action, and access tokens of the request.
            let own = parameters.as_ref().filter(|_| !common);
            own.map(|node| JsonTemplate::in_document(&token::split(node).1, names))
        }
        StateKind::Pass { parameters, .. } => parameters
            .as_ref()
            .map(|node| JsonTemplate::in_document(node, names)),
        StateKind::Choice { .. }
        | StateKind::Map { .. }
        | StateKind::Wait { .. }
        | StateKind::Succeed { .. }
        | StateKind::Fail { .. } => None,
    };
    let parameters = match parameters {
        Some(parameters) => Some(parameters?),
        None => None,
    };
    Some(StatePaths {
        input: input?,
        parameters,
        result: result?,
        output: output?,
    })
}

/// Returns where a state without `ResultPath` writes its result.
pub fn default_result_path(state: &BundleState) -> ResultPath {
    match &state.does {
        StateKind::Action { name, .. } if name.text == builtin::PATCH => ResultPath::Nowhere,
        StateKind::Action { .. } | StateKind::Map { .. } | StateKind::Pass { .. } => {
            ResultPath::At(Vec::new())
        }
        StateKind::Choice { .. }
        | StateKind::Wait { .. }
        | StateKind::Succeed { .. }
        | StateKind::Fail { .. } => ResultPath::Nowhere,
    }
}

/// Lowers `InputPath` or `OutputPath`. The outer None follows after an error.
fn lower_path(
    field: Option<&PathField>,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Option<Path>> {
    let Some(field) = field else {
        return Some(None);
    };
    let Some(text) = &field.path else {
        let message = format!("`{key}: null` would remove the whole document");
        return diagnostics.reject_value(
            field.at,
            message,
            "write the path of a part, or remove the key",
        );
    };
    path(text, field.at, diagnostics).map(Some)
}

/// Lowers `ResultPath` to the keys that it names. null leaves the document unchanged.
fn result_path(
    field: Option<&PathField>,
    default: ResultPath,
    diagnostics: &mut Diagnostics,
) -> Option<ResultPath> {
    let Some(field) = field else {
        return Some(default);
    };
    let Some(text) = &field.path else {
        return Some(ResultPath::Nowhere);
    };
    let path = path(text, field.at, diagnostics)?;
    match path.route {
        PathKind::Plain { keys, .. } if keys.iter().all(is_name) => Some(ResultPath::At(keys)),
        PathKind::Plain { .. } | PathKind::Query(_) => {
            let message = format!("`{text}` is not a single location for a result");
            let help = "use only keys: `$.lookup.order`";
            diagnostics.reject(Code::BadPath, field.at, message, help)
        }
    }
}

fn is_name(key: &PathSegment) -> bool {
    key.index.is_none()
}

pub(super) fn path(
    text: &str,
    at: crate::diagnostic::Span,
    diagnostics: &mut Diagnostics,
) -> Option<Path> {
    match Path::in_document(text.trim()) {
        Ok(path) => Some(path),
        Err(error) => {
            let diagnostic = Diagnostic::error(Code::BadPath, at, error.message);
            diagnostics.push(diagnostic.maybe_help(error.help));
            None
        }
    }
}

/// Returns the path `$`.
fn root_path() -> Path {
    Path {
        text: "$".into(),
        route: PathKind::Plain {
            root: Root::Document,
            keys: Vec::new(),
        },
    }
}

/// Joins the texts of a `Succeed` or `Fail`. A text that is a path is replaced by its value.
fn message(parts: &[&Node], diagnostics: &mut Diagnostics) -> Option<Template> {
    let texts: Vec<String> = parts.iter().filter_map(|node| node.scalar_text()).collect();
    let filled = texts.iter().map(|text| match text.strip_prefix('$') {
        Some(rest) if rest.starts_with(['.', '[']) && !text.contains(' ') => {
            format!("{{{{{text}}}}}")
        }
        Some(_) | None => text.clone(),
    });
    let text = filled.collect::<Vec<_>>().join(": ");
    Template::in_document("", &text, parts[0], Escape::None, diagnostics)
}
