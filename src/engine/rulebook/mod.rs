//! Loads a rulebook: rules, configuration and endpoints, as one unit. With any error there is no rulebook, and
//! the one in use stays.

pub mod changes;
pub mod connection_tls;
pub mod empty_paths;
pub mod endpoints;
pub mod fingerprint;
mod folder;
pub mod policy;
mod read_file;
pub mod secrets;
mod texts;
pub mod unsaved;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::action::secret::MissingSecret;
use crate::engine::metrics::process_memory;
use crate::store::PushedHead;
use endpoints::Endpoints;
use flowtrigger_core::compile::rule_set;
use flowtrigger_core::config;
use flowtrigger_core::config::schedules::calendar;
use flowtrigger_core::config::{CalendarFiles, Config};
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Files, Span};
use flowtrigger_core::matching::rule_set::RuleSet;
pub use folder::is_rule_file;
use unsaved::UnsavedTexts;

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
    /// The texts that replaced files when it was read.
    pub unsaved: UnsavedTexts,
}

/// The paths of a rulebook. Diagnostics show them as written here.
#[derive(Debug, Clone)]
pub struct RulebookPaths {
    /// A folder, read recursively, or one file.
    pub rules: PathBuf,
    pub config: ConfigFile,
    /// Environment variables, which override the configuration file.
    pub environment: BTreeMap<String, String>,
    /// Texts of an editor, which replace files.
    pub unsaved: UnsavedTexts,
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
            unsaved: UnsavedTexts::default(),
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
        let mut found = folder::find(&self.rules);
        found.add_unsaved(self.unsaved.below(&self.rules));
        let mut rule_files = Vec::new();
        for (read, path) in found.rules.iter().enumerate() {
            rule_files.extend(read_file::read(
                path,
                &self.unsaved,
                &mut files,
                &mut diagnostics,
            ));
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
                unsaved: self.unsaved.clone(),
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
            ConfigFile::IfThere(path) if !self.has_config(path) => {
                let file = files.add(path.to_string_lossy(), "");
                let calendars = CalendarFiles::new();
                let mut config = self.parse_config(file, &calendars, files, diagnostics);
                config.outgoing.unconfigured = true;
                return config;
            }
            ConfigFile::Named(path) | ConfigFile::IfThere(path) => path,
        };
        let Some(file) = read_file::read(path, &self.unsaved, files, diagnostics) else {
            return Config {
                whole: false,
                ..Config::default()
            };
        };
        let text = files.get(file).map(|file| Arc::clone(&file.text));
        let names = calendar::names(&text.unwrap_or_default());
        let folder = self.config.folder();
        let calendars = names.into_iter().map(|name| {
            let calendar = read_file::calendar(&folder.join(&name), files);
            (name, calendar)
        });
        let calendars = calendars.collect();
        self.parse_config(file, &calendars, files, diagnostics)
    }

    fn has_config(&self, path: &Path) -> bool {
        self.unsaved.get(path).is_some() || path.exists()
    }

    fn parse_config(
        &self,
        id: FileId,
        calendars: &CalendarFiles,
        files: &Files,
        diagnostics: &mut Diagnostics,
    ) -> Config {
        let Some(file) = files.get(id) else {
            return Config::default();
        };
        let source = config::ConfigSource::with_calendars(
            Arc::clone(&file.name),
            Arc::clone(&file.text),
            flowtrigger_core::config::environment::applied(&self.environment),
            calendar::texts(calendars),
        );
        let (text, environment) = (&file.text, &self.environment);
        let config = config::parse_with_calendars(id, text, environment, calendars, diagnostics);
        Config {
            source: Arc::new(source),
            ..config
        }
    }
}

impl Rulebook {
    /// The calendars that the configuration names, with their paths. None of a pushed one, which has their texts.
    pub fn calendars(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let names = self.config.calendars.iter();
        let names = names.filter(|_| self.pushed.is_none());
        let folder = ConfigFile::IfThere(PathBuf::from(&*self.config.source.file)).folder();
        names.map(move |name| (name.as_str(), folder.join(name)))
    }

    /// Whether the calendars have the texts that were read.
    pub fn has_read_calendars(&self) -> bool {
        let read = &self.config.source.calendars;
        self.calendars().all(|(name, path)| {
            let now = read_file::calendar(&path, &mut Files::default());
            now.ok().map(|calendar| calendar.text).as_ref() == read.get(name)
        })
    }

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
mod tests;
