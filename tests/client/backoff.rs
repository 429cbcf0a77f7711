//! The delays before the next try.

use std::time::{Duration, Instant};

use crate::support::random::Random;
use wachat::client::link::backoff::Backoff;
use wachat::limits;

#[test]
fn delays_double_up_to_the_longest_and_begin_anew_after_a_success() {
    let now = Instant::now();
    let mut backoff = Backoff::new(limits::MIN_RETRY_DELAY);
    for (seconds, random) in [(1, 0), (2, u16::MAX), (4, 7), (8, 9_999), (16, 0), (30, u16::MAX), (30, 1)] {
        backoff.note_failure(now, random);
        let delay = backoff.deadline(now).unwrap() - now;
        let full = Duration::from_secs(seconds);
        assert!(delay >= full * 3 / 4 && delay <= full, "{delay:?} of {full:?}");
    }
    backoff.note_success();
    assert_eq!(backoff.deadline(now), None);
    backoff.note_failure(now, 0);
    assert!(backoff.is_failing() && backoff.deadline(now).unwrap() - now <= Duration::from_secs(1));
}

#[test]
fn delays_grow_also_when_each_failure_comes_after_the_delay_before_it() {
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let first = limits::MIN_RETRY_DELAY * u32::try_from(1 + random.below(4)).unwrap();
        let mut now = Instant::now();
        let mut backoff = Backoff::new(first);
        let mut failures = 0;
        let mut until = None;
        for _ in 0..40 {
            match random.below(8) {
                0 => {
                    backoff.note_success();
                    (failures, until) = (0, None);
                }
                1 => {
                    backoff.hurry();
                    until = None;
                }
                2 => now += Duration::from_millis(random.below(3_000)),
                way => {
                    // Most tries come when the delay is over: at once, or later.
                    if way > 3 {
                        now = backoff.deadline(now).unwrap_or(now) + Duration::from_millis(random.below(2) * 500);
                    }
                    backoff.note_failure(now, (random.next() & 0xffff) as u16);
                    let full = (first * 2_u32.pow(failures)).min(limits::MAX_RETRY_DELAY);
                    failures = (failures + 1).min(10);
                    let delay = backoff.deadline(now).unwrap() - now;
                    assert!(delay >= full * 3 / 4 && delay <= full, "seed {seed}: {delay:?} of {full:?}");
                    until = Some(now + delay);
                }
            }
            assert_eq!(backoff.deadline(now), until.filter(|until| *until > now), "seed {seed}");
            assert_eq!(backoff.is_failing(), failures > 0, "seed {seed}");
        }
    }
}

/// While several servers agree on the next one, a client that waits longer and longer would be the last to know.
#[test]
fn the_first_delays_of_several_servers_are_all_the_first_one() {
    let first = Duration::from_secs(1);
    let mut backoff = Backoff::new(first);
    let mut now = Instant::now();
    let mut delay = || {
        backoff.note_none_of_several(now, u16::MAX);
        assert!(backoff.is_failing());
        let delay = backoff.deadline(now).expect("a delay") - now;
        now += delay;
        delay.as_millis()
    };
    let delays: Vec<_> = (0..13).map(|_| delay()).collect();
    assert_eq!(delays, [[999; 10].as_slice(), &[999, 1_999, 3_999]].concat());
    backoff.note_success();
    assert!(!backoff.is_failing());
}
