//! The two threads of the client: which connection a request is said on, and what follows when one is gone.

use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};
use wachat::client::link::account::Account;
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::{Answer, LinkEvent, Request, Secret};
use wachat::client::link::session::Session;
use wachat::client::link::{receiver, sender};
use wachat::client::p2p::Listener;
use wachat::client::state::outgoing::Outgoing;
use wachat::model::{MessageId, Seq, Target, Text, Timestamp};
use wachat::protocol::Code;

use super::script::{LOGIN, LOGIN_RECV, play};
use crate::support::{TIMEOUT, wait_until};

const NEW: &str = "> LOGIN:ana:nueva y larga\n< OK;ana;wachat/1\n";

/// One of the threads, and its channels.
struct Thread<T> {
    requests: Sender<T>,
    reports: Receiver<LinkEvent>,
    thread: JoinHandle<()>,
}

impl<T: Send + 'static> Thread<T> {
    fn new(run: impl FnOnce(&Receiver<T>, &Sender<LinkEvent>) + Send + 'static) -> Self {
        let (requests, asked) = unbounded();
        let (told, reports) = unbounded();
        let thread = thread::spawn(move || run(&asked, &told));
        Self { requests, reports, thread }
    }

    fn ask(&self, request: T) -> LinkEvent {
        self.requests.send(request).expect("the thread");
        self.reports.recv_timeout(TIMEOUT).expect("a report")
    }

    /// The owner ends, and so does the thread.
    fn end(self) {
        drop(self.requests);
        self.thread.join().expect("the thread");
        assert!(self.reports.try_recv().is_err(), "a report too many");
    }
}

impl Thread<Request> {
    fn sender(account: Account, session: Option<Session>) -> Self {
        Self::new(move |asked, told| sender::run(&account, session, asked, told))
    }

    fn answer(&self, request: Request) -> Result<Answer, LinkError> {
        match self.ask(request.clone()) {
            LinkEvent::Answered(of, answer) => {
                assert_eq!(of, request);
                answer
            }
            other => panic!("{other:?}"),
        }
    }

    /// Returns how a request is answered, shortly.
    fn short(&self, request: Request) -> String {
        match self.answer(request) {
            Ok(Answer::Refused(ko)) => ko.code.to_string(),
            Ok(Answer::Accepted(accepted)) => format!("accepted {}", accepted.seq),
            Ok(answer) => format!("{answer:?}"),
            Err(LinkError::Away(_)) => "away".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    }
}

fn luis() -> Target {
    Target::parse("luis").expect("a name")
}

fn send() -> Request {
    let id = MessageId::new("m-1").expect("an id");
    let text = Text::new("hola").expect("a text");
    Request::Send(Outgoing { id, to: luis(), at: Timestamp::from_millis(0), text }, Seq::ZERO)
}

fn read() -> Request {
    Request::Read(luis(), Seq::ZERO)
}

fn passwd() -> Request {
    Request::Passwd(Secret("palabra larga".to_owned()), Secret("nueva y larga".to_owned()))
}

const READ: &str = "> READ;luis;0\n< OK\n";
const SENT: &str = "> SEND;m-1;luis;hola\n< OK;m-1;RECEIVED;2026-11-20T23:55:00.123Z;7\n";

#[test]
fn requests_share_a_connection_until_it_is_gone() {
    let script = play([format!("{LOGIN}{READ}{SENT}{READ}"), format!("{LOGIN}{READ}>")]);
    let sender = Thread::sender(script.account.clone(), None);
    assert_eq!(
        [read(), send(), read(), read()].map(|request| sender.short(request)),
        ["Done", "accepted 7", "Done", "Done"]
    );
    sender.end();
    script.end();
}

#[test]
fn a_message_that_may_have_arrived_on_the_old_connection_is_looked_for_first() {
    let found = "> HISTORY;luis;50\n< OK;1\n< 7;m-1;ana;luis;2026-11-20T23:55:00.123Z;READ;hola\n";
    let missing = format!("> HISTORY;luis;50\n< OK;0\n{SENT}");
    for looked in [found, &missing] {
        let script = play([format!("{LOGIN}{READ}> SEND;m-1;luis;hola\n"), format!("{LOGIN}{looked}{READ}>")]);
        let sender = Thread::sender(script.account.clone(), None);
        assert_eq!([read(), send(), read()].map(|request| sender.short(request)), ["Done", "accepted 7", "Done"]);
        sender.end();
        script.end();
    }
}

#[test]
fn a_request_that_fails_on_a_new_connection_is_not_repeated_here() {
    for (request, line) in [(send(), "SEND;m-1;luis;hola"), (read(), "READ;luis;0")] {
        let script = play([format!("{LOGIN}> {line}\n"), format!("{LOGIN}{SENT}>")]);
        let sender = Thread::sender(script.account.clone(), None);
        assert_eq!([request, send()].map(|request| sender.short(request)), ["away", "accepted 7"]);
        sender.end();
        script.end();
    }
}

#[test]
fn a_connection_that_the_start_has_made_is_used_first() {
    let script = play([format!("{LOGIN}{READ}>")]);
    let session = Session::open(&script.account).expect("a session");
    let sender = Thread::sender(script.account.clone(), Some(session));
    assert_eq!(sender.short(read()), "Done");
    sender.end();
    script.end();
}

#[test]
fn what_a_last_line_says_is_told_and_the_next_request_begins_anew() {
    for (code, wanted) in [(Code::Auth, "LoggedOut"), (Code::Replaced, "Replaced")] {
        let script = play([format!("{LOGIN}{READ}> READ;luis;0\n< KO;{code};x\n"), format!("{LOGIN}{READ}>")]);
        let sender = Thread::sender(script.account.clone(), None);
        assert_eq!([read(), read(), read()].map(|request| sender.short(request)), ["Done", wanted, "Done"]);
        sender.end();
        script.end();
    }
}

#[test]
fn an_idle_connection_is_given_back() {
    let script = play([format!("{LOGIN}{READ}> QUIT\n>"), format!("{LOGIN}{READ}>")]);
    let sender = Thread::sender(script.account.clone(), None);
    assert_eq!(sender.short(read()), "Done");
    script.wait_until_over(1);
    assert_eq!(sender.short(read()), "Done");
    sender.end();
    script.end();
}

#[test]
fn a_new_password_is_that_of_the_next_login() {
    let change = "> PASSWD;palabra larga;nueva y larga\n";
    let login = |password: &str, told: &str| format!("> LOGIN:ana:{password}\n< {told}\n");
    let wrong = login("nueva y larga", "KO;AUTH;x");
    // The answer to PASSWD, the logins that follow, what is told, and the login of the next request.
    let cases = [
        (vec![format!("{LOGIN}{change}< OK\n{READ}")], "Done", NEW),
        (vec![format!("{LOGIN}{change}< KO;PASSWORD;x\n>")], "PASSWORD", LOGIN),
        (vec![format!("{LOGIN}{change}"), format!("{NEW}{READ}")], "Done", NEW),
        (vec![format!("{LOGIN}{change}"), wrong.clone()], "away", LOGIN),
        (vec![format!("{LOGIN}{change}< KO;AUTH;x\n"), wrong], "AUTH", LOGIN),
        (vec![format!("{LOGIN}{change}< KO;AUTH;x\n"), format!("{NEW}{READ}")], "Done", NEW),
    ];
    for (connections, told, next) in cases {
        // An idle connection may be closed already: it is not used.
        let idle = format!("{LOGIN}{READ}> QUIT\n>");
        let script = play([vec![idle], connections, vec![format!("{next}{READ}>")]].concat());
        let sender = Thread::sender(script.account.clone(), None);
        assert_eq!([read(), passwd()].map(|request| sender.short(request)), ["Done", told]);
        if told == "Done" {
            assert_eq!(sender.short(read()), "Done", "on the connection that is there");
        }
        assert_eq!(sender.short(read()), "Done");
        sender.end();
        script.end();
    }
}

fn poll(after: u64, wait: u64) -> Receive {
    Receive::Poll { after: Seq::new(after).expect("a number"), wait }
}

#[test]
fn the_receiver_logs_in_and_polls_when_it_is_told_to() {
    let event = "7;MSG;m-1;luis;ana;2026-11-20T23:55:00.123Z;hola";
    let other = "> LOGIN:ana:nueva y larga\n< OK;ana;wachat/1;7;other\n";
    let script = play([
        format!("{LOGIN_RECV}> POLL;3;4;100\n< OK;1\n< {event}\n> POLL;7;0;100\n< KO;SEQ;x\n>"),
        format!("{other}> POLL;7;0;100\n< KO;REPLACED;x\n"),
        "> LOGIN:ana:nueva y larga\n< KO;AUTH;x".to_owned(),
    ]);
    let account = script.account.clone();
    let receiver = Thread::new(move |asked, told| receiver::run(&account, None, asked, told));
    assert!(matches!(receiver.ask(poll(3, 4)), LinkEvent::ReceiverFailed(LinkError::Away(_))), "there is no session");
    let LinkEvent::LoggedIn(opened) = receiver.ask(Receive::LogIn) else { panic!("a session") };
    assert_eq!((opened.acknowledged.get(), &*opened.store), (3, "store"));
    let LinkEvent::Polled(Ok(events)) = receiver.ask(poll(3, 4)) else { panic!("events") };
    assert_eq!(events.iter().map(|event| event.seq().get()).collect::<Vec<_>>(), [7]);
    assert!(matches!(receiver.ask(poll(7, 0)), LinkEvent::Polled(Err(ko)) if ko.code == Code::Seq));
    receiver.requests.send(Receive::UsePassword(Secret("nueva y larga".to_owned()))).expect("the thread");
    let LinkEvent::LoggedIn(opened) = receiver.ask(Receive::LogIn) else { panic!("a session") };
    assert_eq!((opened.acknowledged.get(), &*opened.store), (7, "other"));
    assert!(matches!(receiver.ask(poll(7, 0)), LinkEvent::ReceiverFailed(LinkError::Replaced)));
    assert!(matches!(receiver.ask(Receive::LogIn), LinkEvent::ReceiverFailed(LinkError::Refused(_))));
    assert!(matches!(receiver.ask(poll(7, 0)), LinkEvent::ReceiverFailed(LinkError::Away(_))), "no session is left");
    receiver.end();
    script.end();
}

#[test]
fn the_port_of_direct_chats_is_told_at_each_login_and_a_refusal_of_it_changes_nothing() {
    let login = |told: &str| format!("{LOGIN_RECV}> PORT;0\n< {told}\n> POLL;3;0;100\n< OK;0\n>");
    let script = play([login("OK"), login("KO;SYNTAX;x")]);
    // The only port is taken: no direct chats are.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its number").port();
    let listener = Listener::new(port..=port, unbounded().0, None);
    let account = script.account.clone();
    let receiver = Thread::new(move |asked, told| receiver::run(&account, Some(listener), asked, told));
    for _ in 0..2 {
        assert!(matches!(receiver.ask(Receive::LogIn), LinkEvent::LoggedIn(_)));
        assert!(matches!(receiver.ask(poll(3, 0)), LinkEvent::Polled(Ok(events)) if events.is_empty()));
    }
    receiver.end();
    script.end();
}

#[test]
fn a_thread_whose_reports_nobody_reads_ends() {
    let script = play([format!("{LOGIN}{READ}>"), format!("{LOGIN_RECV}>")]);
    let account = script.account.clone();
    let sender = Thread::sender(script.account.clone(), None);
    let Thread { requests, reports, thread } = sender;
    drop(reports);
    requests.send(read()).expect("the thread");
    wait_until("the end of the sender", || thread.is_finished());
    let receiver = Thread::new(move |asked, told| receiver::run(&account, None, asked, told));
    let Thread { requests, reports, thread } = receiver;
    drop(reports);
    requests.send(Receive::LogIn).expect("the thread");
    wait_until("the end of the receiver", || thread.is_finished());
    script.end();
}
