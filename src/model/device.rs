//! A user's device: its name, and the key with which it logs in (protocol, sections 3 and 6).

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use smol_str::SmolStr;
use subtle::ConstantTimeEq;

use super::UserName;
use super::digest::{parse_hex, to_bytes};
use super::id::has_id_characters;
use crate::limits;
use crate::record::PlainField;

/// The word of LOGOUT that names no device.
const OTHERS: &str = "others";

/// The name of a device: a letter and up to 31 letters, digits, `-` and `_`; not `others`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceName(SmolStr);

impl DeviceName {
    /// Checks a name; `None` if it is none.
    pub fn new(text: &str) -> Option<Self> {
        let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic());
        let fits = text.len() <= limits::DEVICE_NAME_BYTES;
        (begins && fits && has_id_characters(text) && !text.eq_ignore_ascii_case(OTHERS)).then(|| Self(text.into()))
    }

    /// Returns the name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PlainField for DeviceName {}

/// What tells a server that a device logs in: 256 random bits in base64url. It is never shown, not even in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceKey(SmolStr);

impl DeviceKey {
    /// Makes a new key. An error: the system gives no random numbers.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// Checks the form of a key: 43 characters of base64url.
    pub fn new(text: &str) -> Option<Self> {
        (text.len() == limits::DEVICE_KEY_BYTES && has_id_characters(text)).then(|| Self(text.into()))
    }

    /// Returns the key as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey(..)")
    }
}

impl fmt::Display for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PlainField for DeviceKey {}

/// The SHA-256 digest of a store's name, a user, a device and its key: what a server keeps of a key. A key is as long and
/// random as the digest, so a fast digest is enough.
#[derive(Clone, Copy, Debug)]
pub struct KeyDigest([u8; SHA256_OUTPUT_LEN]);

impl KeyDigest {
    /// Digests a key. A text that cannot be a key is digested as one: a wrong key costs the same work as the right one.
    pub fn of(store: &str, user: &UserName, device: &DeviceName, key: &str) -> Self {
        let mut context = Context::new(&SHA256);
        for part in [store, user.mapped(), device.as_str(), key] {
            // The length keeps two different lists of texts apart.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        Self(to_bytes(&context.finish()))
    }

    /// Reads the digest as `Display` writes it: 64 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        parse_hex(hex).map(Self)
    }
}

/// Compares in constant time.
impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl PlainField for KeyDigest {}
