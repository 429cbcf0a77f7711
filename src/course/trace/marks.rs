//! Finds the marks of lines: retries, acknowledgements, states, and lines that are lost.

use std::collections::{HashMap, HashSet};

use super::step::{Mark, Step};
use crate::model::{Seq, State};
use crate::protocol::exchange::{Line, Request};
use crate::protocol::{self, RecvRequest, SendRequest};
use crate::trace::Event;

/// Adds the marks of all steps. A line has those of its sender, also where it is received.
pub fn add(steps: &mut [Step]) {
    let mut seen = Seen::default();
    for place in 0..steps.len() {
        let Some(step) = steps.get(place) else { return };
        let own = seen.marks(step);
        let sent = step.pair.filter(|_| step.entry.event == Event::In).and_then(|sent| steps.get(sent));
        let sent = sent.map_or(&[][..], |sent| sent.marks.as_slice());
        let marks = sent.iter().copied().chain(own.into_iter().filter(|mark| !sent.contains(mark))).collect();
        if let Some(step) = steps.get_mut(place) {
            step.marks = marks;
        }
    }
}

/// The lines so far.
#[derive(Default)]
struct Seen {
    /// The messages and events that each process has sent or received: by process, direction, user and id or number.
    seen: HashSet<(usize, &'static str, String, String)>,
    acknowledged: HashMap<(usize, &'static str, String), Seq>,
}

impl Seen {
    /// Returns the marks that a line has at its process.
    fn marks(&mut self, step: &Step) -> Vec<Mark> {
        let mut marks = Vec::new();
        match &step.line {
            Line::Request(Request::Send(SendRequest::Send { id, .. })) => marks.extend(self.note(step, id.as_str())),
            Line::Request(Request::Recv(RecvRequest::Poll { .. })) => marks.extend(self.note_acknowledgement(step)),
            Line::Accepted(_) => marks.push(Mark::State(State::Received)),
            Line::Event(protocol::Event::Message(message)) => marks.extend(self.note(step, &message.seq.to_string())),
            Line::Event(protocol::Event::State { seq, state, .. }) => {
                marks.extend(self.note(step, &seq.to_string()));
                marks.push(Mark::State(*state));
            }
            _ => {}
        }
        let lost = if step.entry.event == Event::In { Mark::Kept } else { Mark::Lost };
        marks.extend(step.is_lost.then_some(lost));
        marks
    }

    fn note(&mut self, step: &Step, id: &str) -> Option<Mark> {
        let key = (step.lifeline, step.entry.event.word(), step.user.clone(), id.to_owned());
        (!self.seen.insert(key)).then_some(Mark::Again)
    }

    fn note_acknowledgement(&mut self, step: &Step) -> Option<Mark> {
        let number = step.acknowledges;
        let known = self.acknowledged.entry((step.lifeline, step.entry.event.word(), step.user.clone())).or_default();
        let is_new = number > *known;
        *known = number.max(*known);
        is_new.then_some(Mark::Acknowledges(number))
    }
}
