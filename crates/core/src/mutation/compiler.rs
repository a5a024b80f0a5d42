//! Compiles changed documents to rules, as the rules of a set were compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::compile::cache::CompileCache;
use crate::compile::flow::named_flows::{NamedFlow, NamedFlowBody, NamedFlows};
use crate::compile::rule;
use crate::compile::rule_files;
use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId, Files};
use crate::document;
use crate::document::Node;
use crate::flow::step::Action;
use crate::mutation::{Mutant, flow_mutants};
use crate::rule::Rule;

/// Compiles mutants of the rules of one set.
pub struct MutantCompiler<'c> {
    config: &'c Config,
    flows: NamedFlows,
    cache: CompileCache,
}

impl<'c> MutantCompiler<'c> {
    /// `rule_files` are the files of the set, which had no mistakes.
    pub fn new(files: &Files, rule_files: &[FileId], config: &'c Config) -> Self {
        let diagnostics = &mut Diagnostics::default();
        let mut cache = CompileCache::new(config, diagnostics);
        let mut split = rule_files::split(files, rule_files, config);
        let flows = rule_files::named_flows(&mut split, files, config, &mut cache, diagnostics);
        Self {
            config,
            flows,
            cache,
        }
    }

    /// Returns the document of a rule. None for a rule of a bundle, which is no document of its own.
    pub fn document(&self, rule: &Rule) -> Option<Node> {
        if rule.version.is_of_bundle() {
            return None;
        }
        let ignored = &mut Diagnostics::default();
        let node = document::read_chunk(rule.at.file, &rule.version.chunk(), ignored)?;
        node.get("name").is_some().then_some(node)
    }

    /// Compiles a document in place of that of a rule. None if it has a mistake.
    pub fn compile(&mut self, rule: &Rule, document: &Node) -> Option<Arc<Rule>> {
        let file = rule.version.file();
        let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let diagnostics = &mut Diagnostics::default();
        let mutant = rule::lower(
            document,
            folder,
            rule.version.clone(),
            self.config,
            &self.flows,
            &mut self.cache,
            diagnostics,
        );
        mutant.map(|mutant| match rule.is_shadow_version() {
            true => Arc::new(Rule::clone(&mutant).into_shadow_version()),
            false => mutant,
        })
    }

    /// Returns the names of the flows that a rule runs, and that these run.
    pub fn flows_of(&self, rule: &Rule) -> BTreeSet<String> {
        let steps = rule.flow.all_steps().into_iter();
        let mut called: BTreeSet<String> = steps
            .filter_map(|step| match &step.action {
                Action::Flow(call) => Some(call.name.to_string()),
                Action::Call(_)
                | Action::When(_)
                | Action::Choose(_)
                | Action::Each(_)
                | Action::Wait(_)
                | Action::WaitFor(_)
                | Action::Set(_)
                | Action::Succeed(_)
                | Action::Fail(_) => None,
            })
            .collect();
        let named = self.document(rule);
        let named = named
            .as_ref()
            .and_then(|node| node.get("flow_name")?.as_text());
        called.extend(named.map(str::to_owned));
        called
    }

    /// Returns the mutants of a named flow; none of one from a bundle.
    pub fn flow_mutants(&self, name: &str) -> Vec<Mutant> {
        match self.flows.get(name).map(|flow| &flow.body) {
            Some(NamedFlowBody::Steps(node)) => flow_mutants(node),
            Some(NamedFlowBody::Compiled(_)) | None => Vec::new(),
        }
    }

    /// Returns the named flow with its file.
    pub fn flow(&self, name: &str) -> Option<&NamedFlow> {
        self.flows.get(name)
    }

    /// Compiles a rule with a changed body of a named flow. None if the rule then has a mistake.
    pub fn compile_with_flow(
        &mut self,
        rule: &Rule,
        document: &Node,
        name: &str,
        body: &Node,
    ) -> Option<Arc<Rule>> {
        let changed = self.flows.with_body(name, body);
        let unchanged = std::mem::replace(&mut self.flows, changed);
        // It has lowered flows by name.
        let flows = std::mem::take(&mut self.cache.flows);
        let compiled = self.compile(rule, document);
        self.flows = unchanged;
        self.cache.flows = flows;
        compiled
    }
}
