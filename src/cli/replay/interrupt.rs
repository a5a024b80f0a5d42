//! Notices a signal to stop: before a replay has started anything, the program says so and ends; later the replay ends
//! between two events, and a second signal ends the program at once.

use std::io::{self, IsTerminal, Write};
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::cli::exit::Exit;
use crate::engine::EngineError;
use crate::engine::interrupted;
use crate::report::error::CommandError;
use crate::report::output::Color;
use crate::report::render::message;
use crate::store::ReplayId;
use tokio::runtime::Runtime;

/// How long a signal may go unnoticed.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Whether a signal to stop has arrived.
#[derive(Debug, Clone, Default)]
pub struct InterruptFlag {
    is_set: Arc<AtomicBool>,
    is_executing: Arc<AtomicBool>,
}

/// What a signal is answered with before the replay is executed.
#[derive(Debug, Clone, Copy)]
pub struct NothingStarted {
    /// The replay that was to be continued; `None` for a new one.
    pub continued: Option<ReplayId>,
    pub color: Color,
}

type Signalled = Pin<Box<dyn Future<Output = Result<(), EngineError>> + Send>>;

impl InterruptFlag {
    /// Listens for signals from now on, until the program ends.
    pub fn listen(before: NothingStarted) -> Result<Self, CommandError> {
        let failed =
            |error| CommandError::runtime(format!("failed to listen for signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let mut first: Signalled = Box::pin(interrupted());
        let flag = Self::default();
        // Polled once, so that it listens when this returns.
        let early = runtime.block_on(async {
            tokio::select! {
                biased;
                early = &mut first => Some(early),
                () = std::future::ready(()) => None,
            }
        });
        match early {
            None => flag.watch(runtime, first, before),
            Some(Ok(())) => before.end(),
            Some(Err(error)) => return Err(error.into()),
        }
        Ok(flag)
    }

    /// Waits for two signals on a thread of its own.
    fn watch(&self, runtime: Runtime, first: Signalled, before: NothingStarted) {
        let flag = self.clone();
        std::thread::spawn(move || {
            runtime.block_on(async {
                if first.await.is_err() {
                    return;
                }
                if !flag.is_executing.load(Ordering::Relaxed) {
                    before.end();
                }
                flag.is_set.store(true, Ordering::Relaxed);
                if interrupted().await.is_ok() {
                    process::exit(Exit::Runtime as i32);
                }
            });
        });
    }

    /// From now on a signal stops between two events.
    pub fn executing(self) -> Self {
        self.is_executing.store(true, Ordering::Relaxed);
        self
    }

    pub fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Relaxed)
    }

    /// Sleeps until a time, or until a signal arrives.
    pub fn sleep_until(&self, until: Instant) {
        while !self.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(CHECK_INTERVAL));
        }
    }
}

impl NothingStarted {
    /// Says that nothing was started, and ends the program.
    fn end(self) -> ! {
        let mut stderr = io::stderr();
        if stderr.is_terminal() {
            // The question, or the progress line, is on this one.
            let _ = writeln!(stderr);
        }
        let (text, help) = match self.continued {
            None => ("interrupted: nothing was started", None),
            Some(id) => (
                "interrupted: nothing more was started",
                Some(format!(
                    "`flowtrigger replay --resume {id}` continues the replay"
                )),
            ),
        };
        let _ = message::error_to_stderr(self.color, text, help.as_deref());
        process::exit(Exit::Runtime as i32);
    }
}
