//! What is known of a step while those after it are lowered: its name, and what its result holds.
//! It refuses to know values: those come when the step runs.

/// A step that later ones may read by its name.
#[derive(Debug, Clone)]
pub struct Earlier {
    pub name: String,
    pub gives: Gives,
}

/// What stands under `steps.NAME`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    Anything,
    /// These keys alone; none where the step has no result.
    Keys(&'static [&'static str]),
}

impl From<&str> for Earlier {
    fn from(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            gives: Gives::Anything,
        }
    }
}
