//! Loads a rulebook: rules, configuration and endpoints, as one unit. With any error there is no rulebook, and
//! the one in use stays.

pub mod endpoints;
mod folder;
pub mod policy;
mod read_file;
pub mod secrets;
mod texts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::action::secret::MissingSecret;
use crate::engine::metrics::process_memory;
use crate::store::PushedHead;
use endpoints::Endpoints;
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config;
use flowtrigger_core::config::Config;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Span};
use flowtrigger_core::matching::rule_set::RuleSet;

/// Everything that events are evaluated with.
#[derive(Debug, Clone, Default)]
pub struct Rulebook {
    pub config: Config,
    /// Its endpoints; without secrets until [`Rulebook::load_secrets`].
    pub entrances: Endpoints,
    pub rules: RuleSet,
    /// The texts of the configuration and the rules, for positions.
    pub files: Arc<Files>,
    /// The files that rules were read from.
    pub rule_files: Vec<FileId>,
    /// `NAME.test.yaml` files that were found; they are not read here.
    pub test_files: Vec<PathBuf>,
    /// The pushed revision that it was read from, if it is not of files.
    pub pushed: Option<Arc<PushedHead>>,
}

/// The paths of a rulebook. Diagnostics show them as written here.
#[derive(Debug, Clone)]
pub struct RulebookPaths {
    /// A folder, read recursively, or one file.
    pub rules: PathBuf,
    pub config: ConfigFile,
    /// Environment variables, which override the configuration file.
    pub environment: BTreeMap<String, String>,
}

/// The configuration file.
#[derive(Debug, Clone)]
pub enum ConfigFile {
    /// Named by the user: it must exist.
    Named(PathBuf),
    /// The default path: it may be absent.
    IfThere(PathBuf),
}

impl ConfigFile {
    /// The folder in which it is.
    pub fn folder(&self) -> PathBuf {
        let (ConfigFile::Named(path) | ConfigFile::IfThere(path)) = self;
        match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => ".".into(),
        }
    }
}

/// The progress of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Files { read: usize, of: usize },
    Rules { read: usize, of: usize },
}

/// Called after every file and rule of a load.
pub type ProgressFn<'t> = &'t mut dyn FnMut(Progress);

/// The result of a load. The rulebook is complete only if the diagnostics have no errors.
#[derive(Debug, Clone, Default)]
pub struct LoadedRulebook {
    pub rulebook: Rulebook,
    pub diagnostics: Diagnostics,
    /// The resident memory that the load added to the process, if known.
    pub memory: Option<u64>,
}

impl RulebookPaths {
    /// A rules path with the default `flowtrigger.yaml`.
    pub fn new(rules: impl Into<PathBuf>) -> Self {
        Self {
            rules: rules.into(),
            config: ConfigFile::IfThere("flowtrigger.yaml".into()),
            environment: BTreeMap::new(),
        }
    }

    /// Loads everything and reports every mistake.
    pub fn read(&self) -> LoadedRulebook {
        self.read_with(None)
    }

    /// The same, with progress.
    pub fn load_with_progress(&self, on_progress: ProgressFn<'_>) -> LoadedRulebook {
        self.read_with(Some(on_progress))
    }

    fn read_with(&self, mut on_progress: Option<ProgressFn<'_>>) -> LoadedRulebook {
        let before = process_memory::resident();
        let mut files = Files::default();
        let mut diagnostics = Diagnostics::default();
        let config = self.read_config(&mut files, &mut diagnostics);
        let found = folder::find(&self.rules);
        let mut rule_files = Vec::new();
        for (read, path) in found.rules.iter().enumerate() {
            rule_files.extend(read_file::read(path, &mut files, &mut diagnostics));
            if let Some(on_progress) = &mut on_progress {
                let of = found.rules.len();
                on_progress(Progress::Files { read: read + 1, of });
            }
        }
        for error in &found.errors {
            error.report(&mut files, &mut diagnostics);
        }
        let loaded = Self::compile(config, files, rule_files, diagnostics, on_progress);
        let grown = |after: u64| Some(after.saturating_sub(before?));
        LoadedRulebook {
            memory: process_memory::resident().and_then(grown),
            rulebook: Rulebook {
                test_files: found.tests,
                ..loaded.rulebook
            },
            ..loaded
        }
    }

    /// Compiles the rules of some files of `files`.
    fn compile(
        config: Config,
        files: Files,
        rule_files: Vec<FileId>,
        mut diagnostics: Diagnostics,
        on_progress: Option<ProgressFn<'_>>,
    ) -> LoadedRulebook {
        let files = Arc::new(files);
        let rules = match on_progress {
            None => rule_set::rule_set(&files, &rule_files, &config, &mut diagnostics),
            Some(on_progress) => {
                let mut on_progress = |read, of| on_progress(Progress::Rules { read, of });
                rule_set::rule_set_with_progress(
                    &files,
                    &rule_files,
                    &config,
                    &mut diagnostics,
                    &mut on_progress,
                )
            }
        };
        policy::check_sources(&config, &mut diagnostics);
        policy::check_rules(&rules, &config, &mut diagnostics);
        LoadedRulebook {
            memory: None,
            rulebook: Rulebook {
                entrances: Endpoints::without_secrets(&config),
                config,
                rules,
                files,
                rule_files,
                ..Rulebook::default()
            },
            diagnostics,
        }
    }

    /// Reads only the configuration.
    pub fn read_config(&self, files: &mut Files, diagnostics: &mut Diagnostics) -> Config {
        let path = match &self.config {
            ConfigFile::IfThere(path) if !path.exists() => {
                let file = files.add(path.to_string_lossy(), "");
                let mut config = self.parse_config(file, files, diagnostics);
                config.outgoing.unconfigured = true;
                return config;
            }
            ConfigFile::Named(path) | ConfigFile::IfThere(path) => path,
        };
        let Some(file) = read_file::read(path, files, diagnostics) else {
            return Config {
                whole: false,
                ..Config::default()
            };
        };
        self.parse_config(file, files, diagnostics)
    }

    fn parse_config(&self, id: FileId, files: &Files, diagnostics: &mut Diagnostics) -> Config {
        let Some(file) = files.get(id) else {
            return Config::default();
        };
        let source = config::ConfigSource::new(
            Arc::clone(&file.name),
            Arc::clone(&file.text),
            flowtrigger_core::config::environment::applied(&self.environment),
        );
        let config = config::parse(id, &file.text, &self.environment, diagnostics);
        Config {
            source: Arc::new(source),
            ..config
        }
    }
}

impl Rulebook {
    /// Reads the secrets of the sources, so that their endpoints accept requests.
    pub fn load_secrets(&mut self) -> Result<(), Vec<MissingSecret>> {
        let (entrances, missing) = Endpoints::load(&self.config);
        if !missing.is_empty() {
            return Err(missing);
        }
        self.entrances = entrances;
        Ok(())
    }
}

impl LoadedRulebook {
    /// The memory per rule; None if unknown, or if there are too few rules for a meaningful number.
    pub fn memory_per_rule(&self) -> Option<u64> {
        let rules = u64::try_from(self.rulebook.rules.rules.len()).ok()?;
        match rules {
            0..1_000 => None,
            _ => Some(self.memory? / rules),
        }
    }

    /// The rulebook, or this result again if it has errors.
    pub fn accepted(self) -> Result<Rulebook, Box<LoadedRulebook>> {
        match self.diagnostics.has_errors() {
            true => Err(Box::new(self)),
            false => Ok(self.rulebook),
        }
    }
}

/// A mistake about a path as a whole.
fn report(
    path: &std::path::Path,
    message: String,
    help: &str,
    code: Code,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) {
    let at = Span {
        file: files.add(path.to_string_lossy(), ""),
        line: 1,
        column: 1,
        ..Span::default()
    };
    diagnostics.push(Diagnostic::error(code, at, message).help(help));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const RULE: &str = "name: NAME\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: fine\n";

    fn rule(name: &str) -> String {
        RULE.replace("NAME", name)
    }

    fn places(folder: &tempfile::TempDir) -> RulebookPaths {
        RulebookPaths {
            config: ConfigFile::IfThere(folder.path().join("flowtrigger.yaml")),
            ..RulebookPaths::new(folder.path().join("rules"))
        }
    }

    fn with_files(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn only_message(reading: &LoadedRulebook) -> (Code, String) {
        let all = reading.diagnostics.sorted();
        assert_eq!(all.len(), 1, "{all:?}");
        (all[0].code, all[0].message.clone())
    }

    #[test]
    fn rules_are_read_from_all_folders_in_order() {
        let (a, b, c) = (rule("a"), rule("b"), rule("c"));
        let folder = with_files(&[
            ("rules/z.yml", b.as_bytes()),
            ("rules/deep/er/a.yaml", a.as_bytes()),
            ("rules/z.test.yaml", b"not: read"),
            ("rules/readme.md", b"not read"),
            ("rules/flowtrigger.yaml", b"mode: live"),
            ("rules/.hidden/c.yaml", c.as_bytes()),
        ]);
        let book = places(&folder).read().accepted().expect("sound rules");
        let names: Vec<&str> = book.rules.rules.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(book.test_files.len(), 1);
    }

    #[test]
    fn one_file_comes_with_the_tests_beside_it_whichever_is_named() {
        let (a, b) = (rule("a"), rule("b"));
        let folder = with_files(&[
            ("rules/a.yaml", a.as_bytes()),
            ("rules/a.test.yaml", b"not: read"),
            ("rules/b.yml", b.as_bytes()),
        ]);
        for (named, tests) in [("a.yaml", 1), ("a.test.yaml", 1), ("b.yml", 0)] {
            let path = folder.path().join("rules").join(named);
            let book = RulebookPaths::new(path)
                .read()
                .accepted()
                .expect("a sound rule");
            assert_eq!(book.rules.rules.len(), 1, "{named}");
            assert_eq!(book.rules.rules[0].name, named[..1], "{named}");
            assert_eq!(book.test_files.len(), tests, "{named}");
        }
    }

    #[test]
    fn a_missing_folder_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let reading = places(&folder).read();
        let (code, message) = only_message(&reading);
        assert_eq!(code, Code::Unreadable);
        assert!(message.ends_with("/rules` does not exist"), "{message}");
        assert!(reading.accepted().is_err());
    }

    #[test]
    fn an_empty_folder_is_an_error() {
        let folder = with_files(&[("rules/readme.md", b"")]);
        let (code, message) = only_message(&places(&folder).read());
        assert_eq!(code, Code::NoRules);
        assert!(
            message.ends_with("/rules` contains no rule file"),
            "{message}"
        );
    }

    #[test]
    fn a_file_that_is_not_utf_8_is_named_with_the_byte() {
        let folder = with_files(&[("rules/a.yaml", b"name: x\ndesc: \xff\n")]);
        let reading = places(&folder).read();
        let all = reading.diagnostics.sorted();
        assert_eq!((all[0].code, all.len()), (Code::Unreadable, 1));
        assert_eq!((all[0].at.line, all[0].at.column), (2, 7));
        assert!(all[0].message.contains("byte 14"), "{}", all[0].message);
    }

    #[test]
    fn a_broken_file_hides_no_other() {
        let broken = rule("b").replace("flow:", "folw:");
        let folder = with_files(&[
            ("rules/a.yaml", b"\xff"),
            ("rules/b.yaml", broken.as_bytes()),
        ]);
        let reading = places(&folder).read();
        let files: std::collections::BTreeSet<FileId> =
            reading.diagnostics.iter().map(|d| d.at.file).collect();
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn the_configuration_must_be_there_when_it_is_named() {
        let a = rule("a");
        let folder = with_files(&[("rules/a.yaml", a.as_bytes())]);
        let mut places = places(&folder);
        assert!(!places.read().diagnostics.has_errors());
        places.config = ConfigFile::Named(folder.path().join("mine.yaml"));
        let (code, message) = only_message(&places.read());
        assert_eq!(code, Code::Unreadable);
        assert!(message.ends_with("/mine.yaml` does not exist"), "{message}");
    }
}
