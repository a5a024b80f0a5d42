//! The digest by which texts are recognised: rules, configurations and files that a store keeps once.

use sha2::{Digest, Sha256};

/// The first bytes of a SHA-256.
pub type Fingerprint = [u8; 16];

/// Each part with its length before it, so that no two lists of parts look alike.
pub fn fingerprint(parts: &[&[u8]]) -> Fingerprint {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.len() as u64).to_be_bytes());
        sha.update(part);
    }
    let whole: [u8; 32] = sha.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}
