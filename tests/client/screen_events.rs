//! The full screen over time: what came while the user was away, a text that is entered before an answer, older rows.

use std::time::Duration;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use terminput::KeyCode;
use wachat::client::app::event::Event;
use wachat::client::link::request::{Answer, LinkEvent, Request};
use wachat::client::screen::draw::Drawn;
use wachat::client::screen::output::Output;
use wachat::client::screen::theme::Theme;
use wachat::client::state::record::Record;
use wachat::client::state::row::Row;
use wachat::model::Seq;
use wachat::protocol::{Code, Event as ServerEvent, SessionOpened};

use crate::client::screen_app::{ScreenApp, chat_with_luis, target, user};

/// The rows of the conversation, without the list.
fn conversation(screen: &mut ScreenApp) -> Vec<String> {
    let rows = screen.draw(50, 14);
    rows[1..12].iter().filter(|row| !row.is_empty()).cloned().collect()
}

#[test]
fn what_came_without_a_connection_stands_below_a_line() {
    let mut screen = chat_with_luis();
    screen.arrive("luis", "ana", "seen");
    screen.draw(50, 14);
    screen.disconnect();
    screen.wait(Duration::from_secs(60));
    screen.handle(Event::Tick);
    screen.log_in();
    let missed = [2, 3].map(|number| ServerEvent::Message(screen.message(number, "luis", "ana", "missed")));
    screen.poll(missed.to_vec());
    let rows = conversation(&mut screen);
    let at = |text: &str| rows.iter().position(|row| row.contains(text)).unwrap_or_else(|| panic!("{rows:#?}"));
    assert!(at("luis: seen") < at("─ new ─") && at("─ new ─") < at("luis: missed"), "{rows:#?}");
    // One's own answer says that all is known.
    screen.enter("hola");
    assert!(!conversation(&mut screen).concat().contains("─ new ─"));
}

#[test]
fn a_text_that_is_entered_before_the_answer_to_a_join_goes_to_the_room() {
    let mut screen = chat_with_luis();
    screen.enter("/join #new");
    screen.enter("hola a todos");
    screen.enter("and more");
    assert_eq!(screen.entered.last().unwrap(), "/join #new", "nobody knows yet where they go");
    for number in 3..=1_024 {
        screen.enter(&format!("text {number}"));
    }
    screen.enter("too many");
    assert_eq!(screen.model.writing.editor.text(), "too many", "it stays");
    screen.answer();
    assert_eq!(screen.entered[2..5], ["/join #new", "hola a todos", "and more"]);
    let rows = screen.draw(50, 14);
    assert!(rows[0].contains("#new"), "{rows:#?}");
    assert!(rows[11].contains("ana: text 1024 ✓"), "{rows:#?}");
    screen.alt(KeyCode::Char('2'));
    assert_eq!(screen.model.writing.editor.text(), "too many", "a draft where it was typed");
}

#[test]
fn the_help_ends_with_its_last_page() {
    let mut screen = chat_with_luis();
    screen.press(KeyCode::Char('?'));
    let all = screen.draw(80, 200);
    let last = all[..198].iter().rfind(|row| !row.ends_with('│')).unwrap().clone();
    screen.draw(80, 20);
    (0..30).for_each(|_| screen.press(KeyCode::PageDown));
    let rows = screen.draw(80, 20);
    let help = |rows: &[String]| rows.iter().map(|row| row.split_once('│').unwrap().1.to_owned()).collect::<Vec<_>>();
    assert_eq!(help(&rows)[17], help(&[last])[0], "{rows:#?}");
    screen.press(KeyCode::Up);
    assert_eq!(help(&screen.draw(80, 20))[2], help(&rows)[1], "one key goes up one line");
}

#[test]
fn messages_that_were_missed_stand_among_older_ones_where_they_belong() {
    let mut screen = chat_with_luis();
    let row = |screen: &ScreenApp, number: u64| screen.message(number, "luis", "ana", &format!("number {number}"));
    let news = [8, 9].map(|number| ServerEvent::Message(row(&screen, number)));
    screen.poll(news.to_vec());
    // Fetched late, so it is in memory; those around it are in the log only.
    let missed = Record::Missed(row(&screen, 4));
    screen.app.state_to_maintain().apply(missed);
    screen.model.reading.older.rows = [2, 3, 5, 6, 8].map(|number| Row::Received(row(&screen, number))).to_vec();
    let rows = conversation(&mut screen);
    let numbers: Vec<_> = rows.iter().filter_map(|row| row.rsplit_once("number ")?.1.parse::<u64>().ok()).collect();
    assert_eq!(numbers, [2, 3, 4, 5, 6, 8, 9], "{rows:#?}");
    assert_eq!(screen.app.destination().target(), Some(target("luis")));
}

#[test]
fn while_no_chat_is_open_answers_are_seen_and_a_text_stays() {
    let mut screen = ScreenApp::disconnected(Theme::Dark);
    screen.handle(Event::Started(Err("connection refused".to_owned())));
    screen.enter("/status");
    screen.enter("hola");
    let rows = screen.draw(100, 16);
    assert!(rows.concat().contains("connection refused") && rows.concat().contains("no chat is open"), "{rows:#?}");
    assert!(rows.concat().contains("! there is no current chat"), "{rows:#?}");
    assert_eq!(screen.model.writing.editor.text(), "hola", "nothing typed is lost");
}

#[test]
fn a_chat_with_nobody_is_not_opened() {
    let mut screen = chat_with_luis();
    screen.unknown = Some(Code::NoUser);
    screen.enter("/query fantasma");
    screen.unknown = Some(Code::NotMember);
    screen.enter("/query #sala");
    assert_eq!(screen.app.destination().target(), Some(target("luis")));
    let rows = screen.draw(70, 14).concat();
    assert!(rows.contains("! there is no user fantasma") && rows.contains("! you are not in #sala"), "{rows}");
    assert!(!rows.contains("○ fantasma"), "it is in no list");
}

#[test]
fn a_search_says_how_much_it_found_and_minds_no_accents() {
    let mut screen = chat_with_luis();
    screen.arrive("luis", "ana", "La última vez");
    screen.control('f');
    screen.type_text("ultima");
    screen.press(KeyCode::Enter);
    assert!(screen.draw(50, 14)[12].contains("search here, 1 of 1: ultima"));
    screen.type_text("x");
    screen.press(KeyCode::Enter);
    assert!(screen.draw(50, 14)[12].contains("search here, nothing found: ultimax"));
}

#[test]
fn behind_a_cluster_of_characters_the_cursor_is_placed_anew() {
    let draw = |texts: &[&str]| {
        let mut output = Output::new(Vec::new());
        for text in texts {
            let mut cells = Buffer::empty(Rect::new(0, 0, 20, 1));
            cells.set_string(0, 0, text, Style::new());
            output.show(cells, Drawn::default()).unwrap();
        }
        String::from_utf8(output.into_inner()).unwrap()
    };
    let flag = draw(&["🇪🇸 y"]);
    assert!(flag.split_once("🇪🇸").unwrap().1.contains("\u{1b}[1;3H y"), "{flag:?}");
    // A terminal may have given the flag four cells: they are drawn again when it goes.
    let gone = draw(&["🇪🇸", "x"]);
    let last = gone.rsplit_once("\u{1b}[?2026h").unwrap().1;
    assert!(last.matches(' ').count() >= 3, "{last:?}");
}

#[test]
fn the_users_own_name_is_shown_as_it_was_registered() {
    let mut screen = ScreenApp::disconnected(Theme::Dark);
    screen.handle(Event::Started(Ok(())));
    let opened = SessionOpened { user: user("Ana"), acknowledged: Seq::ZERO, store: "store".into(), device: None };
    screen.receiving = None;
    screen.handle(Event::Link(LinkEvent::LoggedIn(opened)));
    screen.poll(vec![]);
    screen.answer();
    screen.enter("hola");
    let rows = screen.draw(60, 10).concat();
    assert!(rows.contains("Ana at example:1666") && rows.contains("Ana: hola"), "{rows}");
}

#[test]
fn while_the_place_of_a_chat_is_looked_up_nothing_there_counts_as_read() {
    let mut screen = chat_with_luis();
    for number in 1..=60 {
        screen.arrive("luis", "ana", &format!("text {number}"));
    }
    screen.draw(50, 14);
    screen.answer();
    (0..3).for_each(|_| screen.press(KeyCode::PageUp));
    let place = conversation(&mut screen);
    let log: Vec<_> = screen.app.state().find_conversation(&target("luis")).unwrap().rows().cloned().collect();
    screen.app.state_to_maintain().remove_old_rows(0);
    screen.arrive("luis", "ana", "new");
    screen.seen.clear();
    // The line of the place is in the log alone: the last message is shown until that is read.
    assert!(conversation(&mut screen).concat().contains("luis: new"));
    assert_eq!((&screen.seen[..], &screen.sending), (&[][..], &None), "the user is elsewhere");
    let lookup = screen.lookups.remove(0);
    let rows = log.into_iter().map(|row| (target("luis"), row)).collect();
    screen.handle(Event::LookedUp(lookup, Ok(rows)));
    assert_eq!(conversation(&mut screen), place);
    assert_eq!((&screen.seen[..], &screen.sending), (&[][..], &None), "the new message is further down");
    screen.alt(KeyCode::End);
    screen.draw(50, 14);
    assert_eq!(screen.seen, [(target("luis"), Seq::new(screen.last).unwrap())]);
}

#[test]
fn no_hidden_user_is_told_that_everything_is_read() {
    let mut screen = chat_with_luis();
    screen.enter("/ignore luis");
    for from in ["luis", "eva"] {
        screen.arrive(from, "ana", "hola");
        screen.answer();
    }
    let mut told = |command: &str| {
        screen.enter(command);
        let mut requests = Vec::new();
        while let Some(request) = screen.sending.take() {
            requests.push(request.clone());
            screen.handle(Event::Link(LinkEvent::Answered(request, Ok(Answer::Done))));
        }
        requests
    };
    let read = |name, number| Request::Read(target(name), Seq::new(number).unwrap());
    assert_eq!(told("/read"), [read("eva", 2)]);
    assert_eq!(told("/read luis"), [read("luis", 1)], "the user names luis");
}

/// However much is said elsewhere: what was looked up before lacks what came and was sent since.
#[test]
fn what_was_sent_last_stays_on_the_screen_when_the_whole_chat_leaves_memory() {
    let mut screen = chat_with_luis();
    for number in 1..=40 {
        screen.arrive("luis", "ana", &format!("text {number}"));
        screen.pass(Duration::from_secs(1));
    }
    screen.answer();
    let rows_of = |screen: &ScreenApp| -> Vec<Row> {
        screen.app.state().find_conversation(&target("luis")).unwrap().rows().cloned().collect()
    };
    let mut log = rows_of(&screen);
    let answer = |screen: &mut ScreenApp, log: &[Row]| {
        screen.draw(50, 14);
        while let Some(lookup) = screen.lookups.pop() {
            let rows = log.iter().map(|row| (target("luis"), row.clone())).collect();
            screen.handle(Event::LookedUp(lookup, Ok(rows)));
            screen.draw(50, 14);
        }
    };
    screen.app.state_to_maintain().remove_old_rows(3_000);
    screen.alt(KeyCode::Home);
    answer(&mut screen, &log);
    screen.alt(KeyCode::End);
    screen.enter("hola");
    screen.answer();
    log.extend(rows_of(&screen).last().cloned());
    answer(&mut screen, &log);
    let before = conversation(&mut screen);
    screen.app.state_to_maintain().remove_old_rows(0);
    answer(&mut screen, &log);
    assert!(before.concat().contains("ana: hola"));
    assert_eq!(conversation(&mut screen), before);
}
