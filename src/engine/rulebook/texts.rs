//! Loads a rulebook from texts that were pushed to the store. Where the store is, and where the daemon listens, is said by
//! the daemon's own configuration file.

use std::sync::Arc;

use super::{LoadedRulebook, Rulebook, RulebookPaths};
use crate::store::{PushedHead, PushedRevision, PushedTexts};
use flowtrigger_core::config::Config;
use flowtrigger_core::config::schedules::calendar;
use flowtrigger_core::diagnostic::{Diagnostics, FileId, Files};

impl RulebookPaths {
    /// Loads pushed rules and reports every mistake in them. Environment variables override their configuration too.
    pub fn read_pushed(&self, pushed: &PushedRevision) -> LoadedRulebook {
        let mut own = Diagnostics::default();
        let local = self.read_config(&mut Files::default(), &mut own);
        let mut files = Files::default();
        let mut diagnostics = Diagnostics::default();
        let (name, text) = &pushed.texts.config;
        let id = files.add(Arc::clone(name), Arc::clone(text));
        let calendars = calendar::from_texts(&pushed.texts.calendars, &mut files);
        let mut config = Config {
            store: local.store,
            store_options: local.store_options,
            listen: local.listen,
            page: local.page,
            ..self.parse_config(id, &calendars, &files, &mut diagnostics)
        };
        // The page is that of the daemon, and so are the secrets with which people sign in there.
        let page = &config.page;
        for name in page.secrets.iter().chain(&page.read_secrets) {
            if let Some(place) = local.secrets.get(name) {
                config.secrets.insert(name.clone(), place.clone());
            }
        }
        let texts = pushed.texts.files.iter();
        let rule_files: Vec<FileId> = texts
            .map(|(name, text)| files.add(Arc::clone(name), Arc::clone(text)))
            .collect();
        let loaded = Self::compile(config, files, rule_files, diagnostics, None);
        LoadedRulebook {
            rulebook: Rulebook {
                pushed: Some(Arc::new(pushed.head.clone())),
                ..loaded.rulebook
            },
            ..loaded
        }
    }
}

impl RulebookPaths {
    /// Loads rules and configuration from texts, and reports every mistake in them.
    pub fn read_texts(&self, texts: &PushedTexts) -> LoadedRulebook {
        let mut files = Files::default();
        let mut diagnostics = Diagnostics::default();
        let (name, text) = &texts.config;
        let id = files.add(Arc::clone(name), Arc::clone(text));
        let calendars = calendar::from_texts(&texts.calendars, &mut files);
        let config = self.parse_config(id, &calendars, &files, &mut diagnostics);
        let texts = texts.files.iter();
        let rule_files: Vec<FileId> = texts
            .map(|(name, text)| files.add(Arc::clone(name), Arc::clone(text)))
            .collect();
        Self::compile(config, files, rule_files, diagnostics, None)
    }
}

impl Rulebook {
    /// What a person pushed, if the rules are not those of a folder.
    pub fn pushed(&self) -> Option<&PushedHead> {
        self.pushed.as_deref()
    }
}
