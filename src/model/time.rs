//! Timestamps, for people: the order of events comes from sequence numbers (protocol, section 2).

use std::cell::Cell;
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

    /// Reads the system clock.
    pub fn now() -> Self {
        Self::from_clock(SystemTime::now())
    }

    /// Makes a timestamp of what the system clock says; a time before 1970 counts as 1970.
    pub fn from_clock(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self::from_millis(u64::try_from(since.as_millis()).unwrap_or(END))
    }

    /// Returns the time so much later.
    pub fn later(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(END)))
    }

    /// Reads any RFC 3339 time.
    pub fn parse(text: &str) -> Option<Self> {
        let (last, start) = LAST_SECOND.get();
        if let Some([b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'Z']) = text.as_bytes().strip_prefix(&start) {
            let millis: u64 = text.get(start.len()..start.len() + 3)?.parse().ok()?;
            return Some(Self(last * 1_000 + millis));
        }
        let instant: jiff::Timestamp = text.parse().ok()?;
        let time = u64::try_from(instant.as_millisecond()).ok().map(Self::from_millis)?;
        // For the next lines, which mostly have the same second.
        time.second_text();
        Some(time)
    }

    /// Returns the milliseconds since 1970.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// Returns the time that is this much earlier; not before 1970.
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(END)))
    }

    /// Returns the time since an earlier one; zero if it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns the last time not after this one that is a whole number of these steps after 1970.
    pub fn rounded_down(self, step: Duration) -> Self {
        let step = u64::try_from(step.as_millis()).unwrap_or(END).max(1);
        Self(self.0 / step * step)
    }

    /// Returns the number of the day, counted from 1970, UTC.
    pub fn day(self) -> u64 {
        self.0 / 86_400_000
    }

    /// Returns the time of day in this machine's time zone, as `14:35`.
    pub fn local_time_of_day(self) -> String {
        self.instant().to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string()
    }

    /// Returns the time in this machine's time zone.
    pub fn local(self) -> LocalTime {
        let local = self.instant().to_zoned(jiff::tz::TimeZone::system());
        LocalTime {
            year: local.year(),
            month: local.month().unsigned_abs(),
            day: local.day().unsigned_abs(),
            time_of_day: self.local_time_of_day(),
        }
    }

    /// Returns the day in this machine's time zone.
    pub fn local_date(self) -> jiff::civil::Date {
        self.instant().to_zoned(jiff::tz::TimeZone::system()).date()
    }

    /// Returns the text of the time up to the dot before the milliseconds.
    fn second_text(self) -> [u8; 20] {
        let second = self.0 / 1_000;
        let (last, text) = LAST_SECOND.get();
        if last == second {
            return text;
        }
        let written = self.instant().strftime("%Y-%m-%dT%H:%M:%S.").to_string();
        let text = written.as_bytes().try_into().unwrap_or(text);
        LAST_SECOND.set((second, text));
        text
    }

    fn instant(self) -> jiff::Timestamp {
        i64::try_from(self.0).ok().and_then(|m| jiff::Timestamp::from_millisecond(m).ok()).unwrap_or_default()
    }
}

/// A time in a time zone, in the parts that people name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTime {
    pub year: i16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// `14:35`.
    pub time_of_day: String,
}

thread_local! {
    /// The second that this thread has written or read last, and its text. Most lines have the one of the line before, and
    /// jiff takes longer for it than all the rest of a line takes.
    static LAST_SECOND: Cell<(u64, [u8; 20])> = const { Cell::new((u64::MAX, [0; 20])) };
}

impl PlainField for Timestamp {
    fn append_to(&self, out: &mut Vec<u8>) {
        let millis = self.0 % 1_000;
        out.extend_from_slice(&self.second_text());
        out.extend([100, 10, 1].map(|unit| b'0' + (millis / unit % 10) as u8));
        out.push(b'Z');
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.append_to(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}
