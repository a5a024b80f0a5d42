//! Runs the tests of a rule with its mutants, one after the other until one test fails. Every run is bounded: the flows of
//! rules have no jumps, and virtual time ends after a number of waits.

use std::sync::Arc;

use crate::engine::Rulebook;
use crate::report::error::CommandError;
use crate::report::render::escape::plain;
use crate::report::rule_test::expectation::EntryComparison;
use crate::report::rule_test::mutants::suggest::{Suggestions, Survivor};
use crate::report::rule_test::mutants::{MutantResult, SubjectKind, SubjectScore, TestedMutant};
use crate::report::rule_test::run_test::{TestRunner, TestedEvent};
use crate::report::rule_test::suite::{Suite, TestCase};
use flowtrigger_core::document::Node;
use flowtrigger_core::mutation::equivalence::{Equivalence, MatchDifference};
use flowtrigger_core::mutation::{Mutant, MutantCompiler, MutatedPart, mutants};
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::test::TestForm;

/// Tests the mutants of one subject after the other.
pub struct SubjectRun<'r> {
    book: &'r Rulebook,
    suite: &'r Suite,
    runner: TestRunner<'r>,
    compiler: MutantCompiler<'r>,
    equivalence: Equivalence<'r>,
}

/// A rule with its tests, whose events were evaluated.
pub struct TestedRule<'r> {
    pub rule: Arc<Rule>,
    pub document: Node,
    pub tests: Vec<EvaluatedCase<'r>>,
}

/// A test with its events and the verdicts of the unchanged rule.
pub struct EvaluatedCase<'r> {
    pub case: &'r TestCase,
    pub events: Vec<TestedEvent>,
}

impl<'r> SubjectRun<'r> {
    pub fn new(book: &'r Rulebook, suite: &'r Suite) -> Result<Self, CommandError> {
        Ok(Self {
            book,
            suite,
            runner: TestRunner::new(book, &suite.files)?,
            compiler: MutantCompiler::new(&book.files, &book.rule_files, &book.config),
            equivalence: Equivalence::new(&book.config),
        })
    }

    /// Tests the mutants of a rule.
    pub fn rule(&mut self, rule: &Arc<Rule>) -> Result<SubjectScore, CommandError> {
        let mut score = SubjectScore {
            name: rule.name.clone(),
            kind: SubjectKind::Rule,
            place: self.book.files.location(rule.at),
            tests: 0,
            failing: Vec::new(),
            mutants: Vec::new(),
        };
        let Some(tested) = self.tested(rule, &mut score)? else {
            return Ok(score);
        };
        if !score.failing.is_empty() {
            return Ok(score);
        }
        let mut suggestions = Suggestions::default();
        for mutant in mutants(&tested.document) {
            let Some(compiled) = self.compiler.compile(rule, &mutant.document) else {
                continue;
            };
            let part = mutant.part();
            let result = match self.killed_by(&tested, &compiled, part)? {
                Some(by) => MutantResult::Killed { by },
                None => match self.equivalence.difference(rule, &compiled, part) {
                    MatchDifference::None => MutantResult::Equivalent,
                    difference => {
                        let survivor = Survivor {
                            rule: &tested,
                            mutant: &compiled,
                            mutation: &mutant,
                            difference,
                        };
                        let test = suggestions.test(&self.runner, &survivor)?;
                        MutantResult::Survived { test }
                    }
                },
            };
            score.mutants.push(self.of(&mutant, result));
        }
        Ok(score)
    }

    /// Tests the mutants of a named flow with the tests of all rules that run it.
    pub fn flow(&mut self, name: &str, users: &[Arc<Rule>]) -> Result<SubjectScore, CommandError> {
        let mut score = SubjectScore {
            name: name.to_owned(),
            kind: SubjectKind::Flow,
            place: String::new(),
            tests: 0,
            failing: Vec::new(),
            mutants: Vec::new(),
        };
        if let Some(flow) = self.compiler.flow(name) {
            score.place = self.book.files.location(flow.at);
        }
        if self.compiler.is_of_bundle(name) {
            score.kind = SubjectKind::BundleFlow;
        }
        let mut tested = Vec::with_capacity(users.len());
        for rule in users {
            tested.extend(self.tested(rule, &mut score)?);
        }
        let is_untested = score.kind == SubjectKind::BundleFlow && score.tests == 0;
        if is_untested || !score.failing.is_empty() {
            return Ok(score);
        }
        let mut suggestions: Vec<Suggestions> = Vec::new();
        suggestions.resize_with(tested.len(), Suggestions::default);
        for mutant in self.compiler.flow_mutants(name) {
            let compiled = tested.iter().map(|user| {
                let (rule, document) = (&user.rule, &user.document);
                self.compiler
                    .compile_with_flow(rule, document, name, &mutant.document)
            });
            let Some(compiled) = compiled.collect::<Option<Vec<_>>>() else {
                continue;
            };
            let mut result = MutantResult::Survived { test: None };
            for (user, compiled) in tested.iter().zip(&compiled) {
                if let Some(by) = self.killed_by(user, compiled, MutatedPart::Flow)? {
                    result = MutantResult::Killed { by };
                    break;
                }
            }
            if matches!(result, MutantResult::Survived { .. }) {
                for ((user, compiled), known) in tested.iter().zip(&compiled).zip(&mut suggestions)
                {
                    let survivor = Survivor {
                        rule: user,
                        mutant: compiled,
                        mutation: &mutant,
                        difference: MatchDifference::Unknown,
                    };
                    let test = known.test(&self.runner, &survivor)?;
                    if test.is_some() {
                        result = MutantResult::Survived { test };
                        break;
                    }
                }
            }
            score.mutants.push(self.of(&mutant, result));
        }
        Ok(score)
    }

    /// The rule with its tests; none if it has no document. Adds the tests that fail to the score.
    fn tested(
        &self,
        rule: &Arc<Rule>,
        score: &mut SubjectScore,
    ) -> Result<Option<TestedRule<'r>>, CommandError> {
        let cases = self.suite.cases.iter();
        let mut cases: Vec<&TestCase> = cases.filter(|case| case.rule.name == rule.name).collect();
        score.tests += cases.len();
        let Some(document) = self.compiler.document(rule) else {
            return Ok(None);
        };
        // Tests of one event are faster.
        cases.sort_by_key(|case| match case.test.form {
            TestForm::Single => 0,
            TestForm::Timeline { .. } => 1,
        });
        let mut tests = Vec::with_capacity(cases.len());
        for case in cases {
            let name = || plain(&case.test.name).into_owned();
            let Ok(events) = self.runner.read_events(case) else {
                score.failing.push(name());
                continue;
            };
            let events = events.into_iter();
            let events = events
                .map(|event| TestedEvent::alone(rule, event))
                .collect();
            let evaluated = EvaluatedCase { case, events };
            let outcome = self.runner.play(case, &evaluated.events)?;
            if !outcome.failure.is_empty() {
                score.failing.push(name());
            }
            tests.push(evaluated);
        }
        Ok(Some(TestedRule {
            rule: Arc::clone(rule),
            document,
            tests,
        }))
    }

    /// The name of the first test that fails with a mutant.
    fn killed_by(
        &self,
        tested: &TestedRule<'_>,
        mutant: &Arc<Rule>,
        part: MutatedPart,
    ) -> Result<Option<String>, CommandError> {
        for test in &tested.tests {
            if self.fails(test, mutant, part)? {
                return Ok(Some(plain(&test.case.test.name).into_owned()));
            }
        }
        Ok(None)
    }

    fn fails(
        &self,
        test: &EvaluatedCase<'_>,
        mutant: &Arc<Rule>,
        part: MutatedPart,
    ) -> Result<bool, CommandError> {
        let case = TestCase {
            rule: Arc::clone(mutant),
            ..test.case.clone()
        };
        let evaluated;
        let events = match part {
            // The verdicts are those of the unchanged rule.
            MutatedPart::Gates | MutatedPart::Flow => &test.events,
            MutatedPart::Match | MutatedPart::Sequence => {
                let events = test.events.iter();
                let events = events.map(|tested| TestedEvent::alone(mutant, tested.event.clone()));
                evaluated = events.collect::<Vec<_>>();
                &evaluated
            }
        };
        if part == MutatedPart::Match {
            let entries = case.test.entries.iter().zip(events);
            let mut compared = entries.map(|(entry, evaluated)| {
                evaluated.compare(&EntryComparison {
                    entry,
                    files: &self.suite.files,
                    config: &self.book.config,
                })
            });
            if compared.any(|lines| !lines.is_empty()) {
                return Ok(true);
            }
            let mut pairs = events.iter().zip(&test.events);
            if pairs.all(|(changed, unchanged)| changed.matches() == unchanged.matches()) {
                // The same runs start, and nothing else is changed.
                return Ok(false);
            }
        }
        Ok(!self.runner.play(&case, events)?.failure.is_empty())
    }

    fn of(&self, mutant: &Mutant, result: MutantResult) -> TestedMutant {
        TestedMutant {
            name: mutant.name(),
            kind: mutant.kind,
            place: self.book.files.location(mutant.at),
            change: plain(&mutant.change).into_owned(),
            result,
        }
    }
}
