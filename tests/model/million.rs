//! What could grow without end, a million times: it does not.

use std::collections::HashSet;

use wachat::core::{Answer, Command, ConnectionId};
use wachat::limits;
use wachat::model::{MessageId, Seq, Text};
use wachat::protocol::{After, Event};

use crate::real::{Real, name, place};
use crate::simple::Said;

const MILLION: u64 = 1_000_000;

/// Ana sends it, to luis or to a room. As in a server, rows do not stay in memory.
fn send(real: &mut Real, number: u64, to: usize) -> u64 {
    let command = Command::Send {
        user: name(0),
        id: MessageId::new(&format!("{number}")).unwrap(),
        to: Ok(place(to)),
        text: Text::new("x").unwrap(),
    };
    let Said::Accepted(seq) = real.say(ConnectionId(0), command) else { panic!("{number} was refused") };
    real.lines.clear();
    if number.is_multiple_of(10_000) {
        real.file_all();
    }
    seq
}

#[test]
fn a_sender_who_never_polls_and_a_reader_who_never_says_read() {
    let mut real = Real::new();
    for number in 0..MILLION {
        let seq = send(&mut real, number, 1);
        if number % 5 == 4 {
            real.poll(1, seq, 1);
        }
    }
    let snapshot = real.core.snapshot();
    assert_eq!(snapshot.waiting.len(), 1, "one STATE stands for all that ana was told");
    assert_eq!(snapshot.ids.len(), limits::REMEMBERED_IDS);
}

#[test]
fn a_member_who_never_comes_and_one_who_never_says_read() {
    let mut real = Real::new();
    for user in 0..3 {
        real.say(ConnectionId(0), Command::Join { user: name(user), room: Ok(place(3)) });
    }
    let (mut told, mut last) = (0, 0);
    for number in 0..MILLION {
        last = send(&mut real, number, 3);
        if number % 50 == 49 {
            // Eva has everything; luis never comes.
            real.poll(2, last, 1);
        }
        if number % 1_000 == 999 {
            let Said::Events(events) = real.poll(0, told, 10) else { panic!("ana's poll") };
            told = events.last().map_or(told, |event| event.seq());
        }
    }
    let snapshot = real.core.snapshot();
    assert_eq!(snapshot.logs.len(), limits::ROOM_BACKLOG, "luis keeps no more than this waiting");
    assert!(snapshot.waiting.len() <= 2, "{} events wait for ana", snapshot.waiting.len());
    let marks = &snapshot.room_marks[0];
    // Each of the 10,000 that luis is waited for is followed by a STATE for the one that fell out of the log.
    assert!(last - marks.delivered.get() < 21_000, "luis held ana's ticks up: {} of {last}", marks.delivered);
    check_gap(&mut real, last);
}

/// Luis comes at last: one GAP, and then what the log holds, in order.
fn check_gap(real: &mut Real, last: u64) {
    let connection = ConnectionId(u64::MAX);
    let open = Command::Open { user: name(1), order: u64::MAX, address: [127, 0, 0, 1].into() };
    real.ask(connection, open);
    let (mut after, mut got) = (Seq::ZERO, HashSet::new());
    loop {
        let poll = Command::Poll { after: After::Number(after), wait: Some(0), max: 1_000 };
        let Some(Answer::Events(delivery)) = real.ask(connection, poll) else { panic!("luis's poll") };
        if after == Seq::ZERO {
            let gap = delivery.events.iter().find(|event| event.seq() > Seq::ZERO);
            let Some(Event::Gap { first, last: end, .. }) = gap else { panic!("{gap:?} is no GAP") };
            assert_eq!(first.get(), 1);
            after = *end;
            continue;
        }
        let in_memory = delivery.events.iter().map(Event::seq).filter(|seq| *seq > after);
        let seqs: Vec<_> = in_memory.chain(delivery.filed.iter().flat_map(|filed| filed.seqs.clone())).collect();
        let Some(newest) = seqs.iter().max() else { break };
        assert!(seqs.iter().all(|seq| *seq > after && got.insert(*seq)), "something comes twice, or too late");
        after = *newest;
    }
    assert_eq!(got.len(), limits::ROOM_BACKLOG);
    assert_eq!(after.get(), last);
}
