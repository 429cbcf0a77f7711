//! Real clients of a [`World`], in pipes and at terminals.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use super::tls;
use super::{NO_SETTINGS, PASSWORD, Terminal, WACHAT, World, client_files};

impl World {
    /// Returns the arguments of a client of this user.
    pub fn arguments(&self, user: &str, more: &[&str]) -> Vec<String> {
        let mut arguments = arguments(user, [self.send_port, self.recv_port]);
        if !more.contains(&"--home") {
            arguments.extend(["--home".to_owned(), self.path("home").display().to_string()]);
        }
        if tls::is_everywhere() {
            arguments.extend([
                "--tls".to_owned(),
                "--known-servers".to_owned(),
                self.path("known").display().to_string(),
            ]);
        }
        arguments.extend(more.iter().map(|one| (*one).to_owned()));
        arguments
    }

    fn command(&self, user: &str, more: &[&str]) -> Command {
        let mut command = Command::new(WACHAT);
        command.args(self.arguments(user, more)).env("WACHAT_PASSWORD", PASSWORD).env("TZ", "UTC");
        command.env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a client whose input is a pipe.
    pub fn start_pipe(&self, user: &str, more: &[&str]) -> Child {
        self.command(user, more).spawn().unwrap()
    }

    /// Runs a client with this input until it ends.
    pub fn pipe(&self, user: &str, input: &str, more: &[&str]) -> Output {
        let mut child = self.start_pipe(user, more);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join().unwrap();
        output
    }

    /// Registers users, each by a client.
    pub fn register_clients(&self, users: &[&str]) {
        for user in users {
            assert_eq!(exit_code(&self.pipe(user, "", &["--register"])), 0, "registering {user}");
        }
    }

    /// Starts a client of this user at a terminal of its own.
    pub fn terminal(&self, user: &str, more: &[&str]) -> Terminal {
        Terminal::start(&self.arguments(user, more))
    }

    /// Reads the records of all history files of a user that begin with this word.
    pub fn history(&self, user: &str, word: &str) -> Vec<client_files::Record> {
        let records = client_files::read_history(&self.path("home"), user).into_iter();
        records.filter(|record| record.first().is_some_and(|first| first == word)).collect()
    }

    /// Reads the texts of a user's history in the order of their numbers: sent (`OUT`) or received (`IN`).
    pub fn texts(&self, user: &str, word: &str) -> Vec<String> {
        self.history(user, word).into_iter().filter_map(|record| record.get(6).cloned()).collect()
    }
}

/// Returns the arguments of a client of this user, on a server with these ports.
pub fn arguments(user: &str, [send, recv]: [u16; 2]) -> Vec<String> {
    let mut arguments: Vec<String> = ["connect", "--user", user, "--plain"].map(str::to_owned).into();
    let given = [("--send-port", send.to_string()), ("--recv-port", recv.to_string())];
    arguments.extend(given.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
    arguments
}

pub fn exit_code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

/// Returns the standard output, and the standard error after it.
pub fn all_output(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
