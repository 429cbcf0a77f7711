//! Names that look alike: whichever accounts and rooms there are, and however the state was read again, a new one looks
//! like none of them (protocol, section 3).

use std::collections::BTreeMap;

use wachat::model::{Email, NewAccount, Target, UserName};
use wachat::protocol::Code;
use wachat::state_machine::{Capacities, Command, ConnectionId, StoredState};

use super::real::Real;
use super::simple::Said;
use crate::support::random::Random;

/// Those of a row look alike; some are the same name in another case.
const LOOKS: [&[&str]; 4] =
    [&["luis", "Iuis", "1uis", "LUIS"], &["bo0", "boo", "boO"], &["marta", "rnarta"], &["a1", "al"]];

/// The names that are taken, by the row of their look.
type Taken = BTreeMap<usize, UserName>;

/// Returns what a request for a new name has to get: its own name first, its look then.
fn expected(taken: &mut Taken, row: usize, name: &UserName, own: Said) -> Said {
    match taken.get(&row) {
        Some(other) if other == name => own,
        Some(_) => Said::Ko(Code::Name),
        None => {
            taken.insert(row, name.clone());
            Said::Done
        }
    }
}

#[test]
fn no_new_name_looks_like_one_that_is_taken() {
    let mut random = Random::new(5);
    for history in 0..300 {
        let mut real = Real::with_any_rooms();
        let mut accounts = Taken::from([(0, UserName::new("luis").expect("a name"))]);
        let mut rooms = Taken::new();
        for step in 0..40 {
            let row = random.below(LOOKS.len() as u64) as usize;
            let text = LOOKS[row][random.below(LOOKS[row].len() as u64) as usize];
            let name = UserName::new(text).expect("a name");
            let ana = UserName::new("ana").expect("a name");
            let room = Target::parse(&format!("#{text}"));
            let (command, wanted) = match random.below(10) {
                0..=2 => {
                    let wanted = expected(&mut accounts, row, &name, Said::Ko(Code::Exists));
                    (Command::Register { name, password_hash: "x".into() }, wanted)
                }
                3..=5 => {
                    let wanted = expected(&mut rooms, row, &name, Said::Done);
                    (Command::Join { user: ana, room }, wanted)
                }
                6 | 7 => {
                    let is_open = rooms.get(&row) == Some(&name);
                    let wanted = if is_open { Said::Done } else { Said::Ko(Code::NoRoom) };
                    rooms.retain(|_, open| *open != name);
                    let is_left = random.below(2) == 0;
                    (if is_left { Command::Leave { user: ana, room } } else { Command::RemoveRoom { room } }, wanted)
                }
                8 => {
                    real.restart();
                    continue;
                }
                _ => {
                    real.file_all();
                    real.restart_from_checkpoint();
                    continue;
                }
            };
            assert_eq!(real.say(ConnectionId(0), command), wanted, "history {history}, step {step}: {text}");
        }
    }
}

#[test]
fn accounts_that_are_made_together_look_like_no_other_and_not_like_each_other() {
    let mut real = Real::with_any_rooms();
    let mut import = |names: &[&str]| {
        let new = |name: &&str| {
            let name = UserName::new(name).expect("a name");
            let email = Email::default();
            NewAccount { name, password_hash: "x".into(), email }
        };
        let accounts = names.iter().map(new).collect();
        real.say(ConnectionId(0), Command::AddAccounts { accounts, lobby: false })
    };
    for names in [&["1uis"][..], &["leo", "Iuis"], &["marta", "rnarta"], &["leo", "boO", "a1", "bo0"], &["al", "a1"]] {
        assert_eq!(import(names), Said::Ko(Code::Name), "{names:?}");
    }
    assert_eq!(import(&["leo", "marta", "boO", "a1"]), Said::Done, "none of those was made");
    assert_eq!(import(&["rnarta"]), Said::Ko(Code::Name));
}

#[test]
fn reserved_names_that_exist_are_kept_and_no_new_one_is_made() {
    let mut state = StoredState::new("store".into());
    for name in ["admin", "*"] {
        let record = format!("0;ACCOUNT;{name};2026-11-20T23:55:00.000Z;$0");
        state.replay(record.as_bytes()).expect("a record from before");
    }
    let state = StoredState::restore(state.snapshot(), Capacities::default()).expect("a checkpoint from before");
    assert_eq!(state.password_hashes().count(), 2);
    let mut real = Real::with_any_rooms();
    for text in ["admin", "ADRNIN", "server", "System", "wachat", "*"] {
        let name = UserName::new(text).expect("a name");
        let alone = Command::Register { name: name.clone(), password_hash: "x".into() };
        let account = NewAccount { name, password_hash: "x".into(), email: Email::default() };
        let imported = Command::AddAccounts { accounts: vec![account], lobby: true };
        for command in [alone, imported] {
            assert_eq!(real.say(ConnectionId(0), command), Said::Ko(Code::Name), "{text}");
        }
    }
}
