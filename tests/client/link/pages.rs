//! Lists of more than a page: the next page begins after the last record of the one before it (protocol, section 4).

use wachat::client::link::perform::perform;
use wachat::client::link::request::{Answer, Request};
use wachat::client::link::session::Session;
use wachat::limits;
use wachat::model::{RoomName, Seq, Target};

use super::script::{LOGIN, play};

const PAGE: usize = limits::PAGE_RECORDS;

/// Returns a page of a list: its head, and records with these numbers.
fn page(numbers: std::ops::Range<usize>, record: &dyn Fn(usize) -> String) -> String {
    let records: String = numbers.clone().map(|number| format!("< {}\n", record(number))).collect();
    format!("< OK;{}\n{records}", numbers.len())
}

/// Performs a request whose list comes in pages, and returns how many records it has.
fn fetch(request: &Request, transcript: &str) -> usize {
    let script = play([format!("{LOGIN}{transcript}>")]);
    let mut session = Session::open(&script.account).expect("a session");
    let answer = perform(request, &mut session).expect("an answer");
    drop(session);
    script.end();
    match answer {
        Answer::Users(list) => list.len(),
        Answer::Rooms(list) => list.len(),
        Answer::Chats(list) => list.len(),
        Answer::Statuses(list) => list.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_list_goes_on_after_its_last_record_until_a_page_is_not_full() {
    let luis = Target::parse("luis").expect("a name");
    let sala = RoomName::new("#sala").expect("a room");
    let seven = Seq::new(7).expect("a number");
    type Record = fn(usize) -> String;
    let user: Record = |n| format!("u{n:05};online;");
    let member: Record = |n| format!("u{n:05};offline");
    let status: Record = |n| format!("u{n:05};READ");
    let room: Record = |n| format!("#r{n:05};2;yes");
    let chat: Record = |n| format!("#r{n:05};{};0;1", 9_000_usize.saturating_sub(n));
    let name: Record = |n| format!("u{n:05}");
    let room_name: Record = |n| format!("#r{n:05}");
    let place: Record = |n| format!("{};#r{n:05}", 9_000_usize.saturating_sub(n));
    let lists: [(Request, &str, Record, Record); 6] = [
        (Request::Users, "USERS", user, name),
        (Request::Rooms, "ROOMS", room, room_name),
        (Request::Members(sala), "MEMBERS;#sala", member, name),
        (Request::Status(luis, seven), "STATUS;luis;7", status, name),
        (Request::Chats, "CHATS", chat, place),
        (Request::Compare, "CHATS", chat, place),
    ];
    for (request, line, record, place) in lists {
        for count in [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 3] {
            let mut transcript = format!("> {line}\n{}", page(0..count.min(PAGE), &record));
            for begin in (PAGE..=count).step_by(PAGE) {
                let after = place(begin - 1);
                transcript += &format!("> {line};1000;{after}\n{}", page(begin..count.min(begin + PAGE), &record));
            }
            assert_eq!(fetch(&request, &transcript), count, "{line}");
        }
    }
}

#[test]
fn the_presence_of_the_first_users_is_asked_for_and_of_no_more() {
    let user = |n: usize| format!("u{n:05};online;");
    for count in [PAGE, limits::PRESENCE_USERS - 1, limits::PRESENCE_USERS] {
        let mut transcript = format!("> USERS\n{}", page(0..PAGE, &user));
        for begin in (PAGE..=count.min(limits::PRESENCE_USERS - PAGE)).step_by(PAGE) {
            let records = page(begin..count.min(begin + PAGE), &user);
            transcript += &format!("> USERS;1000;u{:05}\n{records}", begin - 1);
        }
        assert_eq!(fetch(&Request::Presence, &transcript), count);
    }
}

#[test]
fn a_page_that_is_refused_is_the_answer_to_the_whole_list() {
    let user = |n: usize| format!("u{n:05};online;");
    for request in [Request::Users, Request::Presence] {
        let refused = "> USERS;1000;u00999\n< KO;FULL;no\n";
        let script = play([format!("{LOGIN}> USERS\n{}{refused}>", page(0..PAGE, &user))]);
        let mut session = Session::open(&script.account).expect("a session");
        let answer = perform(&request, &mut session).expect("an answer");
        assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
        drop(session);
        script.end();
    }
}
