//! The connections of a stage, and the requests on them that wait for a step.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::request::Request;
use super::stage::{Connection, Held, Stage};
use crate::course::judge::step::client::Answer;
use crate::course::judge::time_line::EventKind;
use crate::limits;
use crate::net::Socket;
use crate::protocol::Port;

/// The connections, each on a thread of its own.
impl Stage {
    /// Adds a connection; `None`: it is closed at once.
    pub fn open(&self, port: Port, socket: &Arc<Socket>) -> Option<String> {
        let name = self.change(|inner| {
            inner.connects += 1;
            let open = inner.connections.iter().filter(|connection| connection.is_open).count();
            if inner.closing || inner.over || open >= limits::JUDGE_CONNECTIONS {
                return None;
            }
            let number = inner.connections.iter().filter(|connection| connection.port == port).count() + 1;
            let name = format!("{}{number}", port.word());
            let socket = socket.clone();
            let is_open = true;
            inner.connections.push(Connection { name: name.clone(), port, socket, is_open });
            Some(name)
        });
        let connects = name.as_ref().map_or("connects, and is closed at once", |_| "connects");
        self.note(name.as_deref().unwrap_or(port.word()), EventKind::Note(connects.to_owned()));
        name
    }

    pub fn close(&self, name: &str) {
        self.change(|inner| {
            inner.connections.iter_mut().filter(|connection| connection.name == name).for_each(Connection::close);
            inner.held.retain(|held| held.connection != name);
        });
    }

    /// A new session of the user takes over from the others.
    pub fn replace_sessions(&self, name: &str) {
        let mut inner = self.lock();
        let others = inner.connections.iter_mut().filter(|other| other.port == Port::Recv && other.name != name);
        let old: Vec<_> =
            others.filter(|other| other.is_open).map(|other| (other.name.clone(), other.close())).collect();
        inner.held.retain(|held| old.iter().all(|(name, ())| held.connection != *name));
        drop(inner);
        self.changed.notify_all();
    }

    /// Returns how a request is answered; one whose verb the steps have taken waits for a step. `None`: the connection or
    /// the test is over.
    pub fn find_answer(&self, name: &str, request: &Request) -> Option<Answer> {
        let mut inner = self.lock();
        if !inner.taken.contains(&request.verb) {
            return Some(Answer::Honest);
        }
        inner.tickets += 1;
        let ticket = inner.tickets;
        inner.held.push_back(Held { request: request.clone(), connection: name.to_owned(), ticket });
        self.changed.notify_all();
        loop {
            if let Some(answer) = inner.answers.remove(&ticket) {
                return Some(answer);
            }
            if inner.over || !inner.is_open(name) {
                return None;
            }
            self.changed.wait(&mut inner);
        }
    }

    /// Stops to answer requests with a verb by steps; those that wait get the answer of the small server.
    pub fn release(&self, verb: &str) {
        self.change(|inner| {
            inner.taken.remove(verb);
            let all = std::mem::take(&mut inner.held).into_iter();
            let (released, held): (VecDeque<_>, _) = all.partition(|held: &Held| held.request.verb == verb);
            inner.held = held;
            inner.answers.extend(released.into_iter().map(|held| (held.ticket, Answer::Honest)));
        });
    }

    /// Waits for events as a POLL does; `None`: the connection is over.
    pub fn poll(&self, name: &str, after: u64, wait: Duration, max: usize) -> Option<String> {
        let deadline = Instant::now() + wait;
        let mut inner = self.lock();
        if inner.mailbox.acknowledge(after).is_none() {
            return Some("KO;SEQ;that number is past the last there is\n".to_owned());
        }
        loop {
            if inner.over || !inner.is_open(name) {
                return None;
            }
            if let Some(events) = inner.mailbox.take_events(after, max) {
                return Some(events);
            }
            if self.changed.wait_until(&mut inner, deadline).timed_out() {
                return Some("OK;0\n".to_owned());
            }
        }
    }
}
