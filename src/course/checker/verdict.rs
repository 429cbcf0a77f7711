//! The verdict when the troubles are over.

use super::Checker;
use super::event::{Index, Mark, Moment, Name, Verdict};
use super::sends::Outcome;
use crate::model::State;

impl Checker {
    /// Checks the promises at the end, when every reader has received and acknowledged everything. Its cost does not grow
    /// with the number of messages, so that it can be polled.
    pub fn verdict(&self) -> Verdict {
        self.check_arrival()?;
        self.check_marks()?;
        match self.unfounded.iter().find(|(_, mark)| !self.is_founded(mark)) {
            Some((moment, mark)) => self.broken(6, format!("{} is no message there", mark.upto), &[*moment]),
            None => Ok(()),
        }
    }

    fn check_arrival(&self) -> Verdict {
        let Some(message) = self.undelivered.first() else { return Ok(()) };
        let message = &self.messages[*message];
        let reader = self.missing_reader(message).map_or("somebody", |reader| &**reader);
        let why = format!("{reader} was never given it");
        match (message.outcome, message.number) {
            (Outcome::Accepted(when), _) => self.broken(1, why, &[message.asked, when]),
            (_, Some((_, when))) => self.broken(3, why, &[message.asked, when]),
            _ => Ok(()),
        }
    }

    fn missing_reader<'a>(&'a self, message: &'a super::Message) -> Option<&'a Name> {
        let has = |reader: &Name| message.given.iter().any(|(who, _)| who == reader);
        self.readers_of(&message.from, &message.to).find(|reader| !has(reader))
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
        let told = self.known(sender, &mark, state).max(self.known(sender, &mark, State::Read));
        if told.is_some_and(|(upto, _)| upto >= *last) {
            return Ok(());
        }
        let sent = self.numbers.get(last).map(|(_, moment)| *moment);
        let mut moments: Vec<Moment> = vec![when];
        moments.extend(sent);
        moments.extend(told.map(|(_, moment)| moment));
        self.broken(4, format!("{sender} was never told that {last} is {state}"), &moments)
    }
}
