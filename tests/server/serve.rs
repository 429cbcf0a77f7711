//! `wachat serve` as a process: what it says when it cannot start, and how it stops.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::store_files::{newest_checkpoint, read_checkpoint};
use crate::support::world::serve;
use crate::support::{Connection, PASSWORD, World, run_to_end};
use tempfile::TempDir;

/// The server has said in one line what is wrong, what to do about it, and that it failed.
#[track_caller]
fn assert_says((code, said): (Option<i32>, String), what: &str, what_to_do: &str) {
    let lines: Vec<_> = said.lines().collect();
    assert!(matches!(&lines[..], [line] if line.starts_with("wachat: ")), "one line, from wachat: {said}");
    assert!(said.contains(what) && said.contains(what_to_do), "{what:?} and {what_to_do:?} in {said}");
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn a_port_in_use() {
    let directory = TempDir::new().expect("a temporary directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its number").port().to_string();
    for (flag, other) in [("--send-port", "--recv-port"), ("--recv-port", "--send-port")] {
        let mut command = Command::new(crate::support::WACHAT);
        command.args(["serve", flag, &port, other, "0", "--data"]).arg(directory.path().join("data"));
        assert_says(run_to_end(&mut command), &format!("127.0.0.1:{port} is in use"), flag);
    }
    assert!(!directory.path().join("data").exists(), "nothing was made for a server that does not run");
}

#[test]
fn a_data_directory_that_another_server_has() {
    let world = World::without_lobby();
    assert_says(run_to_end(&mut serve(&world.data(), [0, 0])), "another wachat serves this directory", "--data");
    assert_eq!(world.register("ana").request("PING"), "OK", "the other one goes on");
}

#[test]
fn a_data_directory_that_is_a_file() {
    let directory = TempDir::new().expect("a temporary directory");
    let file = directory.path().join("data");
    fs::write(&file, "mine").expect("a file");
    let (code, said) = run_to_end(&mut serve(&file, [0, 0]));
    assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains(&file.display().to_string()), "{said}");
    assert_eq!(fs::read_to_string(&file).expect("the file"), "mine", "nothing was changed");
}

#[cfg(unix)]
#[test]
fn a_data_directory_that_may_not_be_written() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).expect("its permissions");
    if fs::write(directory.path().join("try"), "").is_ok() {
        eprintln!("skipped: whoever runs this test may write everywhere (root, it seems)");
        return;
    }
    assert_says(run_to_end(&mut serve(&directory.path().join("data"), [0, 0])), "ermission denied", "--data");
}

/// A store with a message from before a clean stop, and one that is in the write-ahead log only.
fn store() -> World {
    let mut world = World::without_lobby();
    assert!(world.register("ana").request("SEND;m-1;ana;uno").starts_with("OK;"));
    world.stop();
    world.start();
    assert!(world.login("ana").request("SEND;m-2;ana;dos").starts_with("OK;"));
    // The second batch, without which a change to the first could pass for a torn end.
    assert!(world.login("ana").request("SEND;m-3;ana;tres").starts_with("OK;"));
    world.kill();
    world
}

fn change(file: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(file).expect("a file of the store");
    let changed = change(text.clone());
    assert_ne!(changed, text, "this test changes nothing in {}", file.display());
    fs::write(file, changed).expect("to write it");
}

/// The write-ahead log's segment in which a text stands.
fn segment_with(data: &Path, text: &str) -> PathBuf {
    let segments = fs::read_dir(data.join("wal")).expect("the write-ahead log").flatten().map(|entry| entry.path());
    let holds = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|segment| segment.contains(text));
    segments.into_iter().find(holds).expect("a segment with it")
}

#[test]
fn a_store_of_a_newer_version() {
    let mut store = store();
    let users = newest_checkpoint(&store.data()).join("users.csv");
    change(&users, |text| text.replacen("wachat-users;1", "wachat-users;2", 1));
    assert_says(store.start_and_fail(), &users.display().to_string(), "newer version of wachat");
    change(&users, |text| text.replacen("wachat-users;2", "wachat-users;1", 1));

    let segment = segment_with(&store.data(), ";dos");
    change(&segment, |text| text.replacen("wachat-wal;1", "wachat-wal;2", 1));
    assert_says(store.start_and_fail(), &segment.display().to_string(), "newer version of wachat");
    change(&segment, |text| text.replacen("wachat-wal;2", "wachat-wal;1", 1));
    assert_eq!(store.start().login("ana").list("HISTORY;ana").len(), 3, "nothing was changed by trying");
}

#[test]
fn a_damaged_file() {
    let mut store = store();
    let checkpoint = newest_checkpoint(&store.data());
    for table in fs::read_dir(&checkpoint).expect("the checkpoint").flatten().map(|entry| entry.path()) {
        let good = fs::read(&table).expect("a table");
        // One bit, in the middle.
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        for bytes in [bad, good[..middle].to_vec(), Vec::new()] {
            fs::write(&table, bytes).expect("to write it");
            assert_says(store.start_and_fail(), &table.display().to_string(), "put back a backup");
        }
        fs::remove_file(&table).expect("to remove it");
        let (code, said) = store.start_and_fail();
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
        fs::write(&table, good).expect("to write it");
    }
    let segment = segment_with(&store.data(), ";dos");
    change(&segment, |text| text.replacen(";dos", ";DOS", 1));
    assert_says(store.start_and_fail(), &format!("{} line ", segment.display()), "put back a backup");
    change(&segment, |text| text.replacen(";DOS", ";dos", 1));
    assert_eq!(store.start().login("ana").list("HISTORY;ana").len(), 3, "nothing was changed by trying");
}

#[test]
fn flags_out_of_their_range_are_a_mistake_of_the_command_line() {
    let directory = TempDir::new().expect("a temporary directory");
    let wrong = [
        "--timeout=4",
        "--timeout=301",
        "--timeout=x",
        "--timeout=-5",
        "--timeout=",
        "--rate=49",
        "--rate-bytes=131071",
        "--queue=-1",
        "--send-port=65536",
        "--registration=perhaps",
        "--listen=nowhere",
        "--nonsense",
    ];
    for flag in wrong {
        let (code, said) = run_to_end(serve(&directory.path().join("data"), [0, 0]).arg(flag));
        assert_eq!(code, Some(2), "{flag}: {said}");
        assert!(said.contains(flag.split('=').next().expect("a flag")), "{flag} is named: {said}");
    }
    assert!(!directory.path().join("data").exists());
}

#[test]
fn sigint_and_sigterm_stop_cleanly_and_soon() {
    for signal in ["INT", "TERM"] {
        let mut world = World::without_lobby();
        let mut ana = world.register("ana");
        let mut luis = world.register("luis");
        ana.run_transcript(
            "> SEND;m-1;luis;hola
             < OK;m-1;RECEIVED;<at>;1",
        );
        let mut session = world.session("ana");
        session.send("POLL;0\n");
        luis.wait_until_online("ana");
        let before = newest_checkpoint(&world.data());

        let (status, took) = world.stop_by(signal);
        println!("SIG{signal}: stopped after {took:?}");
        assert_eq!(status.code(), Some(0), "SIG{signal}");
        assert!(took < Duration::from_secs(5), "2 seconds on a machine with nothing else to do, not {took:?}");
        for (line, answered) in [(&mut ana, 0), (&mut luis, 0), (&mut session, 1)] {
            let rest = line.read_rest();
            assert_eq!(rest.len(), answered + 1, "SIG{signal}: {rest:?}");
            assert!(rest.last().is_some_and(|last| last.starts_with("KO;SHUTDOWN;")), "SIG{signal}: {rest:?}");
            assert!(answered == 0 || rest[0] == "OK;0", "SIG{signal}: a waiting poll is answered: {rest:?}");
        }
        assert_ne!(newest_checkpoint(&world.data()), before, "a checkpoint was made");
        assert!(read_checkpoint(&world.data(), "offline").contains("luis;1;MSG;ana;"), "with what waits");
        let events = world.start().session("luis").list_without_times("POLL;0;0");
        assert_eq!(events, ["1;MSG;m-1;ana;luis;<at>;hola"], "SIG{signal}");
    }
}

#[test]
fn clients_that_do_not_listen_do_not_keep_the_server_from_stopping() {
    let mut world = World::without_lobby();
    ["ana", "luis"].iter().for_each(|user| drop(world.register(user)));
    let mut deaf: Vec<_> = ["ana", "luis"].iter().flat_map(|user| [(); 10].map(|()| world.login(user))).collect();
    for line in &mut deaf {
        // The reply to that is not read.
        let _ = line.try_send("HELP\n".repeat(2_000));
    }
    let (status, took) = world.stop();
    println!("stopped after {took:?}");
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_stopped_server_answers_what_it_had_accepted_before() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let requests: Vec<_> = (1..=300).map(|n| format!("SEND;m-{n};ana;{n}\n")).collect();
    ana.send(requests.concat());
    world.stop();
    let accepted = ana.read_rest().iter().filter(|reply| reply.starts_with("OK;")).count();
    world.start();
    let (reply, mut session) = Connection::open_with(world.recv, &format!("LOGIN:ana:{PASSWORD}"));
    assert!(reply.starts_with("OK;"), "{reply}");
    // Every OK stands for a message; one that exists without an OK is a known id to a retry.
    let stored = session.list("POLL;0;0;1000").len();
    assert!(stored >= accepted, "{accepted} were answered OK, {stored} are there");
}

/// Runs a server on free ports until Ctrl-C; returns the lines that it wrote and the two ports.
fn served(more: &[&str]) -> (Vec<String>, [String; 2]) {
    let directory = TempDir::new().expect("a temporary directory");
    let mut server = serve(&directory.path().join("data"), [0, 0]);
    let mut server = server.args(more).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a server");
    let mut lines = BufReader::new(server.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let mut said: Vec<_> = lines.by_ref().take(1).collect();
    let port = |name: &str| {
        let address = said[0].split(' ').find_map(|word| word.strip_prefix(name)).expect("an address");
        address.rsplit(':').next().expect("a port").to_owned()
    };
    let ports = ["send=", "recv="].map(port);
    crate::support::send_signal(server.id(), "INT");
    said.extend(lines);
    assert!(server.wait().expect("its end").success(), "{said:?}");
    (said, ports)
}

#[test]
fn it_says_who_can_connect_and_how_to_stop_it_and_that_it_has_stopped() {
    let (said, [send, recv]) = served(&[]);
    let [_, who, stop, end] = &said[..] else { panic!("{said:?}") };
    assert!(who.contains("only this machine can connect") && who.contains("serve --listen 0.0.0.0"), "{who}");
    assert!(who.contains(&format!("wachat connect --send-port {send} --recv-port {recv};")), "{who}");
    assert_eq!((stop.as_str(), end.as_str()), ("wachat: Ctrl-C stops the server", "wachat: stopped"));
}

#[test]
fn of_another_loopback_address_it_says_the_address_as_well() {
    let (said, [send, recv]) = served(&["--listen", "127.0.0.5"]);
    let command = format!("wachat connect --server 127.0.0.5 --send-port {send} --recv-port {recv};");
    assert!(said.iter().any(|line| line.contains(&command)), "{said:?}");
}

#[test]
fn a_server_of_the_network_says_the_line_for_friends() {
    // The addresses of this machine, as another program reports them; and whether there is a network (this sends nothing).
    let route = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.connect("192.0.2.1:9"));
    let Ok(known) = Command::new("hostname").arg("-I").output() else {
        return eprintln!("skipped: there is no hostname here");
    };
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    let (said, [send, recv]) = served(&["--listen", "0.0.0.0"]);
    let start = "wachat: friends connect with wachat connect --server ";
    let lines: Vec<_> = said.iter().filter_map(|line| line.strip_prefix(start)).collect();
    assert!(route.is_err() || !lines.is_empty(), "{said:?} on {known}");
    for line in lines {
        let address = line.strip_suffix(&format!(" --send-port {send} --recv-port {recv}")).expect("the ports");
        assert!(known.split_whitespace().any(|known| known == address), "{address} is one of {known}");
    }
}
