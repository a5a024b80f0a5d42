//! The result of a reload, as `POST /reload` answers it: what changed, or the mistakes with the texts that they are in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use flowtrigger_core::diagnostic::{Diagnostic, Diagnostics, FileId, Files, Span};

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadResult {
    /// Why the previous rules stay in use; `None` if the new ones are in force.
    pub failure: Option<ReloadFailure>,
    /// The rules in force.
    pub rules: usize,
    /// The revision in force, if the store has it.
    pub revision: Option<u64>,
    /// Nothing after a failure.
    pub changes: RuleChanges,
    /// What was found in rules and configuration: errors after a failure, and warnings.
    pub found: FoundMistakes,
}

/// Why a reload failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadFailure {
    pub reason: String,
    /// Whether people correct it in rules, configuration or secrets, and not in the store or the machine.
    pub is_of_rules: bool,
}

/// What a reload changed. Names are in alphabetical order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChanges {
    pub added: Vec<String>,
    /// Rules with another text, or with another text of a flow that they run.
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    /// Whether the configuration is another one.
    pub configuration: bool,
    /// The keys of the configuration that were changed and take effect at the next start only.
    #[serde(default)]
    pub at_next_start: Vec<String>,
}

/// Diagnostics with the texts that they point to, for another process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundMistakes {
    files: Vec<MistakenFile>,
    diagnostics: Vec<Diagnostic>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MistakenFile {
    name: Arc<str>,
    text: Arc<str>,
}

impl RuleChanges {
    /// The number of rules that were added, changed or removed.
    pub fn rules(&self) -> usize {
        self.added.len() + self.changed.len() + self.removed.len()
    }
}

impl FoundMistakes {
    /// Keeps only the files that a diagnostic points to.
    pub fn new(files: &Files, diagnostics: &Diagnostics) -> Self {
        let mut found = Self::default();
        let mut ids: BTreeMap<FileId, FileId> = BTreeMap::new();
        for diagnostic in diagnostics.sorted() {
            let file = diagnostic.at.file;
            let kept = files.get(file).map_or(file, |text| {
                *ids.entry(file).or_insert_with(|| {
                    found.files.push(MistakenFile {
                        name: Arc::clone(&text.name),
                        text: Arc::clone(&text.text),
                    });
                    FileId(u32::try_from(found.files.len() - 1).unwrap_or(u32::MAX))
                })
            });
            found.diagnostics.push(Diagnostic {
                at: Span {
                    file: kept,
                    ..diagnostic.at
                },
                ..diagnostic
            });
        }
        found
    }

    /// The diagnostics with their texts, as the reload found them.
    pub fn open(self) -> (Files, Diagnostics) {
        let mut files = Files::default();
        for file in self.files {
            files.add(file.name, file.text);
        }
        (files, self.diagnostics.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use flowtrigger_core::diagnostic::{Code, Report};

    #[test]
    fn diagnostics_are_the_same_in_another_process() {
        let mut files = Files::default();
        files.add("rules/a.yaml", "name: a\n");
        let file = files.add("rules/b.yaml", "nаme: b\n");
        let mut diagnostics = Diagnostics::default();
        let at = |file, column| Span {
            file,
            line: 1,
            column,
            start: 0,
            len: 4,
        };
        // The second letter of the key is not Latin, which the help says once.
        diagnostics.error(Code::UnknownKey, at(file, 1), "unknown key `nаme`", "");
        diagnostics.warning(Code::UnusedFlow, at(file, 2), "unused flow `x`", "use it");
        let variable = at(FileId::ENVIRONMENT, 0);
        diagnostics.error(
            Code::InvalidValue,
            variable,
            "invalid `FLOWTRIGGER_MODE`",
            "",
        );
        let found = FoundMistakes::new(&files, &diagnostics);
        assert_eq!(
            found.files.len(),
            1,
            "the file without a mistake is left out"
        );
        let sent = json!(found).to_string();
        let received: FoundMistakes = serde_json::from_str(&sent).unwrap();
        let (opened, reported) = received.open();
        assert_eq!(reported.to_json(&opened), diagnostics.to_json(&files));
        assert_eq!((reported.errors(), reported.warnings()), (2, 1));
    }
}
