//! Limits concurrent runs, in total and per host. Runs that wait for a slow host do not hold permits that runs
//! to other hosts need. The limit per host is this daemon's share, and changes with the number of daemons.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::permit_holders::PermitHolders;
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
    holders: Arc<PermitHolders>,
    waiting: Arc<Semaphore>,
    hosts: Mutex<Hosts>,
}

/// The hosts with requests, and how many each may have.
#[derive(Debug)]
struct Hosts {
    per_host: usize,
    by_name: HashMap<String, Arc<Host>>,
}

/// The permits of one host.
#[derive(Debug)]
struct Host {
    permits: Arc<Semaphore>,
    /// Permits in use beyond the limit, which was lowered: they are not given out again.
    excess: Mutex<usize>,
}

/// A permit for a request to a host; released when dropped.
#[derive(Debug)]
pub struct HostPermit {
    host: Arc<Host>,
    /// `None` only while it is dropped.
    permit: Option<Permit>,
}

/// The answer to a call that wants to start.
#[derive(Debug)]
pub enum HostAdmission {
    /// It may start, with the permit of its host, if it has one.
    Open(Option<HostPermit>),
    /// The host has no free permit; the call may wait.
    Taken(HostQueue),
    /// Too many runs wait already.
    Full,
}

/// A position in the queue of a host.
#[derive(Debug)]
pub struct HostQueue {
    host: Arc<Host>,
    _waiting: Permit,
}

impl ConcurrencyLimits {
    pub fn new(all: usize, per_host: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(all.max(1))),
            holders: Arc::default(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING_RUNS)),
            hosts: Mutex::new(Hosts {
                per_host: per_host.max(1),
                by_name: HashMap::new(),
            }),
        }
    }

    /// Changes the limit of each host. Requests in flight beyond a lower limit finish, and no other starts until there
    /// are fewer than the limit.
    pub fn set_per_host(&self, per_host: usize) {
        let mut hosts = lock(&self.hosts);
        let (before, after) = (hosts.per_host, per_host.max(1));
        hosts.per_host = after;
        for host in hosts.by_name.values() {
            host.resize(before, after);
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

    /// Who holds the permits for runs.
    pub fn holders(&self) -> &Arc<PermitHolders> {
        &self.holders
    }

    pub fn enter(&self, call: &Call) -> HostAdmission {
        let Some(host) = call.host() else {
            return HostAdmission::Open(None);
        };
        let host = self.host(host);
        if let Ok(permit) = Arc::clone(&host.permits).try_acquire_owned() {
            let permit = Some(permit);
            return HostAdmission::Open(Some(HostPermit { host, permit }));
        }
        match Arc::clone(&self.waiting).try_acquire_owned() {
            Ok(waiting) => HostAdmission::Taken(HostQueue {
                host,
                _waiting: waiting,
            }),
            Err(_) => HostAdmission::Full,
        }
    }

    fn host(&self, name: String) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        if hosts.by_name.len() >= MAX_HOSTS {
            hosts.by_name.retain(|_, host| Arc::strong_count(host) > 1);
        }
        let per_host = hosts.per_host;
        let host = hosts.by_name.entry(name);
        Arc::clone(host.or_insert_with(|| Arc::new(Host::new(per_host))))
    }
}

impl Host {
    fn new(limit: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit)),
            excess: Mutex::default(),
        }
    }

    fn resize(&self, before: usize, after: usize) {
        let mut excess = lock(&self.excess);
        if after >= before {
            let more = after - before;
            let used = more.min(*excess);
            *excess -= used;
            self.permits.add_permits(more - used);
        } else {
            let fewer = before - after;
            *excess += fewer - self.permits.forget_permits(fewer);
        }
    }
}

impl Drop for HostPermit {
    fn drop(&mut self) {
        let mut excess = lock(&self.host.excess);
        let Some(permit) = self.permit.take() else {
            return;
        };
        match *excess {
            0 => drop(permit),
            _ => {
                *excess -= 1;
                permit.forget();
            }
        }
    }
}

impl HostQueue {
    pub async fn acquire(self) -> Option<HostPermit> {
        let permit = Arc::clone(&self.host.permits).acquire_owned().await.ok();
        Some(HostPermit {
            permit: Some(permit?),
            host: self.host,
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use flowtrigger_core::flow::call::{ExpectedStatus, HttpCall, KeepOutput};
    use flowtrigger_core::language::rendered_text::RenderedText;

    fn to(url: &str) -> Call {
        Call::Http(HttpCall {
            method: "GET".into(),
            url: RenderedText::plain(url),
            connection: None,
            tls: None,
            headers: vec![],
            body: None,
            auth: None,
            timeout: Duration::ZERO,
            redirects: 0,
            expect: ExpectedStatus::default(),
            keep: KeepOutput::Body,
        })
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

    #[tokio::test]
    async fn the_limit_of_a_host_changes_while_requests_are_in_flight() {
        let places = ConcurrencyLimits::new(4, 3);
        let enter = || match places.enter(&to("http://a.example/")) {
            HostAdmission::Open(place) => place,
            HostAdmission::Taken(_) | HostAdmission::Full => None,
        };
        let mut in_flight: Vec<HostPermit> = (0..3).filter_map(|_| enter()).collect();
        assert_eq!(in_flight.len(), 3);
        places.set_per_host(1);
        for left in [2, 1] {
            drop(in_flight.pop());
            assert_eq!(in_flight.len(), left);
            assert!(enter().is_none(), "{left} are in flight");
        }
        let HostAdmission::Taken(queue) = places.enter(&to("http://a.example/")) else {
            panic!("the one place is taken");
        };
        drop(in_flight.pop());
        in_flight.extend(queue.acquire().await);
        assert!(enter().is_none());
        places.set_per_host(2);
        in_flight.extend(enter());
        assert!(enter().is_none());
        places.set_per_host(1);
        places.set_per_host(3);
        in_flight.extend(enter());
        assert_eq!(in_flight.len(), 3);
        assert!(enter().is_none());
        drop(in_flight);
        let all: Vec<HostPermit> = std::iter::from_fn(enter).collect();
        assert_eq!(all.len(), 3);
        let other = std::iter::from_fn(|| match places.enter(&to("http://b.example/")) {
            HostAdmission::Open(place) => place,
            HostAdmission::Taken(_) | HostAdmission::Full => None,
        });
        assert_eq!(other.collect::<Vec<_>>().len(), 3, "also of a new host");
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
