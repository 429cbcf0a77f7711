//! Rooms: who gets what, how far the marks move, who is told of whom.

use std::path::Path;

use crate::support::connection::without_times;
use crate::support::store_files::read_checkpoint;
use crate::support::{Connection, World, run_to_end};

/// The two connections of a user.
pub(super) struct User {
    pub says: Connection,
    pub hears: Connection,
    last: u64,
}

impl User {
    pub fn new(world: &World, name: &str) -> Self {
        Self { says: world.register(name), hears: world.session(name), last: 0 }
    }

    pub fn ok(&mut self, request: &str) {
        assert_eq!(self.says.request(request), "OK", "{request}");
    }

    /// Sends to a room, and returns the number it got.
    pub fn send(&mut self, id: &str, room: &str) -> u64 {
        let reply = self.says.request(&format!("SEND;{id};{room};{id}"));
        reply.strip_prefix(&format!("OK;{id};RECEIVED;")).and_then(|r| r.split(';').nth(1)?.parse().ok()).expect(&reply)
    }

    /// Polls; returns the events, without times. The next poll acknowledges them.
    pub fn hear(&mut self) -> Vec<String> {
        let events = self.hears.list(&format!("POLL;{};0;1000", self.last));
        let seq = |event: &String| event.split(';').next().and_then(|seq| seq.parse().ok()).expect("a number");
        self.last = events.iter().map(seq).fold(self.last, u64::max);
        events.iter().map(|event| without_times(event)).collect()
    }

    /// Acknowledges what was heard, and hears nothing new.
    pub fn settle(&mut self) {
        assert_eq!(self.hear(), [""; 0]);
    }
}

/// Ana, luis and eva, who are all in `#sala`, joined in this order, and have heard of it.
fn three(world: &World) -> [User; 3] {
    let mut all = ["ana", "luis", "eva"].map(|name| User::new(world, name));
    for user in &mut all {
        user.ok("JOIN;#sala");
    }
    for user in &mut all {
        user.hear();
    }
    all
}

#[test]
fn a_room_message_is_for_every_member_but_its_sender() {
    let world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = three(&world);
    let seq = ana.send("m-1", "#sala");
    for user in [&mut luis, &mut eva] {
        assert_eq!(user.hear(), [format!("{seq};MSG;m-1;ana;#sala;<at>;m-1")]);
    }
    ana.settle();
    // The very same reply, and nothing twice.
    assert_eq!(ana.send("m-1", "#sala"), seq);
    luis.settle();
    ana.says.expect_ko("SEND;m-1;#sala;another text", "CONFLICT");
}

#[test]
fn marks_move_when_all_who_are_waited_for_have_it() {
    let world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = three(&world);
    let seq = ana.send("m-1", "#sala");
    luis.hear();
    luis.settle();
    assert_eq!(ana.hear(), [""; 0], "eva does not have it yet");
    assert_eq!(ana.says.list(&format!("STATUS;#sala;{seq}")), ["eva;RECEIVED", "luis;DELIVERED"]);
    eva.hear();
    eva.settle();
    let delivered = ana.hear();
    assert!(delivered.len() == 1 && delivered[0].ends_with(&format!(";STATE;#sala;DELIVERED;{seq};<at>")));
    luis.ok(&format!("READ;#sala;{seq}"));
    ana.settle();
    eva.ok(&format!("READ;#sala;{seq}"));
    let read = ana.hear();
    assert!(read.len() == 1 && read[0].ends_with(&format!(";STATE;#sala;READ;{seq};<at>")), "{read:?}");
    assert_eq!(ana.says.list(&format!("STATUS;#sala;{seq}")), ["eva;READ", "luis;READ"]);
    assert!(ana.says.list("HISTORY;#sala")[0].ends_with(";READ;m-1"));
}

#[test]
fn a_member_who_leaves_delays_no_state_and_gets_no_more() {
    let world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = three(&world);
    let seq = ana.send("m-1", "#sala");
    luis.hear();
    luis.settle();
    eva.ok("LEAVE;#sala");
    eva.ok("LEAVE;#sala");
    assert!(ana.hear().iter().any(|event| event.ends_with(&format!(";STATE;#sala;DELIVERED;{seq};<at>"))));
    assert_eq!(eva.hear(), [""; 0], "also her pending events are gone");
    // The states stay when the last member leaves.
    let alone = ana.send("m-2", "#sala");
    luis.ok("LEAVE;#sala");
    assert_eq!(ana.hear(), ["0;PART;#sala;luis;<at>"]);
    assert!(ana.says.list("HISTORY;#sala;1")[0].contains(";RECEIVED;"));
    // A member who has a later message is past it.
    luis.ok("JOIN;#sala");
    let later = ana.send("m-3", "#sala");
    luis.hear();
    luis.settle();
    assert!(ana.hear().iter().any(|event| event.ends_with(&format!(";STATE;#sala;DELIVERED;{later};<at>"))));
    let history = ana.says.list("HISTORY;#sala");
    assert!(history.iter().all(|record| record.contains(";DELIVERED;")), "{history:?}");
    assert_eq!(ana.says.request(&format!("STATUS;#sala;{alone}")), "OK;0", "it was for nobody who is there now");
}

#[test]
fn a_new_member_gets_later_messages_and_sees_the_whole_history() {
    let world = World::without_lobby();
    let [mut ana, mut luis, _eva] = three(&world);
    let before = ana.send("m-1", "#sala");
    let mut leo = User::new(&world, "leo");
    for request in ["SEND;x;#sala;x", "READ;#sala;1", "STATUS;#sala;1", "HISTORY;#sala"] {
        leo.says.expect_ko(request, "NOT_MEMBER");
    }
    leo.ok("JOIN;#SALA");
    assert_eq!(leo.hear(), [""; 0]);
    let after = luis.send("m-2", "#sala");
    assert_eq!(leo.hear(), [format!("{after};MSG;m-2;luis;#sala;<at>;m-2")]);
    let history: Vec<_> = leo.says.list("HISTORY;#sala").iter().map(|record| without_times(record)).collect();
    assert_eq!(
        history,
        [format!("{before};m-1;ana;#sala;<at>;RECEIVED;m-1"), format!("{after};m-2;luis;#sala;<at>;RECEIVED;m-2")]
    );
    assert_eq!(leo.says.list("CHATS"), [format!("#sala;{after};{before};2;0")], "what was before is not unread");
}

#[test]
fn rooms_and_members_are_listed_and_codes_say_what_is_wrong() {
    let world = World::without_lobby();
    let [mut ana, _luis, _eva] = three(&world);
    ana.ok("JOIN;#Aula");
    let mut leo = User::new(&world, "leo");
    assert_eq!(leo.says.list("ROOMS"), ["#Aula;1;no;open;ana;", "#sala;3;no;open;ana;"]);
    assert_eq!(ana.says.list("ROOMS"), ["#Aula;1;yes;open;ana;", "#sala;3;yes;open;ana;"]);
    assert_eq!(ana.says.list("MEMBERS;#sala"), ["ana;online", "eva;online", "luis;online"]);
    for (request, code) in [
        ("JOIN;sala", "NAME"),
        ("JOIN;#", "NAME"),
        ("JOIN;#a b", "NAME"),
        ("JOIN", "SYNTAX"),
        ("LEAVE;#nowhere", "NO_ROOM"),
        ("LEAVE;ana", "NO_ROOM"),
        ("MEMBERS;#nowhere", "NO_ROOM"),
        ("MEMBERS;#sala", "NOT_MEMBER"),
        ("SEND;x;#nowhere;x", "NO_ROOM"),
        ("HISTORY;#nowhere", "NO_ROOM"),
    ] {
        leo.says.expect_ko(request, code);
    }
    ana.says.expect_ko("READ;#Aula;1", "SEQ");
    ana.says.expect_ko("STATUS;#Aula;1", "NO_MESSAGE");
    assert_eq!(ana.says.request("HISTORY;#aula"), "OK;0");
}

#[test]
fn join_and_part_are_told_to_the_other_members() {
    let world = World::without_lobby();
    let [mut ana, mut luis, _eva] = three(&world);
    let mut leo = User::new(&world, "leo");
    ana.settle();
    leo.ok("JOIN;#sala");
    leo.ok("JOIN;#sala");
    assert_eq!(ana.hear(), ["0;JOIN;#sala;leo;<at>"]);
    leo.ok("LEAVE;#sala");
    assert_eq!(ana.hear(), ["0;PART;#sala;leo;<at>"]);
    assert_eq!(leo.hear(), [""; 0]);
    // Members of a common room are told of ONLINE and OFFLINE.
    assert_eq!(luis.hears.request("QUIT"), "OK");
    luis.hears.assert_closed();
    assert_eq!(ana.hears.list_without_times(&format!("POLL;{};5", ana.last)), ["0;OFFLINE;luis;<at>"]);
}

#[test]
fn every_new_user_is_in_the_lobby() {
    let world = World::new(&[]);
    let mut ana = User::new(&world, "ana");
    assert_eq!(ana.says.list("ROOMS"), ["#lobby;1;yes;open;;"]);
    let mut luis = User::new(&world, "luis");
    assert_eq!(ana.hear(), ["0;JOIN;#lobby;luis;<at>", "0;ONLINE;luis;<at>"]);
    let seq = luis.send("m-1", "#lobby");
    assert_eq!(ana.hear(), [format!("{seq};MSG;m-1;luis;#lobby;<at>;m-1")]);
}

#[test]
fn rooms_outlive_a_kill_with_their_places_and_marks() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = three(&world);
    let first = ana.send("m-1", "#sala");
    for user in [&mut luis, &mut eva] {
        user.hear();
        user.settle();
    }
    let second = ana.send("m-2", "#sala");
    luis.hear();
    luis.settle();
    // Waits for the acknowledgement to be durable.
    ana.send("m-3", "#sala");
    world.kill().start();
    let mut ana = User { says: world.login("ana"), hears: world.session("ana"), last: 0 };
    let states = ana.hear();
    assert!(states[0].ends_with(&format!(";STATE;#sala;DELIVERED;{first};<at>")), "{states:?}");
    assert_eq!(ana.says.list(&format!("STATUS;#sala;{second}")), ["eva;RECEIVED", "luis;DELIVERED"]);
    let mut eva = world.session("eva");
    let events: Vec<_> = eva.list("POLL;0;0").iter().map(|event| without_times(event)).collect();
    assert!(events[0].ends_with(";MSG;m-2;ana;#sala;<at>;m-2") && events[1].contains(";m-3;"), "{events:?}");
}

/// Counts a text in the files of a data directory.
fn count(directory: &Path, text: &str) -> usize {
    let in_entry = |path: &Path| match path.is_dir() {
        true => count(path, text),
        false => String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).matches(text).count(),
    };
    std::fs::read_dir(directory).expect("a directory").map(|entry| in_entry(&entry.expect("an entry").path())).sum()
}

#[test]
fn a_message_is_written_once_however_many_it_is_for() {
    let mut world = World::without_lobby();
    let mut ana = User::new(&world, "ana");
    ana.ok("JOIN;#sala");
    // All have yet to come: not even what waits for them is written for each.
    for number in 0..30 {
        assert_eq!(world.register(&format!("member{number}")).request("JOIN;#sala"), "OK");
    }
    let text = "a text that is nowhere else";
    assert!(ana.says.request(&format!("SEND;m-1;#sala;{text}")).starts_with("OK;m-1;RECEIVED;"));
    assert_eq!(count(&world.data(), text), 1, "in the write-ahead log");
    world.stop();
    assert_eq!(count(&world.data(), text), 1, "in the history, with the checkpoint of a clean stop");
    world.start();
    for number in [0, 29] {
        let mut session = world.session(&format!("member{number}"));
        let events = session.poll(0, 0);
        assert!(events.len() == 1 && events[0].ends_with(text), "{events:?}");
    }
}

/// Asks many at once, as many as may be under way, and returns the replies.
fn ask_all(line: &mut Connection, requests: &[String]) -> Vec<String> {
    let some = requests.chunks(500).flat_map(|some| {
        line.send(format!("{}\n", some.join("\n")));
        some.iter().map(|_| line.read_line()).collect::<Vec<_>>()
    });
    some.collect()
}

/// The first events with a number of a session that has acknowledged nothing new.
fn first_two(world: &World, user: &str) -> Vec<String> {
    let events = world.session(user).list_without_times("POLL;0;0;10");
    events.into_iter().filter(|event| !event.starts_with("0;")).take(2).collect()
}

#[test]
fn a_member_more_than_10_000_behind_gets_one_gap_and_delays_no_state() {
    let mut world = World::without_lobby();
    let [mut ana, _luis, mut eva] = three(&world);
    let sends: Vec<_> = (1..=10_002).map(|n| format!("SEND;m-{n};#sala;x")).collect();
    let replies = ask_all(&mut ana.says, &sends);
    assert!(replies.last().is_some_and(|reply| reply.ends_with(";10002")), "{:?}", replies.last());
    let gap = |last: u64| [format!("{last};GAP;#sala;1;{last}"), format!("{0};MSG;m-{0};ana;#sala;<at>;x", last + 1)];
    assert_eq!(first_two(&world, "luis"), gap(2));
    // Eva has everything. Messages that leave the room's log now were delivered to every member that counts.
    eva.hears.poll(10_002, 0);
    assert!(!ana.hear().iter().any(|event| event.contains(";STATE;")), "luis lacks all of it");
    assert_eq!(ana.send("more", "#sala"), 10_003);
    assert!(ana.hear().contains(&"10004;STATE;#sala;DELIVERED;3;<at>".to_owned()));
    assert_eq!(first_two(&world, "luis"), gap(3), "it grows while it waits");
    world.kill().start();
    assert_eq!(first_two(&world, "luis"), gap(3), "replayed");
    world.stop();
    world.start();
    assert_eq!(first_two(&world, "luis"), gap(3), "from a checkpoint");
    // Acknowledged, it is gone for good; HISTORY has what it covers.
    let mut luis = world.session("luis");
    assert!(luis.list("POLL;3;0;1")[0].starts_with("4;MSG;m-4;"));
    let covered = world.login("luis").list_without_times("HISTORY;#sala;3;4");
    assert!(covered.len() == 3 && covered[0].starts_with("1;m-1;ana;") && covered[2].starts_with("3;m-3;ana;"));
    assert_eq!(luis.request("POLL;10003;0"), "OK;0");
}

/// Events of others that come between the messages of a GAP are acknowledged before it: its messages are still in it.
#[test]
fn a_gap_that_direct_messages_are_acknowledged_past_keeps_its_start() {
    let mut world = World::without_lobby();
    let [mut ana, _luis, _eva] = three(&world);
    ana.send("first", "#sala");
    assert!(world.session("luis").poll(0, 0).iter().any(|event| event.starts_with("1;MSG;first;")));
    assert_eq!(world.session("luis").request("POLL;1;0"), "OK;0");
    let sends = |from: usize, to: usize| (from..=to).map(|n| format!("SEND;m-{n};#sala;x")).collect::<Vec<_>>();
    ask_all(&mut ana.says, &sends(2, 4));
    assert_eq!(ana.send("direct", "luis"), 5);
    ask_all(&mut ana.says, &sends(6, 10_008));
    // The log has 10,000: 2 to 4 and 6 to 8 have fallen out of it, so the direct message comes before their GAP.
    let gap = "8;GAP;#sala;2;8";
    let mut luis = world.session("luis");
    let events = luis.list_without_times("POLL;1;0;2");
    assert!(events[0].starts_with("5;MSG;direct;") && events[1] == gap, "{events:?}");
    assert_eq!(luis.list_without_times("POLL;5;0;1"), [gap]);
    world.kill().start();
    assert_eq!(world.session("luis").list("POLL;5;0;1"), [gap], "replayed");
    world.stop();
    world.start();
    let mut luis = world.session("luis");
    assert_eq!(luis.list("POLL;5;0;1"), [gap], "from a checkpoint");
    assert!(luis.list("POLL;8;0;1")[0].starts_with("9;MSG;m-9;"));
    ask_all(&mut ana.says, &[]);
    // Acknowledged, it is gone: a later one begins after it.
    let mut ana = world.login("ana");
    ask_all(&mut ana, &["SEND;more;#sala;x".to_owned()]);
    assert_eq!(luis.list("POLL;8;0;1"), ["9;GAP;#sala;9;9"]);
}

#[test]
fn a_room_message_counts_in_nobodys_queue() {
    let world = World::new(&["--no-lobby", "--queue", "1", "--queue-per-sender", "1"]);
    let [mut ana, _luis, _eva] = three(&world);
    for id in ["m-1", "m-2", "m-3"] {
        ana.send(id, "#sala");
    }
    ana.send("m-4", "luis");
    ana.says.expect_ko("SEND;m-5;luis;x", "QUOTA");
    ana.send("m-6", "#sala");
}

#[test]
fn a_user_is_in_at_most_1_000_rooms() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    let mut ana = world.register("ana");
    let joins: Vec<_> = (0..1_000).map(|n| format!("JOIN;#sala{n}")).collect();
    assert!(ask_all(&mut ana, &joins).iter().all(|reply| reply == "OK"));
    ana.expect_ko("JOIN;#onemore", "QUOTA");
    assert_eq!(ana.request("JOIN;#sala7"), "OK", "she is in it already");
    assert_eq!(ana.request("LEAVE;#sala7"), "OK");
    assert_eq!(ana.request("JOIN;#onemore"), "OK");
}

#[test]
fn an_account_creates_at_most_20_rooms_that_exist() {
    let mut world = World::new(&[]);
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let joins: Vec<_> = (0..30).map(|n| format!("JOIN;#sala{n}")).collect();
    let replies = ask_all(&mut ana, &joins);
    assert!(replies[..20].iter().all(|reply| reply == "OK"), "{replies:?}");
    assert!(replies[20..].iter().all(|reply| reply.starts_with("KO;QUOTA;")), "{replies:?}");
    assert_eq!(luis.request("JOIN;#sala20"), "OK", "another account may");
    assert_eq!(ana.request("JOIN;#sala20"), "OK", "to join is not to create");
    assert!(ana.request("SEND;m-1;#sala0;hola").starts_with("OK;"));
    for is_clean in [false, true] {
        match is_clean {
            true => _ = world.stop(),
            false => _ = world.kill(),
        }
        world.start();
        world.login("ana").expect_ko("JOIN;#onemore", "QUOTA");
    }
    // One with a message remains and counts; one without goes away with its last member.
    let mut ana = world.login("ana");
    assert_eq!(ana.request("LEAVE;#sala0"), "OK");
    ana.expect_ko("JOIN;#onemore", "QUOTA");
    assert_eq!(ana.request("LEAVE;#sala1"), "OK");
    assert_eq!(ana.request("JOIN;#onemore"), "OK");
    world.kill().start_with(&["--rooms-per-creator", "21"]);
    let mut ana = world.login("ana");
    assert_eq!(ana.request("JOIN;#another"), "OK");
    ana.expect_ko("JOIN;#too-many", "QUOTA");
}

#[test]
fn a_room_without_members_and_messages_goes_away() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis, _eva] = three(&world);
    ana.ok("JOIN;#aula");
    luis.ok("JOIN;#aula");
    ana.ok("LEAVE;#aula");
    assert_eq!(ana.says.list("ROOMS"), ["#aula;1;no;open;luis;", "#sala;3;yes;open;ana;"], "luis is still there");
    luis.ok("LEAVE;#aula");
    assert_eq!(ana.says.list("ROOMS"), ["#sala;3;yes;open;ana;"]);
    for request in ["LEAVE;#aula", "MEMBERS;#aula", "SEND;x;#aula;x", "HISTORY;#aula", "READ;#aula;0"] {
        luis.says.expect_ko(request, "NO_ROOM");
    }
    for n in 0..500 {
        ana.ok(&format!("JOIN;#passing{n}"));
        ana.ok(&format!("LEAVE;#passing{n}"));
    }
    // A new one of that name is another room.
    luis.ok("JOIN;#Aula");
    let seq = luis.send("m-1", "#aula");
    assert_eq!(luis.says.list("CHATS")[0], format!("#Aula;{seq};0;1;0"));
    for _ in 0..2 {
        world.stop();
        let rooms = read_checkpoint(&world.data(), "rooms");
        assert!(!rooms.contains("passing"), "{rooms}");
        world.start();
        let mut luis = world.login("luis");
        assert_eq!(luis.list("ROOMS"), ["#Aula;1;yes;open;luis;", "#sala;3;yes;open;ana;"]);
        assert!(luis.list("HISTORY;#aula")[0].ends_with(";m-1"));
    }
    world.login("luis").request("LEAVE;#aula");
    assert_eq!(world.login("ana").list("ROOMS")[0], "#Aula;0;no;open;;", "a room with messages remains");
    world.stop();
    world.assert_undamaged();
}

#[test]
fn a_member_who_comes_back_begins_anew() {
    let world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = three(&world);
    let missed = ana.send("m-1", "#sala");
    luis.ok("LEAVE;#sala");
    ana.send("m-2", "#sala");
    luis.ok("JOIN;#sala");
    assert_eq!(luis.hear(), [""; 0], "neither what waited, nor what was said while away");
    assert_eq!(ana.says.list(&format!("STATUS;#sala;{missed}")), ["eva;RECEIVED"]);
    let seq = eva.send("m-3", "#sala");
    assert_eq!(luis.hear(), [format!("{seq};MSG;m-3;eva;#sala;<at>;m-3")]);
    assert_eq!(luis.says.list("HISTORY;#sala").len(), 3);
}

#[test]
fn a_removed_account_is_in_no_room_and_waited_for_nowhere() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis, _eva] = three(&world);
    let seq = ana.send("m-1", "#sala");
    luis.hear();
    luis.settle();
    world.stop();
    let mut remove = std::process::Command::new(crate::support::WACHAT);
    remove.args(["user", "remove", "eva", "--data"]).arg(world.data());
    assert_eq!(run_to_end(&mut remove), (Some(0), String::new()));
    world.start();
    let mut ana = User { says: world.login("ana"), hears: world.session("ana"), last: 0 };
    assert!(ana.hear().iter().any(|event| event.ends_with(&format!(";STATE;#sala;DELIVERED;{seq};<at>"))));
    assert_eq!(ana.says.list("MEMBERS;#sala"), ["ana;online", "luis;offline"]);
    assert_eq!(ana.says.list(&format!("STATUS;#sala;{seq}")), ["luis;DELIVERED"]);
}
