//! The limits that a step sets for its command with `confine`. `action` enforces them.

use std::time::Duration;

/// The limits under `confine`. `None` sets no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Confinement {
    /// CPU time, in whole seconds.
    pub cpu: Option<Duration>,
    /// Bytes of address space of each process.
    pub memory: Option<u64>,
    /// Bytes of each written file.
    pub file_size: Option<u64>,
    /// Processes of its user in total.
    pub processes: Option<u64>,
    /// The user that it runs as.
    pub user: Option<String>,
    /// Where it may read files and run programs, in addition to the system folders.
    pub read: Option<Vec<String>>,
    /// Where it may write.
    pub write: Option<Vec<String>>,
}

impl Confinement {
    /// Whether it limits file access. A limit on reading also limits writing.
    pub fn limits_files(&self) -> bool {
        self.read.is_some() || self.write.is_some()
    }

    /// Describes the limits: `cpu 10s, memory 256 MiB, as nobody, reads /srv/data, writes nothing`.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.cpu.map(|time| format!("cpu {}s", time.as_secs())));
        parts.extend(self.memory.map(|size| format!("memory {}", bytes(size))));
        parts.extend(
            self.file_size
                .map(|size| format!("files of {}", bytes(size))),
        );
        parts.extend(self.processes.map(|count| format!("{count} processes")));
        parts.extend(self.user.as_ref().map(|user| format!("as {user}")));
        parts.extend(
            self.read
                .as_ref()
                .map(|paths| format!("reads {}", listed(paths))),
        );
        if self.limits_files() {
            let paths = self.write.as_deref().unwrap_or_default();
            parts.push(format!("writes {}", listed(paths)));
        }
        parts.join(", ")
    }
}

fn listed(paths: &[String]) -> String {
    match paths {
        [] => "nothing".to_owned(),
        paths => paths.join(" "),
    }
}

/// Formats a size in the largest unit that divides it.
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
    fn limits_are_described_in_one_line() {
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
            all.describe(),
            "cpu 10s, memory 256 MiB, files of 1000000 bytes, 32 processes, as nobody, reads /srv/a \
             /srv/b, writes nothing"
        );
        let writing = Confinement {
            write: Some(vec!["/tmp".into()]),
            ..Confinement::default()
        };
        assert_eq!(writing.describe(), "writes /tmp");
    }
}
