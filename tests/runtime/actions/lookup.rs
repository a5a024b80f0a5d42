//! A name resolver whose answers a test chooses one by one, and which records the names. Other names are not
//! found; the system resolver is never used.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use flowtrigger::action::http::egress_guard::{Addresses, Resolver};

#[derive(Debug, Default)]
pub struct Names {
    answers: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    /// One answer after the other; the last one is repeated.
    pub fn new(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let parsed = |answer: &&[&str]| answer.iter().map(|a| a.parse().unwrap()).collect();
        let answers = names.iter().map(|(name, answers)| {
            let answers = answers.iter().map(parsed).collect();
            ((*name).to_owned(), answers)
        });
        Arc::new(Self {
            answers: Mutex::new(answers.collect()),
            asked: Mutex::default(),
        })
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolver for Names {
    fn addresses(&self, host: &str) -> Addresses {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.get_mut(host).and_then(|left| match left.len() {
            0 | 1 => left.front().cloned(),
            _ => left.pop_front(),
        });
        let found = answer.ok_or_else(|| io::Error::other("no such name"));
        let found = found.map(|found| found.into_iter().map(|a| SocketAddr::new(a, 0)).collect());
        Box::pin(async move { found })
    }
}
