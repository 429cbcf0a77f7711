//! Plays the steps of a test against a server, and notes what was sent and what came.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::pattern::Names;
use super::wire::{Came, Wire};
use super::{Server, Test, Verdict, crash};
use crate::model::safe::safe;

/// The password of the users of the tests.
pub const PASSWORD: &str = "palabra larga";

/// Bytes of `{long text}`.
pub(super) const LONG_TEXT: usize = 50_000;

/// Characters of one entry of the time line that are shown.
const SHOWN_CHARS: usize = 200;

/// One entry of the time line.
#[derive(Clone, Debug)]
pub struct LogEntry {
    pub at: Duration,
    /// The connection's name in the test; empty: the judge itself.
    pub connection: String,
    pub what: EventKind,
}

#[derive(Clone, Debug)]
pub enum EventKind {
    Sent(Vec<u8>),
    Came(Came),
    Note(String),
}

/// A step that went wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    pub step: String,
    pub expected: String,
    pub came: String,
    pub moments: Vec<LogEntry>,
}

/// The expected and the actual line of a step.
#[derive(Debug)]
pub struct Mismatch {
    pub expected: String,
    pub came: String,
}

/// Plays one test, with users of its own.
pub fn play(server: &Server, test: &Test) -> Verdict {
    if test.restarts() && server.restart.is_none() {
        return Verdict::Skipped("it needs --restart COMMAND".to_owned());
    }
    let mut player = Player::new(server);
    let mut steps = test.steps.iter().copied().peekable();
    while let Some(step) = steps.next() {
        let events = std::iter::from_fn(|| steps.next_if(|next| next.split(' ').nth(1) == Some("*"))).collect();
        if let Err(Mismatch { expected, came }) = player.do_step(step, events) {
            let failure = Failure { step: player.names.fill(step), expected, came, moments: player.moments };
            return Verdict::Failed(Box::new(failure));
        }
    }
    Verdict::Passed
}

/// The connections, names and time line of one test.
pub struct Player<'a> {
    pub server: &'a Server,
    pub names: Names,
    wires: HashMap<String, Wire>,
    begin: Instant,
    moments: Vec<LogEntry>,
}

impl<'a> Player<'a> {
    fn new(server: &'a Server) -> Self {
        let mut names = Names::default();
        names.set("password", PASSWORD.to_owned());
        names.set("room", unique("sala"));
        names.set("any", unique("any"));
        names.set("long text", "x".repeat(LONG_TEXT));
        let wires = HashMap::new();
        let moments = Vec::new();
        Self { server, names, wires, begin: Instant::now(), moments }
    }

    fn do_step(&mut self, step: &str, events: Vec<&str>) -> Result<(), Mismatch> {
        let (word, rest) = step.split_once(' ').unwrap_or((step, ""));
        match word {
            "users" => rest.split(' ').try_for_each(|user| self.register(user)),
            "new" => {
                self.name(rest);
                Ok(())
            }
            "wait" => {
                thread::sleep(milliseconds(rest)?);
                Ok(())
            }
            "check" => self.check(rest),
            "repeat" => self.repeat(rest),
            "restart" => self.restart(),
            "crashes" => crash::play(self),
            connection => self.talk(connection, rest, events),
        }
    }

    /// Does a step of a connection: its name, what it does, and with what.
    fn talk(&mut self, name: &str, step: &str, events: Vec<&str>) -> Result<(), Mismatch> {
        let (what, rest) = step.split_once(' ').unwrap_or((step, ""));
        match what {
            "open" => self.open(name, rest),
            "login" => self.log_in(name, rest),
            ">" => self.send(name, &[self.names.fill(rest).as_bytes(), b"\n"].concat(), false),
            "bytes>" => self.send(name, &[self.names.fill(rest).as_bytes(), b"\n"].concat(), true),
            "long>" => {
                let length: usize = rest.parse().map_err(|_| unknown(rest))?;
                self.send(name, &[vec![b'x'; length.saturating_sub(1)], b"\n".to_vec()].concat(), false)
            }
            "raw>" => self.send(name, &unescape(&self.names.fill(rest)), false),
            "flood" => self.flood(name, rest),
            "<" => self.expect(name, rest),
            "within" => self.expect_within(name, rest),
            "events" => self.expect_events(name, rest, &events),
            "last" => self.expect_last(name, rest),
            "closed" => self.expect_end(name),
            "silent" => self.expect_nothing(name, milliseconds(rest)?),
            "shut" => {
                self.wire(name)?.shut();
                Ok(())
            }
            "drop" => {
                self.note(name, EventKind::Note("closes".to_owned()));
                self.wires.remove(name);
                Ok(())
            }
            other => Err(unknown(other)),
        }
    }

    pub fn note(&mut self, connection: &str, what: EventKind) {
        self.moments.push(LogEntry { at: self.begin.elapsed(), connection: connection.to_owned(), what });
    }

    pub(super) fn wire(&mut self, name: &str) -> Result<&mut Wire, Mismatch> {
        self.wires.get_mut(name).ok_or_else(|| unknown(name))
    }

    fn repeat(&mut self, rest: &str) -> Result<(), Mismatch> {
        let (count, step) = rest.split_once(' ').ok_or_else(|| unknown(rest))?;
        let count: u64 = count.parse().map_err(|_| unknown(count))?;
        (1..=count).try_for_each(|i| self.do_step(&step.replace("{i}", &i.to_string()), Vec::new()))
    }

    fn check(&mut self, rest: &str) -> Result<(), Mismatch> {
        let numbers: Vec<_> = rest.split(" < ").map(|text| self.names.number(text)).collect();
        match numbers[..] {
            [Some(low), Some(high)] if low < high => Ok(()),
            _ => Err(Mismatch { expected: rest.to_owned(), came: self.names.fill(rest) }),
        }
    }
}

/// Connections and accounts.
impl Player<'_> {
    fn address(&self, port: &str) -> SocketAddr {
        if port == "RECV" { self.server.recv } else { self.server.send }
    }

    /// Finds a name for a user that no other test has.
    fn name(&mut self, user: &str) -> String {
        let name = unique(user);
        self.names.set(user, name.clone());
        self.names.set(&format!("{user} in small letters"), name.to_lowercase());
        name
    }

    fn register(&mut self, user: &str) -> Result<(), Mismatch> {
        let name = self.name(user);
        let begin = self.moments.len();
        self.open("", "SEND")?;
        self.send("", format!("REGISTER:{name}:{PASSWORD}\n").as_bytes(), false)?;
        self.expect("", &format!("OK;{name};wachat/1"))?;
        // The presence of other users in the lobby would disturb. A server without rooms refuses.
        self.send("", b"LEAVE;#lobby\n", false)?;
        self.read("", self.server.patience)?;
        self.wires.remove("");
        // A registration that succeeded needs no lines.
        self.moments.truncate(begin);
        self.note("", EventKind::Note(format!("registers {name}")));
        Ok(())
    }

    fn open(&mut self, name: &str, port: &str) -> Result<(), Mismatch> {
        let address = self.address(port);
        let wire = Wire::open(address, self.server.patience).map_err(|error| Mismatch {
            expected: format!("a connection to {address}, the {port} port"),
            came: error.to_string(),
        })?;
        self.note(name, EventKind::Note(format!("connects to the {port} port")));
        self.wires.insert(name.to_owned(), wire);
        Ok(())
    }

    fn log_in(&mut self, name: &str, rest: &str) -> Result<(), Mismatch> {
        let (port, user) = rest.split_once(' ').ok_or_else(|| unknown(rest))?;
        self.open(name, port)?;
        let user = self.names.fill(&format!("{{{user}}}"));
        self.send(name, format!("LOGIN:{user}:{PASSWORD}\n").as_bytes(), false)?;
        let more = if port == "RECV" { ";<any>;<any>" } else { "" };
        self.expect(name, &format!("OK;{user};wachat/1{more}"))
    }

    pub(super) fn send(&mut self, name: &str, bytes: &[u8], singly: bool) -> Result<(), Mismatch> {
        self.note(name, EventKind::Sent(bytes.to_vec()));
        let wire = self.wire(name)?;
        if singly {
            wire.send_bytes(bytes)
        } else {
            wire.send(bytes)
        }
        Ok(())
    }

    fn flood(&mut self, name: &str, rest: &str) -> Result<(), Mismatch> {
        let (count, line) = rest.split_once("> ").ok_or_else(|| unknown(rest))?;
        let line = format!("{}\n", self.names.fill(line));
        let count = self.wire(name)?.flood(line.as_bytes(), count.parse().map_err(|_| unknown(count))?);
        self.note(name, EventKind::Note(format!("sends {count} times: {}", line.trim_end())));
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Mismatch> {
        self.wires.clear();
        self.note("", EventKind::Note("the server is killed and started again".to_owned()));
        crash::restart(self.server)
    }
}

/// Returns a name that no other account of the server has, also if it was tested before.
pub fn unique(user: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static RUN: LazyLock<u32> = LazyLock::new(|| {
        let mut random = [0; 4];
        // Without random numbers that of the process has to do.
        getrandom::fill(&mut random).map_or_else(|_| std::process::id(), |()| u32::from_le_bytes(random))
    });
    format!("{user}-{:x}-{}", *RUN, COUNT.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn unknown(step: &str) -> Mismatch {
    Mismatch { expected: "a step that the judge knows".to_owned(), came: step.to_owned() }
}

pub(super) fn milliseconds(text: &str) -> Result<Duration, Mismatch> {
    text.parse().map(Duration::from_millis).map_err(|_| unknown(text))
}

/// Reads `\n`, `\r`, `\t`, `\\` and `\xNN`.
pub(super) fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let hex = escape.strip_prefix('x').and_then(|hex| u8::from_str_radix(hex.get(..2)?, 16).ok());
        let (byte, length) = match (hex, escape.chars().next()) {
            (Some(byte), _) => (byte, 3),
            (None, Some('n')) => (b'\n', 1),
            (None, Some('r')) => (b'\r', 1),
            (None, Some('t')) => (b'\t', 1),
            (None, other) => (b'\\', usize::from(other == Some('\\'))),
        };
        bytes.push(byte);
        rest = escape.get(length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => f.write_str(&shorten(line)),
            Self::NoText(what) => f.write_str(what),
            Self::Nothing => f.write_str("nothing in time"),
            Self::End => f.write_str("the end of the connection"),
        }
    }
}

impl fmt::Display for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.as_secs_f64();
        let name = &self.connection;
        match &self.what {
            EventKind::Sent(bytes) => write!(f, "{seconds:8.3} {name:>2} > {}", sent(bytes)),
            EventKind::Came(came) => write!(f, "{seconds:8.3} {name:>2} < {came}"),
            EventKind::Note(note) => write!(f, "{seconds:8.3} {name:>2}   {}", shorten(note)),
        }
    }
}

/// Returns bytes as a person can type them, but for control characters (LF is `␊`) and bytes that are no text (`\xff`).
fn sent(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text += &safe(chunk.valid());
        text += &chunk.invalid().escape_ascii().to_string();
    }
    cut(&text, bytes.len())
}

/// Cuts a text that is too long to be read.
pub(super) fn shorten(text: &str) -> String {
    cut(text, text.len())
}

fn cut(text: &str, bytes: usize) -> String {
    let end = text.char_indices().nth(SHOWN_CHARS).map_or(text.len(), |(at, _)| at);
    match text.split_at_checked(end) {
        Some((start, rest)) if !rest.is_empty() => format!("{start}… ({bytes} bytes)"),
        _ => text.to_owned(),
    }
}
