//! The part of the traces that a user wants to see.

use std::collections::HashSet;

use super::merge::{Merged, Step};
use super::{SERVER, Selection};
use crate::record::Fields;
use crate::trace::Event;

/// A message, as far as the traces tell of it.
struct Followed {
    id: String,
    /// Its sequence number, once the server has given it.
    seq: Option<u64>,
    /// Its sender, once it is known.
    from: Option<String>,
    to: String,
    /// The acknowledgements and receipts of it that were seen: only the first of each says something.
    seen: HashSet<(usize, &'static str, String)>,
    /// The message is with the server, and not durable yet.
    is_unsynced: bool,
}

/// Keeps the steps that are selected, and the starts and ends of processes. The error says that there are none.
pub fn filter(merged: Merged, selection: &Selection) -> Result<Merged, String> {
    let mut keep = vec![true; merged.steps.len()];
    if let Some(user) = &selection.user {
        let user = user.to_lowercase();
        let is_of_user = |step: &Step| step.connection.is_none() || step.user.to_lowercase() == user;
        keep = merged.steps.iter().map(is_of_user).collect();
        if !merged.steps.iter().any(|step| step.connection.is_some() && is_of_user(step)) {
            return Err(format!("no connection of {user} is in these traces"));
        }
    }
    if let Some(id) = &selection.message {
        let about = follow(&merged.steps, id, selection.sender.clone());
        if !about.iter().any(|about| *about) {
            return Err(format!("no line of these traces is about a message with the id {id}"));
        }
        let used: HashSet<_> =
            merged.steps.iter().zip(&about).filter(|(_, about)| **about).map(|(step, _)| step.connection).collect();
        for ((step, keep), about) in merged.steps.iter().zip(&mut keep).zip(about) {
            let is_frame = match step.entry.event {
                Event::Open | Event::Close => used.contains(&step.connection),
                Event::Start | Event::Recovered | Event::Dropped | Event::Stop | Event::Killed => true,
                _ => false,
            };
            *keep &= about || is_frame;
        }
    }
    Ok(select(merged, keep))
}

/// Says of each step whether it is about a message: its lines, and the sync, acknowledgements and receipts of it.
fn follow(steps: &[Step], id: &str, from: Option<String>) -> Vec<bool> {
    let mut followed =
        Followed { id: id.to_owned(), seq: None, from, to: String::new(), seen: HashSet::new(), is_unsynced: false };
    steps.iter().map(|step| followed.is_about(step)).collect()
}

impl Followed {
    fn is_about(&mut self, step: &Step) -> bool {
        match step.entry.event {
            Event::Sync => std::mem::take(&mut self.is_unsynced),
            Event::Killed if step.entry.process == SERVER => {
                self.is_unsynced = false;
                false
            }
            Event::In | Event::Out => {
                let fields = Fields::parse(step.entry.text.as_bytes());
                fields.is_ok_and(|fields| self.is_about_line(step, &fields))
            }
            _ => false,
        }
    }

    fn is_about_line(&mut self, step: &Step, fields: &Fields) -> bool {
        let field = |index| fields.get(index).unwrap_or_default();
        let number = |index| field(index).parse::<u64>().ok();
        match (field(0).to_uppercase().as_str(), field(1)) {
            ("SEND", id) if id == self.id && self.is_sender(&step.user) => {
                field(2).clone_into(&mut self.to);
                let is_at_server = step.entry.process == SERVER;
                self.is_unsynced |= is_at_server && step.entry.event == Event::In && self.seq.is_none();
                true
            }
            ("OK", id) if id == self.id && self.is_sender(&step.user) => {
                self.seq = self.seq.or(number(4));
                true
            }
            (_, "MSG") if field(2) == self.id && self.is_sender(field(3)) => {
                self.seq = self.seq.or(number(0));
                field(4).clone_into(&mut self.to);
                true
            }
            ("POLL", _) => self.reaches(number(1)) && self.is_recipient(step) && self.is_first(step, "POLL", ""),
            ("READ", place) => {
                let is_there = self.from.as_deref() == Some(place) || place == self.to;
                is_there && self.reaches(number(2)) && self.is_recipient(step) && self.is_first(step, "READ", "")
            }
            (_, "STATE") => {
                let is_there = field(2) == self.to && self.from.as_ref() == Some(&step.user);
                is_there && self.reaches(number(4)) && self.is_first(step, "STATE", field(3))
            }
            _ => false,
        }
    }

    /// Checks that a user is the sender. As long as no sender is known, the first user is.
    fn is_sender(&mut self, user: &str) -> bool {
        is_same_user(self.from.get_or_insert_with(|| user.to_owned()), user)
    }

    /// Checks that a connection is a recipient's: the other user's, or in a room any other member's.
    fn is_recipient(&self, step: &Step) -> bool {
        let is_sender = self.from.as_deref().is_some_and(|from| is_same_user(from, &step.user));
        !is_sender && (self.to.starts_with('#') || is_same_user(&self.to, &step.user))
    }

    fn reaches(&self, number: Option<u64>) -> bool {
        number.zip(self.seq).is_some_and(|(number, seq)| number >= seq)
    }

    /// Checks that the process has not sent or received the like before, on the side of this user.
    fn is_first(&mut self, step: &Step, kind: &'static str, state: &str) -> bool {
        let direction = step.entry.event.word();
        self.seen.insert((step.lifeline, kind, format!("{direction};{};{state}", step.user)))
    }
}

/// Compares names of users, which may stand in either case.
fn is_same_user(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Takes the steps that are kept, and the lifelines that have a line among them: starts and ends alone show no process.
fn select(mut merged: Merged, mut keep: Vec<bool>) -> Merged {
    let mut lines = vec![0_usize; merged.lifelines.len()];
    for (step, _) in merged.steps.iter().zip(&keep).filter(|(step, keep)| **keep && step.connection.is_some()) {
        for lifeline in [Some(step.lifeline), step.other].into_iter().flatten() {
            if let Some(lines) = lines.get_mut(lifeline) {
                *lines += 1;
            }
        }
    }
    if lines.iter().all(|lines| *lines == 0) {
        return merged;
    }
    let is_used = |lifeline: usize| lines.get(lifeline).is_some_and(|lines| *lines > 0);
    keep.iter_mut().zip(&merged.steps).for_each(|(keep, step)| *keep &= is_used(step.lifeline));
    let lifelines = places(&(0..lines.len()).map(is_used).collect::<Vec<_>>());
    let places = places(&keep);
    let mut keeps = keep.into_iter();
    merged.steps.retain(|_| keeps.next().unwrap_or(false));
    for step in &mut merged.steps {
        let place = |step: usize| places.get(step).copied().flatten();
        (step.pair, step.relay) = (step.pair.and_then(place), step.relay.and_then(place));
        step.other = step.other.and_then(|other| lifelines.get(other).copied().flatten());
        step.lifeline = lifelines.get(step.lifeline).copied().flatten().unwrap_or(0);
    }
    let mut lifelines = lifelines.into_iter();
    merged.lifelines.retain(|_| lifelines.next().flatten().is_some());
    merged
}

/// Returns for each place the one that it has once those that are not kept are gone.
fn places(keep: &[bool]) -> Vec<Option<usize>> {
    let mut count = 0;
    let place = |keep: &bool| {
        count += usize::from(*keep);
        keep.then(|| count - 1)
    };
    keep.iter().map(place).collect()
}
