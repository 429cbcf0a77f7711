//! A program at a terminal.

use std::io::{Read, Write};
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use super::{NO_SETTINGS, PASSWORD, TIMEOUT, WACHAT, wait_or, wait_within};

/// Rows and columns of a terminal, unless a test names others.
const SIZE: [u16; 2] = [50, 200];

/// A program at a terminal, everything that it has written there, and the cells of its screen.
pub struct Terminal {
    pub child: Child,
    keyboard: Arc<pty_process::blocking::Pty>,
    screen: Arc<Mutex<String>>,
    cells: Arc<Mutex<vt100::Parser>>,
    /// Ends when the program has ended and all of its output is in `screen`.
    reader: Option<thread::JoinHandle<()>>,
}

impl Terminal {
    pub fn start(arguments: &[String]) -> Self {
        Self::start_with_password(arguments, Some(PASSWORD))
    }

    /// Starts the program with this password in its environment; without one it prompts for it.
    pub fn start_with_password(arguments: &[String], password: Option<&str>) -> Self {
        Self::start_program(WACHAT, arguments, password, &[], SIZE)
    }

    /// Starts the program with these variables in its environment, too.
    pub fn start_in(arguments: &[String], password: Option<&str>, variables: &[(&str, &str)]) -> Self {
        Self::start_program(WACHAT, arguments, password, variables, SIZE)
    }

    /// Starts a program with further variables in its environment, at a terminal of this many rows and columns.
    pub fn start_program(
        program: &str,
        arguments: &[String],
        password: Option<&str>,
        variables: &[(&str, &str)],
        [rows, columns]: [u16; 2],
    ) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(rows, columns)).unwrap();
        let command = pty_process::blocking::Command::new(program)
            .args(arguments)
            .env("TZ", "UTC")
            .env("TERM", "xterm-256color")
            .env("WACHAT_CONFIG", NO_SETTINGS)
            .env("LC_ALL", "C.UTF-8");
        let command = match password {
            Some(password) => command.env("WACHAT_PASSWORD", password),
            None => command.env_remove("WACHAT_PASSWORD"),
        };
        let child = command.envs(variables.iter().copied()).spawn(pts).unwrap();
        let keyboard = Arc::new(pty);
        let screen = Arc::new(Mutex::new(String::new()));
        let cells = Arc::new(Mutex::new(vt100::Parser::new(at_least_one(rows), at_least_one(columns), 0)));
        let output = keyboard.clone();
        let seen = screen.clone();
        let drawn = cells.clone();
        let reader = Some(thread::spawn(move || read_screen(&output, &seen, &drawn)));
        Self { child, keyboard, screen, cells, reader }
    }

    /// Types lines, each of which ends with the Enter key.
    pub fn type_line(&self, line: &str) {
        self.type_bytes(format!("{}\r", line.replace('\n', "\r")).as_bytes());
    }

    /// Types keys, or pastes: the bytes that a terminal sends for them.
    pub fn type_bytes(&self, bytes: &[u8]) {
        (&*self.keyboard).write_all(bytes).unwrap();
    }

    pub fn paste(&self, text: &str) {
        self.type_bytes(format!("\u{1b}[200~{text}\u{1b}[201~").as_bytes());
    }

    pub fn resize(&self, rows: u16, columns: u16) {
        self.cells.lock().screen_mut().set_size(at_least_one(rows), at_least_one(columns));
        self.keyboard.resize(pty_process::Size::new(rows, columns)).unwrap();
    }

    /// Returns the rows that are on the screen now, without the spaces at their ends.
    pub fn rows(&self) -> Vec<String> {
        let cells = self.cells.lock();
        let (_, columns) = cells.screen().size();
        cells.screen().rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect()
    }

    /// Returns the row and the column of the cursor.
    pub fn cursor(&self) -> (u16, u16) {
        self.cells.lock().screen().cursor_position()
    }

    /// Waits until the rows of the screen are as wanted.
    pub fn wait_for_rows(&self, what: &str, wanted: impl Fn(&[String]) -> bool) {
        let failure = || format!("no {what}; the screen is:\n{}", self.rows().join("\n"));
        wait_or(|| wanted(&self.rows()).then_some(()), failure);
    }

    /// Waits for a row that ends so.
    pub fn wait_for_row(&self, end: &str) {
        self.wait_for_rows(end, |rows| rows.iter().any(|row| row.ends_with(end)));
    }

    /// Returns the modes of the terminal, as the kernel has them.
    pub fn modes(&self) -> rustix::termios::Termios {
        rustix::termios::tcgetattr(&*self.keyboard).unwrap()
    }

    /// Types what keys send: `\r` is Enter, `\x1ba` is Alt-A.
    pub fn type_keys(&self, keys: &str) {
        self.type_bytes(keys.as_bytes());
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

    /// Waits for a text: it was written in one piece, or it is on the screen now.
    pub fn expect(&self, text: &str) {
        self.expect_times(text, 1);
    }

    /// Waits for the state of a message that was typed so (`@luis: hola`): in the line of the message, or, where that is not
    /// on the screen, in a line of its own.
    pub fn expect_tick(&self, mark: &str, typed: &str) {
        self.expect_tick_within(TIMEOUT, mark, typed);
    }

    /// The same for what may take longer.
    pub fn expect_tick_within(&self, time: Duration, mark: &str, typed: &str) {
        let text = typed.split_once(": ").map_or(typed, |(_, text)| text);
        let forms = [format!(": {text} {mark}"), format!("{mark} {typed}")];
        let is_there = |form: &String| self.count(form) > 0 || self.rows().iter().any(|row| row.contains(form));
        let failure = || format!("no {mark} of {typed}; there is:\n{}\n{}", self.screen(), self.rows().join("\n"));
        wait_within(time, || forms.iter().any(is_there).then_some(()), failure);
    }

    pub fn expect_times(&self, text: &str, times: usize) {
        let failure = || format!("{text:?} did not come {times} times; there is:\n{}", self.screen());
        let on_screen = || self.rows().join("\r\n").matches(text).count();
        wait_or(|| (self.count(text) >= times || on_screen() >= times).then_some(()), failure);
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

fn at_least_one(number: u16) -> std::num::NonZeroU16 {
    number.try_into().expect("a terminal has rows and columns")
}

fn read_screen(mut pty: &pty_process::blocking::Pty, screen: &Mutex<String>, cells: &Mutex<vt100::Parser>) {
    let mut buffer = [0; 4096];
    let mut rest = Vec::new();
    // The read fails once the program has ended.
    while let Ok(read) = pty.read(&mut buffer) {
        rest.extend_from_slice(&buffer[..read]);
        cells.lock().process(&buffer[..read]);
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
