//! The headers by which an event is let in, and the address that it is posted to.
//! It refuses to sign for a source whose secrets cannot be had; one that asks for nothing gets nothing.

use jiff::Timestamp;
use url::Url;

use super::exit::CommandError;
use crate::action::secret::MissingSecret;
use crate::engine::{DEFAULT_ADDRESS, Endpoints};
use crate::source::signature::SignedHeader;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::source::EventSource;

pub struct Signer {
    entrances: Endpoints,
    missing: Vec<MissingSecret>,
}

impl Signer {
    pub fn new(config: &Config) -> Self {
        let (entrances, missing) = Endpoints::load(config);
        Self { entrances, missing }
    }

    /// None where the source takes whoever comes.
    pub fn sign(
        &self,
        entrance: &EventSource,
        body: &[u8],
        at: Timestamp,
    ) -> Result<Option<Vec<SignedHeader>>, CommandError> {
        let Some(verification) = &entrance.verification else {
            return Ok(None);
        };
        let own = |missing: &&MissingSecret| verification.secrets.contains(&missing.name);
        let missing: Vec<String> = self
            .missing
            .iter()
            .filter(own)
            .map(MissingSecret::to_string)
            .collect();
        if !missing.is_empty() {
            let message = format!("failed to sign for the source `{}`", entrance.name);
            let failure = CommandError::unset(message);
            return Err(failure.help(missing.join("\n  ")));
        }
        let known = self.entrances.named(&entrance.name);
        let verifier = known.and_then(|known| known.verifier.as_ref());
        Ok(verifier.map(|verifier| verifier.sign(body, at)))
    }
}

/// Where the events of a source are posted to: at `to`, or where the daemon listens.
pub fn url(entrance: &EventSource, to: Option<&str>, config: &Config) -> Result<Url, CommandError> {
    let listened = std::env::var("FLOWTRIGGER_LISTEN").ok();
    let listened = listened.or_else(|| config.listen.address.clone());
    let address = match (to, &listened) {
        (Some(to), _) => to,
        (None, Some(listened)) => listened,
        (None, None) => DEFAULT_ADDRESS,
    };
    let unclear = || {
        let failure = CommandError::usage(format!("invalid address `{address}`"));
        failure.help("write it as `http://127.0.0.1:8080`, or with `--to URL`")
    };
    let whole = match address.contains("://") {
        true => address.to_owned(),
        false => format!("http://{address}"),
    };
    let mut url = Url::parse(&whole).map_err(|_| unclear())?;
    if !["http", "https"].contains(&url.scheme()) || url.port() == Some(0) {
        return Err(unclear());
    }
    // Who listens everywhere is reached here.
    match url.host() {
        Some(url::Host::Ipv4(ip)) if ip.is_unspecified() => drop(url.set_host(Some("127.0.0.1"))),
        Some(url::Host::Ipv6(ip)) if ip.is_unspecified() => drop(url.set_host(Some("[::1]"))),
        Some(_) => {}
        None => return Err(unclear()),
    }
    if url.path() == "/" {
        url.set_path(&entrance.path);
    }
    Ok(url)
}
