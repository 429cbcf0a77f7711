//! Checks promises 1 to 6 on a history: the requests, replies and events that the users of a server observed.
//!
//! It takes every send with its outcome, every delivered event and every reported state, in the order in which each
//! user observed them. It knows nothing of how a server works. A broken promise is reported as the smallest part of
//! the history that breaks it: two or three events that contradict each other, each with its position in the order of
//! observation.
//!
//! The target of a message is a user, who is its only reader, or a room, whose readers [`Checker::room`] names once for
//! all. Where a user has several devices, `luis:lab` is the reader that the device lab of luis is, and `luis` the session
//! without a device; each is a stream of its own. The checks, by the promise that they belong to:
//!
//! 1. an accepted message arrives, whole, at every reader, and is in the history; it is not refused later; accounts
//!    stay, and the store is the same; a message that was taken back, and no other, is erased in every later reply, and
//!    all devices are told;
//! 2. a reader receives a message once, and only messages for that reader, or on a device with a name the user's own; a
//!    retry gets the same answer; a message is taken back once;
//! 3. every reader receives increasing numbers; all observers agree on a message's number; a message that was sent
//!    after a number was known has a higher one;
//! 4. the state of a message never goes back for any observer; in the end every sender knows the last state;
//! 5. a refused message is in no mailbox and no history, unless it was sent again; one request, one answer;
//! 6. a reported number is never that of another message later, and never denied; no state is reported before the
//!    readers made it so, each with one device; what one device acknowledges moves no other.
//!
//! A device that is new begins at the number that the reply to its login names ([`Checker::begins`]): it need not get what
//! was before. One that was forgotten gets nothing more ([`Checker::forgotten`]).

mod erasures;
mod event;
mod history;
mod marks;
mod numbers;
mod sends;
mod sessions;
mod streams;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

pub use erasures::Erased;
pub use event::{Broken, Verdict};
use event::{Event, Index, Mark, Moment, Name};
pub use history::Row;
use numbers::Holder;
use sends::Message;
pub use streams::Seen;
use streams::{Stream, User};

use crate::model::State;

#[derive(Default)]
pub struct Checker {
    /// Everything that was observed, in order; an event's moment is its place, from 1.
    log: Vec<Event>,
    names: HashSet<Name>,
    messages: Vec<Message>,
    /// Index of a message in that list, by sender and id.
    by_id: HashMap<Name, HashMap<String, Index>>,
    /// The message or event of each number, and when it was first observed.
    numbers: HashMap<u64, (Holder, Moment)>,
    /// Moments at which a number was reported that is higher than all before.
    highest: Vec<(Moment, u64)>,
    rooms: HashMap<Name, Vec<Name>>,
    /// The events of each device.
    streams: HashMap<Name, Stream>,
    users: HashMap<Name, User>,
    /// Known numbers of a sender's messages to a target.
    sent_to: HashMap<(Name, Name), BTreeSet<u64>>,
    /// The highest mark that an observer knows of a sender's messages to a place.
    marks: HashMap<(Name, Name, Name, State), (u64, Moment)>,
    /// States of messages that have not been observed yet.
    unfounded: Vec<(Moment, Mark)>,
    /// The messages that a user tried to take back.
    taken_back: Vec<Index>,
    /// Unanswered sends by sender, oldest first.
    open: HashMap<Name, BTreeMap<Moment, Index>>,
    /// Messages that were accepted or delivered to a reader, and not yet delivered to every device that has to get them.
    undelivered: BTreeSet<Index>,
    /// Last moment at which the server was dead: requests from before it take no effect any more.
    restarted: Moment,
    accepted: usize,
}

impl Checker {
    /// A place with many readers, who are always the same.
    pub fn room(&mut self, room: &str, readers: &[&str]) {
        let readers = readers.iter().map(|reader| self.name(reader)).collect();
        let room = self.name(room);
        self.rooms.insert(room, readers);
    }

    /// The server is dead and not yet running again.
    pub fn restarted(&mut self) {
        self.restarted = self.note(Event::Restarted);
    }

    pub fn accepted_count(&self) -> usize {
        self.accepted
    }

    fn name(&mut self, name: &str) -> Name {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let new = Name::from(name);
        self.names.insert(new.clone());
        new
    }

    /// Returns the readers of a user's messages to a target. The sender of a room message gets no copy.
    fn readers_of<'a>(&'a self, sender: &'a Name, target: &'a Name) -> impl Iterator<Item = &'a Name> {
        let room = self.rooms.get(target);
        let user = room.is_none().then_some(target);
        room.into_iter().flatten().filter(move |reader| *reader != sender).chain(user)
    }

    fn note(&mut self, event: Event) -> Moment {
        self.log.push(event);
        self.log.len()
    }

    fn broken(&self, promise: u8, why: impl Into<String>, moments: &[Moment]) -> Verdict {
        let mut moments = moments.to_vec();
        moments.sort_unstable();
        moments.dedup();
        let events = moments.into_iter().map(|moment| (moment, self.cite(moment))).collect();
        Err(Broken { promise, why: why.into(), events })
    }

    fn cite(&self, moment: Moment) -> String {
        let id = |message: &Index| {
            let message = &self.messages[*message];
            format!("{} of {}", message.id, message.from)
        };
        match &self.log[moment - 1] {
            Event::Asks { message } => {
                let Message { from, id, to, text, .. } = &self.messages[*message];
                format!("{from} sends {id} to {to}: {text}")
            }
            Event::Accepted { message, seq, at } => format!("{} is answered OK, number {seq} at {at}", id(message)),
            Event::Refused { message } => format!("{} is answered KO", id(message)),
            Event::Given { reader, message, seq } => format!("{reader} is given {}, number {seq}", id(message)),
            Event::Told { reader, seq, mark: Mark { target, state, upto, .. } } => {
                format!("{reader} is told, number {seq}: {target} {state} up to {upto}")
            }
            Event::Acknowledges { reader, upto } => format!("{reader} acknowledges up to {upto}"),
            Event::Reads { reader, target, upto } => format!("{reader} calls {target} read up to {upto}"),
            Event::Shown { observer, message, seq, state } => {
                let state = state.map_or(String::new(), |state| format!(", {state}"));
                format!("{observer} finds {} in a history, number {seq}{state}", id(message))
            }
            Event::Restarted => "the server is started again".to_owned(),
            Event::Odd(words) => words.clone(),
        }
    }
}
