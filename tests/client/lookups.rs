//! Rows that memory no longer holds are looked up in the log, and shown together with those that it holds.

use crate::client::stage::{PERSON, Stage, message, target, user};
use wachat::client::app::Setting;
use wachat::client::app::event::Event;
use wachat::client::state::ClientState;
use wachat::client::state::lookup::Lookup;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::record::Record;
use wachat::client::state::row::{Gap, Row};
use wachat::limits;
use wachat::model::{Message, MessageId, Seq, State, Target, Text, Timestamp};

const TOO_MANY: &str = "! too many questions wait for their answers; ask again later";

/// Ana's client without a server. Of ten messages of luis memory holds the last two, and of eva both.
fn stage() -> Stage {
    let mut state = ClientState::new(user("ana"));
    for number in 1..=10 {
        state.apply(Record::Received(message(number, "luis", "ana", &format!("hola {number}"))));
    }
    for number in [11, 12] {
        state.apply(Record::Received(message(number, "eva", "ana", &format!("hola {number}"))));
    }
    let bytes: usize =
        ["luis", "eva"].map(|name| state.last_rows(&target(name), 2)).iter().flatten().map(Row::bytes).sum();
    state.remove_old_rows(bytes);
    state.apply(Record::Shown(12));
    assert_eq!((state.last_rows(&target("luis"), 99).len(), state.last_rows(&target("eva"), 99).len()), (2, 2));
    let mut stage = Stage::with(PERSON, state);
    stage.handle(Event::Started(Err("away".to_owned())));
    stage
}

fn received(number: u64) -> (Target, Row) {
    (target("luis"), Row::Received(message(number, "luis", "ana", &format!("hola {number}"))))
}

fn shown(numbers: impl IntoIterator<Item = u64>, how: &str) -> Vec<String> {
    let who = |number| if number > 10 { "eva" } else { "luis" };
    let line = |number| format!("{}, {number} from {}: hola {number}", how.replace("WHO", who(number)), who(number));
    numbers.into_iter().map(line).collect()
}

#[test]
fn a_search_finds_what_is_in_the_log_and_in_memory_once() {
    let mut stage = stage();
    assert_eq!(stage.enter("/search HOLA"), [""; 0]);
    let lookup = stage.lookups.pop().unwrap();
    assert_eq!(lookup, Lookup::Words(vec!["hola".to_owned()]));
    // The log has some of those in memory, too.
    let found = stage.handle(Event::LookedUp(lookup, Ok([3, 1, 2, 9].map(received).to_vec())));
    assert_eq!(found, shown([1, 2, 3, 9, 10, 11, 12], "found in WHO"));
}

#[test]
fn the_last_rows_are_those_of_the_log_and_of_memory_in_the_order_of_their_times() {
    let mut stage = stage();
    assert_eq!(stage.enter("/history eva 2"), shown([11, 12], "row"), "memory has them all");
    assert_eq!(stage.enter("/history luis 4"), [""; 0]);
    let lookup = stage.lookups.pop().unwrap();
    assert_eq!(lookup, Lookup::Last(target("luis"), 4));
    let found = stage.handle(Event::LookedUp(lookup.clone(), Ok([6, 7, 8, 9].map(received).to_vec())));
    assert_eq!(found, shown([7, 8, 9, 10], "row"));
    // A gap has no time: it stands before the row after it, and a direct line where its time is.
    let gap = Row::Gap(Gap { target: target("luis"), first: Seq::new(4).unwrap(), last: Seq::new(6).unwrap() });
    let direct = Row::Direct(Message { seq: Seq::ZERO, ..(*message(2, "luis", "ana", "directly")).clone() }.into());
    let of_log = [received(3), (target("luis"), gap), received(7), (target("luis"), direct), received(8)];
    let found = stage.handle(Event::LookedUp(lookup, Ok(of_log.to_vec())));
    let [eight, nine, ten] = [8, 9, 10].map(|number| shown([number], "row").remove(0));
    assert_eq!(found, [shown([7], "row").remove(0), eight.clone(), nine.clone(), ten.clone()]);
    stage.enter("/history luis 9");
    let lookup = stage.lookups.pop().unwrap();
    let found = stage.handle(Event::LookedUp(lookup, Ok(of_log.to_vec())));
    let [three, seven] = [3, 7].map(|number| shown([number], "row").remove(0));
    let direct = "row, direct from luis: directly".to_owned();
    assert_eq!(found, [direct, three, "row, gap 4-6".to_owned(), seven, eight, nine, ten]);
}

#[test]
fn a_user_who_scrolls_gets_the_older_rows_and_those_in_memory_behind_them() {
    let mut stage = stage();
    stage.handle(Event::Scrolled(target("luis"), 5));
    let lookup = stage.lookups.pop().unwrap();
    assert_eq!(lookup, Lookup::Older(target("luis"), 5));
    let found = stage.handle(Event::LookedUp(lookup, Ok([7, 8, 9].map(received).to_vec())));
    let rows = [7, 8, 9, 10].map(|number| format!("{number} from luis: hola {number}")).join("; ");
    assert_eq!(found, [format!("older in luis: {rows}")]);
}

#[test]
fn a_lookup_that_fails_is_said_and_a_user_who_scrolls_waits_for_nothing() {
    for (lookup, lines) in [
        (Lookup::Words(vec!["hola".to_owned()]), vec!["! broken"]),
        (Lookup::Last(target("luis"), 4), vec!["! broken"]),
        (Lookup::Older(target("luis"), 4), vec!["! broken", "older in luis: "]),
    ] {
        assert_eq!(stage().handle(Event::LookedUp(lookup, Err("broken".to_owned()))), lines);
    }
}

#[test]
fn so_many_lookups_are_under_way_and_each_answer_makes_room_for_one() {
    let mut stage = stage();
    let older = Lookup::Older(target("luis"), 5);
    for _ in 0..limits::CLIENT_QUESTIONS {
        assert_eq!(stage.enter("/search hola"), [""; 0]);
    }
    for _ in 0..2 {
        assert_eq!(stage.enter("/search hola"), [TOO_MANY]);
        assert_eq!(stage.handle(Event::Scrolled(target("luis"), 5)), [TOO_MANY, "older in luis: "]);
        assert_eq!(stage.lookups.len(), limits::CLIENT_QUESTIONS);
        stage.lookups.pop();
        stage.handle(Event::LookedUp(Lookup::Words(vec!["hola".to_owned()]), Ok(Vec::new())));
        stage.handle(Event::Scrolled(target("luis"), 5));
        assert_eq!(stage.lookups.last(), Some(&older));
    }
}

#[test]
fn what_memory_says_of_a_message_is_newer_than_the_log() {
    let mut state = ClientState::new(user("ana"));
    for number in 1..=4 {
        let id = MessageId::new(&format!("m-{number}")).unwrap();
        let at = Timestamp::from_millis(number * 1_000);
        let text = Text::new("hola").unwrap();
        state.apply(Record::Queued(Outgoing { id: id.clone(), to: target("luis"), at, text }));
        state.apply(Record::Sent { id, seq: Seq::new(number).unwrap(), at });
    }
    state.remove_old_rows(limits::ROW_BYTES + 10);
    state.apply(Record::Reached { target: target("luis"), state: State::Delivered, upto: Seq::new(3).unwrap() });
    state.apply(Record::Reached { target: target("luis"), state: State::Read, upto: Seq::new(1).unwrap() });
    let mut stage = Stage::with(PERSON, state);
    stage.handle(Event::Started(Err("away".to_owned())));
    let sent = |number: u64, state| (target("luis"), Row::Sent(message(number, "ana", "luis", "hola"), state));
    let of_log =
        vec![sent(1, State::Received), sent(2, State::Received), sent(3, State::Read), sent(4, State::Received)];
    let found = stage.handle(Event::LookedUp(Lookup::Older(target("luis"), 9), Ok(of_log)));
    let rows = ["1 sent, READ: hola", "2 sent, DELIVERED: hola", "3 sent, READ: hola", "4 sent, RECEIVED: hola"];
    assert_eq!(found, [format!("older in luis: {}", rows.join("; "))]);
}

#[test]
fn the_end_of_a_script_waits_for_its_lookup() {
    let mut state = ClientState::new(user("ana"));
    state.apply(Record::Received(message(1, "luis", "ana", "hola")));
    state.remove_old_rows(0);
    let setting = Setting { piped: true, unattended: true, direct: false, ..PERSON };
    let mut stage = Stage::with(setting, state);
    stage.handle(Event::Started(Ok(())));
    stage.type_line("/search hola");
    stage.handle(Event::InputEnded);
    assert_eq!((stage.lookups.len(), stage.app.end()), (1, None));
    let lookup = stage.lookups.remove(0);
    let found = stage.handle(Event::LookedUp(lookup, Ok(vec![received(1)])));
    assert_eq!((found, stage.app.end().is_some()), (shown([1], "found in WHO"), true));
}
