//! UTF-8 in parts: a character may begin in one part and end in the next.

use std::str;

/// Checks the parts of one text.
#[derive(Default)]
pub(super) struct Utf8Check {
    /// Bytes of a character that is not complete.
    begun: Vec<u8>,
}

impl Utf8Check {
    /// Takes the next part. Returns whether the text can still be UTF-8.
    pub fn take(&mut self, part: &[u8]) -> bool {
        let mut rest = part;
        while !self.begun.is_empty()
            && let Some((byte, after)) = rest.split_first()
        {
            rest = after;
            self.begun.push(*byte);
            match str::from_utf8(&self.begun) {
                Ok(_) => self.begun.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return false,
            }
        }
        match str::from_utf8(rest) {
            Ok(_) => true,
            Err(error) if error.error_len().is_none() => {
                self.begun = rest.get(error.valid_up_to()..).unwrap_or_default().to_vec();
                true
            }
            Err(_) => false,
        }
    }

    /// Ends the text. Returns whether its last character is complete; the next text begins.
    pub fn end(&mut self) -> bool {
        std::mem::take(&mut self.begun).is_empty()
    }
}
