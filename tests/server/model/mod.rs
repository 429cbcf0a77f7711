//! The state machine against the simplest thing that could be right: random requests, retries, restarts.
//!
//! The model keeps every user's events in a list and goes through it; the state machine has mailboxes, marks and
//! indices. Whatever both are asked, both have to answer the same (promises 2 to 5).

mod crowd;
mod days;
mod gaps;
mod look_alikes;
mod million;
mod pages;
mod real;
mod rooms;
mod simple;
mod twins;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use real::{Real, name, target};
use simple::{Model, Said, Untold};
use wachat::model::{MessageId, Seq, Text};
use wachat::protocol::After;
use wachat::protocol::request::Page;
use wachat::state_machine::{Capacities, Command, ConnectionId, StateMachine};

/// Puts all rows into history files, as a checkpoint does first.
pub fn file_all(machine: &mut StateMachine) {
    let filed = machine.stored.pending_history().map(|(id, mut filed, rows)| {
        filed.bytes += 100 * rows.len() as u64;
        filed.rows += rows.len() as u64;
        filed.upto = rows.last().map_or(filed.upto, |row| row.seq);
        (id, filed)
    });
    let filed: Vec<_> = filed.collect();
    machine.stored.mark_history_written(&filed);
}

/// Users first, then rooms: numbers below [`USERS`] are users.
const PLACES: [&str; 5] = ["ana", "luis", "eva", "#sala", "#aula"];
const USERS: usize = 3;
const QUEUE: usize = 12;
const QUEUE_PER_SENDER: usize = 7;
const ROOMS_PER_CREATOR: usize = 1;

/// The texts by their numbers: the second and the third are so long that a few of them fill a reply, or a mailbox.
const TEXTS: [usize; 3] = [0, 20_000, 59_000];
const QUEUE_BYTES: u64 = 9 * 59_400;
const QUEUE_BYTES_PER_SENDER: u64 = 6 * 59_400;

/// Random histories, the same in every run: enough for combinations that one in thousands has.
const HISTORIES: u32 = 20_000;
const LONG_HISTORIES: u32 = 400;
const SEED: u64 = 1;

#[derive(Clone, Debug)]
enum Action {
    Send {
        from: usize,
        id: u8,
        to: usize,
        text: u8,
    },
    /// Acknowledges this share of what the user was given (honest), of what waits, or some number at all (wild).
    Poll {
        user: usize,
        share: u8,
        honest: bool,
        wild: bool,
        max: usize,
    },
    /// Polls on the session that exists, and acknowledges what came on it (`*`), or a share of what the user was given.
    PollAgain {
        user: usize,
        all_sent: bool,
        share: u8,
        max: usize,
    },
    /// The user's session ends.
    Close {
        user: usize,
    },
    Read {
        user: usize,
        target: usize,
        share: u8,
    },
    Join {
        user: usize,
        room: usize,
    },
    Leave {
        user: usize,
        room: usize,
    },
    /// The administrator removes a room.
    Remove {
        room: usize,
    },
    /// STATUS of the user's last message in a room.
    Status {
        user: usize,
        room: usize,
    },
    /// USERS, MEMBERS, ROOMS or CHATS.
    List {
        user: usize,
        room: usize,
        which: u8,
    },
    /// Everything in memory is lost; the records are replayed.
    Restart,
    /// Restarts from a checkpoint instead.
    Checkpoint,
}

fn action() -> impl Strategy<Value = Action> {
    let user = 0..USERS;
    let room = USERS..PLACES.len();
    let target = 0..PLACES.len();
    let max = prop_oneof![3 => 1..6usize, 1 => Just(1_000)];
    prop_oneof![
        8 => (user.clone(), 0..30u8, target.clone(), 0..3u8)
            .prop_map(|(from, id, to, text)| Action::Send { from, id, to, text }),
        4 => (user.clone(), 0..=4u8, any::<bool>(), prop::bool::weighted(0.1), max.clone())
            .prop_map(|(user, share, honest, wild, max)| Action::Poll { user, share, honest, wild, max }),
        5 => (user.clone(), prop::bool::weighted(0.8), 0..=4u8, max)
            .prop_map(|(user, all_sent, share, max)| Action::PollAgain { user, all_sent, share, max }),
        1 => user.clone().prop_map(|user| Action::Close { user }),
        3 => (user.clone(), target, 0..=5u8).prop_map(|(user, target, share)| Action::Read { user, target, share }),
        3 => (user.clone(), room.clone()).prop_map(|(user, room)| Action::Join { user, room }),
        2 => (user.clone(), room.clone()).prop_map(|(user, room)| Action::Leave { user, room }),
        1 => room.clone().prop_map(|room| Action::Remove { room }),
        2 => (user.clone(), room.clone()).prop_map(|(user, room)| Action::Status { user, room }),
        2 => (user, room, 0..4u8).prop_map(|(user, room, which)| Action::List { user, room, which }),
        1 => Just(Action::Restart),
        1 => Just(Action::Checkpoint),
    ]
}

/// Does one thing to both, and returns what each said.
fn both(model: &mut Model, real: &mut Real, untold: &mut Untold, action: &Action) -> Option<(Said, Said)> {
    match *action {
        Action::Send { from, id, to, text } => {
            let id = format!("id-{id}");
            let text = model.text(text);
            let command = Command::Send {
                user: name(from),
                id: MessageId::new(&id).unwrap(),
                to: Ok(target(to)),
                text: Text::new(&text).unwrap(),
            };
            let newest = model.last;
            let wanted = model.send(from, &id, to, &text);
            if to >= USERS && wanted == Said::Accepted(newest + 1) {
                untold.add(model.recipients(from, to), newest + 1, to);
            }
            Some((wanted, real.say(ConnectionId(0), command)))
        }
        Action::Poll { user, share, honest, wild, max } => {
            let known = if honest { untold.given[user] } else { model.last_for(user) };
            let after = if wild { model.last + u64::from(share) } else { known * u64::from(share) / 4 };
            model.open(user, real.next_time());
            Some((model.poll(user, after, max), poll(real, untold, user, after, max)))
        }
        Action::PollAgain { user, all_sent, share, max } => {
            let connection = real.session(user)?;
            let known = untold.given[user] * u64::from(share) / 4;
            let upto = if all_sent { model.sent_to(user) } else { known };
            let after = if all_sent { After::AllSent } else { After::Number(Seq::new(known)?) };
            let said = real.poll_on(connection, after, max);
            Some((model.poll(user, upto, max), noted(untold, user, upto, said)))
        }
        Action::Close { user } => {
            model.close_session(user, real.next_time());
            real.close(user);
            None
        }
        Action::Read { user, target: there, share } => {
            let upto = model.last * u64::from(share) / 4;
            let found = model.last_of_peer(user, there, upto).and_then(Seq::new);
            Some((model.read(user, there, upto), real.read(user, there, upto, found)))
        }
        Action::Join { user, room } => {
            let command = Command::Join { user: name(user), room: Ok(target(room)) };
            Some((model.join(user, room), real.say(ConnectionId(0), command)))
        }
        Action::Leave { user, room } => {
            let command = Command::Leave { user: name(user), room: Ok(target(room)) };
            untold.forget(room, user);
            Some((model.leave(user, room), real.say(ConnectionId(0), command)))
        }
        Action::Remove { room } => {
            let command = Command::RemoveRoom { room: Ok(target(room)) };
            (0..USERS).for_each(|user| untold.forget(room, user));
            Some((model.remove(room), real.say(ConnectionId(0), command)))
        }
        Action::Status { user, room } => {
            let seq = model.last_sent(user, room)?;
            Some((model.status(user, room, seq), real.status(user, room, seq)))
        }
        Action::List { user, room, which } => {
            let command = match which {
                0 => Command::Users { page: Page::after(None) },
                1 => Command::Members { user: name(user), room: Ok(target(room)), page: Page::after(None) },
                2 => Command::Rooms { user: name(user), page: Page::after(None) },
                _ => Command::Chats { user: name(user), page: Page::after(None), target: None },
            };
            let wanted = match which {
                0 => model.users(),
                1 => model.list_members(user, room),
                2 => model.list_rooms(user),
                _ => model.chats(user),
            };
            Some((wanted, real.list(command)))
        }
        Action::Restart => {
            model.restart();
            real.restart();
            None
        }
        Action::Checkpoint => {
            model.restart();
            real.file_all();
            real.restart_from_checkpoint();
            None
        }
    }
}

/// Polls the state machine, and notes what the user is told.
fn poll(real: &mut Real, untold: &mut Untold, user: usize, after: u64, max: usize) -> Said {
    let said = real.poll(user, after, max);
    noted(untold, user, after, said)
}

/// Notes what a user has acknowledged and is told.
fn noted(untold: &mut Untold, user: usize, after: u64, said: Said) -> Said {
    if let Said::Events(events) = &said {
        untold.acknowledge(user, after);
        untold.tell(user, events);
    }
    said.without_beginnings()
}

/// Plays a history on both.
fn play(capacities: Capacities, is_long: bool, actions: &[Action]) -> Result<(), TestCaseError> {
    let mut model = Model::new(capacities, is_long);
    let mut real = Real::with_capacities(capacities);
    let mut untold = Untold::default();
    for action in actions {
        if let Some((wanted, said)) = both(&mut model, &mut real, &mut untold, action) {
            prop_assert!(said == wanted, "{:?}: {} and not {}", action, said.short(), wanted.short());
        }
    }
    for user in 0..USERS {
        read_all(&mut model, &mut real, &mut untold, user)?;
        prop_assert_eq!(untold.of(user), [0; 0], "in neither MSG nor GAP");
    }
    Ok(())
}

/// Polls until nothing waits any more, as a client does: with `POLL;*`.
fn read_all(model: &mut Model, real: &mut Real, untold: &mut Untold, user: usize) -> Result<(), TestCaseError> {
    model.open(user, real.next_time());
    prop_assert!(poll(real, untold, user, 0, 1_000) == model.poll(user, 0, 1_000));
    loop {
        let again = Action::PollAgain { user, all_sent: true, share: 0, max: 1_000 };
        let (wanted, said) = both(model, real, untold, &again).expect("a session");
        prop_assert!(said == wanted, "at the end: {} and not {}", said.short(), wanted.short());
        if said == Said::Events(Vec::new()) {
            return Ok(());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: HISTORIES,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// With such capacities histories of this length reach the ends of room logs and remembered ids.
    #[test]
    fn the_state_machine_answers_as_the_model_does(
        (room_log, remembered_ids) in (1..8_usize, 1..12_usize),
        actions in prop::collection::vec(action(), 1..120),
    ) {
        play(Capacities { room_log, remembered_ids, ..Capacities::default() }, false, &actions)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: LONG_HISTORIES,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    /// Replies end by their bytes, and mailboxes are full by theirs.
    #[test]
    fn it_does_so_with_texts_of_which_few_fit_into_a_reply(
        (room_log, remembered_ids) in (1..20_usize, 1..12_usize),
        actions in prop::collection::vec(action(), 60..120),
    ) {
        play(Capacities { room_log, remembered_ids, ..Capacities::default() }, true, &actions)?;
    }
}
