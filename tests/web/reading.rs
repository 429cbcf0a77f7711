//! What is drawn, and what counts as read: a page in the background, a chat that is opened again, texts that take long.

use serde_json::json;

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use crate::support::web::{PATIENT, world_with_web};
use crate::support::{Connection, wait_until};

/// Sends `message 1` and so on.
fn send_numbered(line: &mut Connection, target: &str, numbers: std::ops::Range<u32>) {
    numbers.for_each(|number| line.send_message(target, &format!("message {number}")));
}

/// A tab that is left has no frames: the one that was asked for would come when it is seen again.
#[test]
fn a_page_that_becomes_hidden_draws_what_was_to_come() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.evaluate("globalThis.requestAnimationFrame = () => 0; window.dispatchEvent(new Event('blur'))");
    ana.set_visible(false);
    luis.send_message("ana", "message 1");
    ana.wait_for("document.title === '(1) wachat'");
}

#[test]
fn an_idle_page_draws_nothing() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    send_numbered(&mut luis, "ana", 1..3);
    ana.wait_for_message("message 2", None);
    wait_until("the read", || luis.list("STATUS;ana;2") == ["ana;READ"]);
    let frames = ana.evaluate(
        "new Promise((resolve) => {
            const ask = globalThis.requestAnimationFrame;
            let frames = 0;
            globalThis.requestAnimationFrame = (draw) => { frames += 1; return ask(draw); };
            setTimeout(() => resolve(frames), 1500);
        })",
    );
    // Earlier events, as presence, may still be drawn.
    assert!(frames.as_u64() < Some(5), "{frames} frames in 1.5 s");
}

/// A chat whose end was on the screen is read from where its unread messages begin when the reader comes back.
#[test]
fn what_came_meanwhile_is_read_from_its_beginning() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.resize(1000, 500);
    luis.send_message("ana", "message 1");
    ana.wait_for_text(".chat", "luis");
    ana.choose_chat("luis");
    wait_until("the read", || luis.list("STATUS;ana;1") == ["ana;READ"]);
    let unread_line = "document.querySelector('#unread')?.nextElementSibling?.querySelector('.text')?.textContent";
    let mut next = 2;
    for is_closed in [true, false] {
        if is_closed {
            ana.press("Escape", 0);
            ana.wait_for("document.querySelector('.conversation').hidden");
        } else {
            ana.set_visible(false);
        }
        send_numbered(&mut luis, "ana", next..next + 40);
        ana.wait_for("document.title === '(40) wachat'");
        if is_closed {
            ana.choose_chat("luis");
        } else {
            ana.set_visible(true);
        }
        ana.wait_for(&format!("{unread_line} === 'message {next}'"));
        let states = luis.list(&format!("STATUS;ana;{}", next + 39));
        assert_eq!(states, ["ana;DELIVERED"], "the last ones are below the screen");
        next += 40;
        ana.click("#newest");
        wait_until("the read", || luis.list(&format!("STATUS;ana;{}", next - 1)) == ["ana;READ"]);
    }
}

/// Nobody whose messages are hidden is told that they were read, also at a later login, and nothing of them is shown.
#[test]
fn of_an_ignored_user_nothing_is_shown_or_read() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.click("#chat-menu");
    ana.click_text("button", "Ignore luis");
    luis.send_message("ana", "message 1");
    luis.send_message("#lobby", "in the room");
    wait_until("delivery", || luis.list("STATUS;ana;1") == ["ana;DELIVERED"]);
    ana.write("hola");
    ana.wait_for_message("hola", Some("received"));
    ana.reload();
    ana.wait_for_message("hola", None);
    // A message that is answered after what the login had to say.
    ana.write("again");
    ana.wait_for_message("again", Some("received"));
    assert_eq!(luis.list("STATUS;ana;1"), ["ana;DELIVERED"]);
    assert!(!ana.evaluate("document.body.textContent").as_str().expect("a text").contains("in the room"));
}

/// Brackets and dots without end after a link: one pass over them.
#[test]
fn a_link_with_much_punctuation_takes_no_time() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    let text = format!("http://x{}a{} and (see http://a/b_(c)).", ".".repeat(1_500), ")".repeat(1_400));
    assert!(luis.request(&format!("SEND;m-1;ana;{text}")).starts_with("OK;"));
    let begin = std::time::Instant::now();
    ana.wait_for_element(".row a");
    let links = "[...document.querySelectorAll('.row a')].map((link) => link.getAttribute('href'))";
    ana.wait_for(&format!("({links}).at(-1) === 'http://a/b_(c)'"));
    assert!(begin.elapsed().as_secs() < 8, "{:?}", begin.elapsed());
}

/// A clock that was wrong for a while makes a day begin twice.
#[test]
fn days_that_are_out_of_order_have_a_line_each() {
    let Some(program) = chromium() else { return };
    let (_world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("nobody");
    for (number, day) in [20, 21, 20, 22].into_iter().enumerate() {
        ana.evaluate(&format!("Date.now = () => new Date({}).getTime()", json!(format!("2026-11-{day}T12:00:00"))));
        ana.write(&format!("to nobody {number}"));
        ana.wait_for_message(&format!("to nobody {number}"), Some("refused"));
    }
    let lines = "[...document.querySelector('.rows').children].map((row) => row.classList.contains('line')).join()";
    assert_eq!(ana.evaluate(lines), "true,false,true,false,true,false,true,false");
}

/// The page fetches the messages of a room from before the user's JOIN.
#[test]
fn a_room_that_is_joined_shows_what_was_said_before() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    assert_eq!(luis.request("JOIN;#club"), "OK");
    send_numbered(&mut luis, "#club", 1..31);
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("#club");
    ana.click("#chat-menu");
    ana.click_text("button", "Join");
    ana.wait_for_message("message 30", None);
    luis.send_message("#club", "message 31");
    ana.wait_for_message("message 31", None);
    assert_eq!(ana.messages().len(), 31, "{:?}", ana.messages());
    // The page of a user who was put out asks for nothing there.
    assert_eq!(luis.request("KICK;#club;ana"), "OK");
    ana.wait_for_text(".about", "you are not in it");
}

/// A search reads the whole history, and what is to be stored has its turn meanwhile.
#[test]
fn a_search_does_not_hold_up_what_is_sent() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.write("first");
    ana.wait_for_message("first", Some("received"));
    // A long history, as the page would have stored it.
    ana.evaluate(
        "new Promise((resolve, reject) => {
            const opening = indexedDB.open('wachat ana');
            opening.onsuccess = () => {
                const work = opening.result.transaction(['rows'], 'readwrite');
                const rows = work.objectStore('rows');
                for (let seq = 1; seq <= 30000; seq += 1) {
                    const row = { chat: 'eva', era: 0, seq, sub: 0, kind: 'message', id: `e-${seq}`, from: 'eva', text: `message ${seq}`, erased: false, time: seq };
                    rows.put(row, ['eva', 0, seq, 0]);
                }
                work.oncomplete = () => { opening.result.close(); resolve(true); };
                work.onabort = () => reject(work.error);
            };
        })",
    );
    ana.click("#search");
    for letter in "message".chars() {
        ana.insert(&letter.to_string());
    }
    ana.evaluate(
        "document.querySelector('#message').value = 'second'; document.querySelector('form.input').requestSubmit()",
    );
    let begin = std::time::Instant::now();
    ana.wait_for_message("second", None);
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

/// Who is online is known as long as the server tells, and of nobody who is not there.
#[test]
fn a_presence_that_is_not_known_has_no_mark() {
    let Some(program) = chromium() else { return };
    let (mut world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let session = world.session("luis");
    let ana = Messenger::register(&browser, web, "ana");
    for chat in ["nobody", "luis"] {
        ana.open_chat(chat);
    }
    let marks = "[...document.querySelectorAll('.chat')].map((chat) => chat.querySelector('.name').textContent + \
        (chat.querySelector('.mark').ariaLabel ?? '-')).sort().join()";
    ana.wait_for(&format!("{marks} === '#lobby-,luisonline,nobody-'"));
    drop(session);
    ana.wait_for(&format!("{marks} === '#lobby-,luisoffline,nobody-'"));
    world.kill();
    ana.wait_for(&format!("{marks} === '#lobby-,luis-,nobody-'"));
    assert_eq!(ana.texts(".about"), [""; 0]);
}
