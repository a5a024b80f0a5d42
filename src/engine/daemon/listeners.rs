//! The listeners of a daemon and their tasks: they start together, and stop together after everything else.

use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::DRAIN_TIMEOUT;
use super::page::{PageRoutes, limits as limits_of_page};
use crate::engine::{Engine, EngineError, ReloadablePerformer};
use crate::source::{self, http};
use crate::store::Store;

/// What a daemon listens on.
pub struct Sockets {
    pub events: TcpListener,
    pub commands: UnixListener,
    pub page: Option<TcpListener>,
}

/// The listeners of a daemon: HTTP for events, the admin socket for commands and the page, and HTTP for the page.
pub struct Listeners {
    events: JoinHandle<std::io::Result<()>>,
    commands: JoinHandle<std::io::Result<()>>,
    page: JoinHandle<std::io::Result<()>>,
    close: watch::Sender<bool>,
}

impl Listeners {
    pub fn open<S: Store>(
        engine: &Engine<S, ReloadablePerformer>,
        sockets: Sockets,
        page: PageRoutes,
        limits: http::HttpLimits,
        close: watch::Sender<bool>,
    ) -> Self {
        let closed = || {
            let mut close = close.subscribe();
            async move { drop(close.wait_for(|closed| *closed).await) }
        };
        let engine = Arc::new(engine.clone());
        let page_limits = limits_of_page(&limits, &engine.rulebook().config.page);
        let events = http::serve(sockets.events, Arc::clone(&engine), limits, closed());
        let commands = source::admin::serve(sockets.commands, engine, page.socket, closed());
        let stop_page = closed();
        let served_page = async move {
            match sockets.page {
                Some(listener) => {
                    http::serve_router(listener, page.network, page_limits, stop_page).await
                }
                None => {
                    stop_page.await;
                    Ok(())
                }
            }
        };
        Self {
            events: tokio::spawn(events),
            commands: tokio::spawn(commands),
            page: tokio::spawn(served_page),
            close,
        }
    }

    /// Returns only if serving fails.
    pub async fn ended(&mut self) -> Result<(), EngineError> {
        let ended = tokio::select! {
            ended = &mut self.events => ended,
            ended = &mut self.commands => ended,
            ended = &mut self.page => ended,
        };
        ended.unwrap_or(Ok(())).map_err(EngineError::Serve)
    }

    /// Stops listening; pending responses may finish.
    pub async fn close(mut self) {
        self.close.send_replace(true);
        let all = async { tokio::join!(&mut self.events, &mut self.commands, &mut self.page) };
        if tokio::time::timeout(DRAIN_TIMEOUT, all).await.is_err() {
            self.events.abort();
            self.commands.abort();
            self.page.abort();
        }
    }
}
