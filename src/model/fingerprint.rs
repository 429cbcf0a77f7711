//! The fingerprint of a certificate, and what a caller in a direct chat proves itself with.

use std::fmt;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::Token;
use super::digest::to_bytes;
use crate::record::PlainField;

/// The SHA-256 digest of a certificate, as `openssl x509 -fingerprint -sha256` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; SHA256_OUTPUT_LEN]);

impl Fingerprint {
    /// Digests a certificate in its DER form.
    pub fn of(certificate: &[u8]) -> Self {
        Self(to_bytes(&digest(&SHA256, certificate)))
    }

    /// Reads 32 pairs of hexadecimal digits, with a colon between them.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            let pair = pairs.next().filter(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()));
            *byte = u8::from_str_radix(pair?, 16).ok()?;
        }
        pairs.next().is_none().then_some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl PlainField for Fingerprint {}

/// The proof of the caller of a direct chat (protocol, section 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub token: Token,
    /// The certificate whose key the caller has; `None`: the chat is in clear text.
    pub fingerprint: Option<Fingerprint>,
}
