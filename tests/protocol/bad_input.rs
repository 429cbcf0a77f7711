//! Malformed and hostile input. Every attack gets the KO of the protocol's table, the connection goes on or closes as
//! it says there, and the messages of other users arrive all the same.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::support::random::Random;
use crate::support::{Connection, PASSWORD, TIMEOUT, World, wait_for};

/// A server under attack by Mallory, and two users who go on talking beside it.
struct Town {
    world: World,
    ana: Connection,
    luis: Connection,
    sent: u64,
}

impl Town {
    fn new() -> Self {
        Self::with(&["--no-lobby"])
    }

    fn with(options: &[&str]) -> Self {
        let world = World::new(options);
        let ana = world.register("ana");
        world.register("luis");
        world.register("mallory");
        let luis = world.session("luis");
        let mut town = Self { world, ana, luis, sent: 0 };
        town.send();
        town
    }

    /// A message of Ana's that waits for Luis during the attack.
    fn send(&mut self) {
        // Both have to talk now and then, or they are timed out themselves.
        self.sent += 1;
        let n = self.sent;
        let reply = self.ana.request(&format!("SEND;m-{n};luis;hola {n}"));
        assert!(reply.starts_with(&format!("OK;m-{n};RECEIVED;")), "{reply}");
    }

    /// The message that waited has arrived, one that is sent now does, and newcomers are let in.
    #[track_caller]
    fn is_well(&mut self, after: &str) {
        self.send();
        for n in [self.sent - 1, self.sent] {
            let text = format!(";ana;luis;<at>;hola {n}");
            let luis = &mut self.luis;
            let what = format!("Luis to have message {n} after {after}");
            wait_for(&what, || {
                luis.list_without_times("POLL;0;0;1000").iter().any(|event| event.ends_with(&text)).then_some(())
            });
        }
        self.luis.list("POLL;*;0");
        self.send();
        assert_eq!(self.world.login("ana").request("PING"), "OK", "after {after}");
        let log = self.world.log();
        assert!(!log.contains("panicked"), "after {after}: {log}");
    }

    fn ports(&self) -> [SocketAddr; 2] {
        [self.world.send, self.world.recv]
    }

    /// Mallory, logged in.
    fn mallory(&self, port: SocketAddr) -> Connection {
        let (reply, line) = Connection::open_with(port, &format!("LOGIN:mallory:{PASSWORD}"));
        assert!(reply.starts_with("OK;mallory;"), "{reply}");
        line
    }
}

/// Says a line and expects this KO; the connection goes on.
#[track_caller]
fn refused(line: &mut Connection, bytes: &[u8], code: &str) {
    line.send([bytes, b"\n"].concat());
    let reply = line.read_line();
    let start = String::from_utf8_lossy(bytes).chars().take(60).collect::<String>();
    assert!(reply.starts_with(&format!("KO;{code};")), "{start:?} was answered {reply:?}, not with {code}");
}

/// Says a line before anything else and expects this KO; the connection closes.
#[track_caller]
fn turned_away(port: SocketAddr, bytes: &[u8], code: &str) {
    let mut line = Connection::open(port);
    refused(&mut line, bytes, code);
    line.assert_closed();
}

#[test]
fn names_that_could_escape_the_directory() {
    let mut town = Town::new();
    let names = [
        "..",
        ".",
        "../../etc/passwd",
        "/etc/passwd",
        "..\\..\\x",
        "C:\\x",
        "a/../../b",
        "lock",
        "CON",
        "users.csv",
        "wal",
        "../wal/000001.csv",
        "%2e%2e%2f",
        "..;x",
        "~root",
        "$(reboot)",
        "`reboot`",
        "-rf",
        "a\u{2044}b",
    ];
    for name in names {
        for port in town.ports() {
            // Valid name or not: no other answer than these, and no file of that name.
            let (reply, _) = Connection::open_with(port, &format!("REGISTER:{name}:{PASSWORD}"));
            let code = reply.split(';').nth(1).unwrap_or_default().to_owned();
            let good = reply.starts_with("OK;") || ["NAME", "EXISTS"].contains(&code.as_str());
            assert!(good, "REGISTER of {name:?}: {reply}");
            let (reply, _) = Connection::open_with(port, &format!("LOGIN:{name}:palabra falsa"));
            assert!(reply.starts_with("KO;AUTH;") || reply.starts_with("KO;SYNTAX;"), "LOGIN of {name:?}: {reply}");
        }
        let mut mallory = town.mallory(town.world.send);
        let field = name.replace('\\', "\\\\");
        for request in ["SEND;m-1;#NAME;x", "HISTORY;#NAME", "READ;#NAME;0", "STATUS;#NAME;1", "HISTORY;NAME/;1"] {
            let reply = mallory.request(&request.replace("NAME", &format!("\"{field}\"")));
            assert!(reply.starts_with("KO;"), "{request} of {name:?}: {reply}");
        }
    }
    town.is_well("names that could escape the directory");
    assert_only_known_files(town.world.kill().data().as_path());
}

/// Every file of a store has a name of the server's own making, and nothing is beside the store.
fn assert_only_known_files(data: &std::path::Path) {
    let names = |directory: &std::path::Path| -> Vec<String> {
        let entries = std::fs::read_dir(directory).expect("a directory").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(data.parent().expect("the directory of the test")), ["data", "log"]);
    assert_eq!(names(data), ["checkpoint-000000", "control.sock", "history", "lock", "wal"]);
    let numbered = |name: &String| name.trim_end_matches(".csv").bytes().all(|byte| byte.is_ascii_digit());
    assert!(names(&data.join("wal")).iter().all(numbered));
}

#[test]
fn lines_of_64_kib_and_more() {
    let mut town = Town::new();
    for port in town.ports() {
        for length in [4_094, 4_095] {
            turned_away(port, &vec![b'x'; length], "SYNTAX");
        }
        for length in [65_534, 65_535] {
            turned_away(port, &vec![b'x'; length], "TOO_LONG");
            refused(&mut town.mallory(port), &vec![b'x'; length], "SYNTAX");
        }
        // A password of that length is only a wrong one.
        let long = [b"LOGIN:ana:".to_vec(), vec![b'p'; 4_000]].concat();
        turned_away(port, &long, "AUTH");
        for length in [65_536, 65_537, 1_000_000] {
            turned_away(port, &vec![b'x'; length], "TOO_LONG");
            let mut mallory = town.mallory(port);
            refused(&mut mallory, &vec![b'x'; length], "TOO_LONG");
            mallory.assert_closed();
        }
        // The line never ends; the reply comes without its end.
        let mut endless = town.mallory(port);
        while endless.try_send([b'x'; 10_000]).is_ok() && !endless.has_input(std::time::Duration::from_millis(1)) {}
        assert!(endless.read_line().starts_with("KO;TOO_LONG;"));
        endless.assert_closed();
    }
    let mut mallory = town.mallory(town.world.send);
    // The line is short enough, what is in it is not.
    refused(&mut mallory, format!("SEND;m-1;luis;{}", "x".repeat(60_001)).as_bytes(), "SYNTAX");
    refused(&mut mallory, format!("SEND;m-1;luis;{}", "\\n".repeat(30_001)).as_bytes(), "SYNTAX");
    refused(&mut mallory, format!("SEND;{};luis;x", "i".repeat(60_000)).as_bytes(), "SYNTAX");
    refused(&mut mallory, format!("SEND;m-1;{};x", "n".repeat(60_000)).as_bytes(), "NO_USER");
    refused(&mut mallory, format!("EMAIL;{}@x", "n".repeat(60_000)).as_bytes(), "SYNTAX");
    refused(&mut mallory, format!("READ;luis;{}", "0".repeat(60_000) + "x").as_bytes(), "SYNTAX");
    town.is_well("lines of 64 KiB");
}

#[test]
fn lines_cut_at_every_byte() {
    let mut town = Town::new();
    let login = format!("LOGIN:mallory:{PASSWORD}\n");
    // The session of another user, so that the order of two logins does not matter.
    town.world.register("trudy12");
    let other = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("mallory", "trudy12");
    for (port, request) in [(town.world.send, "SEND;m-1;mallory;a\\n\"b ñ\n"), (town.world.recv, "POLL;0;0;1000\n")] {
        let whole = [login.as_bytes(), request.as_bytes()].concat();
        for cut in 0..whole.len() {
            let (first, second) = whole.split_at(cut);
            // The rest never comes: what is no whole line has no answer, and nothing happens.
            let mut line = Connection::open(port);
            line.send(first);
            line.half_close();
            let answers = line.read_rest();
            assert_eq!(answers.len(), usize::from(cut >= login.len()), "cut at {cut}: {answers:?}");
            // It is cut by force.
            let mut line = Connection::open(port);
            line.send(other(first));
            drop(line);
            // The rest comes later: no different from coming at once.
            let mut line = Connection::open(port);
            line.send(first);
            std::thread::yield_now();
            line.send(second);
            assert!(line.read_line().starts_with("OK;mallory;"), "cut at {cut}");
            assert!(line.read_line().starts_with("OK;"), "cut at {cut}");
        }
    }
    // The same id every time: it is stored once.
    assert_eq!(town.mallory(town.world.send).list("HISTORY;mallory").len(), 1);
    town.is_well("lines cut at every byte");
}

#[test]
fn nuls_broken_quotes_and_broken_utf8() {
    let mut town = Town::new();
    let not_utf8: [&[u8]; 6] = [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80ana"];
    for port in town.ports() {
        for bytes in not_utf8 {
            turned_away(port, &[b"LOGIN:", bytes, b":palabra larga"].concat(), "SYNTAX");
            turned_away(port, &[b"REGISTER:eva:palabra larga", bytes].concat(), "SYNTAX");
        }
        turned_away(port, b"\0", "SYNTAX");
        turned_away(port, b"LOGIN:a\0na:palabra larga", "AUTH");
        turned_away(port, b"REGISTER:a\0na:palabra larga", "NAME");
        turned_away(port, b"LOGIN:\"ana\":palabra larga", "AUTH");
        let mut mallory = town.mallory(port);
        let verb: &[u8] = if port == town.world.send { b"SEND;m-1;luis;" } else { b"POLL;" };
        let broken: [&[u8]; 9] = [b"\0", b"\"", b"\"\"\"", b"\"0\"0", b"\"0\";\"", b"\"0\" ", b"\\", b"\\0", b"\"\\\""];
        for bytes in broken.into_iter().chain(not_utf8) {
            refused(&mut mallory, &[verb, bytes].concat(), "SYNTAX");
            refused(&mut mallory, &[bytes, verb].concat(), "SYNTAX");
        }
        refused(&mut mallory, &[0; 60_000], "SYNTAX");
        refused(&mut mallory, &[b'"'; 60_000], "SYNTAX");
        refused(&mut mallory, &[b'\r'; 60_000], "SYNTAX");
        assert_eq!(mallory.request("PING"), "OK", "the connection goes on");
    }
    town.is_well("NULs, broken quotes and broken UTF-8");
}

#[test]
fn unknown_verbs_and_too_many_fields() {
    let mut town = Town::new();
    for port in town.ports() {
        for first in
            ["GET / HTTP/1.1", "EHLO example.org", "SSH-2.0-x", "PING", "LOGIN", "\u{16}\u{3}\u{1}", ":::", ";;;"]
        {
            turned_away(port, first.as_bytes(), "SYNTAX");
        }
        let mut mallory = town.mallory(port);
        for unknown in
            ["SENDX", "SEN", "S", " ", "GET / HTTP/1.1", "JOIN sala", "PORT;no", "PEER", "ping pong", "SEND:m-1"]
        {
            refused(&mut mallory, unknown.as_bytes(), "SYNTAX");
        }
        for verb in ["SEND;m-1;luis;x", "POLL;0;0;1", "PING", "QUIT"] {
            refused(&mut mallory, format!("{verb};{}", ";".repeat(60_000)).as_bytes(), "SYNTAX");
            refused(&mut mallory, format!("{verb};").as_bytes(), "SYNTAX");
        }
        refused(&mut mallory, ";".repeat(65_535).as_bytes(), "SYNTAX");
        // As many bad requests as go into one write: each has its own KO.
        mallory.send("x\n".repeat(5_000));
        assert!((0..5_000).all(|_| mallory.read_line().starts_with("KO;SYNTAX;")));
        assert_eq!(mallory.request("PING"), "OK", "the connection goes on");
    }
    town.is_well("unknown verbs and too many fields");
}

#[test]
fn an_acknowledgement_from_the_future_and_numbers_at_the_end_of_their_range() {
    let mut town = Town::new();
    let mut session = town.mallory(town.world.recv);
    refused(&mut session, b"POLL;9007199254740991", "SEQ");
    refused(&mut session, b"POLL;9007199254740992", "SYNTAX");
    refused(&mut session, b"POLL;18446744073709551616", "SYNTAX");
    assert_eq!(session.request("POLL;0;0;1000"), "OK;0");
    let mut mallory = town.mallory(town.world.send);
    for last in ["9007199254740991", "9007199254740990"] {
        refused(&mut mallory, format!("READ;luis;{last}").as_bytes(), "SEQ");
        refused(&mut mallory, format!("STATUS;luis;{last}").as_bytes(), "NO_MESSAGE");
        assert_eq!(mallory.request(&format!("HISTORY;luis;1000;{last}")), "OK;0");
    }
    assert_eq!(mallory.request("HISTORY;luis;1000;0"), "OK;0");
    town.is_well("numbers at the end of their range");
}

#[test]
fn two_hundred_connections_that_say_nothing_or_vanish() {
    let mut town = Town::new();
    let silent: Vec<_> = (0..200).map(|n| TcpStream::connect(town.ports()[n % 2]).expect("a connection")).collect();
    for n in 0..200 {
        // Gone before it was greeted, in the middle of its login, and in the middle of a poll.
        let mut line = Connection::open(town.ports()[n % 2]);
        match n % 3 {
            0 => {}
            1 => line.send("LOGIN:mallory:"),
            _ => line.send(format!("LOGIN:mallory:{PASSWORD}\nPOLL;0\nPOLL;0\n")),
        }
    }
    town.is_well("connections that vanish, beside some that say nothing");
    drop(silent);
}

/// Valid input that the mutations start from.
const SEEDS: &[&str] = &[
    "SEND;m-1;luis;hola\n",
    "SEND;m-2;mallory;\"a;\"\"b\"\"\\n\"\n",
    "READ;luis;1\n",
    "STATUS;mallory;1\n",
    "HISTORY;mallory;10;99\n",
    "CHATS\n",
    "USERS\n",
    "EMAIL;a@b\n",
    "PING\n",
    "HELP\n",
    "POLL;0;0;10\n",
    "POLL;*;0\n",
    "LOGIN:eva:x\n",
    "\r\n",
    "SEND;m-3;#sala;x\n",
];

/// A piece of input: mostly requests that were changed a little, sometimes nothing but noise.
fn noise(random: &mut Random) -> Vec<u8> {
    if random.chance(20) {
        return (0..random.below(2_000)).map(|_| random.next() as u8).collect();
    }
    let mut bytes: Vec<u8> = Vec::new();
    for _ in 0..=random.below(20) {
        bytes.extend_from_slice(SEEDS[random.below(SEEDS.len() as u64) as usize].as_bytes());
    }
    for _ in 0..random.below(30) {
        let target = random.below(bytes.len() as u64) as usize;
        let byte = b"\n\r\0;\":#\\x09\xff\x1b"[random.below(12) as usize];
        match random.below(3) {
            0 => bytes[target] = byte,
            1 => bytes.insert(target, byte),
            _ => _ = bytes.remove(target),
        }
        if bytes.is_empty() {
            bytes.push(b'\n');
        }
    }
    bytes
}

#[test]
fn random_bytes_and_requests_that_were_changed_a_little() {
    let seed = std::env::var("WACHAT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_120);
    let mut random = Random::new(seed);
    let mut town = Town::new();
    for round in 0..300 {
        let port = town.ports()[random.below(2) as usize];
        let mut stream = TcpStream::connect(port).expect("a connection");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
        if !random.chance(10) {
            stream.write_all(format!("LOGIN:mallory:{PASSWORD}\n").as_bytes()).expect("to send");
        }
        // The server may have closed already, at a QUIT or a login line that is none.
        let _ = stream.write_all(&noise(&mut random)).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answers = Vec::new();
        // A server that closes with input unread resets the connection: no surprise. Silence is.
        let end = std::io::Read::read_to_end(&mut stream, &mut answers).map_err(|error| error.kind());
        let hangs = matches!(end, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut));
        assert!(!hangs, "seed {seed}, round {round}: the server neither answers nor closes");
        let answers = String::from_utf8_lossy(&answers);
        let good = answers.is_empty() || answers.starts_with("OK") || answers.starts_with("KO;");
        assert!(good && !answers.contains("KO;INTERNAL"), "seed {seed}, round {round}: {answers}");
        if round % 50 == 49 {
            town.is_well(&format!("{round} rounds of noise, seed {seed}"));
        }
    }
}

#[test]
fn a_pipeline_of_lists_that_nobody_reads_costs_little_memory() {
    // Without rates: they would refuse most of the lists.
    let town = Town::with(&["--no-lobby", "--no-limits"]);
    for number in 0..40 {
        town.world.register(&format!("citizen{number}"));
    }
    let before = resident_kib(town.world.pid());
    let mut unread: Vec<_> = (0..40)
        .map(|number| {
            let mut line = town.world.login(&format!("citizen{number}"));
            line.send("USERS\n".repeat(512));
            line
        })
        .collect();
    // The server has taken all it will take once each has an answer under way.
    unread.iter_mut().for_each(|line| assert_eq!(line.read_line(), "OK;43"));
    let grown = resident_kib(town.world.pid()).saturating_sub(before);
    assert!(grown < 40 << 10, "40 connections with 512 lists each: {grown} KiB");
}

/// Returns the resident memory of a process, in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}
