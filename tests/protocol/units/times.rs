//! Timestamps.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wachat::log_lines::seconds;
use wachat::model::Timestamp;

#[test]
fn written_as_section_2_has_it_and_read_back() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_219_000_120, "2026-11-20T23:56:40.120Z"),
        (u64::MAX, "9999-12-30T21:59:59.999Z"),
    ] {
        let time = Timestamp::from_millis(millis);
        assert_eq!(time.to_string(), text);
        assert_eq!(Timestamp::parse(text), Some(time));
    }
    assert_eq!(Timestamp::parse("yesterday"), None);
}

#[test]
fn every_day_is_written_as_the_time_library_writes_it() {
    let instant = |millis: u64| jiff::Timestamp::from_millisecond(millis as i64).unwrap();
    for millis in (0..253_402_207_199_999).step_by(86_399_999) {
        assert_eq!(Timestamp::from_millis(millis).to_string(), format!("{:.3}", instant(millis)));
    }
}

/// The clock of a machine may say anything: no log, and nothing else, stops a program for that.
#[test]
fn whatever_the_clock_says_can_be_written() {
    let year_10000 = 253_402_300_800;
    let after = |seconds: u64| UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
    let before = |seconds: u64| UNIX_EPOCH.checked_sub(Duration::from_secs(seconds));
    let last = [year_10000 - 1, year_10000, 1 << 40, 1 << 62, i64::MAX as u64].map(after);
    let first = [1, 1 << 40, 1 << 62, i64::MAX as u64].map(before);
    let written = |clock: SystemTime| (seconds(Timestamp::from_clock(clock)), Timestamp::from_clock(clock).to_string());
    for clock in last.into_iter().flatten() {
        let (line, text) = written(clock);
        assert_eq!((&*line, &*text), ("9999-12-30T21:59:59Z", "9999-12-30T21:59:59.999Z"), "the clock says {clock:?}");
    }
    for clock in first.into_iter().flatten() {
        let (line, text) = written(clock);
        assert_eq!((&*line, &*text), ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"), "the clock says {clock:?}");
    }
    let time = Timestamp::from_millis(u64::MAX);
    assert_eq!([time.later(Duration::MAX), time.before(Duration::MAX)], [time, Timestamp::default()]);
    let _ = (time.local(), time.local_date(), time.local_time_of_day());
}

/// The times of `env_logger` cannot be written beyond the year 9999: each log has the form of `log_lines`.
#[test]
fn every_log_has_the_form_of_its_one_home() {
    for file in crate::protocol::codec::page::sources(Path::new("src")) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let makes_one = text.contains("env_logger") && text.contains("Builder") || text.contains("env_logger::init");
        let is_home = file.ends_with("log_lines.rs");
        assert!(
            is_home || !makes_one || text.contains("log_lines::with_form"),
            "{}: a log of another form",
            file.display()
        );
    }
}

/// Times near each other, written and read in any order, by a thread that knows the second before.
#[test]
fn times_are_written_and_read_as_the_time_library_does_whatever_came_before() {
    let instant = |millis: u64| jiff::Timestamp::from_millisecond(millis as i64).expect("a time");
    let mut random = crate::support::random::Random::new(3);
    let mut millis = 1_795_219_000_120;
    for _ in 0..20_000 {
        millis = match random.below(6) {
            0 => random.below(253_402_207_199_999),
            1 => millis / 1_000 * 1_000 + random.below(1_000),
            2 => millis / 1_000 * 1_000,
            _ => millis.saturating_sub(2_500) + random.below(5_000),
        };
        let time = Timestamp::from_millis(millis);
        let text = format!("{:.3}", instant(millis));
        let other = match random.below(4) {
            0 => text.replace('Z', "+00:00"),
            1 => text.replace('T', " "),
            _ => text.clone(),
        };
        if random.chance(50) {
            assert_eq!(Timestamp::parse(&other), Some(time), "{other}");
        }
        if random.chance(50) {
            assert_eq!(time.to_string(), text);
        }
        for wrong in [text.replace('Z', ""), text.replace('.', ":"), format!("{text}Z"), text[1..].to_owned()] {
            assert_eq!(Timestamp::parse(&wrong), None, "{wrong}");
        }
    }
}

#[test]
fn times_are_added_and_rounded_to_the_millisecond() {
    let time = Timestamp::from_millis;
    let day = 86_400_000;
    let mut random = crate::support::random::Random::new(4);
    for _ in 0..2_000 {
        let bits = random.below(43);
        let at = random.below(1 << 42);
        let by = random.below(1 << bits);
        let span = Duration::from_millis(by);
        assert_eq!((time(at).later(span).millis(), time(at).millis()), (at + by, at));
        assert_eq!(time(at).before(span).millis(), at.saturating_sub(by));
        assert_eq!(time(at + by).since(time(at)), span);
        assert_eq!(time(at).since(time(at + by)), Duration::ZERO);
        let rounded = time(at).rounded_down(span).millis();
        assert!(rounded <= at && at - rounded < by.max(1) && rounded.is_multiple_of(by.max(1)), "{at} by {by}");
        assert_eq!(time(at).day(), at / day);
        assert!(time(at) < time(at + by + 1));
    }
}
