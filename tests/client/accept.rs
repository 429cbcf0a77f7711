//! A direct chat begins when the callee has accepted the caller: before that nothing is stored, and nothing is lost.
//! Callers who have not come so far are limited, in number and in time.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use wachat::client::app::chats::Volume;
use wachat::client::app::event::{Context, Effect, Event, Output};
use wachat::client::app::view::View;
use wachat::client::app::{App, Setting};
use wachat::client::p2p::event::{Action, DirectEvent};
use wachat::client::state::ClientState;
use wachat::limits;
use wachat::model::{MessageId, Text, Timestamp};

use crate::client::setting;
use crate::support::values::user;
use crate::support::{Connection, TIMEOUT, Terminal, World, wait_for, wait_until};

fn client(world: &World, user: &str) -> Terminal {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let terminal = Terminal::start(&world.arguments(user, &["--register", "--p2p-port", &port]));
    terminal.expect("* connected");
    terminal
}

/// Asks for the address of a user's direct chats and for a token, until there are any.
fn find(world: &World, caller: &str, user: &str) -> (SocketAddr, String) {
    world.permit(user, caller);
    let mut line = world.login_or_register(caller);
    wait_for("a user to accept direct chats", || {
        let reply = line.request(&format!("PEER;{user}"));
        let fields: Vec<_> = reply.split(';').collect();
        let ["OK", _, port, token, ..] = fields[..] else { return None };
        Some((SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())), token.to_owned()))
    })
}

/// Calls a user by hand. The callee has admitted the caller.
fn call(world: &World, caller: &str, user: &str) -> Connection {
    let (address, token) = find(world, caller, user);
    let mut line = Connection::open(address);
    line.run_transcript(&format!("> HELLO:{caller}:{token}\n< OK"));
    line
}

/// Returns the texts of direct chats in a user's files.
fn kept(world: &World, user: &str) -> Vec<String> {
    world.history(user, "DIRECT").into_iter().map(|record| record[5].clone()).collect()
}

fn bytes_of(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    files
        .map(|entry| if entry.path().is_dir() { bytes_of(&entry.path()) } else { entry.metadata().unwrap().len() })
        .sum()
}

#[test]
fn a_flood_of_a_caller_who_is_not_accepted_is_not_read_and_not_stored() {
    let world = World::without_lobby();
    let luis = client(&world, "luis");
    let (address, token) = find(&world, "caller", "luis");
    let before = bytes_of(&world.path("home"));
    let mut flood = TcpStream::connect(address).unwrap();
    flood.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut line = Connection::from_stream(flood.try_clone().unwrap()).unwrap();
    line.run_transcript(&format!("> HELLO:caller:{token}\n< OK"));
    luis.expect("* caller wants to chat directly; /accept caller");
    let mut sent = 0;
    let end = loop {
        let line = format!("SEND;d-{sent};{sent} {}\n", "x".repeat(50_000));
        match flood.write_all(line.as_bytes()) {
            Ok(()) => sent += 1,
            Err(error) => break error.kind(),
        }
        assert!(sent < 4_000, "200 MB were read of a caller who is not accepted");
    };
    assert!(matches!(end, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{end}");
    assert!(!line.has_input(Duration::from_millis(100)), "a message that is not stored was confirmed");
    assert!(bytes_of(&world.path("home")) - before < 64 << 10, "something was stored");
    assert_eq!((luis.count("wants to chat"), luis.count("xxx")), (1, 0));
    // All of it arrives once the user wants it.
    luis.type_line("/accept caller");
    for number in 0..sent.min(20) {
        assert_eq!(line.read_line(), format!("OK;d-{number}"));
    }
    assert!(kept(&world, "luis")[0].starts_with("0 xxx"));
}

#[test]
fn what_is_said_before_the_callee_accepts_waits_at_the_caller_and_arrives_in_order() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
    find(&world, "ana", "luis");
    ana.type_line("/p2p luis");
    ana.expect("* direct chat with luis");
    ana.type_line("uno\ndos\ntres");
    luis.expect("* ana wants to chat directly; /accept ana");
    ana.expect("* luis has not accepted the direct chat yet: what you write waits until then");
    assert!(kept(&world, "luis").is_empty() && kept(&world, "ana").is_empty());
    luis.type_line("/accept");
    luis.expect("\nana\r\n");
    luis.type_line("/accept ANA");
    luis.expect("ana (direct): tres");
    ana.expect_tick("✓✓", "@luis (direct): tres");
    luis.type_line("cuatro");
    ana.expect("luis (direct): cuatro");
    luis.expect_tick("✓✓", "@ana (direct): cuatro");
    for user in ["ana", "luis"] {
        assert_eq!(kept(&world, user), ["uno", "dos", "tres", "cuatro"], "{user}");
    }
    assert_eq!((ana.count("has not accepted"), luis.count("wants to chat")), (1, 1));
    ana.quit();
    luis.quit();
}

#[test]
fn a_caller_to_whom_the_callee_has_written_is_accepted() {
    let world = World::without_lobby();
    let mut luis = client(&world, "luis");
    for user in ["caller", "eva", "otto"] {
        world.register(user);
    }
    // While the caller waits.
    let mut line = call(&world, "caller", "luis");
    line.send("SEND;d-1;hola\n");
    luis.expect("* caller wants to chat directly");
    luis.type_line("@caller: by way of the server");
    assert_eq!(line.read_line(), "OK;d-1");
    luis.expect("caller (direct): hola");
    // An answer that nobody has typed is no consent.
    luis.type_line("/away back at five");
    luis.expect("* ");
    world.login("otto").request("SEND;o-1;luis;are you there?");
    luis.expect("otto: are you there?");
    wait_until("the automatic answer", || world.login("otto").request("HISTORY;luis").starts_with("OK;2"));
    luis.quit();
    // In a later run, too.
    luis = client(&world, "luis");
    call(&world, "caller", "luis").run_transcript("> SEND;d-2;again\n< OK;d-2");
    luis.expect("* caller has opened a direct chat with you");
    for stranger in ["otto", "eva"] {
        let mut line = call(&world, stranger, "luis");
        line.send("SEND;d-1;hola\n");
        luis.expect(&format!("* {stranger} wants to chat directly"));
    }
    assert_eq!(kept(&world, "luis"), ["hola", "again"]);
}

#[test]
fn a_caller_who_is_hidden_during_the_chat_is_cut_off() {
    let world = World::without_lobby();
    let luis = client(&world, "luis");
    let mut accepted = call(&world, "caller", "luis");
    let mut waiting = call(&world, "eva", "luis");
    luis.type_line("/accept caller");
    accepted.run_transcript("> SEND;d-1;hola\n< OK;d-1");
    waiting.send("SEND;e-1;hola\n");
    luis.expect("* eva wants to chat directly");
    for (user, line) in [("caller", &mut accepted), ("eva", &mut waiting)] {
        luis.type_line(&format!("/ignore {user}"));
        luis.expect(&format!("* what {user} says is hidden now"));
        assert_eq!(line.try_read_line(), None, "{user}");
    }
    assert_eq!(kept(&world, "luis"), ["hola"]);
}

/// Waits until the client has closed a connection that tells nothing, or a byte a second.
fn closed_after(mut line: Connection, drips: bool) -> Duration {
    let begun = Instant::now();
    while drips && line.try_send("H").is_ok() && !line.has_input(Duration::from_secs(1)) {}
    while line.try_read_line().is_some() {}
    begun.elapsed()
}

#[test]
fn silent_connections_of_one_address_keep_nobody_out_and_have_a_deadline() {
    let world = World::without_lobby();
    let luis = client(&world, "luis");
    let (address, token) = find(&world, "caller", "luis");
    let silent: Vec<_> =
        (0..limits::CALLERS_PER_ADDRESS).map(|_| Connection::open_from([127, 0, 0, 2], address)).collect();
    // One more has no place; it is not even waited for.
    let begun = Instant::now();
    Connection::open_from([127, 0, 0, 2], address).assert_closed();
    assert!(begun.elapsed() < limits::TIMEOUT);
    let mut line = Connection::open(address);
    line.run_transcript(&format!("> HELLO:caller:{token}\n< OK"));
    luis.expect("* caller wants to chat directly");
    // Each of those has the same time, whatever it sends.
    let threads: Vec<_> = silent
        .into_iter()
        .enumerate()
        .map(|(number, line)| thread::spawn(move || closed_after(line, number % 2 == 0)))
        .collect();
    for thread in threads {
        let time = thread.join().expect("no panic");
        assert!(time < TIMEOUT / 2, "cut off after {time:?}");
    }
    let (_, token) = find(&world, "eva", "luis");
    let mut later = Connection::open_from([127, 0, 0, 2], address);
    later.run_transcript(&format!("> HELLO:eva:{token}\n< OK"));
}

/// The time-out of section 1 holds for each line of a direct chat, before and after the caller is accepted.
#[test]
fn a_begun_line_of_a_caller_has_to_end_in_time() {
    let world = World::without_lobby();
    let luis = client(&world, "luis");
    let begin = |caller: &str, is_accepted: bool| {
        let mut line = call(&world, caller, "luis");
        luis.expect(&format!("* {caller} wants to chat directly"));
        if is_accepted {
            luis.type_line(&format!("/accept {caller}"));
            assert_eq!(line.request("SEND;d-1;hola"), "OK;d-1");
        }
        line.send("SEND;d-2;ho");
        thread::spawn(move || closed_after(line, false))
    };
    for thread in [begin("caller", true), begin("eva", false)] {
        let time = thread.join().expect("the line is closed");
        assert!(time < TIMEOUT / 2, "cut off after {time:?}");
    }
}

#[test]
fn a_peer_who_sends_too_much_in_a_day_is_told_and_cut_off() {
    let world = World::without_lobby();
    let luis = client(&world, "luis");
    let mut line = call(&world, "caller", "luis");
    luis.type_line("/accept caller");
    let text = "x".repeat(limits::TEXT_BYTES);
    let fitting = (limits::DIRECT_MIB_PER_DAY << 20) / (limits::TEXT_BYTES + limits::ROW_BYTES);
    for number in 0..fitting {
        assert_eq!(line.request(&format!("SEND;d-{number};{text}")), format!("OK;d-{number}"));
    }
    line.expect_ko(&format!("SEND;last;{text}"), "QUOTA");
    line.assert_closed();
    luis.expect("* the direct chat with caller is over (more than 8 MiB have come today)");
    assert_eq!(kept(&world, "luis").len(), fitting);
}

#[test]
fn a_caller_who_has_sent_too_much_is_told_so() {
    let world = World::without_lobby();
    let ana = client(&world, "ana");
    let mut session = world.register_session("eva");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(session.request(&format!("PORT;{}", listener.local_addr().unwrap().port())), "OK");
    world.permit("eva", "ana");
    ana.type_line("/p2p eva");
    let mut line = Connection::from_stream(listener.accept().unwrap().0).unwrap();
    assert!(line.read_line().starts_with("HELLO:ana:"));
    line.run_transcript("> OK");
    ana.expect("* direct chat with eva");
    ana.type_line("too much");
    assert!(line.read_line().ends_with(";too much"));
    line.run_transcript("> KO;QUOTA;no more");
    ana.expect("* the direct chat with eva is over (the other side takes no more from you today)");
    ana.expect("* 1 not confirmed by eva: /resend");
}

/// An app at a time that the test sets.
struct Clock {
    app: App,
    begun: Instant,
    random: u128,
}

impl Clock {
    fn new() -> Self {
        let setting = Setting { direct: true, ..setting() };
        let begun = Instant::now();
        let context = Context { now: begun, at: Timestamp::from_millis(1), random: 0 };
        Self { app: App::new(setting, ClientState::new(user("ana")), context), begun, random: 0 }
    }

    fn handle(&mut self, seconds: u64, event: Event) -> Output {
        self.random += 1;
        let now = self.begun + Duration::from_secs(seconds);
        self.app.handle(event, Context { now, at: Timestamp::from_millis(1), random: self.random })
    }
}

fn said(output: &Output) -> Vec<(MessageId, String)> {
    let said = output.effects.iter().filter_map(|effect| match effect {
        Effect::Direct(Action::Say { id, text, .. }) => Some((id.clone(), text.to_string())),
        _ => None,
    });
    said.collect()
}

fn closes(output: &Output) -> bool {
    output.effects.iter().any(|effect| matches!(effect, Effect::Direct(Action::Close { .. })))
}

#[test]
fn a_caller_waits_minutes_for_the_first_answer_and_seconds_for_the_next() {
    let mut clock = Clock::new();
    clock.handle(0, Event::Direct(DirectEvent::Connected { number: 1, peer: user("luis") }));
    // One message is under way; the others wait here, where the peer need not take them.
    let first = said(&clock.handle(0, Event::Typed(Ok("one".to_owned()))));
    assert_eq!(first.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["one"]);
    assert!(said(&clock.handle(1, Event::Typed(Ok("two".to_owned())))).is_empty());
    let told = clock.handle(1 + limits::CALL_NOTICE.as_secs(), Event::Tick);
    assert!(told.views.iter().any(|view| matches!(view, View::Notice(text) if text.contains("has not accepted"))));
    assert!(!closes(&clock.handle(limits::CALL_TIME.as_secs() - 1, Event::Tick)));
    let confirmed = DirectEvent::Confirmed { number: 1, id: first[0].0.clone() };
    let now = limits::CALL_TIME.as_secs();
    let next = said(&clock.handle(now, Event::Direct(confirmed)));
    assert_eq!(next.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["two"]);
    assert!(!closes(&clock.handle(now + limits::TIMEOUT.as_secs() - 1, Event::Tick)));
    assert!(closes(&clock.handle(now + limits::TIMEOUT.as_secs(), Event::Tick)));
}

#[test]
fn a_call_that_nobody_accepts_ends() {
    let mut clock = Clock::new();
    clock.handle(0, Event::Direct(DirectEvent::Connected { number: 1, peer: user("luis") }));
    clock.handle(0, Event::Typed(Ok("one".to_owned())));
    clock.handle(limits::CALL_NOTICE.as_secs(), Event::Tick);
    assert!(closes(&clock.handle(limits::CALL_TIME.as_secs(), Event::Tick)));
}

#[test]
fn the_volume_of_a_day_is_one_peers_and_one_days() {
    let mut volume = Volume::default();
    let text = Text::new(&"x".repeat(50_000)).unwrap();
    let at = |day: u64| Timestamp::from_millis(day * 86_400_000);
    let fitting = (limits::DIRECT_MIB_PER_DAY << 20) / (50_000 + limits::ROW_BYTES);
    for _ in 0..fitting {
        assert!(volume.add(&user("ana"), &text, at(1)));
    }
    assert!(!volume.add(&user("ana"), &text, at(1)));
    assert!(volume.add(&user("eva"), &text, at(1)));
    assert!(volume.add(&user("ana"), &text, at(2)));
}
