//! A Bot API on this machine: the two methods that the bridge uses, as Telegram's documentation has
//! them, as strict as Telegram is, and with the faults that a network has.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};

use crate::support::wait_for;

pub const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
pub const CHAT: i64 = -100_123_456;

/// Fault of one sendMessage.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// 429: not taken; come back after this many seconds.
    Later(u64),
    /// This status, and the message is not taken.
    Status(u16),
    /// The connection ends, and the message is not taken.
    CutBefore,
    /// The message is taken, and the connection ends.
    CutAfter,
}

#[derive(Default)]
struct State {
    /// Not forgotten yet; oldest first.
    updates: VecDeque<(i64, Value)>,
    last_update: i64,
    sent: Vec<String>,
    faults: VecDeque<Fault>,
    /// A newer getUpdates ends an older one.
    poll: u64,
    /// Requests that the real one would not have understood.
    wrong: Vec<String>,
    away: bool,
}

/// The server. Its threads end with the test.
#[derive(Clone)]
pub struct Telegram {
    port: u16,
    shared: Arc<(Mutex<State>, Condvar)>,
}

impl Telegram {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let state = State { last_update: 870_000_000, ..State::default() };
        let telegram = Self { port, shared: Arc::new((Mutex::new(state), Condvar::new())) };
        telegram.listen(listener);
        telegram
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Adds an update: a user wrote a text in the chat.
    pub fn say(&self, text: &str) {
        self.message(json!({"text": text}));
    }

    /// Adds an update: a message with these fields, and the usual ones beside them.
    pub fn message(&self, fields: Value) {
        let mut message = json!({
            "message_id": 1,
            "date": 1_770_000_000,
            "chat": {"id": CHAT, "type": "supergroup", "title": "The chat"},
            "from": {"id": 7, "is_bot": false, "first_name": "Marta", "last_name": "Ruiz"},
        });
        message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.update("message", message);
    }

    pub fn update(&self, kind: &str, what: Value) {
        let mut state = self.shared.0.lock();
        state.last_update += 1;
        let id = state.last_update;
        state.updates.push_back((id, json!({"update_id": id, kind: what})));
        self.shared.1.notify_all();
    }

    /// Telegram begins anew with another number, as it does after a week without updates.
    pub fn renumber(&self, next: i64) {
        self.shared.0.lock().last_update = next - 1;
    }

    /// Sets the faults of the next messages, one each.
    pub fn fail(&self, faults: &[Fault]) {
        self.shared.0.lock().faults.extend(faults);
    }

    /// All that was taken, oldest first.
    pub fn sent(&self) -> Vec<String> {
        let state = self.shared.0.lock();
        assert_eq!(state.wrong, Vec::<String>::new(), "requests that Telegram would not understand");
        state.sent.clone()
    }

    /// Returns how many updates are not confirmed.
    pub fn waiting(&self) -> usize {
        self.shared.0.lock().updates.len()
    }

    /// Stops listening; open connections end.
    pub fn go_away(&self) {
        self.shared.0.lock().away = true;
        self.shared.1.notify_all();
        wait_for("the port to be closed", || TcpStream::connect(("127.0.0.1", self.port)).is_err().then_some(()));
    }

    pub fn come_back(&self) {
        self.shared.0.lock().away = false;
        self.listen(TcpListener::bind(("127.0.0.1", self.port)).expect("the same port"));
    }

    fn listen(&self, listener: TcpListener) {
        let telegram = self.clone();
        listener.set_nonblocking(true).expect("a listener that does not block");
        thread::spawn(move || {
            while !telegram.shared.0.lock().away {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                };
                stream.set_nonblocking(false).expect("a connection that blocks");
                stream.set_nodelay(true).expect("a connection that does not dally");
                let telegram = telegram.clone();
                thread::spawn(move || telegram.serve(stream));
            }
        });
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().expect("a second hand"));
        while let Some((path, question)) = self.read(&mut reader) {
            let Some((status, answer)) = self.answer(&path, &question) else { return };
            let answer = answer.to_string();
            let head =
                format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}", answer.len());
            if write!(&stream, "{head}\r\n\r\n{answer}").is_err() || self.shared.0.lock().away {
                return;
            }
        }
    }

    /// One request: its path and its fields.
    fn read(&self, reader: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
        let mut words = line.split_whitespace();
        let verb = words.next()?.to_owned();
        let path = words.next()?.to_owned();
        let mut length = None;
        let mut kind = String::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok().filter(|n| *n > 0)?;
            let Some((name, value)) = header.trim().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse::<usize>().ok(),
                "content-type" => kind = value.trim().to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let fields = serde_json::from_slice::<Value>(&body).ok().filter(Value::is_object);
        if verb != "POST" || !kind.starts_with("application/json") || fields.is_none() {
            self.shared.0.lock().wrong.push(format!("{line} {kind} {body:?}"));
        }
        Some((path, fields?))
    }

    /// The status and the answer. `None`: the connection ends without one.
    fn answer(&self, path: &str, question: &Value) -> Option<(u16, Value)> {
        let refused = |code: u16, why: &str| Some((code, json!({"ok": false, "error_code": code, "description": why})));
        let Some((token, method)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
            return refused(404, "Not Found");
        };
        // As the real one: what has not the form of a token has no address.
        if token.len() < 40 {
            return refused(404, "Not Found");
        }
        if token != TOKEN {
            return refused(401, "Unauthorized");
        }
        match method.to_ascii_lowercase().as_str() {
            "getupdates" => self.get_updates(question),
            "sendmessage" => self.send_message(question),
            _ => refused(404, "Not Found: method not found"),
        }
    }

    fn get_updates(&self, question: &Value) -> Option<(u16, Value)> {
        let number = |name: &str, default: i64| question.get(name).map_or(default, |n| n.as_i64().expect("a number"));
        let offset = number("offset", 0);
        let limit = number("limit", 100).clamp(1, 100);
        let deadline = Instant::now() + Duration::from_secs(number("timeout", 0).clamp(0, 50) as u64);
        let mut state = self.shared.0.lock();
        if question.get("allowed_updates") != Some(&json!(["message"])) {
            state.wrong.push(question.to_string());
        }
        state.poll += 1;
        let mine = state.poll;
        self.shared.1.notify_all();
        match offset {
            0.. => state.updates.retain(|(id, _)| *id >= offset),
            _ => {
                let excess = state.updates.len().saturating_sub(offset.unsigned_abs() as usize);
                state.updates.drain(..excess);
            }
        }
        loop {
            if state.away {
                return None;
            }
            if state.poll != mine {
                let why = "Conflict: terminated by other getUpdates request";
                return Some((409, json!({"ok": false, "error_code": 409, "description": why})));
            }
            state.updates.retain(|(_, update)| update.get("message").is_some());
            if !state.updates.is_empty() || self.shared.1.wait_until(&mut state, deadline).timed_out() {
                let list: Vec<_> = state.updates.iter().take(limit as usize).map(|(_, u)| u.clone()).collect();
                return Some((200, json!({"ok": true, "result": list})));
            }
        }
    }

    fn send_message(&self, question: &Value) -> Option<(u16, Value)> {
        let bad = |why: &str| {
            Some((400, json!({"ok": false, "error_code": 400, "description": format!("Bad Request: {why}")})))
        };
        let mut state = self.shared.0.lock();
        let fault = state.faults.pop_front();
        match fault {
            Some(Fault::Later(seconds)) => {
                let why = format!("Too Many Requests: retry after {seconds}");
                let more = json!({"retry_after": seconds});
                return Some((429, json!({"ok": false, "error_code": 429, "description": why, "parameters": more})));
            }
            Some(Fault::Status(status)) => {
                return Some((status, json!({"ok": false, "error_code": status, "description": "as the test wants"})));
            }
            Some(Fault::CutBefore) => return None,
            Some(Fault::CutAfter) | None => {}
        }
        let chat = question.get("chat_id").and_then(|id| id.as_i64().or_else(|| id.as_str()?.parse().ok()));
        if chat != Some(CHAT) {
            return bad("chat not found");
        }
        let text = question.get("text").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        if text.is_empty() {
            return bad("message text is empty");
        }
        if text.encode_utf16().count() > 4096 {
            return bad("message is too long");
        }
        state.sent.push(text.clone());
        if matches!(fault, Some(Fault::CutAfter)) {
            return None;
        }
        Some((200, json!({"ok": true, "result": {"message_id": state.sent.len(), "chat": {"id": CHAT}, "text": text}})))
    }
}
