//! Resolves the `confine` of a step to restrictions that this machine can apply.
//! Before the command starts, it reports every restriction that is not available.

pub mod launcher;

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::action::command::user::User;
use crate::action::preflight::PreflightIssue;
use flowtrigger_core::flow::confinement::Confinement;
use flowtrigger_core::run::call_result::CallFailure;
use launcher::{FileAccess, SandboxSpec};

/// The restrictions, and the home of the user that the command runs as.
pub(super) struct ResolvedSandbox {
    pub(super) spec: SandboxSpec,
    pub(super) home: Option<String>,
}

pub(super) fn find(
    confinement: &Confinement,
    program: &Path,
    shown: &str,
) -> Result<ResolvedSandbox, CallFailure> {
    if let Some(warning) = warnings(confinement).into_iter().next() {
        return Err(CallFailure::permanent(format!(
            "the command `{shown}` was not started: {warning}"
        )));
    }
    let user = confinement.user.as_deref().and_then(User::find);
    let changes = user.as_ref().filter(|user| user.uid != geteuid().as_raw());
    let files = match confinement.limits_files() {
        true => Some(FileAccess {
            read: confinement.read.as_deref().map(absolute).transpose()?,
            write: absolute(confinement.write.as_deref().unwrap_or_default())?,
        }),
        false => None,
    };
    let spec = SandboxSpec {
        mark: mark(),
        program: program.to_owned(),
        cpu: confinement.cpu.map(|time| time.as_secs()),
        memory: confinement.memory,
        file_size: confinement.file_size,
        processes: confinement.processes,
        user: changes.map(|user| (user.uid, user.gid)),
        files,
    };
    Ok(ResolvedSandbox {
        spec,
        home: user.map(|user| user.home),
    })
}

/// The launcher runs in the folder of the rule, where a path relative to this process would be resolved again.
fn absolute(paths: &[String]) -> Result<Vec<PathBuf>, CallFailure> {
    let absolute = paths.iter().map(std::path::absolute);
    absolute.collect::<Result<_, _>>().map_err(|error| {
        CallFailure::transient(format!(
            "a path of `confine` cannot be resolved ({error}); try again"
        ))
    })
}

/// A marker that the command cannot guess, so that its output is not mistaken for a launch error.
fn mark() -> String {
    let random = RandomState::new();
    format!("{:016x}{:016x}: ", random.hash_one(1), random.hash_one(2))
}

/// Returns why this machine cannot apply the restrictions.
pub fn warnings(confinement: &Confinement) -> Vec<PreflightIssue> {
    let own = geteuid();
    let mut warnings = Vec::new();
    let mut runs_as = own.as_raw();
    if let Some(name) = &confinement.user {
        match User::find(name) {
            Some(user) => runs_as = user.uid,
            None => warnings.push(PreflightIssue::new(
                format!("`confine.user` is `{name}`, which is not in /etc/passwd"),
                "create the user, or correct the name",
            )),
        }
        if runs_as != own.as_raw() && !own.is_root() {
            warnings.push(PreflightIssue::new(
                format!(
                    "only root can run a command as `{name}`, and flowtrigger does not run as root"
                ),
                "start it as root, or remove `user` from `confine`",
            ));
        }
    }
    if confinement.processes.is_some() && runs_as == 0 {
        warnings.push(PreflightIssue::new(
            "`confine.processes` does not limit processes of root",
            "add a `user` that is not root",
        ));
    }
    if confinement.limits_files() && !launcher::can_restrict_files() {
        warnings.push(PreflightIssue::new(
            "this kernel cannot restrict which files a command accesses",
            "`read` and `write` of `confine` need Linux 6.2 with Landlock enabled (`lsm=landlock,…`)",
        ));
    }
    let paths = confinement.read.iter().chain(&confinement.write).flatten();
    warnings.extend(paths.filter(|path| !Path::new(path).exists()).map(|path| {
        PreflightIssue::new(
            format!("`{path}` of `confine` does not exist"),
            "create it, or remove it from `read` and `write`",
        )
    }));
    warnings
}
