//! The rules that a replay plans with, and who executes its runs.

use std::sync::Arc;

use jiff::Timestamp;

use crate::engine::Rulebook;
use crate::report::dry_run::plan_flow;
use crate::report::time_argument::seconds;
use crate::store::RevisionId;
use flowtrigger_core::config::Config;
use flowtrigger_core::flow::plan::PlanStep;
use flowtrigger_core::flow::simulate::Mocks;
use flowtrigger_core::matching::evaluation::Evaluation;
use flowtrigger_core::rule::Rule;

/// The rules that a replay plans with.
pub struct CurrentRules {
    pub book: Arc<Rulebook>,
    pub origin: RulesOrigin,
    /// Whether the rule files have other texts than the loaded rules.
    pub files_differ: bool,
}

/// Whose rules a replay uses, and who executes its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RulesOrigin {
    /// The running daemon.
    Daemon {
        revision: RevisionId,
        since: Option<Timestamp>,
    },
    /// The store that daemons share, which execute the runs.
    Store {
        revision: RevisionId,
        since: Option<Timestamp>,
    },
    /// The files of the rules; the next daemon executes the runs.
    Files,
}

impl RulesOrigin {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            RulesOrigin::Daemon { .. } | RulesOrigin::Store { .. } => "daemon",
            RulesOrigin::Files => "next_daemon",
        }
    }

    pub fn describe(self) -> String {
        match self {
            RulesOrigin::Daemon { since: None, .. } | RulesOrigin::Store { since: None, .. } => {
                "the rules that the daemon has loaded".into()
            }
            RulesOrigin::Daemon {
                since: Some(since), ..
            } => format!("the rules that the daemon loaded at {}", seconds(since)),
            RulesOrigin::Store {
                since: Some(since), ..
            } => format!("the rules that a daemon loaded last, at {}", seconds(since)),
            RulesOrigin::Files => "the rules of the files".into(),
        }
    }
}

/// What a run would send, as `dry-run` plans it.
pub fn first_plan<'r>(
    rule: &'r Rule,
    evaluation: &'r Evaluation<'_>,
    config: &Config,
) -> Vec<PlanStep<'r>> {
    plan_flow(rule, evaluation, (&Mocks::new(), config))
}
