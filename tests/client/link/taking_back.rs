//! A message that is taken back on the SEND port: the server is asked whose message has the number before it is named, on
//! each connection anew.

use std::sync::Arc;

use crossbeam_channel::unbounded;
use wachat::client::link::perform::perform;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::link::sender;
use wachat::client::link::session::Session;
use wachat::limits::MAX_HISTORY_RECORDS;
use wachat::model::{Message, MessageId, Target, Text, Timestamp};

use super::script::{LOGIN, play};
use crate::support::values::{seq, user};

const AT: &str = "2026-11-20T23:55:00.123Z";

fn luis() -> Target {
    Target::parse("luis").expect("a name")
}

/// The request that takes back the message `m-5` of ana's to luis.
fn request() -> Request {
    let message = Message {
        seq: seq(5),
        id: MessageId::new("m-5").expect("an id"),
        from: user("ana"),
        to: luis(),
        at: Timestamp::from_millis(1),
        text: Text::new("hola").expect("a text"),
    };
    Request::Erase(luis(), Arc::new(message))
}

/// The question for the row with number 5, and its answer.
fn row(record: &str) -> String {
    format!("> HISTORY;luis;1;6\n< OK;1\n< {}\n", record.replace("<at>", AT))
}

fn short(answer: &Answer) -> String {
    match answer {
        Answer::Refused(ko) => ko.code.to_string(),
        Answer::Rows(rows) => rows.iter().map(|row| row.numbers().0.to_string()).collect::<Vec<_>>().join(" "),
        answer => format!("{answer:?}"),
    }
}

/// Performs a request on a connection with this transcript.
fn answer(request: &Request, transcript: &str) -> String {
    let script = play([format!("{LOGIN}{transcript}>")]);
    let mut session = Session::open(&script.account).expect("a session");
    let answer = perform(request, &mut session).expect("an answer");
    drop(session);
    script.end();
    short(&answer)
}

#[test]
fn a_message_is_taken_back_only_if_the_server_has_it_under_its_number() {
    let own = row("5;m-5;ana;luis;<at>;READ;hola");
    assert_eq!(answer(&request(), &format!("{own}> ERASE;luis;5\n< OK\n")), "Done");
    assert_eq!(answer(&request(), &format!("{own}> ERASE;luis;5\n< KO;LATE;x\n")), "LATE");
    // The server is another one, or a copy from before: the number is that of another message.
    for other in ["5;m-6;ana;luis;<at>;READ;otra", "5;m-5;luis;ana;<at>;READ;hola", "4;m-5;ana;luis;<at>;READ;hola"] {
        assert_eq!(answer(&request(), &row(other)), "NO_MESSAGE", "{other}");
    }
    assert_eq!(answer(&request(), "> HISTORY;luis;1;6\n< OK;0\n"), "NO_MESSAGE");
    assert_eq!(answer(&request(), &row("DAMAGED;4;5")), "DAMAGED");
    assert_eq!(answer(&request(), "> HISTORY;luis;1;6\n< KO;NO_USER;x\n"), "NO_USER");
    assert_eq!(answer(&request(), &row("5;m-5;ana;luis;<at>;READ;;erased")), "Done", "an answer was lost");
}

#[test]
fn a_new_connection_asks_again_whose_message_it_is() {
    let own = row("5;m-5;ana;luis;<at>;READ;hola");
    // The server was restored while the connection was idle, and has given the number to another message of ana's.
    let script =
        play([format!("{LOGIN}{own}> ERASE;luis;5\n"), format!("{LOGIN}{}>", row("5;m-9;ana;luis;<at>;READ;otra"))]);
    let session = Session::open(&script.account).expect("a session");
    let (requests, asked) = unbounded();
    let (told, reports) = unbounded();
    let account = script.account.clone();
    let sender = std::thread::spawn(move || sender::run(&account, Some(session), &asked, &told));
    requests.send(request()).expect("the thread");
    let report = reports.recv().expect("a report");
    let LinkEvent::Answered(_, Ok(answer)) = report else { panic!("{report:?}") };
    assert_eq!(short(&answer), "NO_MESSAGE");
    drop(requests);
    sender.join().expect("the thread");
    script.end();
}

#[test]
fn the_nth_last_message_of_a_user_is_found_page_by_page() {
    let find = |name: &str, n| Request::FindSaid(luis(), user(name), n);
    let ask = |before: &str| format!("> HISTORY;luis;{MAX_HISTORY_RECORDS}{before}\n");
    let pages = [
        format!(
            "{}< OK;4\n< 5;m-5;ana;luis;{AT};READ;cinco\n< 6;m-6;luis;ana;{AT};READ;seis\n\
             < 7;m-7;ana;luis;{AT};READ;;erased\n< 8;m-8;ana;luis;{AT};READ;ocho\n",
            ask("")
        ),
        format!("{}< OK;2\n< 1;m-1;ana;luis;{AT};READ;uno\n< 2;m-2;luis;ana;{AT};READ;dos\n", ask(";5")),
        format!("{}< OK;0\n", ask(";1")),
    ];
    let [first, second, last] = &pages;
    assert_eq!(answer(&find("ana", 1), first), "8");
    assert_eq!(answer(&find("ANA", 2), first), "5");
    assert_eq!(answer(&find("luis", 1), first), "6");
    assert_eq!(answer(&find("ana", 3), &format!("{first}{second}")), "1");
    assert_eq!(answer(&find("ana", 4), &format!("{first}{second}{last}")), "");
    // A damaged row may be one of them.
    let damaged = format!("{}< OK;2\n< DAMAGED;3;7\n< 8;m-8;luis;ana;{AT};READ;ocho\n", ask(""));
    assert_eq!(answer(&find("luis", 1), &damaged), "8");
    assert_eq!(answer(&find("ana", 1), &damaged), "DAMAGED");
}

#[test]
fn a_server_that_does_not_go_back_is_not_asked_for_ever() {
    let page = |before: &str| {
        format!("> HISTORY;luis;{MAX_HISTORY_RECORDS}{before}\n< OK;1\n< 5;m-5;luis;ana;{AT};READ;cinco\n")
    };
    let script = play([format!("{LOGIN}{}{}>", page(""), page(";5"))]);
    let mut session = Session::open(&script.account).expect("a session");
    assert!(perform(&Request::FindSaid(luis(), user("ana"), 1), &mut session).is_err());
    drop(session);
    script.end();
}
