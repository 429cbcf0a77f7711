//! The examples of the protocol page are played on a real server: each transcript from the lines of its client, and the
//! events of section 7 as something that happens there. What the page shows is what comes, but for times, addresses,
//! numbers of connections, and what is random.

use std::collections::BTreeMap;

use crate::support::{Connection, PASSWORD, World, wait_until};
use wachat::protocol::Login;

const PAGE: &str = include_str!("../../src/protocol/protocol.md");

/// A transcript of the page, by its first line, and what comes before it.
struct Example {
    first: &'static str,
    /// The user whose connection on the SEND port it is; empty: it begins with a login line.
    user: &'static str,
    /// What the example shows, and is another word on each server.
    words: &'static [&'static str],
    prepare: fn(&World) -> Vec<Connection>,
}

const EXAMPLES: [Example; 10] = [
    Example { first: "REGISTER:ana:palabra larga", user: "", words: &[], prepare: |_| Vec::new() },
    Example { first: "REGISTER:Adrnin:palabra larga", user: "", words: &[], prepare: |_| Vec::new() },
    Example {
        first: "DEVICE:laptop:ana:palabra larga",
        user: "",
        words: &["9f86d081884c7d65", "q3J0m1n2V5b8T9xLkPzR4wYcE7uHdA6sGfKjNvQoBiM"],
        prepare: |world| register(world, &["ana"]),
    },
    Example { first: "ROOMS", user: "ana", words: &[], prepare: a_room_of_luis },
    Example { first: "SEND;m-2;luis;para eva, no para ti", user: "ana", words: &[], prepare: four_messages },
    Example { first: "READ;ana;1", user: "luis", words: &[], prepare: sessions_and_four_messages },
    Example {
        first: "ROOM;#equipo;invite",
        user: "ana",
        words: &[],
        prepare: |world| register(world, &["ana", "luis"]),
    },
    Example { first: "PEER;luis", user: "ana", words: &[], prepare: |world| register(world, &["ana", "luis", "eva"]) },
    Example {
        first: "PASSWD;palabra larga;otra palabra larga",
        user: "ana",
        words: &[],
        prepare: |world| register(world, &["ana"]),
    },
    Example {
        first: "SESSIONS",
        user: "ana",
        words: &["9", "12", "17", "192.0.2.7", "192.0.2.8"],
        prepare: two_devices,
    },
];

fn register(world: &World, names: &[&str]) -> Vec<Connection> {
    names.iter().for_each(|name| drop(world.register(name)));
    Vec::new()
}

/// Does a request of a user, and checks how its reply begins.
fn request(world: &World, user: &str, request: &str) {
    let reply = world.login(user).request(request);
    assert!(reply.starts_with("OK"), "{request}: {reply}");
}

fn device(world: &World, name: &str, user: &str) -> Connection {
    let (reply, session) = Connection::open_with(world.recv, &format!("DEVICE:{name}:{user}:{PASSWORD}"));
    assert!(reply.starts_with("OK;"), "{reply}");
    session
}

fn a_room_of_luis(world: &World) -> Vec<Connection> {
    register(world, &["ana", "luis"]);
    request(world, "luis", "JOIN;#sala");
    vec![world.session("luis")]
}

/// The numbers 1 to 4: the first is a message of ana, the fourth one of luis.
fn four_messages(world: &World) -> Vec<Connection> {
    register(world, &["ana", "luis"]);
    request(world, "ana", "SEND;m-1;luis;hola");
    request(world, "ana", "SEND;n-1;ana;una nota");
    request(world, "ana", "SEND;n-2;ana;una nota");
    request(world, "luis", "SEND;r-1;ana;\"hola; ¿qué tal?\"");
    Vec::new()
}

/// ana had a session, luis has one.
fn sessions_and_four_messages(world: &World) -> Vec<Connection> {
    four_messages(world);
    assert_eq!(world.session("ana").request("QUIT"), "OK");
    let mut luis = world.login("luis");
    let is_away = |row: &String| row.starts_with("ana;offline;2");
    wait_until("the end of the session", || luis.list("USERS").iter().any(is_away));
    drop(luis);
    vec![world.session("luis")]
}

/// The lab has a key.
fn two_devices(world: &World) -> Vec<Connection> {
    register(world, &["ana"]);
    let mut lab = device(world, "lab", "ana");
    assert!(lab.request("KEY").starts_with("OK;"));
    vec![lab, device(world, "laptop", "ana")]
}

/// Returns the transcripts of the page: blocks that begin with a line of the client.
fn transcripts() -> Vec<&'static str> {
    let blocks = PAGE.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.starts_with("C: ")).collect()
}

fn is_time(field: &str) -> bool {
    field.len() == 24 && field.starts_with("20") && field.ends_with('Z')
}

/// Compares a line that came with the one that the page shows, and notes which words stand for its own.
fn fits(shown: &str, came: &str, words: &[&'static str], noted: &mut BTreeMap<&'static str, String>) -> bool {
    if let Some(start) = shown.strip_suffix("...") {
        return came.starts_with(start) && came.len() > start.len();
    }
    let [shown, came] = [shown, came].map(|line| line.split(';').collect::<Vec<_>>());
    let same = |(shown, came): (&&str, &&str)| match words.iter().find(|word| *word == shown) {
        Some(word) => noted.entry(*word).or_insert_with(|| (*came).to_owned()) == came && !came.is_empty(),
        None => shown == came || is_time(shown) && is_time(came),
    };
    shown.len() == came.len() && shown.iter().zip(&came).all(same)
}

fn play(example: &Example, transcript: &str) {
    let world = World::new(&[]);
    let _sessions = (example.prepare)(&world);
    let mut connection = (!example.user.is_empty()).then(|| world.login(example.user));
    let mut noted = BTreeMap::new();
    for line in transcript.lines() {
        if let Some(sent) = line.strip_prefix("C: ") {
            let sent = noted.iter().fold(sent.to_owned(), |sent, (word, own)| {
                let after = |sign: char| (format!("{sign}{word}"), format!("{sign}{own}"));
                [';', ':'].map(after).iter().fold(sent, |sent, (word, own)| sent.replace(word, own))
            });
            // A login line is the first one of a connection.
            if Login::parse(sent.as_bytes()).is_some() {
                let is_of_device = sent.starts_with("DEVICE") || sent.starts_with("KEY");
                connection = Some(Connection::open(if is_of_device { world.recv } else { world.send }));
            }
            let connection = connection.as_mut().expect("a login line");
            // The example tells of a session that has ended: LOGOUT is answered before the server has noticed its end.
            if sent == "DEVICES" {
                let has_ended = |row: &String| row.contains(";offline;");
                wait_until("the end of a session", || connection.list("DEVICES").iter().any(has_ended));
            }
            connection.send(format!("{sent}\n"));
        }
        if let Some(shown) = line.strip_prefix("S: ") {
            let came = connection.as_mut().expect("a login line").read_line();
            assert!(fits(shown, &came, example.words, &mut noted), "{shown}\n  came as {came} in\n{transcript}");
        }
    }
}

#[test]
fn its_transcripts_are_what_a_server_answers() {
    for transcript in transcripts() {
        let first = transcript.lines().next().and_then(|line| line.strip_prefix("C: "));
        let example = EXAMPLES.iter().find(|example| Some(example.first) == first);
        play(example.unwrap_or_else(|| panic!("this example is not played:\n{transcript}")), transcript);
    }
    assert_eq!(transcripts().len(), EXAMPLES.len(), "each of EXAMPLES is on the page");
}

#[test]
fn every_request_that_owners_devices_and_callers_have_stands_in_an_example() {
    let asked: Vec<_> =
        transcripts().concat().lines().filter_map(|line| line.strip_prefix("C: ")).map(str::to_owned).collect();
    for verb in
        ["ROOM", "INVITE", "KICK", "TOPIC", "OWNER", "ERASE", "PERMIT", "PEER", "KEY", "DEVICE", "DEVICES", "LOGOUT"]
    {
        assert!(asked.iter().any(|line| line.split([';', ':']).next() == Some(verb)), "{verb}");
    }
}

/// Everything that the sessions of a user have been told.
struct Listener {
    session: Connection,
    after: u64,
    told: Vec<String>,
}

impl Listener {
    fn new(world: &World, user: &str) -> Self {
        Self { session: device(world, "laptop", user), after: 0, told: Vec::new() }
    }

    /// Polls until an event has come that holds these words.
    fn hear(&mut self, words: &str) {
        for _ in 0..100 {
            if self.told.iter().any(|event| event.contains(words)) {
                return;
            }
            self.poll(2);
        }
        panic!("no {words:?} in {:?}", self.told);
    }

    /// Acknowledges what has come, and waits so many seconds for more.
    fn poll(&mut self, wait: u64) {
        for event in self.session.list(&format!("POLL;{};{wait}", self.after)) {
            let number = event.split(';').next().and_then(|number| number.parse().ok());
            self.after = self.after.max(number.expect("a number"));
            self.told.push(event);
        }
    }
}

/// Replaces what is another one on each server: numbers, times and tokens.
fn without_numbers(event: &str) -> String {
    let field = |field: &str| match field {
        "0" => "0".to_owned(),
        field if !field.is_empty() && field.bytes().all(|b| b.is_ascii_digit()) => "<n>".to_owned(),
        field if is_time(field) => "<at>".to_owned(),
        field if field.len() >= 32 && field.bytes().all(|b| b.is_ascii_hexdigit()) => "<token>".to_owned(),
        field => field.to_owned(),
    };
    event.split(';').map(field).collect::<Vec<_>>().join(";")
}

/// Events that need more than a scene: 10,000 messages in a room, and a damaged file. Tests of those have them.
const ELSEWHERE: [&str; 2] = ["GAP", "DAMAGED"];

#[test]
fn its_events_are_those_that_a_server_tells() {
    let world = World::new(&["--no-lobby"]);
    register(&world, &["ana", "luis", "eva"]);
    let mut ana = Listener::new(&world, "ana");
    let send = |user: &str, line: &str| request(&world, user, line);
    send("ana", "SEND;m-1;luis;\"hola; ¿qué tal?\"");
    let mut luis = Listener::new(&world, "luis");
    ana.hear("ONLINE;luis");
    luis.hear("MSG;m-1;ana;luis");
    luis.poll(0);
    ana.hear("STATE;luis;DELIVERED");
    let own = ana.told.iter().find(|event| event.contains("MSG;m-1")).cloned();
    let number = own.as_deref().and_then(|event| event.split(';').next()).expect("the message").to_owned();
    send("ana", &format!("ERASE;luis;{number}"));
    ana.hear("ERASED;luis");
    // One that is taken back while it waits.
    send("ana", "SEND;m-3;luis;secreto");
    ana.hear("MSG;m-3");
    let waits = ana.told.iter().find(|event| event.contains("MSG;m-3")).cloned().expect("the message");
    send("ana", &format!("ERASE;luis;{}", waits.split(';').next().expect("a number")));
    luis.hear("MSG;m-3;ana;luis");
    send("ana", "JOIN;#sala");
    send("eva", "JOIN;#sala");
    ana.hear("JOIN;#sala;eva");
    send("luis", "JOIN;#sala");
    send("ana", "TOPIC;#sala;\"notas; borrador\"");
    send("ana", "ROOM;#sala;invite");
    luis.hear("ROOM;#sala;invite");
    send("luis", "LEAVE;#sala");
    send("ana", "INVITE;#sala;luis");
    luis.hear("INVITE;#sala");
    send("eva", "SEND;m-5;#sala;hola");
    ana.hear("MSG;m-5");
    let said = ana.told.iter().find(|event| event.contains("MSG;m-5")).cloned().expect("the message");
    send("ana", &format!("READ;#sala;{}", said.split(';').next().expect("a number")));
    ana.hear("READ;#sala");
    assert_eq!(luis.session.request("PORT;9000"), "OK");
    send("luis", "PERMIT;ana;yes");
    send("ana", "PEER;luis");
    luis.hear("PEER;ana");
    world.login("eva").expect_ko("PEER;luis", "NO_PEER");
    luis.hear("CALL;eva");
    world.administer(&["announce", "the server stops at 18:00"]);
    ana.hear("NOTICE;");

    let told: Vec<_> = ana.told.iter().chain(&luis.told).map(|event| without_numbers(event)).collect();
    let blocks = PAGE.split("```text\n").skip(1).filter_map(|rest| rest.split("```").next());
    let events = blocks.filter(|block| block.starts_with("S: ")).flat_map(str::lines);
    let shown: Vec<_> = events.filter_map(|line| line.strip_prefix("S: ")).collect();
    let missing = shown.iter().filter(|event| !event.split(';').nth(1).is_some_and(|kind| ELSEWHERE.contains(&kind)));
    let missing: Vec<_> = missing.filter(|event| !told.contains(&without_numbers(event))).collect();
    assert!(missing.is_empty() && shown.len() > 10, "{missing:?} did not come, but {told:#?}");
}
