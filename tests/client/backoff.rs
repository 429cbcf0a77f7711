//! The delays before the next try.

use std::time::{Duration, Instant};

use wachat::client::link::backoff::Backoff;
use wachat::limits;

#[test]
fn delays_double_up_to_the_longest_and_begin_anew_after_a_success() {
    let now = Instant::now();
    let mut backoff = Backoff::new(limits::MIN_RETRY_DELAY);
    for (seconds, random) in [(1, 0), (2, u16::MAX), (4, 7), (8, 9_999), (16, 0), (30, u16::MAX), (30, 1)] {
        backoff.note_failure(now, random);
        let (delay, full) = (backoff.deadline(now).unwrap() - now, Duration::from_secs(seconds));
        assert!(delay >= full * 3 / 4 && delay <= full, "{delay:?} of {full:?}");
    }
    backoff.note_success();
    assert_eq!(backoff.deadline(now), None);
    backoff.note_failure(now, 0);
    assert!(backoff.is_failing() && backoff.deadline(now).unwrap() - now <= Duration::from_secs(1));
}
