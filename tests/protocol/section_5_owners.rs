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
const OUTSIDE: [&str; 12] = [
    "PING",
    "SEND;x;#zq7;hola",
    "READ;#zq7;0",
    "STATUS;#zq7;1",
    "HISTORY;#zq7",
    "MEMBERS;#zq7",
    "JOIN;#zq7",
    "ROOM;#zq7;invite",
    "TOPIC;#zq7;x",
    "INVITE;#zq7;eva",
    "KICK;#zq7;ana",
    "ROOM;#zq7x;invite",
];

/// What a user outside is given, line by line, while others talk in a room for invited users, come, go and are put out.
#[test]
fn nobody_outside_is_given_a_byte_of_a_room_for_invited_users() {
    for seed in 0..4 {
        let mut random = Random::new(seed);
        let world = World::new(&["--no-limits"]);
        let [mut ana, mut luis, mut eva] = people(&world, ["ana", "luis", "eva"]);
        let devices = ["luis", "eva"].map(|user| format!("DEVICE:lab:{user}:{PASSWORD}"));
        let [mut luis_lab, mut eva_lab] = devices.map(|line| Connection::open_with(world.recv, &line).1);
        ana.ok("ROOM;#zq7;invite");
        let [mut is_member, mut is_invited] = [false; 2];
        let mut said = 0;
        for step in 0..300 {
            match random.below(12) {
                0..=1 => {
                    said += 1;
                    ana.says.request(&format!("SEND;m-{said};#zq7;zq7 {said}"));
                }
                2 => _ = ana.says.request(&format!("TOPIC;#zq7;zq7 {step}")),
                3 => {
                    ana.ok("INVITE;#zq7;luis");
                    is_invited = !is_member;
                }
                4 => {
                    ana.ok("KICK;#zq7;luis");
                    [is_member, is_invited] = [false; 2];
                }
                5..=6 if is_invited => {
                    luis.ok("JOIN;#zq7");
                    [is_member, is_invited] = [true, false];
                }
                7 if is_member => {
                    said += 1;
                    let seq = luis.send(&format!("n-{said}"), "#zq7");
                    // Else the receipt comes later, when luis may be outside.
                    if random.chance(50) {
                        ana.ok(&format!("READ;#zq7;{seq}"));
                    }
                }
                8 if is_member && random.chance(50) => {
                    luis.ok("LEAVE;#zq7");
                    is_member = false;
                }
                9 => _ = ana.hear(),
                _ => {}
            }
            if random.chance(30) {
                let mut told = [luis.hear(), luis_lab.list("POLL;*;0")].concat();
                told.extend(["ROOMS", "CHATS", "USERS"].iter().flat_map(|list| luis.says.list(list)));
                told.retain(|line| line.contains("zq7") && !line.starts_with("0;PART;#zq7;luis;"));
                assert!(is_member || is_invited || told.is_empty(), "seed {seed}, step {step}: luis is told {told:?}");
            }
            let mut told = vec![eva.says.request(OUTSIDE[random.below(OUTSIDE.len() as u64) as usize])];
            if random.chance(30) {
                told.extend([eva.hear(), eva_lab.list("POLL;*;0")].concat());
                let lists = ["ROOMS", "CHATS", "USERS", "SESSIONS", "HISTORY;#lobby", "MEMBERS;#lobby"];
                told.extend(lists.iter().flat_map(|list| eva.says.list(list)));
            }
            // The room of eva's own has a name that begins so.
            told.retain(|line| line.replace("#zq7x", "").contains("zq7"));
            assert!(told.is_empty(), "seed {seed}, step {step}: eva is told {told:?}");
        }
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
