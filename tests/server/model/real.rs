//! The state machine, asked as connections ask it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use wachat::model::{Message, Seq, Target, Timestamp, UserName};
use wachat::protocol::request::Page;
use wachat::protocol::{After, Event, Reply};
use wachat::state_machine::{
    Capacities, Command, ConnectionId, Delivery, Effect, LastOfPeer, Now, Output, Policy, Record, StateMachine,
    StoredState,
};

use super::simple::{Said, Waiting};
use super::{PLACES, QUEUE, QUEUE_BYTES, QUEUE_BYTES_PER_SENDER, QUEUE_PER_SENDER, ROOMS_PER_CREATOR, USERS};

/// The state machine, asked as connections ask it, with every record it has made.
pub struct Real {
    pub machine: StateMachine,
    pub lines: Vec<Vec<u8>>,
    capacities: Capacities,
    policy: Policy,
    sessions: u64,
    /// The connection of each user's session.
    open: [Option<ConnectionId>; USERS],
    clock: u64,
}

pub fn name(user: usize) -> UserName {
    UserName::new(PLACES[user]).unwrap()
}

pub fn target(target: usize) -> Target {
    Target::parse(PLACES[target]).unwrap()
}

fn policy() -> Policy {
    Policy {
        queue: QUEUE,
        queue_per_sender: QUEUE_PER_SENDER,
        queue_bytes: QUEUE_BYTES,
        queue_bytes_per_sender: QUEUE_BYTES_PER_SENDER,
        rooms_per_creator: ROOMS_PER_CREATOR,
        lobby: false,
        // No time passes: no bucket would fill again.
        rate: None,
        rate_bytes: None,
        ..Policy::default()
    }
}

impl Real {
    pub fn new() -> Self {
        Self::with_capacities(Capacities::default())
    }

    pub fn with_capacities(capacities: Capacities) -> Self {
        Self::with(policy(), capacities)
    }

    /// Makes one in which each account creates as many rooms as it likes.
    pub fn with_any_rooms() -> Self {
        Self::with(Policy { rooms_per_creator: usize::MAX, ..policy() }, Capacities::default())
    }

    fn with(policy: Policy, capacities: Capacities) -> Self {
        let mut real = Self {
            machine: StateMachine::new(StoredState::with_capacities("store".into(), capacities), policy.clone()),
            lines: Vec::new(),
            capacities,
            policy,
            sessions: 0,
            open: [None; USERS],
            clock: 0,
        };
        for user in 0..USERS {
            real.request(ConnectionId(0), Command::Register { name: name(user), password_hash: "x".into() });
        }
        real
    }

    pub fn request(&mut self, connection: ConnectionId, command: Command) -> Option<Effect> {
        self.clock += 1;
        let now = Now {
            at: Timestamp::from_millis(1_000 - self.clock.min(1_000)),
            elapsed: Duration::from_millis(self.clock),
        };
        let mut out = Output::default();
        self.machine.handle(connection, command, now, &mut out).unwrap();
        self.machine.end_batch(now, &mut out).unwrap();
        for (last, record) in out.records {
            let mut line = Vec::new();
            record.write(last, &mut line);
            line.pop();
            self.lines.push(line);
        }
        out.effects.into_iter().find(|effect| match effect {
            Effect::Reply(to, _) | Effect::Excerpt(to, _) | Effect::Events { to, .. } => *to == connection,
            _ => false,
        })
    }

    pub fn say(&mut self, connection: ConnectionId, command: Command) -> Said {
        match self.request(connection, command).expect("an answer") {
            Effect::Reply(_, Reply::Accepted(accepted)) => Said::Accepted(accepted.seq.get()),
            Effect::Events { delivery, .. } => {
                Said::Events(self.complete(delivery).iter().filter_map(waiting).collect())
            }
            Effect::Reply(_, Reply::LoggedIn(_) | Reply::SessionOpened(_)) => Said::Done,
            Effect::Reply(_, Reply::Done) => Said::Done,
            Effect::Reply(_, Reply::Ko(ko)) => Said::Ko(ko.code),
            other => panic!("{other:?}"),
        }
    }

    /// Adds the events that are in files only; here the list of all records stands for the files.
    fn complete(&self, delivery: Delivery) -> Vec<Event> {
        let filed: HashSet<_> = delivery.filed.values().flat_map(|filed| filed.seqs.iter().copied()).collect();
        let mut events = delivery.events;
        let mut before = Seq::ZERO;
        for line in self.lines.iter().filter(|_| !filed.is_empty()) {
            let (last, record) = Record::parse(line).unwrap();
            // The number of the line can be larger than the message's own: STATE events of the record come after it.
            let seq = std::mem::replace(&mut before, last).next();
            if let Record::Message(message) = record
                && filed.contains(&seq)
            {
                events.push(Event::Message(Arc::new(Message { seq, ..(*message).clone() })));
            }
        }
        events.sort_by_key(Event::seq);
        events
    }

    /// Removes all rows from memory, as after a checkpoint that put them into the history files.
    pub fn file_all(&mut self) {
        let all: Vec<_> = self
            .machine
            .stored
            .pending_history()
            .map(|(id, mut filed, rows)| {
                filed.bytes += 1;
                filed.rows += rows.len() as u64;
                filed.upto = rows.last().map_or(filed.upto, |row| row.seq);
                (id, filed)
            })
            .collect();
        self.machine.stored.mark_history_written(&all);
    }

    /// Returns the answer to STATUS, as if the message were one of the user.
    pub fn status(&mut self, user: usize, room: usize, seq: u64) -> Said {
        let seq = Seq::new(seq).unwrap();
        let page = Page::after(None);
        let command = Command::Status { user: name(user), target: Ok(target(room)), seq, page };
        match self.request(ConnectionId(0), command).expect("an answer") {
            Effect::Excerpt(_, excerpt) => Said::Statuses(
                excerpt.statuses.iter().map(|status| (number(&status.user.to_string()), status.state)).collect(),
            ),
            Effect::Reply(_, Reply::Ko(ko)) => Said::Ko(ko.code),
            other => panic!("{other:?}"),
        }
    }

    /// Returns the answer to READ. `in_file`: what the server finds in the history file, if the state machine asks.
    pub fn read(&mut self, user: usize, there: usize, upto: u64, in_file: Option<Seq>) -> Said {
        let command = |last_of_peer| Command::Read {
            user: name(user),
            target: Ok(target(there)),
            seq: Seq::new(upto).unwrap(),
            last_of_peer,
        };
        match self.request(ConnectionId(0), command(LastOfPeer::NotLookedUp)).expect("an answer") {
            Effect::Excerpt(..) => self.say(ConnectionId(0), command(LastOfPeer::Found(in_file))),
            Effect::Reply(_, Reply::Done) => Said::Done,
            Effect::Reply(_, Reply::Ko(ko)) => Said::Ko(ko.code),
            other => panic!("{other:?}"),
        }
    }

    /// Polls on a new session, which takes the place of another one.
    pub fn poll(&mut self, user: usize, after: u64, max: usize) -> Said {
        self.sessions += 1;
        let connection = ConnectionId(self.sessions);
        self.request(
            connection,
            Command::Open {
                user: name(user),
                device: None,
                key: None,
                order: self.sessions,
                address: [127, 0, 0, 1].into(),
            },
        );
        self.open[user] = Some(connection);
        self.poll_on(connection, After::Number(Seq::new(after).unwrap()), max)
    }

    /// Polls on a session.
    pub fn poll_on(&mut self, connection: ConnectionId, after: After, max: usize) -> Said {
        match self.request(connection, Command::Poll { after, wait: Some(0), max }).expect("an answer") {
            Effect::Events { delivery, .. } => {
                assert!(delivery.count() <= max, "{} events of {max}", delivery.count());
                Said::Events(self.complete(delivery).iter().filter_map(waiting).collect())
            }
            Effect::Reply(_, Reply::Ko(ko)) => Said::Ko(ko.code),
            other => panic!("{other:?}"),
        }
    }

    /// Asks for a list.
    pub fn list(&mut self, command: Command) -> Said {
        let Some(Effect::Reply(_, reply)) = self.request(ConnectionId(0), command) else { panic!("no reply") };
        Said::List(match reply {
            Reply::Users(users) => {
                let seen = |user: &wachat::protocol::reply::User| user.last_seen.map(|at| at.millis());
                users.iter().map(|user| format!("{} {} {:?}", user.name, user.online, seen(user))).collect()
            }
            Reply::Members(members) => members.iter().map(|one| format!("{} {}", one.name, one.online)).collect(),
            Reply::Rooms(rooms) => {
                rooms.iter().map(|room| format!("{} {} {}", room.name, room.members, room.member)).collect()
            }
            Reply::Chats(chats) => {
                chats.iter().map(|chat| format!("{} {} {} {}", chat.target, chat.last, chat.read, chat.count)).collect()
            }
            Reply::Ko(ko) => return Said::Ko(ko.code),
            other => panic!("{other:?}"),
        })
    }

    /// Returns the time of the next request, which goes back all the time.
    pub fn next_time(&self) -> u64 {
        1_000 - (self.clock + 1).min(1_000)
    }

    pub fn session(&self, user: usize) -> Option<ConnectionId> {
        self.open[user]
    }

    pub fn close(&mut self, user: usize) {
        if let Some(connection) = self.open[user].take() {
            self.request(connection, Command::Closed);
        }
    }

    pub fn restart(&mut self) {
        let stored = StoredState::with_capacities("store".into(), self.capacities);
        self.open = [None; USERS];
        self.machine = StateMachine::new(stored, self.policy.clone());
        self.lines.iter().for_each(|line| self.machine.stored.replay(line).unwrap());
    }

    pub fn restart_from_checkpoint(&mut self) {
        let stored = StoredState::restore(self.machine.stored.snapshot(), self.capacities).unwrap();
        self.open = [None; USERS];
        self.machine = StateMachine::new(stored, self.policy.clone());
    }
}

fn number(target: &str) -> usize {
    PLACES.iter().position(|known| *known == target).unwrap()
}

fn told(what: &str, whom: &[&str]) -> Option<Waiting> {
    let whom: Vec<_> = whom.iter().map(|name| number(name).to_string()).collect();
    Some(Waiting::Told(format!("{what} {}", whom.join(" "))))
}

fn waiting(event: &Event) -> Option<Waiting> {
    match event {
        Event::Message(m) => Some(Waiting::Message {
            seq: m.seq.get(),
            id: m.id.to_string(),
            from: number(&m.from.to_string()),
            to: number(&m.to.to_string()),
            text: m.text.to_string(),
        }),
        Event::State { seq, target, state, upto, .. } => {
            let target = number(&target.to_string());
            Some(Waiting::State { seq: seq.get(), target, state: *state, upto: upto.get() })
        }
        Event::Online { user, .. } => told("ONLINE", &[&user.to_string()]),
        Event::Offline { user, .. } => told("OFFLINE", &[&user.to_string()]),
        Event::Join { room, user, .. } => told("JOIN", &[&room.to_string(), &user.to_string()]),
        Event::Part { room, user, .. } => told("PART", &[&room.to_string(), &user.to_string()]),
        Event::Room { room, owner: Some(owner), .. } => told("ROOM", &[&room.to_string(), &owner.to_string()]),
        Event::Gap { room, first, last } => {
            Some(Waiting::Gap { first: first.get(), last: last.get(), room: number(&room.to_string()) })
        }
        _ => None,
    }
}
