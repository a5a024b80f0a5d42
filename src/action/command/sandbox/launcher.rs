//! Starts a sandboxed command: this program runs in its place, restricts itself, and then becomes the command
//! in the same process. If a restriction cannot be applied, the command does not start.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, Scope,
};
use rustix::io::Errno;
use rustix::process::{Gid, Resource, Rlimit, Uid, getrlimit, setrlimit};
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use serde::{Deserialize, Serialize};

/// The first argument that starts the launcher; no command has this name.
const ARGUMENT: &str = "--become-confined";
/// Starts the name of a variable that the command gets.
const DEFERRED: &str = "CONFINED_";
/// The exit status if the command did not start.
pub(in crate::action::command) const NOT_STARTED: i32 = 125;

/// The restrictions of a command.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::action::command) struct SandboxSpec {
    /// Starts the message of a launch error, so that other output is not mistaken for it.
    pub(in crate::action::command) mark: String,
    pub(in crate::action::command) program: PathBuf,
    /// Seconds.
    pub(in crate::action::command) cpu: Option<u64>,
    pub(in crate::action::command) memory: Option<u64>,
    pub(in crate::action::command) file_size: Option<u64>,
    pub(in crate::action::command) processes: Option<u64>,
    /// User id and group id.
    pub(in crate::action::command) user: Option<(u32, u32)>,
    /// The files that the command may access; `None` for no restriction.
    pub(in crate::action::command) files: Option<FileAccess>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::action::command) struct FileAccess {
    /// `None` if reading is not restricted.
    pub(in crate::action::command) read: Option<Vec<PathBuf>>,
    pub(in crate::action::command) write: Vec<PathBuf>,
}

/// Files that programs of the system need: programs, libraries, and the files of name services, certificates
/// and time zones.
const SYSTEM: [&str; 19] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/nix/store",
];
/// Devices without content.
const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];
/// The first version that covers truncating files.
const LANDLOCK_ABI: ABI = ABI::V3;

/// Why a command was not started.
pub(in crate::action::command) enum LaunchError {
    /// A restriction could not be applied; the message ends with what to do.
    Restriction(String),
    /// The kernel's error code from starting the command.
    Start(i32),
}

impl SandboxSpec {
    /// The arguments for `become_command`, before those of the command.
    pub(in crate::action::command) fn arguments(&self) -> Result<[String; 2], serde_json::Error> {
        Ok([ARGUMENT.to_owned(), serde_json::to_string(self)?])
    }

    /// The launch error in the standard error, if it is one.
    pub(in crate::action::command) fn launch_error(&self, stderr: &str) -> Option<LaunchError> {
        let text = stderr.strip_prefix(&self.mark)?.trim();
        Some(match text.strip_prefix("errno ").map(str::parse) {
            Some(Ok(code)) => LaunchError::Start(code),
            Some(Err(_)) | None => LaunchError::Restriction(text.to_owned()),
        })
    }
}

/// Becomes the command if the first argument says so, else returns `None`. Returns a status only if the command
/// could not be started.
pub fn become_command(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    arguments.next()?;
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let spec = arguments.next();
    let spec = spec.as_deref().and_then(OsStr::to_str);
    let spec = spec.and_then(|text| serde_json::from_str::<SandboxSpec>(text).ok());
    let message = match (spec, arguments.next()) {
        (Some(spec), Some(name)) => {
            let why = match spec.enforce() {
                Ok(()) => execute(&spec.program, &name, arguments),
                Err(why) => why.to_string(),
            };
            format!("{}{why}", spec.mark)
        }
        (_, _) => "this argument is for internal use".to_owned(),
    };
    drop(writeln!(io::stderr(), "{message}"));
    Some(ExitCode::from(u8::try_from(NOT_STARTED).unwrap_or(1)))
}

/// The variables of a command under names that mean nothing to the launcher and to its dynamic loader.
pub(in crate::action::command) fn deferred(
    environment: Vec<(String, String)>,
) -> impl Iterator<Item = (String, String)> {
    let deferred = |(name, value)| (format!("{DEFERRED}{name}"), value);
    environment.into_iter().map(deferred)
}

/// The variables that the command gets.
fn environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.as_bytes().strip_prefix(DEFERRED.as_bytes())?;
        Some((OsStr::from_bytes(name).to_owned(), value))
    })
}

/// Becomes the command. Returns only the kernel's error.
fn execute(program: &Path, name: &OsStr, arguments: impl Iterator<Item = OsString>) -> String {
    let mut command = Command::new(program);
    command.arg0(name).args(arguments);
    let error = command.env_clear().envs(environment()).exec();
    match error.raw_os_error() {
        Some(code) => format!("errno {code}"),
        None => error.to_string(),
    }
}

/// A restriction that could not be applied, and what to do.
struct MissingRestriction {
    what: &'static str,
    why: String,
    help: &'static str,
}

impl fmt::Display for MissingRestriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}); {}", self.what, self.why, self.help)
    }
}

impl SandboxSpec {
    fn enforce(&self) -> Result<(), MissingRestriction> {
        // Paths are opened before the user changes, who may not have access.
        let files = self
            .files
            .as_ref()
            .map(|reach| reach.ruleset(&self.program));
        let files = files.transpose()?;
        if let Some((uid, gid)) = self.user {
            become_user(Uid::from_raw(uid), Gid::from_raw(gid))?;
        }
        set_no_new_privs(true).map_err(|error| MissingRestriction {
            what: "it cannot be prevented from gaining privileges",
            why: error.to_string(),
            help: "this needs Linux 3.5",
        })?;
        if let Some(files) = files {
            files
                .restrict_self()
                .map_err(|error| MissingRestriction::file_access(&error))?;
        }
        restrict_signals()?;
        mark_as_confined()?;
        self.limit()
    }

    fn limit(&self) -> Result<(), MissingRestriction> {
        let limits = [
            (Resource::Core, Some(0)),
            (Resource::Cpu, self.cpu),
            (Resource::As, self.memory),
            (Resource::Fsize, self.file_size),
            (Resource::Nproc, self.processes),
        ];
        for (resource, limit) in limits {
            let Some(limit) = limit else { continue };
            // A process that ignores the signal at the limit is killed a second later.
            let hard = match resource {
                Resource::Cpu => limit + 1,
                _ => limit,
            };
            let limit = Rlimit {
                current: Some(limit),
                maximum: Some(hard),
            };
            setrlimit(resource, limit).map_err(|error| MissingRestriction {
                what: "a limit of `confine` cannot be set",
                why: error.to_string(),
                help: "it cannot exceed the limit of the user that runs flowtrigger (`ulimit -aH`)",
            })?;
        }
        Ok(())
    }
}

/// Lowers a limit that no kernel applies any more, and that only root can raise again: it is inherited by every process
/// that the command starts, and `/proc` shows it. The admin socket recognises confined commands by it.
fn mark_as_confined() -> Result<(), MissingRestriction> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Locks);
    let lower = maximum.unwrap_or(UNMARKED).saturating_sub(1);
    let limit = Rlimit {
        current: Some(lower),
        maximum: Some(lower),
    };
    setrlimit(Resource::Locks, limit).map_err(|error| MissingRestriction {
        what: "it cannot be marked as a confined command",
        why: error.to_string(),
        help: "check which limits its user may set (`ulimit -aH`)",
    })
}

/// The limit of file locks of a marked process if its parent had none.
const UNMARKED: u64 = 1 << 40;

/// Prevents signals to processes that the command did not start, and connections to their abstract sockets. A
/// kernel before Linux 6.12 cannot do this.
fn restrict_signals() -> Result<(), MissingRestriction> {
    let scope = Scope::Signal | Scope::AbstractUnixSocket;
    let rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    let restricted = rules.scope(scope).and_then(|rules| rules.create());
    let restricted = restricted.and_then(|rules| rules.restrict_self());
    restricted.map(drop).map_err(|error| MissingRestriction {
        what: "it cannot be prevented from sending signals to other processes",
        why: error.to_string(),
        help: "check the kernel's Landlock support, or remove `confine`",
    })
}

/// Changes groups first: the new user cannot.
fn become_user(uid: Uid, gid: Gid) -> Result<(), MissingRestriction> {
    let became = set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid));
    became.map_err(|error: Errno| MissingRestriction {
        what: "it cannot run as the `user` of `confine`",
        why: error.to_string(),
        help: "flowtrigger must run as root for that, or with CAP_SETUID and CAP_SETGID",
    })
}

impl FileAccess {
    fn ruleset(&self, program: &Path) -> Result<RulesetCreated, MissingRestriction> {
        let handled = match self.read {
            Some(_) => AccessFs::from_all(LANDLOCK_ABI),
            None => AccessFs::from_write(LANDLOCK_ABI),
        };
        let mut rules =
            rule_set(handled).map_err(|error| MissingRestriction::file_access(&error))?;
        let (reading, writing) = (
            AccessFs::from_read(LANDLOCK_ABI),
            AccessFs::from_write(LANDLOCK_ABI),
        );
        let listing = reading & !AccessFs::Execute;
        if let Some(read) = &self.read {
            for path in SYSTEM.iter().map(Path::new).filter(|path| path.exists()) {
                rules = grant(rules, path, reading)?;
            }
            for path in read.iter().map(PathBuf::as_path).chain([program]) {
                rules = grant(rules, path, reading)?;
            }
        }
        let changing = match self.read {
            Some(_) => writing | listing,
            None => writing,
        };
        for path in DEVICES.iter().map(Path::new).filter(|path| path.exists()) {
            rules = grant(rules, path, changing)?;
        }
        for path in &self.write {
            rules = grant(rules, path, changing)?;
        }
        Ok(rules)
    }
}

/// An empty rule set, which denies all access that it handles.
fn rule_set(
    access: landlock::BitFlags<AccessFs>,
) -> Result<RulesetCreated, landlock::RulesetError> {
    let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    rules.handle_access(access)?.create()
}

fn grant(
    rules: RulesetCreated,
    path: &Path,
    access: landlock::BitFlags<AccessFs>,
) -> Result<RulesetCreated, MissingRestriction> {
    let denied = |why: String| MissingRestriction {
        what: "access to a path of `confine` cannot be granted",
        why,
        help: "create it, or remove it from `read` and `write`",
    };
    let path_fd = PathFd::new(path).map_err(|error| denied(error.to_string()))?;
    let access = match path.is_dir() {
        true => access,
        false => access & AccessFs::from_file(LANDLOCK_ABI),
    };
    let added = rules.add_rule(PathBeneath::new(path_fd, access));
    added.map_err(|error| denied(format!("`{}`: {error}", path.display())))
}

impl MissingRestriction {
    fn file_access(error: &landlock::RulesetError) -> Self {
        Self {
            what: "this kernel cannot restrict which files it accesses",
            why: error.to_string(),
            help: "`read` and `write` need Linux 6.2 with Landlock enabled (`lsm=landlock,…`)",
        }
    }
}

/// Whether this kernel can restrict which files a command accesses.
pub(in crate::action::command) fn can_restrict_files() -> bool {
    rule_set(AccessFs::from_all(LANDLOCK_ABI)).is_ok()
}

/// Disables core files of this program and its children: they would contain secrets and events.
pub fn no_core_files() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core files cannot be disabled");
    }
}
