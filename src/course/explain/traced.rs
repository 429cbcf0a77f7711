//! The steps in the life of a message that traces show, in their merged order. Where the trace of the server is among
//! them, each line is told as the server saw it.

use std::collections::HashSet;
use std::path::PathBuf;

use super::step::{Kind, Step};
use crate::course::trace::{self, Selection};
use crate::model::Message;
use crate::record::Fields;
use crate::trace::{Event, Port};

/// Reads traces; returns the steps of a message, and notes. The error says that none is about it.
pub(super) fn read(files: &[PathBuf], message: &Message) -> Result<(Vec<Step>, Vec<String>), String> {
    let selection = Selection { user: None, message: Some(message.id.to_string()) };
    let (merged, notes) = trace::select(files, &selection)?;
    let mut reading = Reading { message, steps: Vec::new(), done: HashSet::new() };
    // A line that both of its ends have recorded is told once.
    let is_told = |step: &trace::Step| step.entry.process == SERVER || step.pair.is_none();
    merged.steps.iter().filter(|step| is_told(step)).for_each(|step| reading.add(step));
    Ok((reading.finish(), notes))
}

/// The name of the server in a trace.
const SERVER: &str = "server";

struct Reading<'a> {
    message: &'a Message,
    steps: Vec<Step>,
    /// The kinds of steps, with their users, that came already.
    done: HashSet<(&'static str, String)>,
}

impl Reading<'_> {
    fn add(&mut self, step: &trace::Step) {
        let is_server = step.entry.process == SERVER;
        match step.entry.event {
            Event::In | Event::Out => {
                let to_server = is_server == (step.entry.event == Event::In);
                if let Ok(fields) = Fields::parse(step.entry.text.as_bytes()) {
                    self.add_line(step, &fields, to_server);
                }
            }
            Event::Sync if self.is_first("synced", "") => self.note(step, Kind::Synced, "", self.message.seq.get()),
            Event::Killed if is_server => self.note(step, Kind::ServerKilled, "", 0),
            Event::Killed => {
                let user = step.entry.process.trim_start_matches("client:").to_owned();
                self.note(step, Kind::ClientKilled, &user, 0);
            }
            Event::Recovered => self.note(step, Kind::Recovered, "", step.entry.number),
            Event::Close if is_server => self.add_close(step),
            _ => {}
        }
    }

    fn add_line(&mut self, step: &trace::Step, fields: &Fields, to_server: bool) {
        let field = |index| fields.get(index).unwrap_or_default();
        let (id, from, user) = (self.message.id.to_string(), self.message.from.to_string(), step.user.clone());
        let is_sender = user.to_lowercase() == from.to_lowercase();
        match (to_server, field(0).to_uppercase().as_str(), field(1)) {
            (true, "SEND", sent) if sent == id && is_sender => self.add_send(step, &user),
            (false, "OK", answered) if answered == id && is_sender => self.add_answer(step, &user),
            (false, _, "MSG") if field(2) == id && field(3) == from => self.add_offer(step, &user),
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
        let kind = match step.entry.event {
            _ if step.is_lost => Kind::SentInVain,
            Event::In if is_first => Kind::Arrived,
            Event::In => Kind::Retried,
            _ => Kind::Sent,
        };
        self.note(step, kind, user, 0);
    }

    fn add_answer(&mut self, step: &trace::Step, user: &str) {
        let kind = match (step.is_lost, self.is_first("answered", user)) {
            (true, _) => Kind::AnswerLost,
            (false, true) => Kind::Answered,
            (false, false) => Kind::AnsweredAgain,
        };
        self.note(step, kind, user, 0);
    }

    fn add_offer(&mut self, step: &trace::Step, user: &str) {
        let kind = match (step.is_lost, self.is_first("offered", user)) {
            (true, _) => Kind::OfferLost,
            (false, true) => Kind::Offered,
            (false, false) => Kind::OfferedAgain,
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
