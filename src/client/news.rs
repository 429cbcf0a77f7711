//! What the app makes of the news that the sender and the receiver bring.

use std::time::{Duration, Instant};

use super::app::App;
use super::conversation::Moved;
use super::error::{LinkError, Stop};
use super::event::Answer;
use super::exit::Exit;
use super::history::Arrival;
use super::outbox::Waiting;
use super::view::View;
use crate::model::{Seq, State};
use crate::protocol::Ko;

impl App {
    pub(super) fn up(&mut self) -> Vec<View> {
        self.progress = Instant::now();
        self.agenda.hurry();
        if !std::mem::take(&mut self.away) {
            return Vec::new();
        }
        vec![View::Notice(format!("connected to {}", self.setting.server))]
    }

    /// Says once that the server is away.
    pub fn down(&mut self, why: &str) -> Vec<View> {
        if std::mem::replace(&mut self.away, true) {
            return Vec::new();
        }
        vec![View::Notice(format!("the server is away ({why}); what you write waits in the outbox"))]
    }

    /// The server is away and will not be tried: all that comes is queued.
    pub fn offline(&mut self, why: &str) -> Vec<View> {
        self.patience = Duration::ZERO;
        self.down(why)
    }

    pub(super) fn arrived(&mut self, arrival: Arrival) -> Option<View> {
        Some(match arrival {
            Arrival::Message(message) => View::Incoming(message),
            Arrival::Moved(state, Moved { last, others }) => {
                self.announced.insert(last.to.clone(), last.seq);
                let text = last.text.to_string();
                View::Tick { tick: state.into(), to: last.to.clone(), text, others }
            }
            Arrival::Online(user) => View::Notice(format!("{user} is online")),
            Arrival::Offline(user) => View::Notice(format!("{user} is offline")),
        })
    }

    /// A message has found its way, or its end.
    fn settled(&mut self) {
        self.underway = self.underway.saturating_sub(1);
        self.progress = Instant::now();
    }

    pub(super) fn accepted(&mut self, message: Waiting, seq: Seq, state: State) -> Vec<View> {
        self.settled();
        let further = self.announced.get(&message.to).is_some_and(|upto| seq <= *upto);
        if further && state == State::Received {
            return Vec::new();
        }
        let text = message.text.to_string();
        vec![View::Tick { tick: state.into(), to: message.to, text, others: 0 }]
    }

    pub(super) fn failed(&mut self, message: Waiting, ko: Ko) -> Vec<View> {
        self.failures += 1;
        self.settled();
        vec![View::Failed { to: message.to, text: message.text.to_string(), why: ko.text }]
    }

    pub(super) fn answered(&mut self, answer: Answer) -> Vec<View> {
        self.asked = self.asked.saturating_sub(1);
        self.progress = Instant::now();
        match answer {
            Answer::Users(users) => users.iter().map(|user| View::Answer(user.to_string())).collect(),
            Answer::Statuses(list) if list.is_empty() => vec![View::Answer("nobody is waited for there".to_owned())],
            Answer::Statuses(list) => {
                list.iter().map(|(user, state)| View::Answer(format!("{user}: {state}"))).collect()
            }
            Answer::Rows(rows) if rows.is_empty() => vec![View::Answer("nothing there yet".to_owned())],
            Answer::Rows(rows) => rows.into_iter().map(|record| View::Row(self.row(record))).collect(),
            Answer::Refused(ko) => vec![self.problem(&ko.text)],
            Answer::NotAsked(why) => vec![View::Problem(format!("not asked: {why}"))],
        }
    }

    pub(super) fn ended(&mut self, stop: &Stop) -> Vec<View> {
        let refused = matches!(stop, Stop::Link(LinkError::Refused(_)));
        self.end = Some(if refused { Exit::Refused } else { Exit::Failed });
        vec![View::Problem(stop.to_string())]
    }
}
