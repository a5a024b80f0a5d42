//! The endpoints of all sources: path and verifier, from the configuration and its secrets. A source whose secrets
//! are missing accepts no request.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tracing::{info, warn};

use super::Rulebook;
use crate::action::secret::{MissingSecret, SecretStore};
use crate::source::Endpoint;
use crate::source::handshake::HandshakeAnswerer;
use crate::source::http::ListenError;
use crate::source::signature::{InvalidSecret, Verifier};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::handshake::Handshake;
use flowtrigger_core::config::source::EventSource;
use flowtrigger_core::config::verification::{Scheme, Verification};
use flowtrigger_core::document::suggest::nearest;
use flowtrigger_core::secret::SecretSource;

/// The endpoints by path. Clones share the secrets.
#[derive(Clone, Default)]
pub struct Endpoints(BTreeMap<String, Arc<Endpoint>>);

/// A secret that is valid but probably not what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeakSecret {
    pub source: String,
    pub secret: String,
    pub what: &'static str,
}

/// Longer paths are compared with none, so that a request costs little.
const MAX_COMPARED_PATH: usize = 200;

fn segments(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Prints the paths only, never a secret.
impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Endpoints {
    /// Endpoints without secrets: sources with verification reject every request.
    pub fn without_secrets(config: &Config) -> Self {
        let with = |entrance: &EventSource| {
            entrance
                .verification
                .as_ref()
                .map(Verifier::without_secrets)
        };
        Self::new(config, with, &SecretStore::none())
    }

    /// Endpoints with secrets, and the secrets that are missing or do not fit their scheme.
    pub fn load(config: &Config) -> (Self, Vec<MissingSecret>) {
        let (secrets, mut missing) = SecretStore::load(&config.secrets, names(config).into_iter());
        let verifier_of = |entrance: &EventSource| {
            let verification = entrance.verification.as_ref()?;
            let made = verifier(verification, &secrets);
            Some(made.unwrap_or_else(|unusable| {
                let invalid = unusable.into_iter().map(|one| invalid_secret(one, config));
                missing.extend(invalid);
                Verifier::without_secrets(verification)
            }))
        };
        let entrances = Self::new(config, verifier_of, &secrets);
        (entrances, missing)
    }

    fn new(
        config: &Config,
        mut with: impl FnMut(&EventSource) -> Option<Verifier>,
        secrets: &SecretStore,
    ) -> Self {
        let entrances = config.sources.values().map(|entrance| {
            let verifier = with(entrance).map(Arc::new);
            let source = entrance.name.as_str().into();
            let endpoint = Endpoint {
                source,
                verifier,
                id_header: entrance.identity.header().map(Into::into),
                needs: Arc::new(entrance.needs.clone()),
                methods: entrance.methods.clone(),
                handshake: answerer(entrance, secrets).map(Arc::new),
            };
            (entrance.path.clone(), Arc::new(endpoint))
        });
        Self(entrances.collect())
    }

    pub fn at(&self, path: &str) -> Option<&Arc<Endpoint>> {
        self.0.get(path)
    }

    /// The configured path that a path without an endpoint probably means: the same in other letters or with another
    /// beginning, or with a misspelt end.
    pub fn nearest(&self, path: &str) -> Option<&str> {
        if path.len() > MAX_COMPARED_PATH {
            return None;
        }
        let sent: Vec<String> = segments(path).map(str::to_lowercase).collect();
        let end = sent.last()?;
        let paths = || self.0.keys().map(String::as_str);
        let is_same = |path: &&str| {
            segments(path)
                .map(str::to_lowercase)
                .eq(sent.iter().cloned())
        };
        if let Some(same) = paths().find(is_same) {
            return Some(same);
        }
        let ends = paths().filter_map(|path| segments(path).next_back());
        let nearest = nearest(end, ends)?;
        let mut meant = paths().filter(|path| segments(path).next_back() == Some(nearest));
        // Of several paths with this end, none is more likely.
        match (meant.next(), meant.next()) {
            (Some(path), None) => Some(path),
            _ => None,
        }
    }

    /// The endpoint of a source.
    pub fn named(&self, source: &str) -> Option<&Endpoint> {
        let mut entrances = self.0.values().map(|entrance| &**entrance);
        entrances.find(|entrance| &*entrance.source == source)
    }

    pub fn paths(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub fn weak_secrets(&self) -> Vec<WeakSecret> {
        let of = |entrance: &Arc<Endpoint>| {
            let source = entrance.source.to_string();
            let warnings = entrance
                .verifier
                .iter()
                .flat_map(|verifier| verifier.warnings());
            let weak = warnings.map(|(secret, what)| WeakSecret {
                source: source.clone(),
                secret: secret.to_owned(),
                what,
            });
            weak.collect::<Vec<_>>()
        };
        self.0.values().flat_map(of).collect()
    }
}

impl fmt::Display for WeakSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            secret,
            what,
        } = self;
        write!(f, "the secret `{secret}` of the source `{source}` {what}")
    }
}

/// The sources without verification.
pub fn unverified_sources(config: &Config) -> Vec<String> {
    let open = config.sources.values();
    let open = open.filter(|entrance| entrance.verification.is_none());
    open.map(|entrance| entrance.name.clone()).collect()
}

/// The sources whose senders transmit the secret itself.
fn sends_in_clear(config: &Config) -> Vec<&str> {
    let is_unverified = |verification: &Verification| match verification.scheme {
        Scheme::Token(_) | Scheme::Bearer | Scheme::Basic { .. } => true,
        Scheme::Signature(_) => false,
    };
    let sources = config.sources.values();
    let sources =
        sources.filter(|entrance| entrance.verification.as_ref().is_some_and(is_unverified));
    sources.map(|entrance| entrance.name.as_str()).collect()
}

/// Rejects a public listener if any source has no verification.
pub fn check_public_listener(
    config: &Config,
    public_address: Option<SocketAddr>,
) -> Result<(), ListenError> {
    let unverified = unverified_sources(config);
    match public_address {
        Some(address) if !unverified.is_empty() => Err(ListenError::NotLoopback {
            address,
            unverified,
        }),
        Some(_) | None => Ok(()),
    }
}

/// Logs each endpoint with its verification, and weak secrets.
pub fn log_endpoints(rulebook: &Rulebook) {
    for entrance in rulebook.config.sources.values() {
        let (source, path) = (&entrance.name, &entrance.path);
        match &entrance.verification {
            Some(verification) => {
                let verify = verification.scheme.as_str();
                info!(source, path, verify, "endpoint with verification");
            }
            None => info!(source, path, "endpoint without verification"),
        }
    }
    for doubt in rulebook.entrances.weak_secrets() {
        warn!("{doubt}");
    }
}

/// Warns if tokens or passwords are transmitted over plain HTTP.
pub fn warn_plaintext(config: &Config, public_address: Option<SocketAddr>) {
    let sources = sends_in_clear(config).join(", ");
    let is_encrypted = config.listen.tls.is_some();
    if public_address.is_some() && !is_encrypted && !sources.is_empty() {
        warn!(
            sources,
            "tokens and passwords are sent over plain HTTP; set `listen.tls`, or put a TLS proxy in front and listen on an address that only the proxy reaches"
        );
    }
}

/// The names of the secrets that verifiers and handshakes use, sorted.
pub fn names(config: &Config) -> Vec<&str> {
    let mut names = Vec::new();
    for entrance in config.sources.values() {
        let verification = entrance.verification.iter();
        let secrets = verification.flat_map(|verification| &verification.secrets);
        names.extend(secrets.map(String::as_str));
        names.extend(entrance.handshake.as_ref().and_then(Handshake::secret));
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// How a source answers the check of its address. Zoom's answer needs the secret with which Zoom signs.
fn answerer(entrance: &EventSource, secrets: &SecretStore) -> Option<HandshakeAnswerer> {
    let handshake = entrance.handshake.clone()?;
    let name = match handshake {
        Handshake::Zoom => {
            let verification = entrance.verification.as_ref();
            verification.and_then(|verification| verification.secrets.first().map(String::as_str))
        }
        _ => handshake.secret(),
    };
    let secret = name.and_then(|name| secrets.get(name)).cloned();
    Some(HandshakeAnswerer { handshake, secret })
}

fn verifier(
    verification: &Verification,
    secrets: &SecretStore,
) -> Result<Verifier, Vec<InvalidSecret>> {
    let named = verification.secrets.iter();
    let values: Option<Vec<_>> = named
        .map(|name| Some((name.clone(), secrets.get(name)?.clone())))
        .collect();
    match values {
        Some(values) => Verifier::new(verification, values),
        // Missing secrets were reported. One of two is not enough: a rotation would go unnoticed.
        None => Ok(Verifier::without_secrets(verification)),
    }
}

fn invalid_secret(unusable: InvalidSecret, config: &Config) -> MissingSecret {
    let InvalidSecret { name, why } = unusable;
    let place = config.secrets.get(&name).cloned();
    MissingSecret {
        place: place.unwrap_or_else(|| SecretSource::default_for(&name)),
        name,
        why: why.into(),
    }
}
