//! The plain cases: a condition, a body, the verdict. It refuses a folder that has become empty.

use std::fs;
use std::path::Path;

use flowtrigger::core::rule::document::Node;

use super::{documents, judge, lower};

#[test]
fn every_case_gives_its_verdict() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/conditions");
    let (mut count, mut wrong) = (0, Vec::new());
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    for path in files {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("a readable case");
        for document in documents(&name, &text) {
            let cases = document.as_list().expect("a list of cases");
            count += cases.len();
            wrong.extend(cases.iter().filter_map(|case| failure(&name, case)));
        }
    }
    assert!(count >= 300, "only {count} cases were found");
    assert!(
        wrong.is_empty(),
        "{} of {count} fail:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn failure(file: &str, case: &Node) -> Option<String> {
    let part = |key: &str| {
        case.get(key)
            .unwrap_or_else(|| panic!("{file}:{}: no `{key}`", case.at.line))
    };
    let condition = lower(part("when"));
    let (truth, _) = judge(&condition, &part("body").to_json());
    let (name, wanted) = (part("name").as_text()?, part("verdict").as_text()?);
    let known = ["match", "no match", "missing"].contains(&wanted);
    assert!(known, "{file}:{}: `{wanted}` is no verdict", case.at.line);
    (truth.label() != wanted).then(|| {
        format!(
            "{file}:{}: {name}: wanted {wanted}, got {}",
            case.at.line,
            truth.label()
        )
    })
}
