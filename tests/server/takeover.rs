//! The order of logins decides which session is the newer one.

use std::net::IpAddr;

use wachat::model::UserName;
use wachat::protocol::{Code, Reply};
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Output, Policy, StateMachine, StoredState};

#[test]
fn a_login_that_took_long_does_not_take_over_from_a_newer_one() {
    let mut machine = StateMachine::new(StoredState::new("store".into()), Policy::default());
    let ana = UserName::new("ana").unwrap();
    let mut handle = |connection, command| {
        let mut out = Output::default();
        machine.handle(ConnectionId(connection), command, Now::default(), &mut out).unwrap();
        out.effects
    };
    handle(1, Command::Register { name: ana.clone(), password_hash: "x".into() });
    let address = IpAddr::from([127, 0, 0, 1]);
    handle(2, Command::Open { user: ana.clone(), order: 2, address });
    let effects = handle(3, Command::Open { user: ana.clone(), order: 1, address });
    let [Effect::Reply(ConnectionId(3), Reply::Ko(ko))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(ko.code, Code::Replaced);
    handle(3, Command::Closed);
    let effects = handle(4, Command::Open { user: ana, order: 3, address });
    assert!(matches!(&effects[..], [Effect::Close(ConnectionId(2), Code::Replaced), Effect::Reply(..)]));
}
