//! The verdict when the troubles are over.

use super::Checker;
use super::event::{Index, Mark, Moment, Name, Verdict};
use super::sends::{Message, Outcome};
use super::streams::user_and_device;
use crate::model::State;

impl Checker {
    /// Checks the promises at the end, when every reader has received and acknowledged everything. Its cost does not grow
    /// with the number of messages, so that it can be polled.
    pub fn verdict(&self) -> Verdict {
        self.check_arrival()?;
        self.check_marks()?;
        self.check_erasures()?;
        match self.unfounded.iter().find(|(_, mark)| !self.is_founded(mark)) {
            Some((moment, mark)) => self.broken(6, format!("{} is no message there", mark.upto), &[*moment]),
            None => Ok(()),
        }
    }

    fn check_arrival(&self) -> Verdict {
        let Some(message) = self.undelivered.first() else { return Ok(()) };
        let message = &self.messages[*message];
        let missing = self.missing_reader(message);
        let reader = missing.map_or("somebody", |reader| &**reader);
        let why = format!("{reader} was never given it");
        match (message.outcome, message.number) {
            (Outcome::Accepted(when), _) => self.broken(1, why, &[message.asked, when]),
            (_, Some((_, when))) => self.broken(3, why, &[message.asked, when]),
            _ => Ok(()),
        }
    }

    /// Returns a device that has to get a message, and has not got it; a user, if that goes for each of the user's devices.
    fn missing_reader<'a>(&'a self, message: &'a Message) -> Option<&'a Name> {
        let has = |stream: &Name| message.given.iter().any(|(who, _)| who == stream);
        let lacks = |stream: &&Name| self.has_to_get(stream, message) && !has(stream);
        let mut readers = self.readers_of(&message.from, &message.to);
        let missing = readers.find_map(|reader| match self.streams_of(reader) {
            streams if streams.iter().any(has) => streams.iter().find(lacks),
            _ => Some(reader),
        });
        missing.or_else(|| self.streams_of(&message.from).iter().find(lacks))
    }

    /// Checks that a message has to come to a device: one to its user, unless it is from before the device's begin, or one
    /// of the user's own that was sent when the device was there.
    fn has_to_get(&self, stream: &Name, message: &Message) -> bool {
        let Some(known) = self.streams.get(stream).filter(|known| !known.is_forgotten) else { return false };
        let (user, device) = user_and_device(stream);
        match self.readers_of(&message.from, &message.to).any(|reader| **reader == *user) {
            true => message.number.is_none_or(|(number, _)| number > known.begin),
            false => *message.from == *user && !device.is_empty() && message.asked > known.since,
        }
    }

    /// Looks again which messages a user's devices lack, when those have changed.
    pub(super) fn look_again(&mut self, user: &Name) {
        for message in 0..self.messages.len() {
            let Message { from, to, number, .. } = &self.messages[message];
            let concerns = from == user || self.readers_of(from, to).any(|reader| reader == user);
            if concerns && number.is_some() {
                self.look_for_readers(message);
            }
        }
    }

    /// Notes whether a message was delivered to all of its readers.
    pub(super) fn look_for_readers(&mut self, message: Index) {
        match self.missing_reader(&self.messages[message]).is_some() {
            true => self.undelivered.insert(message),
            false => self.undelivered.remove(&message),
        };
    }

    /// Checks that the last states are those of the readers, when all events were delivered.
    fn check_marks(&self) -> Verdict {
        for (sender, target) in self.sent_to.keys() {
            for state in [State::Read, State::Delivered] {
                self.check_mark(sender, target, state)?;
            }
        }
        Ok(())
    }

    fn check_mark(&self, sender: &Name, target: &Name, state: State) -> Verdict {
        let mark = Mark { sender: sender.clone(), target: target.clone(), state, upto: 0 };
        let said: Option<Vec<_>> = self.readers_of(sender, target).map(|reader| self.said(reader, &mark)).collect();
        let Some((said, when)) = said.and_then(|said| said.into_iter().min()) else { return Ok(()) };
        let numbers = self.sent_to.get(&(sender.clone(), target.clone()));
        let Some(last) = numbers.and_then(|numbers| numbers.range(..=said).next_back()) else { return Ok(()) };
        let told = self.told_of(sender, &mark).filter(|(upto, _)| upto >= last);
        let Some(ignorant) = self.find_ignorant(sender, &mark, *last, told) else { return Ok(()) };
        let told = self.told_of(&ignorant, &mark);
        let sent = self.numbers.get(last).map(|(_, moment)| *moment);
        let mut moments: Vec<Moment> = vec![when];
        moments.extend(sent);
        moments.extend(told.map(|(_, moment)| moment));
        self.broken(4, format!("{ignorant} was never told that {last} is {state}"), &moments)
    }

    /// Returns up to which number an observer knows that messages have a state.
    fn told_of(&self, observer: &Name, mark: &Mark) -> Option<(u64, Moment)> {
        self.known(observer, mark, mark.state).max(self.known(observer, mark, State::Read))
    }

    /// Returns who does not know the last state: the sender, or one of the sender's devices that was there when the sender
    /// was `told`.
    fn find_ignorant(&self, sender: &Name, mark: &Mark, last: u64, told: Option<(u64, Moment)>) -> Option<Name> {
        let Some((_, when)) = told else { return Some(sender.clone()) };
        let streams = self.streams_of(sender);
        let was_there = |stream: &&Name| {
            self.streams.get(*stream).is_some_and(|stream| !stream.is_forgotten && stream.since < when)
        };
        let observer = |stream: &Name| {
            let (user, device) = user_and_device(stream);
            Name::from(format!("{user}:{device}"))
        };
        let ignores = |stream: &Name| self.told_of(stream, mark).is_none_or(|(upto, _)| upto < last);
        let several = Some(streams).filter(|streams| streams.len() > 1).unwrap_or_default();
        several.iter().filter(was_there).map(observer).find(ignores)
    }
}
