//! The containers that the scanner has begun and not ended.

use crate::event::json::tape::key_cache::{KeyNumber, KeyPosition};
use crate::event::json::tape::path_numbers::PathNumber;

/// The maximum nesting depth, as in the parser.
pub const MAX_DEPTH: usize = 127;

/// The open containers by depth.
#[derive(Debug)]
pub struct OpenContainers([OpenContainer; MAX_DEPTH + 1]);

/// A container whose end was not read yet.
#[derive(Debug, Clone, Copy)]
pub struct OpenContainer {
    pub kind: ContainerKind,
    /// The index of its entry.
    pub entry: u32,
    /// The path of an object.
    pub path: PathNumber,
    /// The index of the hash of its first key, once a key is new; else `NO_HASHES`.
    pub hashes: u32,
    pub keys: ReadKeys,
}

#[derive(Debug, Clone, Copy)]
pub struct ReadKeys {
    /// The key that was read last; before the first one and in a list, the key of the container.
    pub last: KeyNumber,
    /// The key that is expected next.
    pub expected: KeyNumber,
}

/// With the byte that ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ContainerKind {
    /// The text itself; nothing follows its value.
    Text = 0,
    List = b']',
    Object = b'}',
}

pub const NO_HASHES: u32 = u32::MAX;

impl Default for OpenContainers {
    fn default() -> Self {
        let container = OpenContainer {
            kind: ContainerKind::List,
            entry: 0,
            path: PathNumber::NONE,
            hashes: NO_HASHES,
            keys: ReadKeys {
                last: KeyNumber::NONE,
                expected: KeyNumber::NONE,
            },
        };
        Self([container; MAX_DEPTH + 1])
    }
}

impl OpenContainers {
    #[inline(always)]
    pub fn at(&mut self, depth: usize) -> &mut OpenContainer {
        &mut self.0[depth % (MAX_DEPTH + 1)]
    }
}

impl ContainerKind {
    /// The place of the first key of an object in a container of this kind under a key.
    #[inline(always)]
    pub fn first_key(self, key: KeyNumber) -> KeyPosition {
        match self {
            ContainerKind::List => KeyPosition::InList(key),
            ContainerKind::Text | ContainerKind::Object => KeyPosition::Within(key),
        }
    }
}
