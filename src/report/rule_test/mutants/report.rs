//! Prints the mutation score: the surviving mutants with tests that kill them, then the score of each rule.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::report::output::Output;
use crate::report::render::color::{Paint, Tone};
use crate::report::render::table::Table;
use crate::report::rule_test::mutants::{
    MutantCount, MutantResult, MutationScore, SubjectKind, SubjectScore, SuggestedTest,
    TestedMutant,
};

/// Writes everything that the tests do not notice, and the score.
pub fn text(score: &MutationScore, out: &mut Output) -> io::Result<()> {
    for subject in &score.subjects {
        survivors(subject, out)?;
    }
    writeln!(out, "\nmutants")?;
    let mut table = Table::default();
    for subject in &score.subjects {
        table.row(row(subject));
    }
    table.row(counts(String::new(), "all", score.count()));
    table.write(out)
}

fn row(subject: &SubjectScore) -> [String; 5] {
    let kind = match subject.kind {
        SubjectKind::Rule => String::new(),
        SubjectKind::Flow | SubjectKind::BundleFlow => "flow ".to_owned(),
    };
    let name = format!("{kind}{}", subject.name);
    if let Some(failing) = subject.failing.first() {
        let why = format!("the test `{failing}` fails without a change");
        return [
            String::new(),
            name,
            "not tested".to_owned(),
            String::new(),
            why,
        ];
    }
    if subject.kind == SubjectKind::BundleFlow && subject.tests == 0 {
        let why = "no rule that executes it has a test".to_owned();
        return [
            String::new(),
            name,
            "not tested".to_owned(),
            String::new(),
            why,
        ];
    }
    counts(String::new(), &name, subject.count())
}

fn counts(first: String, name: &str, count: MutantCount) -> [String; 5] {
    let equivalent = match count.equivalent {
        0 => String::new(),
        equivalent => format!("{equivalent} proven equal"),
    };
    [
        first,
        name.to_owned(),
        format!("{} of {} killed", count.killed, count.total()),
        format!("{} %", count.percent()),
        equivalent,
    ]
}

fn survivors(subject: &SubjectScore, out: &mut Output) -> io::Result<()> {
    let paint = Paint::new(out);
    for mutant in subject.survivors() {
        let TestedMutant { place, change, .. } = mutant;
        writeln!(
            out,
            "\n{}  {}  {change}",
            paint.tone(Tone::Red, "SURVIVED"),
            subject.name
        )?;
        writeln!(out, "  {}", paint.tone(Tone::Dim, place))?;
        match &mutant.result {
            MutantResult::Survived { test: Some(test) } => suggestion(test, out)?,
            MutantResult::Survived { test: None } => {
                writeln!(out, "  no test was found that fails with it")?;
            }
            MutantResult::Killed { .. } | MutantResult::Equivalent => {}
        }
    }
    Ok(())
}

fn suggestion(test: &SuggestedTest, out: &mut Output) -> io::Result<()> {
    writeln!(out, "  this test fails with it; add it to {}:", test.file)?;
    writeln!(out)?;
    for line in test.text.lines() {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

pub fn json(score: &MutationScore) -> Value {
    let subjects: Vec<Value> = score.subjects.iter().map(subject_json).collect();
    with_count(json!({ "subjects": subjects }), score.count())
}

fn subject_json(subject: &SubjectScore) -> Value {
    let mutants: Vec<Value> = subject.mutants.iter().map(mutant_json).collect();
    let value = json!({
        "name": subject.name,
        "kind": subject.kind.as_str(),
        "at": subject.place,
        "tests": subject.tests,
        "failing": subject.failing,
        "mutants": mutants,
    });
    with_count(value, subject.count())
}

fn mutant_json(mutant: &TestedMutant) -> Value {
    let (result, killed_by, test) = match &mutant.result {
        MutantResult::Killed { by } => ("killed", Some(by), None),
        MutantResult::Survived { test } => ("survived", None, test.as_ref()),
        MutantResult::Equivalent => ("equivalent", None, None),
    };
    json!({
        "name": mutant.name,
        "kind": mutant.kind.as_str(),
        "at": mutant.place,
        "change": mutant.change,
        "result": result,
        "killed_by": killed_by,
        "test": test.map(|test| &test.text),
        "test_file": test.map(|test| &test.file),
    })
}

fn with_count(mut value: Value, count: MutantCount) -> Value {
    value["killed"] = count.killed.into();
    value["survived"] = count.survived.into();
    value["equivalent"] = count.equivalent.into();
    value["percent"] = count.percent().into();
    value
}
