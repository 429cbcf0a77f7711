//! The tests as texts: a file a group, whose tests are made of steps, one a line.
//!
//! ```text
//! # Framing: lines and records
//!
//! test A line may come byte by byte
//! clause The way in which TCP cuts or joins lines has no meaning.
//! usual The program takes what one read returns for one line.
//! needs framing-2
//! users ana
//! A open SEND
//! A bytes> LOGIN:{ana}:{password}
//! A < OK;{ana};wachat/1
//! ```
//!
//! [`step`](super::step) has the steps. `needs` stands in tests that a program passes in which the exercise is still open:
//! their points count once the named test passes, too. `alone` stands in tests of what one client does to another: a test at
//! their side would hide it.

use std::sync::LazyLock;

pub use super::step::Side;
use super::step::Steps;
use crate::course::page::section_of;

/// The groups of what a server may have and need not have: devices and names that no new account gets (protocol, section 3),
/// permits, rooms with owners, and messages that are taken back (section 5).
pub const DEVICES: &str = "devices";
pub const CALLS: &str = "calls";
pub const OWNERS: &str = "owners";
pub const ERASE: &str = "erase";
pub const NAMES: &str = "names";

/// Side, group, path and text of each file: those of servers, then those of clients.
macro_rules! files {
    ($($name:literal)*) => {
        [
            $((Side::Server, $name, concat!("tests/", $name, ".txt"), include_str!(concat!("tests/", $name, ".txt"))),)*
            (Side::Server, DEVICES, "tests/devices.txt", include_str!("tests/devices.txt")),
            (Side::Server, CALLS, "tests/calls.txt", include_str!("tests/calls.txt")),
            (Side::Server, OWNERS, "tests/owners.txt", include_str!("tests/owners.txt")),
            (Side::Server, ERASE, "tests/erase.txt", include_str!("tests/erase.txt")),
            (Side::Server, NAMES, "tests/names.txt", include_str!("tests/names.txt")),
            $((
                Side::Client,
                concat!("client-", $name),
                concat!("clients/", $name, ".txt"),
                include_str!(concat!("clients/", $name, ".txt")),
            ),)*
        ]
    };
}

static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| {
    // In the order of the labs.
    let files = files!["framing" "login" "send" "poll" "states" "idempotence" "time-outs" "crash" "rooms"];
    let mut number = 0;
    let parse = |(side, name, file, text)| Group::parse(side, name, file, text, &mut number);
    // The files are part of the program, and its tests read all of them.
    files.map(parse).into_iter().map(|group| group.unwrap_or_else(|why| panic!("{why}"))).collect()
});

/// The tests of one subject.
#[derive(Debug)]
pub struct Group {
    pub side: Side,
    pub name: &'static str,
    pub title: &'static str,
    pub tests: Vec<Test>,
}

/// A test of a server or of a client.
#[derive(Debug)]
pub struct Test {
    /// Its place among all tests.
    pub number: usize,
    /// The name of its group and its place there: `framing-1`.
    pub name: String,
    pub group: &'static str,
    pub title: &'static str,
    /// The sentence of the protocol that it tests, and the section in which that stands.
    pub clause: &'static str,
    pub section: String,
    /// The usual defect of a program that fails.
    pub usual: &'static str,
    /// The test without which its points do not count.
    pub needs: Option<&'static str>,
    /// It is played without another at its side.
    pub alone: bool,
    pub steps: Steps,
}

/// Returns the groups of servers, and those of clients, in the order of the labs.
pub fn groups() -> &'static [Group] {
    &GROUPS
}

pub fn all() -> impl Iterator<Item = &'static Test> {
    groups().iter().flat_map(|group| &group.tests)
}

/// Returns the tests of one side or of both (`None`), all of them or these groups and tests. An error names what there is
/// not.
pub fn select(side: Option<Side>, only: &[String]) -> Result<Vec<&'static Test>, String> {
    let is_asked = |of: Side| side.is_none_or(|side| side == of);
    let tests = || all().filter(|test| is_asked(test.steps.side()));
    let fits = |test: &Test, name: &String| test.group == name || test.name == *name;
    if let Some(unknown) = only.iter().find(|name| !tests().any(|test| fits(test, name))) {
        let names: Vec<_> = groups().iter().filter(|group| is_asked(group.side)).map(|group| group.name).collect();
        return Err(format!("there is no test and no group {unknown:?}; the groups are {}", names.join(", ")));
    }
    Ok(tests().filter(|test| only.is_empty() || only.iter().any(|name| fits(test, name))).collect())
}

impl Group {
    /// Parses the text of a file. `number`: that of the last test before it. The error names file and line.
    pub fn parse(
        side: Side,
        name: &'static str,
        file: &str,
        text: &'static str,
        number: &mut usize,
    ) -> Result<Self, String> {
        let title = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or(name);
        let mut tests: Vec<Test> = Vec::new();
        let lines = (1..).zip(text.lines().map(str::trim));
        for (place, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let failed = |why: String| format!("{file}, line {place}: {why}");
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match (word, tests.last_mut()) {
                ("test", _) => {
                    *number += 1;
                    tests.push(Test::new(side, *number, name, tests.len() + 1, rest));
                }
                ("clause", Some(test)) => (test.clause, test.section) = (rest, section_of(rest).to_owned()),
                ("usual", Some(test)) => test.usual = rest,
                ("needs", Some(test)) => test.needs = Some(rest),
                ("alone", Some(test)) => test.alone = true,
                (_, Some(test)) => test.steps.add(line).map_err(failed)?,
                (_, None) => return Err(failed("there is no test yet".to_owned())),
            }
        }
        Ok(Self { side, name, title, tests })
    }
}

impl Test {
    fn new(side: Side, number: usize, group: &'static str, place: usize, title: &'static str) -> Self {
        let name = format!("{group}-{place}");
        let (clause, section, usual, needs, alone) = Default::default();
        Self { number, name, group, title, clause, section, usual, needs, alone, steps: Steps::new(side) }
    }

    /// Returns whether it is a test of devices, which a server may have and need not have.
    pub fn is_of_devices(&self) -> bool {
        self.group == DEVICES
    }

    /// Returns whether it is a test of permits, which a server need not have either.
    pub fn is_of_calls(&self) -> bool {
        self.group == CALLS
    }

    /// Returns whether it is a test of rooms with owners, which a server need not have either.
    pub fn is_of_owners(&self) -> bool {
        self.group == OWNERS
    }

    /// Returns whether it is a test of messages that are taken back, which a server need not have either.
    pub fn is_of_erasing(&self) -> bool {
        self.group == ERASE
    }

    /// Returns whether it is a test of names that no new account gets, which a server need not have either.
    pub fn is_of_names(&self) -> bool {
        self.group == NAMES
    }

    /// Returns whether it needs a command that restarts the server.
    pub fn restarts(&self) -> bool {
        self.steps.restart()
    }
}
