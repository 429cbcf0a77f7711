//! Taking messages back, and what the dialogs of a room do, as others see it at their sockets.

use serde_json::json;

use super::browser::{Browser, chromium, profile};
use super::database::read_database;
use super::messenger::Messenger;
use crate::support::web::{PATIENT, world_with_web};
use crate::support::{Connection, wait_for, wait_until};

/// Chooses an action of the chat that is open.
#[track_caller]
fn choose(page: &Messenger, action: &str) {
    page.click("#chat-menu");
    page.click_text("dialog button", action);
}

/// Chooses an action that asks for a text.
#[track_caller]
fn answer(page: &Messenger, action: &str, text: &str) {
    choose(page, action);
    page.fill("#answer", text);
    page.press("Enter", 0);
    page.wait_for("!document.querySelector('dialog')");
}

/// Polls until an event comes with this in it, and acknowledges all before it.
#[track_caller]
fn wait_for_event(session: &mut Connection, wanted: &str) {
    let mut last = 0;
    wait_for(wanted, || {
        let events = session.poll(last, 1);
        last = events.iter().filter_map(|event| event.split(';').next()?.parse().ok()).fold(last, u64::max);
        events.iter().any(|event| event.contains(wanted)).then_some(())
    });
}

#[test]
fn a_message_is_taken_back_on_both_sides() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let mut session = world.session("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.write("a slip");
    ana.wait_for_message("a slip", Some("received"));
    ana.click(".row .more");
    ana.click_text("dialog button", "Take back");
    ana.click_text("dialog .end button", "Take back");
    ana.wait_for_message("taken back", None);
    wait_for_event(&mut session, ";ERASED;ana;1;1;ana");
    assert!(!luis.list("HISTORY;ana;10").concat().contains("a slip"));
    // The other way round: the text leaves the page, and its database.
    assert!(luis.request("SEND;m-1;ana;a secret").starts_with("OK;"));
    ana.wait_for_message("a secret", None);
    ana.fill("#search", "secret");
    ana.wait_for_text(".found", "a secret");
    let history = luis.list("HISTORY;ana;10");
    let number = history.last().and_then(|row| row.split(';').next()).expect("a number");
    assert!(luis.request(&format!("ERASE;ana;{number}")).starts_with("OK"));
    ana.wait_for("[...document.querySelectorAll('.row .text')].every((text) => text.textContent === 'taken back')");
    ana.wait_for("!document.documentElement.outerHTML.includes('a secret')");
    assert_eq!(ana.messages(), ["taken back", "taken back"]);
    let rows = read_database(&browser, web).rows;
    assert_eq!(rows.iter().map(|row| row.3.as_str()).collect::<Vec<_>>(), ["", ""]);
    ana.reload();
    ana.choose_chat("luis");
    ana.wait_for_message("taken back", None);
    assert_eq!(ana.messages(), ["taken back", "taken back"]);
    assert_eq!(ana.errors(), Vec::<String>::new());
}

#[test]
fn the_dialogs_of_a_room_do_what_they_say() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let mut session = world.session("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.click("#rooms");
    ana.fill("#room-name", "sala");
    ana.click("#room-invite");
    ana.click("#make-room");
    ana.wait_for_text(".title h1", "#sala");
    luis.expect_ko("JOIN;#sala", "NOT_INVITED");
    answer(&ana, "Invite", "luis");
    wait_for_event(&mut session, ";INVITE;#sala;ana");
    assert!(luis.request("JOIN;#sala").starts_with("OK"));
    answer(&ana, "Set the topic", "cine; a las 8");
    let topic = |luis: &mut Connection| luis.list("ROOMS").into_iter().find(|row| row.starts_with("#sala;"));
    wait_until("the topic", || {
        topic(&mut luis).is_some_and(|row| row.contains(";invite;") && row.contains("cine; a las 8"))
    });
    ana.wait_for_text(".about", "cine; a las 8");
    choose(&ana, "Members");
    ana.wait_for_text("dialog .hint", "members: 2");
    assert_eq!(ana.texts("dialog .name"), ["ana (owner)", "luis"]);
    ana.press("Escape", 0);
    choose(&ana, "Open it to everybody");
    wait_until("the room to be open", || topic(&mut luis).is_some_and(|row| row.contains(";open;")));
    // Without a mouse: from the input to the menu, to the members, to the button of the second one.
    ana.click("#message");
    for selector in ["#chat-menu", "dialog .actions button", "dialog li:nth-child(2) button:last-child"] {
        tab_to(&ana, selector);
        ana.press("Enter", 0);
    }
    wait_for_event(&mut session, ";PART;#sala;luis");
    assert_eq!(world.login("ana").list("MEMBERS;#sala").len(), 1);
    luis.expect_ko("SEND;m-1;#sala;hola", "NOT_MEMBER");
    assert_eq!(ana.errors(), Vec::<String>::new());
}

#[track_caller]
fn tab_to(page: &Messenger, selector: &str) {
    page.wait_for_element(selector);
    for _ in 0..40 {
        if page.evaluate(&format!("document.activeElement.matches({})", json!(selector))) == true {
            return;
        }
        page.press("Tab", 0);
    }
    panic!("no way by Tab to {selector}");
}

/// A user has 8 devices in a day at most: those who do not stay logged in are one, however often they log in.
#[test]
fn who_does_not_stay_logged_in_logs_in_as_often_as_needed() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut line = world.register("ana");
    for _ in 0..10 {
        let ana = Messenger::log_in(&browser, web, "ana");
        ana.wait_for("!document.querySelector('.banner').checkVisibility()");
        ana.close();
    }
    assert_eq!(line.list("DEVICES").len(), 1);
}
