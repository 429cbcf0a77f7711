//! Sends and their answers.

use super::Checker;
use super::event::{Event, Index, Moment, Name, Verdict, summary};

/// A message that a sender tried to send.
pub(super) struct Message {
    pub from: Name,
    pub id: String,
    pub to: Name,
    /// A summary: what is printed, and compared.
    pub text: String,
    /// The text itself, as long as it may have to be sent again.
    whole: String,
    /// Moment of the first try since the last KO.
    pub asked: Moment,
    /// The tries that have no answer.
    attempts: Vec<Moment>,
    pub outcome: Outcome,
    /// Its number, and when it was first reported.
    pub number: Option<(u64, Moment)>,
    /// The readers that it was delivered to, and when.
    pub given: Vec<(Name, Moment)>,
    pub erasing: Option<Box<Erasing>>,
}

/// The checker's knowledge of a message that a user tried to take back.
pub(super) struct Erasing {
    /// The user who tried it first, and the target in the request.
    pub by: Name,
    pub target: Name,
    pub asked: Moment,
    /// Moment at which it was first known that the message is erased: by the OK, an event, or a row.
    pub done: Option<Moment>,
    /// The number of the event, and when it was first observed.
    pub event: Option<(u64, Moment)>,
    /// The devices that were told.
    pub told: Vec<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Unknown: no answer (yet), or a KO while an earlier try may still be executed.
    Unknown,
    Accepted(Moment),
    Refused(Moment),
}

impl Checker {
    /// A send is about to be tried, for the first time or again. An id stands for one message,
    /// unless it was refused.
    pub fn asks(&mut self, from: &str, id: &str, to: &str, text: &str) {
        let from = self.name(from);
        let to = self.name(to);
        let moment = self.log.len() + 1;
        let message = match self.by_id.get(&from).and_then(|ids| ids.get(id)) {
            Some(known) => *known,
            None => self.add_message(&from, id),
        };
        let sending = &mut self.messages[message];
        if sending.attempts.is_empty() && !matches!(sending.outcome, Outcome::Accepted(_)) {
            (sending.asked, sending.outcome) = (moment, Outcome::Unknown);
            (sending.to, sending.text, sending.whole) = (to.clone(), summary(text), text.to_owned());
        }
        assert!(sending.to == to && sending.text == summary(text), "{id} of {from} is used for two messages");
        sending.attempts.push(moment);
        if sending.outcome == Outcome::Unknown {
            self.open.entry(from).or_default().insert(sending.asked, message);
        }
        self.note(Event::Asks { message });
    }

    fn add_message(&mut self, from: &Name, id: &str) -> Index {
        let index = self.messages.len();
        self.by_id.entry(from.clone()).or_default().insert(id.to_owned(), index);
        self.messages.push(Message {
            from: from.clone(),
            id: id.to_owned(),
            to: from.clone(),
            text: String::new(),
            whole: String::new(),
            asked: 0,
            attempts: Vec::new(),
            outcome: Outcome::Unknown,
            number: None,
            given: Vec::new(),
            erasing: None,
        });
        index
    }

    pub fn accepted(&mut self, from: &str, id: &str, at: &str, seq: u64) -> Verdict {
        let message = self.find(from, id, "OK")?;
        let moment = self.note(Event::Accepted { message, seq, at: at.into() });
        let attempt = self.messages[message].attempts.pop();
        if let Outcome::Accepted(before) = self.messages[message].outcome
            && !matches!(&self.log[before - 1], Event::Accepted { seq: s, at: a, .. } if *s == seq && **a == *at)
        {
            return self.broken(2, "the same id was given two answers", &[before, moment]);
        }
        if attempt.is_none() {
            return self.second_answer(message, moment);
        }
        self.numbered(message, seq, moment)?;
        self.settle(message, Outcome::Accepted(moment));
        self.look_for_readers(message);
        Ok(())
    }

    /// A send was answered KO: it did not happen.
    pub fn refused(&mut self, from: &str, id: &str) -> Verdict {
        let message = self.find(from, id, "KO")?;
        let moment = self.note(Event::Refused { message });
        let Some(asked) = self.messages[message].attempts.pop() else {
            return self.second_answer(message, moment);
        };
        let sending = &self.messages[message];
        // A try from an earlier connection may still be under way, and happen after this answer.
        let alone = sending.attempts.iter().all(|attempt| *attempt < self.restarted);
        let is_too_late = |happened: Moment| alone || happened < asked;
        match (sending.outcome, sending.given.first()) {
            (Outcome::Accepted(before), _) if is_too_late(before) => {
                return self.broken(1, "what was accepted is refused", &[before, moment]);
            }
            (_, Some((_, given))) if is_too_late(*given) => {
                return self.broken(5, "what was refused has happened", &[*given, moment]);
            }
            (Outcome::Unknown, None) if alone => {
                self.messages[message].attempts.clear();
                self.settle(message, Outcome::Refused(moment));
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the sends whose outcome is unknown, oldest first: id, target and text of each. They are to be retried
    /// before the verdict.
    pub fn unknown(&self, from: &str) -> Vec<(String, String, String)> {
        let Some(open) = self.open.get(from) else { return Vec::new() };
        let again = |message: &Message| (message.id.clone(), message.to.to_string(), message.whole.clone());
        open.values().map(|message| again(&self.messages[*message])).collect()
    }

    fn find(&mut self, from: &str, id: &str, answer: &str) -> Result<Index, super::Broken> {
        if let Some(message) = self.by_id.get(from).and_then(|ids| ids.get(id)) {
            return Ok(*message);
        }
        let moment = self.note(Event::Odd(format!("{id} of {from} is answered {answer}")));
        self.broken(5, "it was never sent", &[moment]).map(|()| 0)
    }

    fn second_answer(&self, message: Index, moment: Moment) -> Verdict {
        let before = match self.messages[message].outcome {
            Outcome::Accepted(before) | Outcome::Refused(before) => before,
            Outcome::Unknown => self.messages[message].asked,
        };
        self.broken(5, "one request was answered twice", &[before, moment])
    }

    fn settle(&mut self, message: Index, outcome: Outcome) {
        let sending = &mut self.messages[message];
        if matches!((sending.outcome, outcome), (Outcome::Unknown | Outcome::Refused(_), Outcome::Accepted(_))) {
            self.accepted += 1;
        }
        (sending.outcome, sending.whole) = (outcome, String::new());
        if let Some(open) = self.open.get_mut(&sending.from) {
            open.remove(&sending.asked);
        }
    }
}
