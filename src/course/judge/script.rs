//! The tests as texts: a file a group, whose tests are made of steps, one a line.
//!
//! ```text
//! # Framing: lines and records
//!
//! test A line may come byte by byte
//! clause The way in which TCP cuts or joins lines has no meaning.
//! usual The program takes what one read returns for one line.
//! users ana
//! A open SEND
//! A bytes> LOGIN:{ana}:{password}
//! A < OK;{ana};wachat/1
//! ```
//!
//! | step | meaning |
//! |---|---|
//! | `users ana luis` | registers accounts; `{ana}` is the name from there on, and that of no other test |
//! | `new eva` | the same without an account |
//! | `A open SEND` | opens a connection, which is called A from there on |
//! | `A login RECV ana` | opens one and logs in |
//! | `A > line` | sends a line; `A bytes> line`: byte by byte; `A raw> text`: without LF, with `\n`, `\r`, `\xNN` |
//! | `A long> 70000` | sends a line of so many bytes, LF included |
//! | `A flood 1000> line` | sends it as often as the socket takes it without waiting |
//! | `A < line` | expects a line: `<time>` is any time, `<any>` any field, `<n>` a number that is called n, `...` any rest |
//! | `A events 0` | polls above that number until the events in the steps `A * event` behind it have come, and no others |
//! | `A closed` | expects the end of the connection; `A silent 300`: nothing for that many milliseconds |
//! | `A within 9000 12000 < line` | expects a line that comes in that time, in milliseconds |
//! | `A shut`, `A drop` | ends its own output; closes |
//! | `repeat 100 <step>` | does a step that often, with `{i}` from 1 |
//! | `{password}`, `{room}`, `{any}`, `{long text}` | the users' password; names that nobody has; 50,000 bytes |
//! | `check <a> < <b>` | compares two numbers |
//! | `wait 300` | waits so many milliseconds |
//! | `restart` | kills the server and starts it again |
//! | `crashes` | traffic across three restarts, and the delivery checker's verdict |

use std::sync::LazyLock;

use crate::course::page::section_of;

/// The group files, in the order of the labs.
const FILES: &[(&str, &str)] = &[
    ("framing", include_str!("tests/framing.txt")),
    ("login", include_str!("tests/login.txt")),
    ("send", include_str!("tests/send.txt")),
    ("poll", include_str!("tests/poll.txt")),
    ("states", include_str!("tests/states.txt")),
    ("idempotence", include_str!("tests/idempotence.txt")),
    ("rooms", include_str!("tests/rooms.txt")),
    ("time-outs", include_str!("tests/time-outs.txt")),
    ("crash", include_str!("tests/crash.txt")),
];

static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| {
    let mut number = 0;
    FILES.iter().map(|(name, text)| Group::parse(name, text, &mut number)).collect()
});

/// The tests of one subject.
#[derive(Debug)]
pub struct Group {
    pub name: &'static str,
    pub title: &'static str,
    pub tests: Vec<Test>,
}

/// A test of a server.
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
    /// The usual defect of a server that fails.
    pub usual: &'static str,
    pub steps: Vec<&'static str>,
}

/// Returns the groups, in the order of the labs.
pub fn groups() -> &'static [Group] {
    &GROUPS
}

/// Returns all tests.
pub fn all() -> impl Iterator<Item = &'static Test> {
    groups().iter().flat_map(|group| &group.tests)
}

/// Returns the tests of these groups and with these names. An error names what there is not.
pub fn select(only: &[String]) -> Result<Vec<&'static Test>, String> {
    let fits = |test: &Test, name: &String| test.group == name || test.name == *name;
    if let Some(unknown) = only.iter().find(|name| !all().any(|test| fits(test, name))) {
        let names: Vec<_> = groups().iter().map(|group| group.name).collect();
        return Err(format!("there is no test and no group {unknown:?}; the groups are {}", names.join(", ")));
    }
    Ok(all().filter(|test| only.is_empty() || only.iter().any(|name| fits(test, name))).collect())
}

impl Group {
    fn parse(name: &'static str, text: &'static str, number: &mut usize) -> Self {
        let title = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or(name);
        let mut tests: Vec<Test> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match (word, tests.last_mut()) {
                ("test", _) => {
                    *number += 1;
                    tests.push(Test::new(*number, name, tests.len() + 1, rest));
                }
                ("clause", Some(test)) => (test.clause, test.section) = (rest, section_of(rest).to_owned()),
                ("usual", Some(test)) => test.usual = rest,
                (_, Some(test)) => test.steps.push(line),
                (_, None) => {}
            }
        }
        Self { name, title, tests }
    }
}

impl Test {
    fn new(number: usize, group: &'static str, place: usize, title: &'static str) -> Self {
        let (clause, section, usual, steps) = ("", String::new(), "", Vec::new());
        Self { number, name: format!("{group}-{place}"), group, title, clause, section, usual, steps }
    }

    /// Tells that it needs a command that restarts the server.
    pub fn restarts(&self) -> bool {
        self.steps.iter().any(|step| ["restart", "crashes"].contains(step))
    }
}
