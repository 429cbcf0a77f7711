//! The acknowledgements of one batch are one record of the write-ahead log.

use wachat::model::{MessageId, RoomName, Seq, Target, Text, UserName};
use wachat::protocol::After;
use wachat::state_machine::{Command, ConnectionId, Now, Output, Policy, Record, StateMachine, StoredState};

const MEMBERS: u64 = 1_000;

fn lines(out: Output) -> Vec<Vec<u8>> {
    let line = |(last, record): (Seq, Record)| {
        let mut line = Vec::new();
        record.write(last, &mut line);
        line
    };
    out.records.into_iter().map(line).collect()
}

#[test]
fn a_message_that_a_thousand_members_acknowledge_takes_at_most_6_kb_of_the_log() {
    let mut machine = StateMachine::new(StoredState::new("store".into()), Policy { lobby: false, ..Policy::default() });
    let mut log = Vec::new();
    let room = RoomName::new("#all").unwrap();
    let name = |user: u64| UserName::new(&format!("user{user}")).unwrap();
    let mut out = Output::default();
    for user in 0..=MEMBERS {
        let register = Command::Register { name: name(user), password_hash: "x".into() };
        let open =
            Command::Open { user: name(user), device: None, key: None, order: user, address: [127, 0, 0, 1].into() };
        let join = Command::Join { user: name(user), room: Ok(Target::Room(room.clone())) };
        for command in [register, open, join] {
            machine.handle(ConnectionId(user), command, Now::default(), &mut out).unwrap();
        }
    }
    machine.end_batch(Now::default(), &mut out).unwrap();
    log.extend(lines(std::mem::take(&mut out)));
    for number in 0..3 {
        let to = Ok(Target::Room(room.clone()));
        let text = Text::new("hola a todos").unwrap();
        let id = MessageId::new(&number.to_string()).unwrap();
        machine
            .handle(ConnectionId(0), Command::Send { user: name(0), id, to, text }, Now::default(), &mut out)
            .unwrap();
        let newest = After::Number(machine.stored.last);
        // Every third member is late: the numbers of the others are not one range.
        for user in (1..=MEMBERS).filter(|user| user % 3 > 0).chain((1..=MEMBERS).filter(|user| user % 3 == 0)) {
            let poll = Command::Poll { after: newest, wait: Some(0), max: 100 };
            machine.handle(ConnectionId(user), poll, Now::default(), &mut out).unwrap();
            if user == MEMBERS - 1 {
                machine.end_batch(Now::default(), &mut out).unwrap();
            }
        }
        machine.end_batch(Now::default(), &mut out).unwrap();
        let records = lines(std::mem::take(&mut out));
        let bytes: usize = records.iter().map(Vec::len).sum();
        assert!(bytes <= 6_000, "{bytes} bytes in {} records", records.len());
        log.extend(records);
    }
    // Recovery reaches the same state: every record says the newest number after it.
    let mut recovered = StoredState::new("store".into());
    for line in &log {
        recovered.replay(line.strip_suffix(b"\n").unwrap()).unwrap();
    }
    let acknowledged =
        |state: &StoredState| state.snapshot().accounts.iter().map(|row| row.acknowledged).collect::<Vec<_>>();
    assert_eq!(acknowledged(&recovered), acknowledged(&machine.stored));
    assert_eq!(recovered.last, machine.stored.last);
}

#[test]
fn acknowledgements_are_read_back_as_they_were_written() {
    let at = "2026-11-22T10:00:00.000Z";
    for users in ["5:0", "5:0,2-9", "5:0-1;7:2,4;9:0-999"].map(|users| format!("12;ACK;{at};{users}")) {
        let read = Record::parse(users.as_bytes());
        // Above 1,000 accounts it is no record of this program.
        assert_eq!(read.is_none(), users.ends_with("999"), "{users}");
        if let Some((last, record)) = read {
            let mut line = Vec::new();
            record.write(last, &mut line);
            assert_eq!(String::from_utf8(line).unwrap(), users + "\n");
        }
    }
    for broken in ["5", "5:", "5:a", "5:3-1", "5:-1", "x:1", "5:0-18446744073709551615", "5:1,"] {
        assert_eq!(Record::parse(format!("12;ACK;{at};{broken}").as_bytes()), None, "{broken}");
    }
    // An account that is not there is an error, not an index out of range.
    assert!(StoredState::new("store".into()).replay(format!("0;ACK;{at};0:7").as_bytes()).is_err());
}
