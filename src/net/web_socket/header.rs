//! The header of a frame (RFC 6455, section 5.2): 2 to 14 bytes before the payload.

use super::close_code::CloseCode;

/// Longest payload of a control frame.
pub(super) const CONTROL_BYTES: usize = 125;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;
const KEY_BYTES: usize = 4;

/// Values of the length that announce one of 16 and of 64 bits.
const LENGTH_16: usize = 126;
const LENGTH_64: usize = 127;

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    fn parse(bits: u8) -> Result<Self, CloseCode> {
        match bits {
            0 => Ok(Self::Continuation),
            1 => Ok(Self::Text),
            2 => Err(CloseCode::UNSUPPORTED),
            8 => Ok(Self::Close),
            9 => Ok(Self::Ping),
            10 => Ok(Self::Pong),
            _ => Err(CloseCode::PROTOCOL_ERROR),
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame of a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub is_final: bool,
    pub opcode: Opcode,
    /// Length of the payload; [`usize::MAX`] where that is no number of this machine.
    pub length: usize,
    /// Key that each byte of the payload is combined with.
    pub key: [u8; KEY_BYTES],
}

impl Header {
    /// Parses the bytes of a header; `None`: more are needed. An error is found with the first byte that shows it.
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, CloseCode> {
        let Some((first, rest)) = bytes.split_first() else { return Ok(None) };
        if first & RESERVED != 0 {
            // Nothing was negotiated that they could stand for.
            return Err(CloseCode::PROTOCOL_ERROR);
        }
        let opcode = Opcode::parse(first & 0x0f)?;
        let is_final = first & FINAL != 0;
        let Some((second, rest)) = rest.split_first() else { return Ok(None) };
        let short = usize::from(second & !MASKED);
        let is_bad_control = opcode.is_control() && !(is_final && short <= CONTROL_BYTES);
        if second & MASKED == 0 || is_bad_control {
            return Err(CloseCode::PROTOCOL_ERROR);
        }
        let Some((length, rest)) = parse_length(short, rest)? else { return Ok(None) };
        let key = rest.first_chunk().copied();
        Ok(key.map(|key| Self { is_final, opcode, length, key }))
    }
}

/// Parses the length that `short` announces; returns the bytes after it, too. A longer form than is needed is an error.
fn parse_length(short: usize, rest: &[u8]) -> Result<Option<(usize, &[u8])>, CloseCode> {
    let (length, rest, least) = match short {
        LENGTH_16 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (usize::from(u16::from_be_bytes(*bytes)), rest, LENGTH_16)
        }
        LENGTH_64 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (usize::try_from(u64::from_be_bytes(*bytes)).unwrap_or(usize::MAX), rest, 1 << 16)
        }
        length => (length, rest, 0),
    };
    if length < least { Err(CloseCode::PROTOCOL_ERROR) } else { Ok(Some((length, rest))) }
}

/// Writes a whole frame of a server, which is not masked.
pub(super) fn write_frame(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    out.push(FINAL | opcode as u8);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short), _) if usize::from(short) < LENGTH_16 => out.push(short),
        (_, Ok(length)) => {
            out.push(LENGTH_16 as u8);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(LENGTH_64 as u8);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}
