//! Ed25519 keys: verifies with a public key, and signs with a private one.
//! Reads a public key in hexadecimal digits or base64, and keys of Standard Webhooks: `whpk_…` and `whsk_…`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::candidates::from_hex;

/// A public key, and its private key if the secret is one. Has no `Debug`.
pub struct Ed25519Key {
    public: Vec<u8>,
    pair: Option<Ed25519KeyPair>,
}

const KEY_BYTES: usize = 32;

const INVALID: &str = "is not an Ed25519 key: copy the public key of the sender, 64 hexadecimal digits or base64 (`whpk_…`)";

impl Ed25519Key {
    pub fn new(secret: &str) -> Result<Self, &'static str> {
        let secret = secret.trim();
        match secret.strip_prefix("whsk_") {
            Some(private) => Self::private(private),
            None => Self::public(secret),
        }
    }

    fn public(text: &str) -> Result<Self, &'static str> {
        let public = match text.strip_prefix("whpk_") {
            Some(base64) => STANDARD.decode(base64).ok(),
            None => from_hex(text.as_bytes()).or_else(|| STANDARD.decode(text).ok()),
        };
        let public = public.filter(|public| public.len() == KEY_BYTES);
        let public = public.ok_or(INVALID)?;
        Ok(Self { public, pair: None })
    }

    /// The seed, alone or before its public key.
    fn private(base64: &str) -> Result<Self, &'static str> {
        let bytes = STANDARD.decode(base64).map_err(|_| INVALID)?;
        let (seed, rest) = bytes.split_at_checked(KEY_BYTES).ok_or(INVALID)?;
        let pair = match rest {
            [] => Ed25519KeyPair::from_seed_unchecked(seed),
            public => Ed25519KeyPair::from_seed_and_public_key(seed, public),
        };
        let pair = pair.map_err(|_| INVALID)?;
        Ok(Self {
            public: pair.public_key().as_ref().to_vec(),
            pair: Some(pair),
        })
    }

    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        key.verify(message, signature).is_ok()
    }

    /// The signature; `None` with a public key alone.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        Some(self.pair.as_ref()?.sign(message).as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, tests 1 to 3.
    const VECTORS: [(&str, &str, &str, &str); 3] = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];

    #[test]
    fn signatures_match_rfc_8032() {
        for (seed, public, message, signature) in VECTORS {
            let bytes = |text: &str| from_hex(text.as_bytes()).unwrap();
            let private = format!("whsk_{}", STANDARD.encode(bytes(seed)));
            let private = Ed25519Key::new(&private).unwrap_or_else(|why| panic!("{why}"));
            assert_eq!(private.sign(&bytes(message)), Some(bytes(signature)));
            for public in [
                public.to_owned(),
                public.to_uppercase(),
                STANDARD.encode(bytes(public)),
                format!("whpk_{}", STANDARD.encode(bytes(public))),
            ] {
                let key = Ed25519Key::new(&public).unwrap_or_else(|why| panic!("{why}"));
                assert!(key.verifies(&bytes(message), &bytes(signature)));
                assert!(!key.verifies(b"other", &bytes(signature)));
                assert_eq!(key.sign(&bytes(message)), None);
            }
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        let both = |seed: &str, public: &str| {
            let bytes = from_hex(format!("{seed}{public}").as_bytes()).unwrap();
            format!("whsk_{}", STANDARD.encode(bytes))
        };
        let (seed, public, ..) = VECTORS[0];
        assert!(Ed25519Key::new(&both(seed, public)).is_ok());
        for text in [
            "",
            "whsk_",
            "whpk_",
            "hunter2",
            &public[..62],
            &format!("{public}00"),
            &format!("whsk_{public}"),
            &both(seed, VECTORS[1].1),
        ] {
            assert!(Ed25519Key::new(text).is_err(), "{text}");
        }
    }
}
