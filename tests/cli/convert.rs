//! `convert --out`: one file for each rule, and a list of what was not converted.

use std::fs;

use flowtrigger_core::config::Config;
use flowtrigger_core::convert::convert;
use flowtrigger_core::convert::names::NameAllocator;
use flowtrigger_testing::repository;
use flowtrigger_testing::sandbox::Sandbox;

#[test]
fn a_folder_gets_a_file_for_each_rule_and_none_is_overwritten() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    let case = repository::path("tests/cases/convert/changes.json");
    let arguments = [
        "convert",
        case.to_str().expect("UTF-8"),
        "--out",
        "converted",
    ];
    let conversion = convert(
        &repository::read(&case),
        &mut NameAllocator::default(),
        &Config::default(),
    );
    let conversion = conversion.expect("a conversion");
    let output = sandbox.run(&arguments);
    assert_eq!(output.code, 1, "{output:?}");
    let files: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(files.len(), conversion.rules.len());
    for (file, rule) in files.iter().zip(&conversion.rules) {
        assert_eq!(sandbox.read(file), rule.text());
    }
    let omitted = "converted/NOT-CONVERTED.txt";
    let list = sandbox.read(omitted);
    assert_eq!(list.lines().count(), conversion.all_omitted().count());
    for omitted in conversion.all_omitted() {
        assert!(list.contains(&omitted.line()), "{list}");
    }
    let (last, others) = files.split_last().expect("files");
    for file in others {
        fs::remove_file(sandbox.path(file)).expect("a file");
    }
    sandbox.write(last, "kept");
    let output = sandbox.run(&arguments);
    output.expect_stderr(2, &["already exists"]);
    assert_eq!(output.stdout, "");
    assert_eq!(sandbox.read(last), "kept");
    let left = fs::read_dir(sandbox.path("converted")).expect("a folder");
    assert_eq!(left.count(), 2);
    assert_eq!(sandbox.read(omitted), list);
}
