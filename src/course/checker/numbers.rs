//! One number orders everything: what each stands for, and what came before it.

use super::Checker;
use super::event::{Event, Index, Mark, Moment, Verdict};

/// The message or event of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Message(Index),
    State(Mark),
    /// The ERASED event of a message.
    Erased(Index),
}

impl Checker {
    /// The number of a message was reported to its sender or a reader.
    pub(super) fn numbered(&mut self, message: Index, seq: u64, moment: Moment) -> Verdict {
        match self.messages[message].number {
            Some((other, told)) if other != seq => return self.two_numbers(told, moment),
            Some(_) => return Ok(()),
            None => {}
        }
        self.holds(Holder::Message(message), seq, moment)?;
        let sending = &mut self.messages[message];
        sending.number = Some((seq, moment));
        let asked = sending.asked;
        let key = (sending.from.clone(), sending.to.clone());
        self.sent_to.entry(key).or_default().insert(seq);
        self.comes_after(seq, asked, moment)
    }

    /// Notes that a number was reported to be that of this message or event.
    pub(super) fn holds(&mut self, holder: Holder, seq: u64, moment: Moment) -> Verdict {
        if let Some((known, told)) = self.numbers.get(&seq) {
            let told = *told;
            return match *known == holder {
                true => Ok(()),
                false => self.broken(6, format!("{seq} stood for something else"), &[told, moment]),
            };
        }
        self.numbers.insert(seq, (holder, moment));
        if self.highest.last().is_none_or(|(_, highest)| *highest < seq) {
            self.highest.push((moment, seq));
        }
        Ok(())
    }

    /// Checks that a request made after a number was known has a higher number.
    fn comes_after(&self, seq: u64, asked: Moment, moment: Moment) -> Verdict {
        let before = self.highest.partition_point(|(told, _)| *told < asked);
        match self.highest[..before].last() {
            Some((told, highest)) if *highest > seq => {
                self.broken(3, format!("{seq} was sent when {highest} was known"), &[*told, asked, moment])
            }
            _ => Ok(()),
        }
    }

    /// Which promise that breaks depends on who was told: a sender twice, two readers, or first one
    /// and then the other.
    fn two_numbers(&self, told: Moment, moment: Moment) -> Verdict {
        match (&self.log[told - 1], &self.log[moment - 1]) {
            (Event::Accepted { .. }, Event::Accepted { .. }) => {
                self.broken(2, "the same id was given two answers", &[told, moment])
            }
            (Event::Given { .. }, Event::Accepted { .. }) => {
                self.broken(6, "what a reader was given was taken back", &[told, moment])
            }
            _ => self.broken(3, "it has two places in one order", &[told, moment]),
        }
    }
}
