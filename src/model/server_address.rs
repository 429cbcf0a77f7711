//! The address of a server that is one of several (protocol, section 1).

use super::Fingerprint;

/// Most bytes of a host name, as in DNS.
const HOST_BYTES: usize = 255;

/// A server, as others name it to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// A host name, or an address without brackets. One that was read from a record is of the protocol's form.
    pub host: String,
    pub send: u16,
    pub recv: u16,
    /// The certificate of the server; `None`: it speaks clear text, or an authority vouches for it.
    pub fingerprint: Option<Fingerprint>,
}

impl ServerAddress {
    /// Checks that a text is a host name or an address: 1 to 255 letters, digits, `.`, `-`, `_` and `:`.
    pub fn is_host(text: &str) -> bool {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
        (1..=HOST_BYTES).contains(&text.len()) && text.bytes().all(is_part)
    }
}
