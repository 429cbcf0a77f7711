//! RECV sessions of a user: one stream of events, with increasing numbers.

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
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub seq: u64,
    pub id: String,
    pub from: Name,
    pub to: Name,
}

/// Events that a user received, and the acknowledgements and READs of the user.
#[derive(Default)]
pub(super) struct Reader {
    stored: Vec<Stored>,
    /// Event of each number.
    events: HashMap<u64, Moment>,
    last: Option<(u64, Moment)>,
    pub acknowledged: Option<(u64, Moment)>,
    /// Highest READ of each conversation.
    pub read: HashMap<Name, (u64, Moment)>,
    registered: Option<Moment>,
    /// Acknowledged number and store in the last reply to a login.
    pub login: Option<(u64, String, Moment)>,
}

impl Checker {
    /// A reader was given a message, and has stored it unless it had that number already.
    pub fn received(&mut self, reader: &str, seen: Seen) -> Verdict {
        let reader = self.name(reader);
        let Some(message) = self.by_id.get(&*seen.from).and_then(|ids| ids.get(&seen.id)).copied() else {
            return self.odd(&reader, &seen, 2, "nobody sent it", &[]);
        };
        self.check_content(&reader, message, &seen)?;
        if self.has_event(&reader, seen.seq, &Holder::Message(message)) {
            return Ok(());
        }
        let moment = self.note(Event::Given { reader: reader.clone(), message, seq: seen.seq });
        self.check_once(&reader, message, moment)?;
        self.numbered(message, seen.seq, moment)?;
        self.append(&reader, seen.seq, moment)?;
        let from = self.messages[message].from.clone();
        let to = self.messages[message].to.clone();
        self.reader(&reader).stored.push(Stored { seq: seen.seq, id: seen.id, from, to });
        self.messages[message].given.push((reader, moment));
        self.look_for_readers(message);
        Ok(())
    }

    fn check_content(&mut self, reader: &Name, message: Index, seen: &Seen) -> Verdict {
        let sending = &self.messages[message];
        let asked = sending.asked;
        if sending.text != summary(&seen.text) || *sending.to != *seen.to {
            return self.odd(reader, seen, 1, "it was sent otherwise", &[asked]);
        }
        if !self.readers_of(&sending.from, &sending.to).any(|one| one == reader) {
            return self.odd(reader, seen, 2, "it is for somebody else", &[asked]);
        }
        Ok(())
    }

    fn odd(&mut self, reader: &str, seen: &Seen, promise: u8, why: &str, others: &[Moment]) -> Verdict {
        let Seen { seq, id, from, to, text } = seen;
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
        let given = self.readers.get(reader).is_some_and(|reader| reader.events.contains_key(&seq));
        given && self.numbers.get(&seq).is_some_and(|(known, _)| known == holder)
    }

    /// A reader has one more event.
    pub(super) fn append(&mut self, reader: &Name, seq: u64, moment: Moment) -> Verdict {
        let stream = self.reader(reader);
        if let Some((last, when)) = stream.last.filter(|(last, _)| *last > seq) {
            return self.broken(3, format!("{seq} came after {last}"), &[when, moment]);
        }
        stream.last = Some((seq, moment));
        stream.events.insert(seq, moment);
        Ok(())
    }

    /// A reader says that everything up to here is stored; whether that is answered or not.
    pub fn acknowledges(&mut self, reader: &str, upto: u64) {
        let reader = self.name(reader);
        if self.reader(&reader).acknowledged.is_none_or(|(before, _)| before < upto) {
            let moment = self.note(Event::Acknowledges { reader: reader.clone(), upto });
            self.reader(&reader).acknowledged = Some((upto, moment));
        }
    }

    /// A reader says that everything in a place is read up to here; whether that is answered or not.
    pub fn reads(&mut self, reader: &str, target: &str, upto: u64) {
        let reader = self.name(reader);
        let target = self.name(target);
        if self.reader(&reader).read.get(&target).is_none_or(|(before, _)| *before < upto) {
            let moment = self.note(Event::Reads { reader: reader.clone(), target: target.clone(), upto });
            self.reader(&reader).read.insert(target, (upto, moment));
        }
    }

    /// A number that a reader sent back was answered with KO: there is no such number.
    pub fn denied(&mut self, reader: &str, seq: u64) -> Verdict {
        let moment = self.note(Event::Odd(format!("{reader} is told that there is no number {seq}")));
        match self.readers.get(reader).and_then(|reader| reader.events.get(&seq)) {
            Some(given) => self.broken(6, "a number that somebody was given is denied", &[*given, moment]),
            None => Ok(()),
        }
    }

    /// Takes the reply to a login on RECV: the acknowledged number, and the store's name.
    pub fn logs_in(&mut self, user: &str, acknowledged: u64, store: &str) -> Verdict {
        let user = self.name(user);
        let words = format!("{user} logs in: acknowledged up to {acknowledged}, store {store}");
        let moment = self.note(Event::Odd(words));
        let said = self.reader(&user).acknowledged;
        if said.map_or(0, |(upto, _)| upto) < acknowledged {
            let moments: Vec<_> = said.iter().map(|(_, when)| *when).chain([moment]).collect();
            return self.broken(6, "more than was acknowledged", &moments);
        }
        let before = self.reader(&user).login.replace((acknowledged, store.to_owned(), moment));
        match before {
            Some((more, _, when)) if more > acknowledged => {
                self.broken(4, "an acknowledgement was forgotten", &[when, moment])
            }
            Some((_, other, when)) if other != store => self.broken(1, "it is another store", &[when, moment]),
            _ => Ok(()),
        }
    }

    /// A user's registration was answered OK.
    pub fn registered(&mut self, user: &str) {
        let user = self.name(user);
        let moment = self.note(Event::Odd(format!("{user} is registered: OK")));
        self.reader(&user).registered = Some(moment);
    }

    /// A user's name or password was not known to the server.
    pub fn locked_out(&mut self, user: &str) -> Verdict {
        let moment = self.note(Event::Odd(format!("{user} is not let in: KO;AUTH")));
        match self.readers.get(user).and_then(|reader| reader.registered) {
            Some(before) => self.broken(1, "an account was answered OK and is gone", &[before, moment]),
            None => Ok(()),
        }
    }

    /// Returns the READs of a reader, answered or not.
    pub fn read_marks(&self, reader: &str) -> Vec<(String, u64)> {
        let marks = self.readers.get(reader).into_iter().flat_map(|reader| &reader.read);
        marks.map(|(target, (upto, _))| (target.to_string(), *upto)).collect()
    }

    pub fn stored(&self, reader: &str) -> &[Stored] {
        self.readers.get(reader).map_or(&[], |reader| reader.stored.as_slice())
    }

    /// The number of the last event that a reader was given.
    pub fn last_stored(&self, reader: &str) -> u64 {
        self.readers.get(reader).and_then(|reader| reader.last).map_or(0, |(seq, _)| seq)
    }

    pub(super) fn reader(&mut self, name: &Name) -> &mut Reader {
        self.readers.entry(name.clone()).or_default()
    }

    /// Takes a STATE event of a sender: its number, the target, the state and its number.
    pub fn told(&mut self, sender: &str, seq: u64, target: &str, word: &str, upto: u64) -> Verdict {
        let sender = self.name(sender);
        let target = self.name(target);
        let mark = Mark { sender: sender.clone(), target, state: state_named(word), upto };
        let holder = Holder::State(mark.clone());
        if self.has_event(&sender, seq, &holder) {
            return Ok(());
        }
        let moment = self.note(Event::Told { seq, mark: mark.clone() });
        self.holds(holder, seq, moment)?;
        self.append(&sender, seq, moment)?;
        self.check_truth(&mark, moment)?;
        self.moves_forward(&sender, &mark, moment)?;
        if !self.is_founded(&mark) {
            self.unfounded.push((moment, mark));
        }
        Ok(())
    }
}
