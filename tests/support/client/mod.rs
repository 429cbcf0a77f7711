//! Real clients in pipes and at terminals, beside a real server, and waits that end.

pub mod files;
pub mod judge;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use crate::support::{Line, NO_SETTINGS, PASSWORD, Server, wait_for, wait_or};

pub const WACHAT: &str = env!("CARGO_BIN_EXE_wachat");

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// A server, and the clients' homes beside its data.
pub struct World {
    server: Server,
    /// Where clients look for the server: a test may play one there.
    pub send_port: u16,
    pub recv_port: u16,
}

impl World {
    /// A server with these options, on free ports.
    pub fn new(options: &[&str]) -> Self {
        let server = Server::with_flags(options);
        Self { send_port: server.send.port(), recv_port: server.recv.port(), server }
    }

    /// A SEND connection of somebody who speaks the protocol by hand, and has an account from the first on.
    pub fn line(&self, user: &str) -> Line {
        let known = self.server.try_login(self.server.send, &format!("LOGIN:{user}:{PASSWORD}"));
        if known.0.starts_with("OK;") { known.1 } else { self.server.register(user) }
    }

    /// A SEND connection of somebody who has an account.
    pub fn login(&self, user: &str) -> Line {
        self.server.login(user)
    }

    /// A RECV session of somebody who has an account.
    pub fn session(&self, user: &str) -> Line {
        self.server.session(user)
    }

    /// A RECV session of somebody new.
    pub fn session_of_new(&self, user: &str) -> Line {
        self.server.register(user);
        self.server.session(user)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.server.path(name)
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Starts the server again, where it was.
    pub fn start_server(&mut self) {
        self.server.restart();
    }

    /// As a power cut would, but for what the system holds in memory.
    pub fn kill_server(&mut self) {
        self.server.crash();
    }

    /// The arguments of a client of this user.
    pub fn arguments(&self, user: &str, more: &[&str]) -> Vec<String> {
        let mut arguments = arguments(user, [self.send_port, self.recv_port]);
        if !more.contains(&"--home") {
            arguments.extend(["--home".to_owned(), self.path("home").display().to_string()]);
        }
        arguments.extend(more.iter().map(|one| (*one).to_owned()));
        arguments
    }

    fn command(&self, user: &str, more: &[&str]) -> Command {
        let mut command = Command::new(WACHAT);
        command.args(self.arguments(user, more)).env("WACHAT_PASSWORD", PASSWORD).env("TZ", "UTC");
        command.env("WACHAT_CONFIG", NO_SETTINGS).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a client with its input a pipe.
    pub fn start_pipe(&self, user: &str, more: &[&str]) -> Child {
        self.command(user, more).spawn().unwrap()
    }

    /// Pipes this in, and waits for the end.
    pub fn pipe(&self, user: &str, input: &str, more: &[&str]) -> Output {
        let mut child = self.start_pipe(user, more);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let _ = writer.join().unwrap();
        output
    }

    /// Makes accounts.
    pub fn register(&self, users: &[&str]) {
        for user in users {
            assert_eq!(code(&self.pipe(user, "", &["--register"])), 0, "registering {user}");
        }
    }

    /// A client of this user at a terminal of its own.
    pub fn terminal(&self, user: &str, more: &[&str]) -> Terminal {
        Terminal::start(&self.arguments(user, more))
    }

    /// The records of all history files of a user that begin with this word.
    pub fn history(&self, user: &str, word: &str) -> Vec<Vec<String>> {
        let records = files::history(&self.path("home"), user).into_iter();
        records.filter(|record| record.first().is_some_and(|first| first == word)).collect()
    }

    /// The texts of a user's history in the order of their numbers: sent (`OUT`) or received (`IN`).
    pub fn texts(&self, user: &str, word: &str) -> Vec<String> {
        self.history(user, word).into_iter().filter_map(|record| record.get(6).cloned()).collect()
    }
}

/// The arguments of a client of this user, on a server with these ports.
pub fn arguments(user: &str, [send, recv]: [u16; 2]) -> Vec<String> {
    let mut arguments: Vec<String> = ["connect", "--user", user, "--plain"].map(str::to_owned).into();
    let given = [("--send-port", send.to_string()), ("--recv-port", recv.to_string())];
    arguments.extend(given.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]));
    arguments
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A program at a terminal, and all that it has written there.
pub struct Terminal {
    pub child: Child,
    keyboard: Arc<pty_process::blocking::Pty>,
    screen: Arc<Mutex<String>>,
    /// Ends when the program has ended and all that it wrote was taken in.
    watching: Option<thread::JoinHandle<()>>,
}

impl Terminal {
    pub fn start(arguments: &[String]) -> Self {
        Self::start_with(arguments, Some(PASSWORD))
    }

    /// Without a password the program asks for it.
    pub fn start_with(arguments: &[String], password: Option<&str>) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(50, 200)).unwrap();
        let command = pty_process::blocking::Command::new(WACHAT)
            .args(arguments)
            .env("TZ", "UTC")
            .env("WACHAT_CONFIG", NO_SETTINGS)
            .env("LC_ALL", "C");
        let command = match password {
            Some(password) => command.env("WACHAT_PASSWORD", password),
            None => command.env_remove("WACHAT_PASSWORD"),
        };
        let child = command.spawn(pts).unwrap();
        let (keyboard, screen) = (Arc::new(pty), Arc::new(Mutex::new(String::new())));
        let (reader, seen) = (keyboard.clone(), screen.clone());
        let watching = Some(thread::spawn(move || watch(&reader, &seen)));
        Self { child, keyboard, screen, watching }
    }

    pub fn type_line(&self, line: &str) {
        (&*self.keyboard).write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// All that was written so far.
    pub fn screen(&self) -> String {
        self.screen.lock().clone()
    }

    pub fn count(&self, text: &str) -> usize {
        self.screen.lock().matches(text).count()
    }

    /// All that was ever written. The program has ended, or is ended by SIGKILL.
    pub fn last_screen(&mut self) -> String {
        self.kill();
        if let Some(watching) = self.watching.take() {
            watching.join().unwrap();
        }
        self.screen()
    }

    /// Waits for a text on the screen.
    pub fn expect(&self, text: &str) {
        self.expect_times(text, 1);
    }

    pub fn expect_times(&self, text: &str, times: usize) {
        let failure = || format!("{text:?} did not come {times} times; there is:\n{}", self.screen());
        wait_or(|| (self.count(text) >= times).then_some(()), failure);
    }

    /// Waits for the program's end.
    pub fn ended(&mut self) -> Option<i32> {
        let Self { child, screen, .. } = self;
        let failure = || format!("it did not end; there is:\n{}", screen.lock());
        wait_or(|| child.try_wait().unwrap(), failure).code()
    }

    pub fn quit(&mut self) {
        self.type_line("/quit");
        assert_eq!(self.ended(), Some(0), "{}", self.screen());
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.kill();
    }
}

fn watch(mut pty: &pty_process::blocking::Pty, screen: &Mutex<String>) {
    let (mut buffer, mut rest) = ([0; 4096], Vec::new());
    // The read fails once the program has ended.
    while let Ok(read) = pty.read(&mut buffer) {
        rest.extend_from_slice(&buffer[..read]);
        let whole = match std::str::from_utf8(&rest) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        screen.lock().push_str(&String::from_utf8_lossy(&rest[..whole]));
        rest.drain(..whole);
        if read == 0 {
            return;
        }
    }
}
