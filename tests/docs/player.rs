//! Plays a session of several terminals as pages show it. A line `$ ...` starts a client; `> ...` or `#lobby> ...` is
//! typed; `[Alt-A]` is a key; any other line has to appear on the screen, and may be answered: a password, a `y`.

use std::time::{Duration, Instant};

use crate::docs::machine::{Machine, normal};
use crate::docs::page::block;
use crate::support::{PASSWORD, TIMEOUT, Terminal};

/// Time after which a key is pressed again, if nothing came of it.
const KEY_INTERVAL: Duration = Duration::from_secs(1);
/// Rows and columns of the terminals.
const SIZE: [u16; 2] = [50, 200];

/// One terminal of a session: its lines on the page, and the number of those played.
struct Player {
    terminal: Option<Terminal>,
    lines: Vec<String>,
    played: usize,
    is_plain: bool,
    pressed: Option<Instant>,
}

/// Plays these blocks of a page, in terminals side by side.
pub fn play(machine: &Machine, page: &str, names: [&str; 2]) {
    let mut players = names.map(|name| Player::new(block(page, name)));
    let mut last = Instant::now();
    while players.iter().any(|player| player.next().is_some()) {
        let watched = players.iter_mut().any(Player::watch);
        let acted = (0..players.len()).any(|who| has_its_time(&players, who) && players[who].act(machine));
        if watched || acted {
            last = Instant::now();
            continue;
        }
        let stuck = last.elapsed() > TIMEOUT;
        assert!(!stuck, "{page} and the screens differ:\n{}", players.each_ref().map(Player::describe).join("\n\n"));
        std::thread::sleep(Duration::from_millis(5));
    }
    players.iter_mut().for_each(Player::leave);
}

impl Player {
    fn new(lines: Vec<String>) -> Self {
        let is_plain = lines[0].contains("--plain");
        Self { terminal: None, lines, played: 0, is_plain, pressed: None }
    }

    fn next(&self) -> Option<&str> {
        self.lines.get(self.played).map(String::as_str)
    }

    fn describe(&self) -> String {
        let screen = self.terminal.as_ref().map(|terminal| self.screen(terminal)).unwrap_or_default();
        format!("{:?} is to come; there is\n{}", self.next(), screen.trim_end())
    }

    /// Returns the text on the screen.
    fn screen(&self, terminal: &Terminal) -> String {
        let [rows, columns] = SIZE.map(|cells| cells.try_into().expect("a size"));
        let mut parser = vt100::Parser::new(rows, columns, 0);
        parser.process(terminal.screen().as_bytes());
        parser.screen().contents()
    }

    /// Plays the next line if it is output that is on the screen.
    fn watch(&mut self) -> bool {
        let (Some(next), Some(terminal)) = (self.next(), &self.terminal) else { return false };
        if typed(next).is_some() || key(next).is_some() {
            return false;
        }
        let (wanted, answer) = answer(next);
        if !self.shows(terminal, &wanted) {
            return false;
        }
        if let Some(answer) = answer {
            terminal.type_keys(&format!("{answer}\r"));
        }
        self.played += 1;
        true
    }

    /// Checks that a line is on the screen.
    fn shows(&self, terminal: &Terminal, wanted: &str) -> bool {
        let screen = self.screen(terminal);
        let wanted = normal(wanted);
        // In the full screen the list of chats is on the left.
        let mut rows = screen.lines().map(|row| row.split_once('│').map_or(row, |(_, right)| right));
        rows.any(|row| normal(row).contains(&wanted))
    }

    /// Plays the next line if it is input.
    fn act(&mut self, machine: &Machine) -> bool {
        let Some(next) = self.next() else { return false };
        if let Some(command) = next.strip_prefix("$ ") {
            self.terminal = Some(start(machine, command));
        } else if let (Some(keys), Some(terminal)) = (key(next), &self.terminal) {
            // It has no effect before the message exists.
            let (wanted, _) = answer(&self.lines[self.played + 1]);
            if !self.shows(terminal, &wanted) {
                if self.pressed.is_none_or(|at| at.elapsed() > KEY_INTERVAL) {
                    terminal.type_keys(keys);
                    self.pressed = Some(Instant::now());
                }
                return false;
            }
        } else if let (Some(typed), Some(terminal)) = (typed(next), &self.terminal) {
            // A page says what is typed when a room or a chat is open.
            if !self.is_plain && !self.screen(terminal).contains("#lobby") {
                return false;
            }
            terminal.type_keys(&format!("{typed}\r"));
        } else {
            return false;
        }
        self.played += 1;
        true
    }

    /// The line mode has left with `/quit`; the full screen is left with Ctrl-D.
    fn leave(&mut self) {
        let is_plain = self.is_plain;
        let terminal = self.terminal.as_mut().expect("a terminal");
        if !is_plain {
            terminal.type_keys("\x04");
        }
        assert_eq!(terminal.wait_for_exit(), Some(0), "{}", terminal.screen());
    }
}

/// Starts the client of a page's line, with the machine's ports and home.
fn start(machine: &Machine, command: &str) -> Terminal {
    let command = command.replace("cargo run --release --", "wachat");
    let arguments = command.strip_prefix("wachat ").unwrap_or_else(|| panic!("no client: {command}"));
    let [send, recv] = machine.ports();
    let home = machine.home().display().to_string();
    let more = ["--send-port", send, "--recv-port", recv, "--home", &home];
    let arguments: Vec<_> = arguments.split(' ').chain(more).map(str::to_owned).collect();
    Terminal::start_in(&arguments, None, &[])
}

/// Returns the text of an output line, and what is typed after it.
fn answer(line: &str) -> (String, Option<&'static str>) {
    let passwords = ["password of", "new password of", "and again"];
    match line.strip_suffix("[y/N] y") {
        Some(question) => (question.to_owned(), Some("y")),
        None if passwords.iter().any(|begin| line.starts_with(begin)) => (line.to_owned(), Some(PASSWORD)),
        None => (line.to_owned(), None),
    }
}

/// Returns what a key sends.
fn key(line: &str) -> Option<&'static str> {
    (line == "[Alt-A]").then_some("\x1ba")
}

/// Returns the input after a prompt, which has no spaces in it: `> `, `#lobby> `.
fn typed(line: &str) -> Option<&str> {
    line.split_once("> ").filter(|(prompt, _)| !prompt.contains(' ')).map(|(_, typed)| typed)
}

/// Checks that a player may go on: a login waits until the players before have come in, and a `/quit` until the others
/// have seen all output that this user causes.
fn has_its_time(players: &[Player], who: usize) -> bool {
    let next = players[who].next().unwrap_or_default();
    if next.starts_with("$ ") {
        return players.iter().take(who).all(has_come_in);
    }
    let quits = |line: &str| typed(line) == Some("/quit");
    if quits(next) {
        let mut others = players.iter().enumerate().filter(|(index, _)| *index != who).map(|(_, player)| player.next());
        return others.all(|next| next.is_none_or(|line| quits(line) || line.ends_with("offline")));
    }
    true
}

fn has_come_in(player: &Player) -> bool {
    if player.is_plain {
        return player.lines.iter().take(player.played).any(|line| line.contains("connected to"));
    }
    player.terminal.as_ref().is_some_and(|terminal| player.screen(terminal).contains("#lobby"))
}
