//! Compiles the documents of all rule files into one rule set, and checks the set as a whole:
//! duplicate names, unused flows, files without a rule, JSON that is neither rule nor bundle.

use std::mem::take;
use std::sync::Arc;

use crate::compile::cache::CompileCache;
use crate::compile::compiler::Compiler;
use crate::compile::flow::flow_call::lower_unused;
use crate::compile::flow::named_flows::{NamedFlowBody, NamedFlows, lower_document};
use crate::compile::rule_files;
use crate::compile::rule_files::Content;
use crate::compile::rule_names::{RuleNames, WrittenMode};
use crate::compile::unpaired_shadow;
use crate::config::Config;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Span};
use crate::document::Node;
use crate::language::event_fields::EventFields;
use crate::matching::rule_set::RuleSet;
use crate::rule::Rule;

/// Compiles every document of every rule file. The set is complete only if the diagnostics have no
/// errors.
pub fn rule_set(
    files: &Arc<Files>,
    rule_files: &[FileId],
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> RuleSet {
    rule_set_with_progress(files, rule_files, config, diagnostics, &mut |_, _| {})
}

/// As `rule_set`; calls `on_progress` for each document with its number and the number of all documents.
pub fn rule_set_with_progress(
    files: &Arc<Files>,
    rule_files: &[FileId],
    config: &Config,
    diagnostics: &mut Diagnostics,
    on_progress: &mut dyn FnMut(usize, usize),
) -> RuleSet {
    let mut cache = CompileCache::new(config, diagnostics);
    let (rules, flows) = lower(
        files,
        rule_files,
        config,
        &mut cache,
        diagnostics,
        on_progress,
    );
    check_unused_flows(&flows, config, cache, diagnostics);
    RuleSet::new(rules, Arc::clone(files), config)
}

/// Compiles the documents that the store kept for a rule. They had no errors when they were stored.
pub fn stored_rules(
    files: &Files,
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> Vec<Arc<Rule>> {
    let all: Vec<FileId> = files.ids().collect();
    // The configuration was valid when it was active.
    let cache = &mut CompileCache::new(config, &mut Diagnostics::of_stored_rules());
    let (rules, _) = lower(files, &all, config, cache, diagnostics, &mut |_, _| {});
    rules
}

#[cfg(test)]
impl RuleSet {
    /// Returns the rules of one text, compiled with the default configuration.
    pub fn of_text(text: &str) -> Self {
        match Self::of_valid_text(text) {
            Ok(set) => set,
            Err(diagnostics) => panic!("{text}: {diagnostics:?}"),
        }
    }

    /// The same; the diagnostics of a text with errors.
    pub fn of_valid_text(text: &str) -> Result<Self, Diagnostics> {
        let mut files = Files::default();
        let file = files.add("r.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let config = Config::default();
        let set = rule_set(&Arc::new(files), &[file], &config, &mut diagnostics);
        match diagnostics.has_errors() {
            true => Err(diagnostics),
            false => Ok(set),
        }
    }
}

/// Compiles the rules of all documents. Unused flows are not checked here.
fn lower(
    files: &Files,
    ids: &[FileId],
    config: &Config,
    cache: &mut CompileCache,
    diagnostics: &mut Diagnostics,
    on_progress: &mut dyn FnMut(usize, usize),
) -> (Vec<Arc<Rule>>, NamedFlows) {
    let mut rule_files = rule_files::split(files, ids, config);
    let flows = rule_files::named_flows(&mut rule_files, files, config, cache, diagnostics);
    let (mut read, total) = (0, rule_files.iter().map(|file| file.documents.len()).sum());
    let mut rules: Vec<Arc<Rule>> = Vec::new();
    let mut names = RuleNames::default();
    for mut file in rule_files {
        let folder = folder(file.name);
        let errors = diagnostics.errors();
        let mut has_content = false;
        for document in take(&mut file.documents) {
            read += 1;
            on_progress(read, total);
            match file.content(document, config, cache, diagnostics) {
                Content::Empty => continue,
                Content::Flows(node) => lower_document(&node, diagnostics),
                Content::Bundle(compiled) => {
                    for rule in &compiled {
                        names.add(&rule.name, WrittenMode::Other, rule.at, files, diagnostics);
                    }
                    rules.extend(compiled);
                }
                Content::Rule(node, version) => {
                    if !reject_other_json(file.name, &node, diagnostics) {
                        names.add_document(&node, files, diagnostics);
                        rules.extend(crate::compile::rule::lower(
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
            has_content = true;
        }
        if !has_content && diagnostics.errors() == errors {
            diagnostics.push(no_rule(file.id, file.name));
        }
    }
    names.pair(&mut rules);
    unpaired_shadow::warn(&rules, diagnostics);
    (rules, flows)
}

/// Checks the flows that no rule runs, and warns about each.
fn check_unused_flows(
    flows: &NamedFlows,
    config: &Config,
    mut cache: CompileCache,
    diagnostics: &mut Diagnostics,
) {
    let used: Vec<bool> = flows
        .iter()
        .map(|named| cache.flows.is_used(&named.name))
        .collect();
    for (named, _) in flows.iter().zip(used).filter(|(_, used)| !used) {
        let mut cx = Compiler {
            named_flows: flows,
            ..Compiler::new(config, EventFields::Open, diagnostics).with_cache(take(&mut cache))
        };
        lower_unused(named, &mut cx);
        cache = cx.into_cache();
        let (message, help) = match named.body {
            NamedFlowBody::Steps(_) => (
                "unused flow `NAME`",
                "use it with `flow_name: NAME` in a rule or `- flow: NAME` in a step, or remove it",
            ),
            NamedFlowBody::Compiled(_) => (
                "unused flow `NAME`",
                "use it with `flow_name: NAME` in a ZIS::JobSpec or a rule, or remove it",
            ),
        };
        let message = message.replace("NAME", &named.name);
        let warning = Diagnostic::warning(Code::UnusedFlow, named.at, message);
        diagnostics.push(warning.help(help.replace("NAME", &named.name)));
    }
}

fn no_rule(file: FileId, name: &str) -> Diagnostic {
    let at = Span {
        file,
        line: 1,
        column: 1,
        ..Span::default()
    };
    let message = format!("`{name}` contains no rule");
    let help = "add a rule, or remove the file; `flowtrigger schema` prints the schema of a rule";
    Diagnostic::warning(Code::NoRules, at, message).help(help)
}

fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(folder, _)| folder)
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
