//! From bytes to lines (protocol, section 2).

use std::collections::VecDeque;
use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

use super::Flaw;

const MAX_LINE: usize = 65_536;

pub enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

pub struct Lines {
    stream: TcpStream,
    flaw: Flaw,
    /// The bytes of a line that is not complete.
    rest: Vec<u8>,
    whole: VecDeque<Vec<u8>>,
}

impl Lines {
    pub fn new(stream: TcpStream, flaw: Flaw) -> Self {
        Self { stream, flaw, rest: Vec::new(), whole: VecDeque::new() }
    }

    pub fn next_line(&mut self) -> Line {
        let mut buffer = [0; 16 << 10];
        loop {
            if let Some(line) = self.whole.pop_front() {
                return if line.len() < MAX_LINE { Line::Whole(line) } else { Line::TooLong };
            }
            if self.rest.len() >= MAX_LINE {
                return Line::TooLong;
            }
            match self.stream.read(&mut buffer) {
                Ok(read @ 1..) => self.add(&buffer[..read]),
                _ => return Line::End,
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        if self.flaw == Flaw::OneReadIsOneLine {
            let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            return self.whole.push_back(line.to_vec());
        }
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).take(end).collect();
            self.whole.push_back(line.strip_suffix(b"\r").unwrap_or(&line).to_vec());
        }
        if self.flaw == Flaw::HalfALineIsLost && !self.whole.is_empty() {
            self.rest.clear();
        }
    }

    /// Reads what still comes, for a moment.
    pub fn drain(&mut self) {
        let _ = self.stream.set_read_timeout(Some(Duration::from_millis(200)));
        while matches!(self.stream.read(&mut [0; 4096]), Ok(1..)) {}
    }
}
