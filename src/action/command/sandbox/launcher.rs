//! A command's own first moments: this program started anew in its place, bound by what its step asks,
//! and then become the command itself, with the same process.
//! It refuses to become the command with any of it not in force.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr,
};
use rustix::io::Errno;
use rustix::process::{Gid, Resource, Rlimit, Uid, setrlimit};
use rustix::thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use serde::{Deserialize, Serialize};

/// The first argument that asks for it; no command is called so.
const ASKED: &str = "--become-confined";
/// How it ends where it does not become the command.
pub(in crate::action::command) const UNSTARTED: i32 = 125;

/// What is in force before the command starts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::action::command) struct Bounds {
    /// Begins what is said of a failure, so that nothing else is taken for it.
    pub(in crate::action::command) mark: String,
    pub(in crate::action::command) program: PathBuf,
    /// Seconds.
    pub(in crate::action::command) cpu: Option<u64>,
    pub(in crate::action::command) memory: Option<u64>,
    pub(in crate::action::command) file_size: Option<u64>,
    pub(in crate::action::command) processes: Option<u64>,
    /// Numbers of user and group.
    pub(in crate::action::command) user: Option<(u32, u32)>,
    /// Where files may be touched, if that is bound at all.
    pub(in crate::action::command) files: Option<Reach>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::action::command) struct Reach {
    /// None where reading is not bound.
    pub(in crate::action::command) read: Option<Vec<PathBuf>>,
    pub(in crate::action::command) write: Vec<PathBuf>,
}

/// What programs of the system cannot do without: its programs and libraries, and what name services,
/// certificates and time zones are read from.
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
/// Devices that hold nothing.
const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];
/// The first that covers cutting files short.
const NEEDED: ABI = ABI::V3;

/// Why a command was not started.
pub(in crate::action::command) enum Refusal {
    /// In words that end with what to do.
    Bounds(String),
    /// What the kernel said to its start.
    Start(i32),
}

impl Bounds {
    /// The arguments by which `become_command` is asked, before those of the command itself.
    pub(in crate::action::command) fn arguments(&self) -> Result<[String; 2], serde_json::Error> {
        Ok([ASKED.to_owned(), serde_json::to_string(self)?])
    }

    /// What the start said on standard error, if that is what was said.
    pub(in crate::action::command) fn refusal(&self, said: &str) -> Option<Refusal> {
        let words = said.strip_prefix(&self.mark)?.trim();
        Some(match words.strip_prefix("errno ").map(str::parse) {
            Some(Ok(code)) => Refusal::Start(code),
            Some(Err(_)) | None => Refusal::Bounds(words.to_owned()),
        })
    }
}

/// Becomes the command where the arguments ask for it; None where they do not. It returns only when
/// that failed.
pub fn become_command(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    arguments.next()?;
    if arguments.next()? != ASKED {
        return None;
    }
    let bounds = arguments.next();
    let bounds = bounds.as_deref().and_then(OsStr::to_str);
    let bounds = bounds.and_then(|text| serde_json::from_str::<Bounds>(text).ok());
    let said = match (bounds, arguments.next()) {
        (Some(bounds), Some(name)) => {
            let why = match bounds.enforce() {
                Ok(()) => started(&bounds.program, &name, arguments),
                Err(why) => why.to_string(),
            };
            format!("{}{why}", bounds.mark)
        }
        (_, _) => "a command is started so by this program alone".to_owned(),
    };
    drop(writeln!(io::stderr(), "{said}"));
    Some(ExitCode::from(u8::try_from(UNSTARTED).unwrap_or(1)))
}

/// Where it returns, this is what the kernel said.
fn started(program: &Path, name: &OsStr, arguments: impl Iterator<Item = OsString>) -> String {
    let error = Command::new(program).arg0(name).args(arguments).exec();
    match error.raw_os_error() {
        Some(code) => format!("errno {code}"),
        None => error.to_string(),
    }
}

/// What is not in force, and what to do.
struct Unbound {
    what: &'static str,
    why: String,
    help: &'static str,
}

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}); {}", self.what, self.why, self.help)
    }
}

impl Bounds {
    fn enforce(&self) -> Result<(), Unbound> {
        // While it may still open what the user may not.
        let files = self
            .files
            .as_ref()
            .map(|reach| reach.ruleset(&self.program));
        let files = files.transpose()?;
        if let Some((uid, gid)) = self.user {
            become_user(Uid::from_raw(uid), Gid::from_raw(gid))?;
        }
        set_no_new_privs(true).map_err(|error| Unbound {
            what: "it cannot be kept from gaining rights",
            why: error.to_string(),
            help: "this needs Linux 3.5",
        })?;
        if let Some(files) = files {
            files
                .restrict_self()
                .map_err(|error| Unbound::of_files(&error))?;
        }
        self.limit()
    }

    fn limit(&self) -> Result<(), Unbound> {
        let limits = [
            (Resource::Core, Some(0)),
            (Resource::Cpu, self.cpu),
            (Resource::As, self.memory),
            (Resource::Fsize, self.file_size),
            (Resource::Nproc, self.processes),
        ];
        for (resource, limit) in limits {
            let Some(limit) = limit else { continue };
            // Whoever ignores the signal at the limit is killed a second later.
            let hard = match resource {
                Resource::Cpu => limit + 1,
                _ => limit,
            };
            let limit = Rlimit {
                current: Some(limit),
                maximum: Some(hard),
            };
            setrlimit(resource, limit).map_err(|error| Unbound {
                what: "a limit of `confine` cannot be set",
                why: error.to_string(),
                help: "it cannot be above what the user that runs flowtrigger has (`ulimit -aH`)",
            })?;
        }
        Ok(())
    }
}

/// Groups first: afterwards nobody may change them.
fn become_user(uid: Uid, gid: Gid) -> Result<(), Unbound> {
    let became = set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid));
    became.map_err(|error: Errno| Unbound {
        what: "it cannot run as the `user` of `confine`",
        why: error.to_string(),
        help: "flowtrigger must run as root for that, or with CAP_SETUID and CAP_SETGID",
    })
}

impl Reach {
    fn ruleset(&self, program: &Path) -> Result<RulesetCreated, Unbound> {
        let mut rules = handled(self.read.is_some()).map_err(|error| Unbound::of_files(&error))?;
        let (reading, writing) = (AccessFs::from_read(NEEDED), AccessFs::from_write(NEEDED));
        let seeing = reading & !AccessFs::Execute;
        if let Some(read) = &self.read {
            for path in SYSTEM.iter().map(Path::new).filter(|path| path.exists()) {
                rules = open(rules, path, reading)?;
            }
            for path in read.iter().map(PathBuf::as_path).chain([program]) {
                rules = open(rules, path, reading)?;
            }
        }
        let changing = match self.read {
            Some(_) => writing | seeing,
            None => writing,
        };
        for path in DEVICES.iter().map(Path::new).filter(|path| path.exists()) {
            rules = open(rules, path, changing)?;
        }
        for path in &self.write {
            rules = open(rules, path, changing)?;
        }
        Ok(rules)
    }
}

/// A set of rules that lets nothing through yet.
fn handled(reading_too: bool) -> Result<RulesetCreated, landlock::RulesetError> {
    let access = match reading_too {
        true => AccessFs::from_all(NEEDED),
        false => AccessFs::from_write(NEEDED),
    };
    let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    rules.handle_access(access)?.create()
}

fn open(
    rules: RulesetCreated,
    path: &Path,
    access: landlock::BitFlags<AccessFs>,
) -> Result<RulesetCreated, Unbound> {
    let unopened = |why: String| Unbound {
        what: "a path of `confine` cannot be opened to it",
        why,
        help: "create it, or take it out of `read` and `write`",
    };
    let place = PathFd::new(path).map_err(|error| unopened(error.to_string()))?;
    let access = match path.is_dir() {
        true => access,
        false => access & AccessFs::from_file(NEEDED),
    };
    let opened = rules.add_rule(PathBeneath::new(place, access));
    opened.map_err(|error| unopened(format!("`{}`: {error}", path.display())))
}

impl Unbound {
    fn of_files(error: &landlock::RulesetError) -> Self {
        Self {
            what: "this kernel cannot bound which files it touches",
            why: error.to_string(),
            help: "`read` and `write` need Linux 6.2 with Landlock enabled (`lsm=landlock,…`)",
        }
    }
}

/// Whether this kernel can bound which files a command touches.
pub(in crate::action::command) fn bounds_files() -> bool {
    handled(true).is_ok()
}

/// No core file of this program or of what it starts: it would hold secrets and events.
pub fn no_core_files() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core files cannot be switched off");
    }
}
