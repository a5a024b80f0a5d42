//! Takes the sockets that the service manager opened before it started the daemon (socket activation).
//! They stay open while the daemon restarts: connections wait meanwhile, and none is refused.

use std::net::TcpListener;
use std::sync::Arc;

use listenfd::ListenFd;

/// The names of the sockets, separated by colons. Without it, there is only the one for events.
const NAMES: &str = "LISTEN_FDNAMES";
/// What some service managers call a socket without a name.
const UNNAMED: &str = "unknown";

const EVENTS: &str = "events";
const PAGE: &str = "page";

/// The sockets that the service manager opened; empty if the daemon opens its own.
#[derive(Debug, Clone, Default)]
pub struct ActivatedSockets {
    pub events: Option<Arc<TcpListener>>,
    pub page: Option<Arc<TcpListener>>,
}

/// Why a socket of the service manager cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    #[error(
        "unknown socket `{0}` from the service manager; set `FileDescriptorName=` in its socket unit to `events` or `page`"
    )]
    UnknownName(String),
    #[error(
        "several sockets for `{0}` from the service manager; keep one `ListenStream=` in its socket unit"
    )]
    Several(&'static str),
    #[error(
        "failed to use the socket `{name}` from the service manager: {why}; write `ListenStream=` with a port, or an address and a port, in its socket unit"
    )]
    NotTcp { name: String, why: std::io::Error },
}

impl ActivatedSockets {
    /// Takes the sockets from the environment. Call it once, before other threads start: it removes the variables, and the
    /// commands of steps inherit no socket.
    ///
    /// # Errors
    /// If a socket has an unknown name, a name that another one has, or does not accept TCP connections.
    pub fn take() -> Result<Self, ActivationError> {
        let mut given = ListenFd::from_env();
        let names = std::env::var(NAMES).unwrap_or_default();
        let mut sockets = Self::default();
        for (index, name) in names_of(&names, given.len()).into_iter().enumerate() {
            let (place, name) = match name {
                EVENTS => (&mut sockets.events, EVENTS),
                PAGE => (&mut sockets.page, PAGE),
                other => return Err(ActivationError::UnknownName(other.to_owned())),
            };
            let listener = given.take_tcp_listener(index);
            let listener = listener.map_err(|why| ActivationError::NotTcp {
                name: name.to_owned(),
                why,
            })?;
            if let Some(listener) = listener
                && place.replace(Arc::new(listener)).is_some()
            {
                return Err(ActivationError::Several(name));
            }
        }
        Ok(sockets)
    }
}

/// The name of each socket. One without a name is for events.
fn names_of(names: &str, count: usize) -> Vec<&str> {
    let given = names.split(':').chain(std::iter::repeat(""));
    let named = given.take(count).map(|name| match name {
        "" | UNNAMED => EVENTS,
        name => name,
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_without_a_name_is_for_events() {
        assert_eq!(names_of("", 0), [""; 0]);
        assert_eq!(names_of("", 1), ["events"]);
        assert_eq!(names_of("unknown", 1), ["events"]);
        assert_eq!(names_of("page:events", 2), ["page", "events"]);
        assert_eq!(names_of("page", 2), ["page", "events"]);
        assert_eq!(names_of("metrics:page", 1), ["metrics"]);
    }
}
