//! The small server with flaws to choose from, without one: its replies are those of the protocol, also at the bounds,
//! and its file brings all of it back.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wachat::course::flawed::{self, Flaw};

use crate::support::world::choose_ports;
use crate::support::{Connection, wait_for};

/// A server in this process: it serves until the process ends.
struct Small {
    ports: [u16; 2],
}

impl Small {
    fn start(flaw: Flaw, file: &Path) -> Self {
        let ports = choose_ports();
        let file = file.to_owned();
        thread::spawn(move || flawed::run(flaw, ports, &file).expect("to serve"));
        let small = Self { ports };
        ports.iter().for_each(|port| _ = wait_for("the server", || Connection::try_open(address(*port))));
        small
    }

    fn open(&self, line: &str) -> (String, Connection) {
        Connection::open_with(address(self.ports[0]), line)
    }

    fn register(&self, user: &str) -> Connection {
        let (reply, connection) = self.open(&format!("REGISTER:{user}:palabra larga"));
        assert_eq!(reply, format!("OK;{user};wachat/1"));
        connection
    }

    fn send(&self, user: &str) -> Connection {
        let (reply, connection) = self.open(&format!("LOGIN:{user}:palabra larga"));
        assert_eq!(reply, format!("OK;{user};wachat/1"));
        connection
    }

    /// Opens the session of a user who has acknowledged so much.
    fn recv(&self, user: &str, acknowledged: u64) -> Connection {
        let line = format!("LOGIN:{user}:palabra larga");
        let (reply, connection) = Connection::open_with(address(self.ports[1]), &line);
        assert_eq!(reply, format!("OK;{user};wachat/1;{acknowledged};store"));
        connection
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn file() -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("log.csv");
    (directory, file)
}

#[test]
fn logins_are_refused_in_the_order_of_the_table() {
    let (_directory, file) = file();
    let small = Small::start(Flaw::None, &file);
    small.register("ana");
    for (line, reply) in [
        ("REGISTER:luis:1234567", "KO;PASSWORD;"),
        ("REGISTER:luis:ñandúes1", "OK;luis;wachat/1"),
        ("REGISTER:ana:1234567", "KO;EXISTS;"),
        ("REGISTER:ANA:palabra larga", "KO;EXISTS;"),
        ("REGISTER:.x:1234567", "KO;NAME;"),
        ("LOGIN:ana:palabra", "KO;AUTH;"),
        ("LOGIN:nadie:palabra larga", "KO;AUTH;"),
        ("LOGIN:.x:palabra larga", "KO;AUTH;"),
        ("LOGIN:ana:", "KO;SYNTAX;"),
        ("LOGIN:ana", "KO;SYNTAX;"),
        ("PING", "KO;SYNTAX;"),
        ("login:Ana:palabra larga", "OK;ana;wachat/1"),
    ] {
        let (came, mut connection) = small.open(line);
        assert!(came.starts_with(reply), "{line}: {came}");
        if reply.starts_with("KO") {
            connection.assert_closed();
        } else {
            assert_eq!(connection.request("PING"), "OK", "{line}");
        }
    }
}

#[test]
fn each_request_is_answered_as_the_protocol_says() {
    let (_directory, file) = file();
    let small = Small::start(Flaw::None, &file);
    let mut ana = small.register("Ana");
    let mut luis = small.register("luis");
    ana.run_transcript(
        "> SEND;m-1;luis;uno
         < OK;m-1;RECEIVED;<at>;1
         > SEND;m-1;LUIS;uno
         < OK;m-1;RECEIVED;<at>;1
         > SEND;m-1;luis;otro
         < KO;CONFLICT;...
         > SEND;m-1;ana;uno
         < KO;CONFLICT;...
         > SEND;m-1;nadie;uno
         < KO;CONFLICT;...
         > SEND;m-2;nadie;uno
         < KO;NO_USER;...
         > SEND;m-2;luis;\"dos; y \"\"más\"\"\"
         < OK;m-2;RECEIVED;<at>;2
         > SEND;m 3;luis;x
         < KO;SYNTAX;...
         > READ;luis;2
         < OK
         > READ;luis;3
         < KO;SEQ;...
         > READ;nadie;0
         < KO;NO_USER;...
         > READ;luis;9007199254740992
         < KO;SYNTAX;...
         > STATUS;luis;1
         < OK;1
         < luis;RECEIVED
         > STATUS;luis;3
         < KO;NO_MESSAGE;...
         > STATUS;nadie;1
         < KO;NO_USER;...
         > HISTORY;luis;0
         < KO;SYNTAX;...
         > HISTORY;luis;1001
         < KO;SYNTAX;...
         > HISTORY;luis;1000
         < OK;2
         < 1;m-1;Ana;luis;<at>;RECEIVED;uno
         < 2;m-2;Ana;luis;<at>;RECEIVED;\"dos; y \"\"más\"\"\"
         > HISTORY;luis;1
         < OK;1
         < 2;m-2;Ana;luis;<at>;RECEIVED;\"dos; y \"\"más\"\"\"
         > HISTORY;luis;1;2
         < OK;1
         < 1;m-1;Ana;luis;<at>;RECEIVED;uno
         > HISTORY;luis;1;1
         < OK;0
         > HISTORY;luis;1;2;3
         < KO;SYNTAX;...
         > HISTORY;ana
         < OK;0
         > HISTORY;nadie
         < KO;NO_USER;...
         > POLL;0
         < KO;SYNTAX;...
         > PING;1
         < KO;SYNTAX;...
         > ping
         < OK",
    );
    luis.run_transcript(
        "> SEND;m-1;ana;tres
         < OK;m-1;RECEIVED;<at>;3
         > STATUS;ana;1
         < KO;NO_MESSAGE;...
         > SEND;m-4;luis;a mí
         < OK;m-4;RECEIVED;<at>;4
         > HISTORY;ana
         < OK;3
         < 1;m-1;Ana;luis;<at>;RECEIVED;uno
         < 2;m-2;Ana;luis;<at>;RECEIVED;\"dos; y \"\"más\"\"\"
         < 3;m-1;luis;Ana;<at>;RECEIVED;tres
         > QUIT
         < OK",
    );
    luis.assert_closed();
    let many = Small::start(Flaw::None, &file.with_extension("many"));
    let mut eva = many.register("eva");
    (0..52).for_each(|number| _ = eva.request(&format!("SEND;m-{number};eva;x")));
    assert_eq!(eva.list("HISTORY;eva").len(), 50, "the default");
    assert_eq!(many.recv("eva", 0).list("POLL;0;0;7").len(), 7);
}

/// Steps of luis and Ana with two messages; it ends with these events of Ana.
fn deliver(small: &Small) -> [String; 2] {
    let mut ana = small.register("Ana");
    let mut luis = small.register("luis");
    ana.run_transcript("> SEND;m-1;luis;uno\n< OK;m-1;RECEIVED;<at>;1\n> SEND;m-2;luis;dos\n< OK;m-2;RECEIVED;<at>;2");
    let mut recv = small.recv("luis", 0);
    let both = ["1;MSG;m-1;Ana;luis;<at>;uno", "2;MSG;m-2;Ana;luis;<at>;dos"];
    assert_eq!(recv.list_without_times("POLL;0;0"), both);
    assert_eq!(recv.list_without_times("POLL;0;0;1"), both[..1]);
    recv.run_transcript(
        "> POLL;3;0
         < KO;SEQ;...
         > POLL;0;10
         < KO;SYNTAX;...
         > POLL;0;0;0
         < KO;SYNTAX;...
         > POLL;0;0;1001
         < KO;SYNTAX;...
         > POLL;0;0;1000;1
         < KO;SYNTAX;...
         > POLL;x
         < KO;SYNTAX;...
         > SEND;m-9;luis;x
         < KO;SYNTAX;...",
    );
    assert_eq!(recv.list_without_times("POLL;1;0"), both[1..]);
    assert_eq!(recv.list_without_times("POLL;0;0"), both[1..], "what is acknowledged does not come again");
    let delivered = ["3;STATE;luis;DELIVERED;1;<at>"];
    assert_eq!(small.recv("Ana", 0).list_without_times("POLL;0"), delivered);
    ana.run_transcript("> STATUS;luis;1\n< OK;1\n< luis;DELIVERED\n> STATUS;luis;2\n< OK;1\n< luis;RECEIVED");
    luis.run_transcript("> READ;ana;2\n< OK\n> READ;ana;1\n< OK\n> READ;ana;2\n< OK\n> READ;ana;3\n< KO;SEQ;...");
    ana.run_transcript("> STATUS;luis;2\n< OK;1\n< luis;READ");
    assert_eq!(recv.list_without_times("POLL;2;0"), [] as [String; 0], "READ first: then no DELIVERED");
    let [first, second] = [delivered[0], "4;STATE;luis;READ;2;<at>"].map(str::to_owned);
    assert_eq!(small.recv("Ana", 0).list_without_times("POLL;0"), [first.clone(), second.clone()]);
    [first, second]
}

#[test]
fn events_states_and_acknowledgements_come_back_from_the_file() {
    let (_directory, file) = file();
    let events = deliver(&Small::start(Flaw::None, &file));
    // Half a line at the end is that of a crash.
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, format!("{text}SEND;m-7;ana;lu")).expect("to write");
    let again = Small::start(Flaw::None, &file);
    assert_eq!(again.recv("Ana", 0).list_without_times("POLL;0;0"), events);
    assert_eq!(again.recv("luis", 2).list_without_times("POLL;0;0"), [] as [String; 0]);
    let mut ana = again.send("Ana");
    ana.run_transcript(
        "> SEND;m-1;luis;uno
         < OK;m-1;RECEIVED;<at>;1
         > HISTORY;luis
         < OK;2
         < 1;m-1;Ana;luis;<at>;READ;uno
         < 2;m-2;Ana;luis;<at>;READ;dos
         > SEND;m-3;luis;tres
         < OK;m-3;RECEIVED;<at>;5",
    );
    let forgetful = Small::start(Flaw::ForgetsOnRestart, &file);
    assert!(forgetful.open("LOGIN:ana:palabra larga").0.starts_with("KO;AUTH;"));
}

#[test]
fn a_poll_waits_for_an_event_for_its_time_for_the_end_of_the_input_or_for_a_later_session() {
    let (_directory, file) = file();
    let small = Small::start(Flaw::None, &file);
    let mut ana = small.register("ana");
    let mut recv = small.recv("ana", 0);
    let begin = Instant::now();
    assert_eq!(recv.request("POLL;0;1"), "OK;0");
    assert!(begin.elapsed() >= Duration::from_millis(950));
    recv.send("POLL;0;9\n");
    assert!(!recv.has_input(Duration::from_millis(200)), "it waits");
    assert_eq!(ana.request("PING"), "OK", "and delays nobody else");
    ana.request("SEND;m-1;ana;hola");
    assert_eq!(recv.read_line(), "OK;1");
    assert!(recv.read_line().starts_with("1;MSG;m-1;ana;ana;"));
    recv.send("POLL;1;0\nPOLL;2;9\n");
    assert_eq!(recv.read_line(), "OK;1", "the receipt of the note to oneself");
    assert!(recv.read_line().starts_with("2;STATE;ana;DELIVERED;1;"));
    let begin = Instant::now();
    recv.half_close();
    assert_eq!(recv.read_line(), "OK;0");
    recv.assert_closed();
    let mut first = small.recv("ana", 2);
    first.send("POLL;2;9\n");
    let mut second = small.recv("ana", 2);
    assert_eq!(first.read_line(), "KO;REPLACED;a newer session has taken over");
    first.assert_closed();
    assert_eq!(second.request("PING"), "OK");
    assert!(begin.elapsed() < Duration::from_secs(8));
}

#[test]
fn lines_are_whole_whatever_the_pieces_and_of_at_most_65536_bytes() {
    let (_directory, file) = file();
    let small = Small::start(Flaw::None, &file);
    let mut ana = small.register("ana");
    ana.send("PING\r\nPI");
    assert_eq!(ana.read_line(), "OK");
    ana.send("NG\nPING\n");
    assert_eq!((ana.read_line(), ana.read_line()), ("OK".to_owned(), "OK".to_owned()));
    assert!(ana.request(&"x".repeat(65_535)).starts_with("KO;SYNTAX;"));
    assert!(ana.request(&"x".repeat(65_536)).starts_with("KO;TOO_LONG;"));
    ana.assert_closed();
    let mut again = small.send("ana");
    again.send(format!("PING\nQUIT\nPING\n{}", "x".repeat(200_000)));
    assert_eq!(again.read_rest(), ["OK", "OK"], "nothing behind QUIT");
}
