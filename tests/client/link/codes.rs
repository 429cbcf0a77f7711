//! Meaning of each code to the client: as the answer to a login, to a request, and as the last line of a connection.

use std::time::{Duration, Instant};

use wachat::client::exit::{Exit, Failure};
use wachat::client::link::account::Account;
use wachat::client::link::error::LinkError;
use wachat::client::link::perform::perform;
use wachat::client::link::request::{Answer, Request};
use wachat::client::link::session::{Availability, Session, find_availability};
use wachat::limits;
use wachat::model::{Seq, Target};
use wachat::protocol::Code;

use super::script::{LOGIN, LOGIN_RECV, play};

/// Consequence of an error between client and server.
fn kind(error: &LinkError) -> &'static str {
    match error {
        LinkError::Away(_) => "away",
        LinkError::Redirected(_) => "redirected",
        LinkError::NoneLeads(_) => "none leads",
        LinkError::Refused(_) => "refused",
        LinkError::Untrusted(_) => "untrusted",
        LinkError::Replaced => "replaced",
        LinkError::LoggedOut => "logged out",
        LinkError::KeyEnded => "key ended",
        LinkError::NoDevices => "no devices",
    }
}

fn exit(error: LinkError) -> Exit {
    Failure::from(error).0
}

/// Protocol, section 3: RATE says that a later try may succeed, and so do the codes of a server that has no place, no
/// time or is not well.
fn login_meaning(code: Code) -> (&'static str, Exit) {
    match code {
        Code::Rate | Code::Full | Code::Timeout | Code::Shutdown | Code::Internal => ("away", Exit::Away),
        Code::Replaced => ("replaced", Exit::Failed),
        _ => ("refused", Exit::Refused),
    }
}

/// Sections 1 and 4: these codes close a connection, and answer no request.
fn last_line_meaning(code: Code) -> Option<(&'static str, Exit)> {
    match code {
        Code::Replaced => Some(("replaced", Exit::Failed)),
        Code::Auth => Some(("logged out", Exit::Failed)),
        Code::Banned => Some(("refused", Exit::Refused)),
        Code::TooLong | Code::Timeout | Code::Shutdown | Code::Internal => Some(("away", Exit::Away)),
        _ => None,
    }
}

#[test]
fn a_ko_to_a_login_line_is_a_refusal_or_a_reason_to_come_again() {
    for code in Code::all() {
        let script = play([format!("> LOGIN:ana:palabra larga\n< KO;{code};why not")]);
        let error = Session::open(&script.account).map(drop).expect_err("a refusal");
        let (wanted, with) = login_meaning(code);
        assert_eq!(kind(&error), wanted, "{code} on SEND");
        assert!(!matches!(&error, LinkError::Refused(ko) if (ko.code, ko.text.as_str()) != (code, "why not")));
        assert_eq!(exit(error), with, "{code}");
        script.end();
        let script = play([format!("> LOGIN:ana:palabra larga\n< KO;{code};why not")]);
        let error = Session::open_recv(&script.account).map(drop).expect_err("a refusal");
        assert_eq!(kind(&error), wanted, "{code} on RECV");
        script.end();
    }
}

#[test]
fn a_ko_to_a_request_is_its_answer_unless_it_closes_the_connection() {
    let request = Request::Read(Target::parse("luis").expect("a name"), Seq::ZERO);
    for code in Code::all().filter(|code| *code != Code::Rate) {
        let script = play([format!("{LOGIN}> READ;luis;0\n< KO;{code};why not")]);
        let mut session = Session::open(&script.account).expect("a session");
        let answer = perform(&request, &mut session);
        match (answer, last_line_meaning(code)) {
            (Ok(Answer::Refused(ko)), None) => assert_eq!((ko.code, ko.text.as_str()), (code, "why not")),
            (Err(error), Some((wanted, with))) => assert_eq!((kind(&error), exit(error)), (wanted, with), "{code}"),
            (other, _) => panic!("{code}: {other:?}"),
        }
        drop(session);
        script.end();
    }
}

/// A client that gets RATE waits, and for longer after each that follows (section 4): five tries in some 4 seconds.
#[test]
fn a_request_that_the_rate_refuses_is_tried_five_times() {
    let request = Request::Read(Target::parse("luis").expect("a name"), Seq::ZERO);
    let refusals = "> READ;luis;0\n< KO;RATE;x\n".repeat(5);
    let script = play([format!("{LOGIN}{refusals}>")]);
    let mut session = Session::open(&script.account).expect("a session");
    let begin = Instant::now();
    let answer = perform(&request, &mut session);
    assert!(matches!(&answer, Ok(Answer::Refused(ko)) if ko.code == Code::Rate), "{answer:?}");
    let least: Duration = (0..4).map(|tries| limits::MIN_HOLD_DELAY * 2_u32.pow(tries) * 3 / 4).sum();
    assert!(begin.elapsed() >= least, "{:?}", begin.elapsed());
    drop(session);
    script.end();
}

#[test]
fn a_connection_that_ends_or_says_what_is_no_answer_is_away() {
    for said in ["", "< \\x", "< OK;1;2;3;\"", "< hola", "< 7;MSG;m-1;luis;ana;x;hola"] {
        let script = play([format!("> LOGIN:ana:palabra larga\n{said}")]);
        let error = Session::open_recv(&script.account).map(drop).expect_err("no session");
        assert_eq!((kind(&error), exit(error)), ("away", Exit::Away), "{said}");
        script.end();
    }
}

#[test]
fn the_greeting_of_the_recv_port_is_read_with_every_field() {
    let script = play([format!("{LOGIN_RECV}>")]);
    let (session, opened) = Session::open_recv(&script.account).expect("a session");
    assert_eq!((opened.user.shown(), opened.acknowledged.get(), &*opened.store), ("ana", 3, "store"));
    drop(session);
    script.end();
}

const OK: &str = "OK;ana;wachat/1";

/// The logins of a client that may make the account: what it says, what it is told, and what comes of it.
#[test]
fn an_account_is_made_where_the_name_has_none_and_never_twice() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("LOGIN", OK)], "in"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", OK)], "in"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", "KO;EXISTS;x"), ("LOGIN", OK)], "in"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", "KO;EXISTS;x"), ("LOGIN", "KO;AUTH;x")], "EXISTS"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", "KO;EXISTS;x"), ("LOGIN", "KO;FULL;x")], "away"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", ""), ("LOGIN", OK)], "in"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", ""), ("LOGIN", "KO;AUTH;x")], "AUTH"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", "KO;SHUTDOWN;x"), ("LOGIN", OK)], "in"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", "KO;CLOSED;x")], "CLOSED"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", "KO;NAME;x")], "NAME"),
        (&[("LOGIN", "KO;AUTH;x"), ("REGISTER", "KO;PASSWORD;x")], "PASSWORD"),
        (&[("LOGIN", "KO;BANNED;x")], "BANNED"),
        (&[("LOGIN", "KO;CLOSED;x")], "CLOSED"),
        (&[("LOGIN", "KO;FULL;x")], "away"),
        (&[("LOGIN", "")], "away"),
    ];
    for (logins, wanted) in cases {
        let connection = |(verb, told): &(&str, &str)| {
            let told = if told.is_empty() { String::new() } else { format!("< {told}") };
            format!("> {verb}:ana:palabra larga\n{told}")
        };
        let script = play(logins.iter().map(connection));
        let opened = Session::open(&Account { register: true, ..script.account.clone() });
        let came = match opened.map(drop) {
            Ok(()) => "in".to_owned(),
            Err(LinkError::Refused(ko)) => ko.code.to_string(),
            Err(error) => kind(&error).to_owned(),
        };
        assert_eq!(came, *wanted, "{logins:?}");
        script.end();
    }
}

#[test]
fn no_account_is_made_by_a_client_that_may_not() {
    for code in [Code::Auth, Code::Exists, Code::Banned] {
        let script = play([format!("> LOGIN:ana:palabra larga\n< KO;{code};x")]);
        let error = Session::open(&script.account).map(drop).expect_err("a refusal");
        assert!(matches!(&error, LinkError::Refused(ko) if ko.code == code), "{error:?}");
        script.end();
    }
}

#[test]
fn a_password_is_sent_as_it_is() {
    for password in ["a:b:c", " blanks  ", "; \"quoted\" \\n", "ñandú"] {
        let script = play([format!("> LOGIN:ana:{password}\n< {OK}\n>")]);
        let session = Session::open(&Account { password: password.to_owned(), ..script.account.clone() });
        drop(session.expect("a session"));
        script.end();
    }
}

#[test]
fn whether_a_name_is_free_is_asked_without_making_an_account() {
    let cases = [
        (Code::Password, Some(Availability::Free)),
        (Code::Exists, Some(Availability::Taken)),
        (Code::Closed, Some(Availability::Closed)),
    ];
    for code in Code::all() {
        let script = play([format!("> REGISTER:ana:-\n< KO;{code};x")]);
        let found = find_availability(&script.account);
        match cases.iter().find(|(of, _)| *of == code).and_then(|(_, wanted)| *wanted) {
            Some(wanted) => assert_eq!(found.expect("an answer"), wanted, "{code}"),
            None => assert_eq!(kind(&found.expect_err("no answer")), login_meaning(code).0, "{code}"),
        }
        script.end();
    }
    let script = play([format!("> REGISTER:ana:-\n< {OK}")]);
    let error = find_availability(&script.account).expect_err("an account with such a password");
    assert_eq!(kind(&error), "away");
    script.end();
}
