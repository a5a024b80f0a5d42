//! Compiles changed documents to rules, as the rules of a set were compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::bundle;
use crate::bundle::ResourceName;
use crate::compile;
use crate::compile::bundle::CompiledBundle;
use crate::compile::cache::CompileCache;
use crate::compile::flow::named_flows::{NamedFlow, NamedFlowBody, NamedFlows};
use crate::compile::rule;
use crate::compile::rule_files;
use crate::compile::rule_files::BundleDocument;
use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId, Files};
use crate::document;
use crate::document::Node;
use crate::flow::step::Action;
use crate::mutation::{Mutant, bundle_flow_mutants, flow_mutants};
use crate::rule::Rule;

/// Compiles mutants of the rules of one set.
pub struct MutantCompiler<'c> {
    config: &'c Config,
    flows: NamedFlows,
    bundles: Vec<BundleDocument>,
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
            bundles: rule_files::bundle_documents(&split),
            cache,
        }
    }

    /// Returns the document of a rule; of a rule of a bundle, the bundle.
    pub fn document(&self, rule: &Rule) -> Option<Node> {
        if rule.version.is_of_bundle() {
            return Some(self.bundle_of(rule)?.node.clone());
        }
        let ignored = &mut Diagnostics::default();
        let node = document::read_chunk(rule.at.file, &rule.version.chunk(), ignored)?;
        node.get("name").is_some().then_some(node)
    }

    /// The bundle that defines a rule.
    fn bundle_of(&self, rule: &Rule) -> Option<&BundleDocument> {
        self.bundles.iter().find(|bundle| {
            let (file, line) = (bundle.version.file(), bundle.version.line);
            file == rule.version.file() && line == rule.version.line
        })
    }

    /// The bundle that defines a named flow.
    fn bundle_with_flow(&self, name: &str) -> Option<&BundleDocument> {
        let flow = self.flows.get(name)?;
        match flow.body {
            NamedFlowBody::Compiled(_) => {}
            NamedFlowBody::Steps(_) => return None,
        }
        let part = &flow.part;
        let mut bundles = self.bundles.iter();
        bundles.find(|bundle| bundle.part.file == part.file && bundle.part.line == part.line)
    }

    /// Whether a named flow is one of a bundle.
    pub fn is_of_bundle(&self, flow: &str) -> bool {
        self.bundle_with_flow(flow).is_some()
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
        if rule.version.is_of_bundle() {
            called.extend(self.started_flow(rule));
            return called;
        }
        let named = self.document(rule);
        let named = named
            .as_ref()
            .and_then(|node| node.get("flow_name")?.as_text());
        called.extend(named.map(str::to_owned));
        called
    }

    /// The full name of the flow that a rule of a bundle starts.
    fn started_flow(&self, rule: &Rule) -> Option<String> {
        let node = &self.bundle_of(rule)?.node;
        let bundle = bundle::read::read(node, &mut Diagnostics::default())?;
        let mut specs = bundle.job_specs.iter();
        let spec = specs.find(|spec| {
            compile::bundle::rule_name(&bundle.integration, &spec.name.text) == rule.name
        })?;
        Some(bundle.name_of(bundle.flow(&spec.flow_name.text)?))
    }

    /// Returns the mutants of a named flow.
    pub fn flow_mutants(&self, name: &str) -> Vec<Mutant> {
        if let Some(bundle) = self.bundle_with_flow(name) {
            return bundle_flow_mutants(&bundle.node, ResourceName::short(name));
        }
        match self.flows.get(name).map(|flow| &flow.body) {
            Some(NamedFlowBody::Steps(node)) => flow_mutants(node),
            Some(NamedFlowBody::Compiled(_)) | None => Vec::new(),
        }
    }

    /// Returns the named flow with its file.
    pub fn flow(&self, name: &str) -> Option<&NamedFlow> {
        self.flows.get(name)
    }

    /// Compiles a rule with a changed named flow: its body, or the bundle that defines it. None if the rule then has a mistake.
    pub fn compile_with_flow(
        &mut self,
        rule: &Rule,
        document: &Node,
        name: &str,
        changed: &Node,
    ) -> Option<Arc<Rule>> {
        let body = match self.bundle_with_flow(name).cloned() {
            None => NamedFlowBody::Steps(changed.clone()),
            Some(bundle) => {
                let compiled = self.compile_bundle(&bundle, changed)?;
                let mut rules = compiled.rules.into_iter();
                if rule.version.is_of_bundle() {
                    return rules.find(|changed| changed.name == rule.name);
                }
                let mut flows = compiled.flows.into_iter();
                flows.find(|flow| &*flow.name == name)?.body
            }
        };
        let changed = self.flows.with_body(name, body);
        let unchanged = std::mem::replace(&mut self.flows, changed);
        // It has lowered flows by name.
        let flows = std::mem::take(&mut self.cache.flows);
        let compiled = self.compile(rule, document);
        self.flows = unchanged;
        self.cache.flows = flows;
        compiled
    }

    /// Compiles a changed bundle. It is not checked as that of an author: a change may leave a state that nothing reaches.
    fn compile_bundle(
        &mut self,
        bundle: &BundleDocument,
        changed: &Node,
    ) -> Option<CompiledBundle> {
        let diagnostics = &mut Diagnostics::of_stored_rules();
        let (part, version) = (&bundle.part, &bundle.version);
        let compiled = compile::bundle::compile(
            changed,
            part,
            version,
            self.config,
            &mut self.cache,
            diagnostics,
        );
        (!diagnostics.has_errors()).then_some(compiled)
    }
}
