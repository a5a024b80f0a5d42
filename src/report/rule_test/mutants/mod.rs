//! The mutation score of rules: which mutants their tests notice, and for each one that they miss a test that does.

mod killer;
pub mod report;
mod suggest;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::rule_test::mutants::killer::SubjectRun;
use crate::report::rule_test::suite::Suite;
use flowtrigger_core::mutation::{MutantCompiler, MutationKind};
use flowtrigger_core::rule::Rule;

/// More threads than this do not make it faster.
const MAX_THREADS: usize = 16;

/// The mutants of all rules and of the named flows that they run.
#[derive(Debug, Default)]
pub struct MutationScore {
    pub subjects: Vec<SubjectScore>,
}

/// The mutants of one rule or of one named flow.
#[derive(Debug)]
pub struct SubjectScore {
    pub name: String,
    pub kind: SubjectKind,
    pub place: String,
    /// How many tests it has.
    pub tests: usize,
    /// The tests that fail without a change. No mutant is tested then.
    pub failing: Vec<String>,
    pub mutants: Vec<TestedMutant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    Rule,
    Flow,
    /// A flow of a bundle. Its mutants are tested only if a rule that executes it has tests.
    BundleFlow,
}

impl SubjectKind {
    /// The name in the output.
    pub fn as_str(self) -> &'static str {
        match self {
            SubjectKind::Rule => "rule",
            SubjectKind::Flow => "flow",
            SubjectKind::BundleFlow => "bundle flow",
        }
    }
}

/// A mutant, and whether a test failed with it.
#[derive(Debug)]
pub struct TestedMutant {
    pub name: String,
    pub kind: MutationKind,
    pub place: String,
    pub change: String,
    pub result: MutantResult,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MutantResult {
    /// The name of the first test that fails with it.
    Killed { by: String },
    /// No test fails with it. `test` is one that does, if one was found.
    Survived { test: Option<SuggestedTest> },
    /// No event can show the difference, which was proven.
    Equivalent,
}

/// A test that passes with the rule and fails with the mutant. Both were tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuggestedTest {
    /// An element of a list of tests.
    pub text: String,
    /// The file to which it is added.
    pub file: String,
}

/// How many mutants there are, by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MutantCount {
    pub killed: usize,
    pub survived: usize,
    pub equivalent: usize,
}

impl MutantCount {
    /// The mutants that a test can notice.
    pub fn total(self) -> usize {
        self.killed + self.survived
    }

    /// Rounded down, so that only all of them are 100. Without mutants nothing is missing.
    pub fn percent(self) -> usize {
        (self.killed * 100).checked_div(self.total()).unwrap_or(100)
    }
}

impl SubjectScore {
    pub fn count(&self) -> MutantCount {
        count(&self.mutants)
    }

    pub fn survivors(&self) -> impl Iterator<Item = &TestedMutant> {
        let mutants = self.mutants.iter();
        mutants.filter(|mutant| matches!(mutant.result, MutantResult::Survived { .. }))
    }
}

impl MutationScore {
    pub fn count(&self) -> MutantCount {
        count(self.subjects.iter().flat_map(|subject| &subject.mutants))
    }

    /// Whether every subject could be tested: no test of it fails without a change.
    pub fn is_valid(&self) -> bool {
        self.subjects
            .iter()
            .all(|subject| subject.failing.is_empty())
    }
}

fn count<'m>(mutants: impl IntoIterator<Item = &'m TestedMutant>) -> MutantCount {
    let mut count = MutantCount::default();
    for mutant in mutants {
        match &mutant.result {
            MutantResult::Killed { .. } => count.killed += 1,
            MutantResult::Survived { .. } => count.survived += 1,
            MutantResult::Equivalent => count.equivalent += 1,
        }
    }
    count
}

/// What is mutated.
enum MutantSubject {
    Rule(Arc<Rule>),
    /// A named flow with the rules that run it.
    Flow(String, Vec<Arc<Rule>>),
}

/// Tests the mutants of some rules of a rulebook, and of the named flows that these run. The other rules that run such
/// a flow test its mutants as well.
///
/// # Errors
/// A store of a test with several events that fails.
pub fn score(
    rules: &[Arc<Rule>],
    book: &Rulebook,
    suite: &Suite,
) -> Result<MutationScore, CommandError> {
    let subjects = subjects(rules, book);
    let next = AtomicUsize::new(0);
    let finished = Mutex::new(Vec::with_capacity(subjects.len()));
    let work = || -> Result<(), CommandError> {
        let mut run = SubjectRun::new(book, suite)?;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(subject) = subjects.get(number) else {
                return Ok(());
            };
            let score = match subject {
                MutantSubject::Rule(rule) => run.rule(rule)?,
                MutantSubject::Flow(name, users) => run.flow(name, users)?,
            };
            let mut finished = finished.lock().expect("no thread panics while it holds it");
            finished.push((number, score));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(MAX_THREADS).min(subjects.len().max(1));
    let results = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = started.into_iter().map(|thread| {
            let failed = || {
                Err(CommandError::runtime(
                    "a test of a mutant panicked".to_owned(),
                ))
            };
            thread.join().unwrap_or_else(|_| failed())
        });
        joined.collect::<Vec<_>>()
    });
    results.into_iter().collect::<Result<(), _>>()?;
    let mut finished = finished
        .into_inner()
        .expect("no thread panics while it holds it");
    finished.sort_by_key(|(number, _)| *number);
    let subjects = finished.into_iter().map(|(_, score)| score);
    Ok(MutationScore {
        subjects: subjects.collect(),
    })
}

/// The rules in their order, and after them the flows by name.
fn subjects(rules: &[Arc<Rule>], book: &Rulebook) -> Vec<MutantSubject> {
    let compiler = MutantCompiler::new(&book.files, &book.rule_files, &book.config);
    let mut flows = std::collections::BTreeMap::<String, Vec<Arc<Rule>>>::new();
    for rule in rules {
        for name in compiler.flows_of(rule) {
            flows.entry(name).or_default();
        }
    }
    if !flows.is_empty() {
        for rule in &book.rules.rules {
            for name in compiler.flows_of(rule) {
                if let Some(users) = flows.get_mut(&name) {
                    users.push(Arc::clone(rule));
                }
            }
        }
    }
    // A job spec has one event type and no condition: what can be changed is in its flow.
    let written = rules.iter().filter(|rule| !rule.version.is_of_bundle());
    let rules = written.map(|rule| MutantSubject::Rule(Arc::clone(rule)));
    let flows = flows
        .into_iter()
        .map(|(name, users)| MutantSubject::Flow(name, users));
    rules.chain(flows).collect()
}
