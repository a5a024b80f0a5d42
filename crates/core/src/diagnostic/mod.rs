//! Diagnostics: problems in rules, configurations and rule tests, with code, span, message and help.
//! Everything that reads input of authors pushes to [`Diagnostics`] and continues, so that all problems
//! are reported at once.

mod files;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::lookalike;

pub use files::{File, FileId, Files, Span};

/// One problem in a rule file, a configuration or a rule test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    pub at: Span,
    pub message: String,
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(code: Code, at: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            at,
            message: message.into(),
            help: None,
        }
    }

    pub fn warning(code: Code, at: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, at, message)
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The word that the help proposes in place of a wrong one: X of "did you mean `X`?" or "write `X`".
    pub fn suggestion(&self) -> Option<&str> {
        let help = self.help.as_deref()?;
        let starts = ["did you mean `", "write `"];
        let rest = starts.iter().find_map(|start| {
            let index = help.find(start)?;
            Some(&help[index + start.len()..])
        })?;
        let (word, _) = rest.split_once('`')?;
        Some(word).filter(|word| !word.is_empty())
    }

    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// The kinds of problems. The kebab-case text is a stable name for filters and scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The file cannot be read, or is not UTF-8.
    Unreadable,
    /// The YAML is invalid, or exceeds a limit.
    Syntax,
    /// A template without quotes, which YAML reads as a mapping.
    UnquotedTemplate,
    UnknownKey,
    DuplicateKey,
    MissingKey,
    /// A value of the wrong type, such as a list instead of a text.
    WrongType,
    /// A value of the right type that is not allowed here.
    InvalidValue,
    DuplicateName,
    UnknownEventType,
    UnknownField,
    UnknownOperator,
    /// The operator does not apply to the type of the field.
    OperatorMismatch,
    /// The comparison can never be true, alone or together with others.
    NeverHolds,
    /// The comparison is always true, alone or beside others.
    AlwaysHolds,
    BadRegex,
    BadPath,
    BadTemplate,
    /// An invalid jq program.
    BadProgram,
    /// A template reads an undefined name.
    UndefinedName,
    /// A template writes a field that not every event of the rule has.
    MaybeAbsent,
    /// A template inside `shell:`.
    TemplateInShell,
    UnknownConnection,
    UnsetSecret,
    /// A request that the egress policy would deny.
    RefusedTarget,
    /// A program that is not on the allowlist.
    RefusedProgram,
    /// Limits for a command that this machine cannot enforce.
    Unconfinable,
    /// A source whose events are identified by their bodies alone.
    NoEventId,
    /// A source that does not answer the check of its address that its senders make.
    NoHandshake,
    /// Links of answers that people may not reach.
    NoPublicUrl,
    /// A secret that is accepted but probably not intended.
    WeakSecret,
    /// A secret in the arguments of a command, which other users of the machine can read.
    SecretInArguments,
    /// The value of a secret instead of its source. The line is not shown.
    SecretInFile,
    /// A rule whose action causes an event that the same rule matches.
    StartsItself,
    /// A rule whose condition no event fulfils.
    NeverMatches,
    /// A rule whose condition every event of its types fulfils.
    AlwaysMatches,
    /// A test without which a rule matches the same events.
    WithoutEffect,
    /// A rule that matches only events that another one matches, and does the same.
    Subsumed,
    /// Rules that write different values to one field for one event.
    ConflictingWrites,
    /// Rules whose actions cause events that the others match.
    StartEachOther,
    /// Flows that call each other in a cycle.
    RunsItself,
    /// A step that waits for an answer, whose link no earlier step sends.
    UnsentLink,
    /// A rule in shadow mode whose name is nearly that of a live rule.
    UnpairedShadow,
    /// A flow that no rule uses.
    UnusedFlow,
    /// An action of a bundle that no state calls.
    UnusedAction,
    /// A parameter that the called action does not use.
    UnusedParameter,
    /// A part of the language that this version recognises but does not support.
    NotBuiltYet,
    /// A rules folder or a rule test without a rule.
    NoRules,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_value(self).expect("a code is JSON");
        f.write_str(text.as_str().expect("a code is text"))
    }
}

/// Collects diagnostics while author input is read.
pub trait Report {
    fn diagnostics(&mut self) -> &mut Diagnostics;

    /// Reports an error; an empty `help` is left out.
    fn error(&mut self, code: Code, at: Span, message: impl Into<String>, help: &str) {
        let diagnostic = Diagnostic::error(code, at, message);
        self.diagnostics().push(match help {
            "" => diagnostic,
            help => diagnostic.help(help),
        });
    }

    /// Reports a value that is not valid where it is written.
    fn invalid(&mut self, at: Span, message: impl Into<String>, help: &str) {
        self.error(Code::InvalidValue, at, message, help);
    }

    /// Reports an error in place of a value: returns `None`.
    fn reject<T>(
        &mut self,
        code: Code,
        at: Span,
        message: impl Into<String>,
        help: &str,
    ) -> Option<T> {
        self.error(code, at, message, help);
        None
    }

    /// Reports an invalid value: returns `None`.
    fn reject_value<T>(&mut self, at: Span, message: impl Into<String>, help: &str) -> Option<T> {
        self.reject(Code::InvalidValue, at, message, help)
    }

    fn warning(
        &mut self,
        code: Code,
        at: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let diagnostic = Diagnostic::warning(code, at, message).help(help);
        self.diagnostics().push(diagnostic);
    }
}

impl Report for Diagnostics {
    fn diagnostics(&mut self) -> &mut Diagnostics {
        self
    }
}

/// The problems found so far.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    /// The number of errors. Counted here because lowering compares it before and after each rule.
    errors: usize,
    origin: RuleOrigin,
}

/// Collects diagnostics that were reported before, as they are.
impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Diagnostic>>(reported: T) -> Self {
        let items: Vec<Diagnostic> = reported.into_iter().collect();
        let errors = items.iter();
        let errors = errors.filter(|found| found.severity == Severity::Error);
        Self {
            errors: errors.count(),
            items,
            origin: RuleOrigin::default(),
        }
    }
}

/// Where the compiled text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuleOrigin {
    /// An author, who can correct it: everything that is probably a mistake is reported.
    #[default]
    Author,
    /// The store, which keeps it for a run: it was valid for the version that stored it. What a later version
    /// checks in addition must not stop the run.
    Store,
}

impl Diagnostics {
    /// Collects the diagnostics of rules that the store kept.
    pub fn of_stored_rules() -> Self {
        Self {
            origin: RuleOrigin::Store,
            ..Self::default()
        }
    }

    /// Returns an empty collection for the same rules.
    pub fn empty(&self) -> Self {
        Self {
            origin: self.origin,
            ..Self::default()
        }
    }

    /// Takes all diagnostics. What is reported after it is of the same rules.
    pub fn take(&mut self) -> Self {
        let rest = self.empty();
        std::mem::replace(self, rest)
    }

    /// Whether the text was stored, so that comparisons and names in it are not judged again.
    pub fn is_of_stored_rules(&self) -> bool {
        match self.origin {
            RuleOrigin::Author => false,
            RuleOrigin::Store => true,
        }
    }

    /// Adds a diagnostic. Its help names a letter of another alphabet that looks like a Latin one.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        if let Some(note) = lookalike::in_mixed_text(&diagnostic.message) {
            diagnostic.help = Some(match diagnostic.help {
                Some(help) if help.ends_with('?') => format!("{help} {note}"),
                Some(help) => format!("{help}; {note}"),
                None => note,
            });
        }
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        self.items.push(diagnostic);
    }

    pub fn extend(&mut self, other: Diagnostics) {
        self.errors += other.errors;
        self.items.extend(other.items);
    }

    /// Only those that point into a file.
    pub fn of_file(mut self, file: FileId) -> Self {
        self.items.retain(|found| found.at.file == file);
        let errors = self.items.iter();
        self.errors = errors
            .filter(|found| found.severity == Severity::Error)
            .count();
        self
    }

    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    pub fn errors(&self) -> usize {
        self.errors
    }

    pub fn warnings(&self) -> usize {
        self.items.len() - self.errors
    }

    /// The number of errors and warnings.
    pub fn count(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The diagnostics by file and span, without duplicates.
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut items = self.items.clone();
        items.sort_by_key(|item| (item.at, item.severity, item.code));
        items.dedup();
        items
    }

    /// The diagnostics as a list of objects, in order.
    pub fn to_json(&self, files: &Files) -> Value {
        let items = self.sorted().into_iter().map(|diagnostic| {
            json!({
                "code": diagnostic.code,
                "severity": diagnostic.severity,
                "file": files.name(diagnostic.at.file),
                "line": diagnostic.at.line,
                "column": diagnostic.at.column,
                "message": diagnostic.message,
                "help": diagnostic.help,
            })
        });
        items.collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }
}
