//! Timestamps, for people: the order of events comes from sequence numbers (protocol, section 2).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::record::PlainField;

/// Milliseconds since 1970, written in RFC 3339, UTC: `2026-11-20T23:55:00.123Z`. Limited to the years 1970 to 9999,
/// so that it always has that form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(u64);

/// The last millisecond that the time library can write, two days before the year 10000.
const END: u64 = 253_402_207_199_999;

impl Timestamp {
    /// Makes a timestamp; a later time becomes the last one of the year 9999.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(END))
    }

    /// Reads the system clock; a time before 1970 counts as 1970.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::from_millis(u64::try_from(since.as_millis()).unwrap_or(END))
    }

    /// Reads any RFC 3339 time.
    pub fn parse(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(instant.as_millisecond()).ok().map(Self::from_millis)
    }

    /// Returns the time of day in this machine's time zone, as `14:35`.
    pub fn local_time_of_day(self) -> String {
        self.instant().to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string()
    }

    fn instant(self) -> jiff::Timestamp {
        i64::try_from(self.0).ok().and_then(|m| jiff::Timestamp::from_millisecond(m).ok()).unwrap_or_default()
    }
}

/// Formats the text itself: every line about a message has a time, and jiff takes longer for it than all the rest
/// of the line.
impl PlainField for Timestamp {
    fn append_to(&self, out: &mut Vec<u8>) {
        let time = jiff::tz::Offset::UTC.to_datetime(self.instant());
        for (number, highest, end) in [
            (time.year(), 1_000, b'-'),
            (time.month().into(), 10, b'-'),
            (time.day().into(), 10, b'T'),
            (time.hour().into(), 10, b':'),
            (time.minute().into(), 10, b':'),
            (time.second().into(), 10, b'.'),
            (time.millisecond(), 100, b'Z'),
        ] {
            append_digits(out, number, highest);
            out.push(end);
        }
    }
}

/// Appends the decimal digits of a number, from the digit that counts `highest` down to the units.
fn append_digits(out: &mut Vec<u8>, number: i16, mut highest: i16) {
    while highest > 0 {
        out.push(b'0' + (number / highest % 10) as u8);
        highest /= 10;
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.append_to(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}
