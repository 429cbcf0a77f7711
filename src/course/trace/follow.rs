//! Follows one message through the steps: its lines, and the sync, acknowledgements and receipts of it.

use std::collections::{BTreeSet, HashSet};

use super::step::{About, Step};
use crate::model::{MessageId, Seq, Target};
use crate::protocol::exchange::{Line, Request};
use crate::protocol::{RecvRequest, SendRequest, event};
use crate::trace::Event;

/// Says of each step which part it has in the life of the message. `from`: its sender; `None`: the first user who sends or
/// has sent a message with this id.
pub fn follow(steps: &mut [Step], id: &MessageId, from: Option<String>) {
    let mut message = Followed { id, seq: None, from, to: None, seen: HashSet::new(), is_unsynced: false };
    for step in steps {
        step.about = message.part(step).filter(|about| message.is_news(step, *about));
    }
}

/// Returns the ids of the messages that the steps are about.
pub fn ids(steps: &[Step]) -> BTreeSet<MessageId> {
    let id = |step: &Step| match &step.line {
        Line::Request(Request::Send(SendRequest::Send { id, .. })) => Some(id.clone()),
        Line::Accepted(accepted) => Some(accepted.id.clone()),
        Line::Event(event::Event::Message(message)) => Some(message.id.clone()),
        _ => None,
    };
    steps.iter().filter_map(id).collect()
}

/// A message, as far as the steps tell of it.
struct Followed<'a> {
    id: &'a MessageId,
    /// Its sequence number, once the server has given it.
    seq: Option<Seq>,
    /// Its sender, once it is known.
    from: Option<String>,
    to: Option<Target>,
    /// The acknowledgements and receipts of it that were seen, by process, direction, user and device.
    seen: HashSet<(usize, bool, String, String, About)>,
    /// The message is with the server, and not durable yet.
    is_unsynced: bool,
}

impl Followed<'_> {
    fn part(&mut self, step: &Step) -> Option<About> {
        match step.entry.event {
            Event::Sync => std::mem::take(&mut self.is_unsynced).then_some(About::Synced),
            Event::Killed if step.is_at_server() => {
                self.is_unsynced = false;
                None
            }
            _ => self.part_of_line(step),
        }
    }

    fn part_of_line(&mut self, step: &Step) -> Option<About> {
        match &step.line {
            Line::Request(Request::Send(SendRequest::Send { id, to, .. })) if self.is_it(id, &step.user) => {
                self.to = to.clone().ok();
                self.is_unsynced |= step.is_at_server() && step.entry.event == Event::In && self.seq.is_none();
                Some(About::Sent)
            }
            Line::Accepted(accepted) if self.is_it(&accepted.id, &step.user) => {
                self.seq.get_or_insert(accepted.seq);
                Some(About::Answered)
            }
            Line::Event(event::Event::Message(message)) if self.is_it(&message.id, message.from.shown()) => {
                self.seq.get_or_insert(message.seq);
                self.to = Some(message.to.clone());
                Some(if step.is_own(message) { About::ShownToSender } else { About::Offered })
            }
            Line::Request(Request::Recv(RecvRequest::Poll { .. })) => {
                (self.reaches(step.acknowledges) && self.is_recipient(&step.user)).then_some(About::Acknowledged)
            }
            Line::Request(Request::Send(SendRequest::Read { target: Ok(target), seq })) => {
                let is_there = self.to.as_ref() == Some(target) || self.is_from(&target.to_string());
                (is_there && self.reaches(*seq) && self.is_recipient(&step.user)).then_some(About::Read)
            }
            Line::Event(event::Event::State { target, state, upto, .. }) => {
                let is_told = self.to.as_ref() == Some(target) && self.is_from(&step.user);
                (is_told && self.reaches(*upto)).then_some(About::Told(*state))
            }
            _ => None,
        }
    }

    /// Checks that a message with this id and sender is the one that is followed. The first sender of the id is its sender.
    fn is_it(&mut self, id: &MessageId, from: &str) -> bool {
        id == self.id && is_same_user(self.from.get_or_insert_with(|| from.to_owned()), from)
    }

    fn is_from(&self, user: &str) -> bool {
        self.from.as_deref().is_some_and(|from| is_same_user(from, user))
    }

    /// Checks that a user is a recipient: the other user, or in a room any other member.
    fn is_recipient(&self, user: &str) -> bool {
        let is_addressed = match &self.to {
            Some(Target::User(to)) => is_same_user(to.shown(), user),
            to => to.is_some(),
        };
        is_addressed && !self.is_from(user)
    }

    fn reaches(&self, number: Seq) -> bool {
        self.seq.is_some_and(|seq| number >= seq)
    }

    /// Checks that the process has not sent or received the like before, for this device: of acknowledgements and receipts
    /// only the first says something. READ is the user's, whatever the device.
    fn is_news(&mut self, step: &Step, about: About) -> bool {
        let is_sent = step.entry.event == Event::Out;
        match about {
            About::Acknowledged | About::Read | About::Told(_) => {
                let device = if about == About::Read { String::new() } else { step.device.clone() };
                self.seen.insert((step.lifeline, is_sent, step.user.clone(), device, about))
            }
            _ => true,
        }
    }
}

/// Compares names of users, which may stand in either case.
fn is_same_user(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
