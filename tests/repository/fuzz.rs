//! Runs the fuzz targets on every file of their corpus, so that what the fuzzer found stays fixed. Limits the
//! size of the corpus.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use targets::TARGETS;

/// The maximum of files in a corpus, and of bytes in a file.
const FILES: usize = 80;
const BYTES: u64 = 4 * 1024;

fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let files = fs::read_dir(folder.join(target)).expect(target);
    files.map(|entry| entry.expect(target).path()).collect()
}

fn replay(target: &str) {
    let (_, holds) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect(target);
    for file in corpus(target) {
        let bytes = fs::read(&file).expect(target);
        let replayed = catch_unwind(|| holds(&bytes));
        assert!(replayed.is_ok(), "{}", file.display());
    }
}

macro_rules! replayed {
    ($($target:ident)+) => {
        const REPLAYED: &[&str] = &[$(stringify!($target)),+];

        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })+
    };
}

replayed! {
    conditions config decoders described forms json many operators paths patterns rules signatures signed templates
}

#[test]
fn every_target_has_a_corpus_that_is_replayed() {
    let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, REPLAYED);
    for name in names {
        let files = corpus(name);
        assert!(
            (1..=FILES).contains(&files.len()),
            "{name}: {} files",
            files.len()
        );
        for file in files {
            let length = file.metadata().expect(name).len();
            assert!(length <= BYTES, "{}: {length} bytes", file.display());
        }
    }
}

/// The fuzzer builds only what is in its folder.
#[test]
fn every_target_has_a_program() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
    for (name, _) in TARGETS {
        let file = format!("fuzz_targets/{name}.rs");
        assert!(manifest.contains(&format!("path = \"{file}\"")), "{file}");
        let program = fs::read_to_string(fuzz.join(&file)).expect(name);
        assert!(program.contains(&format!("fuzz::{name}(bytes)")), "{file}");
    }
}
