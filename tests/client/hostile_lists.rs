//! A server that answers with lists without end: the client ends the connection, and keeps none of it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use wachat::client::app::App;
use wachat::client::app::event::{Context, Event};
use wachat::client::app::view::View;
use wachat::client::link::account::Account;
use wachat::client::link::lists::fetch_history;
use wachat::client::link::lists::{fetch_chats, fetch_presence, fetch_rooms, fetch_users};
use wachat::client::link::protection::{ClearText, Protection};
use wachat::client::link::receiver::poll;
use wachat::client::link::request::LinkEvent;
use wachat::client::link::servers::Servers;
use wachat::client::link::session::Session;
use wachat::client::state::ClientState;
use wachat::limits;
use wachat::model::{Message, MessageId, Seq, Target, Text, Timestamp, UserName};
use wachat::protocol::{Event as ServerEvent, SessionOpened};

use crate::client::setting;

const SEND: &str = "OK;ana;wachat/1\n";
const RECV: &str = "OK;ana;wachat/1;0;store\n";

/// Answers the login, and every request with what `answer` returns, until the client closes. Returns the bytes that were
/// written into the connection.
fn serve(login: &'static str, mut answer: impl FnMut() -> String + Send + 'static) -> (Account, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut written = 0;
        let mut write = |mut stream: &TcpStream, text: &str| {
            let done = stream.write_all(text.as_bytes());
            written += text.len();
            done.is_ok()
        };
        let mut says = login.to_owned();
        for line in BufReader::new(&stream).lines() {
            if line.is_err() || !write(&stream, &says) {
                break;
            }
            says = answer();
        }
        written
    });
    let user = UserName::new("ana").expect("a name");
    let password = "palabra larga".to_owned();
    let account = Account {
        user,
        password,
        servers: Servers::one("127.0.0.1", port, port).into(),
        register: false,
        trace: None,
        protection: Protection::ClearText(ClearText::default()),
        device: None,
    };
    (account, server)
}

/// A list of this many records, of which the first ones are sent.
fn list(count: usize, records: impl Iterator<Item = String>) -> String {
    let records: Vec<_> = records.collect();
    format!("OK;{count}\n{}", records.concat())
}

fn message(number: usize, text: &str) -> String {
    format!("{number};MSG;m-{number};luis;ana;2026-11-20T23:59:00.123Z;{text}\n")
}

#[test]
fn a_list_of_more_records_than_were_asked_for_ends_the_connection() {
    let asked = limits::POLL_EVENTS;
    for (count, fits) in [(asked, true), (asked + 1, false), (1_000_000, false)] {
        let (account, server) = serve(RECV, move || list(count, (1..=count).map(|n| message(n, "hola"))));
        let (mut session, _) = Session::open_recv(&account).expect("a session");
        assert_eq!(poll(&mut session, Seq::ZERO, 0).is_ok(), fits, "{count} events");
        drop(session);
        server.join().expect("the server");
    }
    let luis = Target::parse("luis").expect("a name");
    for (count, fits) in [(7, true), (8, false)] {
        let record = |n| format!("{n};m-{n};luis;ana;2026-11-20T23:59:00.123Z;RECEIVED;hola\n");
        let (account, server) = serve(SEND, move || list(count, (1..=count).map(record)));
        let mut session = Session::open(&account).expect("a session");
        assert_eq!(fetch_history(&mut session, &luis, 7, None).is_ok(), fits, "{count} rows");
        drop(session);
        server.join().expect("the server");
    }
}

#[test]
fn a_list_of_more_bytes_than_a_reply_has_ends_the_connection() {
    let text = "x".repeat(limits::TEXT_BYTES);
    let count = limits::POLL_EVENTS;
    let (account, server) = serve(RECV, move || list(count, (1..=count).map(|n| message(n, &text))));
    let (mut session, _) = Session::open_recv(&account).expect("a session");
    assert!(poll(&mut session, Seq::ZERO, 0).is_err(), "6 MB in one reply");
    assert!(session.received < limits::LIST_BYTES + limits::LINE_BYTES as u64 + 100);
    drop(session);
    server.join().expect("the server");
}

/// A list: its name, how to fetch it (returns whether it was taken), and its records by their number.
type List = (&'static str, fn(&mut Session) -> bool, fn(usize) -> String);

#[test]
fn pages_without_end_end_the_connection() {
    let lists: [List; 4] = [
        ("users", |session| fetch_users(session).is_ok(), |n| format!("u{n:031};online;\n")),
        ("rooms", |session| fetch_rooms(session).is_ok(), |n| format!("#r{n:031};1;no\n")),
        ("chats", |session| fetch_chats(session).is_ok(), |n| format!("u{n:031};{};0;1\n", 9_000_000 - n)),
        ("presence", |session| fetch_presence(session).is_err(), |n| format!("u{n:031};online;\n")),
    ];
    for (what, fetch, record) in lists {
        let mut sent = 0;
        let (account, server) = serve(SEND, move || {
            sent += limits::PAGE_RECORDS;
            list(limits::PAGE_RECORDS, (sent - limits::PAGE_RECORDS..sent).map(record))
        });
        let mut session = Session::open(&account).expect("a session");
        assert!(!fetch(&mut session), "{what}");
        assert!(session.received <= limits::PAGES_BYTES + limits::LIST_BYTES, "{what}: {}", session.received);
        drop(session);
        server.join().expect("the server");
    }
}

/// Until a room is joined, what arrives is held back: a server that never answers the JOIN fills no memory with it.
#[test]
fn what_is_held_back_while_a_room_is_joined_has_few_bytes() {
    let setting = setting();
    let [ana, luis] = ["ana", "luis"].map(|name| UserName::new(name).expect("a name"));
    let at = Timestamp::from_millis(1);
    let context = Context { now: Instant::now(), at, random: 0 };
    let mut app = App::new(setting, ClientState::new(ana.clone()), context);
    let opened = SessionOpened { user: ana.clone(), acknowledged: Seq::ZERO, store: "store".into(), device: None };
    for event in
        [Event::Started(Ok(())), Event::Link(LinkEvent::LoggedIn(opened)), Event::Entered("/join #sala new".into())]
    {
        app.handle(event, context);
    }
    let text = Text::new(&"x".repeat(limits::TEXT_BYTES)).expect("a text");
    let mut held = 0;
    for number in 1..=300 {
        let seq = Seq::new(number).expect("a number");
        let id = MessageId::new(&format!("m-{number}")).expect("an id");
        let message = Message { seq, id, from: luis.clone(), to: Target::User(ana.clone()), at, text: text.clone() };
        let polled = LinkEvent::Polled(Ok(vec![ServerEvent::Message(Arc::new(message))]));
        held += text.as_str().len();
        let views = app.handle(Event::Link(polled), context).views;
        let shown = views.iter().filter(|view| matches!(view, View::Incoming(_))).count();
        held -= shown * text.as_str().len();
        assert!(number > 1 || held > 0, "the first message is held back");
        assert!(held <= limits::HELD_BYTES, "{held} bytes are held back");
    }
}
