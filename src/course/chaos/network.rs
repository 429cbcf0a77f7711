//! State that all connections through the proxy share.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use super::answers::Answers;
use super::decide::{Decider, Identity, Source};
use super::decisions::{Decision, Log};
use super::fault::Fault;
use super::gate::Gate;
use super::record::{Connection, Record};
use crate::limits;
use crate::model::UserName;
use crate::net::{LineReader, Socket};
use crate::protocol::{Login, LoginKind, Port};
use crate::trace::{Event, Role, Trace, Traced};

/// Addresses, faults and outputs of a proxy.
pub struct Config {
    /// Addresses that stand for the SEND port and the RECV port; port 0: a free one.
    pub listen: [SocketAddr; 2],
    pub server: [SocketAddr; 2],
    pub source: Source,
    pub log: Option<Log>,
    /// Records the lines that the proxy receives and sends.
    pub trace: Option<Trace>,
    /// Gets each decision, unless it is full.
    pub notices: Sender<Notice>,
}

/// An event for the person at the terminal.
#[derive(Debug)]
pub enum Notice {
    Decided(Decision),
    Trouble(String),
}

pub(super) struct Network {
    server: [SocketAddr; 2],
    pub decider: Decider,
    pub answers: Answers,
    pub gate: Gate,
    pub trace: Option<Trace>,
    notices: Sender<Notice>,
    done: Mutex<Done>,
    /// Number of connections that are open.
    open: AtomicUsize,
}

#[derive(Default)]
struct Done {
    log: Option<Log>,
    decisions: usize,
    /// By action.
    faults: BTreeMap<&'static str, u64>,
    connections: u64,
    disturbed: HashSet<Connection>,
}

/// The sums of a run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Connections whose login line has come.
    pub connections: u64,
    /// Those with at least one fault.
    pub disturbed: usize,
    /// Number of faults by action.
    pub faults: Vec<(&'static str, u64)>,
    /// Number of answers to SENDs that had been answered before.
    pub repeated: u64,
    /// The first of those that differs from the answer before.
    pub different: Option<String>,
}

/// A connection that is counted while it is open.
pub(super) struct Guard(Arc<Network>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Network {
    pub fn new(config: Config) -> Self {
        let Config { server, source, log, trace, notices, .. } = config;
        let done = Mutex::new(Done { log, ..Done::default() });
        let answers = Answers::default();
        let gate = Gate::default();
        let decider = Decider::new(source);
        let open = AtomicUsize::new(0);
        Self { server, decider, answers, gate, trace, notices, done, open }
    }

    /// Counts a connection, unless there are too many.
    pub fn enter(self: &Arc<Self>) -> Option<Guard> {
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        let guard = Guard(self.clone());
        (open < limits::CHAOS_CONNECTIONS).then_some(guard)
    }

    /// Connects to the server. An error is reported, and the client finds its connection closed.
    pub fn connect(&self, port: Port) -> Option<TcpStream> {
        let address = port.of(self.server);
        let connected = TcpStream::connect_timeout(&address, limits::TIMEOUT);
        connected.map_err(|error| self.report_failure(port, &format!("{address}: {error}"))).ok()
    }

    fn report_failure(&self, port: Port, why: &str) {
        if let Some(trace) = &self.trace {
            trace.note(Event::Failed, 0, &format!("{port} {why}"));
        }
        self.report(format!("cannot connect to the server at {why}"));
    }

    pub fn report(&self, trouble: String) {
        // Beyond the bound it is not shown: connections do not wait for a terminal.
        let _ = self.notices.try_send(Notice::Trouble(trouble));
    }

    pub fn begin(&self, user: Option<UserName>, port: Port) -> Identity {
        self.done.lock().connections += 1;
        self.decider.begin(user, port)
    }

    /// Decides about a record. Each decision is in the log before it takes effect.
    pub fn decide(&self, identity: &Identity, record: &Record) -> Vec<Fault> {
        let mut faults = self.decider.decide(identity, record);
        if faults.is_empty() {
            return faults;
        }
        let mut done = self.done.lock();
        faults.truncate(limits::CHAOS_DECISIONS.saturating_sub(done.decisions));
        for fault in &faults {
            let decision = Decision::new(&identity.connection, record, fault.clone());
            if let Err(error) = done.add(&decision) {
                self.report(format!("the log cannot be written, and ends: {error}"));
            }
            let _ = self.notices.try_send(Notice::Decided(decision));
        }
        if done.decisions == limits::CHAOS_DECISIONS && !faults.is_empty() {
            self.report(format!("{} decisions were taken: nothing more is disturbed", done.decisions));
        }
        faults
    }

    pub fn summary(&self) -> Summary {
        let (repeated, different) = self.answers.repeated();
        let done = self.done.lock();
        let faults = done.faults.iter().map(|(action, count)| (*action, *count)).collect();
        Summary { connections: done.connections, disturbed: done.disturbed.len(), faults, repeated, different }
    }

    /// Sends as the user of a connection, on one that its client knows nothing of. Nothing is retried.
    pub fn send_again(&self, connection: &Connection, login: &[u8], sends: Vec<(String, Vec<u8>)>) {
        let Some(login) = Login::parse(login.trim_ascii_end()).filter(|_| !sends.is_empty()) else { return };
        let Some(socket) = self.connect(Port::Send).map(|stream| Arc::new(Socket::from(stream))) else { return };
        let mut replies = LineReader::new(socket.clone(), limits::TIMEOUT);
        let trace = self.trace.as_ref();
        let traced = trace.and_then(|trace| Traced::open(trace, Role::Client, Port::Send, socket.tcp()));
        let mut ask = |line: &[u8]| -> Option<String> {
            traced.iter().for_each(|traced| traced.sent(line));
            socket.write_all(line).ok()?;
            let reply = replies.next_line().ok()?;
            traced.iter().for_each(|traced| traced.received(reply));
            Some(String::from_utf8_lossy(reply).into_owned())
        };
        if !ask(&login_again(login)).is_some_and(|reply| reply.starts_with("OK;")) {
            return;
        }
        for (id, request) in sends {
            let Some(answer) = ask(&request) else { return };
            self.answers.note(&connection.user, &id, &request, &answer);
        }
    }
}

/// Returns the login line for one more connection: a REGISTER has made the account already.
fn login_again(login: Login<'_>) -> Vec<u8> {
    let kind = if login.kind == LoginKind::Register { LoginKind::Login } else { login.kind };
    let mut line = Vec::new();
    Login { kind, ..login }.write(&mut line);
    line
}

impl Done {
    fn add(&mut self, decision: &Decision) -> std::io::Result<()> {
        self.decisions += 1;
        *self.faults.entry(decision.fault.action()).or_default() += 1;
        self.disturbed.insert(decision.connection.clone());
        let written = self.log.as_mut().map_or(Ok(()), |log| log.write(decision));
        if written.is_err() {
            self.log = None;
        }
        written
    }
}
