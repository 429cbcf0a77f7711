//! The lines that the app shows for each answer of the server: whole, in its order, and with what this client knows
//! besides.

use crate::client::stage::{PERSON, Stage, chat, message, record, refused, room, seq, target, user};
use crate::support::values::open_room;
use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::request::{Answer, Request};
use wachat::client::p2p::event::DirectEvent;
use wachat::client::state::ClientState;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::record::Record;
use wachat::limits;
use wachat::model::{Message, MessageId, State, Text, Timestamp};
use wachat::protocol::reply::OpenSession;
use wachat::protocol::{Code, HistoryRecord, Port, Room, Status, User};
use wachat::texts::when::when;

fn known(name: &str, online: bool, last_seen: Option<u64>) -> User {
    User { name: user(name), online, last_seen: last_seen.map(Timestamp::from_millis) }
}

fn status(name: &str, state: State) -> Status {
    Status { user: user(name), state }
}

/// Types a line, and returns what is shown of the answer to it.
fn ask(stage: &mut Stage, line: &str, answer: Answer) -> Vec<String> {
    assert_eq!(stage.enter(line), [""; 0], "{line}");
    stage.answer(answer)
}

#[test]
fn users_are_listed_with_their_presence() {
    let mut stage = Stage::connected(PERSON);
    let users = vec![known("ada", true, Some(5)), known("eva", false, Some(60_000)), known("luis", false, None)];
    let since = when(Timestamp::from_millis(60_000), stage.at);
    let expected = ["ada online".to_owned(), format!("eva offline since {since}"), "luis offline".to_owned()];
    for line in ["/users", "/names"] {
        assert_eq!(ask(&mut stage, line, Answer::Users(users.clone())), expected, "{line}");
    }
    assert_eq!(ask(&mut stage, "/users", Answer::Users(Vec::new())), [""; 0]);
}

#[test]
fn rooms_are_listed_with_their_members_and_the_user_is_told_of_which_she_is_one() {
    let mut stage = Stage::connected(PERSON);
    let known = |name, members, member| Room { members, member, ..open_room(name) };
    let rooms = vec![known("#aula", 3, true), known("#lobby", 12, false)];
    let expected = ["#aula, members: 3; you are one", "#lobby, members: 12"];
    assert_eq!(ask(&mut stage, "/rooms", Answer::Rooms(rooms)), expected);
    let none = ["there are no rooms yet; /join #room makes one"];
    assert_eq!(ask(&mut stage, "/rooms", Answer::Rooms(Vec::new())), none);
}

fn says(stage: &mut Stage, to: &str, text: &str) {
    stage.enter(&format!("/msg {to} {text}"));
    stage.answer_all();
}

#[test]
fn the_state_of_the_last_message_to_a_user_is_in_words() {
    let mut stage = Stage::connected(PERSON);
    assert_eq!(stage.enter("/status luis"), ["you have sent nothing to luis yet"]);
    says(&mut stage, "luis", "one");
    says(&mut stage, "luis", "two");
    says(&mut stage, "eva", "three");
    let states = [State::Received, State::Delivered, State::Read];
    for (state, word) in states.into_iter().zip(["received by the server", "delivered", "read"]) {
        stage.enter("/status luis");
        assert_eq!(stage.sending, Some(Request::Status(target("luis"), seq(2))), "the last one there");
        let shown = stage.answer(Answer::Statuses(vec![status("luis", state)]));
        assert_eq!(shown, [format!("luis: {word}")]);
    }
    assert_eq!(ask(&mut stage, "/status luis", Answer::Statuses(Vec::new())), ["nobody is waited for there"]);
}

#[test]
fn of_a_room_it_is_counted_who_has_read_and_named_who_has_not() {
    let mut stage = Stage::connected(PERSON);
    says(&mut stage, "#sala", "hola");
    let list = vec![
        status("ada", State::Read),
        status("eva", State::Delivered),
        status("luis", State::Received),
        status("otto", State::Read),
    ];
    let expected = ["#sala: read by 2 of 4, delivered to 3", "eva: delivered", "luis: received by the server"];
    assert_eq!(ask(&mut stage, "/status #sala", Answer::Statuses(list)), expected);
    let many: Vec<_> = (0..30).map(|number| status(&format!("user{number:02}"), State::Received)).collect();
    let shown = ask(&mut stage, "/status #sala", Answer::Statuses(many));
    assert_eq!(shown[0], "#sala: read by 0 of 30, delivered to 0");
    assert_eq!(shown.len(), 1 + limits::CONVERSATION_SHOWN, "the first of them are named");
    assert_eq!(shown.last().unwrap(), "user19: received by the server");
    let nobody = ["#sala: read by 0 of 0, delivered to 0"];
    assert_eq!(ask(&mut stage, "/status #sala", Answer::Statuses(Vec::new())), nobody);
}

#[test]
fn the_status_alone_is_the_connection_and_the_first_ten_of_the_outbox() {
    let mut stage = Stage::connected(PERSON);
    assert_eq!(stage.enter("/status"), ["connected to example", "0 in the outbox"]);
    (0..12).for_each(|number| _ = stage.enter(&format!("@luis: text {number}")));
    stage.lose();
    let mut expected = vec!["away from example".to_owned(), "12 in the outbox".to_owned()];
    expected.extend((0..10).map(|number| format!("… luis: text {number}")));
    assert_eq!(stage.enter("/status"), expected);
}

#[test]
fn whois_has_the_presence_the_shared_rooms_what_is_hidden_and_the_last_line() {
    let mut stage = Stage::connected(PERSON);
    let whois = |seen: Option<User>, rooms: &[&str]| Answer::Whois(seen, rooms.iter().map(|name| room(name)).collect());
    assert_eq!(ask(&mut stage, "/whois luis", whois(None, &[])), ["! there is no user luis"]);
    let online = known("luis", true, None);
    assert_eq!(ask(&mut stage, "/whois luis", whois(Some(online.clone()), &[])), ["luis online"]);
    stage.receive("luis", "ana", "before");
    stage.receive("luis", "#sala", "to all");
    stage.receive("luis", "ana", "the last one");
    stage.enter("/ignore luis");
    let expected =
        ["luis online", "with you in #aula #sala", "what luis says is hidden", "row, 3 from luis: the last one"];
    assert_eq!(ask(&mut stage, "/whois luis", whois(Some(online), &["#aula", "#sala"])), expected);
}

fn open_session(number: u64, port: Port, this: bool) -> OpenSession {
    OpenSession { number, port, address: [192, 0, 2, 7].into(), since: Timestamp::from_millis(1), this, device: None }
}

/// The RECV session of a user is this client's while it polls; a pipe has none.
#[test]
fn the_connections_of_this_client_are_marked() {
    let since = when(Timestamp::from_millis(1), Timestamp::from_millis(1));
    let list = || {
        let open =
            [open_session(3, Port::Recv, false), open_session(4, Port::Send, false), open_session(5, Port::Send, true)];
        Answer::Sessions(open.into())
    };
    let line = |number, port, this: bool| {
        format!("{number}: {port} from 192.0.2.7 since {since}{}", if this { ", this one" } else { "" })
    };
    let expected = |recv| vec![line(3, "RECV", recv), line(4, "SEND", false), line(5, "SEND", true)];
    let mut person = Stage::connected(PERSON);
    assert_eq!(ask(&mut person, "/sessions", list()), expected(true));
    person.disconnect();
    assert_eq!(ask(&mut person, "/sessions", list()), expected(false));
    assert_eq!(ask(&mut Stage::piped(), "/sessions", list()), expected(false));
}

#[test]
fn unread_are_the_messages_above_the_servers_read_number_that_are_not_hidden() {
    let mut stage = Stage::connected(PERSON);
    for (from, to, text) in
        [("luis", "ana", "1"), ("luis", "ana", "2"), ("eva", "ana", "3"), ("eva", "#sala", "4"), ("luis", "#sala", "5")]
    {
        stage.receive(from, to, text);
    }
    let chats = |read: [u64; 3]| {
        let [luis, eva, sala] = read;
        Answer::Chats(vec![chat("#sala", 5, sala, 2), chat("eva", 3, eva, 1), chat("luis", 2, luis, 2)])
    };
    let all = ["unread in #sala: 2, the last 5", "unread in eva: 1, the last 3", "unread in luis: 2, the last 2"];
    assert_eq!(ask(&mut stage, "/unread", chats([0, 0, 0])), all);
    assert_eq!(ask(&mut stage, "/unread", chats([1, 3, 5])), ["unread in luis: 1, the last 2"]);
    stage.enter("/ignore luis");
    assert_eq!(
        ask(&mut stage, "/unread", chats([0, 0, 0])),
        ["unread in #sala: 1, the last 4", "unread in eva: 1, the last 3"]
    );
    assert_eq!(ask(&mut stage, "/unread", chats([2, 3, 5])), ["you have read everything"]);
    assert_eq!(ask(&mut stage, "/unread", Answer::Chats(Vec::new())), ["you have read everything"]);
}

/// Makes a state that has, for luis, a direct line of each of these seconds.
fn with_direct_lines(seconds: &[u64]) -> ClientState {
    let mut state = ClientState::new(user("ana"));
    for second in seconds {
        let id = MessageId::new(&format!("d-{second}")).unwrap();
        let said = Message { seq: seq(0), id, ..(*message(*second, "luis", "ana", &format!("at {second}"))).clone() };
        state.apply(Record::Direct(said.into()));
    }
    state
}

#[test]
fn what_the_server_does_not_have_stands_among_its_lines_by_the_time() {
    let mut stage = Stage::with(PERSON, with_direct_lines(&[2, 5, 9]));
    stage.handle(AppEvent::Started(Ok(())));
    stage.answer_all();
    let records = || vec![record(4, "luis", "ana", "four"), record(6, "ana", "luis", "six")];
    let [two, five, nine] = [2, 5, 9].map(|second| format!("row, direct from luis: at {second}"));
    let four = "row, 4 from luis: four".to_owned();
    let six = "row, 6 sent, RECEIVED: six".to_owned();
    let mut shown = |count: usize, records: Vec<HistoryRecord>| {
        ask(&mut stage, &format!("/history luis {count}"), Answer::Rows(records))
    };
    // The server has more before its first line: what is older belongs there.
    assert_eq!(shown(2, records()), [six.clone(), nine.clone()]);
    assert_eq!(shown(3, records()), [five.clone(), six.clone(), nine.clone()]);
    assert_eq!(shown(9, records()), [two.clone(), four, five.clone(), six, nine.clone()]);
    let damaged = HistoryRecord::Damaged { first: seq(4), last: seq(5) };
    let number = "* luis: message 4 is damaged on the server";
    let range = "* luis: message 4-5 is damaged on the server";
    assert_eq!(shown(9, vec![damaged])[0], range);
    let damaged = HistoryRecord::Damaged { first: seq(4), last: seq(4) };
    let among = shown(9, vec![record(3, "luis", "ana", "three"), damaged, record(6, "luis", "ana", "six")]);
    assert_eq!(among[..3], [two, "row, 3 from luis: three".to_owned(), number.to_owned()]);
    assert_eq!(among[3..], [five, "row, 6 from luis: six".to_owned(), nine]);
}

#[test]
fn a_history_without_anything_says_so() {
    let mut stage = Stage::connected(PERSON);
    assert_eq!(ask(&mut stage, "/history eva", Answer::Rows(Vec::new())), ["nothing there yet"]);
    assert_eq!(ask(&mut stage, "/history #sala", refused(Code::NotMember)), ["! the reason"]);
    stage.receive("luis", "#sala", "from before");
    let own = ask(&mut stage, "/history #sala", refused(Code::NotMember));
    assert_eq!(own, ["row, 1 from luis: from before"], "the history here is the user's own");
    let own = ask(&mut stage, "/history #sala", refused(Code::NoRoom));
    assert_eq!(own, ["row, 1 from luis: from before"], "also if the room is shown to its members alone");
    assert_eq!(ask(&mut stage, "/history #otra", refused(Code::NoRoom)), ["! the reason"]);
}

#[test]
fn what_is_found_is_sorted_by_time_and_the_last_of_many() {
    let mut state = with_direct_lines(&[3]);
    let id = MessageId::new("failed").unwrap();
    let text = Text::new("refused at 5").unwrap();
    let to = target("eva");
    state.apply(Record::Queued(Outgoing { id: id.clone(), to, at: Timestamp::from_millis(5_000), text }));
    state.apply(Record::Failed { id, why: "NO_USER: nobody".to_owned() });
    state.apply(Record::Received(message(2, "eva", "ana", "AT 2")));
    state.apply(Record::Received(message(4, "luis", "#sala", "look at 4")));
    let mut stage = Stage::with(PERSON, state);
    stage.handle(AppEvent::Started(Err("away".to_owned())));
    let expected = [
        "found in eva, 2 from eva: AT 2",
        "found in luis, direct from luis: at 3",
        "found in #sala, 4 from luis: look at 4",
        "found in eva, refused: refused at 5 (NO_USER: nobody)",
    ];
    assert_eq!(stage.enter("/search at"), expected);
    assert_eq!(stage.enter("/search at 4"), [expected[2]]);
    assert_eq!(stage.enter("/search at nothing"), ["nothing found in the history that is here"]);
    for number in 10..70 {
        stage.app.state_to_maintain().apply(Record::Received(message(number, "luis", "ana", "many")));
    }
    let found = stage.enter("/search many");
    assert_eq!(found.len(), limits::SEARCH_RESULTS);
    assert_eq!(found.last().unwrap(), "found in luis, 69 from luis: many");
}

#[test]
fn a_reply_goes_to_who_last_wrote_to_the_user_alone() {
    let mut stage = Stage::connected(PERSON);
    assert_eq!(stage.enter("/reply hola"), ["! nobody has written to you alone yet"]);
    stage.receive("eva", "#sala", "to all");
    assert_eq!(stage.enter("/reply hola"), ["! nobody has written to you alone yet"]);
    stage.receive("luis", "ana", "one");
    stage.receive("eva", "#sala", "to all");
    assert_eq!(stage.enter("/reply hola"), ["queued, to luis: hola, others 0"]);
    stage.receive("eva", "ana", "two");
    assert_eq!(stage.enter("/reply hola"), ["queued, to eva: hola, others 0"]);
    stage.direct(DirectEvent::Connected { number: 1, peer: user("otto") });
    let id = MessageId::new("d-1").unwrap();
    let text = Text::new("three").unwrap();
    assert_eq!(stage.direct(DirectEvent::Said { number: 1, id, text }), ["directly, otto: three"]);
    assert_eq!(stage.enter("/reply hola"), ["queued, to otto: hola, others 0"]);
    // After a start the history says who it was.
    let mut state = ClientState::new(user("ana"));
    for record in [message(1, "ada", "ana", "a"), message(2, "luis", "ana", "b"), message(3, "ana", "ana", "note")] {
        state.apply(Record::Received(record));
    }
    state.apply(Record::Shown(3));
    let mut stage = Stage::with(PERSON, state);
    stage.handle(AppEvent::Started(Err("away".to_owned())));
    assert_eq!(stage.enter("/reply hola"), ["queued, to luis: hola, others 0"]);
    stage.enter("/ignore luis");
    assert_eq!(stage.enter("/reply hola"), ["queued, to ada: hola, others 0"]);
}
