//! Core against the simplest thing that could be right: random requests, retries, restarts.
//!
//! The model keeps every user's events in a list and goes through it; core has mailboxes, marks and
//! indices. Whatever both are asked, both have to answer the same (promises 2 to 5).

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use wachat::core::{Answer, Command, ConnectionId, Core, Effect, LastOfPeer, Now, Outcome, Policy};
use wachat::model::{MessageId, Place, Seq, State, Text, Timestamp, UserName};
use wachat::protocol::{After, Code, Event, Reply};

const USERS: [&str; 3] = ["ana", "luis", "eva"];
const QUEUE: usize = 12;
const QUEUE_PER_SENDER: usize = 7;

#[derive(Clone, Debug)]
enum Action {
    Send {
        from: usize,
        id: u8,
        to: usize,
        text: u8,
    },
    /// Acknowledges this share of what the user was ever given, or some number at all.
    Poll {
        user: usize,
        share: u8,
        wild: bool,
        max: usize,
    },
    Read {
        user: usize,
        peer: usize,
        share: u8,
    },
    /// Everything in memory is lost; the records are replayed.
    Restart,
    /// Restarts from a checkpoint instead.
    Checkpoint,
}

fn action() -> impl Strategy<Value = Action> {
    let user = 0..USERS.len();
    prop_oneof![
        8 => (user.clone(), 0..30u8, user.clone(), 0..3u8)
            .prop_map(|(from, id, to, text)| Action::Send { from, id, to, text }),
        4 => (user.clone(), 0..=4u8, prop::bool::weighted(0.1), 1..6usize)
            .prop_map(|(user, share, wild, max)| Action::Poll { user, share, wild, max }),
        3 => (user.clone(), user, 0..=5u8).prop_map(|(user, peer, share)| Action::Read { user, peer, share }),
        1 => Just(Action::Restart),
        1 => Just(Action::Checkpoint),
    ]
}

/// What waits for a user, as the protocol's section 7 says it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Waiting {
    Message { seq: u64, id: String, from: usize, to: usize, text: String },
    State { seq: u64, place: usize, state: State, upto: u64 },
}

impl Waiting {
    fn seq(&self) -> u64 {
        match self {
            Self::Message { seq, .. } | Self::State { seq, .. } => *seq,
        }
    }
}

#[derive(Default)]
struct Model {
    last: u64,
    /// Everything ever accepted.
    sent: Vec<(u64, usize, String, usize, String)>,
    waiting: [Vec<Waiting>; 3],
    acknowledged: [u64; 3],
    /// By reader and peer.
    read: HashMap<(usize, usize), u64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Said {
    Accepted(u64),
    Events(Vec<Waiting>),
    Done,
    Ko(Code),
}

impl Model {
    fn send(&mut self, from: usize, id: &str, to: usize, text: &str) -> Said {
        if let Some(known) = self.sent.iter().find(|sent| sent.1 == from && sent.2 == id) {
            let same = (known.3, known.4.as_str()) == (to, text);
            return if same { Said::Accepted(known.0) } else { Said::Ko(Code::Conflict) };
        }
        let messages = self.waiting[to].iter().filter_map(|w| match w {
            Waiting::Message { from, .. } => Some(*from),
            Waiting::State { .. } => None,
        });
        let senders: Vec<usize> = messages.collect();
        if senders.len() >= QUEUE || senders.iter().filter(|s| **s == from).count() >= QUEUE_PER_SENDER {
            return Said::Ko(Code::Quota);
        }
        self.last += 1;
        self.sent.push((self.last, from, id.into(), to, text.into()));
        let message = Waiting::Message { seq: self.last, id: id.into(), from, to, text: text.into() };
        self.waiting[to].push(message);
        Said::Accepted(self.last)
    }

    fn poll(&mut self, user: usize, after: u64, max: usize) -> Said {
        if after > self.last {
            return Said::Ko(Code::Seq);
        }
        if after > self.acknowledged[user] {
            self.acknowledged[user] = after;
            let (gone, kept) = std::mem::take(&mut self.waiting[user]).into_iter().partition(|w| w.seq() <= after);
            self.waiting[user] = kept;
            self.tell_delivered(user, gone);
        }
        let after = after.max(self.acknowledged[user]);
        Said::Events(self.waiting[user].iter().filter(|w| w.seq() > after).take(max).cloned().collect())
    }

    fn tell_delivered(&mut self, user: usize, gone: Vec<Waiting>) {
        let mut last_of: Vec<(u64, usize)> = Vec::new();
        for waiting in gone {
            if let Waiting::Message { seq, from, .. } = waiting {
                last_of.retain(|(_, sender)| *sender != from);
                last_of.push((seq, from));
            }
        }
        for (upto, sender) in last_of {
            if upto > self.read.get(&(user, sender)).copied().unwrap_or(0) {
                self.tell(sender, user, State::Delivered, upto);
            }
        }
    }

    fn tell(&mut self, sender: usize, by: usize, kind: State, upto: u64) {
        self.last += 1;
        let seq = self.last;
        self.waiting[sender]
            .retain(|w| !matches!(w, Waiting::State { place, state, .. } if (*place, *state) == (by, kind)));
        self.waiting[sender].push(Waiting::State { seq, place: by, state: kind, upto });
    }

    fn read(&mut self, user: usize, peer: usize, upto: u64) -> Said {
        let between =
            |s: &&(u64, usize, String, usize, String)| (s.1, s.3) == (user, peer) || (s.1, s.3) == (peer, user);
        if upto > self.sent.iter().filter(between).map(|s| s.0).max().unwrap_or(0) {
            return Said::Ko(Code::Seq);
        }
        let before = self.read.get(&(user, peer)).copied().unwrap_or(0);
        if upto > before {
            self.read.insert((user, peer), upto);
            if let Some(last) = self.last_of_peer(user, peer, upto).filter(|last| *last > before) {
                self.tell(peer, user, State::Read, last);
            }
        }
        Said::Done
    }

    fn last_of_peer(&self, user: usize, peer: usize, upto: u64) -> Option<u64> {
        self.sent.iter().filter(|s| (s.1, s.3) == (peer, user) && s.0 <= upto).map(|s| s.0).max()
    }
}

/// Core, asked as connections ask it, with every record it has made.
struct Real {
    core: Core,
    lines: Vec<Vec<u8>>,
    sessions: u64,
    clock: u64,
}

fn name(user: usize) -> UserName {
    UserName::new(USERS[user]).unwrap()
}

fn policy() -> Policy {
    Policy { queue: QUEUE, queue_per_sender: QUEUE_PER_SENDER, ..Policy::default() }
}

impl Real {
    fn new() -> Self {
        let mut real = Self { core: Core::new("store".into(), policy()), lines: Vec::new(), sessions: 0, clock: 0 };
        for user in 0..USERS.len() {
            real.ask(ConnectionId(0), Command::Register { name: name(user), password_hash: "x".into() });
        }
        real
    }

    fn ask(&mut self, connection: ConnectionId, command: Command) -> Option<Answer> {
        self.clock += 1;
        let now = Now {
            at: Timestamp::from_millis(1_000 - self.clock.min(1_000)),
            elapsed: Duration::from_millis(self.clock),
        };
        let mut out = Outcome::default();
        self.core.handle(connection, command, now, &mut out).unwrap();
        for (last, record) in out.records {
            let mut line = Vec::new();
            record.write(last, &mut line);
            line.pop();
            self.lines.push(line);
        }
        out.effects.into_iter().find_map(|effect| match effect {
            Effect::Answer(to, answer) if to == connection => Some(answer),
            Effect::Events { to, events, .. } if to == connection => Some(Reply::Events(events).into()),
            _ => None,
        })
    }

    fn say(&mut self, connection: ConnectionId, command: Command) -> Said {
        match self.ask(connection, command).expect("an answer") {
            Answer::Reply(Reply::Accepted { seq, .. }) => Said::Accepted(seq.get()),
            Answer::Reply(Reply::Events(events)) => Said::Events(events.iter().filter_map(waiting).collect()),
            Answer::Reply(Reply::Done) => Said::Done,
            Answer::Reply(Reply::Ko(ko)) => Said::Ko(ko.code),
            other => panic!("{other:?}"),
        }
    }

    fn poll(&mut self, user: usize, after: u64, max: usize) -> Said {
        self.sessions += 1;
        let connection = ConnectionId(self.sessions);
        self.ask(connection, Command::Open { user: name(user), order: self.sessions });
        // Who is online is not the model's business: those events are taken out of the way.
        self.ask(connection, Command::Poll { after: After::Number(Seq::ZERO), wait: Some(0), max: 1_000 });
        let after = After::Number(Seq::new(after).unwrap());
        self.say(connection, Command::Poll { after, wait: Some(0), max })
    }

    fn restart(&mut self) {
        self.core = Core::new("store".into(), policy());
        self.lines.iter().for_each(|line| self.core.replay(line).unwrap());
    }

    fn restart_from_checkpoint(&mut self) {
        self.core = Core::restore(self.core.snapshot(), policy()).unwrap();
    }
}

fn user_of(place: &Place) -> usize {
    USERS.iter().position(|user| *user == place.to_string()).unwrap()
}

fn waiting(event: &Event) -> Option<Waiting> {
    match event {
        Event::Message(m) => Some(Waiting::Message {
            seq: m.seq.get(),
            id: m.id.to_string(),
            from: user_of(&Place::User(m.from.clone())),
            to: user_of(&m.to),
            text: m.text.to_string(),
        }),
        Event::State { seq, place, state, upto, .. } => {
            Some(Waiting::State { seq: seq.get(), place: user_of(place), state: *state, upto: upto.get() })
        }
        Event::Online { .. } | Event::Offline { .. } => None,
    }
}

/// Does one thing to both, and returns what each said.
fn both(model: &mut Model, real: &mut Real, action: &Action) -> Option<(Said, Said)> {
    match *action {
        Action::Send { from, id, to, text } => {
            let (id, text) = (format!("id-{id}"), format!("text {text}"));
            let command = Command::Send {
                user: name(from),
                id: MessageId::new(&id).unwrap(),
                to: Ok(Place::User(name(to))),
                text: Text::new(&text).unwrap(),
            };
            Some((model.send(from, &id, to, &text), real.say(ConnectionId(0), command)))
        }
        Action::Poll { user, share, wild, max } => {
            let known = model.waiting[user].last().map_or(model.acknowledged[user], Waiting::seq);
            let after = if wild { model.last + u64::from(share) } else { known * u64::from(share) / 4 };
            Some((model.poll(user, after, max), real.poll(user, after, max)))
        }
        Action::Read { user, peer, share } => {
            let upto = model.last * u64::from(share) / 4;
            let found = model.last_of_peer(user, peer, upto).and_then(Seq::new);
            let command = Command::Read {
                user: name(user),
                place: Ok(Place::User(name(peer))),
                seq: Seq::new(upto).unwrap(),
                last_of_peer: LastOfPeer::Found(found),
            };
            Some((model.read(user, peer, upto), real.say(ConnectionId(0), command)))
        }
        Action::Restart => {
            real.restart();
            None
        }
        Action::Checkpoint => {
            // The rows are in memory alone here: a real checkpoint files them first.
            let filed: Vec<_> = real
                .core
                .unfiled()
                .map(|(id, mut filed, rows)| {
                    filed.bytes += 1;
                    filed.upto = rows.last().map_or(filed.upto, |row| row.seq);
                    (id, filed)
                })
                .collect();
            real.core.filed(&filed);
            real.restart_from_checkpoint();
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn core_answers_as_the_model_does(actions in prop::collection::vec(action(), 1..120)) {
        let (mut model, mut real) = (Model::default(), Real::new());
        for action in &actions {
            if let Some((wanted, said)) = both(&mut model, &mut real, action) {
                prop_assert_eq!(said, wanted, "{:?}", action);
            }
        }
        for user in 0..USERS.len() {
            prop_assert_eq!(real.poll(user, 0, 1_000), model.poll(user, 0, 1_000));
        }
    }
}

#[test]
fn what_could_grow_without_end_does_not() {
    let mut real = Real::new();
    let mut last = 0;
    // A million messages; the sender never polls, the reader acknowledges and never says READ.
    for number in 0..1_000_000u64 {
        let command = Command::Send {
            user: name(0),
            id: MessageId::new(&format!("{number}")).unwrap(),
            to: Ok(Place::User(name(1))),
            text: Text::new("x").unwrap(),
        };
        let Said::Accepted(seq) = real.say(ConnectionId(0), command) else { panic!("{number} was refused") };
        last = seq;
        if number % 5 == 4 {
            real.poll(1, seq, 1);
        }
        real.lines.clear();
        if number % 10_000 == 0 {
            let all: Vec<_> = real
                .core
                .unfiled()
                .map(|(id, mut filed, rows)| {
                    filed.upto = rows.last().map_or(filed.upto, |row| row.seq);
                    (id, filed)
                })
                .collect();
            real.core.filed(&all);
        }
    }
    real.poll(1, last, 1);
    let snapshot = real.core.snapshot();
    assert_eq!(snapshot.waiting.len(), 1, "one STATE stands for all that ana was told");
    assert_eq!(snapshot.ids.len(), wachat::limits::REMEMBERED_IDS);
}
