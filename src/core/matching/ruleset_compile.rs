//! Compiles the documents of all rule files into one rule set, and checks what only the whole set shows:
//! names used twice, flows that no rule runs, files without a rule, JSON that is neither rule nor bundle.

use std::collections::HashMap;
use std::mem::take;
use std::sync::Arc;

use crate::core::bundle;
use crate::core::config::Config;
use crate::core::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Position};
use crate::core::flow::named::{self, Body, NamedFlows};
use crate::core::flow::{lower_document, lower_unused};
use crate::core::matching::ruleset::RuleSet;
use crate::core::rule::document::{self, Node};
use crate::core::rule::fields::Fields;
use crate::core::rule::jobspec::{self, Rule};
use crate::core::rule::lowering::Lowering;
use crate::core::rule::shared::Shared;
use crate::core::rule::version::{Origin, Version};

/// Compiles every document of every rule file. The set is complete only if the diagnostics have no
/// errors.
pub fn rule_set(
    files: &Arc<Files>,
    rule_files: &[FileId],
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> RuleSet {
    rule_set_with_progress(files, rule_files, config, diagnostics, &mut |_| {})
}

/// The same; `on_progress` is called after each document with the number read so far.
pub fn rule_set_with_progress(
    files: &Arc<Files>,
    rule_files: &[FileId],
    config: &Config,
    diagnostics: &mut Diagnostics,
    on_progress: &mut dyn FnMut(usize),
) -> RuleSet {
    let mut flows = NamedFlows::find(files, rule_files, diagnostics);
    bundle::add_flows(files, rule_files, config, &mut flows, diagnostics);
    let mut shared = Shared::default();
    let rules = lower(
        files,
        rule_files,
        config,
        &flows,
        &mut shared,
        diagnostics,
        on_progress,
    );
    check_unused_flows(&flows, config, shared, diagnostics);
    RuleSet::new(rules, Arc::clone(files), config)
}

/// Compiles the documents that the store kept of a rule: they had no errors when they were stored.
pub fn stored_rules(
    files: &Files,
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> Vec<Arc<Rule>> {
    let all: Vec<FileId> = files.ids().collect();
    let mut flows = NamedFlows::find(files, &all, diagnostics);
    bundle::add_flows(files, &all, config, &mut flows, diagnostics);
    let shared = &mut Shared::default();
    lower(
        files,
        &all,
        config,
        &flows,
        shared,
        diagnostics,
        &mut |_| {},
    )
}

#[cfg(test)]
impl RuleSet {
    /// The rules of one text, with no configuration.
    pub fn of_text(text: &str) -> Self {
        let mut files = Files::default();
        let file = files.add("r.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let config = Config::default();
        let set = rule_set(&Arc::new(files), &[file], &config, &mut diagnostics);
        assert!(!diagnostics.has_errors(), "{text}: {diagnostics:?}");
        set
    }
}

/// Compiles the rules of all documents. Unused flows are not checked here.
fn lower(
    files: &Files,
    rule_files: &[FileId],
    config: &Config,
    flows: &NamedFlows,
    shared: &mut Shared,
    diagnostics: &mut Diagnostics,
    on_progress: &mut dyn FnMut(usize),
) -> Vec<Arc<Rule>> {
    let mut read = 0;
    let mut rules: Vec<Arc<Rule>> = Vec::new();
    let mut names = HashMap::new();
    for &file in rule_files {
        let Some(source) = files.get(file) else {
            continue;
        };
        let folder = folder(&source.name);
        let errors = diagnostics.errors();
        let origin = Arc::new(Origin {
            file: Arc::clone(&source.name),
            text: Arc::clone(&source.text),
            config: Arc::clone(&config.source),
        });
        let mut holds = false;
        for chunk in document::chunks(&source.text) {
            read += 1;
            on_progress(read);
            let Some(node) = document::read_chunk(file, &chunk, diagnostics) else {
                continue;
            };
            holds = true;
            if named::is_document(&node) {
                let mut cx = Lowering::new(config, Fields::Open, diagnostics);
                lower_document(&node, &mut cx);
                continue;
            }
            let version = Version::new(Arc::clone(&origin), chunk.range(), chunk.line);
            if bundle::is_bundle(&node) {
                let lowered = bundle::lower(&node, &version, config, shared, diagnostics);
                for rule in &lowered {
                    report_taken_name(&rule.name, rule.at, files, &mut names, diagnostics);
                }
                rules.extend(lowered);
                continue;
            }
            if reject_other_json(&source.name, &node, diagnostics) {
                continue;
            }
            report_duplicate(&node, files, &mut names, diagnostics);
            rules.extend(jobspec::lower(
                &node,
                folder,
                version,
                config,
                flows,
                shared,
                diagnostics,
            ));
        }
        if !holds && diagnostics.errors() == errors {
            diagnostics.push(no_rule(file, &source.name));
        }
    }
    rules
}

/// Checks the flows that no rule runs, and warns of each.
fn check_unused_flows(
    flows: &NamedFlows,
    config: &Config,
    mut shared: Shared,
    diagnostics: &mut Diagnostics,
) {
    let run: Vec<bool> = flows
        .iter()
        .map(|named| shared.flows.is_run(&named.name))
        .collect();
    for (named, _) in flows.iter().zip(run).filter(|(_, run)| !run) {
        let mut cx = Lowering {
            flows,
            shared: take(&mut shared),
            ..Lowering::new(config, Fields::Open, diagnostics)
        };
        lower_unused(named, &mut cx);
        shared = cx.shared;
        let (message, help) = match named.body {
            Body::Steps(_) => (
                "unused flow `NAME`",
                "use it with `flow_name: NAME` in a rule or `- flow: NAME` in a step, or remove it",
            ),
            Body::Compiled(_) => (
                "unused flow `NAME`",
                "use it with `flow_name: NAME` in a ZIS::JobSpec or a rule, or remove it",
            ),
        };
        let message = message.replace("NAME", &named.name);
        let warning = Diagnostic::warning(Code::Unused, named.at, message);
        diagnostics.push(warning.help(help.replace("NAME", &named.name)));
    }
}

fn no_rule(file: FileId, name: &str) -> Diagnostic {
    let at = Position {
        file,
        line: 1,
        column: 1,
        ..Position::default()
    };
    let message = format!("`{name}` contains no rule");
    let help = "add a rule, or remove the file; `flowtrigger schema` prints the schema of a rule";
    Diagnostic::warning(Code::Empty, at, message).help(help)
}

fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

fn report_duplicate(
    node: &Node,
    files: &Files,
    names: &mut HashMap<String, Position>,
    diagnostics: &mut Diagnostics,
) {
    let Some((name, at)) = node
        .get("name")
        .and_then(|n| Some((n.scalar_text()?, n.at)))
    else {
        return;
    };
    report_taken_name(&name, at, files, names, diagnostics);
}

fn report_taken_name(
    name: &str,
    at: Position,
    files: &Files,
    names: &mut HashMap<String, Position>,
    diagnostics: &mut Diagnostics,
) {
    if let Some(first) = names.get(name) {
        let message = format!("duplicate rule name `{name}`");
        let help = format!(
            "the first one is at {}; names are unique across all files",
            files.place(*first)
        );
        diagnostics.push(Diagnostic::error(Code::DuplicateName, at, message).help(help));
        return;
    }
    names.insert(name.to_owned(), at);
}

/// Rejects a JSON file that is neither a bundle nor a rule.
fn reject_other_json(file: &str, node: &Node, diagnostics: &mut Diagnostics) -> bool {
    let is_rule = ["event_type", "event_source", "flow"].map(|key| node.get(key).is_some());
    if !file.ends_with(".json") || is_rule.contains(&true) {
        return false;
    }
    let help = "a bundle has `zis_template_version` and `resources`; keep other JSON, such as events, outside of the rules folder";
    let error = Diagnostic::error(
        Code::WrongType,
        node.at,
        "this is neither a ZIS bundle nor a rule",
    );
    diagnostics.push(error.help(help));
    true
}
