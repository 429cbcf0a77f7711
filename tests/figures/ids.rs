//! The memory that a remembered message id takes, and its bytes in a checkpoint.

use wachat::model::{Message, MessageId, Seq, Target, Text, Timestamp, UserName};
use wachat::state_machine::{
    AccountNumber, AccountRow, Capacities, Digest, Head, IdKey, Restoring, SentMessage, StateRow, StoredState,
};

use crate::size;
use crate::support::process::Process;

/// Most bytes of an id, in memory and in a checkpoint.
const MOST: f64 = 64.0;

#[test]
#[ignore = "a figure: run it in release mode, on a quiet machine"]
fn bytes_of_an_id() {
    let ids = size("WACHAT_IDS", 2_000_000);
    // All are kept: what one gives back, the next one would take.
    let mut states = Vec::new();
    for of_sender in [10, 1_000] {
        let accounts = ids / of_sender;
        // As they come, and as a start finds them.
        for at_a_time in [1, of_sender] {
            let (state, bytes) = measure(accounts, of_sender, at_a_time);
            states.push(state);
            println!("{of_sender} ids a sender, restored {at_a_time} at a time: {bytes:.1} bytes an id");
            assert!(bytes <= MOST);
        }
    }
    let id = SentMessage { seq: Seq::new(9_999_999_999).expect("a number"), ..sent(IdKey::default(), 1) };
    let row = format!("9999999;{};{};{};{}\n", id.id, id.digest, id.seq, id.at.millis());
    println!("a long row of a checkpoint: {} bytes", row.len());
    assert!(row.len() as f64 <= MOST);
}

/// Restores accounts with ids. Returns the memory that an id takes.
fn measure(accounts: usize, of_sender: usize, at_a_time: usize) -> (StoredState, f64) {
    let process = Process::of(std::process::id());
    let mut restoring = Restoring::new(Head::default(), Capacities::default());
    for number in 0..accounts {
        restoring.add(StateRow::Account(account(number))).expect("an account");
    }
    let before = process.resident();
    // A round at a time: no sender's ids come one after the other.
    for round in 0..of_sender / at_a_time {
        for number in 0..accounts {
            let first = number * of_sender + round * at_a_time;
            let sent = (first..first + at_a_time).map(|index| sent(IdKey::default(), index as u64)).collect();
            let number = AccountNumber::parse(&number.to_string()).expect("a number");
            restoring.add(StateRow::Ids(number, sent)).expect("ids");
        }
    }
    let bytes = (process.resident() - before) * 1024;
    let state = restoring.finish();
    let id = MessageId::new("0").expect("an id");
    assert!(state.find_sent(AccountNumber::parse("0").expect("a number"), &id).is_some(), "it is remembered");
    (state, bytes as f64 / (accounts * of_sender) as f64)
}

fn account(number: usize) -> AccountRow {
    AccountRow {
        name: UserName::new(&format!("user{number}")).expect("a name"),
        password_hash: "".into(),
        email: Default::default(),
        created_at: Timestamp::from_millis(0),
        removed_at: None,
        last_seen: None,
        acknowledged: Seq::ZERO,
    }
}

fn sent(key: IdKey, index: u64) -> SentMessage {
    let message = Message {
        seq: Seq::new(index + 1).expect("a number"),
        id: MessageId::new(&index.to_string()).expect("an id"),
        from: UserName::new("ana").expect("a name"),
        to: Target::parse("luis").expect("a name"),
        at: Timestamp::from_millis(1_800_000_000_000),
        text: Text::new("hola").expect("a text"),
    };
    let digest = Digest::of(&message.to, message.text.as_str());
    SentMessage { id: key.hash(&message.id), digest, seq: message.seq, at: message.at }
}
