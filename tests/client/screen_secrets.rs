//! A password that is asked for in the full screen: it is shown, kept and brought back by nothing.

use terminput::{Event as TerminalEvent, KeyCode};
use wachat::client::app::event::Event;
use wachat::client::link::request::Request;

use crate::client::screen_app::{chat_with_luis, shown, target};

#[test]
fn a_password_is_seen_nowhere_and_the_draft_comes_back_whichever_way_the_question_ends() {
    for end in ["Enter", "Esc", "Ctrl-C"] {
        let mut screen = chat_with_luis();
        screen.type_text("half a draft");
        screen.alt(KeyCode::Char('2'));
        screen.enter("/passwd");
        assert!(screen.app.asks_secret());
        screen.handle(Event::Selected(target("luis")));
        assert!(!shown(&mut screen).contains("half a draft"), "{end}");
        screen.type_text("s3cret");
        let rows = shown(&mut screen);
        assert!(rows.contains("current password: ******") && !rows.contains("s3cret"), "{rows}");
        match end {
            "Enter" => {
                screen.control('u');
                screen.press(KeyCode::Enter);
            }
            "Esc" => screen.press(KeyCode::Esc),
            _ => {
                screen.control('c');
                assert!(screen.app.asks_secret(), "the first clears the answer");
                screen.control('c');
            }
        }
        assert!(!screen.app.asks_secret(), "{end}");
        let rows = shown(&mut screen);
        assert!(rows.contains("> half a draft") && !rows.contains("s3cret"), "{end}: {rows}");
        assert_eq!(screen.model.writing.draft(), "half a draft", "{end}");
        for key in ['y', '7', 'p'] {
            screen.control(key);
            assert!(!screen.model.writing.editor.text().contains("s3cret"), "{end}: Ctrl-{key}");
        }
    }
}

#[test]
fn a_password_that_was_begun_is_no_draft_of_the_chat_that_is_left() {
    let mut screen = chat_with_luis();
    screen.enter("/passwd");
    screen.type_text("s3cret");
    assert_eq!(screen.model.writing.draft(), "", "what is kept on the disk");
    screen.handle(Event::Selected(target("eva")));
    assert_eq!(screen.model.writing.editor.text(), "");
    assert!(screen.model.writing.drafts.is_empty(), "{:?}", screen.model.writing.drafts);
}

#[test]
fn a_password_may_begin_with_the_sign_of_the_help() {
    let mut screen = chat_with_luis();
    screen.enter("/passwd");
    screen.type_text("?s3cret");
    assert!(shown(&mut screen).contains("current password: *******"), "{}", shown(&mut screen));
}

#[test]
fn the_line_break_after_a_pasted_password_is_no_part_of_it() {
    let mut screen = chat_with_luis();
    screen.enter("/passwd");
    for password in ["the old one\n", "the new one\r\n", "the new one"] {
        screen.terminal(TerminalEvent::Paste(password.to_owned()));
        screen.press(KeyCode::Enter);
    }
    let request = screen.sending.take();
    let is_right = |old: &str, new: &str| (old, new) == ("the old one", "the new one");
    assert!(matches!(&request, Some(Request::Passwd(old, new)) if is_right(&old.0, &new.0)), "{request:?}");
}
