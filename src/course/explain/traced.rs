//! The steps in the life of a message that traces show, in their merged order. Where the trace of the server is among
//! them, each line is told as the server saw it.

use std::collections::HashSet;
use std::path::PathBuf;

use super::step::{Kind, Step};
use crate::course::trace::{self, About, Arrival, Merged, Selection};
use crate::model::{Message, State};
use crate::protocol::exchange::Line;
use crate::protocol::{self, Port};
use crate::trace::Event;

/// Reads traces; returns the steps of a message, and notes. The error says that none is about it.
pub(super) fn read(files: &[PathBuf], message: &Message) -> Result<(Vec<Step>, Vec<String>), String> {
    let id = message.id.to_string();
    let sender = message.from.to_string();
    let selection = Selection { message: Some(id), sender: Some(sender), ..Selection::default() };
    let (merged, notes) = trace::select(files, &selection)?;
    let mut reading = Reading { message, merged: &merged, steps: Vec::new(), done: HashSet::new() };
    merged.steps.iter().filter(|step| is_told(&merged, step)).for_each(|step| reading.add(step));
    Ok((reading.finish(), notes))
}

/// Checks that a step is the one at which its line is told, of the steps at all processes on its way: at the server, or else
/// where it begins.
fn is_told(merged: &Merged, step: &trace::Step) -> bool {
    let is_frame = !matches!(step.entry.event, Event::In | Event::Out);
    step.is_at_server() || is_frame || (merged.before(step).is_none() && !reaches_server(merged, step))
}

fn reaches_server(merged: &Merged, step: &trace::Step) -> bool {
    merged.way(step).any(trace::Step::is_at_server)
}

struct Reading<'a> {
    message: &'a Message,
    merged: &'a Merged,
    steps: Vec<Step>,
    /// The kinds of steps, with their users or devices, that came already.
    done: HashSet<(&'static str, String)>,
}

impl Reading<'_> {
    fn add(&mut self, step: &trace::Step) {
        if let Some(about) = step.about {
            return self.add_part(step, about);
        }
        match step.entry.event {
            Event::Killed if step.is_at_server() => self.note(step, Kind::ServerKilled, "", 0),
            Event::Killed => {
                if let Some(user) = step.entry.process.strip_prefix("client:") {
                    self.note(step, Kind::ClientKilled, user, 0);
                }
            }
            Event::Recovered => self.note(step, Kind::Recovered, "", step.entry.number),
            Event::Close if step.is_at_server() => self.add_close(step),
            _ => {}
        }
    }

    fn add_part(&mut self, step: &trace::Step, about: About) {
        let user = step.user.as_str();
        let device = &device_of(step);
        match about {
            About::Sent => self.add_send(step, user),
            About::Answered => self.add_answer(step, user),
            About::Offered => self.add_offer(step, device),
            About::Synced if self.is_first("synced", "") => self.note(step, Kind::Synced, "", self.message.seq.get()),
            About::Synced => {}
            // A line that does not arrive has no effect, and comes again.
            _ if self.arrival(step) != Arrival::Unknown => {}
            About::ShownToSender if self.is_first("shown", device) => self.note(step, Kind::ShownToSender, device, 0),
            About::Acknowledged if self.is_first("delivered", user) => self.note(step, Kind::Delivered, user, 0),
            About::Acknowledged => self.note(step, Kind::StoredToo, device, 0),
            About::Read if self.is_first("read", user) => self.note(step, Kind::Read, user, 0),
            About::ShownToSender | About::Read => {}
            About::Told(State::Read) => self.note(step, Kind::ToldRead, device, 0),
            About::Told(_) => self.note(step, Kind::ToldDelivered, device, 0),
        }
    }

    fn add_send(&mut self, step: &trace::Step, user: &str) {
        let is_first = self.is_first("sent", user);
        let kind = match (self.arrival(step), step.entry.event) {
            (Arrival::Kept, _) => Kind::SendKept,
            (Arrival::Lost, _) => Kind::SentInVain,
            (Arrival::Unknown, _) if !reaches_server(self.merged, step) => Kind::Sent,
            _ if is_first => Kind::Arrived,
            _ if self.merged.is_copy(step) => Kind::Copied,
            _ => Kind::Retried,
        };
        self.note(step, kind, user, 0);
    }

    fn add_answer(&mut self, step: &trace::Step, user: &str) {
        let is_lost = self.arrival(step) != Arrival::Unknown;
        let is_first = self.is_first("answered", user);
        let kind = match (is_lost, is_first) {
            // A copy is answered as well: the client has its answer already.
            (true, _) if !self.is_done("got its answer", user) => Kind::AnswerLost,
            (_, true) => Kind::Answered,
            _ => Kind::AnsweredAgain,
        };
        if !is_lost {
            self.is_first("got its answer", user);
        }
        self.note(step, kind, user, 0);
    }

    fn add_offer(&mut self, step: &trace::Step, device: &str) {
        let kind = match (self.arrival(step), self.is_first("offered", device)) {
            (Arrival::Kept, _) => Kind::OfferKept,
            (Arrival::Lost, _) => Kind::OfferLost,
            _ if is_erased(step) => Kind::OfferedErased,
            (Arrival::Unknown, true) => Kind::Offered,
            (Arrival::Unknown, false) => Kind::OfferedAgain,
        };
        self.note(step, kind, device, 0);
    }

    /// Notes that the connection on which a message was offered ended before any device had acknowledged it.
    fn add_close(&mut self, step: &trace::Step) {
        let is_recv = step.entry.link.is_some_and(|link| link.port == Port::Recv);
        if is_recv && self.is_done("offered", &device_of(step)) && !self.is_done("delivered", &step.user) {
            self.note(step, Kind::Disconnected, &step.user, 0);
        }
    }

    fn note(&mut self, step: &trace::Step, kind: Kind, user: &str, number: u64) {
        self.steps.push(Step::new(step.entry.at, kind, user, number));
    }

    fn arrival(&self, step: &trace::Step) -> Arrival {
        self.merged.arrival(step)
    }

    fn is_done(&self, kind: &'static str, user: &str) -> bool {
        self.done.contains(&(kind, user.to_owned()))
    }

    fn is_first(&mut self, kind: &'static str, user: &str) -> bool {
        self.done.insert((kind, user.to_owned()))
    }

    /// Returns the steps without what came before the message and after the last line about it.
    fn finish(self) -> Vec<Step> {
        let is_frame =
            |step: &Step| matches!(step.kind, Kind::ServerKilled | Kind::ClientKilled | Kind::Recovered | Kind::Synced);
        let begin = self.steps.iter().position(|step| !is_frame(step)).unwrap_or(0);
        let end = self.steps.iter().rposition(|step| !is_frame(step) || step.kind == Kind::Synced);
        self.steps.into_iter().take(end.map_or(0, |end| end + 1)).skip(begin).collect()
    }
}

/// Returns whether a line is a message without its text, which was taken back.
fn is_erased(step: &trace::Step) -> bool {
    matches!(&step.line, Line::Event(protocol::Event::Message(message)) if message.text.is_erased())
}

/// Names the device of a connection: `luis (lab)`, or `luis` for the nameless one.
fn device_of(step: &trace::Step) -> String {
    let trace::Step { user, device, .. } = step;
    if device.is_empty() { user.clone() } else { format!("{user} ({device})") }
}
