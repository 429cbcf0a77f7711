//! The steps in the life of a message that traces show, in their merged order. Where the trace of the server is among
//! them, each line is told as the server saw it.

use std::collections::HashSet;
use std::path::PathBuf;

use super::step::{Kind, Step};
use crate::course::trace::{self, Arrival, Merged, SERVER, Selection};
use crate::model::Message;
use crate::protocol::Port;
use crate::record::Fields;
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
    is_at_server(step) || is_frame || (merged.before(step).is_none() && !merged.way(step).any(is_at_server))
}

fn is_at_server(step: &trace::Step) -> bool {
    step.entry.process == SERVER
}

struct Reading<'a> {
    message: &'a Message,
    merged: &'a Merged,
    steps: Vec<Step>,
    /// The kinds of steps, with their users, that came already.
    done: HashSet<(&'static str, String)>,
}

impl Reading<'_> {
    fn add(&mut self, step: &trace::Step) {
        let is_server = is_at_server(step);
        match step.entry.event {
            Event::In | Event::Out => {
                let to_server = step.is_client == (step.entry.event == Event::Out);
                if let Ok(fields) = Fields::parse(step.entry.text.as_bytes()) {
                    self.add_line(step, &fields, to_server);
                }
            }
            Event::Sync if self.is_first("synced", "") => self.note(step, Kind::Synced, "", self.message.seq.get()),
            Event::Killed if is_server => self.note(step, Kind::ServerKilled, "", 0),
            Event::Killed => {
                let client = step.entry.process.strip_prefix("client:").map(str::to_owned);
                client.iter().for_each(|user| self.note(step, Kind::ClientKilled, user, 0));
            }
            Event::Recovered => self.note(step, Kind::Recovered, "", step.entry.number),
            Event::Close if is_server => self.add_close(step),
            _ => {}
        }
    }

    fn add_line(&mut self, step: &trace::Step, fields: &Fields, to_server: bool) {
        let field = |index| fields.get(index).unwrap_or_default();
        let id = self.message.id.to_string();
        let from = self.message.from.to_string();
        let user = step.user.clone();
        let is_sender = user.to_lowercase() == from.to_lowercase();
        match (to_server, field(0).to_uppercase().as_str(), field(1)) {
            (true, "SEND", sent) if sent == id && is_sender => self.add_send(step, &user),
            (false, "OK", answered) if answered == id && is_sender => self.add_answer(step, &user),
            (false, _, "MSG") if field(2) == id && field(3) == from => self.add_offer(step, &user),
            // A line that does not arrive has no effect, and comes again.
            (true, "POLL" | "READ", _) | (false, _, "STATE") if self.arrival(step) != Arrival::Unknown => {}
            (true, "POLL", _) if !is_sender && self.is_first("delivered", &user) => {
                self.note(step, Kind::Delivered, &user, 0);
            }
            (true, "READ", _) if !is_sender && self.is_first("read", &user) => self.note(step, Kind::Read, &user, 0),
            (false, _, "STATE") => {
                let kind = if field(3) == "READ" { Kind::ToldRead } else { Kind::ToldDelivered };
                self.note(step, kind, &user, 0);
            }
            _ => {}
        }
    }

    fn add_send(&mut self, step: &trace::Step, user: &str) {
        let is_first = self.is_first("sent", user);
        let kind = match (self.arrival(step), step.entry.event) {
            (Arrival::Kept, _) => Kind::SendKept,
            (Arrival::Lost, _) => Kind::SentInVain,
            (Arrival::Unknown, _) if !self.merged.way(step).any(is_at_server) => Kind::Sent,
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

    fn add_offer(&mut self, step: &trace::Step, user: &str) {
        let kind = match (self.arrival(step), self.is_first("offered", user)) {
            (Arrival::Kept, _) => Kind::OfferKept,
            (Arrival::Lost, _) => Kind::OfferLost,
            (Arrival::Unknown, true) => Kind::Offered,
            (Arrival::Unknown, false) => Kind::OfferedAgain,
        };
        self.note(step, kind, user, 0);
    }

    /// Notes that the connection on which a message was offered ended before the acknowledgement.
    fn add_close(&mut self, step: &trace::Step) {
        let is_recv = step.entry.link.is_some_and(|link| link.port == Port::Recv);
        if is_recv && self.is_done("offered", &step.user) && !self.is_done("delivered", &step.user) {
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
