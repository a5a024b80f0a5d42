//! The source files of a crate: module paths, code without tests, and headers.

use std::collections::BTreeSet;

use flowtrigger_testing::repository;

use super::lexer::{Token, tokens, without_tests};

/// One file of a crate.
#[derive(Debug, Clone)]
pub struct Source {
    /// From the root of the repository, with forward slashes.
    pub path: String,
    /// From the crate's source folder: `["rule", "path"]` for `rule/path.rs` and `rule/path/mod.rs`.
    pub module: Vec<String>,
    pub text: String,
    /// Without comments and tests.
    pub code: Vec<Token>,
    /// Modules that are declared under `#[cfg(test)]`.
    test_modules: Vec<String>,
}

/// The files of one source folder.
#[derive(Debug, Default)]
pub struct Crate {
    /// The name by which other crates import it.
    pub name: String,
    /// Without those of tests.
    pub sources: Vec<Source>,
    pub modules: BTreeSet<Vec<String>>,
}

impl Source {
    /// `folder` is the crate's source folder, `path` the file in it.
    pub fn new(folder: &str, path: &str, text: &str) -> Self {
        let mut test_modules = Vec::new();
        let code = without_tests(&tokens(text), &mut test_modules);
        let name = path.strip_suffix(".rs").unwrap_or(path);
        let name = name.strip_suffix("/mod").unwrap_or(name);
        let module = name.split('/').map(str::to_owned).collect::<Vec<_>>();
        let is_root = ["lib", "main"].contains(&name);
        Self {
            path: format!("{folder}/{path}"),
            module: if is_root { Vec::new() } else { module },
            text: text.to_owned(),
            code,
            test_modules,
        }
    }

    /// The `//!` lines at the start, without the slashes.
    pub fn header(&self) -> String {
        let lines = self.text.lines();
        let lines = lines.map_while(|line| line.strip_prefix("//!"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The number of lines up to the tests at the end of the file.
    pub fn length(&self) -> usize {
        let lines = self.text.lines();
        lines.take_while(|line| *line != "#[cfg(test)]").count()
    }

    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl Crate {
    /// Reads a crate of this repository; `name` is the name by which other crates import it.
    pub fn read(name: &str, folder: &str) -> Self {
        let root = repository::path(folder);
        let files = repository::files_below(&root);
        let files = files.iter().filter_map(|file| {
            let path = file.strip_prefix(&root).expect("a file of the crate");
            let path = path.to_string_lossy().replace('\\', "/");
            path.ends_with(".rs")
                .then(|| (path, repository::read(file)))
        });
        let files: Vec<(String, String)> = files.collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(p, t)| (p.as_str(), t.as_str()))
            .collect();
        Self::new(name, folder, &files)
    }

    /// A crate with these files: path from the source folder, and text.
    pub fn new(name: &str, folder: &str, files: &[(&str, &str)]) -> Self {
        let sources = files
            .iter()
            .map(|(path, text)| Source::new(folder, path, text));
        let mut sources: Vec<Source> = sources.collect();
        let tests: BTreeSet<Vec<String>> = sources
            .iter()
            .flat_map(|source| {
                let names = source.test_modules.iter();
                names.map(|name| [source.module.as_slice(), std::slice::from_ref(name)].concat())
            })
            .collect();
        let is_test = |source: &Source| {
            let parts = 1..=source.module.len();
            parts
                .into_iter()
                .any(|n| tests.contains(&source.module[..n]))
        };
        sources.retain(|source| !is_test(source));
        Self {
            name: name.to_owned(),
            modules: sources.iter().map(|source| source.module.clone()).collect(),
            sources,
        }
    }

    pub fn source(&self, module: &[String]) -> Option<&Source> {
        self.sources.iter().find(|source| source.module == module)
    }
}

#[test]
fn files_of_tests_are_left_out() {
    let files = [
        ("lib.rs", "mod rule;"),
        ("rule/mod.rs", "#[cfg(test)]\nmod samples;\nmod path;"),
        ("rule/path.rs", ""),
        ("rule/samples.rs", ""),
        ("rule/samples/more.rs", ""),
    ];
    let sample = Crate::new("sample", "src", &files);
    let paths: Vec<&str> = sample.sources.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(paths, ["src/lib.rs", "src/rule/mod.rs", "src/rule/path.rs"]);
    assert_eq!(sample.sources[2].module, ["rule", "path"]);
}
