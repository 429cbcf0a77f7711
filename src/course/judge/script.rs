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
//! | `A last 0 < event` | polls above that number until the last event is this one |
//! | `A closed` | expects the end of the connection; `A silent 300`: nothing for that many milliseconds |
//! | `A within 9000 12000 < line` | expects a line that comes in that time, in milliseconds |
//! | `A shut`, `A drop` | ends its own output; closes |
//! | `repeat 100 <step>` | does a step that often, with `{i}` from 1 |
//! | `{password}`, `{room}`, `{any}`, `{long text}` | the users' password; names that nobody has; 50,000 bytes |
//! | `check <a> < <b>` | compares two numbers |
//! | `wait 300` | waits so many milliseconds |
//! | `restart` | kills the server and starts it again |
//! | `crashes` | traffic across three restarts, and the delivery checker's verdict |
//!
//! In the tests of a client (`clients/*.txt`) the judge is the server, for the user ana; luis and eva are there, too. `<` is
//! what the client sends and `>` what the judge sends, on whichever connection. A verb in capital letters stands in the
//! place of the connection's name:
//!
//! | step | meaning |
//! |---|---|
//! | `run` | starts the client, also after its end: with the same WACHAT_HOME; `kill`: kills it (SIGKILL) |
//! | `in @luis: hola` | writes a line to its input; `end of input` |
//! | `out luis: hola` | expects a line of its output that ends so; `once luis: hola`: so far there is one such line |
//! | `said` | expects any line of output since the last step that answered a request, also on the standard error |
//! | `exit 0` | expects its end with that exit code; `exit not 0`: with another one |
//! | `blocked` | from the next `run` to `kill` its output is not read: it can write 64 KiB and no more |
//! | `event <a>;MSG;...` | puts an event into the mailbox; a number without a name before is the next one |
//! | `login RECV` | expects a login on that port, after those of earlier steps |
//! | `take SEND` | from here on steps answer the requests with that verb; `release SEND`: the judge's small server does again |
//! | `SEND < SEND;<id>;luis;hola` | expects the next request with the verb; `<id>` is an id that is called id from there on |
//! | `SEND within 100 5000 < line` | expects it in that time, in milliseconds; `SEND silent 500`: none comes |
//! | `SEND ok` | the small server answers it; `SEND > line`: this is the reply; `SEND last> text`: these bytes are, and the connection ends |
//! | `SEND drop` | closes the connection; `SEND lose`: carries it out before; `SEND ignore`: never answers |
//! | `stored luis: hola` | expects the next message that the small server has stored of the client; `stored nothing`: no other |
//! | `unread luis <a>` | expects that no READ of that conversation has reached that number |
//! | `forget` | the server forgets what was acknowledged: all events come again, on the next connections |
//! | `write bytes` | replies come byte by byte; `halves`: in two pieces; `crlf`: with a CR before each LF; `more`: with one more field in each line; `whole` |
//! | `password text` | the user's password, from the next `run` on |
//! | `logins KO;AUTH;no` | each login gets this reply, and the connection is closed |
//! | `cut` | closes all connections; `cut KO;AUTH;no`: with this last line |
//! | `away` | nobody listens on the ports; `closing`: each connection is closed at once; `back` ends both |
//! | `connections 2 40 in 3000` | expects so many new connections in that time, in milliseconds |
//! | `differ <id> <id2>` | compares two ids |
//! | `repeat`, `wait` | as above |

use std::sync::LazyLock;

use crate::course::page::section_of;

/// The group files of servers, in the order of the labs.
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

/// Those of clients.
const CLIENT_FILES: &[(&str, &str)] = &[
    ("client-framing", include_str!("clients/framing.txt")),
    ("client-login", include_str!("clients/login.txt")),
    ("client-send", include_str!("clients/send.txt")),
    ("client-poll", include_str!("clients/poll.txt")),
    ("client-states", include_str!("clients/states.txt")),
    ("client-idempotence", include_str!("clients/idempotence.txt")),
    ("client-rooms", include_str!("clients/rooms.txt")),
    ("client-time-outs", include_str!("clients/time-outs.txt")),
    ("client-crash", include_str!("clients/crash.txt")),
];

static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| {
    let mut number = 0;
    let files = FILES.iter().map(|file| (Side::Server, file));
    let files = files.chain(CLIENT_FILES.iter().map(|file| (Side::Client, file)));
    files.map(|(side, (name, text))| Group::parse(side, name, text, &mut number)).collect()
});

/// The side of the protocol that is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Server,
    Client,
}

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
    pub side: Side,
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
    pub steps: Vec<&'static str>,
}

/// Returns the groups of servers, and those of clients, in the order of the labs.
pub fn groups() -> &'static [Group] {
    &GROUPS
}

/// Returns all tests of servers and clients.
pub fn all() -> impl Iterator<Item = &'static Test> {
    groups().iter().flat_map(|group| &group.tests)
}

/// Returns the tests of one side or of both (`None`), all of them or these groups and tests. An error names what there is
/// not.
pub fn select(side: Option<Side>, only: &[String]) -> Result<Vec<&'static Test>, String> {
    let is_asked = |of: Side| side.is_none_or(|side| side == of);
    let tests = || all().filter(|test| is_asked(test.side));
    let fits = |test: &Test, name: &String| test.group == name || test.name == *name;
    if let Some(unknown) = only.iter().find(|name| !tests().any(|test| fits(test, name))) {
        let names: Vec<_> = groups().iter().filter(|group| is_asked(group.side)).map(|group| group.name).collect();
        return Err(format!("there is no test and no group {unknown:?}; the groups are {}", names.join(", ")));
    }
    Ok(tests().filter(|test| only.is_empty() || only.iter().any(|name| fits(test, name))).collect())
}

impl Group {
    fn parse(side: Side, name: &'static str, text: &'static str, number: &mut usize) -> Self {
        let title = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or(name);
        let mut tests: Vec<Test> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match (word, tests.last_mut()) {
                ("test", _) => {
                    *number += 1;
                    tests.push(Test::new(side, *number, name, tests.len() + 1, rest));
                }
                ("clause", Some(test)) => (test.clause, test.section) = (rest, section_of(rest).to_owned()),
                ("usual", Some(test)) => test.usual = rest,
                (_, Some(test)) => test.steps.push(line),
                (_, None) => {}
            }
        }
        Self { side, name, title, tests }
    }
}

impl Test {
    fn new(side: Side, number: usize, group: &'static str, place: usize, title: &'static str) -> Self {
        let clause = "";
        let section = String::new();
        let usual = "";
        let steps = Vec::new();
        Self { side, number, name: format!("{group}-{place}"), group, title, clause, section, usual, steps }
    }

    /// Tells that it needs a command that restarts the server. A client is restarted by the judge itself.
    pub fn restarts(&self) -> bool {
        self.steps.iter().any(|step| ["restart", "crashes"].contains(step))
    }
}
