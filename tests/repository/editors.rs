//! Checks the extension for VS Code: its files, its commands and settings, and its pinned dependencies.

use std::process::Command;

use serde_json::Value;

use crate::docs::{read, root};

fn package() -> Value {
    serde_json::from_str(&read(root().join("editors/vscode/package.json"))).expect("JSON")
}

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

#[test]
fn the_extension_starts_what_its_manifest_names() {
    let (package, folder) = (package(), root().join("editors/vscode"));
    let main = package["main"].as_str().expect("a file");
    let code = read(folder.join(main));
    for command in package["contributes"]["commands"]
        .as_array()
        .expect("a list")
    {
        let name = command["command"].as_str().expect("a name");
        assert!(
            code.contains(&format!("registerCommand(\"{name}\"")),
            "{name}"
        );
    }
    let documents = read(root().join("docs/editors.md"));
    let readme = read(folder.join("README.md"));
    let settings = &package["contributes"]["configuration"]["properties"];
    for setting in keys(settings) {
        let short = setting.strip_prefix("flowtrigger.").expect("a prefix");
        assert!(
            code.contains(&format!("settings.get(\"{short}\")")),
            "{setting}"
        );
        assert!(
            documents.contains(setting),
            "docs/editors.md lacks {setting}"
        );
        assert!(readme.contains(setting), "README.md lacks {setting}");
    }
    let started = &settings["flowtrigger.arguments"]["default"];
    assert_eq!(started, &serde_json::json!(["lsp"]));
    assert_eq!(package["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_dependencies_of_the_extension_are_pinned() {
    let package = package();
    let lock = read(root().join("editors/vscode/package-lock.json"));
    let lock: Value = serde_json::from_str(&lock).expect("JSON");
    let own = &lock["packages"][""];
    assert_eq!(own["dependencies"], package["dependencies"]);
    assert_eq!(own["engines"], package["engines"]);
    for name in keys(&package["dependencies"]) {
        let version = package["dependencies"][name].as_str().expect("a version");
        let is_exact = version.chars().all(|c| c.is_ascii_digit() || c == '.');
        assert!(is_exact, "{name} {version} is no exact version");
        let locked = &lock["packages"][format!("node_modules/{name}")];
        assert_eq!(locked["version"], version, "{name}");
    }
    for (name, locked) in lock["packages"].as_object().expect("an object") {
        let is_checked = name.is_empty() || locked["integrity"].is_string();
        assert!(is_checked, "{name} has no checksum");
    }
}

#[test]
#[allow(clippy::print_stdout)]
fn the_code_of_the_extension_is_valid() {
    let code = root().join("editors/vscode/extension.js");
    match Command::new("node").arg("--check").arg(&code).output() {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        Err(_) => println!("node is missing: extension.js is not checked"),
    }
}
