//! Cases in `tests/cases/conditions`: a condition, a body and the expected verdict.

use flowtrigger_core::document::Node;
use flowtrigger_testing::repository;

use super::{documents, judge, lower};

#[test]
fn every_case_gives_its_verdict() {
    let (mut count, mut wrong) = (0, Vec::new());
    for path in repository::entries(repository::path("tests/cases/conditions")) {
        let (name, text) = (repository::file_name(&path), repository::read(&path));
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
