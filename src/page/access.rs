//! Decides who sends a request: the administrative socket, a user that a trusted proxy names, or a session.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;
use subtle::ConstantTimeEq;

use super::session::{PageUser, Role, Sessions, SignIn};
use crate::source::http::{Peer, Transport};
use flowtrigger_core::config::UserHeader;
use flowtrigger_core::secret::SecretValue;

/// The name of the session cookie.
pub const COOKIE: &str = "flowtrigger_session";
/// The name of a user of the administrative socket.
const SOCKET_USER: &str = "socket";
/// Characters of a user name that are kept.
const MAX_NAME: usize = 100;

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOrigin {
    /// The administrative socket, which checks the process at its other end.
    Socket,
    Network(SocketAddr),
}

/// A secret with which people sign in.
pub struct SignInSecret {
    pub name: String,
    pub value: SecretValue,
    pub role: Role,
}

/// All ways to become a user.
#[derive(Default)]
pub struct Access {
    pub sessions: Sessions,
    pub secrets: Vec<SignInSecret>,
    pub user_header: Option<UserHeader>,
    /// The proxies that may set `user_header` and say who sends a request.
    pub trusted_proxies: Vec<IpNet>,
}

impl Access {
    /// The user of a request; `None` if nobody is signed in.
    pub fn user(&self, request: &Request) -> Option<PageUser> {
        let connection = request.extensions().get::<RequestOrigin>()?;
        let headers = request.headers();
        let session = || self.sessions.user(cookie(headers)?, Instant::now());
        match connection {
            // A session has a name of its own.
            RequestOrigin::Socket => session().or_else(|| {
                Some(PageUser {
                    name: SOCKET_USER.to_owned(),
                    role: Role::Act,
                    sign_in: SignIn::Socket,
                })
            }),
            RequestOrigin::Network(peer) => self.proxied(headers, *peer).or_else(session),
        }
    }

    /// The address of the sender, as trusted proxies report it. `None` on the socket.
    pub fn sender(&self, request: &Request) -> Option<IpAddr> {
        match request.extensions().get::<RequestOrigin>()? {
            RequestOrigin::Socket => None,
            RequestOrigin::Network(peer) => {
                Some(Peer(*peer).sender(request.headers(), &self.trusted_proxies))
            }
        }
    }

    /// Whether the daemon, or a trusted proxy, received the request over TLS.
    pub fn is_over_tls(&self, request: &Request) -> bool {
        let Some(RequestOrigin::Network(peer)) = request.extensions().get::<RequestOrigin>() else {
            return false;
        };
        if request.extensions().get::<Transport>() == Some(&Transport::Tls) {
            return true;
        }
        let scheme = request.headers().get("x-forwarded-proto");
        Peer(*peer).is_among(&self.trusted_proxies)
            && scheme.is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"))
    }

    /// The user that a trusted proxy names. The header of anybody else is nobody's name.
    fn proxied(&self, headers: &HeaderMap, peer: SocketAddr) -> Option<PageUser> {
        let header = self.user_header.as_ref()?;
        if !Peer(peer).is_among(&self.trusted_proxies) {
            return None;
        }
        let mut values = headers.get_all(header.name.as_str()).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let name = printable(value.to_str().ok()?)?;
        let role = match header.actors.contains(&name) {
            true => Role::Act,
            false => Role::Read,
        };
        Some(PageUser {
            name,
            role,
            sign_in: SignIn::Proxy,
        })
    }

    /// The role that a secret gives. Every secret is compared, so that the time says nothing.
    pub fn role_of(&self, secret: &str) -> Option<Role> {
        let mut role = None;
        for known in &self.secrets {
            let same = known.value.expose().as_bytes().ct_eq(secret.as_bytes());
            if bool::from(same) {
                role = role.max(Some(known.role));
            }
        }
        role
    }
}

/// A name without characters that could disturb a log; `None` if nothing is left.
pub fn printable(name: &str) -> Option<String> {
    let name: String = name
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME)
        .collect();
    (!name.is_empty()).then_some(name)
}

/// The session token of a request.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == COOKIE).then_some(value))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn access() -> Access {
        Access {
            user_header: Some(UserHeader {
                name: "x-user".into(),
                actors: vec!["ada".into()],
            }),
            trusted_proxies: vec!["10.0.0.1".parse::<IpAddr>().unwrap().into()],
            secrets: [("READ", "r", Role::Read), ("ACT", "a", Role::Act)]
                .map(|(name, value, role)| SignInSecret {
                    name: name.into(),
                    value: SecretValue::new(value),
                    role,
                })
                .into(),
            ..Access::default()
        }
    }

    fn user(
        access: &Access,
        connection: RequestOrigin,
        headers: &[(&str, &str)],
    ) -> Option<PageUser> {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(connection);
        access.user(&request)
    }

    #[test]
    fn only_a_trusted_proxy_names_users() {
        let access = access();
        let from = |ip: &str| RequestOrigin::Network(format!("{ip}:9").parse().unwrap());
        let role =
            |ip, headers: &[(&str, &str)]| user(&access, from(ip), headers).map(|user| user.role);
        assert_eq!(role("10.0.0.1", &[("x-user", "ada")]), Some(Role::Act));
        assert_eq!(role("10.0.0.1", &[("x-user", "bob")]), Some(Role::Read));
        for (ip, headers) in [
            ("10.0.0.2", &[("x-user", "ada")][..]),
            ("127.0.0.1", &[("x-user", "ada")]),
            ("10.0.0.1", &[]),
            ("10.0.0.1", &[("x-user", " ")]),
            ("10.0.0.1", &[("x-user", "bob"), ("x-user", "ada")]),
        ] {
            assert_eq!(role(ip, headers), None, "{ip} {headers:?}");
        }
        let socket = user(&access, RequestOrigin::Socket, &[]).map(|user| user.role);
        assert_eq!(socket, Some(Role::Act));
    }

    #[test]
    fn a_session_is_found_among_other_cookies() {
        let access = access();
        let owner = PageUser {
            name: "ada".into(),
            role: Role::Read,
            sign_in: SignIn::Session,
        };
        let token = access.sessions.start(owner.clone(), Instant::now());
        let from = RequestOrigin::Network("127.0.0.1:9".parse().unwrap());
        let cookies = format!("a=b; {COOKIE}={token}; c");
        assert_eq!(user(&access, from, &[("cookie", &cookies)]), Some(owner));
        let on_socket = user(&access, RequestOrigin::Socket, &[("cookie", &cookies)]);
        assert_eq!(on_socket.map(|user| user.name), Some("ada".into()));
        let wrong = format!("{COOKIE}=0{token}");
        assert_eq!(user(&access, from, &[("cookie", &wrong)]), None);
    }

    #[test]
    fn only_a_trusted_proxy_says_who_sends_and_how() {
        let access = access();
        for (ip, sender, tls) in [
            ("10.0.0.1", "203.0.113.9", true),
            ("10.0.0.2", "10.0.0.2", false),
        ] {
            let request = Request::builder()
                .header("x-forwarded-for", "203.0.113.9")
                .header("x-forwarded-proto", "https");
            let mut request = request.body(Body::empty()).unwrap();
            let from = RequestOrigin::Network(format!("{ip}:9").parse().unwrap());
            request.extensions_mut().insert(from);
            assert_eq!(access.sender(&request), sender.parse().ok());
            assert_eq!(access.is_over_tls(&request), tls, "{ip}");
        }
    }

    #[test]
    fn a_secret_gives_its_role() {
        let access = access();
        assert_eq!(access.role_of("a"), Some(Role::Act));
        assert_eq!(access.role_of("r"), Some(Role::Read));
        assert_eq!(access.role_of(""), None);
        assert_eq!(printable(" a\u{1b}b\n"), Some("ab".into()));
    }
}
