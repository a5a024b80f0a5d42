//! Collects the tests of all rules, from the rules and from the `NAME.test.yaml` files next to them.
//! Problems in tests are reported as diagnostics.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::cli::test::step_names::FlowSteps;
use crate::engine::Rulebook;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, Files, Span};
use flowtrigger_core::document;
use flowtrigger_core::document::Node;
use flowtrigger_core::document::suggest;
use flowtrigger_core::event::catalogue::Catalogue;
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::language::condition::Condition;
use flowtrigger_core::language::event_fields::EventFields;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::event_pattern::TypePattern;
use flowtrigger_core::rule::test;
use flowtrigger_core::rule::test::RuleTest;

/// Every test with its rule.
pub struct Suite {
    pub cases: Vec<TestCase>,
    index: RuleLookup,
    missing: MissingRulePolicy,
    /// The texts of the rules and of the tests.
    pub files: Files,
    pub diagnostics: Diagnostics,
}

pub struct TestCase {
    pub rule: Arc<Rule>,
    pub test: RuleTest,
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
        let mut index = Self::default();
        if book.test_files.is_empty() {
            // Tests inside of a rule need no lookup.
            return index;
        }
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

impl Suite {
    fn read(&mut self, path: &Path, book: &Rulebook) {
        let name = path.to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path);
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
        for document in document::read(file, &text, &mut self.diagnostics) {
            let Some(items) = document.as_list() else {
                let message = format!("expected a list of tests, found {}", document.kind());
                let diagnostic = Diagnostic::error(Code::WrongType, document.at, message);
                self.diagnostics
                    .push(diagnostic.help("start each test with `- name: …`"));
                continue;
            };
            for item in items {
                self.add(item, &name, None, book);
            }
        }
    }

    fn add(&mut self, node: &Node, file: &str, rule: Option<&Arc<Rule>>, book: &Rulebook) {
        let Some(rule) = rule.cloned().or_else(|| self.rule_of(node, file)) else {
            return;
        };
        let folder = Path::new(file)
            .parent()
            .unwrap_or(Path::new("."))
            .to_owned();
        let known = fields(&rule, &book.config.catalogue);
        let mut names = book.config.name_resolver(known, &mut self.diagnostics);
        names.in_scope.vars = Arc::clone(&rule.vars);
        let Some(test) = test::lower(node, &mut names) else {
            return;
        };
        self.check_names(&test, &rule);
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

    /// Checks that the rule has the steps and predicates that a test names.
    fn check_names(&mut self, test: &RuleTest, rule: &Rule) {
        let named = test.steps.iter().map(|(name, at, _)| (name, *at));
        let mocked = test.mocked.iter().map(|(name, at)| (name, *at));
        for (name, at) in named.chain(mocked) {
            self.check_step(name, at, rule);
        }
        let Some((path, at)) = &test.because else {
            return;
        };
        let predicates = rule.when.predicates();
        let mut paths: Vec<&str> = predicates.iter().map(|p| p.path.text.as_str()).collect();
        if !paths.contains(&path.as_str()) {
            paths.dedup();
            let message = format!("the rule `{}` does not test `{path}`", rule.name);
            let help = match (guards_that_test(path, rule).as_slice(), paths.as_slice()) {
                ([], []) => "its `when` tests nothing; remove `because`".to_owned(),
                ([], paths) => format!("it tests {}", paths.join(", ")),
                (guards, _) => format!(
                    "it is tested by the guard {}, and `because` names a predicate of the rule's `when`; write `expect: match` and `ends: skipped` instead",
                    guards.join(", ")
                ),
            };
            self.diagnostics
                .push(Diagnostic::error(Code::UndefinedName, *at, message).help(help));
        }
    }
}

/// The guards of a rule that test a path, quoted.
fn guards_that_test(path: &str, rule: &Rule) -> Vec<String> {
    let tests = |step: &&Step| {
        let predicates = step.action.guard().map(Condition::predicates);
        let mut predicates = predicates.unwrap_or_default().into_iter();
        predicates.any(|predicate| predicate.path.text == path)
    };
    let guards = rule.flow.all_steps().into_iter().filter(tests);
    guards.map(|step| format!("`{}`", step.name)).collect()
}

impl Suite {
    /// Checks that a step exists and sends something.
    fn check_step(&mut self, name: &str, at: Span, rule: &Rule) {
        let steps = FlowSteps::new(&rule.flow);
        let found = steps.named(name);
        let performs = |step: &Step| step.action.sends();
        let message = match found.first() {
            Some(_) if found.iter().any(|step| performs(step)) => return,
            Some(step) => format!(
                "the step `{name}` is a `{}` and sends nothing",
                step.action.kind()
            ),
            None => format!("the rule `{}` has no step `{name}`", rule.name),
        };
        let help = match (
            steps.without_number(name),
            steps.listed(performs).join(", "),
        ) {
            (Some((path, step)), _) => {
                format!("write `{path}` for one item, or `{step}` for every one")
            }
            (None, none) if none.is_empty() => "none of its steps sends anything".to_owned(),
            (None, senders) => format!("the steps that send something are {senders}"),
        };
        self.diagnostics
            .push(Diagnostic::error(Code::UndefinedName, at, message).help(help));
    }
}

/// The fields of the rule's event types, for the paths under `set`.
fn fields(rule: &Rule, catalogue: &Catalogue) -> EventFields {
    let mut types = Vec::new();
    for pattern in rule.event_types.iter() {
        match pattern {
            TypePattern::Name(name) => match catalogue.by_name(&rule.event_source, name) {
                Some(known) => types.push(known.clone()),
                None => return EventFields::Open,
            },
            TypePattern::Family(prefix) => {
                let family = catalogue.matching(&rule.event_source, &format!("{prefix}*"));
                types.extend(family.into_iter().cloned());
            }
        }
    }
    EventFields::Of(types.into_iter().collect())
}

/// Compares a value with the expected one: all expected keys of objects, whole lists, equal scalars.
/// Returns the differences.
pub fn differences(wanted: &Value, got: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", wanted, Some(got), &mut found);
    found
}

#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub path: String,
    pub wanted: Value,
    /// `None` if there is no value at this path.
    pub got: Option<Value>,
}

fn compare(path: &str, wanted: &Value, got: Option<&Value>, found: &mut Vec<Difference>) {
    use flowtrigger_core::language::operator::CaseSensitivity;
    use flowtrigger_core::language::operator::equality::equal;
    match (wanted, got) {
        (Value::Object(map), Some(Value::Object(other))) => {
            for (key, wanted) in map {
                let dot = if path.is_empty() { "" } else { "." };
                compare(&format!("{path}{dot}{key}"), wanted, other.get(key), found);
            }
        }
        (Value::Array(items), Some(Value::Array(others))) if items.len() == others.len() => {
            for (index, (wanted, got)) in items.iter().zip(others).enumerate() {
                compare(&format!("{path}[{index}]"), wanted, Some(got), found);
            }
        }
        (wanted, Some(got)) if equal(wanted, got, CaseSensitivity::Exact) => {}
        (wanted, got) => found.push(Difference {
            path: path.to_owned(),
            wanted: wanted.clone(),
            got: got.cloned(),
        }),
    }
}
