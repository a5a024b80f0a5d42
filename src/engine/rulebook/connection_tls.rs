//! The TLS files that live rules use. Those of other connections need not exist on this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Rulebook;
use crate::action::http::ConnectionTls;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::flow::call::ClientTls;

/// The TLS files of the connections that live rules use, by the name of the connection.
pub fn used(rulebook: &Rulebook) -> Vec<ConnectionTls> {
    let live = rulebook.rules.rules.iter();
    let live = live.filter(|rule| rule.mode == Mode::Live);
    let requests = live
        .flat_map(|rule| rule.steps())
        .filter_map(|step| step.action.request());
    let found: BTreeMap<&str, &Arc<ClientTls>> = requests
        .filter_map(|request| Some((request.connection.as_deref()?, request.tls.as_ref()?)))
        .collect();
    let found = found.into_iter().map(|(name, tls)| ConnectionTls {
        name: name.to_owned(),
        tls: Arc::clone(tls),
    });
    found.collect()
}
