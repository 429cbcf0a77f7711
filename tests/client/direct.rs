//! Direct chats between two real clients at terminals: text goes from one to the other without the
//! server, and when that fails it is said, and goes by way of the server.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::support::{Connection, TIMEOUT, Terminal, World, wait_for, wait_until};

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn client(world: &World, user: &str, more: &[&str]) -> Terminal {
    let port = free_port().to_string();
    let mut options = vec!["--register"];
    options.extend(if more.is_empty() { vec!["--p2p-port", &port] } else { more.to_vec() });
    let terminal = Terminal::start(&world.arguments(user, &options));
    terminal.expect("* connected");
    terminal
}

/// Waits until the server knows the port of a user's direct chats; returns it, with a token.
fn port_of(world: &World, user: &str) -> (u16, String) {
    world.permit(user, "caller");
    let mut line = world.login_or_register("caller");
    let mut port = None;
    wait_until("a user to accept direct chats", || {
        let reply = line.request(&format!("PEER;{user}"));
        let mut fields = reply.split(';').skip(2).map(str::to_owned);
        port = reply.starts_with("OK;").then(|| (fields.next().unwrap().parse().unwrap(), fields.next().unwrap()));
        port.is_some()
    });
    port.unwrap()
}

#[test]
fn two_clients_talk_without_the_server_and_both_keep_it() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana", &[]);
    let mut luis = client(&world, "luis", &[]);
    port_of(&world, "luis");
    world.permit("luis", "ana");
    ana.type_line("/p2p luis");
    ana.expect("* direct chat with luis");
    luis.expect("* ana wants to chat directly; /accept ana");
    ana.type_line("hola; ¿qué tal?");
    luis.type_line("/accept ana");
    luis.expect("ana (direct): hola; ¿qué tal?");
    ana.expect_tick("✓✓", "@luis (direct): hola; ¿qué tal?");
    luis.type_line("bien");
    ana.expect("luis (direct): bien");
    luis.expect_tick("✓✓", "@ana (direct): bien");
    // The server has seen none of it.
    let mut line = world.login_or_register("caller");
    assert_eq!(world.login("ana").request("HISTORY;luis"), "OK;0");
    assert_eq!(line.request("PING"), "OK");
    // It goes on without the server, too.
    ana.type_line("exit");
    for terminal in [&ana, &luis] {
        terminal.expect("is over");
    }
    ana.type_line("by way of the server");
    luis.expect("ana: by way of the server");
    ana.type_line("/history luis");
    ana.expect_times("luis (direct): bien", 2);
    for (user, other) in [("ana", "luis"), ("luis", "ana")] {
        let kept: Vec<_> = world.history(user, "DIRECT").iter().map(|row| (row[2].clone(), row[5].clone())).collect();
        assert_eq!(kept.len(), 2, "{user}, with {other}: {kept:?}");
        assert!(kept.contains(&("ana".to_owned(), "hola; ¿qué tal?".to_owned())));
        assert!(kept.contains(&("luis".to_owned(), "bien".to_owned())));
    }
    ana.quit();
    luis.quit();
}

#[test]
fn a_chat_outlives_the_server_and_ends_with_close() {
    let mut world = World::without_lobby();
    let ana = client(&world, "ana", &[]);
    let luis = client(&world, "luis", &[]);
    port_of(&world, "luis");
    world.permit("luis", "ana");
    ana.type_line("/p2p luis");
    ana.expect("* direct chat with luis");
    world.kill();
    ana.expect("the server is away");
    ana.type_line("still here");
    luis.type_line("/p2p ana");
    luis.expect("ana (direct): still here");
    luis.type_line("/close");
    ana.expect("* the direct chat with luis is over");
    luis.expect("* the direct chat with ana is over");
    luis.type_line("/close");
    luis.expect("! this is no direct chat");
}

#[test]
fn an_unannounced_caller_is_refused() {
    let world = World::without_lobby();
    let luis = client(&world, "luis", &[]);
    let (port, token) = port_of(&world, "luis");
    let knock = |line: String| -> String {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        (&stream).write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer).unwrap();
        answer
    };
    // Not of the form, which needs no waiting.
    for wrong in ["LOGIN:caller:x\n".to_owned(), "HELLO:caller\n".to_owned(), "\u{0}\n".to_owned()] {
        assert!(knock(wrong).starts_with("KO;AUTH;"));
    }
    assert_eq!(knock(format!("HELLO:caller:{token}\n")), "OK\n");
    luis.expect("* caller wants to chat directly; /accept caller");
    // A used token, another user with a good one, the right user with another one: the server might still announce each
    // of them, so the client waits, for all three at the same time.
    let (_, good) = port_of(&world, "luis");
    std::thread::scope(|scope| {
        let used = format!("caller:{token}");
        let stolen = format!("mallory:{good}");
        let wrong = format!("caller:{good}x");
        for hello in [used, stolen, wrong] {
            scope.spawn(move || assert!(knock(format!("HELLO:{hello}\n")).starts_with("KO;AUTH;"), "{hello}"));
        }
    });
}

#[test]
fn a_peer_who_speaks_the_protocol_by_hand() {
    let world = World::without_lobby();
    let luis = client(&world, "luis", &[]);
    let (port, token) = port_of(&world, "luis");
    let mut line = Connection::open(([127, 0, 0, 1], port).into());
    line.run_transcript(&format!("> HELLO:caller:{token}\n< OK\n> SEND;d-1;hola"));
    luis.expect("* caller wants to chat directly");
    luis.type_line("/accept caller");
    line.run_transcript("< OK;d-1");
    luis.expect("caller (direct): hola");
    // The same again is answered again, and not shown again.
    line.run_transcript("> SEND;d-1;hola\n< OK;d-1\n> SEND;d-2;\"a;b\"\n< OK;d-2\n> NONSENSE\n< KO;SYNTAX;...");
    luis.expect("caller (direct): a;b");
    assert_eq!(luis.count("caller (direct): hola"), 1);
    luis.type_line("/p2p caller");
    luis.type_line("two\\nwords");
    let said = line.read_line();
    assert!(said.starts_with("SEND;") && said.ends_with(";two\\\\nwords"), "{said}");
    // Gone without having confirmed it: that is said, and it can go by way of the server.
    drop(line);
    luis.expect("* 1 not confirmed by caller: /resend");
    luis.type_line("/resend");
    luis.expect_tick("✓", "@caller: two\\nwords");
    let mut session = world.session("caller");
    let events = session.list("POLL;0;1");
    assert!(
        events.iter().any(|event| event.ends_with(";luis;caller;two") || event.contains("two\\\\nwords")),
        "{events:?}"
    );
}

#[test]
fn a_peer_that_cannot_be_reached_is_reported() {
    let world = World::without_lobby();
    let ana = client(&world, "ana", &[]);
    let luis = client(&world, "luis", &["--no-p2p"]);
    world.register("caller").wait_until_online("luis");
    ana.type_line("/p2p luis");
    ana.expect("! luis cannot be reached directly (online, but taking no direct chats now, or none from you)");
    ana.type_line("/p2p nobody");
    ana.expect("! there is no user nobody");
    ana.type_line("/p2p ANA");
    ana.expect("! a direct chat is with another user, not with yourself");
    luis.type_line("/p2p ana");
    luis.expect("! there are no direct chats here");
    // A port at which nothing listens, announced by a session that the test holds.
    drop(luis);
    let mut eva = world.register_session("eva");
    assert_eq!(eva.request(&format!("PORT;{}", free_port())), "OK");
    world.permit("eva", "ana");
    ana.type_line("/p2p eva");
    ana.expect("! eva cannot be reached directly (127.0.0.1:");
    ana.expect("/query eva goes by way of the server");
    drop(eva);
    world.register("otto");
    ana.type_line("/p2p otto");
    ana.expect("! otto cannot be reached directly (not online)");
    assert_eq!(ana.count("luis> ") + ana.count("eva> ") + ana.count("otto> "), 0, "{}", ana.screen());
}

#[test]
fn the_next_port_is_taken_if_one_is_in_use() {
    let world = World::without_lobby();
    let _ana = client(&world, "ana", &["--no-receipts"]);
    let _luis = client(&world, "luis", &["--no-receipts"]);
    let ports = ["ana", "luis"].map(|user| port_of(&world, user).0);
    assert!(ports.iter().all(|port| wachat::limits::DIRECT_PORTS.contains(port)) && ports[0] != ports[1], "{ports:?}");
}

/// A user whose direct chats the test holds.
struct ByHand {
    session: Connection,
    door: TcpListener,
}

impl ByHand {
    fn new(world: &World, user: &str) -> Self {
        let mut session = world.register_session(user);
        world.permit(user, "ana");
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(session.request(&format!("PORT;{}", door.local_addr().unwrap().port())), "OK");
        Self { session, door }
    }

    /// A caller who has said hello, and waits.
    fn caller(&self) -> Connection {
        self.door.set_nonblocking(true).unwrap();
        let (stream, _) = wait_for("a call", || self.door.accept().ok());
        stream.set_nonblocking(false).unwrap();
        let mut caller = Connection::from_stream(stream).unwrap();
        let hello = caller.read_line();
        assert!(hello.starts_with("HELLO:ana:"), "{hello}");
        caller
    }
}

#[test]
fn lines_typed_before_the_answer_to_a_call_go_to_the_called_peer_or_nowhere() {
    let world = World::new(&[]);
    let ana = client(&world, "ana", &[]);
    ana.expect("#lobby> ");
    let mut eva = ByHand::new(&world, "eva");
    ana.type_line("/p2p eva\nfor eva alone");
    ana.expect("* calling eva");
    let mut caller = eva.caller();
    caller.run_transcript("> KO;AUTH;nobody of that name and token is expected");
    ana.expect("! eva cannot be reached directly");
    ana.expect("! not sent, since it was typed for a chat that did not come about: for eva alone");
    ana.type_line("/query #lobby\n/p2p eva\nthis too");
    caller = eva.caller();
    caller.run_transcript("> OK");
    let said = caller.read_line();
    assert!(said.starts_with("SEND;") && said.ends_with(";this too"), "{said}");
    ana.type_line("/query #lobby\n/p2p nobody\nfor whom?");
    ana.expect("! not sent, since it was typed for a chat that did not come about: for whom?");
    ana.expect("#lobby> ");
    assert_eq!(eva.session.list("POLL;0;0").iter().filter(|event| event.contains(";#lobby;")).count(), 0);
    assert_eq!(world.login("ana").request("HISTORY;#lobby"), "OK;0");
}

#[test]
fn another_current_chat_leaves_a_direct_one_aside() {
    let world = World::without_lobby();
    let ana = client(&world, "ana", &[]);
    let eva = ByHand::new(&world, "eva");
    ana.type_line("/p2p eva");
    let mut caller = eva.caller();
    caller.run_transcript("> OK");
    ana.expect("* direct chat with eva");
    ana.type_line("/join #sala\nfor all");
    ana.expect_tick("✓", "#sala: for all");
    ana.type_line("/query eva\nby way of the server");
    ana.expect_tick("✓", "@eva: by way of the server");
    // It is still open.
    ana.type_line("/p2p eva\ndirectly");
    assert!(caller.read_line().ends_with(";directly"));
    ana.type_line("/close");
    ana.expect("* the direct chat with eva is over");
}

/// Types `/p2p` until this is in its answer.
fn wait_until_listed(client: &Terminal, chats: &str) {
    wait_until(chats, || {
        client.type_line("/p2p");
        client.count(chats) > 0
    });
}

#[test]
fn two_peers_that_call_each_other_at_the_same_time_can_talk() {
    let world = World::without_lobby();
    let ana = client(&world, "ana", &[]);
    let eva = ByHand::new(&world, "eva");
    let (port, _) = port_of(&world, "ana");
    ana.type_line("/p2p eva");
    let mut hers = eva.caller();
    // Each side may see the two calls in another order: so neither ends the other.
    world.permit("ana", "eva");
    let token = world.login("eva").request("PEER;ana").split(';').nth(3).unwrap().to_owned();
    let mut mine = Connection::open(([127, 0, 0, 1], port).into());
    mine.run_transcript(&format!("> HELLO:eva:{token}\n< OK\n> SEND;one;before\n< OK;one"));
    hers.run_transcript("> OK");
    ana.expect("* direct chat with eva");
    for (line, id) in [(&mut mine, "two"), (&mut hers, "three")] {
        line.run_transcript(&format!("> SEND;{id};{id}\n< OK;{id}"));
        ana.expect(&format!("eva (direct): {id}"));
    }
    ana.type_line("hola");
    assert!(hers.read_line().ends_with(";hola"));
    // `exit` hangs up both calls. Each of them ends on its own thread, and the end is reported once.
    ana.type_line("exit");
    ana.expect("is over");
    wait_until_listed(&ana, "no direct chat is open");
    assert_eq!(ana.count("is over"), 1);
}

#[test]
fn a_direct_chat_with_an_ignored_user_is_not_reported() {
    let world = World::without_lobby();
    let luis = client(&world, "luis", &[]);
    let (port, token) = port_of(&world, "luis");
    luis.type_line("/ignore caller");
    luis.expect("* what caller says is hidden now");
    let mut line = Connection::open(([127, 0, 0, 1], port).into());
    // As one whom nobody expects: the caller cannot tell.
    line.run_transcript(&format!("> HELLO:caller:{token}\n< KO;AUTH;no caller with this name and token is expected"));
    line.assert_closed();
    luis.type_line("/accept caller");
    luis.expect("! what caller says is hidden");
    for hidden in ["wants to chat", "has opened", "(direct)", "is over"] {
        assert_eq!(luis.count(hidden), 0, "{hidden}: {}", luis.screen());
    }
    luis.type_line("/p2p caller");
    luis.expect("! what caller says is hidden");
    assert!(world.history("luis", "DIRECT").is_empty());
}

#[test]
fn a_client_that_ends_waits_for_the_answers_of_its_peer() {
    let mut world = World::without_lobby();
    let mut ana = client(&world, "ana", &[]);
    let eva = ByHand::new(&world, "eva");
    ana.type_line("/p2p eva");
    let mut caller = eva.caller();
    caller.run_transcript("> OK");
    ana.expect("* direct chat with eva");
    // Not even without a server is it forgotten.
    world.kill();
    ana.expect("the server is away");
    ana.type_line("last words\n/quit");
    let id = caller.read_line().split(';').nth(1).unwrap().to_owned();
    // One that does not wait hangs up at once.
    assert!(!caller.has_input(Duration::from_millis(300)), "it ended before the answer");
    caller.run_transcript(&format!("> OK;{id}"));
    assert_eq!(ana.wait_for_exit(), Some(0));
    assert_eq!(world.history("ana", "DIRECT").len(), 1);
    assert!(!ana.last_screen().contains("not confirmed"));
}

#[test]
fn unconfirmed_direct_messages_are_reported_at_the_end() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana", &[]);
    let eva = ByHand::new(&world, "eva");
    ana.type_line("/p2p eva");
    let mut caller = eva.caller();
    caller.run_transcript("> OK");
    ana.expect("* direct chat with eva");
    ana.type_line("last words\n/quit");
    assert_eq!(ana.wait_for_exit(), Some(0));
    assert!(ana.last_screen().contains("* 1 said directly and not confirmed"));
}
