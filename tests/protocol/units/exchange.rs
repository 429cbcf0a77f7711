//! The exchange as an observer reads it: which line answers which request, and what a line says by itself.

use wachat::model::Seq;
use wachat::protocol::exchange::{Line, Request, SentEvents, Verb};
use wachat::protocol::request::ListRequest as _;
use wachat::protocol::{After, Code, Codec as _, Event, Port};

/// A request of each command.
const SEND_REQUESTS: &str = "SEND;m-1;luis;hola READ;luis;1 STATUS;luis;1 HISTORY;luis ERASE;luis;1 CHATS USERS JOIN;#sala LEAVE;#sala \
     ROOMS MEMBERS;#sala ROOM;#sala;open TOPIC;#sala;hoy INVITE;#sala;luis KICK;#sala;luis OWNER;#sala;luis PEER;luis PERMIT PASSWD;palabra;otra EMAIL;ana@example.org \
     SESSIONS DEVICES LOGOUT;7 SERVERS PING HELP QUIT";
const RECV_REQUESTS: &str = "POLL;0 PORT;0 KEY PING QUIT";

#[test]
fn a_request_with_a_limit_of_records_is_answered_by_a_list_and_no_other() {
    let requests = [(Port::Send, SEND_REQUESTS), (Port::Recv, RECV_REQUESTS)];
    let mut verbs = Vec::new();
    for (port, line) in requests.iter().flat_map(|(port, lines)| lines.split(' ').map(move |line| (*port, line))) {
        let most = match Request::parse(port, line.as_bytes()).expect("a request") {
            Request::Send(request) => request.most_records(),
            Request::Recv(request) => request.most_records(),
        };
        let verb = Verb::of(line.as_bytes());
        assert_eq!(verb.records_after(b"OK;3"), if most > 0 { 3 } else { 0 }, "{line}");
        assert_eq!((verb.records_after(b"KO;RATE;3"), verb.records_after(b"OK;many")), (0, 0), "{line}");
        verbs.push(verb);
    }
    let commands: Vec<_> = Verb::all().filter(|verb| !verb.is_login()).collect();
    assert_eq!(verbs, commands);
}

#[test]
fn a_ko_that_closes_answers_a_login_line_alone_and_auth_a_passwd_as_well() {
    let [send, passwd, login] =
        ["SEND;m-1;luis;hola", "passwd;a;b", "register:ana:x"].map(|line| Verb::of(line.as_bytes()));
    for code in Code::all() {
        let line = format!("KO;{code};why");
        let answers = |verb: Verb| verb.is_answered_by(line.as_bytes());
        assert!(answers(login), "{code}");
        assert_eq!(answers(send), !code.closes(), "{code}");
        assert_eq!(answers(passwd), !code.closes() || code == Code::Auth, "{code}");
        assert_eq!(answers(Verb::Unknown), answers(send), "{code}");
    }
    assert!(send.is_answered_by(b"OK;m-1"));
}

#[test]
fn a_verb_is_read_in_either_case_and_in_quotes_and_a_login_has_a_colon() {
    for (line, word) in [
        ("poll;0", "POLL"),
        ("\"POLL\";0", "POLL"),
        ("SEND;\"open", "SEND"),
        ("Login:ana:x;y", "LOGIN"),
        ("REGISTER:ana", "REGISTER"),
        ("LOGIN;ana;x", ""),
        ("SEND:m-1", ""),
        ("POLLS;0", ""),
        ("", ""),
    ] {
        assert_eq!(Verb::of(line.as_bytes()).word(), word, "{line}");
    }
}

#[test]
fn a_poll_of_all_acknowledges_the_last_event_that_was_sent() {
    let mut sent = SentEvents::default();
    assert_eq!(sent.acknowledged_by(After::AllSent), Seq::ZERO);
    for line in ["7;MSG;m-1;ana;luis;2026-11-20T23:55:00.123Z;hola", "0;ONLINE;ana;2026-11-20T23:55:00.123Z", "9;LATER"]
    {
        let Line::Event(event) = Line::read(Port::Recv, line.as_bytes()) else { panic!("{line}") };
        assert_eq!(Event::parse(line.as_bytes()).as_ref(), Ok(&event));
        sent.add(&event);
    }
    assert_eq!(sent.acknowledged_by(After::AllSent).get(), 9);
    assert_eq!(sent.acknowledged_by(After::Number(Seq::ZERO)), Seq::ZERO);
    assert_eq!(Line::read(Port::Send, b"7;MSG;m-1;ana;luis;2026-11-20T23:55:00.123Z;hola"), Line::Other);
}
