//! What a gate would be told now: runs of its rule that count for it, and what an event may follow from.
//! It decides nothing, and what it says may be another thing a moment later.

use jiff::Timestamp;

use super::{Journal, ReadError};
use crate::core::gate::{Ask, Facts, Gathering};
use crate::core::loop_guard::{LINKS, Link, LoopAsk, LoopFacts};
use crate::core::run::RunId;
use crate::store::sqlite::{chain, facts, loop_facts, window};

impl Journal {
    /// The facts that the store would decide on, by the rule's name.
    pub fn facts(&self, rule: &str, ask: &Ask, now: Timestamp) -> Result<Facts, ReadError> {
        self.facts_beside(rule, ask, None, now)
    }

    /// The same, with one run left out: the one whose place an event would take.
    pub fn facts_beside(
        &self,
        rule: &str,
        ask: &Ask,
        but: Option<RunId>,
        now: Timestamp,
    ) -> Result<Facts, ReadError> {
        match self.queue(rule)? {
            Some(queue) => Ok(facts(&self.connection, queue, ask, but, now)?),
            None => Ok(Facts::default()),
        }
    }

    /// The window of a rule that is open for a value, unless its time has come.
    pub fn gathering(
        &self,
        rule: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<Option<Gathering>, ReadError> {
        let open = match self.queue(rule)? {
            Some(queue) => window(&self.connection, queue, value)?,
            None => None,
        };
        let open = open.map(|window| window.gathering);
        Ok(open.filter(|gathering| gathering.until > now))
    }

    /// The same for the loop guard, with the chain that leads to the event.
    pub fn loop_facts(
        &self,
        rule: &str,
        ask: &LoopAsk,
        now: Timestamp,
    ) -> Result<(LoopFacts, Vec<Link>), ReadError> {
        let facts = loop_facts(&self.connection, self.queue(rule)?, ask, now)?;
        let chain = match facts.cause {
            Some((cause, _)) => chain(&self.connection, cause, LINKS)?,
            None => Vec::new(),
        };
        Ok((facts, chain))
    }

    fn queue(&self, rule: &str) -> Result<Option<i64>, ReadError> {
        let sql = "SELECT id FROM queues WHERE rule = ?1";
        self.first(sql, [rule], |row| row.get(0))
    }
}
