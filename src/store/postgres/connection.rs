//! Opens a connection to Postgres, with TLS as the address demands.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::sync::mpsc;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{PostgresOpenError, plain};
use super::session::PostgresSession;
use super::settings::{ConnectionSettings, Tls};

/// Notifications that wait to be read; more of them say nothing new.
const MAX_NOTIFICATIONS: usize = 64;

/// Connects, and drives the connection on the current runtime.
pub async fn connect(settings: &ConnectionSettings) -> Result<PostgresSession, PostgresOpenError> {
    let client = connect_client(settings).await?;
    Ok(PostgresSession::new(client, settings.mode))
}

/// [`connect`] for a caller that sends its statements itself.
pub async fn connect_client(settings: &ConnectionSettings) -> Result<Client, PostgresOpenError> {
    let client = match client_config(settings)? {
        None => {
            let connecting = settings.config.connect(NoTls).await;
            let (client, connection) = connecting.map_err(|error| unreachable(settings, &error))?;
            tokio::spawn(async move { drop(connection.await) });
            client
        }
        Some(tls) => {
            let connecting = settings.config.connect(MakeRustlsConnect::new(tls)).await;
            let (client, connection) = connecting.map_err(|error| unreachable(settings, &error))?;
            tokio::spawn(async move { drop(connection.await) });
            client
        }
    };
    Ok(client)
}

/// Connects and listens for notifications. The channel ends with the connection.
pub async fn listen(
    settings: &ConnectionSettings,
    channel: &str,
) -> Result<(PostgresSession, mpsc::Receiver<()>), PostgresOpenError> {
    let (sender, heard) = mpsc::channel(MAX_NOTIFICATIONS);
    let client = match client_config(settings)? {
        None => {
            let connecting = settings.config.connect(NoTls).await;
            let (client, connection) = connecting.map_err(|error| unreachable(settings, &error))?;
            tokio::spawn(forward(connection, sender));
            client
        }
        Some(tls) => {
            let connecting = settings.config.connect(MakeRustlsConnect::new(tls)).await;
            let (client, connection) = connecting.map_err(|error| unreachable(settings, &error))?;
            tokio::spawn(forward(connection, sender));
            client
        }
    };
    let listening = client.batch_execute(&format!("LISTEN {channel}")).await;
    listening.map_err(|error| unreachable(settings, &error))?;
    Ok((PostgresSession::new(client, settings.mode), heard))
}

/// Drives a connection and forwards its notifications.
async fn forward<S, T>(mut connection: tokio_postgres::Connection<S, T>, sender: mpsc::Sender<()>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        let message = std::future::poll_fn(|context| connection.poll_message(context)).await;
        match message {
            Some(Ok(AsyncMessage::Notification(_))) => drop(sender.try_send(())),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
}

/// Why a connection could not be opened.
fn unreachable(settings: &ConnectionSettings, error: &tokio_postgres::Error) -> PostgresOpenError {
    let (server, why) = (settings.server.clone(), plain(error));
    let why = why
        .trim_start_matches("error connecting to server: ")
        .to_owned();
    if error.code().is_none()
        && let Some(advice) = tls_advice(&why)
    {
        let why = advice.to_owned();
        return PostgresOpenError::Tls { server, why };
    }
    let is_password_missing = error.as_db_error().is_none() && why.contains("password missing");
    match error.code().map(SqlState::code) {
        Some("28P01" | "28000") => PostgresOpenError::Login {
            server,
            user: settings.user(),
            why,
        },
        None if is_password_missing => PostgresOpenError::Login {
            server,
            user: settings.user(),
            why: "the server asks for a password, and none is set".to_owned(),
        },
        Some("3D000") => PostgresOpenError::NoDatabase {
            server,
            database: settings.database(),
        },
        Some(_) | None => PostgresOpenError::Unreachable { server, why },
    }
}

/// What to do about a failed TLS handshake, by the words of the libraries.
fn tls_advice(why: &str) -> Option<&'static str> {
    let advice = [
        (
            "server does not support TLS",
            "the server does not offer TLS; set `ssl = on` and a certificate on the server, or add `sslmode=disable` to the URL if nobody can listen on the network between",
        ),
        (
            "CaUsedAsEndEntity",
            "the certificate of the server is itself an authority (a self-signed one made as a CA) and cannot be verified; give the server a certificate that an authority signed, and name that of the authority with `sslrootcert=FILE`",
        ),
        (
            "UnknownIssuer",
            "the certificate of the server is signed by an authority that is not known here; name the certificate of that authority with `sslrootcert=FILE` in the URL",
        ),
    ];
    let mut advice = advice.into_iter();
    advice.find_map(|(said, advice)| why.contains(said).then_some(advice))
}

/// `None` without TLS.
fn client_config(settings: &ConnectionSettings) -> Result<Option<ClientConfig>, PostgresOpenError> {
    let invalid = |why: String| PostgresOpenError::Address(why);
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(error.to_string()))?;
    Ok(match &settings.tls {
        Tls::Off => None,
        Tls::Unverified => Some(
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyServer(provider)))
                .with_no_client_auth(),
        ),
        Tls::Verified { authorities: None } => Some(
            builder
                .with_platform_verifier()
                .map_err(|error| invalid(error.to_string()))?
                .with_no_client_auth(),
        ),
        Tls::Verified {
            authorities: Some(file),
        } => {
            let unreadable = |why: String| {
                invalid(format!(
                    "failed to read `sslrootcert` {}: {why}",
                    file.display()
                ))
            };
            let mut roots = RootCertStore::empty();
            let certificates = CertificateDer::pem_file_iter(file)
                .map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("it contains no certificate".to_owned()));
            }
            Some(builder.with_root_certificates(roots).with_no_client_auth())
        }
    })
}

/// Accepts the certificate of any server: `sslmode=require` encrypts and does not verify.
#[derive(Debug)]
struct AnyServer(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_handshake_says_what_to_do() {
        for (said, part) in [
            (
                "error performing TLS handshake: server does not support TLS",
                "sslmode=disable",
            ),
            (
                "error performing TLS handshake: invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))",
                "sslrootcert=FILE",
            ),
            (
                "error performing TLS handshake: invalid peer certificate: UnknownIssuer",
                "sslrootcert=FILE",
            ),
        ] {
            assert!(tls_advice(said).unwrap().contains(part), "{said}");
        }
        assert_eq!(tls_advice("Connection refused"), None);
    }
}
