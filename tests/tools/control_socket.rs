//! The socket for the administrator's commands: who may connect, what is no request, how much is taken, and an import of a
//! whole class, all or none.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use wachat::limits;
use wachat::model::{Banned, Email, NewAccount, RoomName, ShortText, UserName};
use wachat::protocol::control::{ControlRequest, SessionChoice};

use crate::support::process::Process;
use crate::support::{PASSWORD, TIMEOUT, World, wait_for};

fn connect(world: &World) -> UnixStream {
    let stream = UnixStream::connect(world.data().join("control.sock")).expect("the socket");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    stream
}

/// Sends bytes, and returns all that comes back.
fn ask(world: &World, request: &[u8]) -> String {
    let mut stream = connect(world);
    // The server may have closed before it has read all.
    let _ = stream.write_all(request);
    let mut reply = String::new();
    let _ = stream.read_to_string(&mut reply);
    reply
}

/// The request that creates this many accounts.
fn import(class: &str, count: usize) -> Vec<u8> {
    let account = |number: usize| NewAccount {
        name: UserName::new(&format!("{class}{number}")).expect("a name"),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA".into(),
        email: Email::new("student@example.org").expect("an address"),
    };
    let mut request = Vec::new();
    ControlRequest::Add { accounts: (0..count).map(account).collect(), lobby: true }.write(&mut request);
    request
}

fn count_accounts(world: &World, class: &str) -> usize {
    world.administer(&["user", "list"]).lines().filter(|line| line.starts_with(class)).count()
}

#[test]
fn only_its_user_may_connect_and_what_is_no_request_is_refused() {
    let world = World::new(&[]);
    let mode = std::fs::metadata(world.data().join("control.sock")).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = wait_for("rest", || Process::of(world.pid()).is_at_rest());
    for request in [
        &b"PING\n"[..],
        b"\n",
        b"\xff\n",
        b"ADD;lobby;x\n",
        b"ADD;lobby;5001\n",
        b"ADD;lobby;1\nana\n",
        b"BAN;ana;1\n",
        b"CLOSE;\n",
        b"LOG_LEVEL;loud\n",
        b"ACCOUNTS;99999999999999999999\n",
    ] {
        assert_eq!(ask(&world, request), "KO;SYNTAX;not a request of this version of wachat\n", "{request:?}");
    }
    // A request that is cut, and one that does not end.
    let mut cut = connect(&world);
    cut.write_all(b"ADD;lobby;2\nana;x;\n").expect("to write");
    cut.shutdown(std::net::Shutdown::Write).expect("an end");
    assert_eq!(cut.read(&mut [0; 8]).ok(), Some(0));
    assert_eq!(ask(&world, &vec![b'x'; 5 << 20]), "");
    assert!(count_accounts(&world, "ana") == 0);
    assert_eq!(wait_for("rest", || Process::of(world.pid()).is_at_rest().filter(|now| *now == before)), before);
}

#[test]
fn commands_that_hang_leave_after_their_deadline() {
    let world = World::new(&[]);
    let mut hanging: Vec<_> = (0..limits::CONTROL_CONNECTIONS).map(|_| connect(&world)).collect();
    // All places are taken: the next one is refused at once, and clients are served.
    let refused = || ask(&world, b"STATUS\n");
    wait_for("all places to be taken", || refused().starts_with("KO;FULL;").then_some(()));
    world.register("ana");
    let begin = Instant::now();
    hanging.iter_mut().for_each(|one| assert_eq!(one.read(&mut [0; 8]).ok(), Some(0)));
    assert!(begin.elapsed() < limits::CONTROL_TIMEOUT + Duration::from_secs(20), "{:?}", begin.elapsed());
    wait_for("a place", || refused().starts_with("OK;").then_some(()));
}

/// Hands a request over piece by piece, with a pause behind each, until the server closes.
fn hand_over(mut stream: UnixStream, pieces: &[&[u8]], pause: Duration, until: Instant) {
    stream.set_read_timeout(Some(pause)).expect("a pause");
    for piece in pieces {
        if stream.write_all(piece).is_err() {
            return;
        }
        match stream.read(&mut [0; 8]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => assert!(Instant::now() < until, "after {pause:?}"),
            closed => return assert!(!matches!(closed, Ok(1..)), "a reply after {pause:?}"),
        }
    }
    panic!("all is handed over, with {pause:?}");
}

/// A byte or a line now and then gives no more time: at most this many commands keep the administrator out, and not for long.
#[test]
fn commands_that_come_by_and_by_have_one_deadline_for_all_of_a_request() {
    let world = World::new(&[]);
    let request = import("slow", 5_000);
    let bytes: Vec<_> = request.chunks(1).collect();
    let lines: Vec<_> = request.split_inclusive(|byte| *byte == b'\n').collect();
    let pauses = [200, 700, 1_500, 2_500, 3_500, 4_500, 6_000, 9_000].map(Duration::from_millis);
    assert_eq!(pauses.len(), limits::CONTROL_CONNECTIONS);
    let until = Instant::now() + 2 * limits::CONTROL_TIMEOUT;
    std::thread::scope(|scope| {
        for (number, pause) in pauses.into_iter().enumerate() {
            let pieces = if number % 2 == 0 { &bytes } else { &lines };
            let stream = connect(&world);
            scope.spawn(move || hand_over(stream, pieces, pause, until));
        }
    });
    wait_for("a place", || ask(&world, b"STATUS\n").starts_with("OK;").then_some(()));
    assert_eq!(count_accounts(&world, "slow"), 0);
}

#[test]
fn an_import_of_a_class_stalls_nobody() {
    let world = World::new(&[]);
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let importing = std::thread::scope(|scope| {
        let import = scope.spawn(|| ask(&world, &import("class", 1_000)));
        let mut longest = Duration::ZERO;
        let mut number = 0;
        while !import.is_finished() {
            let begin = Instant::now();
            number += 1;
            assert!(ana.request(&format!("SEND;m-{number};luis;hola")).starts_with("OK;"));
            longest = longest.max(begin.elapsed());
        }
        assert!(longest < Duration::from_secs(3), "{longest:?}");
        import.join().expect("an import")
    });
    assert_eq!(importing, "OK\n");
    assert_eq!(count_accounts(&world, "class"), 1_000);
    let lobby = luis.list("ROOMS");
    assert_eq!(lobby, ["#lobby;1002;yes;open;;"]);
    assert!(luis.list("USERS;1;class998").len() == 1);
    // One name that is taken refuses all.
    let reply = ask(&world, &[import("class", 1_000), Vec::new()].concat());
    assert_eq!(reply, "KO;EXISTS;class0: that name is taken (a removed one stays so)\n");
    let mut twice = import("other", 1_000);
    let line = String::from_utf8(twice.clone()).expect("text").lines().nth(1).expect("a line").to_owned();
    twice = String::from_utf8(twice).expect("text").replace("ADD;lobby;1000", "ADD;lobby;1001").into_bytes();
    twice.extend_from_slice(format!("{line}\n").as_bytes());
    assert!(ask(&world, &twice).starts_with("KO;EXISTS;other0: "));
    assert_eq!(count_accounts(&world, "other"), 0);
    assert_eq!(ask(&world, &import("most", limits::IMPORT_ACCOUNTS)), "OK\n");
    assert_eq!(count_accounts(&world, "most"), limits::IMPORT_ACCOUNTS);
}

#[test]
fn an_import_that_a_kill_interrupts_is_whole_or_nothing() {
    let mut world = World::new(&[]);
    let mut answered = 0;
    for round in 0..12 {
        let class = format!("{}x", char::from(b'a' + round));
        let request = import(&class, 1_000);
        let socket = connect(&world);
        let asking = std::thread::spawn(move || {
            let mut socket = socket;
            let mut reply = String::new();
            let _ = socket.write_all(&request);
            let _ = socket.read_to_string(&mut reply);
            reply
        });
        std::thread::sleep(Duration::from_millis(3 * u64::from(round)));
        world.kill().start();
        let reply = asking.join().expect("a reply");
        let count = count_accounts(&world, &class);
        assert!(count == 1_000 || count == 0 && reply.is_empty(), "{round}: {count} after {reply:?}");
        answered += u32::from(reply == "OK\n");
    }
    // Both happen, or the kills would show nothing.
    assert!(ask(&world, &import("z", 1_000)) == "OK\n" && answered < 12, "{answered}");
    world.kill();
    world.assert_undamaged();
}

#[test]
fn a_server_with_a_path_too_long_for_a_socket_serves_all_the_same() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let data = directory.path().join("x".repeat(120));
    let world = World::with_data(directory, &data, &[]);
    world.register("ana");
    assert!(world.log().contains("can be managed only while the server is stopped"), "{}", world.log());
    let (code, _, said) = world.admin(&["user", "list"]);
    assert!(code == Some(1) && said.contains("another wachat serves this directory; stop it"), "{said}");
}

#[test]
fn every_request_is_read_as_it_was_written() {
    let user = || UserName::new("María").expect("a name");
    let short = |text| ShortText::new(text).expect("a text");
    let accounts = vec![
        NewAccount { name: user(), password_hash: "$x;\"".into(), email: Email::default() },
        NewAccount {
            name: UserName::new("luis").expect("a name"),
            password_hash: PASSWORD.into(),
            email: Email::default(),
        },
    ];
    for request in [
        ControlRequest::Add { accounts, lobby: true },
        ControlRequest::Add { accounts: Vec::new(), lobby: false },
        ControlRequest::Passwd { user: user(), password_hash: "$argon2id$;".into() },
        ControlRequest::Remove { user: user() },
        ControlRequest::Accounts { from: 1_000 },
        ControlRequest::RemoveRoom { room: RoomName::new("#Sala").expect("a room") },
        ControlRequest::Rooms { after: None },
        ControlRequest::Rooms { after: RoomName::new("#sala").ok() },
        ControlRequest::Sessions { after: 7 },
        ControlRequest::Close(SessionChoice::Number(7)),
        ControlRequest::Close(SessionChoice::Of(UserName::new("7").expect("a name"))),
        ControlRequest::Ban { banned: Banned::User(user()), seconds: None, reason: short("") },
        ControlRequest::Ban {
            banned: Banned::parse("2001:db8::/32").expect("a network"),
            seconds: Some(60),
            reason: short("a; \"b\" \\n"),
        },
        ControlRequest::Ban { banned: Banned::parse("@10.0.0.1").expect("a user"), seconds: None, reason: short("x") },
        ControlRequest::Unban { banned: Banned::parse("192.0.2.7").expect("an address") },
        ControlRequest::Bans,
        ControlRequest::Announce { text: short("a; b") },
        ControlRequest::Status,
        ControlRequest::LogLevel { level: log::LevelFilter::Debug },
    ] {
        let mut bytes = Vec::new();
        request.write(&mut bytes);
        let text = String::from_utf8(bytes).expect("text");
        let mut lines = text.lines();
        let read = ControlRequest::read(&mut || lines.next().map(|line| line.as_bytes().to_vec()).ok_or(()));
        assert_eq!(read, Ok(Some(request)), "{text}");
        assert_eq!(lines.next(), None, "{text}");
    }
}

#[test]
fn an_address_or_a_network_is_no_user() {
    let shown = |text: &str| Banned::parse(text).map(|banned| banned.to_string());
    for (text, expected) in [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8::1/128", "2001:db8::1/128"),
        ("ana", "@ana"),
        ("@192.0.2.7", "@192.0.2.7"),
    ] {
        assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        assert_eq!(shown(expected).as_deref(), Some(expected), "{expected}");
        let stored = Banned::parse(text).expect("a ban");
        assert_eq!(Banned::from_stored(&stored.stored()), Some(stored), "{text}");
    }
    for text in ["", "@", "a b", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/+8", "::/129", "#sala", "192.0.2.0/24/8"] {
        assert_eq!(shown(text), None, "{text}");
    }
    let Some(Banned::Network(network)) = Banned::parse("2001:db8:1:2::9") else { panic!("a network") };
    let holds = |text: &str| network.contains(text.parse().expect("an address"));
    assert!(
        holds("2001:db8:1:2::1") && holds("2001:db8:1:2:ffff::") && !holds("2001:db8:1:3::1") && !holds("192.0.2.7")
    );
    let Some(Banned::Network(all)) = Banned::parse("0.0.0.0/0") else { panic!("a network") };
    assert!(all.contains("::ffff:10.1.2.3".parse().expect("an address")) && !all.contains("::1".parse().expect("one")));
}
