//! The compiled rules with which lists explain their events: those in force, and the last few earlier revisions. A large
//! earlier revision is not compiled for a list.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Rulebook;
use crate::store::history::{HistoryError, PastRevision};
use crate::store::{History, RevisionId};
use flowtrigger_core::matching::rule_set::RuleSet;

/// Earlier revisions that are kept.
const MAX_KEPT: usize = 4;
/// The largest texts of an earlier revision that are compiled.
const MAX_TEXT: usize = 256 << 10;

/// Earlier revisions that were compiled, the last used one last.
#[derive(Clone, Default)]
pub struct CompiledRevisions(Arc<Mutex<Vec<KeptRevision>>>);

#[derive(Clone)]
struct KeptRevision {
    id: RevisionId,
    /// `None` if it is not stored, or too large.
    past: Option<Arc<PastRevision>>,
}

/// The rules of the events of one list.
pub struct ListedRules {
    in_force: Option<RevisionId>,
    rulebook: Arc<Rulebook>,
    earlier: CompiledRevisions,
}

/// The rules of one revision.
pub enum CompiledRules {
    InForce(Arc<Rulebook>),
    Earlier(Arc<PastRevision>),
}

impl CompiledRules {
    pub fn set(&self) -> &RuleSet {
        match self {
            CompiledRules::InForce(rulebook) => &rulebook.rules,
            CompiledRules::Earlier(past) => &past.rules,
        }
    }
}

impl CompiledRevisions {
    pub fn with(
        &self,
        rulebook: Arc<Rulebook>,
        history: &dyn History,
    ) -> Result<ListedRules, HistoryError> {
        let in_force = history.latest_revision()?;
        Ok(ListedRules {
            in_force: in_force.map(|revision| revision.id),
            rulebook,
            earlier: self.clone(),
        })
    }

    fn kept(&self, id: RevisionId) -> Option<KeptRevision> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|kept| kept.id == id)?;
        let found = kept.remove(place);
        kept.push(found.clone());
        Some(found)
    }

    fn keep(&self, revision: KeptRevision) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.id != revision.id);
        kept.push(revision);
        if kept.len() > MAX_KEPT {
            kept.remove(0);
        }
    }
}

impl ListedRules {
    /// The rules of a revision; `None` if they are not stored, or too large for a list.
    pub fn of(
        &self,
        id: RevisionId,
        history: &dyn History,
    ) -> Result<Option<CompiledRules>, HistoryError> {
        if self.in_force == Some(id) {
            return Ok(Some(CompiledRules::InForce(Arc::clone(&self.rulebook))));
        }
        if let Some(kept) = self.earlier.kept(id) {
            return Ok(kept.past.map(CompiledRules::Earlier));
        }
        let texts = history.revision_texts(id)?;
        let texts = texts.filter(|texts| {
            let sizes = texts.files.iter().map(|(_, text)| text.len());
            sizes.sum::<usize>() <= MAX_TEXT
        });
        let past = texts.map(|texts| Arc::new(PastRevision::compile_all(texts)));
        self.earlier.keep(KeptRevision {
            id,
            past: past.clone(),
        });
        Ok(past.map(CompiledRules::Earlier))
    }
}
