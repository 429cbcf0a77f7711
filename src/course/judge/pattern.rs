//! Names of a test, and the comparison of a line that came with one that was expected.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::MessageId;

/// The password of the users of the tests.
pub const PASSWORD: &str = "palabra larga";

/// Bytes of `{long text}`.
const LONG_TEXT: usize = 50_000;

/// The numbers and ids that a test has named, and the names of its users.
#[derive(Clone, Debug, Default)]
pub struct Names {
    numbers: HashMap<String, String>,
    users: HashMap<String, String>,
}

impl Names {
    /// Returns the names that each test has from its begin.
    pub fn of_test() -> Self {
        let mut names = Self::default();
        names.set("password", PASSWORD.to_owned());
        names.set("long text", "x".repeat(LONG_TEXT));
        names
    }

    /// Names something for `{name}` in the steps.
    pub fn set(&mut self, name: &str, value: String) {
        self.users.insert(name.to_owned(), value);
    }

    /// Removes a name that was set.
    pub fn forget(&mut self, name: &str) {
        self.users.remove(name);
    }

    /// Names a number or an id for `<name>` in the steps.
    pub fn note(&mut self, name: &str, value: String) {
        self.numbers.insert(name.to_owned(), value);
    }

    /// Returns a number by its name: `<n>`, or the number itself.
    pub fn number(&self, text: &str) -> Option<u64> {
        let name = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
        name.map_or(Some(text), |name| self.numbers.get(name).map(String::as_str))?.parse().ok()
    }

    /// Replaces the names by their values: `{ana}`, and `<n>` where n has a number already.
    pub fn fill(&self, step: &str) -> String {
        let users =
            self.users.iter().fold(step.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
        self.numbers.iter().fold(users, |text, (name, value)| text.replace(&format!("<{name}>"), value))
    }

    /// Compares a line with a pattern, in which the values stand. Numbers that have a name now are noted.
    pub fn fits(&mut self, pattern: &str, line: &str) -> bool {
        let (pattern, has_rest) = pattern.strip_suffix("...").map_or((pattern, false), |start| (start, true));
        let expected: Vec<_> = pattern.split(';').collect();
        let came: Vec<_> = line.split(';').collect();
        let last = expected.len() - 1;
        let is_long_enough = if has_rest { came.len() >= expected.len() } else { came.len() == expected.len() };
        let mut new = Vec::new();
        let mut fits_field = |(place, (expected, came)): (usize, (&&str, &&str))| match *expected {
            "<time>" => is_time(came),
            "<any>" => true,
            start if has_rest && place == last => came.starts_with(start),
            name if name.starts_with('<') && name.ends_with('>') => {
                let name = name.trim_matches(['<', '>']);
                new.push((name.to_owned(), (*came).to_owned()));
                if name.starts_with("id") { MessageId::new(came).is_some() } else { is_number(came) }
            }
            literal => literal == *came,
        };
        let fits = is_long_enough && expected.iter().zip(&came).enumerate().all(&mut fits_field);
        // The same name twice in one line is the same number.
        let agrees = new.iter().all(|(name, value)| new.iter().all(|(other, same)| name != other || value == same));
        if fits && agrees {
            self.numbers.extend(new);
        }
        fits && agrees
    }
}

/// Checks that a field has the form of a sequence number.
pub fn is_number(field: &str) -> bool {
    !field.is_empty() && field.len() <= 16 && field.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks that a field has the form of a time (protocol, section 2).
pub fn is_time(field: &str) -> bool {
    let form = "2026-11-20T23:55:00.123Z";
    let same = |(a, b): (u8, u8)| a == b || a.is_ascii_digit() && b.is_ascii_digit();
    field.len() == form.len() && field.bytes().zip(form.bytes()).all(same)
}

/// A number of this run of the program.
static RUN: LazyLock<u32> = LazyLock::new(|| {
    let mut random = [0; 4];
    // Without random numbers that of the process has to do.
    getrandom::fill(&mut random).map_or_else(|_| std::process::id(), |()| u32::from_le_bytes(random))
});

/// Returns a name that no other account, room or message of the server has, also if it was tested before.
pub fn unique(user: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{user}-{:x}-{}", *RUN, COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Returns whether a text has such a name in it.
pub fn is_unique(text: &str) -> bool {
    text.contains(&format!("-{:x}-", *RUN))
}

/// Reads `\n`, `\r`, `\t`, `\\` and `\xNN`.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let hex = escape.strip_prefix('x').and_then(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok());
        let (byte, length) = match (hex, escape.chars().next()) {
            (Some(byte), _) => (byte, 3),
            (None, Some('n')) => (b'\n', 1),
            (None, Some('r')) => (b'\r', 1),
            (None, Some('t')) => (b'\t', 1),
            (None, other) => (b'\\', usize::from(other == Some('\\'))),
        };
        bytes.push(byte);
        rest = escape.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
