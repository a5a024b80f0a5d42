//! Looks up a user of this machine in `/etc/passwd`: user id, group id and home.
//! Directory servers are not queried: their answers may change.

use std::fs;

/// An entry of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) home: String,
}

impl User {
    /// `None` if no user has the name.
    pub(super) fn find(name: &str) -> Option<Self> {
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        users.lines().find_map(|line| Self::read(line, name))
    }

    fn read(line: &str, name: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [found, _, uid, gid, _, home, ..] = fields.as_slice() else {
            return None;
        };
        (*found == name).then_some(())?;
        Some(Self {
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: (*home).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_full_name() {
        let line = "desk:x:1001:1002:Help desk,,,:/home/desk:/bin/sh";
        let desk = User {
            uid: 1001,
            gid: 1002,
            home: "/home/desk".into(),
        };
        assert_eq!(User::read(line, "desk"), Some(desk));
        for (line, name) in [
            (line, "des"),
            (line, ""),
            ("desk:x:1:", "desk"),
            ("desk:x:a:1:::", "desk"),
        ] {
            assert_eq!(User::read(line, name), None, "{line} {name}");
        }
        assert_eq!(User::find("root").map(|root| root.uid), Some(0));
    }
}
