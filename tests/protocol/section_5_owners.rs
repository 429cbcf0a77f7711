//! Rooms with an owner: who may do what, who may join, and what outsiders are told.

use super::section_7_rooms::User;
use crate::support::random::Random;
use crate::support::{Connection, PASSWORD, World};

/// Every request about a room, but JOIN.
const REQUESTS: [&str; 11] = [
    "SEND;x;#equipo;x",
    "READ;#equipo;0",
    "STATUS;#equipo;1",
    "HISTORY;#equipo",
    "LEAVE;#equipo",
    "MEMBERS;#equipo",
    "ROOM;#equipo;open",
    "TOPIC;#equipo;x",
    "INVITE;#equipo;luis",
    "KICK;#equipo;ana",
    "OWNER;#equipo;luis",
];

fn people<const COUNT: usize>(world: &World, names: [&str; COUNT]) -> [User; COUNT] {
    names.map(|name| User::new(world, name))
}

/// Makes everybody a member of a room, in this order, and lets them hear of it.
fn join(room: &str, users: &mut [&mut User]) {
    users.iter_mut().for_each(|user| user.ok(&format!("JOIN;{room}")));
    users.iter_mut().for_each(|user| _ = user.hear());
}

/// Returns the row of a room in ROOMS.
fn row(user: &mut User, room: &str) -> Option<String> {
    user.says.list("ROOMS").into_iter().find(|row| row.starts_with(&format!("{room};")))
}

#[test]
fn who_creates_a_room_owns_it_and_others_do_not() {
    let world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = people(&world, ["ana", "luis", "eva"]);
    join("#equipo", &mut [&mut ana, &mut luis]);
    assert_eq!(row(&mut eva, "#equipo").as_deref(), Some("#equipo;2;no;open;ana;"));
    for request in &REQUESTS[6..] {
        luis.says.expect_ko(request, "NOT_OWNER");
        eva.says.expect_ko(request, "NOT_OWNER");
    }
    for request in &REQUESTS[7..] {
        eva.says.expect_ko(&request.replace("#equipo", "#nadie"), "NO_ROOM");
    }
    ana.says.expect_ko("INVITE;#equipo;nadie", "NO_USER");
    ana.says.expect_ko("KICK;#equipo;nadie", "NO_USER");
    ana.says.expect_ko("OWNER;#equipo;#equipo", "NO_USER");
    ana.says.expect_ko("ROOM;#equipo;closed", "SYNTAX");
    ana.says.expect_ko("ROOM;equipo;open", "NAME");
    ana.says.expect_ko("ROOM;#eq uipo;open", "NAME");
}

#[test]
fn nobody_owns_the_lobby() {
    let world = World::new(&[]);
    let [mut ana] = people(&world, ["ana"]);
    for request in &REQUESTS[6..] {
        ana.says.expect_ko(&request.replace("#equipo", "#lobby"), "NOT_OWNER");
    }
    let world = World::without_lobby();
    let [mut ana] = people(&world, ["ana"]);
    ana.says.expect_ko("ROOM;#lobby;invite", "NOT_OWNER");
    ana.ok("JOIN;#lobby");
    assert_eq!(row(&mut ana, "#lobby").as_deref(), Some("#lobby;1;yes;open;;"));
}

#[test]
fn the_owner_sets_kind_and_topic_and_the_members_are_told() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = people(&world, ["ana", "luis", "eva"]);
    join("#equipo", &mut [&mut ana, &mut luis]);
    ana.ok("ROOM;#equipo;invite");
    ana.ok("TOPIC;#equipo;\"la entrega; hoy\"");
    ana.ok("TOPIC;#equipo;\"la entrega; hoy\"");
    assert_eq!(luis.hear(), ["0;ROOM;#equipo;invite;ana;", "0;ROOM;#equipo;invite;ana;\"la entrega; hoy\""]);
    assert_eq!(eva.hear(), [""; 0]);
    ana.says.expect_ko(&format!("TOPIC;#equipo;{}", "x".repeat(201)), "SYNTAX");
    ana.ok(&format!("TOPIC;#equipo;{}", "x".repeat(200)));
    ana.ok("TOPIC;#equipo;");
    // Nothing was said yet.
    ana.ok("ROOM;#equipo;open");
    ana.ok("ROOM;#equipo;invite");
    ana.send("m-1", "#equipo");
    ana.says.expect_ko("ROOM;#equipo;open", "CONFLICT");
    for stop in [false, true] {
        if stop {
            _ = world.stop()
        } else {
            _ = world.kill()
        }
        let mut ana = world.start().login("ana");
        assert_eq!(ana.list("ROOMS"), ["#equipo;2;yes;invite;ana;"]);
        ana.expect_ko("ROOM;#equipo;open", "CONFLICT");
    }
}

#[test]
fn outsiders_are_told_nothing_of_a_room_for_invited_users() {
    let world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = people(&world, ["ana", "luis", "eva"]);
    ana.ok("ROOM;#equipo;invite");
    ana.ok("INVITE;#equipo;luis");
    luis.ok("JOIN;#equipo");
    ana.send("m-1", "#equipo");
    ana.ok("TOPIC;#equipo;secreto");
    let mut heard = Vec::new();
    for request in REQUESTS {
        let reply = eva.says.request(request);
        assert!(reply.starts_with("KO;NO_ROOM;"), "{request}: {reply}");
        heard.push(reply);
    }
    let nowhere = eva.says.request("SEND;x;#nowhere;x");
    assert!(heard.iter().all(|reply| *reply == nowhere), "the same text: {heard:?}");
    assert_eq!(eva.says.list("ROOMS"), [""; 0]);
    assert_eq!(eva.says.list("ROOMS;1;#e"), [""; 0]);
    assert_eq!(eva.says.list("CHATS"), [""; 0]);
    heard.extend([eva.says.request("JOIN;#equip0"), eva.says.request("ROOM;#equip0;open")]);
    assert!(heard.iter().rev().take(2).all(|reply| reply.starts_with("KO;NAME;")), "{heard:?}");
    heard.extend(eva.hear());
    assert!(heard.iter().all(|line| !line.contains("equipo") && !line.contains("secreto")), "{heard:?}");
    // JOIN alone shows that the name is taken.
    eva.says.expect_ko("JOIN;#equipo", "NOT_INVITED");
}

#[test]
fn an_invitation_is_told_kept_and_ends_with_join() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis] = people(&world, ["ana", "luis"]);
    let (_, mut lab) = Connection::open_with(world.recv, &format!("DEVICE:lab:luis:{PASSWORD}"));
    ana.ok("ROOM;#equipo;invite");
    ana.ok("INVITE;#equipo;luis");
    ana.ok("INVITE;#equipo;luis");
    ana.ok("INVITE;#equipo;ana");
    assert_eq!(luis.hear(), ["0;INVITE;#equipo;ana"]);
    assert_eq!(lab.list("POLL;0;0"), ["0;INVITE;#equipo;ana"]);
    assert_eq!(row(&mut luis, "#equipo").as_deref(), Some("#equipo;1;no;invite;ana;"));
    luis.says.expect_ko("HISTORY;#equipo", "NOT_MEMBER");
    world.kill().start();
    let mut luis = world.login("luis");
    assert_eq!(luis.request("JOIN;#equipo"), "OK");
    assert_eq!(luis.request("LEAVE;#equipo"), "OK");
    luis.expect_ko("JOIN;#equipo", "NOT_INVITED");
    // KICK ends one, too.
    let mut ana = world.login("ana");
    for request in ["INVITE;#equipo;luis", "KICK;#equipo;luis"] {
        assert_eq!(ana.request(request), "OK");
    }
    luis.expect_ko("JOIN;#equipo", "NOT_INVITED");
    luis.expect_ko("LEAVE;#equipo", "NO_ROOM");
}

#[test]
fn of_too_many_invitations_the_oldest_goes() {
    let mut world = World::new(&["--no-lobby", "--no-limits"]);
    let [mut ana, mut luis] = people(&world, ["ana", "luis"]);
    for room in 0..101 {
        ana.ok(&format!("ROOM;#r{room};invite"));
        ana.ok(&format!("INVITE;#r{room};luis"));
    }
    assert_eq!(luis.says.list("ROOMS").len(), 100);
    luis.says.expect_ko("JOIN;#r0", "NOT_INVITED");
    world.stop();
    world.start();
    let mut luis = world.login("luis");
    assert_eq!(luis.list("ROOMS").len(), 100);
    luis.expect_ko("JOIN;#r0", "NOT_INVITED");
    let mut ana = world.login("ana");
    assert_eq!(ana.request("INVITE;#r0;luis"), "OK");
    luis.expect_ko("JOIN;#r1", "NOT_INVITED");
    assert_eq!(luis.request("JOIN;#r0"), "OK");
}

#[test]
fn who_is_kicked_is_told_gets_nothing_more_and_needs_an_invitation() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = people(&world, ["ana", "luis", "eva"]);
    let (_, mut lab) = Connection::open_with(world.recv, &format!("DEVICE:lab:luis:{PASSWORD}"));
    join("#equipo", &mut [&mut ana, &mut luis, &mut eva]);
    lab.list("POLL;0;0");
    ana.send("m-1", "#equipo");
    let own = luis.send("m-2", "#equipo");
    ana.ok("TOPIC;#equipo;la entrega");
    luis.ok(&format!("READ;#equipo;{own}"));
    ana.ok("KICK;#equipo;luis");
    ana.ok("KICK;#equipo;luis");
    assert_eq!(luis.hear(), ["0;PART;#equipo;luis;<at>"]);
    assert_eq!(lab.list_without_times("POLL;0;0"), ["0;PART;#equipo;luis;<at>"], "nor his own message");
    assert!(eva.hear().contains(&"0;PART;#equipo;luis;<at>".to_owned()));
    ana.send("m-3", "#equipo");
    luis.settle();
    luis.says.expect_ko("JOIN;#equipo", "NOT_INVITED");
    luis.says.expect_ko("HISTORY;#equipo", "NOT_MEMBER");
    world.kill().start();
    let [mut ana, mut luis] = ["ana", "luis"].map(|name| world.login(name));
    luis.expect_ko("JOIN;#equipo", "NOT_INVITED");
    assert_eq!(ana.request("INVITE;#equipo;luis"), "OK");
    assert_eq!(luis.request("JOIN;#equipo"), "OK");
    // Now he is free to come and go.
    assert_eq!((luis.request("LEAVE;#equipo"), luis.request("JOIN;#equipo")), ("OK".to_owned(), "OK".to_owned()));
}

#[test]
fn an_owner_gives_the_room_away_and_has_no_right_any_more() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis, mut eva] = people(&world, ["ana", "luis", "eva"]);
    join("#equipo", &mut [&mut ana, &mut luis]);
    ana.says.expect_ko("OWNER;#equipo;eva", "NOT_MEMBER");
    ana.ok("OWNER;#equipo;ana");
    ana.ok("OWNER;#equipo;luis");
    assert_eq!(luis.hear(), ["0;ROOM;#equipo;open;luis;"]);
    for request in &REQUESTS[6..] {
        ana.says.expect_ko(request, "NOT_OWNER");
    }
    luis.ok("TOPIC;#equipo;mía");
    assert_eq!(row(&mut eva, "#equipo").as_deref(), Some("#equipo;2;no;open;luis;mía"));
    world.kill().start();
    world.login("ana").expect_ko("KICK;#equipo;luis", "NOT_OWNER");
    assert_eq!(world.login("luis").request("KICK;#equipo;ana"), "OK");
}

#[test]
fn the_member_who_joined_first_owns_a_room_whose_owner_goes() {
    let world = World::without_lobby();
    let [mut ana, mut luis, mut eva, mut leo] = people(&world, ["ana", "luis", "eva", "leo"]);
    let (_, mut lab) = Connection::open_with(world.recv, &format!("DEVICE:lab:ana:{PASSWORD}"));
    // Luis and eva join at the same moment: no number comes between.
    join("#equipo", &mut [&mut ana, &mut luis, &mut eva]);
    ana.send("m-1", "#equipo");
    lab.list("POLL;0;0");
    join("#equipo", &mut [&mut leo]);
    luis.hear();
    ana.ok("LEAVE;#equipo");
    assert_eq!(luis.hear(), ["0;PART;#equipo;ana;<at>", "0;ROOM;#equipo;open;eva;"]);
    let told = ["0;JOIN;#equipo;leo;<at>", "0;PART;#equipo;ana;<at>"];
    assert_eq!(lab.list_without_times("POLL;1;0"), told, "not who owns it now");
    ana.ok("JOIN;#equipo");
    eva.ok("KICK;#equipo;eva");
    assert_eq!(row(&mut ana, "#equipo").as_deref(), Some("#equipo;3;yes;open;luis;"));
    world.administer(&["user", "remove", "luis"]);
    // Since leo joined, ana has joined again, and nothing came between.
    assert_eq!(row(&mut ana, "#equipo").as_deref(), Some("#equipo;2;yes;open;ana;"));
    // Whoever joins a room without members owns it.
    leo.ok("LEAVE;#equipo");
    ana.ok("LEAVE;#equipo");
    assert_eq!(row(&mut ana, "#equipo").as_deref(), Some("#equipo;0;no;open;;"));
    leo.ok("JOIN;#equipo");
    assert_eq!(row(&mut ana, "#equipo").as_deref(), Some("#equipo;1;no;open;leo;"));
}

#[test]
fn a_room_for_invited_users_goes_away_with_its_last_member() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis] = people(&world, ["ana", "luis"]);
    ana.ok("ROOM;#equipo;invite");
    ana.ok("INVITE;#equipo;luis");
    ana.send("m-1", "#equipo");
    ana.ok("LEAVE;#equipo");
    assert_eq!(ana.says.list("ROOMS"), [""; 0]);
    luis.says.expect_ko("HISTORY;#equipo", "NO_ROOM");
    luis.ok("JOIN;#equipo");
    assert_eq!(luis.says.list("HISTORY;#equipo"), [""; 0], "it is another room");
    assert_eq!(row(&mut luis, "#equipo").as_deref(), Some("#equipo;1;yes;open;luis;"));
    world.stop();
    world.assert_undamaged();
    world.start();
    assert_eq!(world.login("luis").list("HISTORY;#equipo"), [""; 0]);
}

/// Returns what waits for a device, without numbers and times.
fn heard(session: &mut Connection) -> Vec<String> {
    let events = session.list_without_times("POLL;0;0;1000");
    events.iter().filter_map(|event| Some(event.split_once(';')?.1.to_owned())).collect()
}

/// A member gets all, and reads up to a number.
fn receive(member: &mut User, upto: u64) {
    member.hear();
    member.hear();
    member.ok(&format!("READ;#equipo;{upto}"));
}

#[test]
fn receipts_and_own_messages_of_a_room_go_to_nobody_outside() {
    // How luis comes to be outside, and whether he is told of his message afterwards: of an open room that he has left he is.
    let ways: [(&str, &[&str], &[&str], bool); 5] = [
        ("open", &["LEAVE;#equipo"], &[], true),
        ("open", &["LEAVE;#equipo"], &["ROOM;#equipo;invite"], false),
        ("open", &[], &["KICK;#equipo;luis"], false),
        ("invite", &["LEAVE;#equipo"], &[], false),
        ("invite", &[], &["KICK;#equipo;luis"], false),
    ];
    for (kind, of_luis, of_ana, is_told) in ways {
        for is_later in [false, true] {
            let mut world = World::without_lobby();
            let [mut ana, mut luis, mut eva] = people(&world, ["ana", "luis", "eva"]);
            let (_, mut lab) = Connection::open_with(world.recv, &format!("DEVICE:lab:luis:{PASSWORD}"));
            ana.ok(&format!("ROOM;#equipo;{kind}"));
            for (name, guest) in [("luis", &mut luis), ("eva", &mut eva)] {
                ana.ok(&format!("INVITE;#equipo;{name}"));
                guest.ok("JOIN;#equipo");
            }
            let sent = luis.send("m-1", "#equipo");
            // The receipts come while luis is a member, or afterwards.
            for receipts in [!is_later, is_later] {
                if receipts {
                    [&mut ana, &mut eva].into_iter().for_each(|member| receive(member, sent));
                } else {
                    of_luis.iter().for_each(|request| luis.ok(request));
                    of_ana.iter().for_each(|request| ana.ok(request));
                }
            }
            let way = format!("{kind} {of_luis:?} {of_ana:?} {is_later}");
            let all = [heard(&mut luis.hears), heard(&mut lab)].concat();
            let is_numbered = |event: &&String| ["STATE;", "MSG;"].iter().any(|kind| event.starts_with(kind));
            let told: Vec<_> = all.iter().filter(is_numbered).collect();
            let states = told.iter().filter(|event| event.starts_with("STATE;#equipo;READ;")).count();
            assert!(if is_told { states == 2 } else { told.is_empty() }, "{way}: {told:?}");
            world.kill().start();
            let (_, mut lab) = Connection::open_with(world.recv, &format!("DEVICE:lab:luis:{PASSWORD}"));
            let told = heard(&mut lab);
            assert_eq!(told.is_empty(), !is_told, "{way}, after a kill: {told:?}");
            world.stop();
            world.start();
            let (_, mut lab) = Connection::open_with(world.recv, &format!("DEVICE:lab:luis:{PASSWORD}"));
            let told = heard(&mut lab);
            assert_eq!(told.is_empty(), !is_told, "{way}, from a checkpoint: {told:?}");
        }
    }
}

#[test]
fn rooms_that_invited_users_have_left_stay_in_the_quota_of_their_creator() {
    let mut world = World::new(&["--no-lobby", "--rooms-per-creator", "2"]);
    let [mut ana, _luis] = people(&world, ["ana", "luis"]);
    // Nothing was said there: nothing of them is left.
    for _ in 0..3 {
        ["ROOM;#equipo;invite", "LEAVE;#equipo"].iter().for_each(|request| ana.ok(request));
    }
    for id in ["m-1", "m-2"] {
        ana.ok("ROOM;#equipo;invite");
        ana.send(id, "#equipo");
        ana.ok("LEAVE;#equipo");
        ana.says.expect_ko("HISTORY;#equipo", "NO_ROOM");
    }
    for stop in [false, true] {
        let mut ana = world.login("ana");
        for request in ["ROOM;#equipo;invite", "JOIN;#equipo"] {
            ana.expect_ko(request, "QUOTA");
        }
        assert_eq!(world.login("luis").request("JOIN;#sala"), "OK", "the quota of another user");
        assert_eq!(world.login("luis").request("LEAVE;#sala"), "OK");
        if stop {
            _ = world.stop()
        } else {
            _ = world.kill()
        }
        world.start();
    }
    world.login("ana").expect_ko("JOIN;#equipo", "QUOTA");
    world.stop();
    world.assert_undamaged();
}

#[test]
fn a_later_room_of_the_name_does_not_tell_how_much_was_said_in_one_for_invited_users() {
    let mut world = World::without_lobby();
    let [mut ana, mut luis] = people(&world, ["ana", "luis"]);
    ana.ok("ROOM;#equipo;invite");
    (1..=3).for_each(|id| _ = ana.send(&format!("m-{id}"), "#equipo"));
    ana.ok("LEAVE;#equipo");
    luis.ok("JOIN;#equipo");
    let seq = luis.send("m-1", "#equipo");
    let chats = [format!("#equipo;{seq};{};1;0", seq - 1)];
    assert_eq!(luis.says.list("CHATS"), chats);
    world.stop();
    world.start();
    assert_eq!(world.login("luis").list("CHATS"), chats);
}

/// Requests of a user outside, about rooms or not.
const OUTSIDE: [&str; 13] = [
    "PING",
    "SEND;x;#zq7;hola",
    "READ;#zq7;0",
    "STATUS;#zq7;1",
    "HISTORY;#zq7",
    "ERASE;#zq7;1",
    "MEMBERS;#zq7",
    "JOIN;#zq7",
    "ROOM;#zq7;invite",
    "TOPIC;#zq7;x",
    "INVITE;#zq7;eva",
    "KICK;#zq7;ana",
    "ROOM;#zq7x;invite",
];

/// A room for invited users, as its users know it: those who take part by their places in a list.
#[derive(Default)]
struct Closed {
    owner: usize,
    is_member: [bool; 3],
    is_invited: [bool; 3],
    /// Number, sender, and whether it was taken back. The text of each is [`text`].
    said: Vec<(u64, usize, bool)>,
}

/// Returns a text that is in no other line.
fn text(number: usize) -> String {
    format!("zq7 t{number}.")
}

impl Closed {
    /// One user does something about the room, and another one may be concerned. Returns the request, and whether it is OK.
    fn act(&mut self, random: &mut Random, names: [&str; 3]) -> (usize, String, bool) {
        let [me, other] = [random.below(3) as usize, random.below(3) as usize];
        let owns = self.owner == me;
        let name = names[other];
        let (request, is_ok) = match random.below(16) {
            0..=3 => (format!("SEND;m-{};#zq7;{}", self.said.len(), text(self.said.len())), self.is_member[me]),
            4 => (format!("TOPIC;#zq7;zq7 {}", self.said.len()), owns),
            5..=6 => {
                self.is_invited[other] |= owns && !self.is_member[other];
                (format!("INVITE;#zq7;{name}"), owns)
            }
            7 if me != other => {
                if owns {
                    (self.is_member[other], self.is_invited[other]) = (false, false);
                }
                (format!("KICK;#zq7;{name}"), owns)
            }
            8..=9 => {
                let may = self.is_member[me] || self.is_invited[me];
                (self.is_member[me], self.is_invited[me]) = (may, false);
                ("JOIN;#zq7".to_owned(), may)
            }
            10 if self.is_member[me] && self.is_member.iter().filter(|is_member| **is_member).count() > 1 => {
                self.is_member[me] = false;
                ("LEAVE;#zq7".to_owned(), true)
            }
            11 => {
                let is_done = owns && self.is_member[other];
                self.owner = if is_done { other } else { self.owner };
                (format!("OWNER;#zq7;{name}"), is_done)
            }
            12..=14 if !self.said.is_empty() => {
                let choice = random.below(self.said.len() as u64) as usize;
                let (seq, from, is_erased) = &mut self.said[choice];
                let is_done = self.is_member[me] && (*from == me || owns);
                *is_erased |= is_done;
                (format!("ERASE;#zq7;{seq}"), is_done)
            }
            _ => {
                let last = self.said.last().map_or(0, |(seq, ..)| *seq);
                (format!("READ;#zq7;{last}"), self.is_member[me])
            }
        };
        (me, request, is_ok)
    }

    /// Returns what a user was given of the room and is not to be given: anything, outside it, and texts that were taken back.
    fn excess(&self, me: usize, name: &str, mut told: Vec<String>) -> Vec<String> {
        told.retain(|line| line.contains("zq7"));
        let gone: Vec<_> = (0..self.said.len()).filter(|number| self.said[*number].2).map(text).collect();
        if self.is_member[me] {
            told.retain(|line| gone.iter().any(|text| line.contains(text)));
            return told;
        }
        // That the user was put out, and of a room to which the user is invited the row in ROOMS.
        told.retain(|line| !line.starts_with(&format!("0;PART;#zq7;{name};")));
        let may_see = |line: &String| line.starts_with("#zq7;") || line.starts_with("0;INVITE;#zq7;");
        told.retain(|line| !self.is_invited[me] || !may_see(line));
        told
    }
}

/// All that the sockets of users inside and outside are given, while the others talk in a room for invited users, take back,
/// come, go, are put out, and give the room to each other.
#[test]
fn nobody_outside_is_given_a_byte_of_a_room_for_invited_users() {
    let names = ["ana", "luis", "leo"];
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let world = World::new(&["--no-limits"]);
        let mut users = people(&world, names);
        let [mut eva] = people(&world, ["eva"]);
        let lab = |user: &str| Connection::open_with(world.recv, &format!("DEVICE:lab:{user}:{PASSWORD}")).1;
        let mut labs = names.map(lab);
        let mut eva_lab = lab("eva");
        users[0].ok("ROOM;#zq7;invite");
        let mut room = Closed { is_member: [true, false, false], ..Closed::default() };
        for step in 0..400 {
            let (me, request, is_ok) = room.act(&mut random, names);
            let reply = users[me].says.request(&request);
            let how = format!("seed {seed}, step {step}: {request} of {}", names[me]);
            assert_eq!(reply.starts_with("OK"), is_ok, "{how}: {reply}");
            assert!(is_ok || room.is_member[me] || room.is_invited[me] || !reply.contains("zq7"), "{how}: {reply}");
            if is_ok && request.starts_with("SEND") {
                let seq = reply.rsplit(';').next().and_then(|seq| seq.parse().ok()).expect("a number");
                room.said.push((seq, me, false));
            }
            if is_ok && request.starts_with("LEAVE") {
                // Who owns it now, its members see.
                let member = room.is_member.iter().position(|is_member| *is_member).expect("a member");
                let row = row(&mut users[member], "#zq7").expect("a row");
                let owner = row.split(';').nth(4).expect("an owner");
                room.owner = names.iter().position(|name| *name == owner).expect("a user");
            }
            for (index, user) in users.iter_mut().enumerate().filter(|_| random.chance(20)) {
                let mut told = [user.hear(), labs[index].list("POLL;*;0")].concat();
                told.extend(["ROOMS", "CHATS", "USERS"].iter().flat_map(|list| user.says.list(list)));
                if room.is_member[index] {
                    told.extend(user.says.list("HISTORY;#zq7;1000"));
                }
                let excess = room.excess(index, names[index], told);
                assert!(excess.is_empty(), "{how}: {} is told {excess:?}", names[index]);
            }
            let mut told = vec![eva.says.request(OUTSIDE[random.below(OUTSIDE.len() as u64) as usize])];
            if random.chance(20) {
                told.extend([eva.hear(), eva_lab.list("POLL;*;0")].concat());
                let lists = ["ROOMS", "CHATS", "USERS", "SESSIONS", "HISTORY;#lobby", "MEMBERS;#lobby"];
                told.extend(lists.iter().flat_map(|list| eva.says.list(list)));
            }
            // The room of eva's own has a name that begins so.
            told.retain(|line| line.replace("#zq7x", "").contains("zq7"));
            assert!(told.is_empty(), "{how}: eva is told {told:?}");
        }
        let erased = room.said.iter().filter(|(.., is_erased)| *is_erased).count();
        assert!(erased > 10 && erased < room.said.len(), "seed {seed}: {erased} of {}", room.said.len());
    }
}

#[test]
fn a_room_that_was_given_away_counts_in_the_quota_of_its_creator_and_not_of_its_owner() {
    let mut world = World::new(&["--no-lobby", "--rooms-per-creator", "1"]);
    let [mut ana, mut luis] = people(&world, ["ana", "luis"]);
    join("#equipo", &mut [&mut ana, &mut luis]);
    ana.send("m-1", "#equipo");
    ana.ok("OWNER;#equipo;luis");
    ana.says.expect_ko("JOIN;#sala", "QUOTA");
    ana.says.expect_ko("ROOM;#sala;invite", "QUOTA");
    luis.ok("JOIN;#aula");
    luis.says.expect_ko("JOIN;#sala", "QUOTA");
    // Nor does it move when its creator leaves, or the server is killed or stopped.
    ana.ok("LEAVE;#equipo");
    for stop in [false, true] {
        for name in ["ana", "luis"] {
            world.login(name).expect_ko("JOIN;#sala", "QUOTA");
        }
        if stop {
            _ = world.stop()
        } else {
            _ = world.kill()
        }
        world.start();
    }
    assert_eq!(world.login("luis").request("LEAVE;#aula"), "OK");
    world.login("ana").expect_ko("JOIN;#sala", "QUOTA");
    assert_eq!(world.login("luis").request("JOIN;#sala"), "OK", "nothing was said in #aula: it is gone");
}
