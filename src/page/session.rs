//! Who is signed in: one-time login links, sessions in memory, and the roles of both. A token is random, is kept as
//! its hash alone, and ends after a time.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::crypto::ring::default_provider;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::page_error::PageError;

/// How long a login link can be used.
pub const LOGIN_TIME: Duration = Duration::from_secs(600);
/// How long a session lasts.
pub const SESSION_TIME: Duration = Duration::from_secs(12 * 3_600);
/// Sessions and unused login links: more than a team needs, and few enough to keep in memory.
const MAX_TOKENS: usize = 1_000;
const TOKEN_BYTES: usize = 32;

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See every page.
    Read,
    /// Also retry, replay and cancel.
    Act,
}

/// How a person became a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignIn {
    /// By access to the administrative socket.
    Socket,
    /// A trusted proxy names the user.
    Proxy,
    /// With a login link or a secret.
    Session,
}

/// A person on the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PageUser {
    /// The name under which commands are logged.
    pub name: String,
    pub role: Role,
    pub sign_in: SignIn,
}

impl PageUser {
    /// # Errors
    /// If the user may only read.
    pub fn require_act(&self) -> Result<(), PageError> {
        match self.role {
            Role::Act => Ok(()),
            Role::Read => Err(PageError::forbidden()),
        }
    }
}

/// Why a login fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// No such link was made, or the daemon restarted since.
    Unknown,
    /// The link was used before.
    Used,
    /// The link is older than [`LOGIN_TIME`].
    Expired,
}

/// All sessions and login links.
#[derive(Debug, Default)]
pub struct Sessions {
    logins: Mutex<HashMap<TokenHash, Login>>,
    sessions: Mutex<HashMap<TokenHash, Session>>,
}

/// Two tokens with the same hash cannot be found, and from the hash no token.
type TokenHash = [u8; 32];

#[derive(Debug)]
struct Login {
    user: PageUser,
    made: Instant,
    used: bool,
}

#[derive(Debug)]
struct Session {
    user: PageUser,
    since: Instant,
}

impl Sessions {
    /// The token of a new login link.
    pub fn make_login(&self, user: PageUser, now: Instant) -> String {
        let token = new_token();
        let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
        // Used and expired links are kept for a while, so that the page can say why they fail.
        logins.retain(|_, login| now.duration_since(login.made) < SESSION_TIME);
        make_room(&mut logins, |login| login.made);
        logins.insert(
            hash(&token),
            Login {
                user,
                made: now,
                used: false,
            },
        );
        token
    }

    /// Uses a login link, and returns the token of the session that it starts.
    pub fn log_in(&self, token: &str, now: Instant) -> Result<String, LoginError> {
        let user = {
            let mut logins = self.logins.lock().unwrap_or_else(PoisonError::into_inner);
            let login = logins.get_mut(&hash(token)).ok_or(LoginError::Unknown)?;
            match (login.used, now.duration_since(login.made) < LOGIN_TIME) {
                (true, _) => return Err(LoginError::Used),
                (false, false) => return Err(LoginError::Expired),
                (false, true) => login.used = true,
            }
            login.user.clone()
        };
        Ok(self.start(user, now))
    }

    /// Starts a session, and returns its token.
    pub fn start(&self, user: PageUser, now: Instant) -> String {
        let token = new_token();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| now.duration_since(session.since) < SESSION_TIME);
        make_room(&mut sessions, |session| session.since);
        sessions.insert(hash(&token), Session { user, since: now });
        token
    }

    /// The user of a session that has not ended.
    pub fn user(&self, token: &str, now: Instant) -> Option<PageUser> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(&hash(token))?;
        let lasts = now.duration_since(session.since) < SESSION_TIME;
        lasts.then(|| session.user.clone())
    }

    /// Ends a session.
    pub fn log_out(&self, token: &str) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.remove(&hash(token));
    }
}

/// Removes the oldest entry if there is no room for one more.
fn make_room<T>(entries: &mut HashMap<TokenHash, T>, time: impl Fn(&T) -> Instant) {
    if entries.len() < MAX_TOKENS {
        return;
    }
    let oldest = entries.iter().min_by_key(|(_, entry)| time(entry));
    if let Some(key) = oldest.map(|(key, _)| *key) {
        entries.remove(&key);
    }
}

/// Random letters and digits that cannot be guessed.
pub fn new_token() -> String {
    let mut bytes = [0; TOKEN_BYTES];
    default_provider()
        .secure_random
        .fill(&mut bytes)
        .expect("the operating system has random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A lookup by hash takes the same time however much of a guessed token is right.
fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> PageUser {
        PageUser {
            name: "ada".into(),
            role: Role::Act,
            sign_in: SignIn::Session,
        }
    }

    #[test]
    fn a_login_link_works_once_and_for_ten_minutes() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let link = sessions.make_login(user(), start);
        let session = sessions.log_in(&link, start).unwrap();
        assert_eq!(sessions.user(&session, start), Some(user()));
        assert_eq!(sessions.log_in(&link, start), Err(LoginError::Used));
        assert_eq!(sessions.log_in("guess", start), Err(LoginError::Unknown));
        let late = sessions.make_login(user(), start);
        let expired = sessions.log_in(&late, start + LOGIN_TIME);
        assert_eq!(expired, Err(LoginError::Expired));
    }

    #[test]
    fn a_session_ends_with_time_and_on_sign_out() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let (one, two) = (sessions.start(user(), start), sessions.start(user(), start));
        assert_ne!(one, two);
        sessions.log_out(&one);
        assert_eq!(sessions.user(&one, start), None);
        assert_eq!(sessions.user(&two, start), Some(user()));
        assert_eq!(sessions.user(&two, start + SESSION_TIME), None);
    }

    #[test]
    fn sessions_are_bounded_and_the_oldest_ends_first() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let first = sessions.start(user(), start);
        for number in 0..MAX_TOKENS as u64 {
            sessions.start(user(), start + Duration::from_millis(number + 1));
        }
        assert_eq!(sessions.user(&first, start), None);
        let held = sessions.sessions.lock().unwrap().len();
        assert_eq!(held, MAX_TOKENS);
    }
}
