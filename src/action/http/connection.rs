//! Measures how long a request waits for its connection, and which address it reached. The connector of the client
//! runs within the request, which is found by a task-local value.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use tower_layer::Layer;
use tower_service::Service;

use crate::action::exchange::{ConnectionRecord, OpenedConnection};
use flowtrigger_core::run::exchange::ConnectionUse;

tokio::task_local! {
    static RECORD: Arc<ConnectionRecord>;
}

/// Executes a request whose connection is measured in this record.
pub(super) async fn measured<F: Future>(record: Arc<ConnectionRecord>, request: F) -> F::Output {
    record.request_starts();
    RECORD.scope(record, request).await
}

/// Adds the measurement to the connector of a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct MeasureConnections;

#[derive(Debug, Clone)]
pub(super) struct MeasuredConnector<S>(S);

impl<S> Layer<S> for MeasureConnections {
    type Service = MeasuredConnector<S>;

    fn layer(&self, connector: S) -> MeasuredConnector<S> {
        MeasuredConnector(connector)
    }
}

impl<S, D> Service<D> for MeasuredConnector<S>
where
    S: Service<D>,
    S::Response: Connection,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, destination: D) -> Self::Future {
        let record = RECORD.try_with(Arc::clone).ok();
        if let Some(record) = &record {
            record.opening();
        }
        let (began, connecting) = (Instant::now(), self.0.call(destination));
        Box::pin(async move {
            let connection = connecting.await?;
            if let Some(record) = record {
                let mut extensions = hyper::http::Extensions::new();
                connection.connected().get_extras(&mut extensions);
                let address = extensions.get::<HttpInfo>().map(HttpInfo::remote_addr);
                record.set(OpenedConnection {
                    used: ConnectionUse::Opened,
                    took: Some(began.elapsed()),
                    address,
                });
            }
            Ok(connection)
        })
    }
}
