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

/// Process and direction, user and device (empty: any) of a sequence of lines.
type Stream = (usize, &'static str, String, String);

/// The lines so far.
#[derive(Default)]
struct Seen {
    /// The messages and events that each process has sent or received, by id or number. An event comes once for each device
    /// of its user, and a message is the same on each connection.
    seen: HashSet<(Stream, String)>,
    acknowledged: HashMap<Stream, Seq>,
}

impl Seen {
    /// Returns the marks that a line has at its process.
    fn marks(&mut self, step: &Step) -> Vec<Mark> {
        let mut marks = Vec::new();
        match &step.line {
            Line::Request(Request::Send(SendRequest::Send { id, .. })) => {
                marks.extend(self.note(step, "", id.as_str()))
            }
            Line::Request(Request::Recv(RecvRequest::Poll { .. })) => marks.extend(self.note_acknowledgement(step)),
            Line::Accepted(_) => marks.push(Mark::State(State::Received)),
            Line::Event(protocol::Event::Message(message)) => {
                marks.extend(step.is_own(message).then_some(Mark::Own));
                marks.extend(self.note(step, &step.device, &message.seq.to_string()));
            }
            Line::Event(protocol::Event::Read { .. }) => marks.push(Mark::ReadElsewhere),
            Line::Event(protocol::Event::State { seq, state, .. }) => {
                marks.extend(self.note(step, &step.device, &seq.to_string()));
                marks.push(Mark::State(*state));
            }
            _ => {}
        }
        let lost = if step.entry.event == Event::In { Mark::Kept } else { Mark::Lost };
        marks.extend(step.is_lost.then_some(lost));
        marks
    }

    fn note(&mut self, step: &Step, device: &str, id: &str) -> Option<Mark> {
        (!self.seen.insert((stream(step, device), id.to_owned()))).then_some(Mark::Again)
    }

    fn note_acknowledgement(&mut self, step: &Step) -> Option<Mark> {
        let number = step.acknowledges;
        let known = self.acknowledged.entry(stream(step, &step.device)).or_default();
        let is_new = number > *known;
        *known = number.max(*known);
        is_new.then_some(Mark::Acknowledges(number))
    }
}

fn stream(step: &Step, device: &str) -> Stream {
    (step.lifeline, step.entry.event.word(), step.user.clone(), device.to_owned())
}
