//! Messages that are taken back: the text comes in no reply to a later request, and one event tells the participants.

use super::Checker;
use super::event::{Event, Index, Moment, Name, Verdict};
use super::numbers::Holder;
use super::sends::Erasing;
use super::streams::user_and_device;

/// An ERASED event as a reader was given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    pub seq: u64,
    pub target: String,
    /// The number of the message.
    pub message: u64,
    pub from: String,
}

impl Checker {
    /// A user is about to take a message back, for the first time or again. Its number was reported before.
    pub fn asks_to_erase(&mut self, user: &str, target: &str, seq: u64) {
        let by = self.name(user);
        let target = self.name(target);
        let asked = self.note(Event::Odd(format!("{user} takes {seq} back in {target}")));
        let Some(message) = self.message_with(seq) else { panic!("{seq} is no message that anybody knows") };
        if self.messages[message].erasing.is_none() {
            self.messages[message].erasing =
                Some(Box::new(Erasing { by, target, asked, done: None, event: None, told: Vec::new() }));
            self.taken_back.push(message);
        }
    }

    /// An ERASE was answered OK.
    pub fn erased(&mut self, user: &str, target: &str, seq: u64) -> Verdict {
        let moment = self.note(Event::Odd(format!("{user} has taken {seq} back in {target}: OK")));
        match self.message_with(seq) {
            Some(message) => self.note_erased(message, moment),
            None => self.broken(5, "it was never asked for", &[moment]),
        }
    }

    /// Returns the messages of which a user does not know whether they are erased: the target and the number of each. The user
    /// is to try again before the verdict.
    pub fn unknown_erasures(&self, user: &str) -> Vec<(String, u64)> {
        let all = self.taken_back.iter().map(|message| &self.messages[*message]);
        let unknown = all.filter_map(|message| {
            let erasing = message.erasing.as_ref().filter(|erasing| erasing.done.is_none() && *erasing.by == *user)?;
            Some((erasing.target.to_string(), message.number?.0))
        });
        unknown.collect()
    }

    /// Returns how many messages are known to be erased.
    pub fn erased_count(&self) -> usize {
        self.taken_back.iter().filter(|message| self.done(**message).is_some()).count()
    }

    /// Returns the senders and ids of the messages that are known to be erased.
    pub fn erased_messages(&self) -> impl Iterator<Item = (&str, &str)> {
        let done = self.taken_back.iter().filter(|message| self.done(**message).is_some());
        done.map(|message| (&*self.messages[*message].from, &*self.messages[*message].id))
    }

    /// A device was given an ERASED event, and has stored it unless it had that number already.
    pub fn told_erased(&mut self, reader: &str, event: &Erased) -> Verdict {
        let reader = self.name(reader);
        let Erased { seq, target, message, from } = event;
        let words = format!("{reader} is told, number {seq}: {message} of {from} is erased in {target}");
        let known = self.message_with(*message).filter(|message| self.is_theirs(&reader, *message, target, from));
        let Some(message) = known else {
            let moment = self.note(Event::Odd(words));
            return self.broken(2, "there is no such message in that conversation", &[moment]);
        };
        let holder = Holder::Erased(message);
        if self.has_event(&reader, *seq, &holder) {
            return Ok(());
        }
        let moment = self.note(Event::Odd(words));
        self.note_erased(message, moment)?;
        self.holds(holder, *seq, moment)?;
        self.append(&reader, *seq, moment)?;
        let Some(erasing) = &mut self.messages[message].erasing else { return Ok(()) };
        erasing.told.push(reader);
        let (first, when) = *erasing.event.get_or_insert((*seq, moment));
        if first != *seq {
            return self.broken(2, "it was taken back twice", &[when, moment]);
        }
        Ok(())
    }

    /// Checks a row or an event with or without its text. `requested`: the moment of the request that it answers.
    pub(super) fn check_text(&mut self, message: Index, is_erased: bool, requested: Moment, moment: Moment) -> Verdict {
        match self.done(message) {
            _ if is_erased => self.note_erased(message, moment),
            Some(done) if done <= requested => self.broken(1, "it was taken back, and its text came", &[done, moment]),
            _ => Ok(()),
        }
    }

    /// Checks that all devices of the participants know which messages were taken back. There are few.
    pub(super) fn check_erasures(&self) -> Verdict {
        self.taken_back.iter().try_for_each(|message| {
            let Some(done) = self.done(*message) else { return Ok(()) };
            match self.find_untold(*message) {
                Some(stream) => self.broken(1, format!("{stream} was never told that it is erased"), &[done]),
                None => Ok(()),
            }
        })
    }

    fn find_untold(&self, message: Index) -> Option<&Name> {
        let message = &self.messages[message];
        let erasing = message.erasing.as_ref()?;
        let users = self.readers_of(&message.from, &message.to).chain([&message.from]);
        let streams = users.flat_map(|user| self.streams_of(user));
        let mut lacking = streams.filter(|stream| !erasing.told.contains(stream));
        lacking.find(|name| {
            let stream = self.streams.get(*name).filter(|stream| !stream.is_forgotten);
            stream.is_some_and(|stream| match erasing.event {
                Some((seq, _)) => stream.begin < seq,
                None => stream.since < erasing.asked,
            })
        })
    }

    fn note_erased(&mut self, message: Index, moment: Moment) -> Verdict {
        match &mut self.messages[message].erasing {
            Some(erasing) => _ = erasing.done.get_or_insert(moment),
            None => return self.broken(1, "nobody has taken it back", &[self.messages[message].asked, moment]),
        }
        Ok(())
    }

    fn done(&self, message: Index) -> Option<Moment> {
        self.messages[message].erasing.as_ref()?.done
    }

    fn message_with(&self, seq: u64) -> Option<Index> {
        match self.numbers.get(&seq) {
            Some((Holder::Message(message), _)) => Some(*message),
            _ => None,
        }
    }

    /// Returns whether a message of this sender belongs to the conversation of a reader with this target.
    fn is_theirs(&self, reader: &str, message: Index, target: &str, from: &str) -> bool {
        let message = &self.messages[message];
        let (user, _) = user_and_device(reader);
        let takes_part = self.readers_of(&message.from, &message.to).chain([&message.from]).any(|one| **one == *user);
        let place =
            if *message.from == *user || self.rooms.contains_key(&message.to) { &message.to } else { &message.from };
        takes_part && *message.from == *from && **place == *target
    }
}
