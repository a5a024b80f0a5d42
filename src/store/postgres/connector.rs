//! A connection that is opened when it is needed, and again after it has broken.

use std::time::{Duration, Instant};

use super::connection::connect;
use super::error::PostgresError;
use super::session::PostgresSession;
use super::settings::ConnectionSettings;

/// After a failure, further ones within this time are not waited for.
const RETRY_AFTER: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub struct Connector {
    settings: ConnectionSettings,
    session: Option<PostgresSession>,
    /// When it failed last, and why.
    failed: Option<(Instant, String)>,
}

impl Connector {
    pub fn new(settings: ConnectionSettings) -> Self {
        Self {
            settings,
            session: None,
            failed: None,
        }
    }

    /// The connection, opened again if it has broken.
    pub async fn session(&mut self) -> Result<&PostgresSession, PostgresError> {
        let usable = self
            .session
            .as_ref()
            .is_some_and(|session| !session.is_closed());
        if !usable {
            self.session = None;
            if let Some((at, why)) = &self.failed
                && at.elapsed() < RETRY_AFTER
            {
                return Err(PostgresError::Failed(why.clone()));
            }
            match connect(&self.settings).await {
                Ok(session) => {
                    self.session = Some(session);
                    self.failed = None;
                }
                Err(error) => {
                    let why = error.to_string();
                    self.failed = Some((Instant::now(), why.clone()));
                    return Err(PostgresError::Failed(why));
                }
            }
        }
        let missing = || PostgresError::Failed("there is no connection".to_owned());
        self.session.as_ref().ok_or_else(missing)
    }

    /// Ends a transaction after an error. A connection that has broken, or that does not answer, is given up.
    pub async fn roll_back(&mut self, error: &PostgresError) {
        let usable = match error {
            PostgresError::Timeout => None,
            _ => self.session.as_ref().filter(|session| !session.is_closed()),
        };
        let done = match usable {
            Some(session) => session.plain("ROLLBACK").await,
            None => Err(PostgresError::Timeout),
        };
        if done.is_err() {
            self.session = None;
        }
    }

    pub fn is_connected(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| !session.is_closed())
    }
}
