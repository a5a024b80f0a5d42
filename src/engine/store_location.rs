//! Finds the store that the configuration names, and reads the password of a database.

use std::path::Path;

use crate::action::secret::{MissingSecret, SecretStore};
use crate::store::{PostgresSettings, StoreLocation};
use flowtrigger_core::config::postgres_url::PostgresUrl;
use flowtrigger_core::config::{
    Config, PostgresAddress, STORE_VARIABLE, StoreAddress, StorePassword,
};
use flowtrigger_core::secret::SecretSource;

/// The store of a configuration. `database` is the file of the data folder.
///
/// # Errors
/// If the secret with the password of a database has no value.
pub fn store_location(config: &Config, database: &Path) -> Result<StoreLocation, MissingSecret> {
    match &config.store {
        StoreAddress::DataFolder => Ok(StoreLocation::File(database.to_owned())),
        StoreAddress::Postgres(address) => Ok(StoreLocation::Postgres(PostgresSettings {
            url: address.url.clone(),
            password: password(address, config)?,
        })),
    }
}

fn password(address: &PostgresAddress, config: &Config) -> Result<Option<String>, MissingSecret> {
    match &address.password {
        None => Ok(None),
        Some(StorePassword::Secret(name)) => secret(name, config).map(Some),
        Some(StorePassword::Environment) => of_environment().map(Some),
    }
}

fn secret(name: &str, config: &Config) -> Result<String, MissingSecret> {
    let (values, missing) = SecretStore::load(&config.secrets, std::iter::once(name));
    match (values.get(name), missing.into_iter().next()) {
        (Some(value), _) => Ok(value.expose().to_owned()),
        (None, Some(missing)) => Err(missing),
        (None, None) => Err(unset(name, "is not set")),
    }
}

/// The password in the URL of the variable, from which the address of the configuration comes.
fn of_environment() -> Result<String, MissingSecret> {
    let url = std::env::var(STORE_VARIABLE).ok();
    let url = url.and_then(|url| PostgresUrl::parse(&url).ok());
    url.and_then(|url| url.password)
        .ok_or_else(|| unset(STORE_VARIABLE, "has no password"))
}

fn unset(name: &str, why: &str) -> MissingSecret {
    MissingSecret {
        name: name.to_owned(),
        place: SecretSource::Env(STORE_VARIABLE.to_owned()),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use flowtrigger_core::config::parse;
    use flowtrigger_core::diagnostic::{Diagnostics, FileId};

    fn location(text: &str) -> Result<StoreLocation, MissingSecret> {
        let mut diagnostics = Diagnostics::default();
        let config = parse(FileId::default(), text, &BTreeMap::new(), &mut diagnostics);
        assert!(!diagnostics.has_errors(), "{diagnostics:?}");
        store_location(&config, Path::new("data/flowtrigger.db"))
    }

    #[test]
    fn the_password_of_a_database_is_read_from_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let text = format!(
            "store: {{ postgres: 'postgres://flow@db/desk', password: DB }}\nsecrets: {{ DB: {{ file: '{}' }} }}",
            file.display()
        );
        let missing = location(&text).unwrap_err();
        assert_eq!(missing.name, "DB");
        fs::write(&file, "geheim\n").unwrap();
        let StoreLocation::Postgres(settings) = location(&text).unwrap() else {
            panic!("no database");
        };
        assert_eq!(settings.url, "postgres://flow@db/desk");
        assert_eq!(settings.password.as_deref(), Some("geheim"));
    }

    #[test]
    fn the_file_of_the_data_folder_is_the_default() {
        let found = location("{}").unwrap();
        assert!(matches!(found, StoreLocation::File(path) if path.ends_with("flowtrigger.db")));
    }
}
