//! What an author got wrong: a code, a place, a message and a help line, collected and told all at once.
//! It refuses to stop at the first mistake: everything that reads author input pushes here and goes on.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// One mistake in a rule file, a configuration or a rule test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    pub at: Position,
    pub message: String,
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn error(code: Code, at: Position, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            at,
            message: message.into(),
            help: None,
        }
    }

    pub fn warning(code: Code, at: Position, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, at, message)
        }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// The kinds of mistakes. The kebab-case text is what people filter and script on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The file cannot be read, or is not UTF-8.
    Unreadable,
    /// The YAML itself is broken, or over a limit.
    Syntax,
    /// A template that YAML read as something else.
    UnquotedTemplate,
    UnknownKey,
    DuplicateKey,
    MissingKey,
    /// A value of the wrong kind: a list where text belongs, and the like.
    WrongType,
    /// A value of the right kind that is not allowed here.
    InvalidValue,
    DuplicateName,
    UnknownEventType,
    UnknownField,
    UnknownOperator,
    /// The operator cannot apply to this field's type.
    OperatorMismatch,
    /// The comparison can never hold.
    NeverHolds,
    BadRegex,
    BadPath,
    BadTemplate,
    /// A jq program that cannot run.
    BadProgram,
    /// A template reads a name that nothing defines.
    UndefinedName,
    /// A template writes out a field that not every event of the rule holds.
    MaybeAbsent,
    /// A template inside `shell:`.
    TemplateInShell,
    UnknownConnection,
    UnsetSecret,
    /// A request that would be refused when it is sent.
    RefusedTarget,
    /// A program that is not on the list of those that may run.
    RefusedProgram,
    /// Bounds for a command that this machine cannot put in force.
    Unconfinable,
    /// A secret that is taken and may not be what was meant.
    OddSecret,
    /// A secret itself where its place belongs: the line is not shown.
    SecretInFile,
    /// A rule that writes what it listens to.
    StartsItself,
    /// Flows that run each other in a circle.
    RunsItself,
    /// A flow that no rule runs.
    Unused,
    /// Part of the language that this version recognises and does not run.
    NotBuiltYet,
    /// A rules folder without a rule, a rule test without a rule.
    Empty,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_value(self).expect("a code is JSON");
        f.write_str(text.as_str().expect("a code is text"))
    }
}

/// A place in a file: where it starts and how far it reaches. Lines and columns count from 1,
/// columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    pub file: FileId,
    pub line: u32,
    pub column: u32,
    /// Byte offset in the file's text.
    pub start: u32,
    pub len: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileId(pub u32);

/// The texts that positions point into.
#[derive(Debug, Clone, Default)]
pub struct Files {
    files: Vec<File>,
}

#[derive(Debug, Clone)]
pub struct File {
    pub name: Arc<str>,
    pub text: Arc<str>,
}

impl Files {
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(File {
            name: name.into(),
            text: text.into(),
        });
        id
    }

    pub fn get(&self, id: FileId) -> Option<&File> {
        self.files.get(id.0 as usize)
    }

    pub fn ids(&self) -> impl Iterator<Item = FileId> {
        (0..).zip(&self.files).map(|(number, _)| FileId(number))
    }

    pub fn name(&self, id: FileId) -> &str {
        self.get(id).map_or("", |file| &file.name)
    }

    /// `file:line:column`, as editors and terminals open it.
    pub fn place(&self, at: Position) -> String {
        format!("{}:{}:{}", self.name(at.file), at.line, at.column)
    }
}

/// Collects diagnostics while author input is read.
pub trait Report {
    fn diagnostics(&mut self) -> &mut Diagnostics;

    /// Reports an error; an empty `help` is left out.
    fn error(&mut self, code: Code, at: Position, message: impl Into<String>, help: &str) {
        let diagnostic = Diagnostic::error(code, at, message);
        self.diagnostics().push(match help {
            "" => diagnostic,
            help => diagnostic.help(help),
        });
    }

    fn warning(
        &mut self,
        code: Code,
        at: Position,
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

/// Everything found wrong so far.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    /// How many of them are errors; every rule asks before and after it is lowered.
    errors: usize,
}

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        self.items.push(diagnostic);
    }

    pub fn extend(&mut self, other: Diagnostics) {
        self.errors += other.errors;
        self.items.extend(other.items);
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

    /// How many there are, errors and warnings.
    pub fn count(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// In the order of files and places, without repeats.
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut items = self.items.clone();
        items.sort_by_key(|item| (item.at, item.severity, item.code));
        items.dedup();
        items
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }
}
