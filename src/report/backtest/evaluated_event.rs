//! A stored event with the rules of each set that match it, before its gates have decided.

use jiff::Timestamp;

use crate::report::backtest::archive_reader::StoredEventText;
use crate::report::backtest::commit_order::CommittedEvent;
use crate::report::backtest::rule_side::{RuleSide, SideMatches};
use crate::store::RevisionId;
use crate::store::history::{ArchivedEvent, OriginalRun};
use flowtrigger_core::matching::find::MatchScratch;
use flowtrigger_core::run::RunId;

/// A stored event after its evaluation.
#[derive(Debug)]
pub struct ArchivedEvaluation {
    pub head: ArchivedEvent,
    /// The runs that its arrival caused.
    pub runs: Vec<OriginalRun>,
    pub content: EvaluatedContent,
}

/// What could be evaluated of a stored event.
#[derive(Debug)]
pub enum EvaluatedContent {
    /// What the rules of each set match, with the revision that evaluated the event then.
    Read(RevisionId, Vec<SideMatches>),
    /// This version of the program cannot read it.
    Unreadable,
    /// Retention deleted it.
    Deleted,
}

impl ArchivedEvaluation {
    pub fn new(
        stored: StoredEventText,
        sides: &[RuleSide<'_>],
        scratch: &mut MatchScratch,
    ) -> Self {
        let StoredEventText { head, text, runs } = stored;
        let content = match text {
            None => EvaluatedContent::Deleted,
            Some(text) => {
                let matches = sides
                    .iter()
                    .map(|side| side.evaluate((&head, &text), scratch));
                match matches.collect() {
                    Some(matches) => EvaluatedContent::Read(text.revision, matches),
                    None => EvaluatedContent::Unreadable,
                }
            }
        };
        Self {
            head,
            runs,
            content,
        }
    }

    /// When it was committed, by the clock of its gates.
    pub fn committed(&self) -> Timestamp {
        let planned = self.runs.iter().map(|run| run.planned).min();
        planned.unwrap_or(self.head.position.received)
    }
}

impl CommittedEvent for ArchivedEvaluation {
    fn received(&self) -> Timestamp {
        self.head.position.received
    }

    fn first_run(&self) -> Option<RunId> {
        self.runs.iter().map(|run| run.id).min()
    }
}
