//! The requests of one connection that the server has not answered yet, oldest first.

use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

use super::record::Record;
use crate::limits;
use crate::protocol::SendRequest;
use crate::protocol::exchange::Verb;

/// A request that is to be answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub verb: Verb,
    /// It is a copy, of which the client does not know: the reply is kept from it.
    pub hidden: bool,
    /// Of a SEND: its id, and the whole line.
    pub send: Option<(String, Vec<u8>)>,
}

#[derive(Default)]
pub(super) struct Pending {
    queue: Mutex<Queue>,
    answered: Condvar,
}

#[derive(Default)]
struct Queue {
    requests: VecDeque<Request>,
    bytes: usize,
    /// No more answers come: nothing waits for space.
    closed: bool,
}

impl Request {
    pub fn new(record: &Record) -> Self {
        let line = record.bytes.trim_ascii_end();
        let send = match SendRequest::parse(line) {
            Ok(SendRequest::Send { id, .. }) if record.line > 1 => Some((id.to_string(), record.bytes.to_vec())),
            _ => None,
        };
        Self { verb: Verb::of(line), hidden: false, send }
    }

    fn bytes(&self) -> usize {
        self.send.as_ref().map_or(0, |(_, line)| line.len())
    }
}

impl Pending {
    /// Adds a request, once there is space: a server that does not answer is not sent any number of requests.
    pub fn push(&self, request: Request) {
        let mut queue = self.queue.lock();
        while !queue.closed && queue.is_full() {
            self.answered.wait(&mut queue);
        }
        if !queue.is_full() {
            queue.bytes += request.bytes();
            queue.requests.push_back(request);
        }
    }

    /// Returns the request that the next reply answers; without one the default.
    pub fn first(&self) -> Request {
        self.queue.lock().requests.front().cloned().unwrap_or_default()
    }

    pub fn pop(&self) {
        let mut queue = self.queue.lock();
        let bytes = queue.requests.pop_front().map_or(0, |request| request.bytes());
        queue.bytes -= bytes.min(queue.bytes);
        self.answered.notify_all();
    }

    pub fn close(&self) {
        self.queue.lock().closed = true;
        self.answered.notify_all();
    }

    /// Returns the SENDs of the client, in their order: first tried, first served, however many connections try them.
    pub fn sends(&self) -> Vec<(String, Vec<u8>)> {
        let queue = self.queue.lock();
        queue.requests.iter().filter(|request| !request.hidden).filter_map(|request| request.send.clone()).collect()
    }
}

impl Queue {
    fn is_full(&self) -> bool {
        self.requests.len() >= limits::CHAOS_PENDING || self.bytes >= limits::CHAOS_PENDING_BYTES
    }
}
