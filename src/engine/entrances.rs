//! Where events come in, and what their senders must show: made of a configuration and its secrets.
//! It lets nobody in by a source whose secrets cannot be had.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tracing::{info, warn};

use super::Rulebook;
use crate::action::secret::{Missing, Secrets};
use crate::core::config::{self, Config, Scheme, Verification};
use crate::core::secret::SecretPlace;
use crate::source::Endpoint;
use crate::source::http::ListenError;
use crate::source::signature::{Unusable, Verifier};

/// The entrances by their paths. Cloning shares the secrets.
#[derive(Clone, Default)]
pub struct Entrances(BTreeMap<String, Endpoint>);

/// A secret that is taken and may not be what was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub source: String,
    pub secret: String,
    pub what: &'static str,
}

/// No secret prints itself.
impl fmt::Debug for Entrances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Entrances {
    /// Without the secrets: sources that verify let nobody in.
    pub fn locked(config: &Config) -> Self {
        let with =
            |entrance: &config::EventSource| entrance.verification.as_ref().map(Verifier::locked);
        Self::of(config, with)
    }

    /// With the secrets, and what is the matter with those that cannot be had or serve their scheme.
    pub fn load(config: &Config) -> (Self, Vec<Missing>) {
        let (secrets, mut missing) = Secrets::load(&config.secrets, names(config).into_iter());
        let entrances = Self::of(config, |entrance| {
            let verification = entrance.verification.as_ref()?;
            let made = verifier(verification, &secrets);
            Some(made.unwrap_or_else(|unusable| {
                let told = unusable.into_iter().map(|one| unfit(one, config));
                missing.extend(told);
                Verifier::locked(verification)
            }))
        });
        (entrances, missing)
    }

    fn of(config: &Config, mut with: impl FnMut(&config::EventSource) -> Option<Verifier>) -> Self {
        let entrances = config.sources.values().map(|entrance| {
            let verifier = with(entrance).map(Arc::new);
            let source = entrance.name.as_str().into();
            (entrance.path.clone(), Endpoint { source, verifier })
        });
        Self(entrances.collect())
    }

    pub fn at(&self, path: &str) -> Option<&Endpoint> {
        self.0.get(path)
    }

    /// The entrance of a source, by its name.
    pub fn named(&self, source: &str) -> Option<&Endpoint> {
        self.0.values().find(|entrance| &*entrance.source == source)
    }

    pub fn paths(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub fn doubts(&self) -> Vec<Doubt> {
        let of = |entrance: &Endpoint| {
            let source = entrance.source.to_string();
            let doubts = entrance
                .verifier
                .iter()
                .flat_map(|verifier| verifier.doubts());
            let told = doubts.map(|(secret, what)| Doubt {
                source: source.clone(),
                secret: secret.to_owned(),
                what,
            });
            told.collect::<Vec<_>>()
        };
        self.0.values().flat_map(of).collect()
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            secret,
            what,
        } = self;
        write!(f, "the secret `{secret}` of the source `{source}` {what}")
    }
}

/// The sources that take whoever comes.
pub fn unverified(config: &Config) -> Vec<String> {
    let open = config.sources.values();
    let open = open.filter(|entrance| entrance.verification.is_none());
    open.map(|entrance| entrance.name.clone()).collect()
}

/// The sources whose senders show the secret itself.
fn told_in_clear(config: &Config) -> Vec<&str> {
    let tells = |verification: &Verification| match verification.scheme {
        Scheme::Bearer | Scheme::Basic { .. } => true,
        Scheme::Hmac(_) => false,
    };
    let sources = config.sources.values();
    let sources = sources.filter(|entrance| entrance.verification.as_ref().is_some_and(tells));
    sources.map(|entrance| entrance.name.as_str()).collect()
}

/// A door that others reach opens for no source that takes whoever comes.
pub fn stay_closed(config: &Config, open_at: Option<SocketAddr>) -> Result<(), ListenError> {
    let unverified = unverified(config);
    match open_at {
        Some(address) if !unverified.is_empty() => Err(ListenError::NotLoopback {
            address,
            unverified,
        }),
        Some(_) | None => Ok(()),
    }
}

/// Who may come in where, and what is odd about their secrets.
pub fn tell(rulebook: &Rulebook) {
    for entrance in rulebook.config.sources.values() {
        let (source, path) = (&entrance.name, &entrance.path);
        match &entrance.verification {
            Some(verification) => {
                let verify = verification.scheme.word();
                info!(
                    source,
                    path, verify, "takes events of senders who prove who they are"
                );
            }
            None => info!(source, path, "takes events of whoever comes"),
        }
    }
    for doubt in rulebook.entrances.doubts() {
        warn!("{doubt}");
    }
}

/// A token is seen by everybody on its way.
pub fn warn_of_clear(config: &Config, open_at: Option<SocketAddr>) {
    let told = told_in_clear(config).join(", ");
    if open_at.is_some() && !told.is_empty() {
        warn!(
            sources = told,
            "tokens and passwords come over plain HTTP here; put a proxy that speaks TLS in front, and listen where it alone reaches"
        );
    }
}

/// The secrets that sources verify by, sorted.
pub fn names(config: &Config) -> Vec<&str> {
    let verifications = config.sources.values();
    let verifications = verifications.filter_map(|entrance| entrance.verification.as_ref());
    let names = verifications.flat_map(|verification| &verification.secrets);
    let mut names: Vec<&str> = names.map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn verifier(verification: &Verification, secrets: &Secrets) -> Result<Verifier, Vec<Unusable>> {
    let named = verification.secrets.iter();
    let values: Option<Vec<_>> = named
        .map(|name| Some((name.clone(), secrets.get(name)?.clone())))
        .collect();
    match values {
        Some(values) => Verifier::new(verification, values),
        // What is missing was told; one of two is not enough, or a rotation would end unseen.
        None => Ok(Verifier::locked(verification)),
    }
}

fn unfit(unusable: Unusable, config: &Config) -> Missing {
    let Unusable { name, why } = unusable;
    let place = config.secrets.get(&name).cloned();
    Missing {
        place: place.unwrap_or_else(|| SecretPlace::default_for(&name)),
        name,
        why: why.into(),
    }
}
