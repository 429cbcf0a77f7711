//! `wachat trace --message` and `--user`, on random traces: the lines that are shown are those that a search of every line
//! finds by the rules of the README, in the order of each process.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use tempfile::TempDir;

use super::table;
use crate::support::random::Random;
use wachat::model::Timestamp;
use wachat::protocol::Port;
use wachat::trace::{Entry, Event, Link, VERSION};

const USERS: [&str; 3] = ["ana", "luis", "eva"];
const ROOM: &str = "#sala";
const AT: &str = "2026-11-23T01:53:20.116Z";

/// A line of a trace, and what it says.
#[derive(Clone)]
struct Line {
    process: String,
    user: &'static str,
    port: Port,
    event: Event,
    number: u64,
    text: String,
    what: What,
}

#[derive(Clone, PartialEq)]
enum What {
    Other,
    /// SEND, its reply, or the event: of the message with this id.
    Of(String),
    Sync(Option<String>),
    Poll(u64),
    Read(u64),
    State(&'static str, u64),
}

#[derive(Default)]
struct Talk {
    lines: Vec<Line>,
    numbers: BTreeMap<(String, Event2), u64>,
    last: u64,
    /// Number, id and sender of each message.
    sent: Vec<(u64, String, &'static str)>,
    mailboxes: BTreeMap<&'static str, Vec<(u64, String, What)>>,
    received: BTreeMap<&'static str, u64>,
    /// The last number that the server has sent to a user.
    offered: BTreeMap<&'static str, u64>,
    /// The clients that write a trace.
    traced: BTreeSet<&'static str>,
}

/// Connection and direction, as keys.
type Event2 = (bool, bool);

impl Talk {
    fn entry(&mut self, process: &str, user: &'static str, port: Port, event: Event, text: &str, what: What) {
        let key = (format!("{process} {user}"), (port == Port::Send, event == Event::In));
        let number = self.numbers.entry(key).or_default();
        *number += 1;
        let number = *number;
        let process = process.to_owned();
        let text = text.to_owned();
        self.lines.push(Line { process, user, port, event, number, text, what });
    }

    /// A line of a client to the server, or back.
    fn line(&mut self, user: &'static str, port: Port, to_server: bool, text: &str, what: &What) {
        let client = format!("client:{user}");
        let ends = if to_server { [client.as_str(), "server"] } else { ["server", client.as_str()] };
        for (process, event) in ends.into_iter().zip([Event::Out, Event::In]) {
            if process == "server" || self.traced.contains(user) {
                self.entry(process, user, port, event, text, what.clone());
            }
        }
    }

    fn step(&mut self, random: &mut Random) {
        let user = USERS[random.below(3) as usize];
        match random.below(6) {
            0 | 1 => self.send(user, random),
            2 | 3 => {
                if random.chance(25) {
                    self.acknowledge_all(user);
                }
                self.poll(user, random.chance(15));
            }
            4 => self.read(user, random),
            _ => self.reach(random),
        }
    }

    fn send(&mut self, user: &'static str, random: &mut Random) {
        self.last += 1;
        let number = self.last;
        let id = format!("m-{}", self.last);
        let what = What::Of(id.clone());
        self.line(user, Port::Send, true, &format!("SEND;{id};{ROOM};hola"), &what);
        self.entry("server", "", Port::Send, Event::Sync, "", What::Sync(Some(id.clone())));
        self.line(user, Port::Send, false, &format!("OK;{id};RECEIVED;{AT};{number}"), &what);
        if random.chance(20) {
            self.line(user, Port::Send, true, &format!("SEND;{id};{ROOM};hola"), &what);
            self.line(user, Port::Send, false, &format!("OK;{id};RECEIVED;{AT};{number}"), &what);
        }
        for other in USERS.into_iter().filter(|other| *other != user) {
            let event = format!("{number};MSG;{id};{user};{ROOM};{AT};hola");
            self.mailboxes.entry(other).or_default().push((number, event, what.clone()));
        }
        self.sent.push((number, id, user));
    }

    /// Acknowledges all that the server has sent on the connection, which is the only one of the user.
    fn acknowledge_all(&mut self, user: &'static str) {
        let offered = self.offered.get(user).copied().unwrap_or(0);
        self.line(user, Port::Recv, true, "POLL;*;0;1", &What::Poll(offered));
        self.line(user, Port::Recv, false, "OK;0", &What::Other);
        self.received.insert(user, offered);
        self.mailboxes.entry(user).or_default().retain(|(number, ..)| *number > offered);
    }

    /// `is_lost`: the client does not note what it gets, and gets it again.
    fn poll(&mut self, user: &'static str, is_lost: bool) {
        let after = self.received.get(user).copied().unwrap_or(0);
        self.line(user, Port::Recv, true, &format!("POLL;{after};0"), &What::Poll(after));
        let events = self.mailboxes.remove(user).unwrap_or_default();
        self.line(user, Port::Recv, false, &format!("OK;{}", events.len()), &What::Other);
        for (number, event, what) in &events {
            self.line(user, Port::Recv, false, event, what);
            self.offered.insert(user, *number);
            if !is_lost {
                self.received.insert(user, *number);
            }
        }
        if is_lost {
            self.mailboxes.insert(user, events);
        }
    }

    fn read(&mut self, user: &'static str, random: &mut Random) {
        let upto = random.below(self.received.get(user).copied().unwrap_or(0) + 1);
        self.line(user, Port::Send, true, &format!("READ;{ROOM};{upto}"), &What::Read(upto));
        self.line(user, Port::Send, false, "OK", &What::Other);
    }

    fn reach(&mut self, random: &mut Random) {
        if self.sent.is_empty() {
            return;
        }
        let (upto, _, user) = self.sent[random.below(self.sent.len() as u64) as usize].clone();
        let state = if random.chance(50) { "DELIVERED" } else { "READ" };
        self.last += 1;
        let event = format!("{};STATE;{ROOM};{state};{upto};{AT}", self.last);
        self.mailboxes.entry(user).or_default().push((self.last, event, What::State(state, upto)));
    }

    /// Writes a file for each process.
    fn write(&self, directory: &TempDir) -> Vec<PathBuf> {
        let names: BTreeSet<_> = self.lines.iter().map(|line| line.process.clone()).collect();
        let path = |name: &String| directory.path().join(name.replace(':', "-"));
        for name in &names {
            let mut out = Vec::new();
            entry(name, Event::Start, None, "", 1, VERSION).write(&mut out);
            let mine: Vec<_> = self.lines.iter().filter(|line| line.process == *name).collect();
            let ends: BTreeSet<_> =
                mine.iter().filter(|line| !line.user.is_empty()).map(|l| (l.user, l.port == Port::Send)).collect();
            for (user, is_send) in ends {
                let port = if is_send { Port::Send } else { Port::Recv };
                entry(name, Event::Open, Some(link(name, user, port)), user, 0, "").write(&mut out);
            }
            for line in mine {
                let link = (line.event != Event::Sync).then(|| link(name, line.user, line.port));
                entry(name, line.event, link, line.user, line.number, &line.text).write(&mut out);
            }
            entry(name, Event::Stop, None, "", 0, "").write(&mut out);
            fs::write(path(name), out).expect("to write");
        }
        names.iter().map(path).collect()
    }

    /// The lines about a message, found by the rules alone.
    fn about(&self, (seq, id, from): &(u64, String, &'static str)) -> Vec<&Line> {
        let mut found = Vec::new();
        let mut is_known = false;
        let mut first: BTreeSet<(String, &str, bool, String)> = BTreeSet::new();
        for line in &self.lines {
            let mut is_first =
                |kind: &str| first.insert((line.process.clone(), line.user, line.event == Event::In, kind.to_owned()));
            let is_about = match &line.what {
                What::Of(other) => other == id,
                What::Sync(of) => of.as_ref() == Some(id),
                What::Poll(upto) => is_known && line.user != *from && upto >= seq && is_first("POLL"),
                What::Read(upto) => is_known && line.user != *from && upto >= seq && is_first("READ"),
                What::State(state, upto) => is_known && line.user == *from && upto >= seq && is_first(state),
                What::Other => false,
            };
            is_known |= line.what == What::Of(id.clone());
            if is_about {
                found.push(line);
            }
        }
        found
    }
}

fn entry<'a>(
    process: &'a str,
    event: Event,
    link: Option<Link>,
    user: &'a str,
    number: u64,
    text: &'a str,
) -> Entry<'a> {
    let at = Timestamp::parse(AT).expect("a time");
    Entry { at, process: process.into(), event, link, user: user.into(), number, text: text.into() }
}

/// The connection of a user to a port, as a process sees it.
fn link(process: &str, user: &str, port: Port) -> Link {
    let place = USERS.iter().position(|known| *known == user).expect("a user");
    let (at, from) = if port == Port::Send { (1666, 50_000) } else { (1667, 51_000) };
    let server = SocketAddr::from(([127, 0, 0, 1], at));
    let client = SocketAddr::from(([127, 0, 0, 1], from + u16::try_from(place).expect("a port")));
    let (local, peer) = if process == "server" { (server, client) } else { (client, server) };
    Link { port, local, peer }
}

/// The columns of a line in the table: direction, port, user, number, and the line itself.
type Shown = (String, String, String, String, String);

/// The rows of one process that stand for lines.
fn rows_of(rows: &[[String; 7]], process: &str) -> Vec<Shown> {
    let of_process = rows.iter().filter(|row| row[0] == process && !row[3].is_empty());
    let text = |row: &[String; 7]| row[6].split("  (").next().unwrap_or_default().to_owned();
    of_process.map(|row| (row[3].clone(), row[1].clone(), row[2].clone(), row[5].clone(), text(row))).collect()
}

fn shown(line: &Line) -> Shown {
    let arrow = if line.event == Event::Out { "->" } else { "<-" };
    (arrow.to_owned(), line.port.word().to_owned(), line.user.to_owned(), line.number.to_string(), line.text.clone())
}

#[test]
fn what_is_shown_of_a_message_is_what_a_search_of_every_line_finds() {
    let mut acknowledged = 0;
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let directory = TempDir::new().expect("a directory");
        let traced = USERS.into_iter().filter(|_| random.chance(60)).collect();
        let mut talk = Talk { traced, ..Talk::default() };
        (0..40).for_each(|_| talk.step(&mut random));
        let paths = talk.write(&directory);
        let files: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
        let processes: BTreeSet<_> = talk.lines.iter().map(|line| line.process.clone()).collect();
        for message in talk.sent.iter().take(4) {
            let about = talk.about(message);
            acknowledged += about.iter().filter(|line| matches!(line.what, What::Poll(_))).count();
            let rows = table(&files, &["--message", &message.1]);
            let only = random.below(3) as usize;
            let of_user = table(&files, &["--message", &message.1, "--user", USERS[only]]);
            for process in &processes {
                let lines = about.iter().filter(|line| line.process == *process && line.event != Event::Sync);
                let expected: Vec<_> = lines.clone().map(|line| shown(line)).collect();
                assert_eq!(rows_of(&rows, process), expected, "seed {seed}: {} at {process}", message.1);
                let expected: Vec<_> = lines.filter(|line| line.user == USERS[only]).map(|line| shown(line)).collect();
                if about.iter().any(|line| line.user == USERS[only]) {
                    assert_eq!(rows_of(&of_user, process), expected, "seed {seed}: {} at {process}", message.1);
                }
            }
            let syncs = rows.iter().filter(|row| row[0] == "server" && row[6].starts_with("sync")).count();
            assert_eq!(syncs, 1, "seed {seed}: {rows:#?}");
        }
    }
    assert!(acknowledged > 60, "the traces are too easy: {acknowledged}");
}

/// Returns a line with the remarks that belong to it, as its process sees it. `seen`: what that process has noted.
fn with_marks(line: &Line, seen: &mut BTreeMap<String, u64>) -> String {
    let mut note = |key: String| {
        let count = seen.entry(format!("{} {} {key}", line.user, line.event)).or_default();
        *count += 1;
        if *count > 1 { "  (again)" } else { "" }
    };
    let fields: Vec<_> = line.text.split(';').collect();
    let marks = match &line.what {
        What::Of(_) if fields[0] == "OK" => "  (received)".to_owned(),
        What::Of(id) if fields[0] == "SEND" => note(id.clone()).to_owned(),
        What::Of(_) => note(format!("event {}", fields[0])).to_owned(),
        What::State(state, _) => format!("{}  ({})", note(format!("event {}", fields[0])), state.to_lowercase()),
        What::Poll(upto) => {
            let known = seen.entry(format!("{} {} acknowledged", line.user, line.event)).or_default();
            let is_new = *upto > *known;
            *known = (*known).max(*upto);
            if is_new { format!("  (acknowledges {upto})") } else { String::new() }
        }
        _ => String::new(),
    };
    format!("{}{marks}", line.text)
}

#[test]
fn every_line_has_the_remarks_that_belong_to_it() {
    let mut again = 0;
    for seed in 100..106 {
        let mut random = Random::new(seed);
        let directory = TempDir::new().expect("a directory");
        let traced = USERS.into_iter().filter(|_| random.chance(60)).collect();
        let mut talk = Talk { traced, ..Talk::default() };
        (0..60).for_each(|_| talk.step(&mut random));
        let paths = talk.write(&directory);
        let files: Vec<_> = paths.iter().map(PathBuf::as_path).collect();
        let rows = table(&files, &[]);
        for process in talk.lines.iter().map(|line| line.process.clone()).collect::<BTreeSet<_>>() {
            let mut seen = BTreeMap::new();
            let lines = talk.lines.iter().filter(|line| line.process == process && line.event != Event::Sync);
            let expected: Vec<_> = lines.map(|line| with_marks(line, &mut seen)).collect();
            let shown = rows.iter().filter(|row| row[0] == process && !row[3].is_empty());
            assert_eq!(shown.map(|row| row[6].clone()).collect::<Vec<_>>(), expected, "seed {seed}: {process}");
            again += expected.iter().filter(|line| line.ends_with("(again)")).count();
        }
    }
    assert!(again > 10, "the traces are too easy: {again}");
}
