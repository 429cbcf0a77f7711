//! Histories of a conversation: replies to HISTORY, or files.

use std::collections::HashSet;

use super::Checker;
use super::event::{Event, Index, Mark, Name, Verdict, state_named, summary};
use super::sends::{Message, Outcome};
use crate::model::State;

/// A row of a history, oldest first. A file has no state in it.
#[derive(Clone, Debug)]
pub struct Row {
    pub seq: u64,
    pub id: String,
    pub from: String,
    pub text: String,
    pub erased: bool,
    pub state: Option<String>,
}

impl Checker {
    /// Takes consecutive rows of a conversation that were shown to an observer, who has just asked for them.
    pub fn shown(&mut self, observer: &str, target: &str, rows: &[Row]) -> Verdict {
        let observer = self.name(observer);
        let target = self.name(target);
        let mut last: Option<(u64, usize)> = None;
        for row in rows {
            let message = self.find_row(&observer, &target, row)?;
            let state = row.state.as_deref().map(state_named);
            let moment = self.note(Event::Shown { observer: observer.clone(), message, seq: row.seq, state });
            if let Outcome::Refused(before) = self.messages[message].outcome {
                return self.broken(5, "what was refused is in a history", &[before, moment]);
            }
            self.check_text(message, row.erased, moment, moment)?;
            self.numbered(message, row.seq, moment)?;
            self.look_for_readers(message);
            if let Some((before, when)) = last.filter(|(before, _)| *before >= row.seq) {
                return self.broken(3, format!("{} stands behind {before}", row.seq), &[when, moment]);
            }
            last = Some((row.seq, moment));
            state.map_or(Ok(()), |state| self.check_state(&observer, message, row.seq, state, moment))?;
        }
        Ok(())
    }

    /// Takes all rows of a conversation that were shown to an observer: no accepted message is missing.
    pub fn shown_all(&mut self, observer: &str, target: &str, numbers: &HashSet<u64>) -> Verdict {
        let observer = self.name(observer);
        let target = self.name(target);
        let missing = self.messages.iter().find_map(|message| {
            let (Outcome::Accepted(when), Some((seq, _))) = (message.outcome, message.number) else { return None };
            let belongs = self.is_of(&message.from, &message.to, &observer, &target);
            (belongs && !numbers.contains(&seq)).then_some(when)
        });
        let Some(when) = missing else { return Ok(()) };
        let words = format!("{observer} is shown all of the history with {target}: {} messages", numbers.len());
        let moment = self.note(Event::Odd(words));
        self.broken(1, "what was accepted is not in it", &[when, moment])
    }

    fn find_row(&mut self, observer: &Name, target: &Name, row: &Row) -> Result<Index, super::Broken> {
        let message = self.by_id.get(&*row.from).and_then(|ids| ids.get(&row.id)).copied();
        let is_as_sent = |sent: &Message| match row.erased {
            true => row.text.is_empty(),
            false => sent.text == summary(&row.text),
        };
        let (promise, why, asked) = match message.map(|message| (message, &self.messages[message])) {
            None => (2, "nobody sent it", vec![]),
            Some((_, sent)) if !is_as_sent(sent) => (1, "it was sent otherwise", vec![sent.asked]),
            Some((_, sent)) if !self.is_of(&sent.from, &sent.to, observer, target) => {
                (2, "it belongs elsewhere", vec![sent.asked])
            }
            Some((message, _)) => return Ok(message),
        };
        let Row { seq, id, from, text, .. } = row;
        let words =
            format!("{observer} finds {id} of {from} in the history with {target}, number {seq}: {}", summary(text));
        let moment = self.note(Event::Odd(words));
        self.broken(promise, why, &[asked, vec![moment]].concat()).map(|()| 0)
    }

    /// Checks that a message belongs to the conversation of an observer with a target.
    fn is_of(&self, from: &Name, to: &Name, observer: &Name, target: &Name) -> bool {
        match self.rooms.contains_key(target) {
            true => to == target,
            false => (from, to) == (observer, target) || (from, to) == (target, observer),
        }
    }

    /// A row's state follows from its sender's marks of that place.
    fn check_state(&mut self, observer: &Name, message: Index, seq: u64, state: State, moment: usize) -> Verdict {
        let sent = &self.messages[message];
        let mark = Mark { sender: sent.from.clone(), target: sent.to.clone(), state, upto: seq };
        for more in [State::Delivered, State::Read].into_iter().filter(|more| *more > state) {
            if let Some((_, when)) = self.known(observer, &mark, more).filter(|(upto, _)| *upto >= seq) {
                return self.broken(4, "a state goes back", &[when, moment]);
            }
        }
        if state > State::Received {
            self.check_truth(&mark, moment)?;
            self.learn(observer, &mark, moment);
        }
        Ok(())
    }
}
