//! The DevTools protocol: requests, their replies and events, JSON over the pipes that `--remote-debugging-pipe` opens.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdin, ChildStdout};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};

use crate::support::TIMEOUT;

/// A connection to one browser. A thread of its own reads; any thread may call.
pub struct DevTools {
    pipe: Mutex<(ChildStdin, u64)>,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    received: Mutex<Received>,
    changed: Condvar,
}

#[derive(Default)]
struct Received {
    /// The reply to each request that has one, until its caller takes it.
    replies: HashMap<u64, Value>,
    /// All events so far.
    events: Vec<Event>,
    /// The browser has closed its end.
    is_at_end: bool,
}

/// Something that the browser told without being asked.
#[derive(Clone)]
pub struct Event {
    pub session: String,
    pub method: String,
    pub params: Value,
}

impl DevTools {
    /// `input`: what the browser reads; `output`: what it writes.
    pub fn new(input: ChildStdin, output: ChildStdout) -> Self {
        let inbox = Arc::new(Inbox::default());
        let of_reader = Arc::clone(&inbox);
        std::thread::spawn(move || of_reader.read(output));
        Self { pipe: Mutex::new((input, 0)), inbox }
    }

    /// Calls a method; returns its result, or the browser's error.
    pub fn try_call(&self, session: &str, method: &str, params: Value) -> Result<Value, String> {
        let id = self.send(session, method, params);
        let mut reply = self.inbox.take_reply(id).ok_or_else(|| format!("no reply to {method}"))?;
        match reply.get("error") {
            Some(error) => Err(format!("{method}: {error}")),
            None => Ok(reply["result"].take()),
        }
    }

    /// Sends a request without waiting for its reply: a page that waits for the user, as before a close, has none.
    pub fn send(&self, session: &str, method: &str, params: Value) -> u64 {
        let mut pipe = self.pipe.lock();
        pipe.1 += 1;
        let mut message = json!({ "id": pipe.1, "method": method, "params": params });
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        // A browser that was killed gives no reply: that is what the caller notices.
        let _ = pipe.0.write_all(&bytes);
        pipe.1
    }

    /// Returns the events of a session with this name.
    pub fn events(&self, session: &str, method: &str) -> Vec<Event> {
        let received = self.inbox.received.lock();
        let wanted = |event: &&Event| event.session == session && event.method == method;
        received.events.iter().filter(wanted).cloned().collect()
    }

    /// Returns how many events of a session have one of these names.
    pub fn count(&self, session: &str, methods: &[&str]) -> usize {
        let received = self.inbox.received.lock();
        let wanted = |event: &&Event| event.session == session && methods.contains(&event.method.as_str());
        received.events.iter().filter(wanted).count()
    }
}

impl Inbox {
    fn read(&self, output: ChildStdout) {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        while output.read_until(0, &mut bytes).is_ok_and(|read| read > 0) {
            bytes.pop();
            if let Ok(message) = serde_json::from_slice(&bytes) {
                self.add(message);
            }
            bytes.clear();
        }
        self.received.lock().is_at_end = true;
        self.changed.notify_all();
    }

    fn add(&self, mut message: Value) {
        let mut received = self.received.lock();
        if let Some(id) = message["id"].as_u64() {
            received.replies.insert(id, message);
        } else {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (session, method) = (text(&message["sessionId"]), text(&message["method"]));
            received.events.push(Event { session, method, params: message["params"].take() });
        }
        self.changed.notify_all();
    }

    /// Waits for a reply; `None`: the browser has ended, or the time is over.
    fn take_reply(&self, id: u64) -> Option<Value> {
        let deadline = Instant::now() + TIMEOUT;
        let mut received = self.received.lock();
        loop {
            if let Some(reply) = received.replies.remove(&id) {
                return Some(reply);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if received.is_at_end || left == Duration::ZERO {
                return None;
            }
            self.changed.wait_for(&mut received, left);
        }
    }
}
