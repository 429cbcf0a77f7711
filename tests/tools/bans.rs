//! Bans: who is kept out, what they are told, when it ends, and that a ban is as durable as a message.

use std::process::{Command, Output};
use std::time::Instant;

use crate::support::clients::exit_code;
use crate::support::traffic::Traffic;
use crate::support::{Connection, NO_SETTINGS, PASSWORD, TIMEOUT, WACHAT, World, wait_for};

/// Returns the reply to a login on the SEND port from an address of this machine.
fn log_in_from(world: &World, last: u8, line: &str) -> String {
    Connection::open_from([127, 0, 0, last], world.send).request(line)
}

fn log_in(world: &World, user: &str) -> String {
    log_in_from(world, 1, &format!("LOGIN:{user}:{PASSWORD}"))
}

#[test]
fn a_banned_user_is_out_beside_traffic_and_after_a_kill() {
    let mut world = World::new(&["--no-limits"]);
    ["ana", "luis", "eva", "leo"].iter().for_each(|user| drop(world.register(user)));
    let traffic = Traffic::start(&["ana", "luis"], world.addresses());
    let mut eva = world.login("eva");
    let mut events = world.session("eva");
    events.send("POLL;0;9\n");
    world.administer(&["ban", "EVA", "--for", "1h", "--reason", "one hour; of silence"]);
    let told = eva.read_rest();
    let told_too = events.read_rest();
    assert!(told.len() == 1 && told[0].starts_with("KO;BANNED;\"you are banned until 2"), "{told:?}");
    assert!(told[0].ends_with("Z: one hour; of silence\""), "{told:?}");
    assert_eq!(told.last(), told_too.last());
    assert_eq!(log_in(&world, "eva"), told[0]);
    let recv = Connection::open(world.recv).request(&format!("LOGIN:eva:{PASSWORD}"));
    assert_eq!(recv, told[0]);
    // Whoever does not know the password does not learn of the ban.
    assert!(log_in_from(&world, 1, "LOGIN:eva:wrong password").starts_with("KO;AUTH;"));
    // Others still write to the user, who gets it later.
    traffic.wait_for_messages(10);
    world.login("leo").expect_ko("SEND;m-1;nobody;hola", "NO_USER");
    assert!(world.login("leo").request("SEND;to-eva;eva;hola").starts_with("OK;to-eva;"));

    world.kill().start();
    traffic.server_is_at(world.addresses());
    assert_eq!(log_in(&world, "eva"), told[0]);
    let list = world.administer(&["bans"]);
    assert!(
        list.starts_with("banned;at;until;reason\n@eva;2") && list.ends_with("Z;\"one hour; of silence\"\n"),
        "{list}"
    );
    world.administer(&["unban", "eva"]);
    assert_eq!(log_in(&world, "eva"), "OK;eva;wachat/1");
    let mut events = world.session("eva").poll(0, 9);
    // Presence is told, too, without a number.
    events.retain(|event| !event.starts_with("0;"));
    assert_eq!(events.len(), 1, "{events:?}");
    traffic.finish();
    // Also through a checkpoint, and in a command without a server.
    world.stop();
    world.administer(&["ban", "eva"]);
    world.start();
    assert_eq!(log_in(&world, "eva"), "KO;BANNED;you are banned");
    world.stop();
    world.start();
    assert_eq!(log_in(&world, "eva"), "KO;BANNED;you are banned");
    world.stop();
    world.assert_undamaged();
}

#[test]
fn a_ban_ends_by_its_time() {
    let world = World::new(&[]);
    world.register("eva");
    let begin = Instant::now();
    world.administer(&["ban", "eva", "--for", "2s"]);
    assert!(log_in(&world, "eva").starts_with("KO;BANNED;you are banned until 2"));
    wait_for("the end of the ban", || log_in(&world, "eva").starts_with("OK;").then_some(()));
    assert!(begin.elapsed().as_millis() >= 1_900);
    assert_eq!(world.administer(&["bans"]), "banned;at;until;reason\n");
    let status = world.administer(&["status"]);
    assert!(status.lines().any(|line| line.split_whitespace().eq(["bans", "0"])), "{status}");
    assert!(world.admin(&["unban", "eva"]).2.contains("there is no such ban"));
}

#[test]
fn a_banned_address_is_out_before_a_password_is_hashed_and_the_administrator_never() {
    let mut world = World::new(&[]);
    world.register("eva");
    let mut inside = Connection::open_from([127, 0, 0, 2], world.send);
    assert_eq!(inside.request(&format!("LOGIN:eva:{PASSWORD}")), "OK;eva;wachat/1");
    let mut silent = Connection::open_from([127, 0, 0, 2], world.send);
    world.administer(&["ban", "127.0.0.2", "--reason", "a flood"]);
    let ko = "KO;BANNED;you are banned: a flood";
    assert_eq!(inside.read_rest(), [ko]);
    // A connection that has not logged in yet is one of that address, too.
    assert_eq!(silent.read_rest(), [ko]);
    for line in ["LOGIN:eva:wrong password", "REGISTER:nora:palabra larga", "not a login"] {
        assert_eq!(log_in_from(&world, 2, line), ko);
    }
    // Of 200 logins with a wrong password none waits for a hash, which takes tens of milliseconds, or for a pause.
    let begin = Instant::now();
    for _ in 0..200 {
        // A banned address has few connections, and the former ones may not be quite gone: then one is closed at once.
        let reply = wait_for("a place", || {
            let mut connection = Connection::open_from([127, 0, 0, 2], world.send);
            let _ = connection.try_send("LOGIN:eva:wrong password\n");
            connection.try_read_line().filter(|reply| !reply.starts_with("KO;FULL;"))
        });
        assert_eq!(reply, ko);
    }
    assert!(begin.elapsed() < TIMEOUT / 10, "{:?}", begin.elapsed());
    assert!(log_in(&world, "eva").starts_with("OK;"));
    world.kill().start();
    assert_eq!(log_in_from(&world, 2, &format!("LOGIN:eva:{PASSWORD}")), ko);

    // A network, and the address of the administrator in it.
    world.administer(&["ban", "127.0.0.0/8"]);
    for last in [1, 3] {
        assert_eq!(log_in_from(&world, last, &format!("LOGIN:eva:{PASSWORD}")), "KO;BANNED;you are banned");
    }
    assert_eq!(world.administer(&["bans"]).lines().count(), 3);
    world.administer(&["unban", "127.1.2.3/8"]);
    world.administer(&["unban", "127.0.0.2"]);
    assert!(log_in_from(&world, 2, &format!("LOGIN:eva:{PASSWORD}")).starts_with("OK;"));
}

/// Bans that overlap, short and long ones, made in either order: each holds until its own end, whatever begins or ends meanwhile.
#[test]
fn each_of_several_bans_ends_by_its_own_time_and_by_no_other() {
    const USERS: [&str; 4] = ["ana", "luis", "eva", "nora"];
    const ADDRESSES: [[u8; 4]; 5] = [[127, 0, 0, 2], [127, 0, 0, 9], [127, 0, 3, 3], [127, 0, 3, 9], [127, 9, 9, 9]];
    let covers = |banned: &str, user: &str, address: [u8; 4]| match banned {
        "127.0.0.0/16" => address[..2] == [127, 0],
        "127.0.3.0/24" => address[..3] == [127, 0, 3],
        "127.0.0.2" | "127.0.3.3" => address.map(|byte| byte.to_string()).join(".") == banned,
        name => name == user,
    };
    let long = [("eva", "1h"), ("127.0.0.2", ""), ("127.0.3.0/24", "1h")];
    let short = [("luis", "3s"), ("127.0.0.0/16", "3s"), ("127.0.3.3", "3s")];
    for short_first in [false, true] {
        let world = World::new(&[]);
        USERS.iter().for_each(|user| drop(world.register(user)));
        let bans = if short_first { [short, long].concat() } else { [long, short].concat() };
        for (banned, time) in bans.iter().chain(&[("nora", "2h")]) {
            let time = if time.is_empty() { Vec::new() } else { vec!["--for", *time] };
            let words = [vec!["ban", *banned], time].concat();
            world.administer(&words);
        }
        let ended = |list: &str| short.iter().all(|(banned, _)| !list.contains(&format!("{banned};")));
        wait_for("the end of the short bans", || ended(&world.administer(&["bans"])).then_some(()));
        for (user, address) in USERS.iter().flat_map(|user| ADDRESSES.map(|address| (*user, address))) {
            let is_out = long.iter().chain(&[("nora", "")]).any(|(banned, _)| covers(banned, user, address));
            let reply = Connection::open_from(address, world.send).request(&format!("LOGIN:{user}:{PASSWORD}"));
            assert_eq!(reply.starts_with("KO;BANNED;"), is_out, "{user} from {address:?}: {reply}");
            assert!(is_out || reply.starts_with("OK;"), "{user} from {address:?}: {reply}");
        }
    }
}

/// Whatever became of its user meanwhile, and whether a server runs or not.
#[test]
fn each_ban_is_lifted_by_what_the_list_calls_it() {
    let mut world = World::new(&[]);
    for (kept, early, late, is_running) in [("ana", "luis", "eva", true), ("nora", "iker", "leo", false)] {
        [kept, early, late].iter().for_each(|user| drop(world.register(user)));
        if !is_running {
            world.stop();
        }
        let banned = [kept, early, late, "192.0.2.7", "192.0.2.0/24", "2001:db8:1:2::/64"];
        for (number, banned) in banned.iter().enumerate() {
            let words = ["ban", banned, "--for", "1h"];
            world.administer(&words[..if number % 2 == 0 { 2 } else { 4 }]);
        }
        world.administer(&["user", "remove", early]);
        let names = |list: &str| -> Vec<String> {
            list.lines().skip(1).filter_map(|line| Some(line.split_once(';')?.0.to_owned())).collect()
        };
        let mut left = names(&world.administer(&["bans"]));
        assert_eq!(left.len(), banned.len(), "{left:?}");
        world.administer(&["user", "remove", late]);
        while let Some(ban) = left.pop() {
            world.administer(&["unban", &ban]);
            assert_eq!(names(&world.administer(&["bans"])), left, "{ban}");
            assert!(world.admin(&["unban", &ban]).2.contains("there is no such ban"), "{ban}");
        }
        if !is_running {
            world.start();
        }
        assert!(log_in(&world, kept).starts_with("OK;"));
    }
}

/// Runs `wachat send` as eva.
fn send(world: &World) -> Output {
    let mut command = Command::new(WACHAT);
    command.args(["send", "--user", "eva", "eva", "hola"]);
    command.args(["--send-port", &world.send_port.to_string(), "--recv-port", &world.recv_port.to_string()]);
    command.arg("--home").arg(world.path("home")).env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS);
    command.output().expect("wachat send")
}

#[test]
fn a_client_shows_the_reason_and_does_not_try_again() {
    let world = World::new(&[]);
    world.register("eva");
    let mut client = world.terminal("eva", &[]);
    world.login("eva").wait_until_online("eva");
    world.administer(&["ban", "eva", "--reason", "spam"]);
    client.expect("you are banned: spam");
    assert_eq!(client.wait_for_exit(), Some(3), "login refused");
    for (output, said) in [
        (send(&world), "you are banned: spam"),
        (world.pipe("eva", "", &["--lang", "es"]), "el servidor no te deja entrar: you are banned: spam"),
    ] {
        assert_eq!(exit_code(&output), 3);
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(text.contains(said) && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn what_is_no_ban_is_refused_in_one_line() {
    let world = World::new(&[]);
    for (words, why) in [
        (&["ban", "a b"][..], "neither a user name nor an address"),
        (&["ban", "10.0.0.0/33"], "neither a user name nor an address"),
        (&["ban", "nobody"], "there is no such user"),
        (&["unban", "192.0.2.7"], "there is no such ban"),
    ] {
        let (code, _, said) = world.admin(words);
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{words:?}: {said}");
        assert!(said.contains(why), "{words:?}: {said}");
    }
    for time in ["", "1", "0s", "1w", "-1h", "h", "99999999999999999999s"] {
        let (code, _, said) = world.admin(&["ban", "192.0.2.7", &format!("--for={time}")]);
        assert!(code == Some(2) && said.contains("such as 90s, 30m, 1h or 7d"), "{time}: {said}");
    }
}
