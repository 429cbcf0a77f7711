//! Messages that users take back, the rewrites of history files that remove their texts, and the room for invited users.

use std::collections::HashSet;

use super::{Asked, CLOSED_ROOM, Gone, Step, USERS, Workload, name};
use crate::support::group_commit_harness::look_up;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::read_files;
use crate::support::values::target;
use wachat::course::checker::Erased;
use wachat::model::{RoomKind, Seq, Timestamp};
use wachat::protocol::request::Page;
use wachat::protocol::{Code, Event, Reply};
use wachat::state_machine::{Command, Sought, StoredState};
use wachat::store::{CleanUp, Retention};

/// A message that was accepted: its sender, target and number.
#[derive(Clone, Debug)]
pub struct Sent {
    pub from: &'static str,
    pub to: String,
    pub seq: u64,
}

/// Numbers of things that a workload has to have seen, or it was too easy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// ERASEs that were answered OK: in direct chats, and in rooms by the sender and by the owner.
    pub in_chats: u64,
    pub by_senders: u64,
    pub by_owners: u64,
    /// Of all of them those of a message that was in a history file.
    pub filed: u64,
    /// Rewrites of history files that have removed texts.
    pub rewrites: u64,
    /// Messages that were accepted in the room for invited users.
    pub private: u64,
}

impl Counts {
    pub fn all(&self) -> [u64; 6] {
        let Self { in_chats, by_senders, by_owners, filed, rewrites, private } = *self;
        [in_chats, by_senders, by_owners, filed, rewrites, private]
    }

    pub fn add(&mut self, other: &Self) {
        self.in_chats += other.in_chats;
        self.by_senders += other.by_senders;
        self.by_owners += other.by_owners;
        self.filed += other.filed;
        self.rewrites += other.rewrites;
        self.private += other.private;
    }
}

/// The text of a message begins with this, which is in no other field, its id, and a comma.
pub const MARK: &str = "the text of ";

fn owner_of(state: &StoredState, room: &str) -> Option<&'static str> {
    let room = state.find_room(&Ok(target(room))).ok()?;
    let owner = state.room(room).rights.owner?;
    USERS.into_iter().find(|user| state.number(&name(user)) == Ok(owner))
}

impl Workload {
    /// Makes the room for invited users, and all users its members. The first of them owns it.
    pub(super) fn enter_closed_room(&mut self) -> Step {
        let room = || Ok(target(CLOSED_ROOM));
        let [owner, guests @ ..] = USERS;
        let mut commands = vec![Command::RoomKind { user: name(owner), room: room(), kind: RoomKind::Invite }];
        for guest in guests {
            commands.push(Command::Invite { user: name(owner), room: room(), guest: Ok(target(guest)) });
            commands.push(Command::Join { user: name(guest), room: room() });
        }
        for command in commands {
            if self.request(None, command, Asked::Join)?.is_err() {
                return Ok(Err(Gone));
            }
        }
        Ok(Ok(()))
    }

    /// A message is taken back, by its sender or the owner of its room; perhaps once more.
    pub(super) fn erase_any(&mut self) -> Step {
        if self.sent.is_empty() {
            return Ok(Ok(()));
        }
        let Sent { from, to, seq, .. } = self.sent[self.random.below(self.sent.len() as u64) as usize].clone();
        let by_owner = self.random.chance(50);
        let Some(server) = &self.server else { return Ok(Err(Gone)) };
        let owner = owner_of(server.group_commit.state(), &to).filter(|_| by_owner && to.starts_with('#'));
        self.erase(owner.unwrap_or(from), &to, seq)
    }

    pub(super) fn erase(&mut self, user: &'static str, to: &str, seq: u64) -> Step {
        let Some(server) = &self.server else { return Ok(Err(Gone)) };
        let number = Seq::new(seq).expect("a number");
        let sought = match look_up(&server.store, server.group_commit.state(), number) {
            // It is in memory.
            Ok(Sought::Missing) => Sought::NotLookedUp,
            Ok(sought) => sought,
            // The server closes that connection.
            Err(_) if self.disk.has_failed() => return Ok(Ok(())),
            Err(error) => return Err(error.to_string()),
        };
        let is_filed = matches!(&sought, Sought::Message(message) if !message.text.is_erased());
        self.checker.asks_to_erase(user, to, seq);
        let command = Command::Erase { user: name(user), target: Ok(target(to)), seq: number, sought };
        self.request(None, command, Asked::Erase { user, to: to.to_owned(), seq, is_filed })
    }

    pub(super) fn judge_erase(
        &mut self,
        asked: (&str, &str, u64),
        is_filed: bool,
        reply: &Reply,
    ) -> Result<(), String> {
        let (user, to, seq) = asked;
        match reply {
            Reply::Done => {}
            Reply::Ko(ko) if ko.code == Code::Full => return Ok(()),
            _ => return Err(format!("promise 1 is broken: {user} takes {seq} back in {to}: {reply:?}")),
        }
        let is_own = self.sent.iter().any(|sent| sent.seq == seq && sent.from == user);
        *match (to.starts_with('#'), is_own) {
            (false, _) => &mut self.counts.in_chats,
            (true, true) => &mut self.counts.by_senders,
            (true, false) => &mut self.counts.by_owners,
        } += 1;
        self.counts.filed += u64::from(is_filed);
        Ok(self.checker.erased(user, to, seq)?)
    }

    /// Rewrites the history files that have texts which were taken back, now or later. A failure is no reason to stop.
    pub(super) fn clean_up_some(&mut self) {
        let Some(server) = &mut self.server else { return };
        if server.group_commit.state().unfiled_erasures() == 0 || !self.random.chance(5) {
            return;
        }
        let Some(upto) = server.group_commit.close_segment() else { return };
        let now = Timestamp::from_millis(1_800_000_000_000 + self.elapsed.as_millis() as u64);
        let clean_up = CleanUp { retention: Retention::default(), now, after: None, is_last: false };
        if let Ok(made) = server.store.checkpoint_and_clean_up(upto, Some(&clean_up)) {
            server.group_commit.give_checkpoint(&made);
            self.counts.rewrites += 1;
        }
    }

    /// The users take back again what they do not know to be erased.
    pub(super) fn erase_unknown(&mut self) -> Step {
        for user in USERS {
            for (to, seq) in self.checker.unknown_erasures(user) {
                if self.erase(user, &to, seq)?.is_err() || self.commit()?.is_err() || self.look_after_disk().is_err() {
                    return Ok(Err(Gone));
                }
            }
        }
        Ok(Ok(()))
    }

    /// CHATS counts the messages and those that are erased, as HISTORY has them.
    pub(super) fn compare_chats(&mut self, user: &'static str) -> Result<(), String> {
        let command = Command::Chats { user: name(user), page: Page::after(None), target: None };
        self.chats.clear();
        self.request(None, command, Asked::Chats)?.map_err(|Gone| "it ended in peace")?;
        let mut counts = std::mem::take(&mut self.chats);
        counts.retain(|(target, ..)| target != super::CLUB && target != super::PASSAGE);
        for (target, count, erased) in counts {
            let rows = self.shown.get(&(user, target.clone())).copied().unwrap_or_default();
            if rows != (count, erased) {
                let words =
                    format!("CHATS of {user} has {target}: {count}, {erased} of them erased; HISTORY: {rows:?}");
                return Err(format!("promise 1 is broken: {words}"));
            }
        }
        Ok(())
    }

    /// A room in which something was said while it was for invited users stays so.
    pub(super) fn expect_closed_room(&mut self) -> Result<(), String> {
        if self.counts.private == 0 {
            return Ok(());
        }
        let command = Command::RoomKind { user: name(USERS[0]), room: Ok(target(CLOSED_ROOM)), kind: RoomKind::Open };
        self.request(None, command, Asked::Opening)?.map_err(|Gone| "it ended in peace".to_owned())
    }

    /// The server stops, as the administrator wants it: then no file has a text that was taken back, and all are whole.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        let Some(server) = self.server.take() else { return Err("it ended in peace".to_owned()) };
        let store = server.store.clone();
        if let Some(upto) = server.group_commit.uncovered() {
            let clean_up = CleanUp::at_stop(Timestamp::from_millis(1_800_000_000_000));
            store.checkpoint_and_clean_up(upto, Some(&clean_up)).map_err(|error| error.to_string())?;
        }
        drop(server);
        let report = store.check().map_err(|error| error.to_string())?;
        if !report.damage.is_empty() {
            return Err(format!("promise 8 is broken: {:?}", report.damage));
        }
        let found = texts_in(&self.disk);
        let left = self.checker.erased_messages().find(|(_, id)| found.contains(*id));
        left.map_or(Ok(()), |(from, id)| Err(format!("the text of {id} of {from} was taken back and is in a file")))
    }
}

/// Returns the ids of the messages whose texts are in a file.
fn texts_in(disk: &SimulatedDisk) -> HashSet<String> {
    let mut ids = HashSet::new();
    for content in read_files(disk, "/data").into_values() {
        for at in memchr::memmem::find_iter(&content, MARK) {
            let rest = &content[at + MARK.len()..];
            let end = memchr::memchr(b',', rest).unwrap_or(rest.len());
            ids.insert(String::from_utf8_lossy(&rest[..end]).into_owned());
        }
    }
    ids
}

/// Returns an event of a message that was taken back as the checker takes it.
pub(super) fn erased_event(event: &Event) -> Option<Erased> {
    let Event::Erased { seq, target, first, last, from } = event else { return None };
    // Users take back one message at a time.
    let message = if first == last { first.get() } else { 0 };
    Some(Erased { seq: seq.get(), target: target.to_string(), message, from: from.to_string() })
}
