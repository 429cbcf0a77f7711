//! Answers about stored messages: HISTORY with their states, and STATUS.

use wachat::model::{Message, MessageId, State, Text};
use wachat::protocol::HistoryRecord;
use wachat::protocol::request::Page;
use wachat::state_machine::{Command, ConversationId};

use super::conversations::{DELIVERED, READ};
use super::model::{Model, Outcome, Sent, is_room};
use super::{PLACES, Play, USERS, name, seq, target};

impl Model {
    /// Returns the messages between a user and a place.
    pub fn said(&self, user: usize, place: usize) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(move |sent| match is_room(place) {
            true => sent.to == place,
            false => [(user, place), (place, user)].contains(&(sent.from, sent.to)),
        })
    }

    /// State of a message with one of its recipients.
    fn state_with(&self, sent: &Sent, reader: usize) -> &'static str {
        let place = if is_room(sent.to) { sent.to } else { sent.from };
        match sent.seq {
            seq if seq <= self.read_upto(reader, place) => READ,
            seq if seq <= self.acknowledged[reader] => DELIVERED,
            _ => "RECEIVED",
        }
    }

    /// The state of a message is that of its sender's watermarks.
    fn state(&self, sent: &Sent) -> &'static str {
        if !is_room(sent.to) {
            return self.state_with(sent, sent.to);
        }
        let is_at = |state| self.marks.get(&(sent.to, sent.from, state)).is_some_and(|upto| sent.seq <= *upto);
        [READ, DELIVERED].into_iter().find(|state| is_at(*state)).unwrap_or("RECEIVED")
    }

    fn history(&self, user: usize, place: usize) -> Outcome {
        self.check_target(user, place)?;
        let line = |sent: &Sent| {
            let Sent { seq, from, to, id, text, at, .. } = sent;
            format!("{seq};m-{id};{};{};{at};{};{text}\n", PLACES[*from], PLACES[*to], self.state(sent))
        };
        let lines: Vec<_> = self.said(user, place).map(line).collect();
        Ok(format!("OK;{}\n{}", lines.len(), lines.concat()))
    }

    /// Those who were members when the message was accepted, and have been since.
    fn status(&self, user: usize, place: usize, number: u64) -> Outcome {
        self.check_target(user, place)?;
        let sent = self.sent.iter().find(|sent| sent.seq == number).expect("a message");
        let is_waited = |reader: &usize| match is_room(place) {
            true => {
                let joined = self.members.get(&(place, *reader));
                sent.recipients.contains(reader) && joined.is_some_and(|joined| *joined < number)
            }
            false => *reader == place,
        };
        let mut lines: Vec<_> = (0..USERS)
            .filter(is_waited)
            .map(|reader| format!("{};{}\n", PLACES[reader], self.state_with(sent, reader)))
            .collect();
        lines.sort();
        Ok(format!("{number} of {}\n{}", PLACES[user], lines.concat()))
    }
}

impl Model {
    /// A message waits for a recipient who has yet to acknowledge it and will get it (section 7, retention).
    fn waits(&self, sent: &Sent) -> bool {
        let is_member = |user: &usize| self.members.get(&(sent.to, *user)).is_some_and(|joined| *joined < sent.seq);
        let lacks = |user: &usize| is_member(user) && self.acknowledged[*user] < sent.seq;
        if is_room(sent.to) { sent.recipients.iter().any(lacks) } else { self.mail[sent.to].contains(&sent.seq) }
    }

    fn conversation(&self, sent: &Sent) -> ConversationId {
        let room = self.rooms.iter().find(|(_, room)| **room == sent.to).map(|(number, _)| format!("room-{number}"));
        let low = sent.from.min(sent.to);
        let high = sent.from.max(sent.to);
        ConversationId::parse(&room.unwrap_or(format!("direct-{low}-{high}"))).expect("a conversation")
    }
}

/// Returns a message as a history file has it: its state comes later.
fn record(sent: &Sent) -> HistoryRecord {
    let id = MessageId::new(&format!("m-{}", sent.id));
    let text = Text::new(&sent.text);
    let id = id.expect("an id");
    let text = text.expect("a text");
    let to = target(sent.to).expect("a target");
    let message = Message { seq: seq(sent.seq), id, from: name(sent.from), to, at: sent.at, text };
    HistoryRecord::Message { message: message.into(), state: State::Received }
}

impl Play {
    pub fn assert_what_waits(&self) {
        for sent in self.model.sent.iter().rev().take(15) {
            let waits = self.machine.stored.is_undelivered(self.model.conversation(sent), seq(sent.seq));
            assert_eq!(waits, self.model.waits(sent), "{} to {}", sent.seq, PLACES[sent.to]);
        }
    }

    pub fn ask_for_history(&mut self, user: usize, place: usize) {
        let records = self.model.said(user, place).map(record).collect();
        let command = Command::SetStates { user: name(user), target: target(place), records };
        self.request(command, |model, _| model.history(user, place));
    }

    pub fn ask_for_status(&mut self, user: usize, place: usize) {
        let own: Vec<_> = self.model.said(user, place).filter(|sent| sent.from == user).map(|sent| sent.seq).collect();
        let Some(number) = own.len().checked_sub(1).map(|last| own[last - self.below(own.len().min(6))]) else {
            return;
        };
        let page = Page::after(None);
        let command = Command::Status { user: name(user), target: target(place), seq: seq(number), page };
        self.request(command, |model, _| model.status(user, place, number));
    }
}
