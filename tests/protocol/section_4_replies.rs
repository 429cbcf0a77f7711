//! Replies: the codes of a KO, and how long a reply may get.

use crate::support::connection::without_times;
use crate::support::{Connection, PASSWORD, World};

#[test]
fn codes_that_leave_the_connection_as_it_is() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    ana.run_transcript(
        "> nonsense
         < KO;SYNTAX;...
         > SEND;m-1;nadie;hola
         < KO;NO_USER;...
         > SEND;m-1;a/b;hola
         < KO;NO_USER;...
         > READ;nadie;0
         < KO;NO_USER;...
         > STATUS;nadie;1
         < KO;NO_USER;...
         > HISTORY;nadie
         < KO;NO_USER;...
         > SEND;m-1;#sala;hola
         < KO;NO_ROOM;...
         > SEND;m-1;#;hola
         < KO;NO_ROOM;...
         > READ;#sala;0
         < KO;NO_ROOM;...
         > STATUS;#sala;1
         < KO;NO_ROOM;...
         > HISTORY;#sala
         < KO;NO_ROOM;...
         > STATUS;luis;1
         < KO;NO_MESSAGE;...
         > PASSWD;x;corta
         < KO;PASSWORD;...
         > READ;luis;1
         < KO;SEQ;...
         > SEND;m-1;luis;hola
         < OK;m-1;RECEIVED;<at>;1
         > SEND;m-1;luis;adios
         < KO;CONFLICT;...
         > PING
         < OK",
    );
    assert_eq!(world.session("luis").poll(0, 0).len(), 1, "KO means that it did not happen");
}

#[test]
fn quota_refuses_what_a_queue_does_not_hold_and_takes_it_when_there_is_room() {
    let world = World::new(&["--queue", "3", "--queue-per-sender", "2"]);
    let [mut ana, mut luis, _eva] = ["ana", "luis", "eva"].map(|user| {
        let mut line = world.register(user);
        assert_eq!(line.request("JOIN;#sala"), "OK", "strangers have less");
        line
    });
    ana.run_transcript(
        "> SEND;m-1;eva;uno
         < OK;m-1;RECEIVED;<at>;1
         > SEND;m-2;eva;dos
         < OK;m-2;RECEIVED;<at>;2
         > SEND;m-3;eva;tres
         < KO;QUOTA;...",
    );
    luis.run_transcript(
        "> SEND;m-1;eva;uno
         < OK;m-1;RECEIVED;<at>;3
         > SEND;m-2;eva;dos
         < KO;QUOTA;...
         > SEND;m-3;ana;another queue
         < OK;m-3;RECEIVED;<at>;4",
    );
    // A retry of what was accepted is answered as before, though the queue is full.
    ana.run_transcript(
        "> SEND;m-2;eva;dos
         < OK;m-2;RECEIVED;<at>;2",
    );
    let mut eva = world.session("eva");
    assert_eq!(eva.poll(0, 0).len(), 3, "none is dropped");
    assert!(eva.poll(1, 0).iter().all(|event| !event.starts_with("1;")));
    ana.run_transcript(
        "> SEND;m-3;eva;tres
         < OK;m-3;RECEIVED;<at>;...",
    );
}

#[test]
fn shutdown_is_told_on_both_ports_after_what_was_asked_is_answered() {
    let mut world = World::without_lobby();
    // Accepted before the next one on this port.
    let mut unknown = Connection::open(world.send);
    let mut ana = world.register("ana");
    let mut session = world.session("ana");
    session.send("POLL;0\n");
    ana.wait_until_online("ana");
    let (status, _) = world.stop();
    assert!(status.success(), "{status}");
    assert!(unknown.read_line().starts_with("KO;SHUTDOWN;"), "also to who has not logged in");
    let goodbye = ana.read_rest();
    assert!(matches!(&goodbye[..], [last] if last.starts_with("KO;SHUTDOWN;")), "{goodbye:?}");
    let goodbye = session.read_rest();
    assert!(matches!(&goodbye[..], [poll, last] if poll == "OK;0" && last.starts_with("KO;SHUTDOWN;")), "{goodbye:?}");
}

#[test]
fn a_reply_is_kept_under_about_256_kib_but_is_never_empty() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut session = world.session("ana");
    for n in 1..=12 {
        let reply = ana.request(&format!("SEND;m-{n};ana;{}", "x".repeat(60_000)));
        assert!(reply.starts_with("OK;"), "{reply}");
    }
    let mut seen = Vec::new();
    for request in ["POLL;0;0", "POLL;4;0", "POLL;8;0"] {
        let events = session.list(request);
        let bytes: usize = events.iter().map(|event| event.len() + 1).sum();
        assert!(!events.is_empty() && bytes < 300 << 10, "{request}: {bytes} bytes");
        seen.extend(events.iter().map(|e| e.split(';').next().expect("a number").parse::<u64>().expect("a number")));
    }
    assert_eq!(seen[..4], [1, 2, 3, 4], "in order, and nothing left out");
    let history = ana.list("HISTORY;ana;1000");
    let bytes: usize = history.iter().map(|record| record.len() + 1).sum();
    assert!(!history.is_empty() && bytes < 300 << 10, "HISTORY: {bytes} bytes");
    let newest = without_times(history.last().expect("a record"));
    assert!(newest.starts_with("12;m-12;ana;ana;<at>;"), "the last ones: {}", &newest[..40]);
}

#[test]
fn every_ko_to_a_login_line_closes() {
    let world = World::without_lobby();
    for line in ["nonsense", "LOGIN:nadie:palabra", "REGISTER:a/b:palabra", "REGISTER:luis:corta"] {
        let (reply, mut connection) = Connection::open_with(world.send, line);
        assert!(reply.starts_with("KO;"), "{reply}");
        connection.send(format!("REGISTER:luis:{PASSWORD}\n"));
        connection.assert_closed();
    }
}

/// Some are answered at once, others by a search of the history file: none overtakes another.
#[test]
fn replies_come_in_the_order_of_requests_that_take_different_times() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    for number in 1..=24 {
        assert!(ana.request(&format!("SEND;m-{number};luis;hola")).starts_with("OK;"));
    }
    // A stop puts all messages into the history file.
    world.stop();
    let mut luis = world.start().login("luis");
    let quick = ["SEND;{};ana;hola", "PING", "READ;ana;{}", "HISTORY;ana;1", "CHATS", "nonsense", "STATUS;nadie;1"];
    for number in 1..=24 {
        let quick = [quick[number % quick.len()], "SEND;x{};ana;hola", "HISTORY;ana;2", quick[number / quick.len()]];
        let slow = format!("READ;ana;{number}");
        let later = quick.map(|request| request.replace("{}", &number.to_string()));
        let requests: Vec<_> = std::iter::once(slow).chain(later).collect();
        luis.send(format!("{}\n", requests.join("\n")));
        for request in &requests {
            let reply = luis.read_line();
            let fields: Vec<_> = request.split(';').collect();
            let expected = match fields[0] {
                "READ" | "PING" => "OK".to_owned(),
                "SEND" => format!("OK;{};RECEIVED;", fields[1]),
                "HISTORY" => format!("OK;{}", fields[2]),
                "CHATS" => "OK;1".to_owned(),
                _ => "KO;".to_owned(),
            };
            assert!(reply.starts_with(&expected), "{request}: {reply}, in {requests:?}");
            assert!(fields[0] != "READ" && fields[0] != "PING" || reply == "OK", "{request}: {reply}");
            if fields[0] == "HISTORY" || fields[0] == "CHATS" {
                let records = reply.split(';').nth(1).and_then(|count| count.parse().ok()).expect("a list");
                (0..records).for_each(|_: usize| drop(luis.read_line()));
            }
        }
    }
}
