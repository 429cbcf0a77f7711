//! A server of a lesson: a process of its own, on free ports, with a store that is removed in the end.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::course::flawed::Flaw;
use crate::course::process::{self, KeptPort, Running, Waited, this_program, wait_until_listening};
use crate::trace::{Entry, Event};

/// The users of the lessons, and their password.
pub(super) const USERS: [&str; 2] = ["ana", "luis"];
pub(super) const PASSWORD: &str = "una palabra larga";

/// Options of our servers. A connection may be idle for long: a teacher talks between two parts.
pub(super) const OPTIONS: [&str; 3] = ["--no-lobby", "--no-limits", "--timeout=300"];

/// Longest time that a server may take to start, and its trace to show a line.
const START: Duration = Duration::from_secs(20);

pub(super) struct Server {
    /// The flaw of a small server; `None`: it is our own.
    flaw: Option<Flaw>,
    /// The SEND port and the RECV port.
    ports: [KeptPort; 2],
    process: Running,
    directory: TempDir,
}

impl Server {
    /// Starts a server with the accounts ana and luis.
    pub fn start(flaw: Option<Flaw>) -> Result<Self, String> {
        let directory = TempDir::new().map_err(|error| format!("cannot make a temporary directory: {error}"))?;
        if flaw.is_some() {
            let accounts = USERS.map(|user| format!("ACCOUNT;{user};{user};{}\n", PASSWORD));
            std::fs::write(directory.path().join(LOG), accounts.concat()).map_err(|error| error.to_string())?;
        }
        let ports = KeptPort::keep_two().map_err(|error| format!("there is no free port: {error}"))?;
        let process = spawn(flaw, &ports, &directory)?;
        let mut server = Self { flaw, ports, process, directory };
        server.wait_until_it_listens()?;
        Ok(server)
    }

    /// Kills the server with SIGKILL, and starts it again on the same files.
    pub fn kill_and_start(&mut self) -> Result<(), String> {
        self.kill();
        self.start_again()
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts the server that was killed again, on the same files.
    pub fn start_again(&mut self) -> Result<(), String> {
        self.process = spawn(self.flaw, &self.ports, &self.directory)?;
        self.wait_until_it_listens()
    }

    pub fn is_ours(&self) -> bool {
        self.flaw.is_none()
    }

    pub fn send_port(&self) -> SocketAddr {
        self.ports[0].address
    }

    pub fn recv_port(&self) -> SocketAddr {
        self.ports[1].address
    }

    /// Returns whether our server has synced its log between this request of a client and its reply, as its trace says.
    pub fn has_synced(&self, client: SocketAddr, request: &str, reply: &str) -> bool {
        let deadline = Instant::now() + START;
        while self.is_ours() && Instant::now() < deadline {
            let trace = std::fs::read(self.directory.path().join(TRACE)).unwrap_or_default();
            let entries: Vec<_> = trace.split(|byte| *byte == b'\n').filter_map(Entry::parse).collect();
            let is_of_client = |entry: &Entry| entry.link.is_some_and(|link| link.peer == client);
            let place = |event, text: &str| {
                entries.iter().rposition(|entry| entry.event == event && entry.text == text && is_of_client(entry))
            };
            if let Some((asked, answered)) = place(Event::In, request).zip(place(Event::Out, reply)) {
                let between = entries.iter().take(answered).skip(asked);
                return between.into_iter().any(|entry| entry.event == Event::Sync);
            }
            thread::sleep(process::PAUSE);
        }
        false
    }

    fn wait_until_it_listens(&mut self) -> Result<(), String> {
        let addresses = self.ports.each_ref().map(|port| port.address);
        let is_up = || self.process.is_up();
        match wait_until_listening(&addresses, Instant::now() + START, is_up) {
            Ok(Waited::Listening) => Ok(()),
            _ => {
                let said = std::fs::read_to_string(self.directory.path().join(SAID)).unwrap_or_default();
                Err(format!("the server did not start: {}", said.trim_end()))
            }
        }
    }
}

/// Files of a server in its directory.
const LOG: &str = "messages.csv";
const TRACE: &str = "trace.csv";
const SAID: &str = "said";

/// Starts the process: this same program.
fn spawn(flaw: Option<Flaw>, ports: &[KeptPort; 2], directory: &TempDir) -> Result<Running, String> {
    let path = |name: &str| -> PathBuf { directory.path().join(name) };
    let failed = |error: io::Error| format!("cannot start a server: {error}");
    let [send, recv] = ports.each_ref().map(|port| port.address.port());
    let mut command = this_program().map_err(failed)?;
    match flaw {
        None => {
            let ports = [format!("--send-port={send}"), format!("--recv-port={recv}")];
            command.arg("serve").args(ports).args(OPTIONS).arg("--data").arg(path("data"));
            command.arg("--trace").arg(path(TRACE));
        }
        Some(flaw) => {
            let flaw = clap::ValueEnum::to_possible_value(&flaw);
            let flaw = flaw.map_or(String::new(), |value| value.get_name().to_owned());
            command.args(["demo", "--flawed-server", &flaw, &send.to_string(), &recv.to_string()]).arg(path(LOG));
        }
    }
    let said = File::create(path(SAID)).map_err(failed)?;
    Running::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said)).map_err(failed)
}
