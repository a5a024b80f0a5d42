//! Limits concurrent runs, in total and per host. Runs that wait for a slow host do not hold permits that runs
//! to other hosts need.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use flowtrigger_core::flow::call::Call;

/// Runs that wait in memory for a permit of a host. Further runs go back to the store.
const MAX_WAITING_RUNS: usize = 64;
/// Above this number, hosts without requests are forgotten.
const MAX_HOSTS: usize = 1_000;

/// A permit; released when dropped.
pub type Permit = OwnedSemaphorePermit;

#[derive(Debug)]
pub struct ConcurrencyLimits {
    all: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The answer to a call that wants to start.
#[derive(Debug)]
pub enum HostAdmission {
    /// It may start, with the permit of its host, if it has one.
    Open(Option<Permit>),
    /// The host has no free permit; the call may wait.
    Taken(HostQueue),
    /// Too many runs wait already.
    Full,
}

/// A position in the queue of a host.
#[derive(Debug)]
pub struct HostQueue {
    host: Arc<Semaphore>,
    _waiting: Permit,
}

impl ConcurrencyLimits {
    pub fn new(all: usize, per_host: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.max(1))),
            waiting: Arc::new(Semaphore::new(MAX_WAITING_RUNS)),
            per_host: per_host.max(1),
            hosts: Mutex::default(),
        }
    }

    /// All free permits for runs.
    pub fn free(&self) -> Vec<Permit> {
        std::iter::from_fn(|| Arc::clone(&self.all).try_acquire_owned().ok()).collect()
    }

    pub fn has_free(&self) -> bool {
        self.all.available_permits() > 0
    }

    /// A permit for a run that released its own. The semaphore is never closed.
    pub async fn reacquire(&self) -> Option<Permit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    pub fn enter(&self, call: &Call) -> HostAdmission {
        let Some(host) = host(call) else {
            return HostAdmission::Open(None);
        };
        let host = self.host(host);
        if let Ok(place) = Arc::clone(&host).try_acquire_owned() {
            return HostAdmission::Open(Some(place));
        }
        match Arc::clone(&self.waiting).try_acquire_owned() {
            Ok(waiting) => HostAdmission::Taken(HostQueue {
                host,
                _waiting: waiting,
            }),
            Err(_) => HostAdmission::Full,
        }
    }

    fn host(&self, name: String) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MAX_HOSTS {
            hosts.retain(|_, places| Arc::strong_count(places) > 1);
        }
        let places = hosts
            .entry(name)
            .or_insert_with(|| Arc::new(Semaphore::new(self.per_host)));
        Arc::clone(places)
    }
}

impl HostQueue {
    pub async fn acquire(self) -> Option<Permit> {
        self.host.acquire_owned().await.ok()
    }
}

/// `host:port` of a request. It is read from the redacted URL: a secret in the path does not hide the host.
fn host(call: &Call) -> Option<String> {
    let Call::Http(call) = call else { return None };
    let shown = call.url.to_string();
    let (_, rest) = shown.split_once("://")?;
    let Ok(url) = Url::parse(&shown) else {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        return Some(rest[..end].to_owned());
    };
    let port = url.port_or_known_default().unwrap_or_default();
    Some(format!("{}:{port}", url.host_str().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use flowtrigger_core::flow::call::{ExpectedStatus, HttpCall, KeepOutput};
    use flowtrigger_core::language::rendered_text::{RenderedText, SecretEncoding, TextPart};

    fn call(url: RenderedText) -> Call {
        Call::Http(HttpCall {
            method: "GET".into(),
            url,
            connection: None,
            headers: vec![],
            body: None,
            auth: None,
            timeout: Duration::ZERO,
            redirects: 0,
            expect: ExpectedStatus::default(),
            keep: KeepOutput::Body,
        })
    }

    fn to(url: &str) -> Call {
        call(RenderedText::plain(url))
    }

    #[test]
    fn a_host_is_known_by_name_and_port() {
        for (url, expected) in [
            ("https://A.example/x", Some("a.example:443")),
            ("http://u:p@a.example:81/x@y", Some("a.example:81")),
            ("http://[::1]/", Some("[::1]:80")),
            ("outbox:note", None),
        ] {
            assert_eq!(host(&to(url)).as_deref(), expected, "{url}");
        }
        let secret = TextPart::Secret {
            name: "HOOK".into(),
            encoding: SecretEncoding::Plain,
        };
        let hidden = RenderedText(vec![TextPart::Text("https://a.example/".into()), secret]);
        assert_eq!(host(&call(hidden)).as_deref(), Some("a.example:443"));
    }

    #[test]
    fn each_host_has_its_own_permits() {
        let places = ConcurrencyLimits::new(4, 1);
        let HostAdmission::Open(Some(first)) = places.enter(&to("http://a.example/1")) else {
            panic!("no place");
        };
        let waiting: Vec<HostAdmission> = (0..MAX_WAITING_RUNS)
            .map(|_| places.enter(&to("http://a.example/2")))
            .collect();
        assert!(
            waiting
                .iter()
                .all(|entry| matches!(entry, HostAdmission::Taken(_)))
        );
        let other = to("http://b.example/");
        assert!(matches!(places.enter(&other), HostAdmission::Open(Some(_))));
        assert!(matches!(
            places.enter(&to("http://a.example/3")),
            HostAdmission::Full
        ));
        drop((first, waiting));
        let free = places.enter(&to("http://a.example/4"));
        assert!(matches!(free, HostAdmission::Open(Some(_))));
    }

    #[test]
    fn permits_for_runs_are_counted() {
        let places = ConcurrencyLimits::new(2, 1);
        let taken = places.free();
        assert_eq!((taken.len(), places.free().len()), (2, 0));
        drop(taken);
        assert!(places.has_free());
    }
}
