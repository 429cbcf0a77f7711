//! All that was sent and received, each message once, on disk: `history/messages.csv`.
//!
//! ```text
//! IN;<seq>;<id>;<from>;<to>;<at>;<text>      received
//! OUT;<seq>;<id>;<from>;<to>;<at>;<text>     sent: the server has it
//! PAST;<seq>;<id>;<from>;<to>;<at>;<text>    of a room, and looked up: from before I joined, or from a gap
//! DIRECT;<id>;<from>;<to>;<at>;<text>        said in a direct chat, by either side
//! FAILED;<id>;<to>;<at>;<text>;<why>         never sent
//! STATE;<seq>;<place>;<state>;<upto>;<at>    all I sent there up to that number is now so
//! SHOWN;<n>                                  the first n received messages of this file were shown
//! GAP;<#room>;<first>;<last>                these numbers of that room are with the server only
//! IGNORE;<user>;<yes or no>                 what this user says is not shown; or is again
//! POSITION;<store>;<last>                    everything of that store up to this number is above
//! ```
//! What a poll brought is one batch, with the position at its end. So the last number and the
//! messages it stands for are durable together, and a message is here exactly once.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::catch_up::CaughtUp;
use super::conversation::{Gap, Moved, Row};
use super::entry::Entry;
use super::error::LedgerError;
use super::ledger::{Ledger, Torn};
use super::memory::{Change, Memory};
use super::outbox::Waiting;
use crate::disk::Disk;
use crate::model::{Message, MessageId, RoomName, Seq, State, Target, Timestamp, UserName};
use crate::protocol::{Event, Ko};

/// The kind of file, in its first line.
pub const KIND: &str = "wachat-history";

/// What is new after a poll: what a person is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    Message(Arc<Message>),
    Moved(State, Moved),
    Online(UserName),
    Offline(UserName),
    Joined(RoomName, UserName),
    Parted(RoomName, UserName),
    /// So many messages of that room were looked up.
    CaughtUp(RoomName, usize),
    Gap(Gap),
}

impl Arrival {
    /// Whose coming or going it is.
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::Online(user) | Self::Offline(user) | Self::Joined(_, user) | Self::Parted(_, user) => Some(user),
            Self::Message(_) | Self::Moved(..) | Self::CaughtUp(..) | Self::Gap(_) => None,
        }
    }
}

/// The store that a login found, compared with the one in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreSeen {
    First,
    Same,
    Another,
}

/// The history, open.
pub struct History {
    ledger: Ledger,
    memory: Memory,
}

impl History {
    /// Opens the file, or makes it. The whole file is read: a million messages take a second.
    pub fn open(disk: Arc<dyn Disk>, path: PathBuf, me: UserName) -> Result<(Self, Torn), LedgerError> {
        let mut memory = Memory::new(me);
        let (ledger, torn) = Ledger::open(disk, path, KIND, &mut |fields| {
            memory.apply(Entry::read(fields)?);
            Some(())
        })?;
        Ok((Self { ledger, memory }, torn))
    }

    /// One batch: on disk first, then in memory.
    fn note(&mut self, entries: Vec<Entry>) -> Result<Vec<Change>, LedgerError> {
        let mut records = Vec::new();
        entries.iter().for_each(|entry| entry.write(&mut records));
        self.ledger.append(&records)?;
        Ok(entries.into_iter().map(|entry| self.memory.apply(entry)).collect())
    }

    /// Everything up to this number is here: what a poll may acknowledge (protocol, section 6).
    pub fn position(&self) -> Seq {
        self.memory.last
    }

    /// Compares the store that a login found with the one noted. Another one is noted, and goes on
    /// from what the server calls acknowledged (protocol, section 6).
    pub fn begin(&mut self, store: &str, acknowledged: Seq) -> Result<StoreSeen, LedgerError> {
        let seen = match self.memory.store.as_str() {
            noted if noted == store => return Ok(StoreSeen::Same),
            "" => StoreSeen::First,
            _ => StoreSeen::Another,
        };
        self.begin_again(store, acknowledged)?;
        Ok(seen)
    }

    /// Goes on from a number below the one noted: the server knows less than we do.
    pub fn begin_again(&mut self, store: &str, acknowledged: Seq) -> Result<(), LedgerError> {
        self.note(vec![Entry::Position { store: store.to_owned(), last: acknowledged }]).map(drop)
    }

    /// Takes in what a poll brought, and says what of it is new. When this returns it is on disk:
    /// [`Self::position`] may be acknowledged.
    pub fn take_in(&mut self, events: Vec<(Seq, Option<Event>)>) -> Result<Vec<Arrival>, LedgerError> {
        self.take_in_with(events, HashMap::new())
    }

    /// The same, with what was looked up for the gaps among the events, by their numbers.
    pub fn take_in_with(
        &mut self,
        events: Vec<(Seq, Option<Event>)>,
        mut looked_up: HashMap<Seq, CaughtUp>,
    ) -> Result<Vec<Arrival>, LedgerError> {
        let (mut arrivals, mut entries) = (Vec::new(), Vec::new());
        let mut last = self.memory.last;
        for (seq, event) in events {
            if seq > last || seq == Seq::ZERO {
                last = last.max(seq);
                match event {
                    Some(Event::Gap { room, first, last }) => {
                        let gap = Gap { room, first, last };
                        let past = looked_up.remove(&seq).unwrap_or_else(|| CaughtUp::none(&gap));
                        self.fill(&gap, past, &mut entries, &mut arrivals);
                    }
                    event => self.sort(event, &mut entries, &mut arrivals),
                }
            }
        }
        if last > self.memory.last {
            entries.push(Entry::Position { store: self.memory.store.clone(), last });
            let changes = self.note(entries)?;
            arrivals.extend(changes.into_iter().filter_map(|change| match change {
                Change::Moved(state, moved) => Some(Arrival::Moved(state, moved)),
                Change::None | Change::Sent(_) => None,
            }));
        }
        Ok(arrivals)
    }

    /// Puts an event where it belongs: noted, shown, or both.
    fn sort(&self, event: Option<Event>, entries: &mut Vec<Entry>, arrivals: &mut Vec<Arrival>) {
        match event {
            Some(Event::Message(message)) if !self.memory.holds(&message) && !self.memory.has_row(&message) => {
                entries.push(Entry::Received(message.clone()));
                arrivals.push(Arrival::Message(message));
            }
            Some(Event::State { seq, target, state, upto, at }) => {
                entries.push(Entry::State { seq, target, state, upto, at });
            }
            Some(Event::Online { user, .. }) => arrivals.push(Arrival::Online(user)),
            Some(Event::Offline { user, .. }) => arrivals.push(Arrival::Offline(user)),
            Some(Event::Join { room, user, .. }) => arrivals.push(Arrival::Joined(room, user)),
            Some(Event::Part { room, user, .. }) => arrivals.push(Arrival::Parted(room, user)),
            Some(Event::Gap { .. } | Event::Peer { .. } | Event::Unknown { .. }) => {}
            // Held already, or of a kind that this version does not know: its number is enough.
            Some(Event::Message(_)) | None => {}
        }
    }

    /// Puts what was looked up in the place of a gap, and notes what of it is still one.
    fn fill(&self, gap: &Gap, past: CaughtUp, entries: &mut Vec<Entry>, arrivals: &mut Vec<Arrival>) {
        if let Some(rest) = past.rest {
            entries.push(Entry::Gap(rest.clone()));
            arrivals.push(Arrival::Gap(rest));
        }
        let before = entries.len();
        entries.extend(past.messages.into_iter().filter(|message| self.is_past(message)).map(Entry::Past));
        if entries.len() > before {
            arrivals.push(Arrival::CaughtUp(gap.room.clone(), entries.len() - before));
        }
    }

    /// Whether a message that was looked up belongs into the history. What I said myself, with another
    /// program, is noted there.
    fn is_past(&self, message: &Message) -> bool {
        !self.is_mine(message) && !self.memory.holds(message) && !self.memory.has_row(message)
    }

    /// Takes in what was looked up on joining a room, oldest first, and says what of it is new.
    pub fn add_past(&mut self, rows: Vec<Arc<Message>>) -> Result<Vec<Arc<Message>>, LedgerError> {
        let new: Vec<_> = rows.into_iter().filter(|message| self.is_past(message)).collect();
        if !new.is_empty() {
            self.note(new.iter().cloned().map(Entry::Past).collect())?;
        }
        Ok(new)
    }

    /// Notes that the server has a message of mine, and says how far it has come by now.
    pub fn add_sent(&mut self, sent: &Waiting, at: Timestamp, seq: Seq) -> Result<State, LedgerError> {
        let (from, to) = (self.memory.me.clone(), sent.to.clone());
        let message = Arc::new(Message { seq, id: sent.id.clone(), from, to, at, text: sent.text.clone() });
        if self.memory.holds(&message) {
            return Ok(self.memory.claim(&message));
        }
        let changes = self.note(vec![Entry::Sent(message)])?;
        let state = changes.into_iter().find_map(|change| if let Change::Sent(s) = change { Some(s) } else { None });
        Ok(state.unwrap_or(State::Received))
    }

    /// Notes what was said in a direct chat. `false`: it is there already.
    pub fn add_direct(&mut self, message: Arc<Message>) -> Result<bool, LedgerError> {
        if self.memory.holds(&message) {
            return Ok(false);
        }
        self.note(vec![Entry::Direct(message)]).map(|_| true)
    }

    /// Notes that a message of mine will never be sent, and why.
    pub fn add_failed(&mut self, message: &Waiting, why: &Ko) -> Result<(), LedgerError> {
        self.note(vec![Entry::Failed(message.clone(), why.to_string())]).map(drop)
    }

    /// What was received and not marked shown, oldest first.
    pub fn unshown(&self) -> Vec<Arc<Message>> {
        self.memory.unshown.iter().cloned().collect()
    }

    /// Notes that the first so many of [`Self::unshown`] have been shown.
    pub fn mark_shown(&mut self, count: usize) -> Result<(), LedgerError> {
        if count == 0 {
            return Ok(());
        }
        self.note(vec![Entry::Shown(self.memory.shown + count as u64)]).map(drop)
    }

    /// Hides a user, or shows them again; says which.
    pub fn toggle_ignored(&mut self, user: &UserName) -> Result<bool, LedgerError> {
        let hidden = !self.is_ignored(user);
        self.note(vec![Entry::Ignored(user.clone(), hidden)])?;
        Ok(hidden)
    }

    pub fn is_ignored(&self, user: &UserName) -> bool {
        self.memory.ignored.contains(user)
    }

    pub fn ignored(&self) -> Vec<UserName> {
        self.memory.ignored.iter().cloned().collect()
    }

    /// The newest rows that hold all these words, given in small letters; newest last.
    pub fn search(&self, words: &[String], most: usize) -> Vec<(Target, Row)> {
        let rows = self.memory.conversations.iter().flat_map(|(target, c)| c.rows().map(move |row| (target, row)));
        let mut found: Vec<_> = rows.filter(|(_, row)| row.holds(words)).collect();
        found.sort_by_key(|(_, row)| row.at());
        let first = found.len().saturating_sub(most);
        found.into_iter().skip(first).map(|(target, row)| (target.clone(), row.clone())).collect()
    }

    /// What was received there above this number, as far as it is here and is shown: how many messages, and
    /// the last one.
    pub fn unread(&self, target: &Target, read: Seq) -> Option<(usize, Arc<Message>)> {
        let above = self.memory.conversations.get(target)?.received_after(read);
        let mut seen = above.filter(|message| !self.is_ignored(&message.from));
        let last = seen.next()?.clone();
        Some((1 + seen.count(), last))
    }

    /// The last rows of a conversation, oldest first.
    pub fn last_rows(&self, target: &Target, count: usize) -> Vec<Row> {
        self.memory.conversations.get(target).map_or(Vec::new(), |c| c.last(count))
    }

    pub fn last_sent(&self, target: &Target) -> Option<(Arc<Message>, State)> {
        self.memory.conversations.get(target)?.last_sent()
    }

    /// The last number received in each conversation: what may be called read.
    pub fn last_received(&self) -> Vec<(Target, Seq)> {
        let received = self.memory.conversations.iter().map(|(target, c)| (target.clone(), c.last_received()));
        received.filter(|(_, seq)| *seq > Seq::ZERO).collect()
    }

    pub fn is_mine(&self, message: &Message) -> bool {
        message.from == self.memory.me
    }

    /// The conversation that a message belongs to.
    pub fn place_of(&self, message: &Message) -> Target {
        self.memory.place_of(message)
    }

    /// Whether a message of mine was sent, or failed. Known until [`Self::forget_settled`].
    pub fn has_settled(&self, id: &MessageId) -> bool {
        self.memory.settled.as_ref().is_some_and(|settled| settled.contains(id))
    }

    /// Forgets the ids of all that was sent, or failed: the start is over.
    pub fn forget_settled(&mut self) {
        self.memory.settled = None;
    }

    /// Takes in rows that another program of mine noted of what it sent.
    pub fn adopt(&mut self, rows: Vec<Entry>) -> Result<(), LedgerError> {
        if rows.is_empty() { Ok(()) } else { self.note(rows).map(drop) }
    }

    /// From now on nothing is written: the program is about to end.
    pub fn close(&mut self) {
        self.ledger.close();
    }
}
