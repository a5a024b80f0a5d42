//! Checks what is read as YAML, class by class of YAML 1.2.2, by the table `tests/cases/conformance/yaml.txt`.
//! `UPDATE_CASES=1` rewrites the results: read them against the specification.

use flowtrigger_core::diagnostic::{Diagnostics, FileId};
use flowtrigger_core::document::read;
use flowtrigger_testing::{expected, repository};

/// The characters that stand for what an editor does not show.
const MARKS: [(&str, &str); 3] = [("→", "\t"), ("␣", " "), ("∎\n", "")];

/// The values of the documents, then the errors and warnings.
fn results(text: &str) -> String {
    let text = MARKS.iter().fold(text.to_owned(), |text, (mark, meant)| {
        text.replace(mark, meant)
    });
    let mut diagnostics = Diagnostics::default();
    let values: Vec<String> = read(FileId(0), &text, &mut diagnostics)
        .iter()
        .map(|node| format!("=> {}\n", visible(&node.to_json().to_string())))
        .collect();
    let reported = diagnostics.sorted().into_iter().map(|found| {
        let severity = format!("{:?}", found.severity).to_lowercase();
        format!(
            "=> {severity} {}:{} {}\n",
            found.at.line, found.at.column, found.message
        )
    });
    values.into_iter().chain(reported).collect()
}

/// Escapes spaces and line breaks that an editor does not show.
fn visible(json: &str) -> String {
    let unseen = ['\u{85}', '\u{a0}', '\u{2028}', '\u{2029}'];
    let written = json.chars().map(|c| match unseen.contains(&c) {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    });
    written.collect()
}

#[test]
fn every_class_of_yaml_is_read_as_the_table_says() {
    let path = repository::path("tests/cases/conformance/yaml.txt");
    let table = repository::read(&path);
    let mut actual = String::new();
    let mut document: Option<String> = None;
    for line in table.split_inclusive('\n') {
        match (&mut document, line) {
            (Some(text), line) if line.starts_with("=>") => {
                actual.push_str(&results(text));
                document = None;
            }
            (Some(text), line) => {
                text.push_str(line);
                actual.push_str(line);
            }
            (None, line) if line.starts_with("=>") => {}
            (None, line) => {
                document = line.starts_with("== ").then(String::new);
                actual.push_str(line);
            }
        }
    }
    if let Some(difference) = expected::difference(&path, &actual) {
        panic!("{difference}");
    }
}
