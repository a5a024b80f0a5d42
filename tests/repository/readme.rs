//! Runs the README as its reader would: every `yaml` block whose first line names a file is written to
//! it, then every `console` block must print what it shows. It touches only a copy of the project.

use std::fs;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        return;
    }
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        copy(&path, &to.join(path.file_name().expect("a name")));
    }
}

/// Writes the blocks that say where they belong: `# tour/first.yaml`.
fn write_files(readme: &str, folder: &Path) -> usize {
    let blocks = readme
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"));
    let named = blocks.filter_map(|(block, _)| {
        let name = block.lines().next()?.strip_prefix("# ")?;
        (name.ends_with(".yaml") && !name.contains(' ')).then_some((name, block))
    });
    let mut count = 0;
    for (name, block) in named {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, block).expect("a writable file");
        count += 1;
    }
    count
}

#[test]
fn the_tour_goes_as_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("README.in");
    fs::create_dir(&project).expect("a folder");
    for name in ["rules", "examples", "flowtrigger.yaml"] {
        copy(&root.join(name), &project.join(name));
    }
    copy(&root.join("README.md"), &folder.path().join("README.md"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    assert!(
        write_files(&readme, &project) >= 3,
        "the tour has lost its files"
    );
    let cases = trycmd::TestCases::new();
    cases.default_bin_path(env!("CARGO_BIN_EXE_flowtrigger"));
    // The commands run in `README.in`, which trycmd looks for beside the file.
    cases
        .env("COLUMNS", "100")
        .case(folder.path().join("README.md"));
    drop(cases);
    if std::env::var("TRYCMD").is_ok_and(|mode| mode == "overwrite") {
        copy(&folder.path().join("README.md"), &root.join("README.md"));
    }
}
