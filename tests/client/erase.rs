//! Messages that are taken back, as the app and the full screen show them: `/erase`, the event, rows that come without a text,
//! and the comparison after an absence.

use std::sync::Arc;

use wachat::client::app::Setting;
use wachat::client::app::event::Event as AppEvent;
use wachat::client::app::view::View;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::screen::theme::Theme;
use wachat::client::state::lookup::Lookup;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::row::Row;
use wachat::client::terminal::display::render;
use wachat::client::terminal::marks::Marks;
use wachat::model::{Message, State, Target, Timestamp};
use wachat::protocol::{Chat, Code, Event, HistoryRecord, SessionOpened};

use crate::client::screen_app::{ScreenApp, chat_with_luis, shown};
use crate::client::stage::{PERSON, Stage, chat, message, refused, seq, target, user};

/// The event that messages were taken back.
pub(super) fn erased(number: u64, name: &str, rows: (u64, u64), from: &str) -> Event {
    let (first, last) = (seq(rows.0), seq(rows.1));
    Event::Erased { seq: seq(number), target: target(name), first, last, from: user(from) }
}

fn without_text(message: &Message) -> Arc<Message> {
    Arc::new(message.erased())
}

/// The texts of the rows of a conversation; of a message that was taken back `-`.
fn texts(stage: &Stage, name: &str) -> Vec<String> {
    let text = |row: &Row| match row {
        row if row.is_erased() => "-".to_owned(),
        Row::Received(m) | Row::Sent(m, _) | Row::Direct(m) => m.text.to_string(),
        row => format!("{row:?}"),
    };
    stage.app.state().last_rows(&target(name), 100).iter().map(text).collect()
}

/// Ana's client after she has said these texts to luis.
fn said(setting: Setting, words: &[&str]) -> Stage {
    let mut stage = Stage::connected(setting);
    stage.enter("/query luis");
    stage.answer_all();
    for text in words {
        stage.enter(text);
        stage.answer_all();
    }
    stage
}

#[test]
fn erase_takes_back_the_last_message_of_the_user_or_the_nth_last() {
    for (line, number) in [("/erase", 3), ("/erase 1", 3), ("/erase 2", 2), ("/erase 3", 1)] {
        let mut stage = said(PERSON, &["uno", "dos", "tres"]);
        assert_eq!(stage.enter(line), [""; 0], "{line}");
        assert_eq!(asked(&stage), Some((target("luis"), number)), "{line}");
        assert!(!stage.app.wants_line(), "the next line counts without that message");
        let shown = stage.answer(Answer::Done);
        assert!(shown.len() == 1 && shown[0].starts_with("* the message of ana of "), "{shown:?}");
        assert!(shown[0].ends_with(" was taken back"), "{shown:?}");
        let mut left = vec!["uno", "dos", "tres"];
        left[usize::try_from(number).unwrap() - 1] = "-";
        assert_eq!(texts(&stage, "luis"), left, "{line}");
        // The event after the answer says nothing new.
        assert_eq!(stage.poll(vec![erased(9, "luis", (number, number), "ana")]), [""; 0]);
    }
    let mut stage = said(PERSON, &["uno"]);
    let none = "! there is no such message of ana in the chat luis; /history luis shows the last ones";
    assert_eq!((stage.enter("/erase 2"), &stage.sending), (vec![none.to_owned()], &None));
    for line in ["/erase 0", "/erase uno dos", "/erase 1 2", "/erase -1", "/erase #sala", "/erase luis 0"] {
        assert_eq!((stage.enter(line).len(), &stage.sending), (1, &None), "{line}");
    }
    stage.enter("/erase");
    stage.answer(Answer::Done);
    // What was taken back is not counted.
    assert_eq!((stage.enter("/erase"), &stage.sending), (vec![none.to_owned()], &None));
    stage.enter("/query");
    assert_eq!(stage.enter("/erase").len(), 1);
}

/// The conversation and the number of the message that the server is asked to take back.
fn asked(stage: &Stage) -> Option<(Target, u64)> {
    match &stage.sending {
        Some(Request::Erase(target, message)) => Some((target.clone(), message.seq.get())),
        _ => None,
    }
}

#[test]
fn each_erase_takes_back_one_message_however_fast_it_is_typed() {
    let mut stage = said(PERSON, &["uno", "dos", "tres"]);
    stage.enter("/erase");
    assert_eq!(asked(&stage), Some((target("luis"), 3)));
    assert!(!stage.app.wants_line());
    stage.answer(Answer::Done);
    assert!(stage.app.wants_line());
    stage.enter("/erase");
    assert_eq!(asked(&stage), Some((target("luis"), 2)));
    // A refusal, and a question that is not asked, let the next line be read, too.
    stage.answer(refused(Code::Late));
    assert!(stage.app.wants_line());
    stage.enter("/erase 2");
    let unknown = "! no answer came, so it may be taken back or not (lost); /history luis shows it";
    assert_eq!(stage.lose().last().map(String::as_str), Some(unknown));
    assert!(stage.app.wants_line());
    assert_eq!(stage.enter("/erase").len(), 1, "the server is left alone");
    assert!(stage.app.wants_line() && stage.sending.is_none());
}

#[test]
fn the_owner_of_a_room_takes_back_the_last_message_of_a_member() {
    let mut stage = Stage::connected(PERSON);
    for (from, text) in [("luis", "uno"), ("eva", "dos"), ("luis", "tres"), ("eva", "cuatro")] {
        stage.receive(from, "#lobby", text);
        stage.answer_all();
    }
    for (line, number) in [("/erase luis", 3), ("/erase @LUIS 2", 1), ("/erase eva 1", 4)] {
        stage.enter(line);
        assert_eq!(asked(&stage), Some((target("#lobby"), number)), "{line}");
        let not_owner = ["! the reason"];
        assert_eq!(stage.answer(refused(Code::NotOwner)), not_owner, "{line}");
    }
    stage.enter("/erase luis");
    stage.answer(Answer::Done);
    assert_eq!(texts(&stage, "#lobby"), ["uno", "dos", "-", "cuatro"]);
    let none = "! there is no such message of luis in the chat #lobby; /history #lobby shows the last ones";
    assert_eq!(stage.enter("/erase luis 2"), [none]);
    // In a conversation of two each takes back what they have said.
    let mut stage = said(PERSON, &["uno"]);
    let own = "! you can take back your own messages; those of others in a room of yours alone";
    assert_eq!((stage.enter("/erase luis"), &stage.sending), (vec![own.to_owned()], &None));
    stage.enter("/erase ana");
    assert_eq!(asked(&stage), Some((target("luis"), 1)));
}

#[test]
fn what_only_the_server_has_is_looked_for_there() {
    let mut stage = said(PERSON, &["uno"]);
    stage.app.state_to_maintain().remove_old_rows(0);
    stage.enter("/erase");
    assert_eq!(stage.sending, Some(Request::FindSaid(target("luis"), user("ana"), 1)));
    assert!(!stage.app.wants_line());
    let found = message(1, "ana", "luis", "uno");
    stage.answer(Answer::Rows(page(std::slice::from_ref(&found))));
    assert_eq!(stage.sending, Some(Request::Erase(target("luis"), found)));
    assert!(!stage.app.wants_line());
    assert_eq!(stage.answer(Answer::Done).len(), 1);
    assert!(stage.app.wants_line());
    stage.enter("/erase");
    let none = "! there is no such message of ana in the chat luis; /history luis shows the last ones";
    assert_eq!(stage.answer(Answer::Rows(Vec::new())), [none]);
    assert!(stage.app.wants_line());
    stage.enter("/erase");
    assert_eq!(stage.lose().last().map(String::as_str), Some("! not asked: lost"));
    assert!(stage.app.wants_line());
}

#[test]
fn a_script_asks_the_server_which_message_is_its_last_one() {
    let mut stage = Stage::piped();
    stage.type_line("/query luis");
    stage.answer_all();
    stage.type_line("uno");
    stage.answer_all();
    stage.type_line("/erase");
    // What the user has said elsewhere meanwhile is in no file of the script.
    assert_eq!(stage.sending, Some(Request::FindSaid(target("luis"), user("ana"), 1)));
    let elsewhere = message(2, "ana", "luis", "dos");
    stage.answer(Answer::Rows(page(std::slice::from_ref(&elsewhere))));
    assert_eq!(stage.sending, Some(Request::Erase(target("luis"), elsewhere)));
    assert!(!stage.app.wants_line(), "the next line is read after the answer");
    let shown = stage.answer(Answer::Done);
    assert!(shown.len() == 1 && shown[0].ends_with(" was taken back"), "{shown:?}");
    // Another store has given the number of a message in the files to another one, which alone is taken back.
    stage.type_line("/erase");
    let other = message(1, "ana", "luis", "otra");
    stage.answer(Answer::Rows(page(std::slice::from_ref(&other))));
    assert_eq!(stage.answer(Answer::Done).len(), 1, "the script is told all the same");
    assert_eq!(texts(&stage, "luis"), ["uno"]);
    assert!(!stage.records.contains("ERASED"), "{}", stage.records);
}

#[test]
fn what_was_said_directly_is_not_taken_back_and_neither_is_what_was_said_before_it() {
    let mut stage = said(PERSON, &["uno"]);
    let direct = Message { seq: seq(0), ..Message::clone(&message(7, "ana", "luis", "directo")) };
    stage.app.state_to_maintain().add_direct(Arc::new(direct));
    let cannot = "! that was said directly, without the server: it cannot be taken back";
    assert_eq!((stage.enter("/erase"), &stage.sending), (vec![cannot.to_owned()], &None));
    stage.enter("/erase 2");
    assert_eq!(asked(&stage), Some((target("luis"), 1)));
}

#[test]
fn a_message_that_waits_is_not_taken_back_and_a_refusal_says_why() {
    let mut stage = said(PERSON, &["uno"]);
    stage.enter("dos");
    let queued = "! your message to luis is not sent yet; take it back when it is";
    assert_eq!(stage.enter("/erase"), [queued]);
    for (code, why) in [
        (Code::Late, "! it is older than a day: it cannot be taken back any more"),
        (Code::Syntax, "! this server is of an older version: nothing can be taken back there"),
    ] {
        let mut stage = said(PERSON, &["uno"]);
        stage.enter("/erase");
        assert_eq!(stage.answer(refused(code)), [why]);
        assert_eq!(texts(&stage, "luis"), ["uno"]);
    }
}

#[test]
fn the_event_empties_the_rows_of_that_user_alone_and_nothing_puts_a_text_back() {
    let mut stage = Stage::connected(PERSON);
    for (from, text) in [("luis", "uno"), ("eva", "dos"), ("luis", "tres"), ("luis", "cuatro")] {
        stage.receive(from, "#lobby", text);
    }
    let shown = stage.poll(vec![erased(5, "#lobby", (1, 3), "luis")]);
    assert_eq!(shown, ["* earlier messages of luis were taken back in the chat #lobby"]);
    assert_eq!(texts(&stage, "#lobby"), ["-", "dos", "-", "cuatro"]);
    assert!(stage.records.contains("ERASED;#lobby;1;3;luis;event\n"), "{}", stage.records);
    // Of somebody else's message nothing goes.
    stage.poll(vec![erased(6, "#lobby", (2, 2), "luis")]);
    assert_eq!(texts(&stage, "#lobby"), ["-", "dos", "-", "cuatro"]);
    let shown = stage.poll(vec![erased(7, "#lobby", (4, 4), "luis")]);
    assert!(shown.len() == 1 && shown[0].contains("in #lobby was taken back"), "{shown:?}");
    // The event was faster than the message, which a server in error gives with its text.
    stage.poll(vec![erased(8, "#lobby", (9, 9), "eva")]);
    let shown = stage.poll(vec![Event::Message(message(9, "eva", "#lobby", "secreto"))]);
    assert!(!shown.join("").contains("secreto") && !stage.records.contains("secreto"), "{shown:?}");
    assert_eq!(texts(&stage, "#lobby"), ["-", "dos", "-", "-", "-"]);
}

#[test]
fn an_own_message_that_was_taken_back_before_its_answer_came_has_no_text() {
    let mut stage = said(PERSON, &[]);
    stage.enter("uno");
    stage.poll(vec![erased(2, "luis", (1, 1), "ana")]);
    stage.answer_all();
    assert_eq!(texts(&stage, "luis"), ["-"]);
}

#[test]
fn a_message_that_comes_without_its_text_is_a_row_that_was_taken_back() {
    let mut stage = Stage::connected(PERSON);
    let first = without_text(&message(1, "luis", "ana", "x"));
    stage.poll(vec![Event::Message(first.clone())]);
    assert_eq!(texts(&stage, "luis"), ["-"]);
}

/// Lets the client compare: the server has these conversations, and pages of HISTORY, the last messages first.
fn compare(stage: &mut Stage, chats: Vec<Chat>, pages: Vec<Vec<HistoryRecord>>) -> usize {
    stage.disconnect();
    stage.wait(std::time::Duration::from_secs(60));
    stage.log_in("store", stage.app.state().position().get());
    stage.poll(vec![]);
    let mut pages = pages.into_iter();
    let mut asked = 0;
    while let Some(request) = &stage.sending {
        let answer = match request {
            Request::Compare => Answer::Chats(chats.clone()),
            Request::Fetch(..) => {
                asked += 1;
                Answer::Rows(pages.next().unwrap_or_default())
            }
            Request::Presence => Answer::Users(Vec::new()),
            _ => Answer::Done,
        };
        stage.answer(answer);
    }
    asked
}

fn page(messages: &[Arc<Message>]) -> Vec<HistoryRecord> {
    let record = |message: &Arc<Message>| HistoryRecord::Message { message: message.clone(), state: State::Received };
    messages.iter().map(record).collect()
}

#[test]
fn another_count_of_rows_that_were_taken_back_lets_the_conversation_be_read_again() {
    let mut stage = Stage::connected(PERSON);
    let messages: Vec<_> = (1..=4).map(|number| message(number, "luis", "ana", &format!("m{number}"))).collect();
    stage.poll(messages.iter().cloned().map(Event::Message).collect());
    let counted = |erased| vec![Chat { erased, ..chat("luis", 4, 0, 4) }];
    assert_eq!(compare(&mut stage, counted(0), vec![]), 0);
    let first = without_text(&messages[0]);
    // The page with the one that was taken back is not the last one.
    let pages = || vec![page(&messages[2..]), page(&[first.clone(), messages[1].clone()])];
    assert_eq!(compare(&mut stage, counted(1), pages()), 2);
    assert_eq!(texts(&stage, "luis"), ["-", "m2", "m3", "m4"]);
    // The count is noted: it is read once.
    assert_eq!(compare(&mut stage, counted(1), pages()), 0);
    // An event changes the count as the server does.
    stage.poll(vec![erased(6, "luis", (2, 2), "luis")]);
    assert_eq!(compare(&mut stage, counted(2), pages()), 0);
    // A page that was read before the message was taken back brings no text.
    assert_eq!(compare(&mut stage, counted(3), vec![page(&messages)]), 1);
    assert_eq!(texts(&stage, "luis"), ["-", "-", "m3", "m4"]);
}

#[test]
fn the_full_screen_shows_the_row_without_its_text_in_its_place() {
    let mut screen = chat_with_luis();
    screen.arrive("luis", "ana", "secreto");
    screen.arrive("luis", "ana", "otra cosa");
    assert!(shown(&mut screen).contains("luis: secreto"));
    screen.poll(vec![erased(3, "luis", (screen.last - 1, screen.last - 1), "luis")]);
    let now = shown(&mut screen);
    assert!(!now.contains("secreto") && now.contains("luis (taken back)"), "{now}");
    assert!(now.contains("luis: otra cosa"), "{now}");
    assert!(!now.contains("* "), "the row says it: {now}");
    screen.enter("mi secreto");
    screen.answer();
    assert!(shown(&mut screen).contains("ana: mi secreto"));
    screen.enter("/erase");
    screen.answer();
    let now = shown(&mut screen);
    assert!(!now.contains("mi secreto") && now.contains("ana (taken back) ✓"), "{now}");
}

#[test]
fn the_note_of_a_message_to_another_chat_loses_its_text_too() {
    let mut screen = chat_with_luis();
    screen.enter("@eva: secreto");
    screen.answer();
    assert!(shown(&mut screen).contains("→ eva: secreto"));
    let number = screen.last;
    screen.poll(vec![erased(number + 1, "eva", (number, number), "ana")]);
    let now = shown(&mut screen);
    assert!(!now.contains("secreto") && now.contains("→ eva: (taken back)"), "{now}");
}

#[test]
fn the_note_of_a_message_to_another_chat_stays_without_its_text_when_memory_loses_the_row() {
    let mut screen = chat_with_luis();
    screen.enter("@eva: secreto");
    screen.answer();
    shown(&mut screen);
    let number = screen.last;
    screen.app.state_to_maintain().remove_old_rows(0);
    assert!(shown(&mut screen).contains("→ eva: secreto"));
    screen.poll(vec![erased(number + 1, "eva", (number, number), "ana")]);
    let now = shown(&mut screen);
    assert!(!now.contains("secreto") && now.contains("→ eva: (taken back)"), "{now}");
}

#[test]
fn answers_on_the_full_screen_lose_the_texts_that_are_taken_back() {
    let mut screen = chat_with_luis();
    screen.arrive("luis", "#lobby", "secreto uno");
    screen.answer();
    screen.enter("/search secreto");
    screen.enter("/unread");
    let (last, number) = (screen.last, seq(screen.last));
    let chats = vec![Chat { last: number, ..chat("#lobby", last, 0, 1) }];
    let asked = screen.sending.take().unwrap();
    screen.handle(AppEvent::Link(LinkEvent::Answered(asked, Ok(Answer::Chats(chats)))));
    screen.enter("/history #lobby");
    let asked = screen.sending.take().unwrap();
    let row = screen.message(last, "luis", "#lobby", "secreto uno");
    screen.handle(AppEvent::Link(LinkEvent::Answered(asked, Ok(Answer::Rows(page(&[row]))))));
    assert_eq!(shown(&mut screen).matches("secreto uno").count(), 3, "{}", shown(&mut screen));
    screen.poll(vec![erased(last + 1, "#lobby", (last, last), "luis")]);
    let now = shown(&mut screen);
    assert!(!now.contains("secreto uno"), "{now}");
    assert_eq!(now.matches("luis (taken back)").count(), 3, "{now}");
    // That of another number is another message.
    screen.last += 1;
    screen.arrive("luis", "#lobby", "otro");
    screen.answer();
    screen.enter("/search otro");
    assert!(shown(&mut screen).contains("luis: otro"));
}

#[test]
fn an_answer_of_before_a_message_was_taken_back_does_not_show_it_after() {
    let mut stage = Stage::connected(PERSON);
    stage.receive("luis", "ana", "secreto");
    stage.answer_all();
    stage.enter("/history luis");
    let row = message(1, "luis", "ana", "secreto");
    stage.poll(vec![erased(2, "luis", (1, 1), "luis")]);
    let rows = stage.app.state().last_rows(&target("luis"), 1);
    assert!(rows[0].is_erased());
    let shown = stage.answer(Answer::Rows(page(&[row])));
    assert!(shown.len() == 1 && !shown[0].contains("secreto"), "{shown:?}");
}

#[test]
fn a_tick_of_a_message_that_was_taken_back_says_so_and_has_no_text() {
    let mut stage = said(PERSON, &["secreto"]);
    let at = Timestamp::from_millis(1);
    let delivered = Event::State { seq: seq(2), target: target("luis"), state: State::Delivered, upto: seq(1), at };
    let shown = stage.poll(vec![delivered, erased(3, "luis", (1, 1), "ana")]);
    assert!(!shown.join("").contains("secreto") && shown.join("").contains("DELIVERED, to luis"), "{shown:?}");
    // The event is faster than the answer.
    let mut stage = said(PERSON, &[]);
    stage.enter("secreto");
    stage.poll(vec![erased(2, "luis", (1, 1), "ana")]);
    let shown = stage.answer_all();
    assert!(!shown.join("").contains("secreto") && shown.join("").contains("RECEIVED, to luis"), "{shown:?}");
    let without_text = Outgoing::of(&message(1, "ana", "luis", "secreto").erased());
    let tick = View::Tick { state: Some(State::Read), message: without_text, others: 0 };
    assert_eq!(render(&tick, Marks::SIGNS), "✓✓ read @luis: (taken back)");
}

#[test]
fn a_search_in_the_chat_finds_no_row_of_the_log_by_words_that_were_taken_back() {
    let mut screen = chat_with_luis();
    screen.arrive("luis", "ana", "secreto");
    screen.arrive("luis", "ana", "otro");
    screen.answer();
    let number = screen.last - 1;
    let row = Row::Received(screen.message(number, "luis", "ana", "secreto"));
    screen.app.state_to_maintain().remove_old_rows(0);
    shown(&mut screen);
    screen.handle(AppEvent::LookedUp(Lookup::Older(target("luis"), 500), Ok(vec![(target("luis"), row)])));
    screen.lookups.clear();
    let found =
        |screen: &ScreenApp| screen.model.rows(&screen.app, &target("luis")).search(&["secreto".to_owned()]).len();
    assert_eq!(found(&screen), 1, "{}", shown(&mut screen));
    screen.poll(vec![erased(number + 2, "luis", (number, number), "luis")]);
    assert_eq!(found(&screen), 0, "{}", shown(&mut screen));
}

#[test]
fn a_row_of_a_direct_chat_that_only_the_log_has_is_shown_without_its_text() {
    for (from, to, shown_as) in [("luis", "ana", "luis (taken back)"), ("ana", "luis", "ana (taken back) ✓✓")] {
        let mut screen = chat_with_luis();
        let said =
            Message { seq: seq(0), to: target(to), ..Message::clone(&screen.message(1, from, "ana", "secreto")) };
        let said = Arc::new(said);
        screen.app.state_to_maintain().add_direct(said.clone());
        screen.app.state_to_maintain().remove_old_rows(0);
        shown(&mut screen);
        let rows = vec![(target("luis"), Row::Direct(said.clone()))];
        screen.handle(AppEvent::LookedUp(Lookup::Older(target("luis"), 500), Ok(rows)));
        screen.lookups.clear();
        assert!(shown(&mut screen).contains("secreto"), "{}", shown(&mut screen));
        // It has come through the server, too, and was taken back there.
        screen.last = 1;
        screen.poll(vec![Event::Message(Arc::new(Message { seq: seq(1), ..said.erased() }))]);
        let now = shown(&mut screen);
        assert!(!now.contains("secreto") && now.contains(shown_as), "{now}");
    }
}

/// The server has another store from now on.
fn restore(screen: &mut ScreenApp) {
    screen.disconnect();
    screen.receiving = None;
    let store = "restored".into();
    let opened = SessionOpened { user: user("ana"), acknowledged: seq(screen.last), store, device: None };
    screen.handle(AppEvent::Link(LinkEvent::LoggedIn(opened)));
    screen.answer();
}

#[test]
fn a_row_that_only_the_log_has_is_read_from_it_again_when_the_store_changes() {
    let mut screen = chat_with_luis();
    screen.arrive("luis", "ana", "secreto");
    screen.answer();
    let number = screen.last;
    let row = Row::Received(screen.message(number, "luis", "ana", "secreto"));
    screen.app.state_to_maintain().remove_old_rows(0);
    shown(&mut screen);
    screen.handle(AppEvent::LookedUp(Lookup::Older(target("luis"), 500), Ok(vec![(target("luis"), row)])));
    screen.lookups.clear();
    screen.poll(vec![erased(number + 1, "luis", (number, number), "luis")]);
    assert!(shown(&mut screen).contains("luis (taken back)"), "{}", shown(&mut screen));
    screen.last = number + 1;
    restore(&mut screen);
    assert!(!shown(&mut screen).contains("secreto"), "{}", shown(&mut screen));
    assert!(matches!(screen.lookups.last(), Some(Lookup::Older(_, 500))), "{:?}", screen.lookups);
}

#[test]
fn notes_of_before_the_store_changed_lose_the_texts_that_are_taken_back_after_it() {
    let mut screen = chat_with_luis();
    screen.enter("@eva: secreto uno");
    screen.answer();
    let (own, _) = screen.app.state().last_sent(&target("eva")).unwrap();
    screen.arrive("luis", "#lobby", "secreto dos");
    screen.answer();
    let theirs = screen.message(screen.last, "luis", "#lobby", "secreto dos");
    screen.enter("/search secreto dos");
    assert_eq!(shown(&mut screen).matches("secreto").count(), 2, "{}", shown(&mut screen));
    restore(&mut screen);
    assert!(shown(&mut screen).contains("→ eva: secreto uno"), "{}", shown(&mut screen));
    // They have other numbers now.
    let emptied = [(8, own), (9, theirs)].map(|(number, message)| {
        let number = seq(screen.last + number);
        Event::Message(Arc::new(Message { seq: number, ..message.erased() }))
    });
    screen.poll(emptied.to_vec());
    let now = shown(&mut screen);
    assert!(!now.contains("secreto uno") && now.contains("→ eva: (taken back)"), "{now}");
    assert!(!now.contains("luis: secreto dos") && now.contains("luis (taken back)"), "{now}");
}

/// Answers what is asked before the next comparison, and that with a conversation with luis of one message.
fn compare_next(stage: &mut Stage, erased: u64) -> Vec<String> {
    for _ in 0..10 {
        match &stage.sending {
            Some(Request::Compare) => break,
            Some(Request::Presence) => _ = stage.answer(Answer::Users(Vec::new())),
            Some(_) => _ = stage.answer(Answer::Done),
            None => break,
        }
    }
    assert_eq!(stage.sending, Some(Request::Compare));
    stage.answer(Answer::Chats(vec![Chat { erased, ..chat("luis", 1, 0, 1) }]))
}

#[test]
fn what_was_taken_back_while_the_first_page_of_a_conversation_was_on_its_way_is_found() {
    let mut stage = Stage::connected(PERSON);
    stage.disconnect();
    stage.wait(std::time::Duration::from_secs(60));
    stage.log_in("store", 1);
    stage.poll(vec![]);
    compare_next(&mut stage, 0);
    assert_eq!(stage.sending, Some(Request::Fetch(target("luis"), None)));
    let said = message(1, "luis", "ana", "secreto");
    let before = page(std::slice::from_ref(&said));
    stage.poll(vec![erased(2, "luis", (1, 1), "luis")]);
    stage.answer(Answer::Rows(before));
    assert_eq!(texts(&stage, "luis"), ["secreto"]);
    stage.poll(vec![]);
    compare_next(&mut stage, 1);
    assert_eq!(stage.sending, Some(Request::Fetch(target("luis"), None)));
    stage.answer(Answer::Rows(page(&[without_text(&said)])));
    assert_eq!(texts(&stage, "luis"), ["-"]);
    stage.poll(vec![]);
    assert_ne!(stage.sending, Some(Request::Compare));
}

#[test]
fn the_event_after_an_own_request_lets_the_row_be_looked_for_that_may_be_here_without_a_number() {
    let mut stage = said(PERSON, &["uno"]);
    let direct = Message { seq: seq(0), ..Message::clone(&message(7, "luis", "ana", "directo")) };
    stage.app.state_to_maintain().add_direct(Arc::new(direct));
    stage.app.state_to_maintain().remove_old_rows(0);
    stage.enter("/erase");
    stage.answer(Answer::Rows(page(&[message(1, "ana", "luis", "uno")])));
    assert_eq!(stage.answer(Answer::Done).len(), 1);
    assert_eq!(stage.poll(vec![erased(2, "luis", (1, 1), "ana")]), [""; 0], "that is known");
    compare_next(&mut stage, 1);
    assert_eq!(stage.sending, Some(Request::Fetch(target("luis"), None)));
}

#[test]
fn a_text_that_looks_like_a_row_that_was_taken_back_does_not() {
    let mut screen = ScreenApp::new(Theme::Dark);
    screen.enter("/query luis");
    screen.arrive("luis", "ana", "(taken back)");
    let now = shown(&mut screen);
    assert!(now.contains("luis: (taken back)"), "{now}");
}
