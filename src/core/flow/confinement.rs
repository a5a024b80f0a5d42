//! What a command may use up and touch where its step says so.
//! It refuses to enforce anything: `action` does, wholly or not at all.

use std::time::Duration;

/// What a step gives under `confine`. None leaves it as it is for every command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Confinement {
    /// Processor time, in whole seconds.
    pub cpu: Option<Duration>,
    /// Bytes of address space of each process.
    pub memory: Option<u64>,
    /// Bytes of each file that is written.
    pub file_size: Option<u64>,
    /// Processes of its user together.
    pub processes: Option<u64>,
    /// Whom it runs as.
    pub user: Option<String>,
    /// Where it may read and run programs, beside the system's own.
    pub read: Option<Vec<String>>,
    /// Where it may write.
    pub write: Option<Vec<String>>,
}

impl Confinement {
    /// Whether it bounds what files may be touched. Whoever bounds reading means writing too.
    pub fn bounds_files(&self) -> bool {
        self.read.is_some() || self.write.is_some()
    }

    /// `cpu 10s, memory 256 MiB, as nobody, reads /srv/data, writes nothing`
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.cpu.map(|time| format!("cpu {}s", time.as_secs())));
        words.extend(self.memory.map(|size| format!("memory {}", bytes(size))));
        words.extend(
            self.file_size
                .map(|size| format!("files of {}", bytes(size))),
        );
        words.extend(self.processes.map(|count| format!("{count} processes")));
        words.extend(self.user.as_ref().map(|user| format!("as {user}")));
        words.extend(
            self.read
                .as_ref()
                .map(|paths| format!("reads {}", listed(paths))),
        );
        if self.bounds_files() {
            let paths = self.write.as_deref().unwrap_or_default();
            words.push(format!("writes {}", listed(paths)));
        }
        words.join(", ")
    }
}

fn listed(paths: &[String]) -> String {
    match paths {
        [] => "nothing".to_owned(),
        paths => paths.join(" "),
    }
}

/// In the largest unit that gives a whole number.
fn bytes(size: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units
        .iter()
        .find(|(unit, _)| size > 0 && size.is_multiple_of(*unit));
    unit.map_or_else(
        || format!("{size} bytes"),
        |(unit, name)| format!("{} {name}", size / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_is_told_in_a_line() {
        let all = Confinement {
            cpu: Some(Duration::from_secs(10)),
            memory: Some(256 << 20),
            file_size: Some(1_000_000),
            processes: Some(32),
            user: Some("nobody".into()),
            read: Some(vec!["/srv/a".into(), "/srv/b".into()]),
            write: None,
        };
        assert_eq!(
            all.words(),
            "cpu 10s, memory 256 MiB, files of 1000000 bytes, 32 processes, as nobody, reads /srv/a \
             /srv/b, writes nothing"
        );
        let writing = Confinement {
            write: Some(vec!["/tmp".into()]),
            ..Confinement::default()
        };
        assert_eq!(writing.words(), "writes /tmp");
    }
}
