//! The bytes drawer: the lines that a student sees beside the chat, and the cut right after a SEND.

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use crate::support::PASSWORD;
use crate::support::web::world_with_web;

#[test]
fn the_drawer_shows_each_line_with_its_clause_and_no_secret() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.click("#account");
    ana.click_text("dialog button", "lines on the wire");
    ana.write("hola");
    for (line, clause) in [
        ("REGISTER:ana:***", "§3 logging in"),
        (";luis;hola", "§5 messages"),
        ("OK;***", "§4 reply"),
        (";STATE;luis;DELIVERED;", "§7 event STATE"),
        ("POLL;", "§6 the RECV port"),
    ] {
        if line.contains("STATE") {
            drop(world.session("luis").poll(0, 1));
            let mut luis = world.session("luis");
            luis.poll(1, 1);
        }
        ana.wait_for_text(".lines code", line);
        ana.wait_for(&format!(
            "[...document.querySelectorAll('.lines li')].some(e => e.textContent.includes('{line}') && e.textContent.endsWith('{clause}'))"
        ));
    }
    let all = ana.texts(".lines").concat();
    assert!(!all.contains(PASSWORD), "{all}");
    // The display waits; the lines go on.
    ana.click("#pause");
    let before = ana.texts(".lines li").len();
    ana.write("second");
    ana.wait_for_message("second", Some("received"));
    assert_eq!(ana.texts(".lines li").len(), before);
    ana.click("#pause");
    ana.wait_for_text(".lines code", ";luis;second");
}

/// Both connections end right after a SEND: whether the server has it is open until a connection says so, and it has it once.
#[test]
fn a_cut_after_a_send_loses_and_doubles_nothing() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&["--no-limits"]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.click("#account");
    ana.click_text("dialog button", "lines on the wire");
    for number in 1..=5 {
        ana.click("#cut");
        ana.wait_for_text("#cut", "The next SEND ends both connections");
        ana.write(&format!("cut {number}"));
        ana.wait_for_message(&format!("cut {number}"), Some("received"));
        ana.wait_for_text("#cut", "Cut both connections");
    }
    let texts: Vec<_> = luis.list("HISTORY;ana").iter().map(|row| row.rsplit(';').next().unwrap().to_owned()).collect();
    assert_eq!(texts, ["cut 1", "cut 2", "cut 3", "cut 4", "cut 5"]);
    assert_eq!(ana.messages(), texts);
}
