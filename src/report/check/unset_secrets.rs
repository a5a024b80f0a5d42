//! Warns about secrets of live rules and sources that have no value, and about weak secrets of sources.
//! Each secret is reported once, where it is first used. These are warnings, because rules are often
//! checked on machines that do not have the secrets.

use std::collections::BTreeSet;

use crate::action::secret::{MissingSecret, SecretStore};
use crate::engine::{Endpoints, Rulebook, secrets};
use crate::source::signature::MIN_SECRET_CHARS;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::config::{StoreAddress, StorePassword};
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, Files, Span};
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::secret::SecretSource;

pub fn warn(book: &Rulebook, diagnostics: &mut Diagnostics) {
    let names = secrets::names(book);
    let (_, missing) = SecretStore::load(&book.config.secrets, names.into_iter());
    let rules = book.rules.rules.iter();
    let live = rules.filter(|rule| rule.mode == Mode::Live);
    let mut reported = BTreeSet::new();
    for step in live.flat_map(|rule| rule.steps()) {
        for name in step.secrets() {
            let missing = missing.iter().find(|missing| missing.name == name);
            if let Some(missing) = missing.filter(|_| reported.insert(name)) {
                let at = location(name, step, &book.rules.files);
                diagnostics.push(warning(missing, at));
            }
        }
    }
    warn_of_sources(book, diagnostics);
    warn_of_page(book, diagnostics);
    warn_of_store(book, diagnostics);
    warn_of_traces(book, diagnostics);
}

/// Warns about the secrets in the headers of the collector of traces.
fn warn_of_traces(book: &Rulebook, diagnostics: &mut Diagnostics) {
    let Some(export) = &book.config.traces else {
        return;
    };
    let (_, missing) = SecretStore::load(&book.config.secrets, export.secrets());
    for missing in &missing {
        diagnostics.push(warning(missing, export.at));
    }
}

/// Warns about the secret with the password of the database.
fn warn_of_store(book: &Rulebook, diagnostics: &mut Diagnostics) {
    let StoreAddress::Postgres(address) = &book.config.store else {
        return;
    };
    if let Some(StorePassword::Secret(name)) = &address.password {
        let names = std::iter::once(name.as_str());
        let (_, missing) = SecretStore::load(&book.config.secrets, names);
        for missing in &missing {
            diagnostics.push(warning(missing, address.at));
        }
    }
}

/// Warns about the secrets with which people sign in on the page.
fn warn_of_page(book: &Rulebook, diagnostics: &mut Diagnostics) {
    let page = &book.config.page;
    let names = page.secrets.iter().chain(&page.read_secrets);
    let names = names.map(String::as_str);
    let (values, missing) = SecretStore::load(&book.config.secrets, names.clone());
    for missing in &missing {
        diagnostics.push(warning(missing, page.at));
    }
    let is_weak = |name: &&str| {
        let value = values.get(name);
        value.is_some_and(|value| value.expose().len() < MIN_SECRET_CHARS)
    };
    for name in names.filter(is_weak) {
        let message = format!(
            "the secret `{name}` of the page is shorter than {MIN_SECRET_CHARS} characters and can be guessed; generate a longer one"
        );
        diagnostics.push(Diagnostic::warning(Code::WeakSecret, page.at, message));
    }
}

/// Warns about the secrets of sources, which rules may not use.
fn warn_of_sources(book: &Rulebook, diagnostics: &mut Diagnostics) {
    let (endpoints, missing) = Endpoints::load(&book.config);
    let verifications = book.config.sources.values();
    for verification in verifications.filter_map(|source| source.verification.as_ref()) {
        let own = |missing: &&MissingSecret| verification.secrets.contains(&missing.name);
        for missing in missing.iter().filter(own) {
            diagnostics.push(warning(missing, verification.at));
        }
    }
    for weak in endpoints.weak_secrets() {
        let source = book.config.sources.get(&weak.source);
        let verification = source.and_then(|source| source.verification.as_ref());
        let at = verification.map(|verification| verification.at);
        let message = weak.to_string();
        diagnostics.push(Diagnostic::warning(
            Code::WeakSecret,
            at.unwrap_or_default(),
            message,
        ));
    }
}

fn warning(missing: &MissingSecret, at: Span) -> Diagnostic {
    let MissingSecret { name, place, why } = missing;
    let (message, help) = match place {
        SecretSource::Env(variable) => (
            format!("secret `{name}` is not available: `{variable}` {why}"),
            format!("set the environment variable `{variable}` before the daemon starts"),
        ),
        SecretSource::File(path) => (
            format!(
                "secret `{name}` is not available: `{}` {why}",
                path.display()
            ),
            match missing.is_denied() {
                true => "give the user of the daemon read permission; this command is of a user without it".to_owned(),
                false => "write its value to that file before the daemon starts".to_owned(),
            },
        ),
        SecretSource::Credential(credential) => (
            format!("secret `{name}` is not available: the credential `{credential}` {why}"),
            format!(
                "only a service has credentials: add `LoadCredential={credential}:FILE` to the unit of the daemon"
            ),
        ),
    };
    Diagnostic::warning(Code::UnsetSecret, at, message).help(help)
}

/// The first use of the secret in the text of the rule from this step on. The step itself if only its
/// connection uses the secret.
fn location(name: &str, step: &Step, files: &Files) -> Span {
    let text = files.get(step.at.file).map_or("", |file| &file.text);
    let start = step.at.start as usize;
    let rest = text.get(start..).unwrap_or_default();
    // Its rule ends where the next document begins.
    let rule = rest.split("\n---").next().unwrap_or_default();
    let Some(offset) = find(name, rule) else {
        return step.at;
    };
    let before = &text[..start + offset];
    let line = before.rfind('\n').map_or(0, |newline| newline + 1);
    Span {
        file: step.at.file,
        line: count(before.matches('\n').count() + 1),
        column: count(before[line..].chars().count() + 1),
        start: count(before.len()),
        len: count("secret.".len() + name.len()),
    }
}

/// The offset of `secret.NAME` as a whole word.
fn find(name: &str, text: &str) -> Option<usize> {
    let word = format!("secret.{name}");
    let mut places = text.match_indices(&word).map(|(at, _)| at);
    let ends = |at: &usize| {
        let next = text[at + word.len()..].chars().next();
        next.is_none_or(|c| !c.is_alphanumeric() && c != '_')
    };
    places.find(ends)
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::engine::{ConfigFile, RulebookPaths};

    const RULE: &str = "name: a\nevent_source: support\nevent_type: ticket.TicketCreated\nMODE\
flow:\n  - http:\n      url: https://a.example/\n      headers:\n        \
B: '{{ secret.KEY_B }}'\n        A: 'é {{ secret.KEY }}{{ secret.KEY }}'\n";

    fn warnings(mode: &str) -> Vec<(String, u32, u32)> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let config = format!(
            "secrets:\n  KEY: {{ file: '{}' }}\n  KEY_B: {{ file: '{}' }}\n",
            at("absent").display(),
            at("key").display()
        );
        fs::write(at("flowtrigger.yaml"), config).unwrap();
        fs::write(at("key"), "value").unwrap();
        fs::write(at("a.yaml"), RULE.replace("MODE", mode)).unwrap();
        let places = RulebookPaths {
            config: ConfigFile::Named(at("flowtrigger.yaml")),
            ..RulebookPaths::new(at("a.yaml"))
        };
        let mut loaded = places.read();
        assert!(!loaded.diagnostics.has_errors(), "{:?}", loaded.diagnostics);
        warn(&loaded.rulebook, &mut loaded.diagnostics);
        let found = loaded.diagnostics.sorted();
        let found = found
            .into_iter()
            .map(|d| (d.message, d.at.line, d.at.column));
        found.collect()
    }

    #[test]
    fn an_unset_secret_is_reported_once_at_its_first_use() {
        let warnings = warnings("");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let (message, line, column) = &warnings[0];
        assert!(
            message.starts_with("secret `KEY` is not available: `/"),
            "{message}"
        );
        assert!(message.ends_with("/absent` does not exist"), "{message}");
        assert_eq!((*line, *column), (9, 18));
    }

    #[test]
    fn secrets_of_on_dead_are_checked() {
        let own =
            "mode: live\non_dead: [{ http: { url: 'https://a.example/{{ secret.KEY }}' } }]\n";
        let warnings = warnings(own);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].0.starts_with("secret `KEY`"));
    }

    #[test]
    fn secrets_of_rules_that_never_act_are_ignored() {
        assert_eq!(warnings("mode: shadow\n"), []);
        assert_eq!(warnings("mode: disabled\n"), []);
    }
}
