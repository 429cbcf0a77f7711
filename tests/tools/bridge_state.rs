//! The bridge's progress on a disk that loses power: a part of a message is tried once.

use std::path::Path;
use std::sync::Arc;

use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use wachat::bridge::state::{Part, State};
use wachat::disk::Disk;
use wachat::model::Seq;

const LOG: &str = "home/wal";

struct Run {
    disk: SimulatedDisk,
    random: Random,
    cuts: usize,
}

impl Run {
    fn open(&self) -> State {
        State::open(Arc::new(self.disk.clone()), LOG.into()).unwrap()
    }

    /// Cuts the power in one of five calls; then the bridge starts again.
    fn perhaps_cut(&mut self, state: &mut State) -> bool {
        if self.random.below(5) > 0 {
            return false;
        }
        self.cuts += 1;
        self.disk = self.disk.after_power_cut(|| self.random.chance(50));
        *state = self.open();
        true
    }
}

#[test]
fn what_was_tried_is_never_tried_again_whenever_the_power_goes() {
    let mut run = Run { disk: SimulatedDisk::default(), random: Random::new(1), cuts: 0 };
    run.disk.create_dir(Path::new("home")).unwrap();
    run.disk.sync_dir(Path::new("")).unwrap();
    let mut state = run.open();
    state.begin_bot("7", 5).unwrap();
    state.begin_store("store", Seq::ZERO).unwrap();
    for number in 1..=660 {
        let seq = Seq::new(number).unwrap();
        let part = Part { seq, number: 0, from: "ana".to_owned() };
        assert_eq!(state.next_part(seq), 0);
        state.record_attempt(&part).unwrap();
        if !run.perhaps_cut(&mut state) {
            state.record_done(&part).unwrap();
            run.perhaps_cut(&mut state);
        }
        assert_eq!(state.next_part(seq), 1, "message {number}");
        let second = Part { number: 1, ..part };
        state.record_attempt(&second).unwrap();
        state.record_not_sent(&second).unwrap();
        run.perhaps_cut(&mut state);
        assert_eq!(state.next_part(seq), 1, "a part that was not sent is tried again");
        state.record_passed(seq).unwrap();
        run.perhaps_cut(&mut state);
        assert_eq!((state.position(), state.history_of("7")), (Some(("store", seq)), Some(5)));
    }
    assert!(run.cuts > 100, "{} power cuts", run.cuts);
    assert_eq!(state.history_of("8"), None);
    drop((state, run.open()));
    let segments = run.disk.list(Path::new(LOG)).unwrap();
    assert!(segments.iter().filter(|name| name.ends_with(".csv")).count() <= 2, "it was compacted: {segments:?}");
}
