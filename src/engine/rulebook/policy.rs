//! Checks at load time which sources have no event id or no handshake, and which targets and programs of the rules the configuration would deny. No name is resolved:
//! it may resolve differently when the request is sent.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::action::command::allowlist::ProgramAllowlist;
use crate::action::command::sandbox;
use crate::action::preflight::PreflightIssue;
use flowtrigger_core::config::Config;
use flowtrigger_core::config::handshake;
use flowtrigger_core::config::mode::Mode;
use flowtrigger_core::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use flowtrigger_core::egress::EgressForecast;
use flowtrigger_core::flow::call::{ExecTemplate, HttpTemplate};
use flowtrigger_core::flow::step::Step;
use flowtrigger_core::matching::rule_set::RuleSet;

/// The programs that may run; None if all may.
pub fn programs(config: &Config) -> Option<ProgramAllowlist> {
    let file = Path::new(&*config.source.file);
    let folder = file.parent().filter(|folder| *folder != Path::new(""));
    ProgramAllowlist::from_config(&config.commands, folder.unwrap_or(Path::new(".")))
}

/// Logs what holds only while there is no configuration.
pub fn log_policy(config: &Config) {
    if config.outgoing.unconfigured {
        tracing::info!(
            "there is no flowtrigger.yaml yet: requests may reach this machine itself; with one, \
             only what `outgoing.allow` lists beside the public internet"
        );
    }
}

/// Reports sources of whose equal bodies only the first is an event, and those whose senders check the address in vain.
pub fn check_sources(config: &Config, diagnostics: &mut Diagnostics) {
    for source in config.sources.values() {
        let preset = source.verification.as_ref();
        let preset = preset.map(|verification| verification.scheme.as_str());
        let handshake = preset.and_then(handshake::of_sender);
        if let (Some(handshake), None) = (handshake, &source.handshake) {
            let message = format!(
                "the source `{}` has no `handshake`: its sender checks the address, and sends nothing if the check is not answered",
                source.name
            );
            let help = format!("add `handshake: {handshake}`");
            let warning = Diagnostic::warning(Code::NoHandshake, source.at, message);
            diagnostics.push(warning.help(help));
        }
    }
    let sources = config.sources.values();
    for source in sources.filter(|source| source.has_no_event_id()) {
        let message = format!(
            "the source `{}` has no `id`: of equal bodies within 10 minutes, only the first is an event",
            source.name
        );
        let help = "name what identifies an event: `id: PATH` in the body, `id: header.NAME` for a header, or `id: none` if every request is an event of its own";
        diagnostics.push(Diagnostic::warning(Code::NoEventId, source.at, message).help(help));
    }
}

/// Reports what the configuration denies to rules. A denied program is an error; what may differ on the machine
/// that executes the rule is a warning.
pub fn check_rules(rules: &RuleSet, config: &Config, diagnostics: &mut Diagnostics) {
    let mut check = PolicyCheck {
        config,
        programs: programs(config),
        denials: HashMap::new(),
        reported: BTreeSet::new(),
        diagnostics,
    };
    for rule in &rules.rules {
        for step in rule.steps() {
            if let Some(http) = step.action.request().filter(|_| rule.mode == Mode::Live) {
                check.request(http, step);
            }
            if let Some(exec) = step.action.command() {
                check.command(exec, step);
            }
        }
    }
    check_links(rules, config, diagnostics);
}

/// Reports the first step whose link people may not reach.
fn check_links(rules: &RuleSet, config: &Config, diagnostics: &mut Diagnostics) {
    if config.listen.public_url.is_some() {
        return;
    }
    let mut steps = rules.rules.iter().flat_map(|rule| rule.steps());
    if let Some(step) = steps.find(|step| step.asks()) {
        let message = "the links of answers begin with the address of the listener, which may not be the one that people reach";
        let help = "set `public_url` under `listen` in flowtrigger.yaml: `public_url: https://hooks.example.com`";
        diagnostics.push(Diagnostic::warning(Code::NoPublicUrl, step.at, message).help(help));
    }
}

struct PolicyCheck<'j> {
    config: &'j Config,
    programs: Option<ProgramAllowlist>,
    /// The result per program and folder, since many rules run the same.
    denials: HashMap<(String, String), Option<PreflightIssue>>,
    /// Steps that several rules share are reported once.
    reported: BTreeSet<(Span, String)>,
    diagnostics: &'j mut Diagnostics,
}

impl PolicyCheck<'_> {
    fn request(&mut self, http: &HttpTemplate, step: &Step) {
        let seen = self.config.outgoing.forecast(http.url.beginning());
        if let Some(EgressForecast::Refused(refused)) = seen {
            let message = format!("requests would not be sent: {refused}");
            let warning = Diagnostic::warning(Code::RefusedTarget, step.at, message);
            self.report_once(warning.help(refused.help()));
        }
    }

    fn command(&mut self, exec: &ExecTemplate, step: &Step) {
        if let Some(PreflightIssue { what, help }) = self.program_refusal(exec) {
            self.report_once(Diagnostic::error(Code::RefusedProgram, step.at, what).help(help));
        }
        let names = exec.env.iter().map(|(name, _)| name);
        let programs = self.programs.iter();
        let denied: Vec<_> = programs
            .flat_map(|programs| {
                names
                    .clone()
                    .filter_map(|name| programs.check_variable(name))
            })
            .collect();
        for PreflightIssue { what, help } in denied {
            self.report_once(Diagnostic::error(Code::RefusedProgram, step.at, what).help(help));
        }
        let confinement = exec.confine.as_deref();
        for PreflightIssue { what, help } in confinement.map(sandbox::warnings).unwrap_or_default()
        {
            let message = format!("the command would not start here: {what}");
            self.report_once(Diagnostic::warning(Code::Unconfinable, step.at, message).help(help));
        }
    }

    fn program_refusal(&mut self, exec: &ExecTemplate) -> Option<PreflightIssue> {
        let programs = self.programs.as_ref()?;
        let name = exec.argv.first()?;
        // A name with a template is checked when the step runs.
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
            && let Some(known) = self.denials.get(&key)
        {
            return known.clone();
        }
        let folder = std::path::absolute(&exec.cwd).unwrap_or_else(|_| exec.cwd.clone().into());
        let denial = programs.check(name.source(), &folder, path.as_deref());
        if own.is_none() {
            self.denials.insert(key, denial.clone());
        }
        denial
    }

    fn report_once(&mut self, found: Diagnostic) {
        if self.reported.insert((found.at, found.message.clone())) {
            self.diagnostics.push(found);
        }
    }
}
