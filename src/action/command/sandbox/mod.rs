//! From what a step asks under `confine` to what is put in force, on this machine.
//! It refuses whatever cannot be had here wholly, before anything starts.

pub mod launcher;

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::action::command::user::User;
use crate::action::preflight::Doubt;
use crate::core::flow::confinement::Confinement;
use crate::core::run::CallFailure;
use launcher::{Bounds, Reach};

/// Bounds, and the home of the user that they name.
pub(super) struct Found {
    pub(super) bounds: Bounds,
    pub(super) home: Option<String>,
}

pub(super) fn find(
    confinement: &Confinement,
    program: &Path,
    shown: &str,
) -> Result<Found, CallFailure> {
    if let Some(doubt) = doubts(confinement).into_iter().next() {
        return Err(CallFailure::lasting(format!(
            "the command `{shown}` was not started: {doubt}"
        )));
    }
    let user = confinement.user.as_deref().and_then(User::find);
    let changes = user.as_ref().filter(|user| user.uid != geteuid().as_raw());
    let paths = |paths: &[String]| paths.iter().map(PathBuf::from).collect();
    let files = confinement.bounds_files().then(|| Reach {
        read: confinement.read.as_deref().map(paths),
        write: confinement.write.as_deref().map(paths).unwrap_or_default(),
    });
    let bounds = Bounds {
        mark: mark(),
        program: program.to_owned(),
        cpu: confinement.cpu.map(|time| time.as_secs()),
        memory: confinement.memory,
        file_size: confinement.file_size,
        processes: confinement.processes,
        user: changes.map(|user| (user.uid, user.gid)),
        files,
    };
    Ok(Found {
        bounds,
        home: user.map(|user| user.home),
    })
}

/// What the command cannot guess, so that nothing of its own is taken for word of its start.
fn mark() -> String {
    let random = RandomState::new();
    format!("{:016x}{:016x}: ", random.hash_one(1), random.hash_one(2))
}

/// Why this machine cannot do what is asked.
pub fn doubts(confinement: &Confinement) -> Vec<Doubt> {
    let own = geteuid();
    let mut doubts = Vec::new();
    let mut runs_as = own.as_raw();
    if let Some(name) = &confinement.user {
        match User::find(name) {
            Some(user) => runs_as = user.uid,
            None => doubts.push(Doubt::new(
                format!("`confine.user` names `{name}`, who does not stand in /etc/passwd"),
                "create the user, or correct the name",
            )),
        }
        if runs_as != own.as_raw() && !own.is_root() {
            doubts.push(Doubt::new(
                format!(
                    "only root can run a command as `{name}`, and flowtrigger does not run as root"
                ),
                "start it as root, or take `user` out of `confine`",
            ));
        }
    }
    if confinement.processes.is_some() && runs_as == 0 {
        doubts.push(Doubt::new(
            "`confine.processes` binds no process of root",
            "add a `user` that is not root",
        ));
    }
    if confinement.bounds_files() && !launcher::bounds_files() {
        doubts.push(Doubt::new(
            "this kernel cannot bound which files a command touches",
            "`read` and `write` of `confine` need Linux 6.2 with Landlock enabled (`lsm=landlock,…`)",
        ));
    }
    let paths = confinement.read.iter().chain(&confinement.write).flatten();
    doubts.extend(paths.filter(|path| !Path::new(path).exists()).map(|path| {
        Doubt::new(
            format!("`{path}` of `confine` does not exist"),
            "create it, or take it out of `read` and `write`",
        )
    }));
    doubts
}
