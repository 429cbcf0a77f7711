//! A room: a log in which each member has a place (protocol, section 7).
//!
//! A message is stored once. Beside its number the log counts for how many members it is, and how
//! many of those lack it; what a member has not acknowledged is found by walking the log from her
//! place. So a member who never comes costs one counter, not a queue.

use std::collections::{BTreeMap, VecDeque};

use super::AccountNumber;
use super::conversation::Marks;
use crate::limits;
use crate::model::{RoomName, Seq, State};

pub(super) struct Room {
    pub name: RoomName,
    pub members: BTreeMap<AccountNumber, Member>,
    /// What somebody has yet to acknowledge or to read, oldest first; never more than
    /// [`limits::ROOM_BACKLOG`].
    pub log: VecDeque<Entry>,
    pub dropped: Dropped,
    /// How far what each sender has sent here has come. Kept for those who have left, too.
    pub marks: BTreeMap<AccountNumber, Marks>,
}

/// A member's place in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// What was accepted after this number is for her.
    pub joined: Seq,
    /// What she has acknowledged, and was counted as having.
    pub acknowledged: Seq,
    /// She has seen everything here up to this number. Who joins has nothing to catch up with.
    pub read: Seq,
}

/// A message in the log. Its text is in the rows of the conversation, or in the history file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub seq: Seq,
    pub from: AccountNumber,
    /// About what it takes in a reply.
    pub bytes: u32,
    /// The members it is waited for: there when it was accepted, and since, without its sender.
    pub waited: u32,
    /// Of those, who have neither acknowledged nor read it.
    pub missing: u32,
    pub unacknowledged: u32,
    pub unread: u32,
}

/// What fell out of the log before everybody had acknowledged it: who had not gets a GAP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    /// The newest such number, and whose it was.
    pub last: Seq,
    pub by: Option<AccountNumber>,
    /// The newest that was somebody else's: the end of the gap of that sender.
    pub other: Seq,
}

/// A sender's mark has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub sender: AccountNumber,
    pub state: State,
    pub upto: Seq,
}

/// Takes one off a count. The counts of a checkpoint were written by this program; should they be
/// wrong none the less, a mark may move late, and nothing else happens.
fn take(count: &mut u32, one: bool) {
    *count = count.saturating_sub(u32::from(one));
}

/// The last message of each sender that all now have, or have read.
#[derive(Default)]
struct Reached {
    delivered: BTreeMap<AccountNumber, Seq>,
    read: BTreeMap<AccountNumber, Seq>,
}

impl Reached {
    /// An entry has changed: notes what it has come to.
    fn note(&mut self, entry: &Entry) {
        if entry.waited > 0 && entry.missing == 0 {
            self.delivered.insert(entry.from, entry.seq);
        }
        if entry.waited > 0 && entry.unread == 0 {
            self.read.insert(entry.from, entry.seq);
        }
    }
}

impl Room {
    pub fn new(name: RoomName) -> Self {
        let (members, marks) = (BTreeMap::new(), BTreeMap::new());
        Self { name, members, log: VecDeque::new(), dropped: Dropped::default(), marks }
    }

    pub fn has(&self, who: AccountNumber) -> bool {
        self.members.contains_key(&who)
    }

    /// `now` is the newest number there is.
    pub fn join(&mut self, who: AccountNumber, now: Seq) {
        self.members.entry(who).or_insert(Member { joined: now, acknowledged: now, read: now });
    }

    /// She is waited for no longer.
    pub fn leave(&mut self, who: AccountNumber) -> Vec<Moved> {
        let Some(member) = self.members.remove(&who) else { return Vec::new() };
        let has = member.acknowledged.max(member.read);
        self.pass(who, member.joined, None, |entry| {
            take(&mut entry.waited, true);
            take(&mut entry.missing, entry.seq > has);
            take(&mut entry.unacknowledged, entry.seq > member.acknowledged);
            take(&mut entry.unread, entry.seq > member.read);
        })
    }

    /// Takes in a message; the oldest in the log may have to go.
    pub fn add(&mut self, seq: Seq, from: AccountNumber, bytes: u32) -> Vec<Moved> {
        let others = self.members.len() - usize::from(self.has(from));
        let waited = u32::try_from(others).unwrap_or(u32::MAX);
        if waited == 0 {
            return Vec::new();
        }
        let entry = Entry { seq, from, bytes, waited, missing: waited, unacknowledged: waited, unread: waited };
        self.log.push_back(entry);
        let oldest = if self.log.len() > limits::ROOM_BACKLOG { self.log.pop_front() } else { None };
        oldest.map_or(Vec::new(), |oldest| self.drop(oldest))
    }

    /// An entry leaves the log early: those who do not have it are not waited for any more.
    fn drop(&mut self, entry: Entry) -> Vec<Moved> {
        if entry.unacknowledged > 0 {
            let Dropped { last, by, other } = self.dropped;
            let other = if by == Some(entry.from) { other } else { last };
            self.dropped = Dropped { last: entry.seq, by: Some(entry.from), other };
        }
        let mut reached = Reached::default();
        if entry.missing < entry.waited {
            reached.delivered.insert(entry.from, entry.seq);
            if entry.unread <= entry.missing {
                reached.read.insert(entry.from, entry.seq);
            }
        }
        self.settle(reached)
    }

    /// A member holds everything up to a number.
    pub fn acknowledge(&mut self, who: AccountNumber, upto: Seq) -> Vec<Moved> {
        let Some(member) = self.members.get_mut(&who).filter(|member| member.acknowledged < upto) else {
            return Vec::new();
        };
        let (before, read) = (std::mem::replace(&mut member.acknowledged, upto), member.read);
        self.pass(who, before, Some(upto), |entry| {
            take(&mut entry.unacknowledged, true);
            take(&mut entry.missing, entry.seq > read);
        })
    }

    /// A member has seen everything up to a number: then she has it, too.
    pub fn read(&mut self, who: AccountNumber, upto: Seq) -> Vec<Moved> {
        let Some(member) = self.members.get_mut(&who).filter(|member| member.read < upto) else {
            return Vec::new();
        };
        let (before, acknowledged) = (std::mem::replace(&mut member.read, upto), member.acknowledged);
        self.pass(who, before, Some(upto), |entry| {
            take(&mut entry.unread, true);
            take(&mut entry.missing, entry.seq > acknowledged);
        })
    }

    /// Changes the entries between two numbers that are for somebody, and says whose marks move.
    fn pass(&mut self, who: AccountNumber, above: Seq, upto: Option<Seq>, change: impl Fn(&mut Entry)) -> Vec<Moved> {
        let start = self.log.partition_point(|entry| entry.seq <= above);
        let mut reached = Reached::default();
        let passed = self.log.range_mut(start..).take_while(|entry| upto.is_none_or(|upto| entry.seq <= upto));
        for entry in passed.filter(|entry| entry.from != who) {
            change(entry);
            reached.note(entry);
        }
        while self.log.front().is_some_and(|entry| entry.unacknowledged == 0 && entry.unread == 0) {
            self.log.pop_front();
        }
        self.settle(reached)
    }

    /// Moves the marks, forward only. Read implies delivered.
    fn settle(&mut self, reached: Reached) -> Vec<Moved> {
        let mut moved = Vec::new();
        for (sender, upto) in reached.read {
            let marks = self.marks.entry(sender).or_default();
            if upto > marks.read {
                marks.read = upto;
                moved.push(Moved { sender, state: State::Read, upto });
            }
        }
        for (sender, upto) in reached.delivered {
            let marks = self.marks.entry(sender).or_default();
            if upto > marks.delivered.max(marks.read) {
                marks.delivered = upto;
                moved.push(Moved { sender, state: State::Delivered, upto });
            }
        }
        moved
    }

    /// What is in the log for a member above a number, oldest first.
    pub fn after(&self, who: AccountNumber, after: Seq) -> impl DoubleEndedIterator<Item = &Entry> {
        // Who is no member is sent nothing: nothing comes after this number.
        let joined = self.members.get(&who).map_or(Seq::LAST, |member| member.joined);
        let start = self.log.partition_point(|entry| entry.seq <= after.max(joined));
        self.log.range(start..).filter(move |entry| entry.from != who)
    }

    /// The numbers that a member gets by HISTORY only: what fell out of the log before she had
    /// acknowledged it. `acknowledged` is her mark, `after` what she asks from.
    pub fn gap(&self, who: AccountNumber, acknowledged: Seq, after: Seq) -> Option<(Seq, Seq)> {
        let joined = self.members.get(&who)?.joined;
        let Dropped { last, by, other } = self.dropped;
        let last = if by == Some(who) { other } else { last };
        (last > after.max(joined)).then(|| (acknowledged.max(joined).next(), last))
    }

    /// Whether there is anything for a member above a number.
    pub fn has_news(&self, who: AccountNumber, after: Seq) -> bool {
        self.after(who, after).next_back().is_some() || self.gap(who, after, after).is_some()
    }
}
