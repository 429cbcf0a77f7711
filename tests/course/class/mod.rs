//! A class: its servers, its score board and its grades, with the real program.

mod board;
mod change;
mod grades;
mod start;
mod tls;
mod whole;

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::client_files::entries;
use crate::support::clients::{all_output, exit_code};
use crate::support::world::choose_ports_in_a_row;
use crate::support::{Connection, NO_SETTINGS, WACHAT};
use tempfile::TempDir;

/// A directory with a roster, and perhaps a class in `class`, whose servers end with the test.
pub struct Class {
    directory: TempDir,
    pub base_port: u16,
}

/// A student's row of `passwords.csv`.
#[derive(Clone, Debug)]
pub struct Student {
    pub group: u16,
    pub name: String,
    pub password: String,
    pub send: SocketAddr,
    pub recv: SocketAddr,
}

impl Class {
    /// Writes a roster. `groups`: the number of groups that there will be ports for.
    pub fn new(roster: &str, groups: u16) -> Self {
        let class =
            Self { directory: TempDir::new().expect("a directory"), base_port: choose_ports_in_a_row(2 * groups) };
        fs::write(class.path("roster.csv"), roster).expect("a roster");
        class
    }

    /// Makes a class, and starts it.
    #[track_caller]
    pub fn started(roster: &str, groups: u16) -> Self {
        let class = Self::new(roster, groups);
        class.done(&class.start_arguments(groups));
        class
    }

    /// The arguments of a first start.
    pub fn start_arguments(&self, groups: u16) -> Vec<String> {
        let mut arguments =
            ["start", "--roster", "roster.csv", "--groups", &groups.to_string()].map(str::to_owned).to_vec();
        arguments.push(format!("--base-port={}", self.base_port));
        arguments
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `wachat class ...`, in the directory.
    pub fn command(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Command {
        let mut command = Command::new(WACHAT);
        command.arg("class").args(arguments).current_dir(self.directory.path());
        command.env("WACHAT_CONFIG", NO_SETTINGS).env_remove("RUST_LOG").env("TZ", "UTC");
        command
    }

    pub fn run(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    /// Runs a command that has to succeed; returns what it says.
    #[track_caller]
    pub fn done(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> String {
        let output = self.run(arguments);
        assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
        all_output(&output)
    }

    /// Runs a command that has to fail; returns what it says.
    #[track_caller]
    pub fn refused(&self, arguments: &[impl AsRef<std::ffi::OsStr>]) -> String {
        let output = self.run(arguments);
        assert_eq!(exit_code(&output), 1, "{}", all_output(&output));
        all_output(&output)
    }

    /// Returns the students, as they are handed out.
    pub fn students(&self) -> Vec<Student> {
        let text = self.read("class/passwords.csv");
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("group;name;password;server;send_port;recv_port;connect;fingerprint"));
        let student = |line: &str| {
            let fields: Vec<_> = line.split(';').collect();
            let address = |index: usize| format!("{}:{}", fields[3], fields[index]).parse().expect("an address");
            let name = fields[1].to_owned();
            let password = fields[2].to_owned();
            Student { group: fields[0].parse().expect("a group"), name, password, send: address(4), recv: address(5) }
        };
        lines.map(student).collect()
    }

    pub fn student(&self, name: &str) -> Student {
        let found = self.students().into_iter().find(|student| student.name == name);
        found.unwrap_or_else(|| panic!("no {name} in {:?}", self.students()))
    }

    /// Returns the process that serves a group, if one does.
    pub fn pid(&self, group: u16) -> Option<u32> {
        holder(&self.path("class").join(format!("group-{group}/pid")))
    }

    /// Returns the cells of the board by their titles, of one group.
    pub fn board(&self, group: u16) -> HashMap<String, String> {
        let said = self.done(&["board", "--once"]);
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let titles = words(said.lines().next().expect("titles"));
        let line = said.lines().find(|line| line.starts_with(&format!("{group} "))).expect("the group");
        titles.into_iter().zip(words(line)).collect()
    }
}

impl Student {
    /// Logs in on the SEND port.
    pub fn login(&self) -> Connection {
        let (reply, line) = Connection::open_with(self.send, &format!("LOGIN:{}:{}", self.name, self.password));
        assert_eq!(reply, format!("OK;{};wachat/1", self.name));
        line
    }

    /// Opens the RECV session.
    pub fn session(&self) -> Connection {
        let (reply, line) = Connection::open_with(self.recv, &format!("LOGIN:{}:{}", self.name, self.password));
        assert!(reply.starts_with(&format!("OK;{};wachat/1;", self.name)), "{reply}");
        line
    }
}

/// Returns the process that holds the lock on a file.
fn holder(path: &Path) -> Option<u32> {
    let file = File::open(path).ok()?;
    let is_held = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let text = fs::read_to_string(path).ok().filter(|_| is_held)?;
    text.split(';').next()?.parse().ok()
}

impl Drop for Class {
    /// Ends the servers, those of a class that is only half made, too.
    fn drop(&mut self) {
        let groups = entries(&self.path("class"));
        for process in groups.iter().filter_map(|group| holder(&group.join("pid"))) {
            let _ = Command::new("kill").args(["-9", &process.to_string()]).status();
        }
    }
}
