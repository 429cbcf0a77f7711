//! Cuts the bytes of a socket into lines.

use crate::limits;

/// Bytes that came, and the number of lines among them.
#[derive(Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    taken: usize,
    count: u64,
    /// The bytes to the next LF belong to a line that is too long, of which a part was returned.
    too_long: bool,
}

impl Lines {
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken.min(self.bytes.len()));
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next line with its LF, and its number; a part of a line that is too long has none.
    pub fn next(&mut self) -> Option<(Vec<u8>, Option<u64>)> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let feed = memchr::memchr(b'\n', rest);
        let end = match feed {
            Some(feed) => feed + 1,
            None if self.too_long || rest.len() >= limits::LINE_BYTES => rest.len(),
            None => return None,
        };
        let piece = rest.get(..end).filter(|piece| !piece.is_empty())?.to_vec();
        self.taken += end;
        let is_line = feed.is_some() && !self.too_long;
        self.too_long = feed.is_none();
        self.count += u64::from(is_line);
        Some((piece, is_line.then_some(self.count)))
    }

    /// Returns the bytes after the last line.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }
}
