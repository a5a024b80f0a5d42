//! What the configuration lets rules reach and run, held against the rules before any event comes.
//! It refuses to ask the network: a name may lead elsewhere by the time a request is sent.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::action::command::allowlist::ProgramAllowlist;
use crate::action::command::sandbox;
use crate::action::preflight::PreflightIssue;
use crate::core::config::Config;
use crate::core::config::Mode;
use crate::core::diagnostic::{Code, Diagnostic, Diagnostics, Position};
use crate::core::egress::Foresight;
use crate::core::flow::step::{Action, Exec, Http, Step};
use crate::core::matching::ruleset::RuleSet;

/// The programs that may run; None for any.
pub fn programs(config: &Config) -> Option<ProgramAllowlist> {
    let file = Path::new(&*config.source.file);
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    ProgramAllowlist::from_config(&config.commands, folder.unwrap_or(Path::new(".")))
}

/// Tells what holds only as long as nobody has configured anything.
pub fn tell(config: &Config) {
    if config.outgoing.unconfigured {
        tracing::info!(
            "there is no flowtrigger.yaml yet: requests may reach this machine itself; with one, \
             only what `outgoing.allow` lists beside the public internet"
        );
    }
}

/// Reports what rules ask for and would not get: a program that may not run is an error, what may be
/// otherwise on the machine that acts is a warning.
pub fn judge(rules: &RuleSet, config: &Config, diagnostics: &mut Diagnostics) {
    let mut judge = Judge {
        config,
        programs: programs(config),
        refusals: HashMap::new(),
        told: BTreeSet::new(),
        diagnostics,
    };
    for rule in &rules.rules {
        for step in rule.steps() {
            match &step.action {
                Action::Http(http) if rule.mode == Mode::Live => judge.request(http, step),
                Action::Exec(exec) => judge.command(exec, step),
                Action::Http(_)
                | Action::When(_)
                | Action::Set(_)
                | Action::Jq(_)
                | Action::Config(_)
                | Action::Choose(_)
                | Action::Each(_)
                | Action::Wait(_)
                | Action::Flow(_)
                | Action::Succeed(_)
                | Action::Fail(_) => {}
            }
        }
    }
}

struct Judge<'j> {
    config: &'j Config,
    programs: Option<ProgramAllowlist>,
    /// What was found of each program and folder: many rules run the same.
    refusals: HashMap<(String, String), Option<PreflightIssue>>,
    /// Steps that several rules share are told of once.
    told: BTreeSet<(Position, String)>,
    diagnostics: &'j mut Diagnostics,
}

impl Judge<'_> {
    fn request(&mut self, http: &Http, step: &Step) {
        let seen = self.config.outgoing.foresee(http.url.beginning());
        if let Some(Foresight::Refused(refused)) = seen {
            let message = format!("requests would not be sent: {refused}");
            let warning = Diagnostic::warning(Code::RefusedTarget, step.at, message);
            self.tell(warning.help(refused.help()));
        }
    }

    fn command(&mut self, exec: &Exec, step: &Step) {
        if let Some(PreflightIssue { what, help }) = self.refusal(exec) {
            self.tell(Diagnostic::error(Code::RefusedProgram, step.at, what).help(help));
        }
        let confinement = exec.confine.as_deref();
        for PreflightIssue { what, help } in confinement.map(sandbox::warnings).unwrap_or_default()
        {
            let message = format!("the command would not start here: {what}");
            self.tell(Diagnostic::warning(Code::Unconfinable, step.at, message).help(help));
        }
    }

    fn refusal(&mut self, exec: &Exec) -> Option<PreflightIssue> {
        let programs = self.programs.as_ref()?;
        let name = exec.argv.first()?;
        // What is put in when the step runs is judged then.
        if name.beginning().len() < name.source().len() {
            return None;
        }
        let own = exec.env.iter().rfind(|(name, _)| name == "PATH");
        let path = match own {
            Some((_, path)) => Some(path.source().to_owned()),
            None => std::env::var("PATH").ok(),
        };
        let key = (name.source().to_owned(), exec.cwd.clone());
        if own.is_none()
            && let Some(known) = self.refusals.get(&key)
        {
            return known.clone();
        }
        let folder = std::path::absolute(&exec.cwd).unwrap_or_else(|_| exec.cwd.clone().into());
        let refusal = programs.check(name.source(), &folder, path.as_deref());
        if own.is_none() {
            self.refusals.insert(key, refusal.clone());
        }
        refusal
    }

    fn tell(&mut self, found: Diagnostic) {
        if self.told.insert((found.at, found.message.clone())) {
            self.diagnostics.push(found);
        }
    }
}
