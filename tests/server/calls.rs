//! Who may call whom, and of whom callees are told (protocol, sections 5 and 7): the state machine alone, by its clock.

use std::time::Duration;

use wachat::limits;
use wachat::model::{Proof, Target, Token, UserName};
use wachat::protocol::{Code, Event, Reply};
use wachat::state_machine::{
    Capacities, Command, ConnectionId, Effect, Now, Output, Policy, StateMachine, StoredState,
};

struct Calls {
    machine: StateMachine,
    elapsed: Duration,
    connection: u64,
}

fn name(user: &str) -> UserName {
    UserName::new(user).expect("a name")
}

impl Calls {
    fn new(users: impl IntoIterator<Item = String>) -> Self {
        let stored = StoredState::new("store".into());
        let machine = StateMachine::new(stored, Policy { lobby: false, ..Policy::default().without_limits() });
        let mut calls = Self { machine, elapsed: Duration::ZERO, connection: 0 };
        for user in users {
            calls.ask(Command::Register { name: name(&user), password_hash: "x".into() });
        }
        calls
    }

    fn ask_on(&mut self, connection: u64, command: Command) -> Vec<Effect> {
        let now = Now { elapsed: self.elapsed, ..Now::default() };
        let mut out = Output::default();
        self.machine.handle(ConnectionId(connection), command, now, &mut out).expect("no defect");
        self.machine.end_batch(now, &mut out).expect("no defect");
        out.effects
    }

    fn ask(&mut self, command: Command) -> Reply {
        let mut effects = self.ask_on(0, command);
        match effects.pop() {
            Some(Effect::Reply(_, reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// Opens a session; returns its connection.
    fn open(&mut self, user: &str) -> u64 {
        self.connection += 1;
        let address = [192, 0, 2, 7].into();
        let order = self.connection;
        self.ask_on(order, Command::Open { user: name(user), device: None, key: None, order, address });
        order
    }

    fn permit(&mut self, user: &str, caller: &str, permitted: bool) -> Reply {
        self.ask(Command::Permit { user: name(user), caller: Target::parse(caller), permitted })
    }

    /// Returns what PERMIT lists, in its order.
    fn permits(&mut self, user: &str) -> Vec<(String, bool)> {
        let Reply::Permits(list) = self.ask(Command::Permits { user: name(user) }) else { panic!("no list") };
        list.into_iter().map(|row| (row.user.to_string(), row.permitted)).collect()
    }

    fn call(&mut self, caller: &str, callee: &str) -> Reply {
        let proof = Proof { token: Token::random().expect("a token"), fingerprint: None };
        self.ask(Command::Peer { user: name(caller), callee: Target::parse(callee), proof })
    }

    #[track_caller]
    fn expect_refused(&mut self, caller: &str, callee: &str) {
        let told = self.call(caller, callee);
        assert!(matches!(&told, Reply::Ko(ko) if ko.code == Code::NoPeer), "{caller} calls {callee}: {told:?}");
    }

    /// Returns the callers of whom a session is told.
    fn told(&mut self, session: u64) -> Vec<String> {
        use wachat::protocol::After;
        let poll = Command::Poll { after: After::AllSent, wait: Some(0), max: 1_000 };
        let effects = self.ask_on(session, poll);
        let [Effect::Events { delivery, .. }] = &effects[..] else { panic!("{effects:?}") };
        let caller = |event: &Event| match event {
            Event::Call { user, .. } => user.to_string(),
            other => panic!("{other:?}"),
        };
        delivery.events.iter().map(caller).collect()
    }
}

fn numbered(users: usize) -> impl Iterator<Item = String> {
    (0..users).map(|number| format!("user{number}"))
}

#[test]
fn a_callee_is_told_of_each_caller_once_an_hour_and_of_twenty() {
    let callers = limits::TOLD_CALLS_PER_CALLEE + 5;
    let mut calls = Calls::new(numbered(callers).chain(["luis".to_owned()]));
    calls.expect_refused("user0", "luis");
    let session = calls.open("luis");
    assert_eq!(calls.told(session), [""; 0], "a call while the callee was away is not told later");
    let all: Vec<_> = numbered(callers).collect();
    // Refused for good: no place is taken by that one.
    assert_eq!(calls.permit("luis", "user3", false), Reply::Done);
    for _ in 0..3 {
        all.iter().for_each(|caller| calls.expect_refused(caller, "luis"));
    }
    let wanted: Vec<_> = all.iter().filter(|caller| *caller != "user3").take(20).cloned().collect();
    assert_eq!(calls.told(session), wanted);
    calls.elapsed += Duration::from_secs(3_599);
    all.iter().for_each(|caller| calls.expect_refused(caller, "luis"));
    assert_eq!(calls.told(session), [""; 0]);
    calls.elapsed += Duration::from_secs(1);
    all.iter().rev().for_each(|caller| calls.expect_refused(caller, "luis"));
    let wanted: Vec<_> = all.iter().rev().filter(|caller| *caller != "user3").take(20).cloned().collect();
    assert_eq!(calls.told(session), wanted);
}

#[test]
fn of_all_calls_of_an_hour_a_bounded_number_is_told() {
    let callees = limits::TOLD_CALLS / limits::TOLD_CALLS_PER_CALLEE + 1;
    let mut calls = Calls::new(numbered(callees));
    let sessions: Vec<_> = numbered(callees).map(|callee| calls.open(&callee)).collect();
    let all: Vec<_> = numbered(callees).collect();
    for (number, callee) in all.iter().enumerate() {
        let callers = (1..=20).map(|next| &all[(number + next) % callees]);
        callers.for_each(|caller| calls.expect_refused(caller, callee));
    }
    let told: Vec<_> = sessions.iter().map(|session| calls.told(*session).len()).collect();
    assert_eq!(told.iter().sum::<usize>(), limits::TOLD_CALLS);
    assert_eq!(told.last(), Some(&0), "the last one is told nothing: {told:?}");
    calls.elapsed += limits::CALL_MEMORY;
    calls.expect_refused("user0", "user500");
    assert_eq!(calls.told(sessions[500]), ["user0"]);
}

#[test]
fn a_user_permits_and_refuses_a_thousand_and_changes_each_answer() {
    let mut calls = Calls::new(numbered(limits::PERMITS + 1).chain(["luis", "ana"].map(str::to_owned)));
    let last = format!("user{}", limits::PERMITS);
    for user in numbered(limits::PERMITS) {
        assert_eq!(calls.permit("luis", &user, user.ends_with('7')), Reply::Done);
    }
    assert_eq!(calls.permit("luis", "user7", false), Reply::Done, "what was said is changed");
    // The one who was permitted first makes place, none who is refused.
    assert_eq!(calls.permit("luis", &last, true), Reply::Done);
    let list = calls.permits("luis");
    assert_eq!(list.len(), limits::PERMITS);
    assert!(list.is_sorted(), "{list:?}");
    let has = |user: &str, word| list.contains(&(user.to_owned(), word));
    assert!(!has("user17", true) && has("user27", true) && has("user7", false) && has(&last, true), "{list:?}");
    // Where all are refused nothing is forgotten, until the user has permitted one of them.
    list.iter().filter(|(_, permitted)| *permitted).for_each(|(user, _)| _ = calls.permit("luis", user, false));
    let told = calls.permit("luis", "user17", false);
    assert!(matches!(&told, Reply::Ko(ko) if ko.code == Code::Quota), "{told:?}");
    assert_eq!(calls.permit("luis", "user0", true), Reply::Done);
    assert_eq!(calls.permit("luis", "user17", false), Reply::Done);
    let list = calls.permits("luis");
    assert_eq!(list.len(), limits::PERMITS);
    assert!(list.iter().all(|(user, permitted)| user != "user0" && !permitted), "{list:?}");
    // The account of one that was named is removed, and there is room for one more.
    assert_eq!(calls.ask(Command::Remove { user: name("user1") }), Reply::Done);
    assert_eq!(calls.permit("luis", "user0", false), Reply::Done);
    assert_eq!(calls.permits("luis").len(), limits::PERMITS);
    // Which one is the oldest is stored.
    let mut stored =
        StoredState::restore(calls.machine.stored.snapshot(), Capacities::default()).expect("a checkpoint");
    assert!(stored.replay(b"0;PERMIT;luis;user2;yes").is_ok() && stored.replay(b"0;PERMIT;luis;user3;yes").is_ok());
    assert!(stored.replay(b"0;PERMIT;luis;user1000;yes").is_ok() && stored.replay(b"0;PERMIT;luis;ana;no").is_ok());
    let restored = StoredState::restore(stored.snapshot(), Capacities::default()).expect("a checkpoint");
    for stored in [stored, restored] {
        let luis = stored.number(&name("luis")).expect("an account");
        let permitted: Vec<_> = stored.permits(luis).filter(|(_, permitted)| *permitted).collect();
        assert_eq!(permitted, [(name("user3"), true), (name("user1000"), true)]);
    }
}
