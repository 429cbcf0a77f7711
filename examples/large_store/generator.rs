//! The users of the store: what they say, acknowledge and read.

use std::sync::Arc;
use std::time::Duration;

use wachat::course::chaos::Random;
use wachat::model::{MessageId, Password, Seq, Target, Text, Timestamp, UserName};
use wachat::protocol::{After, Reply};
use wachat::server::{self, GroupCommit};
use wachat::state_machine::{Command, ConnectionId, Effect, LastOfPeer, Now, Policy};
use wachat::store::{Sizes, Store};
use wachat::wal::{Location, make_segment};

use super::unsynced::UnsyncedDisk;
use super::{Args, Failable};

/// Bytes of the log after which a checkpoint is made: memory holds their messages, twice while it is made.
const CHECKPOINT_BYTES: u64 = 256 << 20;

/// Members of a room.
const MEMBERS: u64 = 10;

/// Messages at the end of each conversation that wait for their recipients.
const WAITING: u64 = 3;

/// Time of the first command, and between two, in milliseconds: twelve million take 139 days of 2025.
const BEGIN: u64 = 1_735_689_600_000;
const STEP: u64 = 1_000;

/// The only connection: its user changes.
const CONNECTION: ConnectionId = ConnectionId(1);

const WORDS: [&str; 8] = ["hola", "mañana", "a las diez", "llevo", "la merienda", "gracias", "no puedo", "hasta luego"];

pub struct Generator {
    args: Args,
    store: Store,
    location: Location,
    group_commit: GroupCommit,
    random: Random,
    /// Number of commands so far: the clock.
    commands: u64,
    /// Number of messages so far.
    messages: u64,
    /// The users of each direct conversation.
    pairs: Vec<[u64; 2]>,
}

impl Generator {
    pub fn start(args: Args) -> Failable<Self> {
        let store = Store::new(Arc::new(UnsyncedDisk), &args.data);
        let policy = Policy { lobby: false, ..Policy::default().without_limits() };
        let opened = store.open(policy, Sizes::default()).map_err(|error| error.to_string())?;
        if opened.machine.stored.account_count() > 0 {
            return Err(format!("there is a store in {} already", args.data.display()).into());
        }
        let location = opened.location.clone();
        let group_commit = GroupCommit::new(opened, Sizes::default());
        let random = Random::new(args.seed);
        Ok(Self { args, store, location, group_commit, random, commands: 0, messages: 0, pairs: Vec::new() })
    }

    /// Makes the whole store, durably. Returns its last number.
    pub fn run(mut self) -> Failable<Seq> {
        self.register()?;
        (0..self.args.rooms).try_for_each(|room| self.fill_room(room))?;
        (0..self.args.conversations).try_for_each(|conversation| self.fill_conversation(conversation))?;
        self.checkpoint()?;
        self.write_uncovered()?;
        rustix::fs::sync();
        Ok(self.group_commit.state().last)
    }

    fn register(&mut self) -> Failable<()> {
        let password = Password::new(&user(0)?, &self.args.password).map_err(|error| error.to_string())?;
        let password_hash = server::hash_one(&password)?;
        for number in 0..self.args.accounts {
            self.execute(Command::Register { name: user(number)?, password_hash: password_hash.clone() })?;
        }
        Ok(())
    }

    /// Fills a room with the messages of its members. Its members are neighbours, so that a user is in few rooms.
    fn fill_room(&mut self, room: u64) -> Failable<()> {
        let first = room * self.args.accounts / self.args.rooms;
        let members = (0..MEMBERS.min(self.args.accounts)).map(|member| (first + member) % self.args.accounts);
        let members = members.map(user).collect::<Failable<Vec<_>>>()?;
        let target = Target::parse(&format!("#room{room}")).map_err(|error| format!("{error:?}"))?;
        for user in &members {
            self.execute(Command::Join { user: user.clone(), room: Ok(target.clone()) })?;
        }
        let count = self.share(room);
        for index in 0..count {
            let from = members[self.random.below(members.len() as u64) as usize].clone();
            let seq = self.send(from, target.clone())?;
            if index + WAITING + 1 == count {
                members.iter().try_for_each(|user| self.acknowledge(user, seq))?;
            }
        }
        Ok(())
    }

    /// Fills a direct conversation: the first half is read, all but the last messages are acknowledged.
    fn fill_conversation(&mut self, conversation: u64) -> Failable<()> {
        let first = conversation * self.args.accounts / self.args.conversations;
        // Less than half way round: no pair comes twice.
        let distance = if conversation == 0 { 1 } else { 1 + self.random.below(self.args.accounts / 2 - 1) };
        let pair = [first, (first + distance) % self.args.accounts];
        self.pairs.push(pair);
        let two = [user(pair[0])?, user(pair[1])?];
        let count = self.share(self.args.rooms + conversation);
        let mut last = [None; 2];
        for index in 0..count {
            let sender = self.random.below(2) as usize;
            let seq = self.send(two[sender].clone(), Target::User(two[1 - sender].clone()))?;
            last[sender] = Some(seq);
            if index + 1 == count / 2 {
                self.read(&two, last)?;
            }
            if index + WAITING + 1 == count {
                two.iter().try_for_each(|user| self.acknowledge(user, seq))?;
            }
        }
        Ok(())
    }

    /// Has both users read what the other one has said last.
    fn read(&mut self, two: &[UserName; 2], last: [Option<Seq>; 2]) -> Failable<()> {
        for (index, user) in two.iter().enumerate() {
            if let Some(seq) = last[1 - index] {
                self.acknowledge(user, seq)?;
                let target = Ok(Target::User(two[1 - index].clone()));
                let last_of_peer = LastOfPeer::Found(Some(seq));
                self.execute(Command::Read { user: user.clone(), target, seq, last_of_peer })?;
            }
        }
        Ok(())
    }

    /// Returns how many of the messages a room or a conversation has.
    fn share(&self, index: u64) -> u64 {
        let all = self.args.rooms + self.args.conversations;
        let before = |index| (u128::from(self.args.messages) * u128::from(index) / u128::from(all)) as u64;
        before(index + 1) - before(index)
    }

    /// Writes the part of the log that no checkpoint covers.
    fn write_uncovered(&mut self) -> Failable<()> {
        let bytes = self.args.uncovered << 20;
        while bytes > 0 && self.group_commit.uncovered_bytes() < bytes {
            let [from, to] = self.pairs[self.random.below(self.args.conversations) as usize];
            self.send_at_once(user(from)?, Target::User(user(to)?))?;
        }
        self.commit()
    }

    /// Sends the next message; returns its number. Makes a checkpoint when one is due.
    fn send(&mut self, from: UserName, to: Target) -> Failable<Seq> {
        let seq = self.send_at_once(from, to)?;
        if self.group_commit.uncovered_bytes() >= CHECKPOINT_BYTES {
            self.checkpoint()?;
            eprintln!("{} messages", self.messages);
        }
        Ok(seq)
    }

    fn send_at_once(&mut self, from: UserName, to: Target) -> Failable<Seq> {
        self.messages += 1;
        let id = MessageId::new(&format!("m{}", self.messages)).ok_or("not an id")?;
        let words = (0..2 + self.random.below(12)).map(|_| WORDS[self.random.below(8) as usize]);
        let text = Text::new(&words.collect::<Vec<_>>().join(" ")).ok_or("not a text")?;
        self.execute(Command::Send { user: from, id, to: Ok(to), text })?;
        Ok(self.group_commit.state().last)
    }

    /// Acknowledges all events of a user up to a number, in a session of a moment.
    fn acknowledge(&mut self, user: &UserName, upto: Seq) -> Failable<()> {
        let address = [127, 0, 0, 1].into();
        self.execute(Command::Open { user: user.clone(), device: None, key: None, order: self.commands, address })?;
        self.execute(Command::Poll { after: After::Number(upto), wait: Some(0), max: 1 })?;
        self.execute(Command::Closed)
    }

    fn execute(&mut self, command: Command) -> Failable<()> {
        if !self.group_commit.has_room() {
            self.close_segment()?;
        }
        self.commands += 1;
        let since = self.commands * STEP;
        let now = Now { at: Timestamp::from_millis(BEGIN + since), elapsed: Duration::from_millis(since) };
        self.group_commit.execute(CONNECTION, command, now).map_err(|error| error.to_string())?;
        if self.group_commit.batch_is_full() { self.commit() } else { Ok(()) }
    }

    /// Commits the batch. None of its commands may have been refused.
    fn commit(&mut self) -> Failable<()> {
        self.group_commit.commit()?;
        let mut effects = Vec::new();
        self.group_commit.release_effects(&mut effects);
        let refusal = effects.into_iter().find_map(|effect| match effect {
            Effect::Reply(_, Reply::Ko(ko)) => Some(format!("{ko:?}")),
            _ => None,
        });
        refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    fn close_segment(&mut self) -> Failable<()> {
        self.commit()?;
        if let Some(number) = self.group_commit.wants_segment() {
            self.group_commit.give_segment(make_segment(&self.location, number, Sizes::default().segment_bytes)?);
        }
        self.group_commit.switch_segment();
        Ok(())
    }

    /// Makes a checkpoint of everything so far, as a server does.
    fn checkpoint(&mut self) -> Failable<()> {
        self.close_segment()?;
        let upto = self.group_commit.wants_segment().ok_or("a segment too many")? - 2;
        let made = self.store.checkpoint(upto).map_err(|error| error.to_string())?;
        self.group_commit.give_checkpoint(&made);
        Ok(())
    }
}

fn user(number: u64) -> Failable<UserName> {
    UserName::new(&format!("user{number}")).map_err(|error| error.to_string().into())
}
