//! The full screen over time: what came while the user was away, a text that is entered before an answer, older rows.

use std::time::Duration;

use terminput::KeyCode;
use wachat::client::app::event::Event;
use wachat::client::screen::theme::Theme;
use wachat::client::state::conversation::Row;
use wachat::client::state::record::Record;
use wachat::protocol::Event as ServerEvent;

use crate::screen_app::{ScreenApp, target};

fn chat_with_luis() -> ScreenApp {
    let mut screen = ScreenApp::new(Theme::Dark);
    screen.enter("/query luis");
    screen.enter("/clear");
    screen
}

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
    for number in 3..=16 {
        screen.enter(&format!("text {number}"));
    }
    screen.enter("too many");
    assert_eq!(screen.model.editor.text(), "too many", "it stays");
    screen.answer();
    assert_eq!(screen.entered[2..5], ["/join #new", "hola a todos", "and more"]);
    let rows = screen.draw(50, 14);
    assert!(rows[0].contains("#new"), "{rows:#?}");
    assert!(rows[11].contains("ana: text 16 ✓"), "{rows:#?}");
    screen.alt(KeyCode::Char('2'));
    assert_eq!(screen.model.editor.text(), "too many", "a draft where it was typed");
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
    screen.model.older.rows = [2, 3, 5, 6, 8].map(|number| Row::Received(row(&screen, number))).to_vec();
    let rows = conversation(&mut screen);
    let numbers: Vec<_> = rows.iter().filter_map(|row| row.rsplit_once("number ")?.1.parse::<u64>().ok()).collect();
    assert_eq!(numbers, [2, 3, 4, 5, 6, 8, 9], "{rows:#?}");
    assert_eq!(screen.app.open().target(), Some(target("luis")));
}
