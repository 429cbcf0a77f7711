//! From the bytes of a client to lines: frames, fragments and control frames, without IO.

use memchr::memchr2;

use super::close_code::CloseCode;
use super::header::{Header, Opcode};
use super::utf8::Utf8Check;
use crate::limits;

/// The end of what a client sends: its close frame, or bytes that break the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramingEnd {
    /// Code for the close frame of this side.
    pub code: CloseCode,
    pub is_closed_by_peer: bool,
}

/// A rule of the framing is broken.
impl From<CloseCode> for FramingEnd {
    fn from(code: CloseCode) -> Self {
        Self { code, is_closed_by_peer: false }
    }
}

/// State of the input between two reads.
#[derive(Default)]
pub(super) struct Incoming {
    /// Bytes of the header that is not complete.
    header: Vec<u8>,
    /// The frame whose payload comes.
    frame: Option<Frame>,
    /// Length of the message whose fragments come, as their headers announce it.
    message: Option<usize>,
    text: Utf8Check,
    /// Payload of the control frame.
    control: Vec<u8>,
    /// Bytes of control frames and of headers of fragments since the last line.
    since_line: usize,
    /// Payload of the newest ping that was not taken.
    pub ping: Option<Vec<u8>>,
}

struct Frame {
    header: Header,
    /// Number of bytes of its payload that have come.
    taken: usize,
}

impl Incoming {
    /// Takes received bytes; appends the text of messages, each message with LF at its end. They are at most one byte more
    /// than the received ones. After an error nothing more is to be taken.
    pub fn take(&mut self, mut received: &[u8], lines: &mut Vec<u8>) -> Result<(), FramingEnd> {
        loop {
            let Some(mut frame) = self.frame.take() else {
                let Some((byte, rest)) = received.split_first() else { return Ok(()) };
                received = rest;
                self.take_header(*byte)?;
                continue;
            };
            let left = frame.header.length - frame.taken;
            let (payload, rest) = received.split_at(left.min(received.len()));
            received = rest;
            self.take_payload(&frame, payload, lines)?;
            frame.taken += payload.len();
            if payload.len() < left {
                self.frame = Some(frame);
                return Ok(());
            }
            self.end_frame(&frame.header, lines)?;
        }
    }

    fn take_header(&mut self, byte: u8) -> Result<(), FramingEnd> {
        self.header.push(byte);
        let Some(header) = Header::parse(&self.header)? else { return Ok(()) };
        let header_bytes = std::mem::take(&mut self.header).len();
        match (header.opcode, self.message) {
            (Opcode::Text, Some(_)) | (Opcode::Continuation, None) => return Err(CloseCode::PROTOCOL_ERROR.into()),
            (Opcode::Text | Opcode::Continuation, before) => {
                let length = before.unwrap_or(0).saturating_add(header.length);
                if length > limits::WEB_MESSAGE_BYTES {
                    return Err(CloseCode::TOO_LONG.into());
                }
                self.message = Some(length);
                let is_part = !header.is_final;
                self.count(if is_part { header_bytes } else { 0 })?;
            }
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => self.count(header_bytes + header.length)?,
        }
        self.frame = Some(Frame { header, taken: 0 });
        Ok(())
    }

    /// Counts bytes that carry no line.
    fn count(&mut self, bytes: usize) -> Result<(), FramingEnd> {
        self.since_line += bytes;
        if self.since_line > limits::WEB_BYTES_SINCE_LINE { Err(CloseCode::POLICY.into()) } else { Ok(()) }
    }

    fn take_payload(&mut self, frame: &Frame, payload: &[u8], lines: &mut Vec<u8>) -> Result<(), FramingEnd> {
        let key = frame.header.key.iter().cycle().skip(frame.taken % frame.header.key.len());
        let opened = payload.iter().zip(key).map(|(byte, key)| byte ^ key);
        if !matches!(frame.header.opcode, Opcode::Text | Opcode::Continuation) {
            self.control.extend(opened);
            return Ok(());
        }
        let begin = lines.len();
        lines.extend(opened);
        let checked = self.check_text(lines.get(begin..).unwrap_or_default());
        if checked.is_err() {
            // An LF in it would end a line.
            lines.truncate(begin);
        }
        checked
    }

    fn check_text(&mut self, part: &[u8]) -> Result<(), FramingEnd> {
        if memchr2(b'\n', b'\r', part).is_some() {
            return Err(CloseCode::POLICY.into());
        }
        if self.text.take(part) { Ok(()) } else { Err(CloseCode::NOT_UTF8.into()) }
    }

    fn end_frame(&mut self, header: &Header, lines: &mut Vec<u8>) -> Result<(), FramingEnd> {
        match header.opcode {
            Opcode::Text | Opcode::Continuation if !header.is_final => {}
            Opcode::Text | Opcode::Continuation => {
                if !self.text.end() {
                    return Err(CloseCode::NOT_UTF8.into());
                }
                lines.push(b'\n');
                (self.message, self.since_line) = (None, 0);
            }
            Opcode::Ping => self.ping = Some(std::mem::take(&mut self.control)),
            Opcode::Pong => self.control.clear(),
            Opcode::Close => return Err(read_close(&self.control)),
        }
        Ok(())
    }
}

/// Reads the payload of a close frame: nothing, or a code and a text. The code is the one of the answer.
fn read_close(payload: &[u8]) -> FramingEnd {
    let code = match payload.split_first_chunk() {
        None if payload.is_empty() => Ok(CloseCode::NORMAL),
        None => Err(CloseCode::PROTOCOL_ERROR),
        Some((_, text)) if std::str::from_utf8(text).is_err() => Err(CloseCode::NOT_UTF8),
        Some((code, _)) => CloseCode::received(u16::from_be_bytes(*code)).ok_or(CloseCode::PROTOCOL_ERROR),
    };
    code.map_or_else(FramingEnd::from, |code| FramingEnd { code, is_closed_by_peer: true })
}
