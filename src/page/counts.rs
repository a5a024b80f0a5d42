//! The numbers in the side bar of every page, read at most every two seconds for all users together.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::PageState;
use super::reader::HistoryReadError;
use super::session::PageUser;
use super::shell::Frame;
use crate::source::admin::AdminApi;
use crate::store::DeliveryKind;
use crate::store::history::DeliveryFilter;

/// How long the numbers are shown without asking again.
const MAX_AGE: Duration = Duration::from_secs(2);
/// The states of runs that wait for a person.
const PROBLEMS: [&str; 2] = ["dead", "held"];
/// The rejected requests of this time are counted.
const RECENT: SignedDuration = SignedDuration::from_hours(1);

const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// The numbers that were read last.
#[derive(Default)]
pub struct SideBarCounts {
    last: Mutex<Option<ReadCounts>>,
}

#[derive(Clone)]
struct ReadCounts {
    at: Instant,
    not_ready: Option<String>,
    host: Option<String>,
    revision: Option<u64>,
    problems: u64,
    rejected: u64,
}

impl<A: AdminApi> PageState<A> {
    /// The frame of a page for a user.
    pub async fn frame(&self, user: PageUser) -> Frame {
        let counts = self.counts().await;
        Frame {
            user,
            not_ready: counts.not_ready,
            rules: (self.rulebook)().rules.rules.len(),
            host: counts.host,
            revision: counts.revision,
            problems: counts.problems,
            rejected: counts.rejected,
        }
    }

    /// Pages that are asked for at the same time wait for one answer.
    async fn counts(&self) -> ReadCounts {
        let mut last = self.counts.last.lock().await;
        if let Some(counts) = last.as_ref().filter(|counts| counts.at.elapsed() < MAX_AGE) {
            return counts.clone();
        }
        let counts = self.read_counts().await;
        *last = Some(counts.clone());
        counts
    }

    /// A number that cannot be read is no reason to show no page.
    async fn read_counts(&self) -> ReadCounts {
        let since = Timestamp::now().checked_sub(RECENT).ok();
        let rejected = self.history.read(move |history| {
            let totals = history.delivery_totals(&DeliveryFilter {
                kind: Some(DeliveryKind::Rejected),
                since,
                ..DeliveryFilter::default()
            })?;
            Ok::<_, HistoryReadError>(totals.rejected.all())
        });
        let rejected = rejected.await.unwrap_or_default();
        let (not_ready, revision, problems) = match self.admin.status().await {
            Ok(status) => {
                let problems = PROBLEMS
                    .iter()
                    .filter_map(|state| status.runs.get(state))
                    .sum();
                let reason = status.reason.unwrap_or_else(|| "it is stopping".to_owned());
                let revision = Some(status.revision);
                ((!status.ready).then_some(reason), revision, problems)
            }
            Err(_) => (Some("the daemon does not answer".to_owned()), None, 0),
        };
        ReadCounts {
            at: Instant::now(),
            not_ready,
            host: host(),
            revision,
            problems,
            rejected,
        }
    }
}

/// The name of this machine, where the system tells it in a file.
fn host() -> Option<String> {
    let name = std::fs::read_to_string(HOST_NAME).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
