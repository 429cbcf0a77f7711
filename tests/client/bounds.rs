//! The memory of a client is bounded in number and in bytes: its outbox, and the conversations that a server names.

use std::sync::Arc;
use std::time::Instant;

use wachat::client::app::App;
use wachat::client::app::event::{Context, Event};
use wachat::client::app::view::View;
use wachat::client::link::request::LinkEvent;
use wachat::client::state::ClientState;
use wachat::client::state::home::{self, Home, Use};
use wachat::client::state::outgoing::Outgoing;
use wachat::disk::{Disk, RealDisk};
use wachat::limits;
use wachat::model::{Message, MessageId, Seq, State, Target, Text, Timestamp};
use wachat::protocol::{Chat, Code, Event as ServerEvent, Ko, SessionOpened};

use crate::client::setting;
use crate::support::World;
use crate::support::clients::{all_output, exit_code};
use crate::support::values::user;

fn at() -> Timestamp {
    Timestamp::from_millis(1)
}

fn seq(number: usize) -> Seq {
    Seq::new(number as u64).expect("a number")
}

/// Ana's app, logged in to a server that the test plays, and a number for each event.
struct Client {
    app: App,
    context: Context,
    last: usize,
}

impl Client {
    fn new(state: ClientState) -> Self {
        let setting = setting();
        let context = Context { now: Instant::now(), at: at(), random: 0 };
        let mut client = Self { app: App::new(setting, state, context), context, last: 0 };
        let opened = SessionOpened { user: user("ana"), acknowledged: Seq::ZERO, store: "store".into(), device: None };
        client.handle(Event::Started(Ok(())));
        client.handle(Event::Link(LinkEvent::LoggedIn(opened)));
        client
    }

    /// Handles an event, and returns the problems that are shown.
    fn handle(&mut self, event: Event) -> Vec<String> {
        self.context.random += 1;
        let views = self.app.handle(event, self.context).views;
        let problem = |view| if let View::Problem(text) = view { Some(text) } else { None };
        views.into_iter().filter_map(problem).collect()
    }

    fn type_to_luis(&mut self, text: &str) -> Vec<String> {
        self.handle(Event::Entered(format!("@luis: {text}")))
    }

    /// The server says that these users have written.
    fn poll(&mut self, from: impl Iterator<Item = usize>) -> Vec<String> {
        let messages = from.map(|number| {
            self.last += 1;
            let from = user(&invented(number));
            let to = Target::User(user("ana"));
            let id = MessageId::new(&format!("m-{}", self.last)).expect("an id");
            let text = Text::new("hola").expect("a text");
            ServerEvent::Message(Arc::new(Message { seq: seq(self.last), id, from, to, at: at(), text }))
        });
        let events = messages.collect();
        self.handle(Event::Link(LinkEvent::Polled(Ok(events))))
    }

    fn kept(&self, most: usize) -> usize {
        (0..most).filter(|number| self.app.state().knows(&Target::User(user(&invented(*number))))).count()
    }
}

/// The name of a user whom a hostile server invents.
fn invented(number: usize) -> String {
    format!("u{number:06}")
}

#[test]
fn an_outbox_is_bounded_in_bytes_and_in_number_and_the_error_says_what_to_do() {
    for (text, most) in [
        ("x".repeat(limits::TEXT_BYTES), limits::OUTBOX_BYTES / (limits::TEXT_BYTES + limits::ROW_BYTES)),
        ("hola".to_owned(), limits::OUTBOX_MESSAGES),
    ] {
        let mut client = Client::new(ClientState::new(user("ana")));
        for number in 0..most {
            assert_eq!(client.type_to_luis(&text), [""; 0], "message {number} of {most}");
        }
        let problems = client.type_to_luis(&text);
        assert!(problems.len() == 1 && problems[0].contains("10000 messages or 16 MiB"), "{problems:?}");
        assert!(problems[0].contains("then send this again"), "{problems:?}");
        assert_eq!(client.app.state().outbox().len(), most);
    }
}

/// Room comes back with each message that the server has.
#[test]
fn an_outbox_that_was_full_takes_as_much_again() {
    let text = "x".repeat(limits::TEXT_BYTES);
    let mut state = ClientState::new(user("ana"));
    for number in 0..300 {
        let message = long(number, &text);
        state.queue(message.clone());
        state.accept(&message.id, at(), seq(1 + number));
        let refused = long(1_000 + number, &text);
        state.queue(refused.clone());
        state.fail(&refused.id, &Ko::new(Code::NoUser, "there is no such user"));
    }
    let most = limits::OUTBOX_BYTES / (limits::TEXT_BYTES + limits::ROW_BYTES);
    let fits = |state: &ClientState, number| state.outbox().has_room(&long(number, &text));
    for number in 0..most {
        assert!(fits(&state, 2_000 + number), "message {number} of {most}");
        state.queue(long(2_000 + number, &text));
    }
    assert!(!fits(&state, 3_000));
}

fn long(number: usize, text: &str) -> Outgoing {
    let id = MessageId::new(&format!("id-{number}")).expect("an id");
    Outgoing { id, to: Target::parse("#lobby").expect("a room"), at: at(), text: Text::new(text).expect("a text") }
}

/// An outbox beyond the limit, as an older version could leave it, loads and drains: the limit is for new messages.
#[test]
fn a_larger_outbox_of_an_older_version_drains() {
    let count = limits::OUTBOX_BYTES / limits::TEXT_BYTES + 5;
    let mut world = World::new(&["--no-limits"]);
    world.register_clients(&["ana", "luis"]);
    world.kill();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let path = home::directory(&world.path("home"), &user("ana"), &format!("127.0.0.1:{}", world.send_port));
    let mut home = Home::open(&disk, &path, &user("ana"), Use::Person).expect("a home");
    let text = "x".repeat(limits::TEXT_BYTES);
    for number in 0..count {
        home.state.queue(long(number, &text));
        home.commit().expect("a commit");
        home.files.make_checkpoint_when_due(&mut home.state).expect("a checkpoint");
    }
    drop(home);
    let away = world.pipe("ana", "@luis: one more\n", &[]);
    assert!(all_output(&away).contains("outbox is full (10000 messages or 16 MiB)"), "{}", all_output(&away));
    let world = world.start();
    let there = world.pipe("ana", "@luis: one more\n", &[]);
    assert_eq!(exit_code(&there), 0, "{}", all_output(&there));
    let sent = world.texts("ana", "OUT");
    assert_eq!(sent.iter().filter(|sent| **sent == text).count(), count);
    assert_eq!((sent.len(), sent.last().map(String::as_str)), (count + 1, Some("one more")));
}

#[test]
fn ever_new_senders_fill_no_memory_and_those_who_are_known_are_heard() {
    let mut client = Client::new(ClientState::new(user("ana")));
    let most = limits::CONVERSATIONS;
    let page = limits::POLL_EVENTS;
    let mut problems = Vec::new();
    for first in (0..most + 5 * page).step_by(page) {
        problems.extend(client.poll(first..first + page));
    }
    let kept = client.kept(most + 5 * page);
    assert!(kept <= most && kept > most - page, "{kept} conversations");
    assert!(problems.len() == 1 && problems[0].contains("10000 conversations, its limit"), "{problems:?}");
    assert!(problems[0].contains("wachat history u0"), "{problems:?}");
    // All are acknowledged, and who has a conversation is heard.
    let before = client.app.state().unshown().count();
    client.poll([most + 7_777, 0, most + 7_778, 1].into_iter());
    assert_eq!(client.app.state().unshown().count(), before + 2);
    assert_eq!(client.app.state().position(), seq(client.last));
    // States of messages that were never sent make no conversation, either.
    let state = |number| ServerEvent::State {
        seq: seq(client.last + 1 + number),
        target: Target::User(user(&invented(20_000 + number))),
        state: State::Read,
        upto: seq(1),
        at: at(),
    };
    let states = (0..page).map(state).collect();
    client.handle(Event::Link(LinkEvent::Polled(Ok(states))));
    assert_eq!(client.kept(30_000), kept);
    // The user begins a conversation all the same.
    assert_eq!(client.type_to_luis("hola"), [""; 0]);
}

#[test]
fn a_list_of_conversations_without_end_fills_no_memory_and_those_that_are_here_are_compared() {
    let mut state = ClientState::new(user("ana"));
    let hola = |number: usize, seq| {
        let id = MessageId::new(&format!("m-{number}")).expect("an id");
        let text = Text::new("hola").expect("a text");
        Message { seq, id, from: user(&invented(number)), to: Target::User(user("ana")), at: at(), text }
    };
    state.note_login("store", Seq::ZERO);
    state.take_in((0..10).map(|number| ServerEvent::Message(Arc::new(hola(number, seq(1 + number))))).collect());
    for count in [0, 1] {
        // The conversations that are here come last.
        let chat = |number| Chat {
            target: Target::User(user(&invented(number))),
            last: seq(50),
            read: Seq::ZERO,
            count: if number < 10 { 2 } else { count },
            erased: 0,
        };
        let chats: Vec<_> = (0..3 * limits::CONVERSATIONS).rev().map(chat).collect();
        let missing = state.compare(&chats, false, seq(100));
        let known = (0..chats.len()).filter(|number| state.knows(&Target::User(user(&invented(*number))))).count();
        let new = missing.iter().filter(|missing| !state.knows(&missing.target)).count();
        assert!(known + new <= limits::CONVERSATIONS, "{known} and {new} more");
        let here = missing.iter().filter(|missing| missing.target.to_string() < invented(10)).count();
        assert_eq!(here, 10, "conversations that are here");
    }
}
