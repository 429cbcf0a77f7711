//! The streams of events: one for each device of a user, with increasing numbers. `luis:lab` names the stream of the device
//! lab, and `luis` that of the sessions without a device.

use std::collections::HashMap;

use super::Checker;
use super::event::{Event, Index, Mark, Moment, Name, Verdict, state_named, summary};
use super::numbers::Holder;
use super::sends::Outcome;

/// A message as a reader was given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub seq: u64,
    pub id: String,
    pub from: String,
    pub to: String,
    pub text: String,
    pub erased: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub seq: u64,
    pub id: String,
    pub from: Name,
    pub to: Name,
}

/// Events that a device received, and its acknowledgements.
#[derive(Default)]
pub(super) struct Stream {
    stored: Vec<Stored>,
    /// Event of each number.
    events: HashMap<u64, Moment>,
    last: Option<(u64, Moment)>,
    pub acknowledged: Option<(u64, Moment)>,
    /// Moment of the last POLL.
    polled: Moment,
    /// The number at which the device began when it was last new: what was before it need not come.
    pub begin: u64,
    /// Moment of that login; 0: the device was always there.
    pub since: Moment,
    /// Nothing more has to come to it.
    pub is_forgotten: bool,
    /// Acknowledged number and store in the last reply to a login.
    pub login: Option<(u64, String, Moment)>,
}

/// What belongs to a user, whatever the device.
#[derive(Default)]
pub(super) struct User {
    pub streams: Vec<Name>,
    /// Highest READ of each conversation.
    pub read: HashMap<Name, (u64, Moment)>,
    pub registered: Option<Moment>,
}

/// Returns the user and the device of a stream; the device is empty for sessions without one.
pub(super) fn user_and_device(stream: &str) -> (&str, &str) {
    stream.split_once(':').unwrap_or((stream, ""))
}

impl Checker {
    /// A device was given a message, and has stored it unless it had that number already.
    pub fn received(&mut self, reader: &str, seen: Seen) -> Verdict {
        let reader = self.name(reader);
        let Some(message) = self.by_id.get(&*seen.from).and_then(|ids| ids.get(&seen.id)).copied() else {
            return self.odd(&reader, &seen, 2, "nobody sent it", &[]);
        };
        self.check_content(&reader, message, &seen)?;
        let polled = self.streams.get(&reader).map_or(0, |stream| stream.polled);
        if self.has_event(&reader, seen.seq, &Holder::Message(message)) {
            let moment = self.note(Event::Given { reader, message, seq: seen.seq });
            return self.check_text(message, seen.erased, polled, moment);
        }
        let moment = self.note(Event::Given { reader: reader.clone(), message, seq: seen.seq });
        self.check_text(message, seen.erased, polled, moment)?;
        self.check_once(&reader, message, moment)?;
        self.numbered(message, seen.seq, moment)?;
        self.append(&reader, seen.seq, moment)?;
        let from = self.messages[message].from.clone();
        let to = self.messages[message].to.clone();
        self.stream(&reader).stored.push(Stored { seq: seen.seq, id: seen.id, from, to });
        self.messages[message].given.push((reader, moment));
        self.look_for_readers(message);
        Ok(())
    }

    fn check_content(&mut self, reader: &Name, message: Index, seen: &Seen) -> Verdict {
        let sending = &self.messages[message];
        let asked = sending.asked;
        let text = if seen.erased { summary("") } else { sending.text.clone() };
        if text != summary(&seen.text) || *sending.to != *seen.to {
            return self.odd(reader, seen, 1, "it was sent otherwise", &[asked]);
        }
        let (user, device) = user_and_device(reader);
        let is_recipient = self.readers_of(&sending.from, &sending.to).any(|one| **one == *user);
        match (is_recipient, *sending.from == *user) {
            (true, _) => Ok(()),
            (false, true) if !device.is_empty() => Ok(()),
            (false, true) => self.odd(reader, seen, 2, "it is the user's own, and the session has no device", &[asked]),
            (false, false) => self.odd(reader, seen, 2, "it is for somebody else", &[asked]),
        }
    }

    fn odd(&mut self, reader: &str, seen: &Seen, promise: u8, why: &str, others: &[Moment]) -> Verdict {
        let Seen { seq, id, from, to, text, .. } = seen;
        let text = summary(text);
        let words = format!("{reader} is given {id} of {from}, number {seq}, to {to}: {text}");
        let moment = self.note(Event::Odd(words));
        self.broken(promise, why, &[others, &[moment]].concat())
    }

    fn check_once(&self, reader: &Name, message: Index, moment: Moment) -> Verdict {
        let sending = &self.messages[message];
        if let Outcome::Refused(before) = sending.outcome {
            return self.broken(5, "what was refused has happened", &[before, moment]);
        }
        match sending.given.iter().find(|(who, _)| who == reader) {
            Some((_, before)) => self.broken(2, "it was given twice", &[*before, moment]),
            None => Ok(()),
        }
    }

    /// Checks that a reader received the same event under this number before, and had not acknowledged it.
    pub(super) fn has_event(&self, reader: &Name, seq: u64, holder: &Holder) -> bool {
        let given = self.streams.get(reader).is_some_and(|stream| stream.events.contains_key(&seq));
        given && self.numbers.get(&seq).is_some_and(|(known, _)| known == holder)
    }

    /// A reader has one more event.
    pub(super) fn append(&mut self, reader: &Name, seq: u64, moment: Moment) -> Verdict {
        let stream = self.stream(reader);
        if let Some((last, when)) = stream.last.filter(|(last, _)| *last > seq) {
            return self.broken(3, format!("{seq} came after {last}"), &[when, moment]);
        }
        stream.last = Some((seq, moment));
        stream.events.insert(seq, moment);
        Ok(())
    }

    /// A device says, by a POLL, that everything up to here is stored; whether that is answered or not.
    pub fn acknowledges(&mut self, reader: &str, upto: u64) {
        let reader = self.name(reader);
        // A device that has not logged in has nothing to acknowledge.
        if !user_and_device(&reader).1.is_empty() && !self.streams.contains_key(&reader) {
            return;
        }
        self.stream(&reader).polled = self.log.len();
        if self.stream(&reader).acknowledged.is_none_or(|(before, _)| before < upto) {
            let moment = self.note(Event::Acknowledges { reader: reader.clone(), upto });
            self.stream(&reader).acknowledged = Some((upto, moment));
        }
    }

    /// A user says that everything in a place is read up to here; whether that is answered or not.
    pub fn reads(&mut self, reader: &str, target: &str, upto: u64) {
        let reader = self.name(reader);
        let target = self.name(target);
        if self.user(&reader).read.get(&target).is_none_or(|(before, _)| *before < upto) {
            let moment = self.note(Event::Reads { reader: reader.clone(), target: target.clone(), upto });
            self.user(&reader).read.insert(target, (upto, moment));
        }
    }

    /// A number that a reader sent back was answered with KO: there is no such number.
    pub fn denied(&mut self, reader: &str, seq: u64) -> Verdict {
        let moment = self.note(Event::Odd(format!("{reader} is told that there is no number {seq}")));
        match self.streams.get(reader).and_then(|stream| stream.events.get(&seq)) {
            Some(given) => self.broken(6, "a number that somebody was given is denied", &[*given, moment]),
            None => Ok(()),
        }
    }

    /// Returns the READs of a reader, answered or not.
    pub fn read_marks(&self, reader: &str) -> Vec<(String, u64)> {
        let marks = self.users.get(reader).into_iter().flat_map(|user| &user.read);
        marks.map(|(target, (upto, _))| (target.to_string(), *upto)).collect()
    }

    pub fn stored(&self, reader: &str) -> &[Stored] {
        self.streams.get(reader).map_or(&[], |stream| stream.stored.as_slice())
    }

    /// The number of the last event that a reader was given.
    pub fn last_stored(&self, reader: &str) -> u64 {
        self.streams.get(reader).and_then(|stream| stream.last).map_or(0, |(seq, _)| seq)
    }

    /// Returns a stream, which is added where it is new: from then on it has to get what its user gets.
    pub(super) fn stream(&mut self, name: &Name) -> &mut Stream {
        if !self.streams.contains_key(name) {
            let user = self.name(user_and_device(name).0);
            self.streams.insert(name.clone(), Stream::default());
            self.user(&user).streams.push(name.clone());
            if self.streams_of(&user).len() > 1 {
                self.look_again(&user);
            }
        }
        self.streams.entry(name.clone()).or_default()
    }

    /// Returns the streams of a user.
    pub(super) fn streams_of(&self, user: &str) -> &[Name] {
        self.users.get(user).map_or(&[], |user| user.streams.as_slice())
    }

    pub(super) fn user(&mut self, name: &Name) -> &mut User {
        self.users.entry(name.clone()).or_default()
    }

    /// Returns the highest number that a device of the user has acknowledged.
    pub(super) fn acknowledged_by(&self, user: &str) -> Option<(u64, Moment)> {
        let streams = self.streams_of(user).iter().filter_map(|stream| self.streams.get(stream));
        streams.filter_map(|stream| stream.acknowledged).max_by_key(|(upto, _)| *upto)
    }

    /// Returns the name under which the knowledge of one stream is noted, beside that of its user. Where the user has no
    /// other stream they are the same.
    pub(super) fn observer(&mut self, stream: &Name) -> Name {
        let (user, device) = user_and_device(stream);
        let name = if self.streams_of(user).len() > 1 { format!("{user}:{device}") } else { user.to_owned() };
        self.name(&name)
    }

    /// Takes a STATE event for a device of a sender: its number, the target, the state and its number.
    pub fn told(&mut self, sender: &str, seq: u64, target: &str, word: &str, upto: u64) -> Verdict {
        let stream = self.name(sender);
        let sender = self.name(user_and_device(sender).0);
        let target = self.name(target);
        let mark = Mark { sender: sender.clone(), target, state: state_named(word), upto };
        let holder = Holder::State(mark.clone());
        if self.has_event(&stream, seq, &holder) {
            return Ok(());
        }
        let moment = self.note(Event::Told { reader: stream.clone(), seq, mark: mark.clone() });
        self.holds(holder, seq, moment)?;
        self.append(&stream, seq, moment)?;
        self.check_truth(&mark, moment)?;
        let observer = self.observer(&stream);
        self.moves_forward(&observer, &mark, moment)?;
        for observer in [sender.to_string(), format!("{sender}:{}", user_and_device(&stream).1)] {
            let observer = self.name(&observer);
            self.learn(&observer, &mark, moment);
        }
        if !self.is_founded(&mark) {
            self.unfounded.push((moment, mark));
        }
        Ok(())
    }
}
