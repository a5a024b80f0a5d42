//! Fingerprints of texts, so that the store keeps equal rules, configurations and files once.

use sha2::{Digest, Sha256};

/// The first half of a SHA-256 digest.
pub type Fingerprint = [u8; 16];

/// Hashes each part after its length, so that different lists of parts never have the same input.
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
