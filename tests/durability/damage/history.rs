//! Damage in a history file: no changed row is served, the rest is, and nobody else is held up.

use std::path::Path;
use std::sync::Arc;

use crate::support::clients::all_output;
use crate::support::random::Random;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::{Connection, PASSWORD, World};
use wachat::disk::{Disk, read};
use wachat::server::{Config, Handle, start};
use wachat::state_machine::Policy;

const ROOM: &str = "/data/history/room-0.csv";

fn serve(disk: &SimulatedDisk) -> Handle {
    let config = Config::on_free_ports(Arc::new(disk.clone()), "/data".into());
    start(Config { policy: Policy::default().without_limits(), ..config }).expect("a server")
}

fn register(server: &Handle, user: &str) -> Connection {
    let (reply, connection) = Connection::open_with(server.send_address(), &format!("REGISTER:{user}:{PASSWORD}"));
    assert!(reply.starts_with("OK;"), "{reply}");
    connection
}

fn login(server: &Handle, user: &str) -> Connection {
    Connection::open_with(server.send_address(), &format!("LOGIN:{user}:{PASSWORD}")).1
}

/// Eight messages of ana's to the lobby, in the history file; luis has yet to hear of them, and of one to himself.
fn store() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let server = serve(&disk);
    let mut ana = register(&server, "ana");
    let mut luis = register(&server, "luis");
    for number in 1..=8 {
        let reply = ana.request(&format!("SEND;m{number};#lobby;texto {number}"));
        assert!(reply.ends_with(&format!(";{number}")), "{reply}");
    }
    assert!(luis.request("SEND;note;luis;nota").starts_with("OK;"));
    server.stop().expect("a clean stop");
    disk
}

/// Returns the numbers that a list calls damaged. Asserts that each other record is of a message as it was sent.
fn damaged(list: &[String]) -> Vec<(u64, u64)> {
    let mut damaged = Vec::new();
    for record in list {
        let fields: Vec<_> = record.split(';').collect();
        let number = |field: &str| field.parse::<u64>().expect("a number");
        match fields[..] {
            ["DAMAGED", first, last] => damaged.push((number(first), number(last))),
            [seq, "DAMAGED", "#lobby"] => damaged.push((number(seq), number(seq))),
            [.., text] => {
                let seq = number(fields[0]);
                assert!(text == format!("texto {seq}") && record.contains(&format!(";m{seq};ana;#lobby;")), "{record}");
            }
            [] => panic!("an empty record"),
        }
    }
    damaged
}

/// Asserts that a list has, in order, each of these numbers once, in a message or in a damaged range.
fn assert_all(list: &[String], numbers: std::ops::RangeInclusive<u64>, how: &str) {
    let ranges = damaged(list);
    let served = list.iter().filter_map(|record| record.split(';').next()?.parse::<u64>().ok());
    let served: Vec<_> = served.filter(|seq| !ranges.contains(&(*seq, *seq))).collect();
    assert!(served.is_sorted(), "{how}: {list:?}");
    for seq in numbers {
        let holding = ranges.iter().filter(|(first, last)| (*first..=*last).contains(&seq)).count();
        let count = served.iter().filter(|one| **one == seq).count() + holding;
        assert_eq!(count, 1, "{how}: number {seq} in {list:?}");
    }
}

#[test]
fn no_turned_bit_is_served_and_all_other_rows_are() {
    let disk = store();
    let server = serve(&disk);
    let mut ana = login(&server, "ana");
    let content = read(&disk, Path::new(ROOM)).unwrap();
    let rows = content.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    let mut random = Random::new(11);
    for at in 0..content.len() {
        let bit = 1 << random.below(8);
        disk.tamper(Path::new(ROOM), |content| content[at] ^= bit);
        let how = format!("bit {bit} of byte {at}");
        let all = ana.list("HISTORY;#lobby;1000");
        assert_all(&all, 1..=8, &how);
        // A row is one line; where its line feed is lost, the next one goes with it.
        let most = if at < rows { 0 } else { 1 };
        let lost: u64 = damaged(&all).iter().map(|(first, last)| last - first + 1).sum();
        assert!((most..=2 * most).contains(&lost), "{how}: {all:?}");
        for before in 2..=9 {
            assert_all(&ana.list(&format!("HISTORY;#lobby;1000;{before}")), 1..=before - 1, &how);
        }
        let mut luis = Connection::open_with(server.recv_address(), &format!("LOGIN:luis:{PASSWORD}")).1;
        let events = luis.list("POLL;0;0;8");
        assert_all(&events, 1..=8, &how);
        assert_eq!(events.len(), 8, "{how}: one event for each number");
        disk.tamper(Path::new(ROOM), |content| content[at] ^= bit);
    }
    assert_eq!(damaged(&ana.list("HISTORY;#lobby;1000")), []);
}

#[test]
fn pages_go_on_past_damage_to_the_beginning() {
    let disk = store();
    let server = serve(&disk);
    let mut ana = login(&server, "ana");
    disk.tamper(Path::new(ROOM), |content| {
        for text in ["texto 3", "texto 4", "texto 8"] {
            let at = content.windows(7).position(|part| part == text.as_bytes()).unwrap();
            content[at] ^= 1;
        }
    });
    let mut before = 100;
    let mut all = Vec::new();
    loop {
        let page = ana.list(&format!("HISTORY;#lobby;2;{before}"));
        let Some(first) = page.first() else { break };
        let number = first.strip_prefix("DAMAGED;").unwrap_or(first).split(';').next().unwrap();
        before = number.parse().unwrap();
        all.splice(0..0, page);
    }
    assert_all(&all, 1..=8, "in pages");
    assert_eq!(damaged(&all), [(3, 4), (8, 8)]);
    assert_eq!(ana.request("STATUS;#lobby;3"), "KO;DAMAGED;that message is damaged on the server");
    assert_eq!(ana.list("STATUS;#lobby;2"), ["luis;RECEIVED"]);
}

#[test]
fn a_damaged_message_to_a_user_is_told_in_its_place_and_the_next_ones_come() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis, _eva] = ["ana", "luis", "eva"].map(|user| world.register(user));
    for number in 1..=3 {
        assert!(ana.request(&format!("SEND;m{number};luis;texto {number}")).starts_with("OK;"));
    }
    assert!(luis.request("SEND;note;luis;nota").starts_with("OK;"));
    world.stop();
    for (file, old) in [("direct-0-1.csv", "texto 2"), ("direct-1-1.csv", "nota")] {
        let file = world.data().join("history").join(file);
        let content = std::fs::read_to_string(&file).expect("a history file");
        std::fs::write(&file, content.replace(old, "another")).expect("a change");
    }
    world.start();
    assert!(world.login("ana").request("SEND;m5;luis;texto 5").starts_with("OK;"), "this one is in memory");
    let mut session = world.session("luis");
    let events = session.list_without_times("POLL;0;0");
    let message = |number| format!("{number};MSG;m{number};ana;luis;<at>;texto {number}");
    let damaged = |number, who| format!("{number};DAMAGED;{who}");
    assert_eq!(events, [message(1), damaged(2, "ana"), message(3), damaged(4, "luis"), message(5)]);
    assert_eq!(session.list_without_times("POLL;2;0;1"), [message(3)], "it is acknowledged as any other");
    assert!(session.poll(5, 0).iter().all(|event| event.contains(";STATE;")), "nothing waits any more");
    assert_eq!(world.login("ana").list("STATUS;luis;3"), ["luis;DELIVERED"]);
}

#[test]
fn a_lost_or_shortened_file_stops_nobody_and_its_conversation_goes_on() {
    for lost in [false, true] {
        let disk = store();
        if lost {
            disk.remove_file(Path::new(ROOM)).unwrap();
        } else {
            disk.tamper(Path::new(ROOM), |content| content.truncate(content.len() - 30));
        }
        let first = if lost { 1 } else { 8 };
        let server = serve(&disk);
        let mut ana = login(&server, "ana");
        assert!(ana.request("SEND;m10;#lobby;texto 10").ends_with(";10"));
        assert_eq!(damaged(&ana.list("HISTORY;#lobby;1000")), [(first, 8)]);
        server.stop().expect("its checkpoint is made");
        for _ in 0..2 {
            let server = serve(&disk);
            let all = login(&server, "ana").list("HISTORY;#lobby;1000");
            assert_eq!(damaged(&all), [(first, 9)], "number 9 is of another conversation, as nobody can know");
            assert!(all.last().unwrap().ends_with(";texto 10"), "{all:?}");
            assert!(login(&server, "luis").list("HISTORY;luis")[0].ends_with(";nota"));
            server.stop().expect("a clean stop");
        }
    }
}

#[test]
fn the_log_names_the_row_once_and_the_client_shows_a_line() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    for line in [&mut ana, &mut luis] {
        assert_eq!(line.request("JOIN;#sala"), "OK");
    }
    for number in 1..=3 {
        assert!(ana.request(&format!("SEND;m{number};#sala;texto {number}")).starts_with("OK;"));
    }
    assert!(ana.request("SEND;m4;luis;texto 2").starts_with("OK;"));
    world.stop();
    for file in ["direct-0-1.csv", "room-0.csv"] {
        let file = world.data().join("history").join(file);
        let content = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, content.replace("texto 2", "texto 9")).unwrap();
    }
    let file = world.data().join("history/room-0.csv");
    world.start();
    for _ in 0..3 {
        let all = world.login("ana").list("HISTORY;#sala");
        assert!(all.len() == 3 && all[1] == "DAMAGED;2;2", "{all:?}");
    }
    let said = format!("{} line 4: this is not a row as it was written", file.display());
    assert_eq!(world.log().matches(&said).count(), 1, "{}", world.log());

    let luis = world.terminal("luis", &[]);
    luis.expect("#sala: message 2 is damaged on the server");
    luis.expect("texto 3");
    luis.expect("ana: message 4 is damaged on the server");
    assert!(all_output(&world.pipe("luis", "/history #sala\n", &[])).contains("#sala: message 2 is damaged"));
}

/// Rows of a file that is longer than one read.
const ROWS: usize = 40;

#[test]
fn the_log_names_the_line_of_each_damage_and_says_nothing_of_a_whole_file() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let _luis = world.register("luis");
    for number in 1..=ROWS {
        let text = format!("texto {number}. {}", "x".repeat(1_000));
        assert!(ana.request(&format!("SEND;m{number};luis;{text}")).starts_with("OK;"));
    }
    world.stop();
    let file = world.data().join("history/direct-0-1.csv");
    let whole = std::fs::read_to_string(&file).expect("the file");
    let cut = whole.len() - 5;
    let first = whole.replace("texto 2.", "texto 3.");
    let last = whole.replace("texto 38.", "texto 39.");
    let not_as_written = "this is not a row as it was written";
    let shorter = format!("the file has {cut} bytes and should have {}", whole.len());
    let strange = "its first two lines are not those of this conversation";
    let cases = [
        (Some(whole.clone()), vec![]),
        (Some(first.replace("texto 38.", "texto 39.")), vec![(40, not_as_written), (4, not_as_written)]),
        (Some(last), vec![(40, not_as_written)]),
        (Some(whole.replace("seq;id", "seq;ID")), vec![(1, strange)]),
        (Some(whole[..cut].to_owned()), vec![(42, shorter.as_str())]),
        (None, vec![(1, "the file is missing")]),
    ];
    for (content, damage) in cases {
        match &content {
            Some(content) => std::fs::write(&file, content).expect("to write"),
            None => std::fs::remove_file(&file).expect("to remove it"),
        }
        let before = world.log().len();
        world.start();
        for limit in [1_000, 3, 1_000] {
            assert!(!world.login("ana").list(&format!("HISTORY;luis;{limit}")).is_empty());
        }
        // In the middle as well.
        assert!(!world.login("ana").list("HISTORY;luis;3;20").is_empty());
        let log = world.log().split_off(before);
        let said: Vec<_> = log.lines().filter(|line| line.contains("served as damaged")).collect();
        assert_eq!(said.len(), damage.len(), "{said:#?}");
        for (said, (line, what)) in said.iter().zip(damage) {
            assert!(said.contains(&format!("{} line {line}: {what};", file.display())), "{said}");
        }
        world.stop();
    }
}
