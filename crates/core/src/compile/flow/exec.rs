//! Lowers `exec` and `shell` of a step to a command.
//! Reports templates in a script, and programs that an event could choose.

use std::path::Path;

use crate::compile::compiler::Compiler;
use crate::compile::flow::action::{
    ActionSpec, AfterCrash, CallDefaults, CallKeys, Synonym, attempt_output,
};
use crate::compile::flow::script;
use crate::compile::flow::settings::COMMAND_TIMEOUT;
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::document::decode::Decode;
use crate::document::suggest;
use crate::document::vocabulary::Keyword;
use crate::document::{Node, Yaml};
use crate::flow::call::ExecTemplate;
use crate::flow::step::{Action, OnCrash};
use crate::flow::vocabulary::command::{EXEC, EXEC_ACTION, SHELL_ACTION};
use crate::language::resolver::NameResolver;
use crate::language::template::{Escape, Template};
use crate::run::retry::RetryPolicy;
use crate::run::step_retry::StepRetry;

impl CallKeys for ExecTemplate {
    const ACTIONS: &'static [ActionSpec] = &[
        ActionSpec {
            inner: Some(&EXEC),
            synonyms: &[Synonym {
                keys: &["run", "cmd", "command", "program"],
                help: "write `exec: [program, argument]`",
            }],
            ..command(&[EXEC_ACTION], |node, _, cx| {
                lower(node, cx).map(Action::from)
            })
        },
        ActionSpec {
            synonyms: &[Synonym {
                keys: &["script", "bash", "sh"],
                help: "write `shell:` for a script, or `exec: [program, argument]`",
            }],
            ..command(&[SHELL_ACTION], |node, _, cx| {
                lower_shell(node, cx).map(Action::from)
            })
        },
    ];
}

/// What both ways to write a command have. A command has no protection against running twice.
const fn command(
    words: &'static [Keyword],
    lower: fn(&Node, &Node, &mut Compiler<'_>) -> Option<Action>,
) -> ActionSpec {
    ActionSpec {
        output: |keep| attempt_output(keep, &["status", "stdout", "stderr", "body", "truncated"]),
        call: Some(CallDefaults {
            retry: |_, _| StepRetry::of_all(RetryPolicy::of_commands()),
            timeout: |_, _| COMMAND_TIMEOUT,
            after_crash: AfterCrash::Chosen(OnCrash::Hold),
        }),
        ..ActionSpec::new(words, lower)
    }
}

fn lower(node: &Node, cx: &mut Compiler<'_>) -> Option<ExecTemplate> {
    match &node.value {
        Yaml::List(_) => Some(ExecTemplate {
            argv: lower_argv(node, &mut cx.names)?,
            stdin: None,
            cwd: cx.folder.clone(),
            cwd_is_default: true,
            env: Vec::new(),
            confine: None,
            shell: false,
        }),
        Yaml::Map(_) => lower_mapping(node, cx),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            let message = format!("`exec` takes a list, found {}", node.kind());
            let help = "write each argument as an item, `exec: [program, argument]`, or a script under `shell:`";
            cx.reject(Code::WrongType, node.at, message, help)
        }
    }
}

fn lower_mapping(node: &Node, cx: &mut Compiler<'_>) -> Option<ExecTemplate> {
    cx.entries(node, &EXEC)?;
    let meant = suggest::meant(node, &EXEC);
    let node = meant.as_ref().unwrap_or(node);
    let argv = match node.get("argv") {
        Some(argv) => lower_argv(argv, &mut cx.names),
        None => {
            let help = "add `argv: [program, argument]`";
            cx.reject(Code::MissingKey, node.at, "`exec` has no `argv`", help)
        }
    };
    let stdin = match node.get("stdin") {
        Some(stdin) => Template::lower(stdin, "stdin", Escape::None, &mut cx.names).map(Some),
        None => Some(None),
    };
    let cwd = node
        .get("cwd")
        .map_or(Some(cx.folder.clone()), |cwd| lower_cwd(cwd, cx));
    let env = node
        .get("env")
        .map_or(Some(Vec::new()), |env| lower_env(env, &mut cx.names));
    Some(ExecTemplate {
        argv: argv?,
        stdin: stdin?,
        cwd: cwd?,
        cwd_is_default: node.get("cwd").is_none(),
        env: env?,
        confine: None,
        shell: false,
    })
}

fn lower_argv(node: &Node, names: &mut NameResolver<'_>) -> Option<Vec<Template>> {
    let Some(items) = node.as_list() else {
        return names.reject_type(node, "argv", "a list");
    };
    let Some(program) = items.first() else {
        let help = "name a program and its arguments: `[./bin/notify, \"{{ ticket.id }}\"]`";
        return names.reject_value(node.at, "the command is empty", help);
    };
    if program
        .as_text()
        .is_some_and(|text| text.trim().is_empty() || text.contains("{{"))
    {
        let message = "a program must be literal; event values can only be arguments";
        return names.reject_value(program.at, message, "write its name or its path");
    }
    if !script::check(items, names.diagnostics) {
        return None;
    }
    let argv: Vec<_> = items
        .iter()
        .map(|item| {
            let argument = Template::lower(item, "exec", Escape::None, names)?;
            warn_of_secret(item, &argument, names);
            Some(argument)
        })
        .collect();
    argv.into_iter().collect()
}

/// Every user of the machine can list the arguments of all processes.
fn warn_of_secret(item: &Node, argument: &Template, names: &mut NameResolver<'_>) {
    let Some(secret) = argument.secrets().next() else {
        return;
    };
    let message = format!(
        "the value of `secret.{secret}` is visible in the list of processes as an argument"
    );
    let help = "pass it under `env`, or through `stdin`";
    let warning = Diagnostic::warning(Code::SecretInArguments, item.at, message);
    names.diagnostics.push(warning.help(help));
}

fn lower_cwd(node: &Node, cx: &mut Compiler<'_>) -> Option<String> {
    let cwd = cx.text(node, "cwd")?;
    if cwd.contains("{{") {
        let message = "`cwd` takes no template";
        return cx.reject(
            Code::BadTemplate,
            node.at,
            message,
            "write the folder literally, or pass the value as an argument",
        );
    }
    let joined = Path::new(&cx.folder).join(cwd);
    Some(joined.to_string_lossy().into_owned())
}

fn lower_env(node: &Node, names: &mut NameResolver<'_>) -> Option<Vec<(String, Template)>> {
    let Some(entries) = node.as_map() else {
        return names.reject_type(node, "env", "a mapping");
    };
    let mut env = Vec::new();
    for entry in entries {
        if entry.key.is_empty()
            || entry.key.contains(['=', '\0'])
            || entry.key.starts_with("FLOWTRIGGER_")
        {
            let message = format!("the variable `{}` cannot be set", entry.key);
            let help =
                "choose another name; names that start with `FLOWTRIGGER_` are set by flowtrigger";
            names.invalid(entry.key_at, message, help);
            env.push(None);
            continue;
        }
        let template = Template::lower(&entry.value, &entry.key, Escape::None, names);
        env.push(template.map(|template| (entry.key.clone(), template)));
    }
    env.into_iter().collect()
}

/// Lowers `shell` to a command that runs `/bin/sh -c SCRIPT`.
fn lower_shell(node: &Node, cx: &mut Compiler<'_>) -> Option<ExecTemplate> {
    let script = match &node.value {
        Yaml::Text(script) if !script.trim().is_empty() => script.clone(),
        Yaml::Text(_) => {
            return cx.reject_value(node.at, "the script is empty", "write what it should do");
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::List(_) | Yaml::Map(_) => {
            let message = format!("`shell` takes text, found {}", node.kind());
            return cx.reject(
                Code::WrongType,
                node.at,
                message,
                "write the script, or `exec:` with a list",
            );
        }
    };
    if script.contains("{{") || script.contains("{%") {
        let message = "a script takes no template: the event's text would become part of it";
        let help = "the event is on standard input as JSON, and in `$FLOWTRIGGER_EVENT_TYPE`, `…_ID`, \
                    `…_SOURCE` and `$FLOWTRIGGER_KEY`; or use `exec: [program, \"{{ … }}\"]`";
        return cx.reject(Code::TemplateInShell, node.at, message, help);
    }
    Some(ExecTemplate {
        argv: ["/bin/sh", "-c", &script].map(Template::literal).into(),
        stdin: None,
        cwd: cx.folder.clone(),
        cwd_is_default: true,
        env: Vec::new(),
        confine: None,
        shell: true,
    })
}
