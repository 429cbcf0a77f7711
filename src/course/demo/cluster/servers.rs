//! Three servers that are one, and etcd for them.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::super::client::Client;
use super::super::server::{OPTIONS, PASSWORD, USERS};
use super::super::stage::Stage;
use super::etcd::Etcd;
use crate::course::process::{KeptPort, PAUSE, Running, this_program};
use crate::protocol::{Codec as _, Ko, Port};

const NAMES: [&str; 3] = ["s1", "s2", "s3"];

/// Longest time of a command of the administrator, and until a server that was started answers.
const START: Duration = Duration::from_secs(60);

/// The servers. They end, before etcd, when this is dropped.
pub struct Servers {
    servers: Vec<Server>,
    etcd: Etcd,
    directory: TempDir,
}

struct Server {
    name: &'static str,
    /// The SEND port and the RECV port.
    ports: [KeptPort; 2],
    /// `None`: it is not started yet.
    process: Option<Running>,
}

/// The answer of a server to a login line.
pub enum Answer {
    /// It leads, and this is the session.
    Leads(Client),
    /// It stands by, and names the server that leads, if it knows one.
    StandsBy(Option<usize>),
    /// It takes no connection, or closes it.
    Away,
}

impl Servers {
    /// Starts etcd, makes the stores, and starts the servers. The first one leads.
    pub fn start(stage: &Stage) -> Result<Self, String> {
        let directory = TempDir::new().map_err(|error| format!("cannot make a temporary directory: {error}"))?;
        let etcd = Etcd::start(directory.path(), stage)?;
        let new = |name| KeptPort::keep_two().map(|ports| Server { name, ports, process: None });
        let servers = NAMES.into_iter().map(new).collect::<Result<_, _>>();
        let servers = servers.map_err(|error| format!("there is no free port: {error}"))?;
        let mut servers = Self { servers, etcd, directory };
        servers.make_stores(stage)?;
        for index in 0..servers.len() {
            servers.start_one(index, stage)?;
        }
        Ok(servers)
    }

    pub fn len(&self) -> usize {
        self.servers.len()
    }

    pub fn name(&self, index: usize) -> &'static str {
        self.servers[index].name
    }

    /// Kills a server with SIGKILL.
    pub fn kill(&mut self, index: usize) {
        self.servers[index].process = None;
    }

    /// Logs in at a server.
    pub fn log_in(&self, index: usize, user: &'static str, port: Port) -> Answer {
        let [send, recv] = self.servers[index].ports.each_ref().map(|port| port.address);
        let address = if port == Port::Send { send } else { recv };
        let Ok(mut client) = Client::connect_later(user, address) else { return Answer::Away };
        match client.enter("LOGIN") {
            Ok(reply) if reply.starts_with("OK;") => Answer::Leads(client),
            Ok(reply) => Answer::StandsBy(self.named_in(&reply)),
            Err(_) => Answer::Away,
        }
    }

    /// Returns the state of all servers as a row: each is asked.
    pub fn picture(&self) -> String {
        let state = |index| match self.log_in(index, USERS[0], Port::Send) {
            Answer::Leads(_) => "leads ●",
            Answer::StandsBy(_) => "stands by ○",
            Answer::Away => "away ✗",
        };
        let states: Vec<_> = (0..self.len()).map(|index| format!("{} {}", self.name(index), state(index))).collect();
        states.join(" | ")
    }

    /// Returns the server that the last line of one that stands by names.
    fn named_in(&self, line: &str) -> Option<usize> {
        let leader = Ko::parse(line.as_bytes()).ok()?.leader?;
        self.servers.iter().position(|server| server.ports[0].address.port() == leader.send)
    }

    /// Makes the store of the first server, with the accounts, and those of the others of a backup.
    fn make_stores(&self, stage: &Stage) -> Result<(), String> {
        let url = self.etcd.url();
        let backup = self.path("backup").display().to_string();
        let of_cluster = |index: usize| ["--cluster", url.as_str(), "--cluster-name", self.name(index)];
        for user in USERS {
            self.administer(stage, 0, &["user", "add", user])?;
        }
        self.administer(stage, 0, &[&["cluster", "init"][..], &of_cluster(0)].concat())?;
        self.administer(stage, 0, &["backup", &backup])?;
        for index in 1..self.len() {
            let join = ["cluster", "join", "--from", &backup];
            self.administer(stage, index, &[&join[..], &of_cluster(index)].concat())?;
        }
        Ok(())
    }

    /// Runs a command with the store of a server.
    fn administer(&self, stage: &Stage, index: usize, words: &[&str]) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot run wachat {}: {error}", words.join(" "));
        let mut command = this_program().map_err(failed)?;
        command.args(words).arg("--data").arg(self.path(self.name(index))).env("WACHAT_PASSWORD", PASSWORD);
        let mut process = self.spawn(command, "command.log").map_err(failed)?;
        let deadline = Instant::now() + START;
        loop {
            match process.status().map_err(failed)? {
                Some(status) if status.success() => return Ok(()),
                None if Instant::now() < deadline => stage.wait(PAUSE)?,
                _ => return Err(format!("wachat {}: {}", words.join(" "), self.read("command.log"))),
            }
        }
    }

    /// Starts a server, and waits until it leads, if it is the first one, or stands by.
    fn start_one(&mut self, index: usize, stage: &Stage) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot start a server: {error}");
        let name = self.name(index);
        let log = format!("{name}.log");
        let [send, recv] = self.servers[index].ports.each_ref().map(|port| port.address.port());
        let mut command = this_program().map_err(failed)?;
        command.args(["serve", "--listen", "127.0.0.1"]).args(OPTIONS);
        command.args([format!("--send-port={send}"), format!("--recv-port={recv}")]);
        command.args(["--cluster", &self.etcd.url(), "--cluster-name", name]).arg("--data").arg(self.path(name));
        let process = self.spawn(command, &log).map_err(failed)?;
        self.servers[index].process = Some(process);
        let deadline = Instant::now() + START;
        while self.is_up(index) && Instant::now() < deadline {
            match self.log_in(index, USERS[0], Port::Send) {
                Answer::Leads(_) => return Ok(()),
                Answer::StandsBy(_) if index > 0 => return Ok(()),
                _ => stage.wait(PAUSE)?,
            }
        }
        Err(format!("the server {name} did not start: {}", self.read(&log)))
    }

    fn is_up(&mut self, index: usize) -> bool {
        let process = self.servers[index].process.as_mut();
        process.is_some_and(|process| process.is_up().unwrap_or(false))
    }

    /// Starts a process. It is silent: what it says goes to a file.
    fn spawn(&self, mut command: Command, log: &str) -> io::Result<Running> {
        let said = File::create(self.path(log))?;
        Running::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default().trim_end().to_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
