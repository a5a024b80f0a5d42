//! Makes one-time login links, on the administrative socket alone: `flowtrigger page` asks for one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::info;

use super::PageState;
use super::access::printable;
use super::answer;
use super::session::{LOGIN_TIME, PageUser, Role, SignIn};
use crate::source::admin::AdminApi;
use flowtrigger_core::config::PageSettings;

/// Whom a link signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginRequest {
    pub name: String,
    pub role: Role,
}

/// A link, if the page has an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginLink {
    /// `None` if the page is served on the socket alone, where nobody has to sign in.
    pub url: Option<String>,
    pub name: String,
    pub role: Role,
    /// Until when the link can be used.
    pub expires: Option<Timestamp>,
}

pub fn routes<A: AdminApi>() -> Router<Arc<PageState<A>>> {
    Router::new().route("/login-links", post(make::<A>))
}

async fn make<A: AdminApi>(State(state): State<Arc<PageState<A>>>, body: Bytes) -> Response {
    let request = match serde_json::from_slice::<LoginRequest>(&body) {
        Ok(request) => request,
        Err(error) => return failed(&error.to_string()),
    };
    let Some(name) = printable(&request.name) else {
        return failed("the name is empty");
    };
    let role = request.role;
    let link = match state.address {
        None => LoginLink {
            url: None,
            name,
            role,
            expires: None,
        },
        Some(address) => {
            info!(user = %name, ?role, "login link for the page made");
            let user = PageUser {
                name: name.clone(),
                role,
                sign_in: SignIn::Session,
            };
            let token = state.access.sessions.make_login(user, Instant::now());
            LoginLink {
                url: Some(format!(
                    "{}/login?token={token}",
                    base_url(address, &state.settings)
                )),
                name,
                role,
                expires: expiry(LOGIN_TIME),
            }
        }
    };
    answer::json(StatusCode::OK, &json!(link))
}

fn expiry(after: Duration) -> Option<Timestamp> {
    let expires = Timestamp::now().checked_add(after).ok()?;
    Timestamp::from_second(expires.as_second()).ok()
}

fn failed(why: &str) -> Response {
    answer::json(StatusCode::BAD_REQUEST, &json!({ "error": why }))
}

/// Where browsers open the page. A certificate is for a name, not for an address.
fn base_url(address: SocketAddr, settings: &PageSettings) -> String {
    let port = address.port();
    match (&settings.tls, settings.hosts.first()) {
        (None, _) => format!("http://{}", reachable(address)),
        (Some(_), Some(host)) => format!("https://{host}:{port}"),
        (Some(_), None) => format!("https://{}", reachable(address)),
    }
}

/// An address that a browser on this machine can open: `0.0.0.0` is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowtrigger_core::config::tls::ServerTls;

    #[test]
    fn a_link_to_a_page_with_a_certificate_has_its_name() {
        let address = "0.0.0.0:8443".parse().unwrap();
        let mut settings = PageSettings {
            hosts: vec!["desk.example.com".into()],
            ..PageSettings::default()
        };
        assert_eq!(base_url(address, &settings), "http://127.0.0.1:8443");
        settings.tls = Some(ServerTls::default());
        assert_eq!(
            base_url(address, &settings),
            "https://desk.example.com:8443"
        );
        settings.hosts.clear();
        assert_eq!(base_url(address, &settings), "https://127.0.0.1:8443");
    }

    #[test]
    fn a_link_leads_to_an_address_that_browsers_can_open() {
        for (listening, link) in [
            ("0.0.0.0:8081", "127.0.0.1:8081"),
            ("[::]:8081", "[::1]:8081"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let address = reachable(listening.parse().unwrap());
            assert_eq!(address.to_string(), link);
        }
    }
}
