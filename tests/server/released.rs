//! Effects that the group commit releases: nothing before what it depends on is durable, everything once, and in order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use wachat::model::{MessageId, Target, Text, Timestamp, UserName};
use wachat::protocol::request::After;
use wachat::protocol::{Event, Reply};
use wachat::server::{GroupCommit, Urgency};
use wachat::state_machine::{Command, ConnectionId, Effect, Now, Policy};
use wachat::store::{Sizes, Store};

use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;

const USERS: [&str; 3] = ["ana", "eva", "luis"];

fn user(number: usize) -> UserName {
    UserName::new(USERS[number]).expect("a name")
}

/// A group commit, and what it owes: the connections that wait for a reply, in the order in which they have asked.
struct Owing {
    group_commit: GroupCommit,
    time: u64,
    connections: u64,
    /// Those whose replies wait for the batch.
    held: Vec<ConnectionId>,
    /// Those who may have their replies at once.
    free: Vec<ConnectionId>,
    /// The number up to which all is durable.
    durable: u64,
    /// The one before the last commit.
    durable_before: u64,
    /// The session of each user, and the newest event that it was brought.
    sessions: BTreeMap<ConnectionId, u64>,
}

impl Owing {
    fn new() -> Self {
        let store = Store::new(Arc::new(SimulatedDisk::default()), Path::new("/data"));
        let policy = Policy { lobby: false, ..Policy::default().without_limits() };
        let opened = store.open(policy, Sizes::default()).unwrap_or_else(|error| panic!("{error}"));
        let group_commit = GroupCommit::new(opened, Sizes::default());
        let (held, free, sessions) = Default::default();
        let mut owing =
            Self { group_commit, time: 0, connections: 10, held, free, durable: 0, durable_before: 0, sessions };
        for number in 0..USERS.len() {
            let address = [127, 0, 0, 1].into();
            owing.execute(ConnectionId(9), Command::Register { name: user(number), password_hash: "x".into() });
            owing.execute(
                owing.session(number),
                Command::Open { user: user(number), device: None, key: None, order: number as u64, address },
            );
        }
        owing.group_commit.commit().expect("a commit");
        owing.group_commit.release_effects(&mut Vec::new());
        owing
    }

    fn session(&self, number: usize) -> ConnectionId {
        ConnectionId(1 + number as u64)
    }

    fn now(&mut self) -> Now {
        self.time += 1;
        Now { at: Timestamp::from_millis(1_800_000_000_000 + self.time), ..Now::default() }
    }

    fn execute(&mut self, from: ConnectionId, command: Command) {
        let now = self.now();
        self.group_commit.execute(from, command, now).expect("no defect");
    }

    /// Notes a request, whose reply depends on all that is in the batch.
    fn ask(&mut self, random: &mut Random) {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let from = random.below(3) as usize;
        let to = random.below(4) as usize;
        if random.chance(20) {
            self.group_commit.add_effect(Effect::Reply(connection, Reply::Done));
        } else {
            // Now and then a retry, and a user whom there is none of.
            let number = if random.chance(20) { 1 + random.below(3) } else { self.connections };
            let to = Target::parse(USERS.get(to).unwrap_or(&"nobody"));
            let id = MessageId::new(&format!("m{number}")).expect("an id");
            let text = Text::new("hola").expect("a text");
            self.execute(connection, Command::Send { user: user(from), id, to, text });
        }
        let owed = if self.group_commit.batch_bytes() > 0 { &mut self.held } else { &mut self.free };
        owed.push(connection);
    }

    /// A session asks for events, and acknowledges some of those that it was brought.
    fn poll(&mut self, random: &mut Random) {
        let session = self.session(random.below(3) as usize);
        let brought = self.sessions.get(&session).copied().unwrap_or(0);
        let after = wachat::model::Seq::new(random.below(brought + 1)).expect("a number");
        self.execute(session, Command::Poll { after: After::Number(after), wait: Some(0), max: 100 });
        if random.chance(70) {
            self.end_batch();
        }
    }

    fn end_batch(&mut self) {
        let now = self.now();
        self.group_commit.end_batch(now).expect("no defect");
    }

    /// Takes what is let go, and compares it with what is owed.
    fn check(&mut self, is_committed: bool, what: &str) {
        let mut effects = Vec::new();
        self.group_commit.release_effects(&mut effects);
        let mut replied = Vec::new();
        for effect in effects {
            match effect {
                Effect::Reply(connection, _) => replied.push(connection),
                Effect::Events { to, delivery, depends_on } => {
                    let newest = delivery.events.iter().map(Event::seq).max().map_or(0, |seq| seq.get());
                    assert!(depends_on.get() >= newest, "{what}: it depends on what it brings");
                    assert!(
                        depends_on.get() <= self.durable,
                        "{what}: {to} is brought {newest}, durable is {}",
                        self.durable
                    );
                    let could_wait = !is_committed || depends_on.get() > self.durable_before;
                    assert!(could_wait, "{what}: {to} has waited for a batch that it does not depend on");
                    let brought = self.sessions.entry(to).or_default();
                    *brought = newest.max(*brought);
                }
                other => panic!("{what}: {other:?}"),
            }
        }
        let mut owed = std::mem::take(&mut self.free);
        if is_committed {
            owed.append(&mut self.held);
        }
        assert_eq!(replied, owed, "{what}: replies");
    }

    fn check_urgency(&self, what: &str) {
        let urgency = self.group_commit.urgency();
        match self.group_commit.batch_bytes() {
            0 => assert_eq!(urgency, Urgency::Nothing, "{what}"),
            _ if !self.held.is_empty() => assert_eq!(urgency, Urgency::Now, "{what}: a client waits"),
            _ => assert_eq!(urgency, Urgency::Soon, "{what}: acknowledgements alone"),
        }
    }

    fn commit(&mut self) {
        let bytes = self.group_commit.batch_bytes();
        let durable = self.group_commit.state().last.get();
        let records = self.group_commit.commit().expect("a commit");
        assert_eq!(records > 0, bytes > 0, "{records} records in {bytes} bytes");
        assert_eq!(self.group_commit.batch_bytes(), 0);
        self.durable_before = std::mem::replace(&mut self.durable, durable);
    }
}

#[test]
fn nothing_leaves_before_it_is_durable_and_all_of_it_leaves_once_in_order() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let mut owing = Owing::new();
        let mut kinds = BTreeMap::<String, u32>::new();
        for step in 0..300 {
            let what = format!("seed {seed}, step {step}");
            match random.below(10) {
                0..5 => owing.ask(&mut random),
                5..8 => owing.poll(&mut random),
                8 => owing.end_batch(),
                _ => {
                    owing.check(false, &what);
                    owing.commit();
                    owing.check(true, &what);
                }
            }
            owing.check_urgency(&what);
            *kinds.entry(format!("{:?}", owing.group_commit.urgency())).or_default() += 1;
            if random.chance(60) {
                owing.check(false, &what);
            }
        }
        assert!(kinds.len() == 3 && kinds.values().all(|count| *count > 0), "seed {seed}: {kinds:?}");
        assert!(owing.sessions.values().all(|brought| *brought > 0), "{:?}", owing.sessions);
    }
}
