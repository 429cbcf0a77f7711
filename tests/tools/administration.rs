//! The administrator's commands while the server runs, each beside traffic that a checker judges, and all of them with a
//! `kill -9` after them.

use std::fs;
use std::process::{Child, Command};

use crate::support::traffic::Traffic;
use crate::support::{Connection, NO_SETTINGS, PASSWORD, WACHAT, World, wait_for, wait_until};

const USERS: [&str; 2] = ["ana", "luis"];

/// A server with traffic between two users, and with users who are only there to be managed.
fn busy_world() -> (World, Traffic) {
    let world = World::new(&["--no-limits"]);
    ["ana", "luis", "eva", "iker"].iter().for_each(|user| drop(world.register(user)));
    let traffic = Traffic::start(&USERS, world.addresses());
    traffic.wait_for_messages(10);
    (world, traffic)
}

/// Returns the reply to a login on the SEND port, up to its text.
fn log_in(world: &World, user: &str, password: &str) -> String {
    let (reply, _) = Connection::open_with(world.send, &format!("LOGIN:{user}:{password}"));
    reply.split(';').take(2).collect::<Vec<_>>().join(";")
}

/// Kills the server under traffic, and starts it again.
fn kill_and_start(world: &mut World, traffic: &Traffic) {
    traffic.wait_for_messages(10);
    world.kill().start();
    traffic.server_is_at(world.addresses());
    traffic.wait_for_messages(10);
}

fn is_account(world: &World, name: &str) -> bool {
    let list = world.administer(&["user", "list"]);
    list.lines().any(|line| line.starts_with(&format!("{name};")) && line.ends_with(';'))
}

#[test]
fn accounts_are_managed_beside_traffic() {
    let (mut world, traffic) = busy_world();
    world.administer(&["user", "add", "nora"]);
    let mut nora = world.login("nora");
    // The room of the traffic is for invited users.
    assert_eq!(nora.list("ROOMS"), ["#lobby;5;yes;open;;"]);
    world.administer(&["user", "add", "omar", "--no-lobby"]);
    assert!(world.login("omar").list("ROOMS").contains(&"#lobby;5;no;open;;".to_owned()));

    // Another password ends the sessions of the user, and nothing else gets in.
    let mut eva = world.login("eva");
    let mut events = world.session("eva");
    let secret = world.path("secret");
    fs::write(&secret, "otra palabra larga\n").expect("a file");
    world.administer(&["user", "passwd", "eva", "--password-file", secret.to_str().expect("a path")]);
    assert_eq!(eva.read_rest(), ["KO;AUTH;the password was changed, so log in again"]);
    assert_eq!(events.read_rest(), ["KO;AUTH;the password was changed, so log in again"]);
    assert_eq!(log_in(&world, "eva", PASSWORD), "KO;AUTH");
    assert_eq!(log_in(&world, "eva", "otra palabra larga"), "OK;eva");

    // A removed user is out, and cannot come back.
    let mut told = world.session("omar");
    assert_eq!(world.login("omar").request("JOIN;#lobby"), "OK");
    let mut iker = world.login("iker");
    let mut events = world.session("iker");
    iker.send("SEND;m-1;eva;adiós\n");
    assert!(iker.read_line().starts_with("OK;m-1;"));
    world.administer(&["user", "remove", "iker"]);
    assert_eq!(iker.read_rest(), ["KO;AUTH;the account was removed"]);
    assert_eq!(events.read_rest(), ["KO;AUTH;the account was removed"]);
    assert_eq!(log_in(&world, "iker", PASSWORD), "KO;AUTH");
    nora.expect_ko("SEND;n-1;iker;hola", "NO_USER");
    // The other members of a room are told.
    assert!(told.poll(0, 0).iter().any(|event| event.starts_with("0;PART;#lobby;iker;")));

    // A roster, with a password that is made up.
    let roster = world.path("roster.csv");
    fs::write(&roster, "name;password;email\nPía;palabra larga;pia@example.org\nquim;;\n").expect("a roster");
    let said = world.administer(&["user", "import", roster.to_str().expect("a path")]);
    assert!(said.starts_with("2 accounts made; passwords of 1 in "), "{said}");
    assert_eq!(log_in(&world, "pía", PASSWORD), "OK;Pía");

    // All of it is as durable as a message.
    kill_and_start(&mut world, &traffic);
    assert_eq!(log_in(&world, "nora", PASSWORD), "OK;nora");
    assert_eq!(log_in(&world, "eva", PASSWORD), "KO;AUTH");
    assert_eq!(log_in(&world, "eva", "otra palabra larga"), "OK;eva");
    assert_eq!(log_in(&world, "iker", PASSWORD), "KO;AUTH");
    assert!(is_account(&world, "quim") && !is_account(&world, "iker"));
    assert!(world.administer(&["user", "export"]).contains("Pía;pia@example.org;"));
    assert!(traffic.finish().accepted > 20);
    // One line of the log a command, without passwords and hashes.
    let log = world.log();
    for line in ["ADD;nora", "PASSWD;eva", "REMOVE;iker", "ADD;2 accounts"] {
        let line = format!("event=admin_command outcome=done command=\"{line}\"\n");
        assert_eq!(log.matches(&line).count(), 1, "{line} in {log}");
    }
    assert!(!log.contains("palabra") && !log.contains("argon2"), "{log}");
}

#[test]
fn rooms_are_managed_beside_traffic() {
    let (mut world, traffic) = busy_world();
    let mut eva = world.login("eva");
    assert_eq!(eva.request("JOIN;#sala"), "OK");
    assert!(eva.request("SEND;m-1;#sala;hola").starts_with("OK;"));
    let list = world.administer(&["room", "list"]);
    assert!(list.starts_with("name;members;bytes;created_by\n#ana-and-others;2;"), "{list}");
    assert!(list.contains("\n#sala;1;2") && list.ends_with(";eva\n"), "{list}");
    world.administer(&["room", "remove", "#sala"]);
    eva.expect_ko("SEND;m-2;#sala;hola", "NO_ROOM");
    let (code, _, said) = world.admin(&["room", "remove", "#sala"]);
    assert_eq!((code, said.as_str()), (Some(1), "wachat: #sala: there is no such room\n"));
    kill_and_start(&mut world, &traffic);
    assert!(!world.administer(&["room", "list"]).contains("#sala"));
    traffic.finish();
    world.stop();
    world.assert_undamaged();
}

#[test]
fn sessions_are_listed_and_closed_beside_traffic() {
    let (world, traffic) = busy_world();
    let mut eva = world.login("eva");
    let mut events = world.session("eva");
    let rows = |world: &World| -> Vec<Vec<String>> {
        let list = world.administer(&["session", "list"]);
        let (head, rows) = list.split_once('\n').expect("a line");
        assert_eq!(head, "number;user;port;address;since");
        let rows = rows.lines().map(|row| row.split(';').map(str::to_owned).collect::<Vec<_>>());
        rows.filter(|row| row[1] == "eva").collect()
    };
    let open = rows(&world);
    assert_eq!(open.iter().map(|row| row[2].as_str()).collect::<Vec<_>>(), ["SEND", "RECV"]);
    assert!(open.iter().all(|row| row[3] == "127.0.0.1" && row[4].ends_with('Z')), "{open:?}");
    world.administer(&["session", "close", &open[0][0]]);
    assert_eq!(eva.read_rest(), ["KO;AUTH;this connection was closed by the administrator"]);
    assert_eq!(rows(&world).len(), 1);
    let mut eva = world.login("eva");
    world.administer(&["session", "close", "EVA"]);
    assert_eq!(eva.read_rest(), ["KO;AUTH;this connection was closed by the administrator"]);
    assert_eq!(events.read_rest(), ["KO;AUTH;this connection was closed by the administrator"]);
    for gone in ["eva", &open[0][0], "nobody", "4000000"] {
        let (code, _, said) = world.admin(&["session", "close", gone]);
        assert_eq!((code, said), (Some(1), format!("wachat: {gone}: there is no such connection\n")));
    }
    assert!(world.admin(&["session", "close", "a b"]).2.contains("neither a number nor a user name"));
    // No ban: the user may come back.
    assert_eq!(log_in(&world, "eva", PASSWORD), "OK;eva");
    traffic.finish();
}

/// A program that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_announcement_reaches_all_who_are_online_beside_traffic() {
    let (world, traffic) = busy_world();
    let mut events = world.session("eva");
    let iker = world.terminal("iker", &["--lang", "es"]);
    iker.expect("iker");
    let mut script = Command::new(WACHAT);
    script.args(["receive", "--user", "nora", "--follow"]).env("WACHAT_PASSWORD", PASSWORD);
    world.register("nora").wait_until_online("iker");
    let ports = [world.send_port, world.recv_port].map(|port| port.to_string());
    script.args(["--send-port", &ports[0], "--recv-port", &ports[1]]).env("WACHAT_CONFIG", NO_SETTINGS);
    script.env("LC_ALL", "C.UTF-8").stderr(fs::File::create(world.path("said")).expect("a file"));
    let _script = Ended(script.spawn().expect("wachat receive"));
    world.login("eva").wait_until_online("nora");

    world.administer(&["announce", "the server stops; at 18:00"]);
    let told = wait_for("the event", || events.poll(0, 9).into_iter().find(|event| event.starts_with("0;NOTICE;2")));
    assert!(told.ends_with(";\"the server stops; at 18:00\""), "{told}");
    iker.expect("a todos, de quien administra el servidor: the server stops; at 18:00");
    let said = || fs::read_to_string(world.path("said")).expect("the file");
    wait_until("the announcement", || {
        said().contains("from the administrator of the server: the server stops; at 18:00")
    });
    // Those who come later do not get it.
    world.register("omar");
    assert_eq!(world.session("omar").poll(0, 0), [""; 0]);
    let (code, _, said) = world.admin(&["announce", &"x".repeat(1_001)]);
    assert!(code == Some(2) && said.contains("at most 1000 bytes"), "{said}");
    traffic.finish();
}

#[test]
fn the_status_and_the_log_level_of_a_running_server() {
    let (world, traffic) = busy_world();
    let _session = world.session("eva");
    let status = world.administer(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    let number = |name: &str| status[name].as_u64().unwrap_or_else(|| panic!("{name} in {status}"));
    assert_eq!((number("accounts"), number("rooms"), number("bans")), (4, 2, 0));
    assert!(number("sessions_recv") >= 1 && number("connections") >= number("sessions_recv"), "{status}");
    assert!(number("batches") >= 10 && number("records") >= number("batches"), "{status}");
    assert!(number("records_largest_batch") >= 1 && number("last_number") >= 10, "{status}");
    assert!(number("store_bytes") > 4 << 20 && number("disk_free_bytes") > 0, "{status}");
    assert!(number("uptime_seconds") < 600 && number("queue_passwords") < 100, "{status}");
    assert_eq!(status["log_level"], "warn");
    assert!(world.administer(&["status"]).contains("\naccounts               4\n"));

    assert!(!world.log().contains("eva has logged in"));
    world.administer(&["log-level", "debug"]);
    world.login("eva");
    wait_until("a line of the log", || world.log().contains("eva has logged in"));
    world.administer(&["log-level", "off"]);
    let before = world.log().len();
    world.login("eva");
    world.administer(&["user", "list"]);
    assert_eq!(world.log().len(), before);
    assert!(world.admin(&["log-level", "loud"]).0 == Some(2));
    traffic.finish();
}

#[test]
fn commands_that_need_a_server_say_so() {
    let mut world = World::new(&[]);
    for killed in [false, true] {
        // After a kill the socket exists, and nothing listens.
        let socket = world.data().join("control.sock");
        if killed {
            world.start().kill();
        } else {
            world.stop();
        }
        assert_eq!(socket.exists(), killed);
        for words in [
            &["session", "list"][..],
            &["session", "close", "ana"],
            &["announce", "hola"],
            &["status"],
            &["log-level", "debug"],
        ] {
            let (code, _, said) = world.admin(words);
            assert_eq!((code, said.lines().count()), (Some(1), 1), "{words:?}: {said}");
            assert!(said.contains("no server is running on this directory; start one"), "{words:?}: {said}");
        }
    }
}

/// Runs the same commands, and returns what each said, without times and paths.
fn outputs(world: &World) -> Vec<String> {
    let roster = world.path("roster.csv");
    fs::write(&roster, "name;email\nnora;nora@example.org\nana;\n").expect("a roster");
    let commands: &[&[&str]] = &[
        &["user", "add", "ana"],
        &["user", "add", "ana"],
        &["user", "add", "Luis", "--no-lobby"],
        &["user", "add", "no:name"],
        &["user", "passwd", "luis"],
        &["user", "passwd", "nobody"],
        &["user", "import", roster.to_str().expect("a path")],
        &["user", "import", roster.to_str().expect("a path"), "--skip-existing"],
        &["user", "remove", "nora"],
        &["user", "remove", "nora"],
        &["user", "add", "nora"],
        &["user", "list"],
        &["user", "export"],
        &["room", "list"],
        &["room", "remove", "#sala"],
        &["ban", "luis", "--for", "1h", "--reason", "a; b"],
        &["ban", "nobody"],
        &["ban", "2001:db8::7"],
        &["unban", "2001:db8::8"],
        &["unban", "ana"],
        &["bans"],
    ];
    let run = |words: &&[&str]| {
        let (code, out, said) = world.admin(words);
        let text = format!("{code:?} {out}{said}").replace(world.path("").to_str().expect("a path"), "");
        text.lines().map(crate::support::connection::without_times).collect::<Vec<_>>().join("\n")
    };
    commands.iter().map(run).collect()
}

#[test]
fn a_command_says_the_same_with_and_without_a_server() {
    let mut stopped = World::new(&[]);
    stopped.stop();
    let without = outputs(&stopped);
    let with = outputs(&World::new(&[]));
    assert_eq!(with, without);
    let said = |text: &str| with.iter().filter(|output| output.contains(text)).count();
    assert_eq!(said("wachat: ana: that name is taken (a removed one stays so)"), 1, "{with:#?}");
    assert_eq!((said("1 accounts made; 1 had one already"), said("nothing was imported: 1 to correct")), (1, 1));
    assert_eq!((said("there is no such user"), said("there is no such ban")), (3, 1), "{with:#?}");
    assert!(with.iter().any(|output| output.contains("@Luis;<at>;<at>;\"a; b\"")), "{with:#?}");
}
