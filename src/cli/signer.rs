//! Signs events for a source, and finds the URL that they are posted to.
//! Fails if a secret of the source has no value. A source without `verify` needs no headers.

use jiff::Timestamp;
use url::Url;

use crate::action::secret::MissingSecret;
use crate::engine::{DEFAULT_ADDRESS, Endpoints};
use crate::report::error::CommandError;
use crate::report::input::outgoing::OutgoingEvent;
use crate::source::signature::{SignedRequest, SigningTarget};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;

pub struct Signer {
    endpoints: Endpoints,
    missing: Vec<MissingSecret>,
    public_url: Option<String>,
}

impl Signer {
    pub fn new(config: &Config) -> Self {
        let (endpoints, missing) = Endpoints::load(config);
        Self {
            endpoints,
            missing,
            public_url: config.listen.public_url.clone(),
        }
    }

    /// Returns what to send to the URL with an event, or `None` if the source accepts any sender.
    pub fn sign(
        &self,
        event: &OutgoingEvent<'_>,
        url: &Url,
        at: Timestamp,
    ) -> Result<Option<SignedRequest>, CommandError> {
        let source = event.source;
        let Some(verification) = &source.verification else {
            return Ok(None);
        };
        let own = |missing: &&MissingSecret| verification.secrets.contains(&missing.name);
        let missing: Vec<String> = self
            .missing
            .iter()
            .filter(own)
            .map(MissingSecret::to_string)
            .collect();
        let failed = || format!("failed to sign for the source `{}`", source.name);
        if !missing.is_empty() {
            return Err(CommandError::unset(failed()).help(missing.join("\n  ")));
        }
        let known = self.endpoints.named(&source.name);
        let verifier = known.and_then(|known| known.verifier.as_ref());
        let target = SigningTarget {
            method: event.method.as_str(),
            url,
            headers: &event.headers,
            public_url: self.public_url.as_deref(),
        };
        let signed = verifier.map(|verifier| verifier.sign(&target, &event.body, at));
        signed.transpose().map_err(|unusable| {
            let help = format!(
                "the secret `{}` is the public key of the sender, which alone can sign; for tests, list the name of a private key of your own before it under `secrets`: `whsk_` and 32 random bytes in base64",
                unusable.secret
            );
            CommandError::unset(failed()).help(help)
        })
    }
}

/// The URL for an event, with its query: at `to`, or at the address of the daemon.
pub fn url(
    event: &OutgoingEvent<'_>,
    to: Option<&str>,
    config: &Config,
) -> Result<Url, CommandError> {
    let mut url = source_url(event.source, to, config)?;
    if !event.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&event.query);
    }
    Ok(url)
}

fn source_url(
    source: &EventSource,
    to: Option<&str>,
    config: &Config,
) -> Result<Url, CommandError> {
    let address = to.or(config.listen.address.as_deref());
    let address = address.unwrap_or(DEFAULT_ADDRESS);
    let scheme = match config.listen.tls {
        Some(_) => "https",
        None => "http",
    };
    let invalid = || {
        let failure = CommandError::usage(format!("invalid address `{address}`"));
        failure.help("write it as `http://127.0.0.1:8080`, or with `--to URL`")
    };
    let absolute = match address.contains("://") {
        true => address.to_owned(),
        false => format!("{scheme}://{address}"),
    };
    let mut url = Url::parse(&absolute).map_err(|_| invalid())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(invalid());
    }
    if url.port() == Some(0) {
        let message = format!("the port of `{address}` is not known");
        return Err(CommandError::usage(message).help(
            "with port 0 the system chooses one, which the daemon prints when it starts; pass it: `--to http://127.0.0.1:PORT`",
        ));
    }
    // A daemon that listens on all addresses is reached on loopback.
    match url.host() {
        Some(url::Host::Ipv4(ip)) if ip.is_unspecified() => drop(url.set_host(Some("127.0.0.1"))),
        Some(url::Host::Ipv6(ip)) if ip.is_unspecified() => drop(url.set_host(Some("[::1]"))),
        Some(_) => {}
        None => return Err(invalid()),
    }
    if url.path() == "/" {
        url.set_path(&source.path);
    }
    Ok(url)
}
