//! A million messages: nothing in memory grows without limit, and no poll becomes slow.

use std::collections::HashSet;
use std::time::Duration;

use wachat::limits;
use wachat::model::{MessageId, Seq, Target, Text};
use wachat::protocol::{After, Event};
use wachat::state_machine::{Command, ConnectionId, Effect};

use super::real::{Real, name, target};
use super::simple::Said;
use crate::support::cpu_time;

const MILLION: u64 = 1_000_000;

/// the state machine, and what a start would make of its write-ahead log: every record, replayed.
fn with_its_replay() -> (Real, Real) {
    let mut real = Real::new();
    let replayed = Real::new();
    real.lines.clear();
    (real, replayed)
}

fn replay(real: &mut Real, replayed: &mut Real) {
    for line in real.lines.drain(..) {
        replayed.machine.stored.replay(&line).unwrap();
    }
}

/// Ana sends it, to luis or to a room. As in a server, rows do not stay in memory.
fn send(real: &mut Real, replayed: &mut Real, number: u64, to: usize) -> u64 {
    let command = Command::Send {
        user: name(0),
        id: MessageId::new(&format!("{number}")).unwrap(),
        to: Ok(target(to)),
        text: Text::new("x").unwrap(),
    };
    let Said::Accepted(seq) = real.say(ConnectionId(0), command) else { panic!("{number} was refused") };
    replay(real, replayed);
    if number.is_multiple_of(10_000) {
        real.file_all();
        replayed.file_all();
    }
    seq
}

#[test]
fn a_sender_who_never_polls_and_a_reader_who_never_says_read() {
    let (mut real, mut replayed) = with_its_replay();
    for number in 0..MILLION {
        let seq = send(&mut real, &mut replayed, number, 1);
        // Before the quarter of a mailbox that strangers share is full.
        if number % 2 == 1 {
            real.poll(1, seq, 1);
        }
    }
    let snapshot = real.machine.stored.snapshot();
    assert_eq!(snapshot.waiting.len(), 1, "one STATE stands for all that ana was told");
    assert_eq!(snapshot.ids.len(), limits::REMEMBERED_IDS);
}

#[test]
fn a_member_who_never_comes_and_one_who_never_says_read() {
    let (mut real, mut replayed) = with_its_replay();
    for user in 0..3 {
        real.say(ConnectionId(0), Command::Join { user: name(user), room: Ok(target(3)) });
    }
    let mut told = 0;
    let mut last = 0;
    for number in 0..MILLION {
        last = send(&mut real, &mut replayed, number, 3);
        if number % 50 == 49 {
            // Eva has everything; luis never comes.
            real.poll(2, last, 1);
        }
        if number % 1_000 == 999 {
            let Said::Events(events) = real.poll(0, told, 10) else { panic!("ana's poll") };
            told = events.last().map_or(told, |event| event.seq());
        }
    }
    let snapshot = real.machine.stored.snapshot();
    assert_eq!(snapshot.logs.len(), limits::ROOM_BACKLOG, "luis keeps no more than this waiting");
    assert!(snapshot.waiting.len() <= 2, "{} events wait for ana", snapshot.waiting.len());
    let marks = &snapshot.room_marks[0];
    // Of each of the 10,000 messages that luis delays, one STATE follows when it leaves the room's log.
    let delivered = marks.marks.delivered;
    assert!(last - delivered.get() < 21_000, "luis held ana's ticks up: {delivered} of {last}");
    replay(&mut real, &mut replayed);
    check_gap(&mut real, last);
    check_gap(&mut replayed, last);
}

/// Luis comes at last: one GAP, and then what the log holds, in order.
fn check_gap(real: &mut Real, last: u64) {
    let connection = ConnectionId(u64::MAX);
    let open =
        Command::Open { user: name(1), device: None, key: None, order: u64::MAX, address: [127, 0, 0, 1].into() };
    real.request(connection, open);
    let mut after = Seq::ZERO;
    let mut got = HashSet::new();
    loop {
        let poll = Command::Poll { after: After::Number(after), wait: Some(0), max: 1_000 };
        let Some(Effect::Events { delivery, .. }) = real.request(connection, poll) else { panic!("luis's poll") };
        if after == Seq::ZERO {
            let gap = delivery.events.iter().find(|event| event.seq() > Seq::ZERO);
            let Some(Event::Gap { first, last: end, .. }) = gap else { panic!("{gap:?} is no GAP") };
            assert_eq!(first.get(), 1);
            after = *end;
            continue;
        }
        let in_memory = delivery.events.iter().map(Event::seq).filter(|seq| *seq > after);
        let seqs: Vec<_> = in_memory.chain(delivery.filed.values().flat_map(|filed| filed.seqs.clone())).collect();
        let Some(newest) = seqs.iter().max() else { break };
        assert!(seqs.iter().all(|seq| *seq > after && got.insert(*seq)), "something comes twice, or too late");
        after = *newest;
    }
    assert_eq!(got.len(), limits::ROOM_BACKLOG);
    assert_eq!(after.get(), last);
}

/// The cost of a poll depends on the events that it returns, not on those that are pending.
#[test]
fn a_member_who_is_far_behind_in_many_rooms_polls_as_fast_as_one_who_is_not() {
    const ROOMS: usize = limits::ROOMS_PER_USER;
    let mut real = Real::with_any_rooms();
    let room = |number: usize| Target::parse(&format!("#sala{number}"));
    for number in 0..ROOMS {
        for user in 0..2 {
            real.say(ConnectionId(0), Command::Join { user: name(user), room: room(number) });
        }
    }
    let mut sent = 0;
    let [behind_by_one, behind_by_a_hundred] = [1, 100].map(|messages| {
        while sent < messages * ROOMS {
            let id = MessageId::new(&format!("{sent}")).unwrap();
            let command = Command::Send { user: name(0), id, to: room(sent % ROOMS), text: Text::new("x").unwrap() };
            sent += 1;
            assert_eq!(real.say(ConnectionId(0), command), Said::Accepted(sent as u64));
            real.lines.clear();
        }
        polls_of_luis(&mut real)
    });
    assert!(behind_by_a_hundred < behind_by_one * 5, "{behind_by_a_hundred:?}; by one a room {behind_by_one:?}");
}

/// Returns the processor time of a thousand polls for a hundred events.
fn polls_of_luis(real: &mut Real) -> Duration {
    let start = cpu_time();
    for turn in 0..1_000 {
        let Some(Effect::Events { delivery, .. }) = poll_of_luis(real, turn, 100) else { panic!("luis's poll") };
        let numbers: Vec<_> = delivery.events.iter().map(|event| event.seq().get()).filter(|seq| *seq > 0).collect();
        assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
    }
    cpu_time() - start
}

fn poll_of_luis(real: &mut Real, turn: u64, max: usize) -> Option<Effect> {
    let connection = ConnectionId(u64::MAX);
    if turn == 0 {
        real.request(
            connection,
            Command::Open { user: name(1), device: None, key: None, order: u64::MAX, address: [127, 0, 0, 1].into() },
        );
    }
    real.request(connection, Command::Poll { after: After::Number(Seq::ZERO), wait: Some(0), max })
}
