//! The HTTP clients: one for all requests, and one for each connection with TLS files of its own. All ask the same
//! egress guard.

use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

use super::connection::MeasureConnections;
use super::connection_tls::{
    ConnectionClient, ConnectionClients, ConnectionTls, ConnectionTlsError, TlsFiles,
};
use super::egress_guard::{EgressGuard, Resolver};
use super::root;
use crate::tls::TlsFileError;
use flowtrigger_core::egress::policy::{EgressPolicy, EgressProxy};
use flowtrigger_core::flow::call::{ClientTls, HttpCall};

/// The HTTP clients with their connection pools, and the guard of their connections.
#[derive(Clone)]
pub(in crate::action) struct HttpClient {
    pub(super) client: Client,
    /// The clients of connections with TLS files, also of earlier configurations: their runs may still send.
    connections: ConnectionClients,
    pub(super) guard: EgressGuard,
    proxy: Option<EgressProxy>,
}

impl HttpClient {
    pub(in crate::action) fn new(
        outgoing: &EgressPolicy,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, reqwest::Error> {
        // An error means that a provider is installed already, which is enough.
        drop(rustls::crypto::ring::default_provider().install_default());
        let guard = EgressGuard::new(outgoing, resolver);
        let proxy = outgoing.proxy.as_ref();
        let client = client_builder(proxy, &guard)?.build();
        let client = client.or_else(|error| {
            // Without certificate authorities, plain http still works.
            tracing::warn!(
                %error,
                "no https request can succeed: no certificate authorities were found on this \
                 machine; install `ca-certificates` or set `SSL_CERT_FILE`"
            );
            client_builder(proxy, &guard)?.tls_certs_only([]).build()
        })?;
        Ok(Self {
            client,
            connections: ConnectionClients::new(),
            guard,
            proxy: outgoing.proxy.clone(),
        })
    }

    /// This client with clients for these connections. Their files are read now; a client whose files are the same
    /// keeps its open connections.
    pub(in crate::action) fn with_connections(
        mut self,
        connections: &[ConnectionTls],
    ) -> Result<Self, ConnectionTlsError> {
        for ConnectionTls { name, tls } in connections {
            let client = self.connection_client(tls);
            let client = client.map_err(|error| ConnectionTlsError {
                name: name.clone(),
                error,
            })?;
            self.connections.insert(Arc::clone(tls), client);
        }
        Ok(self)
    }

    fn connection_client(&self, tls: &ClientTls) -> Result<ConnectionClient, TlsFileError> {
        let files = TlsFiles::read(tls)?;
        match self.connections.get(tls) {
            Some(client) if client.has_files(&files) => Ok(client.clone()),
            Some(_) | None => {
                let builder = client_builder(self.proxy.as_ref(), &self.guard);
                let client = builder.and_then(|builder| ConnectionClient::new(files, builder));
                client.map_err(|error| TlsFileError::Unreadable {
                    path: tls.first_file().to_owned(),
                    why: root(&error),
                })
            }
        }
    }

    /// The client of the connection of a call. The files of a connection that is no longer configured are read now.
    pub(super) async fn for_call(&self, call: &HttpCall) -> Result<Client, TlsFileError> {
        let Some(tls) = &call.tls else {
            return Ok(self.client.clone());
        };
        if let Some(known) = self.connections.get(tls) {
            return Ok(known.client.clone());
        }
        let (client, tls) = (self.clone(), Arc::clone(tls));
        let made = tokio::task::spawn_blocking(move || {
            let made = client.connection_client(&tls);
            made.map(|made| made.client)
        });
        made.await.unwrap_or_else(|fault| {
            Err(TlsFileError::Unreadable {
                path: "".into(),
                why: fault.to_string(),
            })
        })
    }

    /// This client if the policy is the same, else a new one: open connections were checked by the policy of the
    /// time when they were opened.
    pub(in crate::action) fn renewed(
        &self,
        outgoing: &EgressPolicy,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, reqwest::Error> {
        match self.guard.has_policy(outgoing) {
            true => Ok(self.clone()),
            false => Self::new(outgoing, resolver),
        }
    }
}

fn client_builder(
    proxy: Option<&EgressProxy>,
    guard: &EgressGuard,
) -> Result<ClientBuilder, reqwest::Error> {
    let builder = Client::builder()
        .redirect(Policy::none())
        .dns_resolver(Arc::new(guard.clone()))
        .connector_layer(MeasureConnections);
    Ok(match proxy {
        None => builder.no_proxy(),
        Some(EgressProxy::Environment) => builder,
        Some(EgressProxy::Address(url)) => builder.proxy(reqwest::Proxy::all(url)?),
    })
}
