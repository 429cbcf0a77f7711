//! Changes of a room's log, and the watermarks that follow from them (protocol, section 7).

use std::collections::BTreeMap;

use super::message::Receipt;
use crate::limits;
use crate::model::{Seq, State};
use crate::state_machine::AccountNumber;
use crate::state_machine::stored::{Dropped, Entry, Member, Room};

/// Takes one off a count if `condition` holds. A checkpoint with wrong counts can only delay a watermark.
fn decrement_if(count: &mut u32, condition: bool) {
    *count = count.saturating_sub(u32::from(condition));
}

/// The last message of each sender that every recipient now has, or has read.
#[derive(Default)]
struct Completed {
    delivered: BTreeMap<AccountNumber, Seq>,
    read: BTreeMap<AccountNumber, Seq>,
}

impl Completed {
    /// Notes an entry whose counts have changed.
    fn note(&mut self, entry: &Entry) {
        if entry.recipients > 0 && entry.undelivered == 0 {
            self.delivered.insert(entry.from, entry.seq);
        }
        if entry.recipients > 0 && entry.unread == 0 {
            self.read.insert(entry.from, entry.seq);
        }
    }
}

impl Room {
    /// Adds a member, for whom every number after `last` is.
    pub(super) fn add_member(&mut self, user: AccountNumber, last: Seq) {
        self.members.entry(user).or_insert(Member { joined: last, acknowledged: last, read: last });
    }

    /// Removes a member, also from the recipients of every entry.
    pub(super) fn remove_member(&mut self, user: AccountNumber) -> Vec<Receipt> {
        let Some(member) = self.members.remove(&user) else { return Vec::new() };
        let delivered = member.acknowledged.max(member.read);
        self.change_entries(user, member.joined, Seq::LAST, |entry| {
            decrement_if(&mut entry.recipients, true);
            decrement_if(&mut entry.undelivered, entry.seq > delivered);
            decrement_if(&mut entry.unacknowledged, entry.seq > member.acknowledged);
            decrement_if(&mut entry.unread, entry.seq > member.read);
        })
    }

    /// Adds a message to the log; above [`limits::ROOM_BACKLOG`] the oldest entry is dropped.
    pub(super) fn add_message(&mut self, seq: Seq, from: AccountNumber, bytes: u32) -> Vec<Receipt> {
        let others = self.members.len() - usize::from(self.has_member(from));
        let count = u32::try_from(others).unwrap_or(u32::MAX);
        if count == 0 {
            return Vec::new();
        }
        let (recipients, undelivered, unacknowledged, unread) = (count, count, count, count);
        self.log.push_back(Entry { seq, from, bytes, recipients, undelivered, unacknowledged, unread });
        let oldest = if self.log.len() > limits::ROOM_BACKLOG { self.log.pop_front() } else { None };
        oldest.map_or(Vec::new(), |oldest| self.drop_entry(oldest))
    }

    /// Drops an entry early: it is complete for those recipients who have it.
    fn drop_entry(&mut self, entry: Entry) -> Vec<Receipt> {
        if entry.unacknowledged > 0 {
            let Dropped { last, by, other } = self.dropped;
            let other = if by == Some(entry.from) { other } else { last };
            self.dropped = Dropped { last: entry.seq, by: Some(entry.from), other };
        }
        let mut completed = Completed::default();
        if entry.undelivered < entry.recipients {
            completed.delivered.insert(entry.from, entry.seq);
            if entry.unread <= entry.undelivered {
                completed.read.insert(entry.from, entry.seq);
            }
        }
        self.move_watermarks(completed)
    }

    /// Applies a member's cumulative acknowledgement.
    pub(super) fn acknowledge(&mut self, user: AccountNumber, upto: Seq) -> Vec<Receipt> {
        let Some(member) = self.members.get_mut(&user).filter(|member| member.acknowledged < upto) else {
            return Vec::new();
        };
        let (before, read) = (std::mem::replace(&mut member.acknowledged, upto), member.read);
        self.change_entries(user, before, upto, |entry| {
            decrement_if(&mut entry.unacknowledged, true);
            decrement_if(&mut entry.undelivered, entry.seq > read);
        })
    }

    /// Applies a member's read mark. READ implies DELIVERED.
    pub(super) fn mark_read(&mut self, user: AccountNumber, upto: Seq) -> Vec<Receipt> {
        let Some(member) = self.members.get_mut(&user).filter(|member| member.read < upto) else {
            return Vec::new();
        };
        let (before, acknowledged) = (std::mem::replace(&mut member.read, upto), member.acknowledged);
        self.change_entries(user, before, upto, |entry| {
            decrement_if(&mut entry.unread, true);
            decrement_if(&mut entry.undelivered, entry.seq > acknowledged);
        })
    }

    /// Changes the entries after `after` and up to `upto` of which a user is a recipient, removes the oldest entries
    /// that are complete, and returns the watermarks that have moved.
    fn change_entries(
        &mut self,
        user: AccountNumber,
        after: Seq,
        upto: Seq,
        change: impl Fn(&mut Entry),
    ) -> Vec<Receipt> {
        let start = self.position_after(after);
        let mut completed = Completed::default();
        for entry in self.log.range_mut(start..).take_while(|entry| entry.seq <= upto) {
            if entry.from != user {
                change(entry);
                completed.note(entry);
            }
        }
        while self.log.front().is_some_and(|entry| entry.unacknowledged == 0 && entry.unread == 0) {
            self.log.pop_front();
        }
        self.move_watermarks(completed)
    }

    /// Moves the watermarks forward, never back. READ implies DELIVERED: with a READ no DELIVERED is returned.
    fn move_watermarks(&mut self, completed: Completed) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        for (sender, upto) in completed.read {
            let marks = self.marks.entry(sender).or_default();
            if upto > marks.read {
                marks.read = upto;
                receipts.push(Receipt { sender, state: State::Read, upto });
            }
        }
        for (sender, upto) in completed.delivered {
            let marks = self.marks.entry(sender).or_default();
            if upto > marks.delivered.max(marks.read) {
                marks.delivered = upto;
                receipts.push(Receipt { sender, state: State::Delivered, upto });
            }
        }
        receipts
    }
}
