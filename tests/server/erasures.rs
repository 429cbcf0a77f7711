//! Messages that are taken back: random users send, take back, leave and join, poll and acknowledge, while checkpoints file
//! the rows, clean-ups rewrite the files, and the server is restarted. Every answer, every event and every text that is served
//! is that of a model that is written from the protocol's page.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::random::Random;
use crate::support::values::user;
use wachat::limits;
use wachat::model::{Message, MessageId, Seq, Target, Text, Timestamp};
use wachat::protocol::request::Page;
use wachat::protocol::{After, Code, Event, Reply};
use wachat::state_machine::{
    Capacities, Command, ConnectionId, ConversationId, Effect, HistoryPrefix, Now, Output, Policy, Snapshot, Sought,
    StateMachine, StoredState, Texts,
};

const USERS: [&str; 3] = ["ana", "luis", "eva"];
const ROOM: &str = "#aula";
const DAY: u64 = 24 * 3_600 * 1_000;
const LIVES: u64 = 200;
const STEPS: usize = 150;

/// A conversation: two users, the lower one first, or the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Direct(usize, usize),
    Room,
}

struct Row {
    seq: u64,
    from: usize,
    place: Place,
    at: u64,
    is_erased: bool,
}

/// What the page says.
#[derive(Default)]
struct Model {
    rows: Vec<Row>,
    /// The numbers at which the members of the room joined; the owner is a member.
    joined: [Option<u64>; USERS.len()],
    owner: usize,
    /// The events of each user that are not acknowledged: number, place, message, sender.
    events: [Vec<(u64, Place, u64, usize)>; USERS.len()],
}

impl Model {
    /// `None`: the message is taken back, or was.
    fn refusal(&self, me: usize, place: Place, seq: u64, now: u64) -> Option<Code> {
        if place == Place::Room && self.joined[me].is_none() {
            return Some(Code::NotMember);
        }
        let Some(row) = self.rows.iter().find(|row| row.seq == seq && row.place == place) else {
            return Some(Code::NoMessage);
        };
        let owns = place == Place::Room && self.owner == me;
        match row.from == me {
            false if place != Place::Room => Some(Code::NoMessage),
            false if !owns => Some(Code::NotOwner),
            true if !owns && !row.is_erased && now > row.at + DAY => Some(Code::Late),
            _ => None,
        }
    }

    /// Takes a message back; `event`: the number of the event, if there is one. Returns whether there has to be one.
    fn erase(&mut self, place: Place, seq: u64, event: u64) -> bool {
        let row = self.rows.iter_mut().find(|row| row.seq == seq && row.place == place).expect("a message");
        if std::mem::replace(&mut row.is_erased, true) {
            return false;
        }
        let from = row.from;
        for user in 0..USERS.len() {
            let is_told = match place {
                Place::Direct(low, high) => user == low || user == high,
                Place::Room => self.joined[user].is_some(),
            };
            if is_told {
                self.events[user].push((event, place, seq, from));
            }
        }
        true
    }

    fn counts(&self, place: Place) -> (u64, u64) {
        let rows = || self.rows.iter().filter(|row| row.place == place);
        (rows().count() as u64, rows().filter(|row| row.is_erased).count() as u64)
    }
}

struct Life {
    random: Random,
    machine: StateMachine,
    saved: Snapshot,
    lines: Vec<Vec<u8>>,
    now: u64,
    connections: u64,
    model: Model,
    /// The rows in the history files: whether they have a text.
    files: BTreeMap<u64, (ConversationId, std::sync::Arc<Message>)>,
}

fn machine(stored: StoredState) -> StateMachine {
    StateMachine::new(stored, Policy { lobby: false, rate: None, rate_bytes: None, ..Policy::default() })
}

fn seq(number: u64) -> Seq {
    Seq::new(number).expect("a number")
}

fn target_of(place: Place, me: usize) -> Target {
    match place {
        Place::Room => Target::parse(ROOM).expect("a room"),
        Place::Direct(low, high) => Target::User(user(USERS[if low == me { high } else { low }])),
    }
}

impl Life {
    fn new(seed: u64) -> Self {
        let stored = StoredState::new("store".into());
        let saved = stored.snapshot();
        let mut life = Self {
            random: Random::new(seed),
            machine: machine(stored),
            saved,
            lines: Vec::new(),
            now: 1_800_000_000_000,
            connections: 0,
            model: Model::default(),
            files: BTreeMap::new(),
        };
        for name in USERS {
            life.run(ConnectionId(0), Command::Register { name: user(name), password_hash: "$hash".into() });
        }
        (0..USERS.len()).for_each(|user| life.join(user));
        life
    }

    fn below(&mut self, end: usize) -> usize {
        self.random.below(end as u64) as usize
    }

    fn run(&mut self, connection: ConnectionId, command: Command) -> Vec<Effect> {
        self.now += 10;
        let now = Now { at: Timestamp::from_millis(self.now), elapsed: Duration::from_millis(self.now) };
        let mut out = Output::default();
        self.machine.handle(connection, command, now, &mut out).expect("no defect");
        self.machine.end_batch(now, &mut out).expect("no defect");
        for (last, record) in &out.records {
            let mut line = Vec::new();
            record.write(*last, &mut line);
            line.pop();
            self.lines.push(line);
        }
        out.effects
    }

    fn reply(&mut self, command: Command) -> Option<Reply> {
        self.run(ConnectionId(0), command).into_iter().find_map(|effect| match effect {
            Effect::Reply(_, reply) => Some(reply),
            _ => None,
        })
    }

    fn last(&self) -> u64 {
        self.machine.stored.last.get()
    }

    fn join(&mut self, user: usize) {
        let last = self.last();
        let room = Target::parse(ROOM);
        assert_eq!(self.reply(Command::Join { user: name(user), room }), Some(Reply::Done));
        self.model.joined[user].get_or_insert(last);
    }

    fn place(&mut self, me: usize) -> Place {
        let other = self.below(USERS.len() + 2);
        if other < USERS.len() { Place::Direct(me.min(other), me.max(other)) } else { Place::Room }
    }

    fn step(&mut self) {
        let me = self.below(USERS.len());
        match self.random.below(30) {
            0..=8 => self.send(me),
            9..=17 => self.erase(me),
            18..=20 => self.poll(me),
            21 if self.model.joined[me].is_none() => self.join(me),
            21 if self.model.owner != me => {
                let room = Target::parse(ROOM);
                self.reply(Command::Leave { user: name(me), room });
                self.model.joined[me] = None;
                self.model.events[me].retain(|(_, place, ..)| *place != Place::Room);
            }
            22 => self.give_away(me),
            23 => self.now += self.random.below(DAY),
            24..=25 => self.file(),
            26 => self.rewrite(),
            27 => self.checkpoint(),
            28 => self.restart(),
            _ => self.compare_chats(me),
        }
        self.compare_texts();
    }

    fn send(&mut self, me: usize) {
        let place = self.place(me);
        if place == Place::Room && self.model.joined[me].is_none() {
            return;
        }
        let id = MessageId::new(&format!("m-{}", self.now)).expect("an id");
        let text = Text::new(if self.random.chance(20) { "" } else { "a text" }).expect("a text");
        let reply = self.reply(Command::Send { user: name(me), id, to: Ok(target_of(place, me)), text });
        let Some(Reply::Accepted(accepted)) = reply else { panic!("{reply:?}") };
        let row = Row { seq: accepted.seq.get(), from: me, place, at: self.now, is_erased: false };
        self.model.rows.push(row);
    }

    fn erase(&mut self, me: usize) {
        let place = self.place(me);
        let rows: Vec<_> = self.model.rows.iter().filter(|row| row.place == place).map(|row| row.seq).collect();
        let number = if rows.is_empty() || self.random.chance(10) {
            self.random.below(self.last() + 2)
        } else {
            rows[self.below(rows.len())]
        };
        let last = self.last();
        let code = self.take_back(me, place, number);
        let wanted = self.model.refusal(me, place, number, self.now);
        assert_eq!(code, wanted, "{} takes {number} of {place:?} back", USERS[me]);
        let is_told = code.is_none() && self.model.erase(place, number, last + 1);
        assert_eq!(self.last(), last + u64::from(is_told), "an event, or none");
    }

    /// Takes a message back, as a server does: one that is not in memory is looked up. `None`: it is done.
    fn take_back(&mut self, me: usize, place: Place, number: u64) -> Option<Code> {
        let command =
            |sought| Command::Erase { user: name(me), target: Ok(target_of(place, me)), seq: seq(number), sought };
        let reply = self.reply(command(Sought::NotLookedUp)).unwrap_or_else(|| {
            let id = self.conversation(place);
            let found = self.files.get(&number).filter(|(of, _)| Some(*of) == id);
            let sought = found.map_or(Sought::Missing, |(_, row)| Sought::Message(row.clone()));
            self.reply(command(sought)).expect("a reply")
        });
        match reply {
            Reply::Ko(ko) => Some(ko.code),
            reply => {
                assert_eq!(reply, Reply::Done);
                None
            }
        }
    }

    /// Sends a message; returns its number.
    fn say(&mut self, me: usize, place: Place) -> u64 {
        let id = MessageId::new(&format!("m-{}", self.now)).expect("an id");
        let text = Text::new("a text").expect("a text");
        let reply = self.reply(Command::Send { user: name(me), id, to: Ok(target_of(place, me)), text });
        let Some(Reply::Accepted(accepted)) = reply else { panic!("{reply:?}") };
        accepted.seq.get()
    }

    fn give_away(&mut self, me: usize) {
        if self.model.joined[me].is_some() && self.model.owner != me {
            let owner = self.model.owner;
            let other = Ok(Target::User(name(me)));
            let command = Command::Owner { user: name(owner), room: Target::parse(ROOM), other };
            assert_eq!(self.reply(command), Some(Reply::Done));
            self.model.owner = me;
        }
    }

    /// Polls, and acknowledges a part of what came.
    fn poll(&mut self, me: usize) {
        self.connections += 1;
        let connection = ConnectionId(self.connections);
        let address = [127, 0, 0, 1].into();
        let order = self.connections;
        self.run(connection, Command::Open { user: name(me), device: None, key: None, order, address });
        let poll = |after| Command::Poll { after: After::Number(after), wait: Some(0), max: 1_000 };
        let effects = self.run(connection, poll(Seq::ZERO));
        let mut got = Vec::new();
        for effect in effects {
            if let Effect::Events { delivery, .. } = effect {
                got.extend(delivery.events.into_iter().filter_map(|event| match event {
                    Event::Erased { seq, target, first, last, from } => {
                        assert_eq!(first, last);
                        Some((seq.get(), target, first.get(), from))
                    }
                    _ => None,
                }));
            }
        }
        let events = self.model.events[me].iter();
        let wanted: Vec<_> =
            events.map(|(seq, place, row, from)| (*seq, target_of(*place, me), *row, name(*from))).collect();
        assert_eq!(got, wanted, "for {}", USERS[me]);
        let upto = self.random.below(self.last() + 1);
        self.run(connection, poll(seq(upto)));
        self.run(connection, Command::Closed);
        self.model.events[me].retain(|(seq, ..)| *seq > upto);
    }

    fn compare_chats(&mut self, me: usize) {
        let reply = self.reply(Command::Chats { user: name(me), page: Page::after(None), target: None });
        let Some(Reply::Chats(chats)) = reply else { panic!("{reply:?}") };
        for chat in chats {
            let place = match &chat.target {
                Target::Room(_) => Place::Room,
                Target::User(other) => {
                    let other = USERS.iter().position(|name| user(name) == *other).expect("a user");
                    Place::Direct(me.min(other), me.max(other))
                }
            };
            assert_eq!((chat.count, chat.erased), self.model.counts(place), "{place:?}");
        }
    }

    fn conversation(&self, place: Place) -> Option<ConversationId> {
        let id = match place {
            Place::Room => "room-0".to_owned(),
            Place::Direct(low, high) => format!("direct-{low}-{high}"),
        };
        ConversationId::parse(&id)
    }

    /// Checks which texts are served: those in memory, and those in the files of which no entry says that they are erased.
    fn compare_texts(&self) {
        let stored = &self.machine.stored;
        let mut served = BTreeMap::new();
        for (seq, (id, row)) in &self.files {
            served.insert(*seq, !row.text.is_erased() && !stored.is_erased_in(*id, row));
        }
        for row in stored.pending_history().flat_map(|(_, _, rows)| rows) {
            served.insert(row.seq.get(), !row.text.is_erased());
        }
        let wanted: BTreeMap<_, _> = self.model.rows.iter().map(|row| (row.seq, !row.is_erased)).collect();
        assert_eq!(served, wanted);
    }

    /// Puts all rows into the files, as a checkpoint does first.
    fn file(&mut self) {
        let mut filed = Vec::new();
        for (id, before, rows) in self.machine.stored.pending_history() {
            let erased = self.machine.stored.conversation(id).and_then(|here| here.erased_by_filing());
            let upto = rows.last().map_or(before.upto, |row| row.seq);
            let bytes = before.bytes + 100 * rows.len() as u64;
            let erased_upto = erased.unwrap_or(before.erased_upto);
            let rows_now = before.rows + rows.len() as u64;
            filed.push((id, HistoryPrefix { bytes, rows: rows_now, upto, erased_upto, ..before }));
            self.files.extend(rows.iter().map(|row| (row.seq.get(), (id, row.clone()))));
        }
        self.machine.stored.mark_history_written(&filed);
    }

    /// Rewrites the files, as a clean-up does, of which a checkpoint is a part.
    fn rewrite(&mut self) {
        self.file();
        let stored = &self.machine.stored;
        for (id, row) in self.files.values_mut() {
            if stored.is_erased_in(*id, row) {
                *row = row.erased().into();
            }
        }
        let filed = stored.filed_conversations().map(|(id, filed)| {
            let erasures = stored.conversation(id).and_then(|here| here.erasures.as_ref());
            let newest = erasures.and_then(|erasures| erasures.newest()).unwrap_or_default();
            let erased_upto = filed.erased_upto.max(newest);
            (id, HistoryPrefix { erased_upto, rewritten: filed.rewritten + 1, ..filed })
        });
        let filed: Vec<_> = filed.collect();
        self.machine.stored.mark_history_written(&filed);
        assert_eq!(self.machine.stored.unfiled_erasures(), 0);
        self.save();
    }

    fn checkpoint(&mut self) {
        self.file();
        self.save();
    }

    fn save(&mut self) {
        self.saved = self.machine.stored.snapshot();
        self.lines.clear();
    }

    /// Replays the records since the last checkpoint. What was filed since is in memory again.
    fn restart(&mut self) {
        let saved = std::mem::take(&mut self.saved);
        let mut stored = StoredState::restore(saved, Capacities::default()).expect("a checkpoint");
        self.saved = stored.snapshot();
        self.lines.iter().for_each(|line| stored.replay(line).expect("a record"));
        let in_memory: Vec<_> =
            stored.pending_history().flat_map(|(_, _, rows)| rows.iter().map(|row| row.seq.get())).collect();
        in_memory.iter().for_each(|seq| _ = self.files.remove(seq));
        self.machine = machine(stored);
    }
}

fn name(of: usize) -> wachat::model::UserName {
    user(USERS[of])
}

#[test]
fn random_users_take_messages_back_as_the_page_says() {
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        (0..STEPS).for_each(|_| life.step());
        (0..USERS.len()).for_each(|user| life.compare_chats(user));
    }
}

/// What was taken back and has yet to leave the files takes memory: at the limits an ERASE gets FULL until the files are
/// rewritten, and one of a message that is erased is still OK.
#[test]
fn too_many_texts_that_have_yet_to_leave_the_files_are_refused() {
    let mut life = Life::new(0);
    let stored = std::mem::replace(&mut life.machine.stored, StoredState::new("store".into()));
    life.machine = StateMachine::new(stored, Policy { lobby: false, ..Policy::default().without_limits() });
    let [chat, other, own] = [Place::Direct(0, 1), Place::Direct(0, 2), Place::Direct(1, 1)];
    let first = life.say(0, chat);
    assert_eq!(life.take_back(0, chat, first), None);
    for _ in 1..limits::UNFILED_ERASURES {
        let seq = life.say(0, chat);
        assert_eq!(life.take_back(0, chat, seq), None);
    }
    let one_more = life.say(0, chat);
    assert_eq!(life.take_back(0, chat, one_more), Some(Code::Full));
    assert_eq!(life.take_back(0, chat, first), None, "it is erased already");
    // That concerns no other conversation.
    let seq = life.say(0, other);
    assert_eq!(life.take_back(0, other, seq), None);
    // The administrator may go on.
    let conversation = life.conversation(other).expect("a conversation");
    let texts = |number| Texts { conversation, first: number, last: number, count: 0, erased: 1 };
    for _ in limits::UNFILED_ERASURES + 1..limits::ALL_UNFILED_ERASURES - 1 {
        let command = Command::EraseAll { user: name(0), texts: texts(Seq::new(seq).expect("a number")) };
        assert_eq!(life.reply(command), Some(Reply::Done));
    }
    let [last, too_many] = [life.say(1, own), life.say(1, own)];
    assert_eq!(life.take_back(1, own, last), None);
    assert_eq!(life.take_back(1, own, too_many), Some(Code::Full));
    life.rewrite();
    assert_eq!(life.take_back(1, own, too_many), None);
    assert_eq!(life.take_back(0, chat, one_more), None);
}
