//! Reads stored events in the order of their receipt, with their texts and runs, page by page.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::store::History;
use crate::store::history::{
    ArchiveFilter, ArchivePosition, ArchivedEvent, ArchivedText, EventRowId, HistoryError,
    OriginalRun,
};

/// Events of a page: few enough that several pages are in memory at the same time.
const PAGE: usize = 500;

/// A stored event with everything that a backtest reads of it.
#[derive(Debug)]
pub struct StoredEventText {
    pub head: ArchivedEvent,
    /// `None` if retention deleted the event while the page was read.
    pub text: Option<ArchivedText>,
    /// The runs that its arrival caused.
    pub runs: Vec<OriginalRun>,
}

/// The stored events of a time, from one page to the next.
pub struct ArchivePages<'h> {
    history: &'h dyn History,
    filter: ArchiveFilter,
    after: Option<ArchivePosition>,
    is_at_end: bool,
}

impl<'h> ArchivePages<'h> {
    pub fn new(history: &'h dyn History, since: Timestamp, until: Timestamp) -> Self {
        Self {
            history,
            filter: ArchiveFilter {
                since: Some(since),
                until: Some(until),
                ..ArchiveFilter::default()
            },
            after: None,
            is_at_end: false,
        }
    }

    /// The next page; `None` behind the last one.
    pub fn read_next(&mut self) -> Result<Option<Vec<StoredEventText>>, HistoryError> {
        if self.is_at_end {
            return Ok(None);
        }
        let heads = self.history.archive(&self.filter, self.after, PAGE)?;
        self.is_at_end = heads.len() < PAGE;
        let Some(last) = heads.last() else {
            return Ok(None);
        };
        self.after = Some(last.position);
        let texts = self.history.archived_texts(&heads)?.into_iter();
        let mut texts: HashMap<EventRowId, ArchivedText> =
            texts.map(|text| (text.row, text)).collect();
        let mut runs: HashMap<EventRowId, Vec<OriginalRun>> = HashMap::new();
        for run in self.history.original_runs(&heads)? {
            runs.entry(run.event).or_default().push(run);
        }
        let page = heads.into_iter().map(|head| StoredEventText {
            text: texts.remove(&head.position.row),
            runs: runs.remove(&head.position.row).unwrap_or_default(),
            head,
        });
        Ok(Some(page.collect()))
    }
}
