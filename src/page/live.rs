//! Live updates: streams of server-sent events that say how many rows of a list are new. At most 100 streams are open;
//! each ends after a while, so that the browser asks again with its session, and all end when the daemon stops.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep};

use super::reader::{HistoryReadError, HistoryReader};
use crate::store::History;
use crate::store::history::HistoryError;

/// Streams that are open at the same time.
pub const MAX_STREAMS: usize = 100;
/// The time between two questions of a stream to the store.
const INTERVAL: Duration = Duration::from_secs(2);
/// The longest silence, which is shorter than the time-outs of proxies.
const MAX_SILENCE: Duration = Duration::from_secs(15);
/// How long a stream lasts. The browser opens the next one, if its session has not ended.
const LIFETIME: Duration = Duration::from_secs(600);

/// The open streams.
pub struct LiveStreams {
    permits: Arc<Semaphore>,
    /// Becomes `true` when the daemon stops.
    closing: watch::Receiver<bool>,
}

/// The rows of a list that are newer than a known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRows {
    /// The number of the newest row.
    pub newest: u64,
    pub count: u64,
}

/// Finds the rows of a list that are newer than this one; without one, only the newest.
pub type FindNewRows =
    dyn Fn(&dyn History, Option<u64>) -> Result<NewRows, HistoryError> + Send + Sync;

/// One stream between two events.
struct LiveStream {
    history: HistoryReader,
    find: Arc<FindNewRows>,
    newest: Option<u64>,
    ends: Instant,
    /// When the last event was sent. The first one follows without delay, so that the browser knows that it is connected.
    spoke: Option<Instant>,
    closing: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl LiveStreams {
    pub fn new(closing: watch::Receiver<bool>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(MAX_STREAMS)),
            closing,
        }
    }

    /// A stream of the numbers of new rows. A browser that connects again says what it knows.
    pub fn open(
        &self,
        history: HistoryReader,
        headers: &HeaderMap,
        find: Arc<FindNewRows>,
    ) -> Response {
        self.open_after(history, headers, None, find)
    }

    /// The same, from a row that the page knows.
    pub fn open_after(
        &self,
        history: HistoryReader,
        headers: &HeaderMap,
        after: Option<u64>,
        find: Arc<FindNewRows>,
    ) -> Response {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let full = "too many live pages are open; this one is not updated\n";
            return (StatusCode::SERVICE_UNAVAILABLE, full).into_response();
        };
        let known = headers.get("last-event-id");
        let stream = LiveStream {
            history,
            find,
            newest: known
                .and_then(|id| id.to_str().ok()?.parse().ok())
                .or(after),
            ends: Instant::now() + LIFETIME,
            spoke: None,
            closing: self.closing.clone(),
            _permit: permit,
        };
        let events = stream::unfold(stream, |mut stream| async move {
            let event = stream.next().await?;
            Some((Ok::<_, Infallible>(event), stream))
        });
        Sse::new(events).into_response()
    }
}

impl LiveStream {
    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if *self.closing.borrow() || Instant::now() >= self.ends {
                return None;
            }
            // Also after an event: many new rows are no reason to ask more often.
            if self.spoke.is_some() {
                let mut closing = self.closing.clone();
                tokio::select! {
                    () = sleep(INTERVAL) => {}
                    _ = closing.wait_for(|closing| *closing) => return None,
                }
            }
            if let Ok(event) = self.look().await {
                self.spoke = Some(Instant::now());
                return Some(event);
            }
        }
    }

    /// An event with the number of new rows, or a sign of life after a long silence.
    async fn look(&mut self) -> Result<Event, Silence> {
        let (find, newest) = (Arc::clone(&self.find), self.newest);
        let found = self
            .history
            .read(move |history| find(history, newest).map_err(HistoryReadError::from));
        // A question that fails is asked again.
        if let Ok(found) = found.await {
            let is_first = self.newest.is_none();
            self.newest = Some(found.newest);
            if found.count > 0 && !is_first {
                let event = Event::default().id(found.newest.to_string());
                return Ok(event.data(found.count.to_string()));
            }
        }
        match self
            .spoke
            .is_none_or(|spoke| spoke.elapsed() >= MAX_SILENCE)
        {
            true => Ok(Event::default().comment("live")),
            false => Err(Silence),
        }
    }
}

/// There is nothing to say.
struct Silence;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::store::{SqliteHistory, SqliteStore, StoreSettings};

    #[tokio::test]
    async fn a_list_that_grows_all_the_time_is_looked_at_once_in_an_interval() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flowtrigger.db");
        let _store = SqliteStore::open(&path, StoreSettings::default()).unwrap();
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        let find = move |_: &dyn History, _: Option<u64>| {
            let newest = count.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(NewRows { newest, count: 1 })
        };
        let (_closing, closing) = watch::channel(false);
        let mut stream = LiveStream {
            history: HistoryReader::new(move || Ok(Box::new(SqliteHistory::open(&path)?))),
            find: Arc::new(find),
            newest: Some(0),
            ends: Instant::now() + LIFETIME,
            spoke: None,
            closing,
            _permit: Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap(),
        };
        let read = tokio::time::timeout(INTERVAL * 3 / 2, async {
            while stream.next().await.is_some() {}
        });
        assert!(read.await.is_err(), "the stream goes on");
        let asked = asked.load(Ordering::Relaxed);
        assert!((1..=2).contains(&asked), "asked {asked} times in 3 seconds");
    }
}
