//! The crash tests: a server that is killed and started again, amid traffic. What its users see is judged by the
//! [delivery checker](crate::course::checker).

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::pattern::{PASSWORD, unique};
use super::server::Server;
use super::time_line::Mismatch;
use crate::course::checker::{Checker, Seen, Verdict};
use crate::course::wire::{Came, Wire};
use crate::protocol::{
    Accepted, Code, Codec as _, DeviceState, Event, ListHead, Login, LoginKind, Port, SessionOpened, parse_reply,
};

/// Longest time that a server may take to start.
const START: Duration = Duration::from_secs(30);
/// Longest time in which everything has to arrive after the last restart.
const END: Duration = Duration::from_secs(30);
const RESTARTS: u64 = 3;
/// Time between two restarts, in which messages are sent.
const LIFE: Duration = Duration::from_millis(700);
/// The devices of each user, in traffic with devices.
const DEVICES: [&str; 2] = ["lab", "phone"];
/// Messages that are sent before one is answered.
const WINDOW: u64 = 4;

/// Runs the command that kills the server and starts it again, and waits until both ports answer a login.
pub fn restart(server: &Server) -> Result<(), Mismatch> {
    let failed = |came: String| Mismatch::new("a server that was started again", came);
    let command = server.restart.as_deref().unwrap_or_default();
    let status = Command::new("sh").args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(failed(format!("{command:?} ended with {status}"))),
        Err(error) => return Err(failed(format!("{command:?}: {error}"))),
    }
    let deadline = Instant::now() + START;
    // The killed one may still seem to listen for a moment.
    let user = unique("new");
    let logins =
        [(server.send, format!("REGISTER:{user}:{PASSWORD}\n")), (server.recv, format!("LOGIN:{user}:{PASSWORD}\n"))];
    while !logins.iter().all(|(address, line)| is_answered(*address, line, server.patience)) {
        if Instant::now() > deadline {
            return Err(failed(format!("no answer to a login within {} s", START.as_secs())));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Starts a server again if a test has ended it, so that the next one is judged by itself. Without a command it stays away.
pub fn revive(server: &Server) {
    if server.restart.is_some() && Wire::open(server.send, server.patience).is_err() {
        // One that does not start fails the next test.
        let _ = restart(server);
    }
}

fn is_answered(address: SocketAddr, line: &str, patience: Duration) -> bool {
    Wire::open(address, patience).is_ok_and(|mut wire| {
        wire.send(line.as_bytes());
        matches!(wire.read(), Came::Line(_))
    })
}

/// The traffic of two users, and what the checker says of it.
struct Traffic<'a> {
    server: &'a Server,
    users: [String; 2],
    checker: Mutex<Checker>,
    /// New messages are sent as long as this is set.
    sending: AtomicBool,
    polling: AtomicBool,
    /// The first thing that went wrong.
    broken: Mutex<Option<String>>,
}

/// Sends and polls while the server is restarted a few times; then everything has to arrive. `users`: the sender, and the
/// recipient; `devices`: each has two. Returns an entry for the time line, and the verdict.
pub fn play(server: &Server, users: [String; 2], devices: bool) -> (String, Result<(), Mismatch>) {
    let mut checker = Checker::default();
    users.iter().for_each(|user| checker.registered(user));
    let traffic = Traffic {
        server,
        users,
        checker: Mutex::new(checker),
        sending: AtomicBool::new(true),
        polling: AtomicBool::new(true),
        broken: Mutex::new(None),
    };
    let devices = if devices { &DEVICES[..] } else { &[""] };
    let readers = traffic.users.iter().flat_map(|user| devices.iter().map(move |device| (user, *device)));
    let end = thread::scope(|scope| {
        let traffic = &traffic;
        scope.spawn(|| traffic.send());
        readers.for_each(|(user, device)| _ = scope.spawn(move || traffic.receive(user, device)));
        let end = traffic.restart_and_wait();
        traffic.sending.store(false, Ordering::Relaxed);
        traffic.polling.store(false, Ordering::Relaxed);
        end
    });
    let accepted = traffic.checker.lock().accepted_count();
    (format!("{accepted} messages were answered OK, amid {RESTARTS} restarts"), end)
}

impl Traffic<'_> {
    fn restart_and_wait(&self) -> Result<(), Mismatch> {
        for _ in 0..RESTARTS {
            thread::sleep(LIFE);
            restart(self.server)?;
            self.checker.lock().restarted();
        }
        thread::sleep(LIFE);
        self.sending.store(false, Ordering::Relaxed);
        let deadline = Instant::now() + END;
        let verdict = loop {
            match self.verdict() {
                ControlFlow::Break(verdict) => break verdict,
                ControlFlow::Continue(missing) if Instant::now() > deadline => break Err(missing),
                ControlFlow::Continue(_) => thread::sleep(Duration::from_millis(50)),
            }
        };
        verdict.map_err(|came| Mismatch::new("what was answered OK, once and in order", came))
    }

    /// Returns the verdict, or what is missing as long as waiting may bring it.
    fn verdict(&self) -> ControlFlow<Result<(), String>, String> {
        if let Some(broken) = self.broken.lock().clone() {
            return ControlFlow::Break(Err(broken));
        }
        let checker = self.checker.lock();
        match checker.unknown(&self.users[0]).len() {
            0 if checker.accepted_count() == 0 => ControlFlow::Break(Err("no message was answered OK".to_owned())),
            0 => checker
                .verdict()
                .map_or_else(|missing| ControlFlow::Continue(missing.into()), |()| ControlFlow::Break(Ok(()))),
            open => ControlFlow::Continue(format!("{open} messages have no answer")),
        }
    }

    fn judge(&self, tell: impl FnOnce(&mut Checker) -> Verdict) {
        if let Err(broken) = tell(&mut self.checker.lock()) {
            self.broken.lock().get_or_insert(broken.into());
        }
    }

    fn complain(&self, why: String) {
        self.broken.lock().get_or_insert(why);
    }

    fn is_sending(&self) -> bool {
        self.sending.load(Ordering::Relaxed)
    }

    /// Connects to a server that may be away.
    fn log_in(&self, port: Port, user: &str, device: &str) -> Option<(Wire, String)> {
        let address = port.of([self.server.send, self.server.recv]);
        let logged_in = Wire::open(address, self.server.patience).ok().and_then(|mut wire| {
            let kind = if device.is_empty() { LoginKind::Login } else { LoginKind::Device };
            let mut line = Vec::new();
            Login { kind, device, user, password: PASSWORD }.write(&mut line);
            wire.send(&line);
            match wire.read() {
                Came::Line(line) if line.starts_with("OK;") => Some((wire, line)),
                Came::Line(line) if line.starts_with("KO;AUTH;") => {
                    self.judge(|checker| checker.locked_out(user));
                    None
                }
                _ => None,
            }
        });
        if logged_in.is_none() {
            thread::sleep(Duration::from_millis(20));
        }
        logged_in
    }

    /// Sends; after every loss of the connection first again, under the same ids, what has no answer.
    fn send(&self) {
        let mut count = 0;
        loop {
            let open = self.checker.lock().unknown(&self.users[0]);
            if self.broken.lock().is_some()
                || !self.polling.load(Ordering::Relaxed)
                || open.is_empty() && !self.is_sending()
            {
                return;
            }
            if let Some((mut wire, _)) = self.log_in(Port::Send, &self.users[0], "") {
                let _ = self.send_on(&mut wire, open, &mut count);
            }
        }
    }

    /// `None`: the connection is gone, or nothing is left to send.
    fn send_on(&self, wire: &mut Wire, mut again: Vec<(String, String, String)>, count: &mut u64) -> Option<()> {
        let [from, to] = &self.users;
        loop {
            while (again.len() as u64) < WINDOW && self.is_sending() {
                *count += 1;
                again.push((format!("{from}-{count}"), to.clone(), format!("number {count}")));
            }
            if again.is_empty() {
                return None;
            }
            for (id, to, text) in &again {
                self.checker.lock().asks(from, id, to, text);
                wire.send(format!("SEND;{id};{to};{text}\n").as_bytes());
            }
            for (id, ..) in std::mem::take(&mut again) {
                let Came::Line(line) = wire.read() else { return None };
                self.take_answer(&id, &line)?;
            }
        }
    }

    fn take_answer(&self, id: &str, line: &str) -> Option<()> {
        let from = &self.users[0];
        match parse_reply::<Accepted>(line.as_bytes()) {
            Ok(Ok(accepted)) if accepted.id.as_str() == id => {
                self.judge(|checker| checker.accepted(from, id, &accepted.at.to_string(), accepted.seq.get()));
                Some(())
            }
            Ok(Err(ko)) if ko.code.is_temporary() => {
                self.judge(|checker| checker.refused(from, id));
                Some(())
            }
            // The last line of a server that is stopping answers nothing.
            Ok(Err(ko)) if ko.code.closes() => None,
            _ => {
                self.complain(format!("SEND;{id};... was answered {line:?}"));
                None
            }
        }
    }

    /// Polls, stores and acknowledges, as a client does.
    fn receive(&self, user: &str, device: &str) {
        let stream = if device.is_empty() { user.to_owned() } else { format!("{user}:{device}") };
        while self.polling.load(Ordering::Relaxed) {
            let Some((mut wire, line)) = self.log_in(Port::Recv, user, device) else { continue };
            match parse_reply::<SessionOpened>(line.as_bytes()) {
                Ok(Ok(SessionOpened { acknowledged, store, device: Some(DeviceState::New), .. })) => {
                    self.judge(|checker| checker.begins(&stream, acknowledged.get(), &store));
                }
                Ok(Ok(SessionOpened { acknowledged, store, .. })) => {
                    self.judge(|checker| checker.logs_in(&stream, acknowledged.get(), &store));
                }
                _ => return self.complain(format!("the login on RECV was answered {line:?}")),
            }
            let _ = self.poll(&stream, &mut wire);
        }
    }

    fn poll(&self, user: &str, wire: &mut Wire) -> Option<()> {
        while self.polling.load(Ordering::Relaxed) {
            let last = self.checker.lock().last_stored(user);
            self.checker.lock().acknowledges(user, last);
            wire.send(format!("POLL;{last};1\n").as_bytes());
            let Came::Line(head) = wire.read() else { return None };
            let count = match parse_reply::<ListHead>(head.as_bytes()) {
                Ok(Ok(ListHead { count })) => count,
                Ok(Err(ko)) if ko.code == Code::Seq => {
                    self.judge(|checker| checker.denied(user, last));
                    return None;
                }
                _ => return None,
            };
            for _ in 0..count {
                let Came::Line(line) = wire.read() else { return None };
                self.take_event(user, &line)?;
            }
        }
        Some(())
    }

    fn take_event(&self, user: &str, line: &str) -> Option<()> {
        match Event::parse(line.as_bytes()) {
            Ok(Event::Message(message)) => {
                let [id, from, to] = [message.id.to_string(), message.from.to_string(), message.to.to_string()];
                let erased = message.text.is_erased();
                let seen = Seen { seq: message.seq.get(), id, from, to, text: message.text.to_string(), erased };
                self.judge(|checker| checker.received(user, seen));
            }
            Ok(Event::State { seq, target, state, upto, .. }) => {
                let target = target.to_string();
                let state = state.to_string();
                self.judge(|checker| checker.told(user, seq.get(), &target, &state, upto.get()));
            }
            Ok(_) => {}
            Err(_) => {
                self.complain(format!("a POLL brought {line:?}, which is no event"));
                return None;
            }
        }
        Some(())
    }
}
