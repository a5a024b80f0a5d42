//! Makes the page of a daemon: reads its secrets, and gives the routes for the socket and the network.

use std::sync::Arc;

use tracing::warn;

use super::PageState;
use super::access::{Access, SignInSecret};
use super::backtest::jobs::BacktestJobs;
use super::confirm::registry::CommandRegistry;
use super::counts::SideBarCounts;
use super::failed_logins::FailedLogins;
use super::live::LiveStreams;
use super::overview::OverviewCache;
use super::reader::HistoryReader;
use super::revisions::CompiledRevisions;
use super::rule_tests::RuleTestCache;
use super::session::{Role, Sessions};
use crate::action::secret::{MissingSecret, SecretStore};
use crate::engine::{Engine, EngineError, PageParts, PageRoutes, Perform};
use crate::source::signature::MIN_SECRET_CHARS;
use crate::store::Store;
use flowtrigger_core::config::{Config, PageSettings};

/// The routes of the page.
///
/// # Errors
/// If a secret with which people sign in has no value.
pub fn open<S: Store, P: Perform>(parts: PageParts<S, P>) -> Result<PageRoutes, EngineError> {
    let PageParts {
        engine,
        history,
        address,
        closing,
        data,
    } = parts;
    let rulebook = engine.rulebook();
    let config = &rulebook.config;
    let settings = config.page.clone();
    let access = Access {
        sessions: Sessions::default(),
        secrets: warned(sign_in_secrets(config, &settings).map_err(EngineError::Secrets)?),
        user_header: settings.user_header.clone(),
        trusted_proxies: settings.trusted_proxies.clone(),
    };
    let (admin, counted) = (Arc::new(engine.clone()), engine.clone());
    let state = PageState {
        admin,
        history: HistoryReader::new(history),
        rulebook: Box::new(move || Engine::rulebook(&engine)),
        current_minute: Box::new(move |minute| Engine::current_minute(&counted, minute)),
        access,
        settings,
        address,
        commands: CommandRegistry::new(closing.clone()),
        backtests: BacktestJobs::new(closing.clone()),
        data,
        live: LiveStreams::new(closing),
        failed_logins: FailedLogins::default(),
        counts: SideBarCounts::default(),
        rule_tests: RuleTestCache::default(),
        revisions: CompiledRevisions::default(),
        overview: OverviewCache::default(),
    };
    Ok(super::routes(&Arc::new(state)))
}

/// Warns about secrets that can be guessed.
fn warned(secrets: Vec<SignInSecret>) -> Vec<SignInSecret> {
    for secret in &secrets {
        if secret.value.expose().len() < MIN_SECRET_CHARS {
            let name = &secret.name;
            warn!(
                "the secret `{name}` of the page is shorter than {MIN_SECRET_CHARS} characters and can be guessed; generate a longer one"
            );
        }
    }
    secrets
}

/// The secrets with which people sign in, with their roles.
fn sign_in_secrets(
    config: &Config,
    settings: &PageSettings,
) -> Result<Vec<SignInSecret>, Vec<MissingSecret>> {
    let act = settings.secrets.iter().map(|name| (name, Role::Act));
    let read = settings.read_secrets.iter().map(|name| (name, Role::Read));
    let (mut secrets, mut missing) = (Vec::new(), Vec::new());
    for (name, role) in act.chain(read) {
        let names = std::iter::once(name.as_str());
        let (values, unread) = SecretStore::load(&config.secrets, names);
        missing.extend(unread);
        secrets.extend(values.get(name).map(|value| SignInSecret {
            name: name.clone(),
            value: value.clone(),
            role,
        }));
    }
    match missing.is_empty() {
        true => Ok(secrets),
        false => Err(missing),
    }
}
