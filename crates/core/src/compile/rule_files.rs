//! Splits rule files into documents and reads each once.
//! Documents that may have named flows or bundles are read first, so that every rule finds the flow that it runs.

use std::sync::Arc;

use crate::bundle;
use crate::compile::cache::CompileCache;
use crate::compile::flow::named_flows;
use crate::compile::flow::named_flows::{NamedFlow, NamedFlows};
use crate::config::Config;
use crate::diagnostic::{Diagnostics, FileId, Files};
use crate::document;
use crate::document::Node;
use crate::document::split::DocumentText;
use crate::rule::Rule;
use crate::rule::version::{IncludedDocument, RuleFile, RuleVersion};

/// A rule file and its documents.
pub struct SplitRuleFile<'f> {
    pub id: FileId,
    pub name: &'f Arc<str>,
    pub documents: Vec<Document<'f>>,
    origin: Arc<RuleFile>,
}

/// One YAML document of a rule file.
pub struct Document<'f> {
    chunk: DocumentText<'f>,
    /// Its content and diagnostics, if it was read before the rules.
    read: Option<Box<(Content, Diagnostics)>>,
}

/// The content of a document.
pub enum Content {
    /// Only comments, or text that cannot be read.
    Empty,
    /// Named flows.
    Flows(Node),
    /// The rules of a bundle.
    Bundle(Vec<Arc<Rule>>),
    Rule(Node, RuleVersion),
}

/// A document with named flows or a bundle contains at least one of these texts.
const MARKERS: [&str; 3] = ["flows", "resources", "zis_template_version"];

/// Whether a document may define named flows or a bundle.
pub fn may_define_flows(document: &str) -> bool {
    MARKERS.iter().any(|marker| document.contains(marker))
}

/// Splits rule files into their documents.
pub fn split<'f>(files: &'f Files, ids: &[FileId], config: &Config) -> Vec<SplitRuleFile<'f>> {
    let found = ids.iter().filter_map(|&id| Some((id, files.get(id)?)));
    let split = found.map(|(id, file)| SplitRuleFile {
        id,
        name: &file.name,
        documents: crate::document::split::chunks(&file.text)
            .map(|chunk| Document { chunk, read: None })
            .collect(),
        origin: Arc::new(RuleFile {
            file: Arc::clone(&file.name),
            text: Arc::clone(&file.text),
            config: Arc::clone(&config.source),
        }),
    });
    split.collect()
}

/// Reads the documents that may contain named flows or a bundle, and returns their flows. Reports
/// duplicate names; other mistakes in a document are reported with its content.
pub fn named_flows(
    rule_files: &mut [SplitRuleFile<'_>],
    files: &Files,
    config: &Config,
    cache: &mut CompileCache,
    diagnostics: &mut Diagnostics,
) -> NamedFlows {
    let mut flows = NamedFlows::default();
    for file in rule_files {
        let mut documents = std::mem::take(&mut file.documents);
        for document in &mut documents {
            let text = document.chunk.text;
            if !may_define_flows(text) {
                continue;
            }
            let mut found = diagnostics.empty();
            let (content, named) = file.read(&document.chunk, config, cache, &mut found);
            for named in named {
                flows.add(named, files, diagnostics);
            }
            document.read = Some(Box::new((content, found)));
        }
        file.documents = documents;
    }
    flows
}

/// A document that is a bundle.
#[derive(Debug, Clone)]
pub struct BundleDocument {
    pub node: Node,
    pub part: IncludedDocument,
    pub version: RuleVersion,
}

/// Returns the bundles of rule files, whose mistakes are reported elsewhere.
pub fn bundle_documents(rule_files: &[SplitRuleFile<'_>]) -> Vec<BundleDocument> {
    let of_file = |file: &SplitRuleFile<'_>| {
        let chunks = file.documents.iter().map(|document| document.chunk);
        let possible = chunks.filter(|chunk| may_define_flows(chunk.text));
        let bundles = possible.filter_map(|chunk| {
            let node = document::read_chunk(file.id, &chunk, &mut Diagnostics::default())?;
            bundle::is_bundle(&node).then(|| BundleDocument {
                node,
                part: named_flows::part(file.name, &chunk),
                version: RuleVersion::new(Arc::clone(&file.origin), chunk.range(), chunk.line),
            })
        });
        bundles.collect::<Vec<_>>()
    };
    rule_files.iter().flat_map(of_file).collect()
}

impl SplitRuleFile<'_> {
    /// Returns the content of a document. Reports its mistakes.
    pub fn content(
        &self,
        document: Document<'_>,
        config: &Config,
        cache: &mut CompileCache,
        diagnostics: &mut Diagnostics,
    ) -> Content {
        let Some(read) = document.read else {
            let (content, _) = self.read(&document.chunk, config, cache, diagnostics);
            return content;
        };
        let (content, found) = *read;
        diagnostics.extend(found);
        content
    }

    fn read(
        &self,
        chunk: &DocumentText<'_>,
        config: &Config,
        cache: &mut CompileCache,
        diagnostics: &mut Diagnostics,
    ) -> (Content, Vec<NamedFlow>) {
        let Some(node) = document::read_chunk(self.id, chunk, diagnostics) else {
            return (Content::Empty, Vec::new());
        };
        if named_flows::is_document(&node) {
            let flows = named_flows::from_document(&node, &named_flows::part(self.name, chunk));
            return (Content::Flows(node), flows);
        }
        let version = RuleVersion::new(Arc::clone(&self.origin), chunk.range(), chunk.line);
        if bundle::is_bundle(&node) {
            let part = named_flows::part(self.name, chunk);
            let compiled =
                crate::compile::bundle::compile(&node, &part, &version, config, cache, diagnostics);
            return (Content::Bundle(compiled.rules), compiled.flows);
        }
        (Content::Rule(node, version), Vec::new())
    }
}
