//! States of messages: never ahead of what their readers reported, never back.

use super::Checker;
use super::event::{Mark, Moment, Name, Verdict};
use crate::model::State;

impl Checker {
    /// No state is told before every reader made it so.
    pub(super) fn check_truth(&self, mark: &Mark, moment: Moment) -> Verdict {
        for reader in self.readers_of(&mark.sender, &mark.target) {
            let said = self.said(reader, mark);
            if said.map_or(0, |(upto, _)| upto) < mark.upto {
                let moments: Vec<_> = said.iter().map(|(_, when)| *when).chain([moment]).collect();
                return self.broken(6, format!("{reader} has not said so"), &moments);
            }
        }
        Ok(())
    }

    /// Returns up to which number a reader reported this state, and when. One device is enough.
    pub(super) fn said(&self, reader: &Name, mark: &Mark) -> Option<(u64, Moment)> {
        let user = self.users.get(reader)?;
        // A reader calls a person's messages by the person's name, a room's by the room's.
        let target = if self.rooms.contains_key(&mark.target) { &mark.target } else { &mark.sender };
        let read = user.read.get(target).copied();
        match mark.state {
            State::Read => read,
            _ => read.max(self.acknowledged_by(reader)),
        }
    }

    /// An observer knows a mark now: it does not take back what they knew.
    pub(super) fn moves_forward(&mut self, observer: &Name, mark: &Mark, moment: Moment) -> Verdict {
        let known = |state: State| self.known(observer, mark, state);
        let back = match mark.state {
            State::Read => known(State::Read).filter(|(upto, _)| *upto > mark.upto),
            // A message that is READ is no longer reported as DELIVERED.
            _ => known(State::Delivered)
                .filter(|(upto, _)| *upto > mark.upto)
                .or(known(State::Read).filter(|(upto, _)| *upto >= mark.upto)),
        };
        match back {
            Some((_, when)) => self.broken(4, "a state goes back", &[when, moment]),
            None => {
                self.learn(observer, mark, moment);
                Ok(())
            }
        }
    }

    /// The highest mark of the same place that an observer knows, and since when.
    pub(super) fn known(&self, observer: &Name, mark: &Mark, state: State) -> Option<(u64, Moment)> {
        self.marks.get(&(observer.clone(), mark.sender.clone(), mark.target.clone(), state)).copied()
    }

    pub(super) fn learn(&mut self, observer: &Name, mark: &Mark, moment: Moment) {
        let key = (observer.clone(), mark.sender.clone(), mark.target.clone(), mark.state);
        let known = self.marks.entry(key).or_insert((0, moment));
        if known.0 < mark.upto {
            *known = (mark.upto, moment);
        }
    }

    /// Checks that the number of a mark is that of a message of this sender to this target.
    pub(super) fn is_founded(&self, mark: &Mark) -> bool {
        let sent = self.sent_to.get(&(mark.sender.clone(), mark.target.clone()));
        sent.is_some_and(|numbers| numbers.contains(&mark.upto))
    }
}
