//! Who gives a command to a run, and from where.

use std::fmt;

/// Characters of a name that are kept.
const MAX_NAME: usize = 64;
/// Characters of a note that are kept.
const MAX_NOTE: usize = 500;

/// A person or program that gives a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commander {
    /// The signed-in user of the page. Of a command line it is the name of the system user, which the command line
    /// claims and nobody verifies. `None` if it is unknown.
    pub name: Option<String>,
    pub origin: CommandOrigin,
    /// Why it is given, in the person's words. Empty if nothing was said.
    pub note: String,
}

/// Where a command comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandOrigin {
    Page,
    CommandLine,
    /// Another program that uses the admin socket.
    Socket,
}

impl Commander {
    pub fn new(name: Option<&str>, origin: CommandOrigin) -> Self {
        let clean = |name: &str| -> String {
            let letters = name.trim().chars().filter(|c| !c.is_control());
            letters.take(MAX_NAME).collect()
        };
        Self {
            name: name.map(clean).filter(|name| !name.is_empty()),
            origin,
            note: String::new(),
        }
    }

    pub fn with_note(self, note: &str) -> Self {
        let note = note.trim().chars().take(MAX_NOTE).collect();
        Self { note, ..self }
    }
}

impl CommandOrigin {
    pub const ALL: [Self; 3] = [Self::Page, Self::CommandLine, Self::Socket];

    pub fn as_str(self) -> &'static str {
        match self {
            CommandOrigin::Page => "page",
            CommandOrigin::CommandLine => "command_line",
            CommandOrigin::Socket => "socket",
        }
    }

    /// Whether the name was verified. That of the command line is a claim.
    pub fn is_verified(self) -> bool {
        match self {
            CommandOrigin::Page => true,
            CommandOrigin::CommandLine | CommandOrigin::Socket => false,
        }
    }
}

/// `ines, on the page`.
impl fmt::Display for Commander {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or("an unknown user");
        let place = match self.origin {
            CommandOrigin::Page => "on the page",
            CommandOrigin::CommandLine => "on the command line, not verified",
            CommandOrigin::Socket => "over the admin socket, not verified",
        };
        write!(f, "{name}, {place}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_on_one_line() {
        let name = |name: &str| Commander::new(Some(name), CommandOrigin::Page).name;
        assert_eq!(name(" ines\n "), Some("ines".into()));
        assert_eq!(name("\u{1b}[31m"), Some("[31m".into()));
        assert_eq!(name(" "), None);
        assert_eq!(name(&"é".repeat(99)), Some("é".repeat(64)));
        let noted = Commander::new(None, CommandOrigin::Page).with_note(&"é".repeat(999));
        assert_eq!(noted.note, "é".repeat(500));
        let unknown = Commander::new(None, CommandOrigin::Socket);
        assert_eq!(
            unknown.to_string(),
            "an unknown user, over the admin socket, not verified"
        );
    }
}
