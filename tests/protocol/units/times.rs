//! Timestamps.

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
