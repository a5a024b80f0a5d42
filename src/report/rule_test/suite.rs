//! Collects the tests of all rules, from the rules and from the `NAME.test.yaml` files next to them.
//! Problems in tests are reported as diagnostics.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::engine::Rulebook;
use crate::report::rule_test::check_names;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Span};
use flowtrigger_core::document;
use flowtrigger_core::document::Node;
use flowtrigger_core::document::suggest;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::event::type_pattern::TypePattern;
use flowtrigger_core::language::event_fields::EventFields;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::test;
use flowtrigger_core::rule::test::RuleTest;

/// Test files that are read to find tests that name a rule of another file.
const MAX_SEARCHED_FILES: usize = 500;

/// Every test with its rule.
pub struct Suite {
    pub cases: Vec<TestCase>,
    index: RuleLookup,
    missing: MissingRulePolicy,
    /// The texts of the rules and of the tests.
    pub files: Files,
    pub diagnostics: Diagnostics,
}

#[derive(Debug, Clone)]
pub struct TestCase {
    pub rule: Arc<Rule>,
    pub test: Arc<RuleTest>,
    /// The folder that event files are relative to.
    pub folder: PathBuf,
}

/// The loaded rules by name and by file.
#[derive(Default)]
struct RuleLookup {
    by_name: BTreeMap<String, Arc<Rule>>,
    by_file: HashMap<String, Vec<Arc<Rule>>>,
}

impl RuleLookup {
    fn new(book: &Rulebook) -> Self {
        match book.test_files.is_empty() {
            // Tests inside of a rule need no lookup.
            true => Self::default(),
            false => Self::of_rules(book),
        }
    }

    fn of_rules(book: &Rulebook) -> Self {
        let mut index = Self::default();
        for rule in &book.rules.rules {
            let name = index.by_name.entry(rule.name.clone());
            name.or_insert_with(|| Arc::clone(rule));
            let file = book.files.name(rule.at.file).to_owned();
            index.by_file.entry(file).or_default().push(rule.clone());
        }
        index
    }
}

/// How to handle a test whose rule is not loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingRulePolicy {
    /// Report an error: every rule is loaded.
    Reported,
    /// Skip it: a rule with errors is not loaded.
    Skipped,
}

pub fn gather(book: &Rulebook, missing: MissingRulePolicy) -> Suite {
    let mut suite = Suite {
        cases: Vec::new(),
        index: RuleLookup::new(book),
        missing,
        files: (*book.files).clone(),
        diagnostics: Diagnostics::default(),
    };
    for rule in &book.rules.rules {
        let file = suite.files.name(rule.at.file).to_owned();
        for node in rule.tests() {
            suite.add(&node, &file, Some(rule), book);
        }
    }
    for file in &book.test_files {
        suite.read(file, book);
    }
    suite
}

/// What is wrong in one test file with this text.
pub fn check_file(
    path: &Path,
    text: &str,
    book: &Rulebook,
    missing: MissingRulePolicy,
) -> Diagnostics {
    let mut files = Files::default();
    let name = path.to_string_lossy();
    let file = files.add(&*name, text);
    let mut suite = Suite {
        cases: Vec::new(),
        index: RuleLookup::of_rules(book),
        missing,
        files,
        diagnostics: Diagnostics::default(),
    };
    suite.read_text(file, &name, text, book);
    suite.diagnostics
}

/// The tests of some rules, from their documents and from test files. Of more than `MAX_SEARCHED_FILES` test files,
/// only those beside the rules are read.
pub fn gather_of(rules: &[Arc<Rule>], book: &Rulebook) -> Suite {
    let names: HashSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let beside: HashSet<String> = rules
        .iter()
        .map(|rule| book.files.name(rule.at.file).to_owned())
        .collect();
    let mut suite = Suite {
        cases: Vec::new(),
        index: RuleLookup::new(book),
        missing: MissingRulePolicy::Skipped,
        files: (*book.files).clone(),
        diagnostics: Diagnostics::default(),
    };
    for rule in rules {
        let file = suite.files.name(rule.at.file).to_owned();
        for node in rule.tests() {
            suite.add(&node, &file, Some(rule), book);
        }
    }
    for file in &book.test_files {
        let is_beside = beside.contains(&file.to_string_lossy().replace(".test.", "."));
        if is_beside || book.test_files.len() <= MAX_SEARCHED_FILES {
            suite.read(file, book);
        }
    }
    suite
        .cases
        .retain(|case| names.contains(case.rule.name.as_str()));
    suite
}

impl Suite {
    fn read(&mut self, path: &Path, book: &Rulebook) {
        let name = path.to_string_lossy().into_owned();
        let text = match book.unsaved.get(path) {
            Some(text) => Ok(text.to_owned()),
            None => std::fs::read_to_string(path),
        };
        let file = self
            .files
            .add(name.as_str(), text.as_deref().unwrap_or_default());
        let start = Span {
            file,
            line: 1,
            column: 1,
            ..Span::default()
        };
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                let message = format!("failed to read `{name}`: {error}");
                self.diagnostics
                    .push(Diagnostic::error(Code::Unreadable, start, message));
                return;
            }
        };
        self.read_text(file, &name, &text, book);
    }

    fn read_text(&mut self, file: FileId, name: &str, text: &str, book: &Rulebook) {
        for document in document::read(file, text, &mut self.diagnostics) {
            let Some(items) = document.as_list() else {
                let message = format!("expected a list of tests, found {}", document.kind());
                let diagnostic = Diagnostic::error(Code::WrongType, document.at, message);
                self.diagnostics
                    .push(diagnostic.help("start each test with `- name: …`"));
                continue;
            };
            for item in items {
                self.add(item, name, None, book);
            }
        }
    }

    fn add(&mut self, node: &Node, file: &str, rule: Option<&Arc<Rule>>, book: &Rulebook) {
        let Some(rule) = rule.cloned().or_else(|| self.rule_of(node, file)) else {
            return;
        };
        let folder = folder_of(file);
        let Some(test) = lower(node, &rule, book, &mut self.diagnostics) else {
            return;
        };
        let test = Arc::new(test);
        self.cases.push(TestCase { rule, test, folder });
    }

    /// The rule that a test names, or the only rule in the file that the test file belongs to.
    fn rule_of(&mut self, node: &Node, file: &str) -> Option<Arc<Rule>> {
        if let Some(named) = node.get("rule") {
            let name = named.as_text().unwrap_or_default();
            let found = self.index.by_name.get(name).cloned();
            if found.is_none() && self.missing == MissingRulePolicy::Reported {
                let near = self.nearest(name);
                let diagnostic = Diagnostic::error(
                    Code::UndefinedName,
                    named.at,
                    format!("no rule is called `{name}`"),
                );
                self.diagnostics.push(
                    diagnostic.maybe_help(near.map(|near| format!("did you mean `{near}`?"))),
                );
            }
            return found;
        }
        let beside = file.replace(".test.", ".");
        if let Some([rule]) = self.index.by_file.get(&beside).map(Vec::as_slice) {
            return Some(Arc::clone(rule));
        }
        if self.missing == MissingRulePolicy::Skipped {
            return None;
        }
        let message = "this test does not name its rule";
        let help =
            format!("add `rule: NAME`; it is optional only if `{beside}` has exactly one rule");
        self.diagnostics
            .push(Diagnostic::error(Code::MissingKey, node.at, message).help(help));
        None
    }

    /// The rule with the most similar name. Not computed for many errors with many rules, because that is
    /// slow.
    fn nearest(&self, name: &str) -> Option<&str> {
        let names = self.index.by_name.keys().map(String::as_str);
        let few = self.index.by_name.len() <= 1_000 || self.diagnostics.count() < 100;
        few.then(|| suggest::nearest(name, names)).flatten()
    }
}

/// The folder of a file, to which the event files of its tests are relative.
pub fn folder_of(file: &str) -> PathBuf {
    let folder = Path::new(file).parent();
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// Lowers a test of a rule. None after its mistakes were reported.
pub fn lower(
    node: &Node,
    rule: &Rule,
    book: &Rulebook,
    diagnostics: &mut Diagnostics,
) -> Option<RuleTest> {
    let known = fields(rule, &book.config.catalogue);
    let mut names = book.config.name_resolver(known, diagnostics);
    names.in_scope.vars = Arc::clone(&rule.vars);
    let test = test::lower(node, &mut names)?;
    check_names::check(&test, rule, diagnostics);
    Some(test)
}

/// The fields of the events of a test, for the paths under `set`: those of the rule, and those that its flow waits for.
fn fields(rule: &Rule, catalogue: &Catalogue) -> EventFields {
    let mut patterns = vec![(&*rule.event_source, &*rule.event_types)];
    let waits = rule.flow.waits_for();
    for awaited in waits.iter().flat_map(|located| located.wait.events()) {
        patterns.push((&*awaited.event_source, &*awaited.event_types));
    }
    let mut types = Vec::new();
    for (source, pattern) in patterns
        .into_iter()
        .flat_map(|(source, all)| all.iter().map(move |pattern| (source, pattern)))
    {
        match pattern {
            TypePattern::Name(name) => match catalogue.by_name(source, name) {
                Some(known) => types.push(known.clone()),
                None => return EventFields::Open,
            },
            TypePattern::Family(prefix) => {
                let family = catalogue.matching(source, &format!("{prefix}*"));
                types.extend(family.into_iter().cloned());
            }
        }
    }
    EventFields::Of(types.into_iter().collect())
}
