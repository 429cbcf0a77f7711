//! GAPs that direct messages are acknowledged past, again and again: each room message is in a MSG or a GAP all the same.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use wachat::state_machine::Capacities;

use super::{Action, SEED, USERS, play};

const HISTORIES: u32 = 2_000;

/// Ana and eva write to luis and to a room in turns; he takes an event or two at a time.
fn action() -> impl Strategy<Value = Action> {
    const LUIS: usize = 1;
    let from = prop_oneof![Just(0_usize), Just(2)];
    let id = any::<u8>();
    let max = 1..3_usize;
    prop_oneof![
        6 => (from.clone(), id).prop_map(|(from, id)| Action::Send { from, id, to: USERS, text: 0 }),
        4 => (from, id).prop_map(|(from, id)| Action::Send { from, id, to: LUIS, text: 0 }),
        6 => (prop::bool::weighted(0.9), max.clone())
            .prop_map(|(all_sent, max)| Action::PollAgain { user: LUIS, all_sent, share: 4, max }),
        2 => (3..=4_u8, max)
            .prop_map(|(share, max)| Action::Poll { user: LUIS, share, honest: true, wild: false, max }),
        1 => (0..=4_u8).prop_map(|share| Action::Read { user: LUIS, target: USERS, share }),
        1 => Just(Action::Restart),
        1 => Just(Action::Checkpoint),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: HISTORIES,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_message_of_a_room_is_lost_between_direct_ones(
        room_log in 1..4_usize,
        actions in prop::collection::vec(action(), 20..80),
    ) {
        let joins = (0..USERS).map(|user| Action::Join { user, room: USERS });
        let actions: Vec<_> = joins.chain(actions).collect();
        play(Capacities { room_log, remembered_ids: 12, ..Capacities::default() }, false, &actions)?;
    }
}
