//! A program at a terminal.

use std::io::{Read, Write};
use std::process::Child;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::{NO_SETTINGS, PASSWORD, WACHAT, wait_or};

/// A program at a terminal, and everything that it has written there.
pub struct Terminal {
    pub child: Child,
    keyboard: Arc<pty_process::blocking::Pty>,
    screen: Arc<Mutex<String>>,
    /// Ends when the program has ended and all of its output is in `screen`.
    reader: Option<thread::JoinHandle<()>>,
}

impl Terminal {
    pub fn start(arguments: &[String]) -> Self {
        Self::start_with_password(arguments, Some(PASSWORD))
    }

    /// Starts the program with this password in its environment; without one it prompts for it.
    pub fn start_with_password(arguments: &[String], password: Option<&str>) -> Self {
        Self::start_in(arguments, password, &[("LC_ALL", "C")])
    }

    /// Starts the program with these variables in its environment, too.
    pub fn start_in(arguments: &[String], password: Option<&str>, variables: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(50, 200)).unwrap();
        let command = pty_process::blocking::Command::new(WACHAT)
            .args(arguments)
            .env("TZ", "UTC")
            .env("WACHAT_CONFIG", NO_SETTINGS)
            .envs(variables.iter().copied());
        let command = match password {
            Some(password) => command.env("WACHAT_PASSWORD", password),
            None => command.env_remove("WACHAT_PASSWORD"),
        };
        let child = command.spawn(pts).unwrap();
        let (keyboard, screen) = (Arc::new(pty), Arc::new(Mutex::new(String::new())));
        let (output, seen) = (keyboard.clone(), screen.clone());
        let reader = Some(thread::spawn(move || read_screen(&output, &seen)));
        Self { child, keyboard, screen, reader }
    }

    pub fn type_line(&self, line: &str) {
        self.type_keys(&format!("{line}\n"));
    }

    /// Types what keys send: `\r` is Enter, `\x1ba` is Alt-A.
    pub fn type_keys(&self, keys: &str) {
        (&*self.keyboard).write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until what is typed is not shown: a program asks for a password before it turns that off.
    pub fn wait_until_hidden(&self) {
        use rustix::termios::{LocalModes, tcgetattr};
        let hidden = || !tcgetattr(&*self.keyboard).unwrap().local_modes.contains(LocalModes::ECHO);
        wait_or(|| hidden().then_some(()), || "what is typed is still shown".to_owned());
    }

    /// Returns everything that was written so far.
    pub fn screen(&self) -> String {
        self.screen.lock().clone()
    }

    pub fn count(&self, text: &str) -> usize {
        self.screen.lock().matches(text).count()
    }

    /// Kills the program if it still runs, and returns everything that it wrote.
    pub fn last_screen(&mut self) -> String {
        self.kill();
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
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

    /// Waits until the program ends; returns its exit code.
    pub fn wait_for_exit(&mut self) -> Option<i32> {
        let Self { child, screen, .. } = self;
        let failure = || format!("it did not end; there is:\n{}", screen.lock());
        wait_or(|| child.try_wait().unwrap(), failure).code()
    }

    pub fn quit(&mut self) {
        self.type_line("/quit");
        assert_eq!(self.wait_for_exit(), Some(0), "{}", self.screen());
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

fn read_screen(mut pty: &pty_process::blocking::Pty, screen: &Mutex<String>) {
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
