//! What earlier runs would have a rule's gates say now, read from the data folder where there is one.
//! It charges nothing, and where it cannot read it leaves the gates unasked and logs why.

use jiff::Timestamp;
use tracing::warn;

use crate::cli::global::Global;
use crate::core::gate::{Ask, Opening};
use crate::core::loop_guard::{Link, LoopAsk, LoopFacts};
use crate::core::rule::jobspec::Rule;
use crate::store::sqlite::journal::{Journal, OpenError};

pub struct Charged {
    journal: Option<Journal>,
    now: Timestamp,
}

impl Charged {
    pub fn of(global: &Global) -> Self {
        let journal = match Journal::open(&global.database()) {
            Ok(journal) => Some(journal),
            Err(OpenError::Nothing(_)) => None,
            Err(error) => {
                warn!(%error, "gates are not consulted");
                None
            }
        };
        Self {
            journal,
            now: Timestamp::now(),
        }
    }

    /// The same of the loop guard, with the chain that leads to the event.
    pub fn consult_loops(&self, rule: &Rule, ask: &LoopAsk) -> Option<(LoopFacts, Vec<Link>)> {
        let facts = self.journal.as_ref()?.loop_facts(&rule.name, ask, self.now);
        facts
            .map_err(|error| warn!(rule = %rule.name, %error, "the loop guard is not consulted"))
            .ok()
    }

    /// None where nothing is known.
    pub fn consult(&self, rule: &Rule, ask: &Ask) -> Option<Opening> {
        let facts = self.journal.as_ref()?.facts(&rule.name, ask, self.now);
        match facts {
            Ok(facts) => Some(ask.decide(&facts)),
            Err(error) => {
                warn!(rule = %rule.name, %error, "a gate is not consulted");
                None
            }
        }
    }
}
