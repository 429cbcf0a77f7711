//! The connections of direct chats, in this process: two networks that call each other, and peers that speak by hand.
//! Every line that comes is reported once, every answer leaves, and every end says why.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};

use crate::client::stage::user;
use crate::support::{TIMEOUT, wait_until};
use wachat::client::p2p::Listener;
use wachat::client::p2p::event::{Action, DirectEvent};
use wachat::client::p2p::network::Network;
use wachat::limits;
use wachat::model::{MessageId, Text, Token};
use wachat::protocol::{DirectLine, Peer};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Luis, who listens.
struct Callee {
    network: Network,
    _listener: Listener,
    port: u16,
}

fn next(network: &mut Network) -> DirectEvent {
    let report = network.arriving.recv_timeout(TIMEOUT).expect("a report");
    network.note(report)
}

fn id(text: &str) -> MessageId {
    MessageId::new(text).unwrap()
}

fn peer(port: u16, token: &str) -> Peer {
    Peer { address: HERE, port, token: Token::parse(token).unwrap(), fingerprint: None }
}

impl Callee {
    fn new() -> Self {
        let network = Network::new(user("luis"), None);
        let mut listener = Listener::new(0..=0, network.reports.clone(), None);
        let port = listener.listen_on(HERE).unwrap();
        Self { network, _listener: listener, port }
    }

    /// The next caller; returns its number, name and token.
    fn called(&mut self) -> (u64, String, String) {
        match next(&mut self.network) {
            DirectEvent::Called { number, caller, proof } => {
                assert_eq!(proof.fingerprint, None);
                (number, caller.to_string(), proof.token.to_string())
            }
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, number: u64, line: DirectLine) {
        self.network.carry_out(Action::Answer { number, line });
    }

    /// A caller by hand, whom luis has admitted.
    fn caller_by_hand(&mut self) -> (u64, BufReader<TcpStream>) {
        let stream = TcpStream::connect((HERE, self.port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        (&stream).write_all(b"HELLO:ana:token-1\n").unwrap();
        let (number, ..) = self.called();
        self.answer(number, DirectLine::Admitted);
        let mut lines = BufReader::new(stream);
        assert_eq!(line(&mut lines), "OK\n");
        (number, lines)
    }

    fn closed(&mut self) -> (u64, String) {
        match next(&mut self.network) {
            DirectEvent::Closed { number, why } => (number, why),
            other => panic!("{other:?}"),
        }
    }
}

fn line(lines: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line
}

fn say(network: &mut Network, number: u64, name: &str, text: &str) {
    network.carry_out(Action::Say { number, id: id(name), text: Text::new(text).unwrap() });
}

#[test]
fn two_networks_carry_lines_both_ways_and_confirm_each() {
    let mut ana = Network::new(user("ana"), None);
    let mut luis = Callee::new();
    ana.carry_out(Action::Connect { peer: user("luis"), at: peer(luis.port, "token-7") });
    let (theirs, caller, token) = luis.called();
    assert_eq!((caller.as_str(), token.as_str()), ("ana", "token-7"));
    luis.answer(theirs, DirectLine::Admitted);
    let DirectEvent::Connected { number: mine, peer } = next(&mut ana) else { panic!("not connected") };
    assert_eq!(peer, user("luis"));
    for (name, text) in [("one", "hola; \"qué\""), ("two", "\n\\"), ("three", "")] {
        say(&mut ana, mine, name, text);
        match next(&mut luis.network) {
            DirectEvent::Said { number, id: said, text: heard } => {
                assert_eq!((number, said, heard.as_str()), (theirs, id(name), text));
            }
            other => panic!("{other:?}"),
        }
        luis.answer(theirs, DirectLine::Acknowledged(id(name)));
        let confirmed = next(&mut ana);
        let is_mine = |number, confirmed: &MessageId| number == mine && *confirmed == id(name);
        assert!(matches!(&confirmed, DirectEvent::Confirmed { number, id } if is_mine(*number, id)), "{confirmed:?}");
    }
    say(&mut luis.network, theirs, "back", "and back");
    assert!(matches!(next(&mut ana), DirectEvent::Said { number, .. } if number == mine));
    ana.carry_out(Action::Close { number: mine });
    assert!(matches!(next(&mut ana), DirectEvent::Closed { number, .. } if number == mine));
    assert_eq!(luis.closed(), (theirs, String::new()), "the peer just left");
    // A closed connection takes nothing more, and reports nothing more.
    say(&mut ana, mine, "late", "late");
    assert!(ana.arriving.is_empty() && luis.network.arriving.is_empty());
}

#[test]
fn a_caller_who_is_refused_is_told_why_and_the_callee_forgets_the_call() {
    let mut ana = Network::new(user("ana"), None);
    let mut luis = Callee::new();
    ana.carry_out(Action::Connect { peer: user("luis"), at: peer(luis.port, "token-7") });
    let (number, ..) = luis.called();
    luis.answer(number, DirectLine::refusal());
    match next(&mut ana) {
        DirectEvent::Unreachable { peer, why } => {
            assert_eq!((peer, why.as_str()), (user("luis"), "no caller with this name and token is expected"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(luis.closed(), (number, String::new()));
}

/// Answers of a peer to a call, and the line that the user is shown.
#[test]
fn whatever_else_answers_a_call_is_reported_as_such() {
    for (answer, why) in [
        ("OK;d-1\n", "what answers there is no wachat"),
        ("HTTP/1.1 400 Bad Request\n", "what answers there is no wachat"),
        ("SEND;a;hola\n", "what answers there is no wachat"),
        ("", "no answer came"),
        ("O", "no answer came"),
        ("KO;AUTH;not you\n", "not you"),
    ] {
        let mut ana = Network::new(user("ana"), None);
        let door = TcpListener::bind((HERE, 0)).unwrap();
        let port = door.local_addr().unwrap().port();
        ana.carry_out(Action::Connect { peer: user("luis"), at: peer(port, "token-7") });
        let mut lines = BufReader::new(door.accept().unwrap().0);
        assert_eq!(line(&mut lines), "HELLO:ana:token-7\n");
        lines.get_mut().write_all(answer.as_bytes()).unwrap();
        drop(lines);
        let DirectEvent::Unreachable { why: told, .. } = next(&mut ana) else { panic!("{answer}") };
        let at = if answer.starts_with("KO") { String::new() } else { format!("127.0.0.1:{port}: ") };
        assert_eq!(told, format!("{at}{why}"), "{answer:?}");
    }
    let port = TcpListener::bind((HERE, 0)).unwrap().local_addr().unwrap().port();
    let mut ana = Network::new(user("ana"), None);
    ana.carry_out(Action::Connect { peer: user("luis"), at: peer(port, "token-7") });
    let refused = next(&mut ana);
    let is_named = |why: &str| why.starts_with(&format!("127.0.0.1:{port}: "));
    assert!(matches!(&refused, DirectEvent::Unreachable { why, .. } if is_named(why)), "{refused:?}");
}

#[test]
fn a_line_that_is_none_is_answered_and_the_chat_goes_on() {
    let mut luis = Callee::new();
    let (number, mut lines) = luis.caller_by_hand();
    for wrong in ["NOTHING\n", "SEND;one\n", "SEND;;text\n", "SEND;a;b;c\n", "\"open\n", "\u{1}\n"] {
        lines.get_mut().write_all(wrong.as_bytes()).unwrap();
        assert!(line(&mut lines).starts_with("KO;SYNTAX;"), "{wrong}");
    }
    lines.get_mut().write_all(b"OK\nOK;d-1\nsend;d-2;hola\r\n").unwrap();
    assert!(matches!(next(&mut luis.network), DirectEvent::Confirmed { id: said, .. } if said == id("d-1")));
    assert!(matches!(next(&mut luis.network), DirectEvent::Said { id: said, .. } if said == id("d-2")));
    luis.answer(number, DirectLine::Acknowledged(id("d-2")));
    assert_eq!(line(&mut lines), "OK;d-2\n");
}

#[test]
fn an_end_of_the_chat_says_what_the_peer_has_said() {
    let too_long = format!("SEND;d-1;{}\n", "x".repeat(limits::LINE_BYTES));
    for (last, why) in [
        ("KO;QUOTA;full\n", "the other side takes no more from you today"),
        ("KO;AUTH;not you\n", "not you"),
        ("KO;SOMETHING;of a later version\n", "of a later version"),
        (too_long.as_str(), "a line came that is too long"),
        ("", ""),
    ] {
        let mut luis = Callee::new();
        let (number, mut lines) = luis.caller_by_hand();
        // Luis may close while a long line is being written.
        let _ = lines.get_mut().write_all(last.as_bytes());
        if last.is_empty() {
            drop(lines);
        }
        assert_eq!(luis.closed(), (number, why.to_owned()), "{:.20}", last);
    }
}

#[test]
fn an_answer_that_ends_the_chat_arrives_before_the_end() {
    let mut luis = Callee::new();
    let (number, mut lines) = luis.caller_by_hand();
    lines.get_mut().write_all(b"SEND;d-1;hola\nSEND;d-2;more\n").unwrap();
    assert!(matches!(next(&mut luis.network), DirectEvent::Said { .. }));
    luis.answer(number, DirectLine::parse(b"KO;QUOTA;no more").unwrap());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "KO;QUOTA;no more\n", "and nothing of the second line");
    drop(lines);
    assert_eq!(luis.closed(), (number, String::new()));
}

/// Returns whether a connection is read, and not closed at once.
fn is_let_in(port: u16) -> bool {
    let stream = TcpStream::connect((HERE, port)).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let _ = (&stream).write_all(b"LOGIN:ana:x\n");
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).is_ok() && answer.starts_with("KO;AUTH;")
}

#[test]
fn a_caller_who_is_accepted_or_gone_leaves_the_place_to_another() {
    for is_accepted in [true, false] {
        let mut luis = Callee::new();
        let mut callers: Vec<_> = (0..limits::CALLERS_PER_ADDRESS).map(|_| luis.caller_by_hand()).collect();
        assert!(!is_let_in(luis.port), "there is no place");
        if is_accepted {
            luis.network.carry_out(Action::Accept { number: callers[0].0 });
        } else {
            let (number, lines) = callers.remove(0);
            drop(lines);
            assert_eq!(luis.closed(), (number, String::new()));
        }
        wait_until("a place", || is_let_in(luis.port));
    }
}

#[test]
fn a_listener_follows_its_address_and_takes_the_first_free_port() {
    let network = Network::new(user("luis"), None);
    let other = IpAddr::from([127, 0, 0, 2]);
    let taken = TcpListener::bind((HERE, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut listener = Listener::new(port..=port, network.reports.clone(), None);
    assert_eq!(listener.listen_on(HERE), None, "the only port is taken");
    assert_eq!(listener.listen_on(other), Some(port));
    assert_eq!(listener.listen_on(other), Some(port), "it is the same address");
    assert!(TcpStream::connect((other, port)).is_ok());
    drop(taken);
    assert_eq!(listener.listen_on(HERE), Some(port));
    assert!(TcpStream::connect((HERE, port)).is_ok());
    wait_until("the old port to be closed", || TcpStream::connect((other, port)).is_err());
}
