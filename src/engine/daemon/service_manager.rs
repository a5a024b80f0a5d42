//! Reports the state of the daemon to the service manager: ready, reloading, stopping, and that it is alive.
//! Without `NOTIFY_SOCKET` in the environment, nothing is reported. The messages are those of `sd_notify(3)`.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tracing::{error, warn};

use crate::store::Store;

/// Reports that the daemon listens and accepts events.
pub(super) fn ready(rules: usize, address: std::net::SocketAddr) {
    let status = format!("accepting events at {address}, {rules} rules");
    report(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Reports that a reload has begun; [`reloaded`] must follow.
pub(super) fn reloading() {
    // Since version 253 systemd ignores a reload without the time.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => report(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "the service manager was not notified of the reload"),
    }
}

/// Reports the end of a reload: with the new number of rules, or `None` if the previous ones stay in use.
pub(super) fn reloaded(rules: Option<usize>) {
    let status = match rules {
        Some(rules) => format!("accepting events, {rules} rules"),
        None => {
            "accepting events; the last reload failed, and the previous rules stay in use".into()
        }
    };
    report(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// Reports that the daemon ends.
pub(super) fn stopping() {
    let status = "waiting for work in flight";
    report(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

fn report(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the service manager was not notified; it may stop the daemon");
    }
}

/// Sends the keep-alive messages that the service manager asks for. Ends when it is dropped.
pub(super) struct Watchdog(Option<JoinHandle<()>>);

impl Watchdog {
    /// Starts the messages if the service manager asks for them. Each one needs an answer of the store's writer thread.
    pub fn start<S: Store + Clone>(store: &S) -> Self {
        let period = sd_notify::watchdog_enabled().filter(|period| !period.is_zero());
        let task = period.map(|period| {
            let store = store.clone();
            tokio::spawn(async move {
                let ping = || report(&[NotifyState::Watchdog]);
                keep_alive(period, || store.probe(), ping).await;
            })
        });
        Self(task)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Pings several times in each period, but only after the store has answered. Never ends.
async fn keep_alive<F: Future<Output = ()>>(
    period: Duration,
    probe: impl Fn() -> F,
    ping: impl Fn(),
) {
    loop {
        let mut answer = std::pin::pin!(probe());
        if tokio::time::timeout(period / 2, &mut answer).await.is_err() {
            error!(
                seconds = (period / 2).as_secs(),
                "the writer of the store does not answer: check the disk; the service manager restarts the daemon if this lasts"
            );
            answer.await;
        }
        ping();
        tokio::time::sleep(period / 4).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PERIOD: Duration = Duration::from_millis(40);

    #[tokio::test]
    async fn a_store_that_answers_keeps_the_daemon_alive() {
        let (sender, mut pings) = tokio::sync::mpsc::unbounded_channel();
        let ping = move || sender.send(()).unwrap_or_default();
        let keeping = tokio::spawn(keep_alive(PERIOD, || ready(()), ping));
        for _ in 0..3 {
            pings.recv().await.expect("a ping");
        }
        keeping.abort();
    }

    #[tokio::test]
    async fn a_store_that_hangs_gets_no_ping() {
        let pings = AtomicUsize::new(0);
        let ping = || {
            pings.fetch_add(1, Ordering::Relaxed);
        };
        let keeping = keep_alive(PERIOD, pending, ping);
        assert!(tokio::time::timeout(PERIOD * 3, keeping).await.is_err());
        assert_eq!(pings.into_inner(), 0);
    }
}
