//! The marks of lines: retries, acknowledgements, states, and lines that are lost.

use std::collections::{HashMap, HashSet};

use super::step::Step;
use crate::model::{Seq, State};
use crate::protocol::exchange::{Line, Request};
use crate::protocol::{self, RecvRequest, SendRequest};
use crate::trace::Event;

/// A remark about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The same message, or event, was sent before: a retry.
    Again,
    /// Everything up to this number is acknowledged by it for the first time.
    Acknowledges(Seq),
    /// A message has reached this state.
    State(State),
    /// The other end never got it.
    Lost,
    /// A proxy got it, and did not pass it on.
    Kept,
}

impl Mark {
    pub fn text(&self) -> String {
        match self {
            Self::Again => "again".to_owned(),
            Self::Acknowledges(number) => format!("acknowledges {number}"),
            Self::State(state) => state.to_string().to_lowercase(),
            Self::Lost => "not received".to_owned(),
            Self::Kept => "not passed on".to_owned(),
        }
    }
}

/// Finds the marks: it is shown all steps, in their order.
#[derive(Default)]
pub struct Marks {
    /// The messages and events that each process has sent or received: by process, direction, user and id or number.
    seen: HashSet<(usize, &'static str, String, String)>,
    acknowledged: HashMap<(usize, &'static str, String), Seq>,
    /// The marks of lines that were sent and not received yet, by their steps.
    on_the_way: HashMap<usize, Vec<Mark>>,
    /// Number of the next step.
    next: usize,
}

impl Marks {
    /// Returns the marks of the next step. A line has those of its sender, also where it is received.
    pub fn of(&mut self, step: &Step) -> Vec<Mark> {
        let number = self.next;
        let mut marks = self.own(step);
        self.next += 1;
        match (step.entry.event, step.pair) {
            (Event::Out, Some(_)) if !marks.is_empty() => _ = self.on_the_way.insert(number, marks.clone()),
            (Event::In, Some(sent)) => {
                let own = std::mem::take(&mut marks);
                marks = self.on_the_way.remove(&sent).unwrap_or_default();
                marks.extend(own.into_iter().filter(|mark| !marks.contains(mark)).collect::<Vec<_>>());
            }
            _ => {}
        }
        marks
    }

    fn own(&mut self, step: &Step) -> Vec<Mark> {
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
