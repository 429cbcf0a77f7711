//! The handshake of a WebSocket (RFC 6455, section 4.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// What both sides append to the key, so that no other server gives the answer by accident.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const KEY_BYTES: usize = 16;

/// A request for the upgrade.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UpgradeRequest {
    key: String,
}

impl UpgradeRequest {
    /// Checks a key: 16 bytes in base64.
    pub fn new(key: &str) -> Option<Self> {
        let bytes = STANDARD.decode(key).ok()?;
        (bytes.len() == KEY_BYTES).then(|| Self { key: key.to_owned() })
    }

    /// Returns the answer that switches protocols. It accepts no extension and no subprotocol.
    pub fn accept(&self) -> Vec<u8> {
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{}{GUID}", self.key).as_bytes());
        let accept = STANDARD.encode(digest);
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").into_bytes()
    }
}
