//! Says whether the promises were kept, from what the users of a server saw of it.
//!
//! It is told every send with its outcome, everything every reader was given, and every state every
//! sender was told, in the order in which it happened to them. It knows nothing of how a server works.

use std::collections::{BTreeMap, HashMap};

/// A send, by who sent it and under which id.
pub type Key = (String, String);

#[derive(Clone, Debug)]
struct Sending {
    to: String,
    text: String,
    asked: u64,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nobody knows: no answer (yet).
    Unknown,
    Accepted {
        seq: u64,
        at: String,
        answered: u64,
    },
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub seq: u64,
    pub id: String,
    pub from: String,
    pub text: String,
}

/// What a broken promise looks like: its number, and the smallest piece of history that shows it.
pub type Verdict = Result<(), String>;

#[derive(Default)]
pub struct Checker {
    clock: u64,
    sends: BTreeMap<Key, Sending>,
    /// What each reader has stored, in order.
    seen: HashMap<String, Vec<Seen>>,
    /// The highest number that each reader has acknowledged, whether that was answered or not.
    acknowledged: HashMap<String, u64>,
    /// The highest number that each reader has called read, by whose messages.
    read: HashMap<(String, String), u64>,
    /// The highest mark that each sender was told, by place and word.
    marks: HashMap<(String, String, String), u64>,
}

impl Checker {
    /// A send is about to be tried, for the first time or again.
    pub fn asks(&mut self, from: &str, id: &str, to: &str, text: &str) {
        self.clock += 1;
        let asked = self.clock;
        self.sends.entry((from.into(), id.into())).or_insert_with(|| Sending {
            to: to.into(),
            text: text.into(),
            asked,
            outcome: Outcome::Unknown,
        });
    }

    pub fn accepted(&mut self, from: &str, id: &str, at: &str, seq: u64) -> Verdict {
        self.clock += 1;
        let answered = self.clock;
        let key = (from.to_owned(), id.to_owned());
        let sending = self.sends.get_mut(&key).ok_or(format!("OK for {key:?}, which nobody sent"))?;
        match &sending.outcome {
            Outcome::Accepted { seq: before, at: then, .. } if (*before, then.as_str()) != (seq, at) => {
                Err(format!("promise 2: {key:?} was accepted as {before} at {then}, and again as {seq} at {at}"))
            }
            Outcome::Accepted { .. } => Ok(()),
            Outcome::Unknown | Outcome::Refused => {
                sending.outcome = Outcome::Accepted { seq, at: at.into(), answered };
                Ok(())
            }
        }
    }

    /// A send was answered KO: it did not happen.
    pub fn refused(&mut self, from: &str, id: &str) -> Verdict {
        let key = (from.to_owned(), id.to_owned());
        let sending = self.sends.get_mut(&key).ok_or(format!("KO for {key:?}, which nobody sent"))?;
        if let Outcome::Accepted { seq, .. } = sending.outcome {
            return Err(format!("promise 1: {key:?} was accepted as {seq}, and is now refused"));
        }
        sending.outcome = Outcome::Refused;
        Ok(())
    }

    /// A reader was given a message, and has stored it unless it had that number already.
    pub fn received(&mut self, reader: &str, message: Seen) -> Verdict {
        let seen = self.seen.entry(reader.into()).or_default();
        if let Some(known) = seen.iter().find(|known| known.seq == message.seq) {
            return match *known == message {
                true => Ok(()),
                false => Err(format!("promise 2: {reader} was given {known:?} and {message:?} under one number")),
            };
        }
        if let Some(last) = seen.last().filter(|last| last.seq > message.seq) {
            return Err(format!("promise 3: {reader} was given {message:?} after {last:?}"));
        }
        if let Some(known) = seen.iter().find(|known| (&known.id, &known.from) == (&message.id, &message.from)) {
            return Err(format!("promise 2: {reader} was given {known:?} and again {message:?}"));
        }
        seen.push(message);
        Ok(())
    }

    pub fn acknowledges(&mut self, reader: &str, upto: u64) {
        let mark = self.acknowledged.entry(reader.into()).or_default();
        *mark = upto.max(*mark);
    }

    pub fn reads(&mut self, reader: &str, from: &str, upto: u64) {
        let mark = self.read.entry((reader.into(), from.into())).or_default();
        *mark = upto.max(*mark);
    }

    /// What a reader has called read, whether that was answered or not.
    pub fn read_marks(&self, reader: &str) -> Vec<(String, u64)> {
        self.read.iter().filter(|((who, _), _)| who == reader).map(|((_, from), upto)| (from.clone(), *upto)).collect()
    }

    /// A sender was told how far her messages to a place have come.
    pub fn told(&mut self, sender: &str, place: &str, word: &str, upto: u64) -> Verdict {
        let allowed = match word {
            "DELIVERED" => self.acknowledged.get(place).copied(),
            _ => self.read.get(&(place.to_owned(), sender.to_owned())).copied(),
        };
        if allowed.unwrap_or(0) < upto {
            return Err(format!("promise 6: {sender} was told {word} {upto} by {place}, who said {allowed:?}"));
        }
        let mark = self.marks.entry((sender.into(), place.into(), word.into())).or_default();
        if *mark > upto {
            return Err(format!("promise 4: {sender} was told {word} {mark} by {place}, and then {word} {upto}"));
        }
        *mark = upto;
        Ok(())
    }

    /// The sends that nobody knows the outcome of: they are to be tried again before the verdict.
    pub fn unknown(&self, from: &str) -> Vec<(String, String, String)> {
        let unknown = |(key, sending): (&Key, &Sending)| {
            let open = key.0 == from && sending.outcome == Outcome::Unknown;
            open.then(|| (key.1.clone(), sending.to.clone(), sending.text.clone()))
        };
        self.sends.iter().filter_map(unknown).collect()
    }

    /// What a reader has stored.
    pub fn stored(&self, reader: &str) -> &[Seen] {
        self.seen.get(reader).map_or(&[], Vec::as_slice)
    }

    /// The last number that a reader has stored.
    pub fn last_stored(&self, reader: &str) -> u64 {
        self.stored(reader).last().map_or(0, |last| last.seq)
    }

    /// How many sends were answered OK.
    pub fn accepted_count(&self) -> usize {
        self.sends.values().filter(|s| matches!(s.outcome, Outcome::Accepted { .. })).count()
    }

    /// The verdict when every reader has been given everything.
    pub fn verdict(&self) -> Verdict {
        for (key, sending) in &self.sends {
            self.check_arrival(key, sending)?;
        }
        self.check_order()?;
        self.check_marks()
    }

    fn check_arrival(&self, key: &Key, sending: &Sending) -> Verdict {
        let copies: Vec<_> =
            self.stored(&sending.to).iter().filter(|seen| seen.from == key.0 && seen.id == key.1).collect();
        match (&sending.outcome, copies.as_slice()) {
            (Outcome::Accepted { seq, .. }, [copy]) if copy.seq == *seq && copy.text == sending.text => Ok(()),
            (Outcome::Accepted { .. }, []) => Err(format!("promise 1: {key:?} {sending:?} never arrived")),
            (Outcome::Accepted { .. }, other) => Err(format!("promise 2: {key:?} {sending:?} arrived as {other:?}")),
            (Outcome::Refused, []) | (Outcome::Unknown, [] | [_]) => Ok(()),
            (Outcome::Refused, other) => Err(format!("promise 5: {key:?} was refused and arrived as {other:?}")),
            (Outcome::Unknown, other) => Err(format!("promise 2: {key:?} arrived as {other:?}")),
        }
    }

    /// Whoever waits for an OK before sending the next has the two in that order.
    fn check_order(&self) -> Verdict {
        let mut by_asking: Vec<_> = self.sends.iter().collect();
        by_asking.sort_by_key(|(_, sending)| sending.asked);
        let mut answered: HashMap<&str, Vec<(u64, u64, &Key)>> = HashMap::new();
        for (key, sending) in by_asking {
            let Outcome::Accepted { seq, answered: when, .. } = &sending.outcome else { continue };
            let before = answered.entry(&key.0).or_default();
            if let Some(earlier) = before.iter().find(|(then, number, _)| *then < sending.asked && number > seq) {
                return Err(format!("promise 3: {key:?} is {seq}, and {earlier:?} was accepted before it was sent"));
            }
            before.push((*when, *seq, key));
        }
        Ok(())
    }

    /// Everybody was told everything: the last marks are those of the readers.
    fn check_marks(&self) -> Verdict {
        for ((sender, id), sending) in &self.sends {
            let Outcome::Accepted { seq, .. } = &sending.outcome else { continue };
            let mark = |word: &str| {
                let key = (sender.clone(), sending.to.clone(), word.to_owned());
                self.marks.get(&key).copied().unwrap_or(0)
            };
            let read = self.read.get(&(sending.to.clone(), sender.clone())).copied().unwrap_or(0);
            if *seq <= read && mark("READ") < *seq {
                return Err(format!("promise 4: {sender} was never told that {id} ({seq}) is READ"));
            }
            let acknowledged = self.acknowledged.get(&sending.to).copied().unwrap_or(0);
            if *seq <= acknowledged && mark("DELIVERED").max(mark("READ")) < *seq {
                return Err(format!("promise 4: {sender} was never told that {id} ({seq}) is DELIVERED"));
            }
        }
        Ok(())
    }
}
