//! The listeners of a daemon and their tasks: they start together, and stop together after everything else.

use std::sync::Arc;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::DRAIN_TIMEOUT;
use super::page::{PageRoutes, limits as limits_of_page};
use crate::engine::{Engine, EngineError, ReloadablePerformer};
use crate::source::http::{BoundListener, MetricsAccess};
use crate::source::{self, http};
use crate::store::Store;
use flowtrigger_core::config::Config;

/// What a daemon listens on.
pub struct Sockets {
    pub events: BoundListener,
    pub commands: UnixListener,
    pub page: Option<BoundListener>,
    /// For metrics alone.
    pub metrics: Option<TcpListener>,
}

/// The listeners of a daemon: HTTP for events, the admin socket for commands and the page, and HTTP for the page.
pub struct Listeners {
    events: JoinHandle<std::io::Result<()>>,
    commands: JoinHandle<std::io::Result<()>>,
    page: JoinHandle<std::io::Result<()>>,
    metrics: JoinHandle<std::io::Result<()>>,
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
        let rulebook = engine.rulebook();
        let listen = &rulebook.config.listen;
        let access = MetricsAccess {
            allow: listen
                .metrics
                .iter()
                .flat_map(|own| own.allow.clone())
                .collect(),
            hosts: listen.hosts.clone(),
        };
        let (stop_metrics, metrics_limits) = (closed(), limits.clone());
        let metrics_engine = Arc::clone(&engine);
        let served_metrics = async move {
            match sockets.metrics {
                Some(listener) => {
                    let (engine, limits) = (metrics_engine, metrics_limits);
                    http::serve_metrics(listener, engine, access, limits, stop_metrics).await
                }
                None => {
                    stop_metrics.await;
                    Ok(())
                }
            }
        };
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
            metrics: tokio::spawn(served_metrics),
            close,
        }
    }

    /// Returns only if serving fails.
    pub async fn ended(&mut self) -> Result<(), EngineError> {
        let ended = tokio::select! {
            ended = &mut self.events => ended,
            ended = &mut self.commands => ended,
            ended = &mut self.page => ended,
            ended = &mut self.metrics => ended,
        };
        ended.unwrap_or(Ok(())).map_err(EngineError::Serve)
    }

    /// Stops listening; pending responses may finish.
    pub async fn close(mut self) {
        self.close.send_replace(true);
        let all = async {
            tokio::join!(
                &mut self.events,
                &mut self.commands,
                &mut self.page,
                &mut self.metrics
            )
        };
        if tokio::time::timeout(DRAIN_TIMEOUT, all).await.is_err() {
            self.events.abort();
            self.commands.abort();
            self.page.abort();
            self.metrics.abort();
        }
    }
}

/// Listens on the address for metrics, if one is configured.
pub(super) async fn listen_metrics(config: &Config) -> Result<Option<TcpListener>, EngineError> {
    match &config.listen.metrics {
        Some(metrics) => Ok(Some(http::listen_metrics(&metrics.address).await?)),
        None => Ok(None),
    }
}
