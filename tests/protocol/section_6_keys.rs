//! Keys: a device logs in without a password, until its key ends.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Connection, PASSWORD, World};

const OTHER_PASSWORD: &str = "otra palabra larga";

fn device(world: &World, name: &str) -> Connection {
    let (reply, session) = Connection::open_with(world.recv, &format!("DEVICE:{name}:ana:{PASSWORD}"));
    assert!(reply.starts_with("OK;ana;wachat/1;"), "{reply}");
    session
}

fn new_key(session: &mut Connection) -> String {
    let reply = session.request("KEY");
    let key = reply.strip_prefix("OK;").unwrap_or_else(|| panic!("{reply}")).to_owned();
    assert!(key.len() == 43 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{key}");
    key
}

/// Logs in with a key on both ports; returns the replies and the connections.
fn by_key(world: &World, name: &str, key: &str) -> [(String, Connection); 2] {
    [world.send, world.recv].map(|port| Connection::open_with(port, &format!("KEY:{name}:ana:{key}")))
}

#[track_caller]
fn assert_ended(world: &World, name: &str, key: &str) {
    for (reply, mut connection) in by_key(world, name, key) {
        assert!(reply.starts_with("KO;AUTH;"), "{reply}");
        connection.assert_closed();
    }
}

#[track_caller]
fn assert_good(world: &World, name: &str, key: &str) -> [Connection; 2] {
    by_key(world, name, key).map(|(reply, connection)| {
        assert!(reply.starts_with("OK;ana;wachat/1"), "{reply}");
        connection
    })
}

#[test]
fn a_key_logs_its_device_in_on_both_ports_also_after_a_crash() {
    let mut world = World::without_lobby();
    world.register("ana");
    let mut laptop = device(&world, "laptop");
    let key = new_key(&mut laptop);
    world.kill().start();
    let [(sent, mut send), (opened, mut recv)] = by_key(&world, "laptop", &key);
    assert_eq!(sent, "OK;ana;wachat/1");
    assert!(opened.ends_with(";known"), "{opened}");
    assert_eq!((send.request("PING"), recv.request("PING")), ("OK".to_owned(), "OK".to_owned()));
    let rows = send.list_without_times("SESSIONS");
    assert!(rows.iter().all(|row| row.ends_with(";laptop")) && rows.len() == 2, "{rows:?}");
    assert_eq!(send.list_without_times("DEVICES"), ["laptop;<at>;online;key"]);
    // The store knows no key.
    world.stop();
    for file in std::fs::read_dir(world.data()).expect("the data").flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains(&key), "{}", file.path().display());
    }
}

#[test]
fn a_wrong_key_is_refused_and_counts_as_no_wrong_password() {
    let world = World::without_lobby();
    world.register("ana");
    let key = new_key(&mut device(&world, "laptop"));
    let begin = std::time::Instant::now();
    for wrong in [&key[1..], "x", &key.to_lowercase(), &format!("{key}A")] {
        assert_ended(&world, "laptop", wrong);
        assert_ended(&world, "lab", &key);
    }
    for _ in 0..20 {
        assert_ended(&world, "laptop", "x");
    }
    let (nobody, _) = Connection::open_with(world.send, &format!("KEY:laptop:nadie:{key}"));
    let (wrong, _) = Connection::open_with(world.send, "KEY:laptop:ana:x");
    assert_eq!(nobody, wrong, "the same text");
    assert_good(&world, "laptop", &key);
    world.login("ana");
    assert!(begin.elapsed().as_secs() < 20, "nobody waits");
    assert!(world.log().contains("login_failed") && world.log().contains("reason=key"), "{}", world.log());
}

#[test]
fn a_new_key_is_instead_of_the_former_and_closes_nothing() {
    let world = World::without_lobby();
    world.register("ana");
    let mut laptop = device(&world, "laptop");
    let former = new_key(&mut laptop);
    let [mut send, _recv] = assert_good(&world, "laptop", &former);
    let mut laptop = device(&world, "laptop");
    let key = new_key(&mut laptop);
    assert_ended(&world, "laptop", &former);
    assert_eq!((send.request("PING"), laptop.request("PING")), ("OK".to_owned(), "OK".to_owned()));
    assert_good(&world, "laptop", &key);
}

#[test]
fn a_session_without_a_device_gets_no_key() {
    let world = World::without_lobby();
    world.register("ana");
    world.session("ana").expect_ko("KEY", "NO_SESSION");
}

#[test]
fn keys_end_with_passwd_but_that_of_the_device_that_asks() {
    let world = World::without_lobby();
    world.register("ana");
    let keys = ["laptop", "lab"].map(|name| new_key(&mut device(&world, name)));
    let [mut send, mut recv] = assert_good(&world, "laptop", &keys[0]);
    let others = assert_good(&world, "lab", &keys[1]);
    assert_eq!(send.request(&format!("PASSWD;{PASSWORD};{OTHER_PASSWORD}")), "OK");
    for mut other in others {
        assert!(other.read_line().starts_with("KO;AUTH;"));
        other.assert_closed();
    }
    assert_eq!((send.request("PING"), recv.request("PING")), ("OK".to_owned(), "OK".to_owned()));
    assert_ended(&world, "lab", &keys[1]);
    let [mut send, _recv] = assert_good(&world, "laptop", &keys[0]);
    assert_eq!(send.list_without_times("DEVICES"), ["lab;<at>;offline;password", "laptop;<at>;online;key"]);
    // Without a device all end.
    let (_, mut nameless) = Connection::open_with(world.send, &format!("LOGIN:ana:{OTHER_PASSWORD}"));
    assert_eq!(nameless.request(&format!("PASSWD;{OTHER_PASSWORD};{PASSWORD}")), "OK");
    assert!(send.read_line().starts_with("KO;AUTH;"));
    assert_ended(&world, "laptop", &keys[0]);
}

#[test]
fn a_login_of_the_device_that_changes_the_password_goes_on() {
    let world = World::new(&["--no-lobby", "--no-limits"]);
    world.register("ana");
    let key = new_key(&mut device(&world, "laptop"));
    let [mut send, _recv] = assert_good(&world, "laptop", &key);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for port in [world.send, world.send, world.recv, world.recv] {
            let key = &key;
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    // Those of the RECV port replace one another.
                    let (reply, _connection) = Connection::open_with(port, &format!("KEY:laptop:ana:{key}"));
                    let is_good = reply.starts_with("OK;") || reply.starts_with("KO;REPLACED;");
                    if !is_good {
                        is_over.store(true, Ordering::Relaxed);
                        panic!("{reply}");
                    }
                }
            });
        }
        let passwords = [PASSWORD, OTHER_PASSWORD, PASSWORD, OTHER_PASSWORD, PASSWORD, OTHER_PASSWORD, PASSWORD];
        for pair in passwords.windows(2) {
            let reply = send.request(&format!("PASSWD;{};{}", pair[0], pair[1]));
            is_over.fetch_or(reply != "OK", Ordering::Relaxed);
            assert_eq!(reply, "OK");
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn keys_end_with_logout_of_others_and_of_a_connection() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let keys = ["laptop", "lab", "phone"].map(|name| new_key(&mut device(&world, name)));
    let [mut send, mut recv] = assert_good(&world, "laptop", &keys[0]);
    // The RECV session of the lab by its number: its SEND connection goes, too.
    let lab = assert_good(&world, "lab", &keys[1]);
    let rows = ana.list("SESSIONS");
    let of_lab = rows.iter().find(|row| row.contains(";RECV;") && row.ends_with(";lab")).expect("its session");
    assert_eq!(send.request(&format!("LOGOUT;{}", of_lab.split(';').next().unwrap_or_default())), "OK");
    for mut connection in lab {
        assert!(connection.read_line().starts_with("KO;AUTH;"));
    }
    assert_ended(&world, "lab", &keys[1]);
    assert_eq!(send.request("LOGOUT;others"), "OK");
    assert!(ana.read_line().starts_with("KO;AUTH;"));
    assert_ended(&world, "phone", &keys[2]);
    assert_eq!((send.request("PING"), recv.request("PING")), ("OK".to_owned(), "OK".to_owned()));
    assert_good(&world, "laptop", &keys[0]);
}

#[test]
fn logout_of_a_device_forgets_it() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let key = new_key(&mut device(&world, "laptop"));
    let lab = device(&world, "lab");
    let connections = assert_good(&world, "laptop", &key);
    assert_eq!(ana.request("LOGOUT;laptop"), "OK");
    for mut connection in connections {
        assert!(connection.read_line().starts_with("KO;AUTH;"));
        connection.assert_closed();
    }
    ana.expect_ko("LOGOUT;laptop", "NO_SESSION");
    assert_ended(&world, "laptop", &key);
    assert_eq!(ana.list_without_times("DEVICES"), ["lab;<at>;online;password"]);
    drop(lab);
    world.kill().start();
    assert_ended(&world, "laptop", &key);
    let (reply, _session) = Connection::open_with(world.recv, &format!("DEVICE:laptop:ana:{PASSWORD}"));
    assert!(reply.ends_with(";new"), "{reply}");
}

#[test]
fn keys_end_with_the_administrators_change_and_in_a_restored_store() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut laptop = device(&world, "laptop");
    let key = new_key(&mut laptop);
    let backup = world.path("backup");
    world.administer(&["backup", backup.to_str().expect("UTF-8")]);
    world.administer(&["user", "passwd", "ana"]);
    assert!(laptop.read_line().starts_with("KO;AUTH;"));
    assert!(ana.read_line().starts_with("KO;AUTH;"));
    assert_ended(&world, "laptop", &key);
    world.stop();
    std::fs::rename(world.data(), world.path("former")).expect("to rename");
    world.administer(&["restore", backup.to_str().expect("UTF-8")]);
    world.start();
    assert_ended(&world, "laptop", &key);
    assert!(device(&world, "laptop").request("PING") == "OK");
}

#[test]
fn keys_end_with_the_account() {
    let world = World::without_lobby();
    world.register("ana");
    let key = new_key(&mut device(&world, "laptop"));
    let connections = assert_good(&world, "laptop", &key);
    world.administer(&["user", "remove", "ana"]);
    for mut connection in connections {
        assert!(connection.read_line().starts_with("KO;AUTH;"));
    }
    assert_ended(&world, "laptop", &key);
}

#[test]
fn a_ban_holds_for_a_key_and_ends_none() {
    let mut world = World::without_lobby();
    world.register("ana");
    world.register("luis");
    let key = new_key(&mut device(&world, "laptop"));
    let mut sessions = assert_good(&world, "laptop", &key);
    world.administer(&["ban", "ana", "--reason", "silence"]);
    for session in &mut sessions {
        assert_eq!(session.read_rest(), ["KO;BANNED;you are banned: silence"]);
    }
    let banned = |world: &World| {
        for (reply, mut connection) in by_key(world, "laptop", &key) {
            assert_eq!(reply, "KO;BANNED;you are banned: silence");
            connection.assert_closed();
        }
        // Who has no good key does not learn of the ban.
        assert_ended(world, "laptop", "x");
        assert_ended(world, "lab", &key);
    };
    banned(&world);
    world.kill().start();
    banned(&world);
    world.administer(&["unban", "ana"]);
    let mut sessions = assert_good(&world, "laptop", &key);
    assert!(sessions.iter_mut().all(|session| session.request("PING") == "OK"));
    // That of an address is told at once, whatever the key.
    world.administer(&["ban", "127.0.0.2"]);
    for key in [&key, "x"] {
        let mut from = Connection::open_from([127, 0, 0, 2], world.send);
        assert_eq!(from.request(&format!("KEY:laptop:ana:{key}")), "KO;BANNED;you are banned");
    }
    assert_good(&world, "laptop", &key);
}
