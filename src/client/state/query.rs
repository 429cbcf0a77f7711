//! The questions that the state answers.

use std::collections::HashSet;
use std::sync::Arc;

use super::conversation::{Conversation, LastSaid};
use super::lookup::Lookup;
use super::machine::ClientState;
use super::outbox::Outbox;
use super::record::{Record, Switch};
use super::row::Row;
use crate::limits;
use crate::model::{Message, MessageId, Seq, State, Target, Text, UserName};
use crate::protocol::Codec as _;

impl ClientState {
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub fn me(&self) -> &UserName {
        &self.me
    }

    /// The name of the server's store that the numbers are of; empty before the first login.
    pub fn store(&self) -> &str {
        &self.position.store
    }

    /// Every event up to this number is in the state: what a poll may acknowledge (protocol, section 6).
    pub fn position(&self) -> Seq {
        self.position.last
    }

    /// The highest number of this store that was seen: what is sent from now on has a higher one.
    pub fn newest(&self) -> Seq {
        self.position.newest
    }

    /// Returns the line of the record that keeps that number when others are removed.
    pub(super) fn newest_line(&self) -> Vec<u8> {
        Record::Newest(self.newest()).line()
    }

    /// Returns the lines of the records that lead to the outbox, and to the numbers of its retries.
    pub(super) fn outbox_lines(&self) -> Vec<u8> {
        let mut lines = self.newest_line();
        self.outbox.records().for_each(|record| record.write(&mut lines));
        lines
    }

    /// Returns the messages that were received and not marked as shown, oldest first.
    pub fn unshown(&self) -> impl Iterator<Item = &Arc<Message>> {
        self.shown.waiting.iter()
    }

    pub fn is_ignored(&self, user: &UserName) -> bool {
        self.choices.ignored.contains(user)
    }

    /// Checks that the user has written to another one, in this run or an earlier one.
    pub fn has_written_to(&self, user: &UserName) -> bool {
        self.written.contains(user)
    }

    /// Checks that a conversation is one with a user whose messages are hidden.
    pub fn is_hidden(&self, target: &Target) -> bool {
        matches!(target, Target::User(user) if self.is_ignored(user))
    }

    /// Checks that the user wants no notices of a conversation.
    pub fn is_muted(&self, target: &Target) -> bool {
        self.choices.muted.contains(target)
    }

    pub fn is_on(&self, switch: Switch) -> bool {
        self.choices.switches.contains(&switch)
    }

    /// Checks that there is a conversation here: something was said in it, or it was compared with the server's.
    pub fn knows(&self, target: &Target) -> bool {
        self.conversations.contains_key(target)
    }

    /// Checks that a conversation is kept that the server names: it is here, or there is room for one more. What the user
    /// begins is kept in any case.
    pub fn has_room_for(&self, target: &Target) -> bool {
        self.knows(target) || self.conversations.len() < limits::CONVERSATIONS
    }

    /// Returns the user who wrote the last message that came for this one alone, and is in memory.
    pub fn last_writer(&self) -> Option<UserName> {
        let direct = |(target, c): (&Target, &Conversation)| match target {
            Target::User(user) if *user != self.me && !self.is_ignored(user) => Some((c.last_received(), user.clone())),
            _ => None,
        };
        let last = self.conversations.iter().filter_map(direct).max_by_key(|(seq, _)| *seq)?;
        (last.0 > Seq::ZERO).then_some(last.1)
    }

    /// Returns the users whose messages are hidden, sorted.
    pub fn ignored(&self) -> Vec<String> {
        let mut names: Vec<_> = self.choices.ignored.iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// Returns the rows in memory that hold all these words, given in small letters.
    pub fn search(&self, words: &[String]) -> Vec<(Target, Row)> {
        self.rows_in_memory(&Lookup::Words(words.to_vec()))
    }

    fn rows_in_memory(&self, lookup: &Lookup) -> Vec<(Target, Row)> {
        let rows = self.conversations.iter().flat_map(|(target, c)| c.rows().map(move |row| (target, row)));
        rows.filter(|(target, row)| lookup.wants(target, row))
            .map(|(target, row)| (target.clone(), row.clone()))
            .collect()
    }

    /// Adds the rows in memory that are looked for to older ones, which were looked up in the log. Those may be in memory,
    /// too, and the states of the user's messages may have changed since.
    pub fn with_rows_in_memory(&self, mut older: Vec<(Target, Row)>, lookup: &Lookup) -> Vec<(Target, Row)> {
        let newer = self.rows_in_memory(lookup);
        let known: HashSet<_> = newer.iter().map(|(target, row)| (target, row.seq(), row.id())).collect();
        older.retain(|(target, row)| !known.contains(&(target, row.seq(), row.id())));
        if !self.has_earlier_store() {
            for (target, row) in &mut older {
                if let (Row::Sent(message, state), Some(conversation)) = (row, self.conversations.get(target)) {
                    *state = conversation.state_of(message.seq).max(*state);
                }
            }
        }
        // The log may have the text until its next checkpoint.
        older.iter_mut().filter(|(_, row)| self.is_row_erased(row)).for_each(|(_, row)| row.empty());
        older.retain(|(_, row)| !row.is_erased() || !matches!(lookup, Lookup::Words(_)));
        older.extend(newer);
        older
    }

    /// Checks that the log has rows that memory does not hold.
    pub fn has_older_rows(&self) -> bool {
        self.conversations.values().any(|c| c.older)
    }

    /// Checks that the log has rows of a conversation that memory does not hold. Those in memory need not be the last
    /// ones: missing messages come later than newer ones.
    pub fn lacks_rows(&self, target: &Target) -> bool {
        self.conversations.get(target).is_some_and(|c| c.older)
    }

    /// Returns the conversations, in no order.
    pub fn conversations(&self) -> impl Iterator<Item = (&Target, &Conversation)> {
        self.conversations.iter()
    }

    pub fn find_conversation(&self, target: &Target) -> Option<&Conversation> {
        self.conversations.get(target)
    }

    /// Returns the numbers up to which the user has seen each conversation: what may be called read.
    pub fn seen(&self) -> Vec<(Target, Seq)> {
        let seen = self.conversations.iter().map(|(target, c)| (target.clone(), c.seen()));
        let mut seen: Vec<_> = seen.filter(|(_, seq)| *seq > Seq::ZERO).collect();
        seen.sort_by_key(|(_, seq)| *seq);
        seen
    }

    /// Counts the messages received there above this number that are kept in memory and not hidden. Returns the count,
    /// whether the log may have more, and the last one.
    pub fn unread(&self, target: &Target, read: Seq) -> Option<(usize, bool, Arc<Message>)> {
        let conversation = self.conversations.get(target)?;
        let mut seen = conversation.received_after(read).filter(|message| !self.is_ignored(&message.from));
        let last = seen.next()?.clone();
        let is_older = |row: &Row| row.seq().is_some_and(|seq| seq <= read);
        let more = conversation.older && !conversation.rows().any(is_older);
        Some((1 + seen.count(), more, last))
    }

    /// Returns the last rows of a conversation, oldest first.
    pub fn last_rows(&self, target: &Target, count: usize) -> Vec<Row> {
        self.conversations.get(target).map_or(Vec::new(), |c| c.last(count))
    }

    /// Returns the rows of a conversation that the server does not have: said directly, refused, or of an earlier store.
    pub fn rows_without_server(&self, target: &Target) -> Vec<Row> {
        self.conversations.get(target).map_or(Vec::new(), |c| c.without_server().cloned().collect())
    }

    /// Returns the user's last message there that has a number in this store.
    pub fn last_sent(&self, target: &Target) -> Option<(Arc<Message>, State)> {
        self.conversations.get(target)?.last_sent()
    }

    /// Returns the last number received in each conversation: what may be called read.
    pub fn last_received(&self) -> Vec<(Target, Seq)> {
        let received = self.conversations.iter().map(|(target, c)| (target.clone(), c.last_received()));
        let mut received: Vec<_> = received.filter(|(_, seq)| *seq > Seq::ZERO).collect();
        received.sort_by_key(|(_, seq)| *seq);
        received
    }

    /// Returns the conversations with somebody, the one with the newest message first.
    pub fn targets(&self) -> Vec<&Target> {
        let newest = |c: &Conversation| c.last(1).first().and_then(Row::seq).unwrap_or(Seq::ZERO);
        let said = self.conversations.iter().filter(|(_, c)| !c.is_with_nobody());
        let mut targets: Vec<_> = said.map(|(target, c)| (newest(c), target)).collect();
        targets.sort_by(|one, other| other.cmp(one));
        targets.into_iter().map(|(_, target)| target).collect()
    }

    /// Returns the users who said something in the last rows of a conversation, the last speaker first.
    pub fn speakers(&self, target: &Target, rows: usize) -> Vec<UserName> {
        let mut speakers = Vec::new();
        for row in self.last_rows(target, rows).iter().rev() {
            if let Row::Received(message) = row
                && !speakers.contains(&message.from)
            {
                speakers.push(message.from.clone());
            }
        }
        speakers
    }

    pub fn is_mine(&self, message: &Message) -> bool {
        message.from == self.me
    }

    /// Returns the conversation that a message belongs to, as this user sees it.
    pub fn target_of(&self, message: &Message) -> Target {
        message.target_for(&self.me)
    }

    /// Returns the state of a message of the user's.
    pub fn state_of(&self, message: &Message) -> State {
        self.conversations.get(&self.target_of(message)).map_or(State::Received, |c| c.state_of(message.seq))
    }

    /// Returns id and text of the user's last message there, whether the server has it or not, if it is in memory.
    pub fn last_said(&self, target: &Target) -> Option<(&MessageId, &Text)> {
        let queued = self.outbox.iter().filter(|message| message.to == *target).last();
        queued
            .map(|message| (&message.id, &message.text))
            .or_else(|| self.conversations.get(target)?.last_said(&self.me))
    }

    /// Returns the state of a message that the user has sent there; `None`: queued. One whose row is not in memory any more
    /// has been received at least.
    pub fn state_by_id(&self, target: &Target, id: &MessageId) -> Option<State> {
        if self.outbox.iter().any(|message| message.id == *id) {
            return None;
        }
        let state = self.conversations.get(target).and_then(|conversation| conversation.state_by_id(id));
        Some(state.unwrap_or(State::Received))
    }

    /// Checks that another comparison with the server is due: many messages have come since the last one.
    pub fn wants_comparison(&self, target: &Target) -> bool {
        self.conversations.get(target).is_some_and(|c| c.above.len() > limits::UNCOMPARED_ROWS)
    }

    /// Checks that a message of this store is known as taken back.
    pub(super) fn is_known_erased(&self, message: &Message) -> bool {
        let conversation = self.conversations.get(&self.target_of(message));
        conversation.is_some_and(|conversation| conversation.erasures.has_message(message))
    }

    /// Returns a message as it may be shown: without its text, if it is known as taken back.
    pub fn as_known(&self, message: Arc<Message>) -> Arc<Message> {
        match !message.text.is_erased() && self.is_known_erased(&message) {
            true => Arc::new(message.erased()),
            false => message,
        }
    }

    /// Returns the number of the user's message with this id, if its row is in memory.
    pub fn number_of(&self, target: &Target, id: &MessageId) -> Option<Seq> {
        let mut rows = self.conversations.get(target)?.rows().rev();
        rows.find(|row| row.id() == Some(id) && row.sender().is_none())?.seq()
    }

    /// Checks that the user's message with this number of this store is known as taken back.
    pub fn is_own_erased(&self, target: &Target, number: Seq) -> bool {
        self.conversations.get(target).is_some_and(|here| here.erasures.has(number, number, &self.me))
    }

    /// Checks that the user's message with this id is known as taken back, whatever number it has.
    pub fn is_own_emptied(&self, target: &Target, id: &MessageId) -> bool {
        self.known.is_id_emptied(&self.me, target, id)
    }

    /// Checks that the message of a row, which the log has, is known as taken back. Its number may be one of an earlier store.
    pub fn is_row_erased(&self, row: &Row) -> bool {
        row.message().is_some_and(|message| {
            let has_number = row.seq().is_some() && !self.known.is_of_earlier_store(message);
            self.known.is_emptied(message) || has_number && self.is_known_erased(message)
        })
    }

    /// Returns how many of the user's messages wait in the outbox for a target.
    pub fn count_queued(&self, target: &Target) -> usize {
        self.outbox.iter().filter(|message| message.to == *target).count()
    }

    /// Finds the `n`th last message of a user there, the last one being the first, that was not taken back.
    pub fn nth_last_said(&self, target: &Target, user: &UserName, n: usize) -> LastSaid {
        self.conversations.get(target).map_or(LastSaid::Unknown, |conversation| conversation.nth_last_said(user, n))
    }

    /// Checks that another message has the number of this one here: that of another store.
    pub fn has_other(&self, target: &Target, message: &Message) -> bool {
        self.conversations.get(target).is_some_and(|conversation| conversation.has_other(message.seq, &message.id))
    }

    /// Checks that the messages of a conversation that were taken back are to be compared again: an event has told of several,
    /// or of a row that may be one of an earlier store or of a direct chat.
    pub fn lacks_erasures(&self, target: &Target) -> bool {
        let conversation = self.conversations.get(target);
        conversation.is_some_and(|c| c.complete.erased.is_none())
    }

    /// Checks that the message with this number is among the rows of its conversation.
    pub(super) fn has_row(&self, message: &Message) -> bool {
        self.conversations.get(&self.target_of(message)).is_some_and(|c| c.has(message.seq))
    }
}
