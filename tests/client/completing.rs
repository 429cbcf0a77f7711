//! The history is completed from the server's: which pages are asked for, when it is enough, what is said about it, and what
//! becomes of refusals, damaged messages and servers that answer the same for ever.

use std::sync::Arc;

use crate::client::stage::{PERSON, Stage, chat, message, record, refused, room, row_line, seq, target};
use wachat::client::app::event::Event as AppEvent;
use wachat::client::link::request::{Answer, Request};
use wachat::client::state::record::Record;
use wachat::client::state::row::Gap;
use wachat::limits;
use wachat::model::State;
use wachat::protocol::{Chat, Code, Event, HistoryRecord};

/// Begins a session that compares the conversations; the server calls everything up to a number acknowledged.
fn compare_up_to(stage: &mut Stage, acknowledged: u64, chats: Vec<Chat>) -> Vec<String> {
    stage.disconnect();
    stage.wait(2 * limits::MAX_RETRY_DELAY);
    stage.log_in("store", acknowledged);
    stage.poll(vec![]);
    if stage.sending == Some(Request::Presence) {
        stage.answer(Answer::Users(Vec::new()));
    }
    assert_eq!(stage.sending, Some(Request::Compare));
    stage.answer(Answer::Chats(chats))
}

fn compare(stage: &mut Stage, chats: Vec<Chat>) -> Vec<String> {
    compare_up_to(stage, 100_000, chats)
}

fn page(numbers: std::ops::RangeInclusive<u64>) -> Vec<HistoryRecord> {
    numbers.map(|number| record(number, "luis", "ana", &format!("text {number}"))).collect()
}

fn fetch(name: &str, before: Option<u64>) -> Option<Request> {
    Some(Request::Fetch(target(name), before.map(seq)))
}

/// The server gives a page of the conversation with luis below a number; returns what is shown.
fn give(stage: &mut Stage, before: Option<u64>, page: Vec<HistoryRecord>) -> Vec<String> {
    assert_eq!(stage.sending, fetch("luis", before));
    stage.answer(Answer::Rows(page))
}

fn rows(stage: &Stage, name: &str) -> Vec<String> {
    stage.app.state().last_rows(&target(name), usize::MAX).iter().map(row_line).collect()
}

fn numbers(stage: &Stage, name: &str) -> Vec<u64> {
    let rows = stage.app.state().last_rows(&target(name), usize::MAX);
    rows.iter().map(|row| row.seq().unwrap().get()).collect()
}

/// A client that has the first message of luis, and has noted that nothing else was there.
fn with_the_first() -> Stage {
    let mut stage = Stage::connected(PERSON);
    compare(&mut stage, vec![chat("luis", 1, 1, 1)]);
    give(&mut stage, None, page(1..=1));
    stage
}

fn fetched(count: u64) -> String {
    format!("* fetched from the server, luis: {count}; /history luis shows them")
}

#[test]
fn pages_are_asked_for_until_nothing_older_is_missing() {
    for last in [page(1..=1), Vec::new()] {
        let mut stage = Stage::connected(PERSON);
        let chats = vec![chat("luis", 7, 0, 7)];
        let count = 6 + last.len() as u64;
        assert_eq!(compare(&mut stage, chats.clone()), [""; 0]);
        assert_eq!(give(&mut stage, None, page(5..=7)), [""; 0]);
        assert_eq!(give(&mut stage, Some(5), page(2..=4)), [""; 0]);
        assert_eq!(give(&mut stage, Some(2), last), [fetched(count)]);
        assert_eq!(numbers(&stage, "luis"), (8 - count..=7).collect::<Vec<_>>());
        assert_eq!(compare(&mut stage, chats), [""; 0]);
        assert_eq!(stage.sending, None, "the server's count is noted");
    }
}

#[test]
fn of_a_known_conversation_only_what_is_above_is_asked_for() {
    let mut stage = with_the_first();
    compare(&mut stage, vec![chat("luis", 9, 0, 5)]);
    give(&mut stage, None, page(6..=9));
    assert_eq!(give(&mut stage, Some(6), page(1..=1)), [fetched(4)], "its own first message is no news");
    assert_eq!((stage.sending.clone(), numbers(&stage, "luis")), (None, vec![1, 6, 7, 8, 9]));
}

#[test]
fn a_server_that_does_not_go_back_is_asked_no_more() {
    for again in [page(5..=7), page(6..=7), page(9..=9)] {
        let mut stage = Stage::connected(PERSON);
        compare(&mut stage, vec![chat("luis", 7, 0, 7), chat("eva", 6, 0, 1)]);
        give(&mut stage, None, page(5..=7));
        assert_eq!(give(&mut stage, Some(5), again), [""; 0]);
        assert_eq!(stage.sending, fetch("eva", None), "the next one has its turn");
    }
}

#[test]
fn a_refusal_for_good_skips_the_conversation_and_one_for_now_does_not() {
    let lobby = || vec![chat("#sala", 7, 0, 7), chat("eva", 6, 0, 1)];
    for (code, again) in
        [(Code::NotMember, false), (Code::NoRoom, false), (Code::Rate, true), (Code::Quota, true), (Code::Full, true)]
    {
        let mut stage = Stage::connected(PERSON);
        compare(&mut stage, lobby());
        assert_eq!(stage.sending, fetch("#sala", None));
        assert_eq!(stage.answer(refused(code)), [""; 0]);
        if again {
            assert_eq!(stage.sending, None, "{code}: it waits");
            assert!(stage.app.deadline().is_some_and(|at| at <= stage.now + limits::MIN_RETRY_DELAY), "{code}");
            stage.wait(limits::MIN_RETRY_DELAY);
        }
        assert_eq!(stage.sending, fetch(if again { "#sala" } else { "eva" }, None), "{code}");
    }
    let mut stage = Stage::connected(PERSON);
    compare(&mut stage, lobby());
    stage.lose();
    stage.wait(limits::MAX_RETRY_DELAY);
    assert_eq!(stage.sending, fetch("#sala", None), "it had no answer");
}

#[test]
fn few_conversations_are_named_and_many_are_counted() {
    for count in 1..=limits::COMPLETION_LINES + 2 {
        let mut stage = Stage::connected(PERSON);
        let names: Vec<_> = (0..count).map(|number| format!("user{number}")).collect();
        let mut shown = compare(&mut stage, names.iter().map(|name| chat(name, 9, 0, 1)).collect());
        for name in &names {
            assert_eq!(stage.sending, fetch(name, None));
            shown.extend(stage.answer(Answer::Rows(vec![record(1, name, "ana", "hola")])));
        }
        let line = |name: &String| format!("* fetched from the server, {name}: 1; /history {name} shows them");
        let each: Vec<_> = names.iter().map(line).collect();
        let all = vec![format!("* {count} messages that your history lacked are in it now")];
        assert_eq!(shown, if count > limits::COMPLETION_LINES { all } else { each });
    }
    let mut stage = Stage::connected(PERSON);
    let chats = (0..9).map(|number| chat(&format!("user{number}"), 9, 0, 1)).collect();
    let mut shown = compare(&mut stage, chats);
    (0..9).for_each(|_| shown.extend(stage.answer(Answer::Rows(Vec::new()))));
    assert_eq!(shown, [""; 0], "nothing was found");
}

#[test]
fn damaged_messages_are_told_as_far_as_they_are_missing() {
    let damaged = |first, last| HistoryRecord::Damaged { first: seq(first), last: seq(last) };
    let mut stage = Stage::connected(PERSON);
    compare(&mut stage, vec![chat("luis", 3, 0, 3)]);
    give(&mut stage, None, page(1..=3));
    compare(&mut stage, vec![chat("luis", 9, 0, 9)]);
    let of_both = vec![damaged(1, 2), damaged(3, 5), damaged(6, 6), record(7, "luis", "ana", "seven")];
    let is_damaged = |numbers: &str| format!("* luis: message {numbers} is damaged on the server");
    assert_eq!(give(&mut stage, None, of_both), [is_damaged("4-5"), is_damaged("6"), fetched(1)]);
    assert_eq!(numbers(&stage, "luis"), [1, 2, 3, 7]);
}

#[test]
fn a_conversation_that_is_new_here_begins_with_its_last_thousand() {
    let mut stage = Stage::connected(PERSON);
    compare(&mut stage, vec![chat("luis", 5_000, 0, 5_000)]);
    assert_eq!(give(&mut stage, None, page(4_401..=5_000)), [""; 0]);
    let gap = "* up to 3800 messages in luis while you were away are with the server only";
    assert_eq!(give(&mut stage, Some(4_401), page(3_801..=4_400)), [fetched(1_200), gap.to_owned()]);
    assert_eq!((stage.sending.clone(), rows(&stage, "luis")[0].as_str()), (None, "gap 1-3800"));
    // One less than that is not enough.
    let mut stage = Stage::connected(PERSON);
    compare(&mut stage, vec![chat("luis", 1_100, 0, 1_100)]);
    give(&mut stage, None, page(102..=1_100));
    assert_eq!((limits::NEW_CONVERSATION_ROWS, stage.sending), (1_000, fetch("luis", Some(102))));
}

#[test]
fn a_known_conversation_is_completed_however_long_it_is_and_the_progress_is_told() {
    let mut stage = with_the_first();
    compare(&mut stage, vec![chat("luis", 4_501, 0, 4_501)]);
    let so_far = |count: u64| format!("* fetching what your history lacks: {count} messages so far");
    for (before, numbers, shown) in [
        (None, 3_502..=4_501, vec![]),
        (Some(3_502), 2_502..=3_501, vec![so_far(2_000)]),
        (Some(2_502), 1_502..=2_501, vec![]),
        (Some(1_502), 502..=1_501, vec![so_far(4_000)]),
        (Some(502), 2..=501, vec![fetched(4_500)]),
    ] {
        assert_eq!(give(&mut stage, before, page(numbers)), shown);
    }
    assert_eq!((stage.sending.clone(), numbers(&stage, "luis").len()), (None, 4_501));
}

#[test]
fn so_many_bytes_are_fetched_and_the_rest_stays_with_the_server() {
    let mut stage = with_the_first();
    let text = "x".repeat(limits::TEXT_BYTES);
    let fitting = (limits::COMPLETION_BYTES / (limits::TEXT_BYTES + limits::ROW_BYTES)) as u64;
    let long = |first: u64, last: u64| (first..=last).map(|number| record(number, "luis", "ana", &text)).collect();
    compare(&mut stage, vec![chat("luis", 1_000, 0, 1_000)]);
    let first = 1_001 - fitting;
    assert_eq!(give(&mut stage, None, long(first, 1_000)), [""; 0]);
    let gap = format!("* up to {} messages in luis while you were away are with the server only", first - 3);
    let shown = give(&mut stage, Some(first), long(first - 1, first - 1));
    assert_eq!(shown, [fetched(fitting + 1), gap]);
    assert_eq!(rows(&stage, "luis")[1], format!("gap 2-{}", first - 2));
    assert_eq!(stage.sending, None);
}

/// The server's list with one chat, and how many of its messages were taken back.
fn with_erased(erased: u64) -> Vec<Chat> {
    vec![Chat { erased, ..chat("luis", 1_000, 0, 1_000) }]
}

#[test]
fn what_was_taken_back_is_looked_for_below_the_rest_that_stays_with_the_server() {
    let mut stage = with_the_first();
    let text = "x".repeat(limits::TEXT_BYTES);
    let fitting = (limits::COMPLETION_BYTES / (limits::TEXT_BYTES + limits::ROW_BYTES)) as u64;
    let long = |first: u64, last: u64| (first..=last).map(|number| record(number, "luis", "ana", &text)).collect();
    let erased = |number: u64| HistoryRecord::Message {
        message: Arc::new(message(number, "luis", "ana", "text").erased()),
        state: State::Received,
    };
    compare(&mut stage, with_erased(2));
    let first = 1_000 - fitting;
    assert_eq!(give(&mut stage, None, long(first, 1_000)), [""; 0]);
    assert_eq!(give(&mut stage, Some(first), vec![erased(500)]), [""; 0]);
    let shown = give(&mut stage, Some(500), vec![erased(1)]);
    assert!(shown.len() == 2 && shown[1].contains("are with the server only"), "{shown:?}");
    assert_eq!(rows(&stage, "luis")[..2], ["1 from luis: ".to_owned(), format!("gap 2-{}", first - 1)]);
    // Both are counted, and the one in the gap once, though it is fetched later.
    let gap = Gap { target: target("luis"), first: seq(2), last: seq(first - 1) };
    stage.handle(AppEvent::Wanted(gap));
    stage.answer(Answer::Rows(vec![erased(500)]));
    compare(&mut stage, with_erased(2));
    assert_eq!(stage.sending, None);
    compare(&mut stage, with_erased(3));
    assert_eq!(stage.sending, fetch("luis", None), "a third one is looked for");
}

#[test]
fn messages_that_come_with_a_poll_are_left_to_it() {
    let mut stage = Stage::connected(PERSON);
    let chats = || vec![chat("luis", 7, 0, 7)];
    compare_up_to(&mut stage, 5, chats());
    assert_eq!(give(&mut stage, None, page(1..=7)), [fetched(5)]);
    let polled = [6, 7].map(|number| Event::Message(message(number, "luis", "ana", "polled")));
    assert_eq!(stage.poll(polled.to_vec()).len(), 2);
    assert_eq!(numbers(&stage, "luis"), (1..=7).collect::<Vec<_>>());
    stage.answer_all();
    compare(&mut stage, chats());
    assert_eq!(stage.sending, None, "all seven are here");
}

#[test]
fn a_gap_is_filled_from_its_end_and_an_empty_answer_says_so() {
    let mut stage = Stage::connected(PERSON);
    stage.poll(vec![Event::Gap { room: room("#sala"), first: seq(1), last: seq(9) }]);
    assert_eq!(stage.sending, Some(Request::Compare), "the comparison fetches it");
    stage.answer(Answer::Chats(Vec::new()));
    let gap = Gap { target: target("luis"), first: seq(1), last: seq(9) };
    stage.app.state_to_maintain().apply(Record::Gap(gap.clone()));
    stage.handle(AppEvent::Wanted(gap.clone()));
    assert_eq!(stage.sending, Some(Request::Fill(gap)));
    assert_eq!(stage.answer(Answer::Rows(page(7..=9))), [""; 0]);
    let rest = Gap { target: target("luis"), first: seq(1), last: seq(6) };
    assert_eq!(rows(&stage, "luis")[..2], ["gap 1-6", "7 from luis: text 7"]);
    stage.handle(AppEvent::Wanted(rest));
    assert_eq!(stage.answer(Answer::Rows(Vec::new())), ["* nothing there yet"]);
    assert_eq!(numbers(&stage, "luis"), [7, 8, 9], "there is nothing to load any more");
}
