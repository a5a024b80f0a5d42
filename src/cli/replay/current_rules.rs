//! The rules that a replay plans with: those that the running daemon has loaded, or those of the files.

use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::dry_run::plan_flow;
use crate::cli::exit::CommandError;
use crate::cli::options::GlobalOptions;
use crate::cli::replay::destination::RulesOrigin;
use crate::cli::runs::admin_client::AdminClient;
use crate::engine::Rulebook;
use crate::store::History;
use crate::store::history::PastRevision;
use flowtrigger_core::config::Config;
use flowtrigger_core::flow::plan::PlanStep;
use flowtrigger_core::flow::simulate::Mocks;
use flowtrigger_core::matching::evaluation::Evaluation;
use flowtrigger_core::rule::Rule;

/// The rules that a replay plans with.
pub struct CurrentRules {
    pub book: Rulebook,
    pub origin: RulesOrigin,
}

impl CurrentRules {
    /// The rules of the running daemon, or those of the files.
    pub fn load(
        daemon: Option<&AdminClient>,
        history: &dyn History,
        global: &GlobalOptions,
    ) -> Result<Self, CommandError> {
        if daemon.is_none() {
            return Ok(CurrentRules {
                book: global.rulebook(None)?,
                origin: RulesOrigin::Files,
            });
        }
        let revision = history.latest_revision()?.map(|found| found.id);
        let texts = match revision {
            Some(revision) => history.revision_texts(revision)?,
            None => None,
        };
        let (Some(revision), Some(texts)) = (revision, texts) else {
            let failure = CommandError::runtime("the rules of the daemon are not stored");
            return Err(failure.help("restart the daemon, and repeat the command"));
        };
        let past = PastRevision::compile_all(texts);
        if past.diagnostics.has_errors() {
            // Another version of the program has loaded them.
            return Err(CommandError::invalid(past.rules.files, past.diagnostics));
        }
        Ok(CurrentRules {
            origin: RulesOrigin::Daemon {
                revision,
                since: history.in_force_since(revision, Timestamp::now())?,
            },
            book: Rulebook {
                files: Arc::clone(&past.rules.files),
                config: past.config,
                rules: past.rules,
                ..Rulebook::default()
            },
        })
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
