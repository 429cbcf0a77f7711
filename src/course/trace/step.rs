//! The steps of all processes in one order, and the way of a line through them.

use std::collections::HashMap;

use super::graph::Lifeline;
use crate::model::{Message, Seq, State, Target};
use crate::protocol::exchange::Line;
use crate::trace::{CHAOS, Entry, Event, SERVER};

#[derive(Clone, Debug)]
pub struct Step {
    pub entry: Entry<'static>,
    /// The meaning of an entry that is a line.
    pub line: Line,
    /// Of a POLL: the number up to which it acknowledges events.
    pub acknowledges: Seq,
    /// The part that the step has in the life of the message that is followed.
    pub about: Option<About>,
    /// The remarks about a line, once they have been added.
    pub marks: Vec<Mark>,
    pub lifeline: usize,
    /// The process at the other end of the connection.
    pub other: Option<usize>,
    /// The user of the connection, also for the lines before the login is done.
    pub user: String,
    /// The device of the connection; empty: the nameless one.
    pub device: String,
    /// Number of the connection's end.
    pub connection: Option<usize>,
    /// The step of the same line at the other end.
    pub pair: Option<usize>,
    /// Of a line that a proxy has received: the step in which it was sent on first; of one that it has sent: the step in
    /// which it was received.
    pub relay: Option<usize>,
    /// The line was sent, and the other end ended without it; or a proxy has received it, and did not pass it on.
    pub is_lost: bool,
    /// This process has opened the connection: it sends the requests.
    pub is_client: bool,
}

/// The part of a step in the life of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// Its SEND.
    Sent,
    /// The OK to that.
    Answered,
    /// The sync after which it is durable.
    Synced,
    /// Its event, for a device of a recipient.
    Offered,
    /// Its event, for a device of its sender.
    ShownToSender,
    /// The POLL with which a device of a recipient acknowledges it first.
    Acknowledged,
    /// The READ with which a recipient says that it was read.
    Read,
    /// The STATE event that tells its sender so.
    Told(State),
}

/// A remark about a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The same message, or event, was sent before: a retry.
    Again,
    /// Everything up to this number is acknowledged by it for the first time.
    Acknowledges(Seq),
    /// A message has reached this state.
    State(State),
    /// A message that the user of the connection has sent.
    Own,
    /// The user of the connection has read a conversation on another device.
    ReadElsewhere,
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
            Self::Own => "own message".to_owned(),
            Self::ReadElsewhere => "read on another device".to_owned(),
            Self::Lost => "not received".to_owned(),
            Self::Kept => "not passed on".to_owned(),
        }
    }
}

/// The end of a line's way through the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// No trace says that it was lost.
    Unknown,
    /// The last process that had it, or could have had it, has ended or lost its connection.
    Lost,
    /// A proxy did not pass it on.
    Kept,
}

impl Step {
    /// Returns whether a message on this connection is one that its user has sent to others.
    pub fn is_own(&self, message: &Message) -> bool {
        let is_user = |name: &str| name.to_lowercase() == self.user.to_lowercase();
        let is_to_user = matches!(&message.to, Target::User(to) if is_user(to.shown()));
        is_user(message.from.shown()) && !is_to_user
    }

    /// Returns whether it is a step of the server.
    pub fn is_at_server(&self) -> bool {
        self.entry.process == SERVER
    }
}

/// The steps of all processes in one order.
pub struct Merged {
    pub lifelines: Vec<Lifeline>,
    pub steps: Vec<Step>,
}

impl Merged {
    /// Returns the step of the same line at the next process on its way, or at the other end of a proxy.
    fn after(&self, step: &Step) -> Option<&Step> {
        let next = if step.entry.event == Event::Out { step.pair } else { step.relay };
        self.steps.get(next?)
    }

    /// Returns the step of the same line before.
    pub fn before(&self, step: &Step) -> Option<&Step> {
        let before = if step.entry.event == Event::Out { step.relay } else { step.pair };
        self.steps.get(before?)
    }

    /// Follows a line to the end of its way. Returns its steps from this one on.
    pub fn way<'a>(&'a self, step: &'a Step) -> impl Iterator<Item = &'a Step> {
        // A proxy may connect to another one, but no line comes back to where it was.
        std::iter::successors(Some(step), |step| self.after(step)).take(self.lifelines.len() * 2)
    }

    /// Checks that a proxy has sent the line of its own accord: it is a second copy, or comes on a connection of its own.
    pub fn is_copy(&self, step: &Step) -> bool {
        let Some(sent) = self.before(step).filter(|_| step.entry.event == Event::In) else { return false };
        let first = self.before(sent).and_then(|received| self.after(received));
        sent.entry.process == CHAOS && !first.is_some_and(|first| std::ptr::eq(first, sent))
    }

    /// Returns whether a line that was sent arrives at the end of its way.
    pub fn arrival(&self, step: &Step) -> Arrival {
        match self.way(step).last().filter(|last| last.is_lost) {
            None => Arrival::Unknown,
            Some(last) if last.entry.event == Event::In => Arrival::Kept,
            Some(_) => Arrival::Lost,
        }
    }

    /// Keeps some lifelines, which stand in this order then. All steps that are left are theirs.
    pub fn select_lifelines(&mut self, order: &[usize]) {
        let places: HashMap<usize, usize> = order.iter().copied().zip(0..).collect();
        for step in &mut self.steps {
            step.lifeline = places.get(&step.lifeline).copied().unwrap_or(0);
            step.other = step.other.and_then(|other| places.get(&other).copied());
        }
        self.lifelines = order.iter().filter_map(|lifeline| self.lifelines.get(*lifeline).cloned()).collect();
    }

    pub fn select_steps(&mut self, keep: &[bool]) {
        let kept = (0..self.steps.len()).filter(|step| keep.get(*step) == Some(&true));
        let places: HashMap<usize, usize> = kept.zip(0..).collect();
        let mut keep = keep.iter();
        self.steps.retain(|_| keep.next() == Some(&true));
        for step in &mut self.steps {
            step.pair = step.pair.and_then(|pair| places.get(&pair).copied());
            step.relay = step.relay.and_then(|relay| places.get(&relay).copied());
        }
    }
}
