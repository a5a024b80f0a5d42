//! The compiled rules with which lists explain their events: those in force, and the last few earlier revisions. A large
//! earlier revision is not compiled for a list.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::Rulebook;
use crate::report::why::evaluated::RevisionCache;
use crate::store::history::{HistoryError, PastRevision};
use crate::store::{History, RevisionId};
use flowtrigger_core::matching::rule_set::RuleSet;

/// Earlier revisions that are kept.
const MAX_KEPT: usize = 4;
/// Compiled revisions that pages of events keep, one for each type of events.
const MAX_EXPLAINED: usize = 8;
/// The largest texts of an earlier revision that are compiled.
const MAX_TEXT: usize = 256 << 10;

/// Compiled revisions that are kept between requests.
#[derive(Clone, Default)]
pub struct CompiledRevisions {
    /// Those of lists, the last used one last.
    earlier: Arc<Mutex<Vec<KeptRevision>>>,
    /// Those of pages of events. A page takes the cache, so that no page waits for another one.
    explained: Arc<Mutex<RevisionCache>>,
}

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

    /// Explains with the kept revisions, and keeps those that it compiles.
    pub fn explain<T>(&self, explain: impl FnOnce(&mut RevisionCache) -> T) -> T {
        let lock = || {
            self.explained
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let mut cache = std::mem::take(&mut *lock());
        if cache.size() > MAX_EXPLAINED {
            cache = RevisionCache::default();
        }
        let explained = explain(&mut cache);
        *lock() = cache;
        explained
    }

    fn kept(&self, id: RevisionId) -> Option<KeptRevision> {
        let mut kept = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|kept| kept.id == id)?;
        let found = kept.remove(place);
        kept.push(found.clone());
        Some(found)
    }

    fn keep(&self, revision: KeptRevision) {
        let mut kept = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
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
