//! Compiles the documents of all rule files into one rule set, and checks what only the whole set shows:
//! names used twice, flows that no rule runs, files without a rule, JSON that is neither rule nor bundle.

use std::collections::HashMap;
use std::mem::take;
use std::sync::Arc;

use crate::core::config::Config;
use crate::core::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Position};
use crate::core::flow::named::{Body, NamedFlows};
use crate::core::flow::{lower_document, lower_unused};
use crate::core::matching::rule_files::{self, Content};
use crate::core::matching::ruleset::RuleSet;
use crate::core::rule::document::Node;
use crate::core::rule::fields::Fields;
use crate::core::rule::jobspec::{self, Rule};
use crate::core::rule::lowering::compiler::Compiler;
use crate::core::rule::shared::cache::CompileCache;

/// Compiles every document of every rule file. The set is whole only without errors among the
/// diagnostics.
pub fn rule_set(
    files: &Arc<Files>,
    rule_files: &[FileId],
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> RuleSet {
    rule_set_with_progress(files, rule_files, config, diagnostics, &mut |_, _| {})
}

/// Like `rule_set`; calls `tell` before each document with its number and the count of all.
pub fn rule_set_with_progress(
    files: &Arc<Files>,
    rule_files: &[FileId],
    config: &Config,
    diagnostics: &mut Diagnostics,
    tell: &mut dyn FnMut(usize, usize),
) -> RuleSet {
    let mut cache = CompileCache::new(config, diagnostics);
    let (rules, flows) = lower(files, rule_files, config, &mut cache, diagnostics, tell);
    judge_unused(&flows, config, cache, diagnostics);
    RuleSet::new(rules, Arc::clone(files), config)
}

/// The rules of documents that were compiled together before, all of them sound then.
pub fn stored_rules(
    files: &Files,
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> Vec<Arc<Rule>> {
    let all: Vec<FileId> = files.ids().collect();
    // The configuration was valid when it was active.
    let cache = &mut CompileCache::new(config, &mut Diagnostics::default());
    let (rules, _) = lower(files, &all, config, cache, diagnostics, &mut |_, _| {});
    rules
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

/// The rules of all documents and the named flows, without a word on flows that no rule runs.
fn lower(
    files: &Files,
    ids: &[FileId],
    config: &Config,
    cache: &mut CompileCache,
    diagnostics: &mut Diagnostics,
    tell: &mut dyn FnMut(usize, usize),
) -> (Vec<Arc<Rule>>, NamedFlows) {
    let mut rule_files = rule_files::split(files, ids, config);
    let flows = rule_files::named_flows(&mut rule_files, files, config, cache, diagnostics);
    let (mut read, of) = (0, rule_files.iter().map(|file| file.documents.len()).sum());
    let mut rules: Vec<Arc<Rule>> = Vec::new();
    let mut names = HashMap::new();
    for mut file in rule_files {
        let folder = folder(file.name);
        let errors = diagnostics.errors();
        let mut holds = false;
        for document in take(&mut file.documents) {
            read += 1;
            tell(read, of);
            match file.content(document, config, cache, diagnostics) {
                Content::Empty => continue,
                Content::Flows(node) => lower_document(&node, diagnostics),
                Content::Bundle(compiled) => {
                    for rule in &compiled {
                        report_taken(&rule.name, rule.at, files, &mut names, diagnostics);
                    }
                    rules.extend(compiled);
                }
                Content::Rule(node, version) => {
                    if !refuse_other_json(file.name, &node, diagnostics) {
                        report_duplicate(&node, files, &mut names, diagnostics);
                        rules.extend(jobspec::lower(
                            &node,
                            folder,
                            version,
                            config,
                            &flows,
                            cache,
                            diagnostics,
                        ));
                    }
                }
            }
            holds = true;
        }
        if !holds && diagnostics.errors() == errors {
            diagnostics.push(without_rule(file.id, file.name));
        }
    }
    (rules, flows)
}

/// A flow that no rule runs is judged all the same: it may be on its way in or out.
fn judge_unused(
    flows: &NamedFlows,
    config: &Config,
    mut cache: CompileCache,
    diagnostics: &mut Diagnostics,
) {
    let run: Vec<bool> = flows
        .iter()
        .map(|named| cache.flows.is_run(&named.name))
        .collect();
    for (named, _) in flows.iter().zip(run).filter(|(_, run)| !run) {
        let mut cx = Compiler {
            named_flows: flows,
            ..Compiler::new(config, Fields::Open, diagnostics).with_cache(take(&mut cache))
        };
        lower_unused(named, &mut cx);
        cache = cx.into_cache();
        let (message, help) = match named.body {
            Body::Steps(_) => (
                "no rule runs the flow `NAME`",
                "run it, `flow_name: NAME` in a rule or `- flow: NAME` in a step, or take it out",
            ),
            Body::Compiled(_) => (
                "no job spec starts the flow `NAME`",
                "add a ZIS::JobSpec with `flow_name: NAME`, or a rule with it",
            ),
        };
        let message = message.replace("NAME", &named.name);
        let warning = Diagnostic::warning(Code::Unused, named.at, message);
        diagnostics.push(warning.help(help.replace("NAME", &named.name)));
    }
}

fn without_rule(file: FileId, name: &str) -> Diagnostic {
    let at = Position {
        file,
        line: 1,
        column: 1,
        ..Position::default()
    };
    let message = format!("`{name}` holds no rule");
    let help = "write one, or remove the file; `flowtrigger schema` says what a rule may hold";
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
    report_taken(&name, at, files, names, diagnostics);
}

fn report_taken(
    name: &str,
    at: Position,
    files: &Files,
    names: &mut HashMap<String, Position>,
    diagnostics: &mut Diagnostics,
) {
    if let Some(first) = names.get(name) {
        let message = format!("another rule is called `{name}`");
        let help = format!(
            "it stands at {}; names are unique across all files",
            files.place(*first)
        );
        diagnostics.push(Diagnostic::error(Code::DuplicateName, at, message).help(help));
        return;
    }
    names.insert(name.to_owned(), at);
}

/// A JSON file is a bundle, or a rule whose author likes JSON.
fn refuse_other_json(file: &str, node: &Node, diagnostics: &mut Diagnostics) -> bool {
    let is_rule = ["event_type", "event_source", "flow"].map(|key| node.get(key).is_some());
    if !file.ends_with(".json") || is_rule.contains(&true) {
        return false;
    }
    let help = "a bundle has `zis_template_version` and `resources`; keep other JSON, such as events, outside of the rules folder";
    let refused = Diagnostic::error(
        Code::WrongType,
        node.at,
        "this is neither a ZIS bundle nor a rule",
    );
    diagnostics.push(refused.help(help));
    true
}
