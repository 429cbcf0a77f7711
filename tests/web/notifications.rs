//! Notifications and the count in the title, for a user who does not look at the page.

use serde_json::{Value, json};

use super::browser::{Browser, chromium, profile};
use super::messenger::{Messenger, url};
use crate::support::web::{PATIENT, world_with_web};
use crate::support::{Connection, wait_until};

/// Notes each notification that a page without a service worker makes, and which it closes; the browser shows it all the same.
const NOTE: &str = "delete Navigator.prototype.serviceWorker;
    globalThis.notified = [];
    globalThis.ended = [];
    globalThis.Notification = class extends Notification {
        constructor(title, options) {
            super(title, options);
            notified.push(this);
        }

        close() {
            ended.push(this.title);
            super.close();
        }
    };";

/// Sends a message, and waits until the page has it.
#[track_caller]
fn deliver(line: &mut Connection, target: &str, text: &str) {
    let reply = line.request(&format!("SEND;{};{target};{text}", text.replace([' ', '?'], "-")));
    assert!(reply.starts_with("OK;"), "{reply}");
    wait_until("the delivery", || {
        line.list(&format!("HISTORY;{target};1")).iter().any(|row| !row.contains(";RECEIVED;"))
    });
}

#[track_caller]
fn notified(page: &Messenger) -> Value {
    page.evaluate("notified.map(({ title, body }) => [title, body])")
}

#[test]
fn a_page_that_nobody_looks_at_notifies_of_each_chat_that_is_not_muted() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    browser.allow_notifications(&url(web));
    let [mut luis, mut eva, mut max] = ["luis", "eva", "max"].map(|user| world.register(user));
    let page = browser.open_blank();
    page.run_before_scripts(NOTE);
    page.go_to(&url(web));
    let ana = Messenger::register_at(page, "ana");
    for (chat, action) in [("eva", "Mute"), ("max", "Ignore max")] {
        ana.open_chat(chat);
        ana.click("#chat-menu");
        ana.click_text("dialog button", action);
        ana.wait_for_text(".about", if chat == "eva" { "muted" } else { "ignored" });
    }
    // A page that is visible and has the focus notifies of no chat, open or not.
    deliver(&mut luis, "ana", "first");
    ana.wait_for_text(".chat", "first");
    assert_eq!(notified(&ana), json!([]));
    let _front = ana.go_to_background();
    deliver(&mut eva, "ana", "muted");
    deliver(&mut max, "ana", "ignored");
    deliver(&mut luis, "ana", "second");
    ana.wait_for("notified.length > 0");
    assert_eq!(notified(&ana), json!([["luis", "second"]]));
    // A mention notifies in a muted chat, too.
    deliver(&mut eva, "ana", "ana?");
    ana.wait_for("notified.length > 1");
    assert_eq!(notified(&ana), json!([["luis", "second"], ["eva", "ana?"]]));
    // The notification of a message that is taken back is closed.
    let row = eva.list("HISTORY;ana;1").concat();
    let number = row.split(';').next().expect("a number");
    assert!(eva.request(&format!("ERASE;ana;{number}")).starts_with("OK"));
    ana.wait_for("ended.join() === 'eva'");
    // DevTools cannot click on one.
    ana.evaluate("notified[0].dispatchEvent(new Event('click'))");
    ana.wait_for("document.querySelector('.title h1').textContent === 'luis'");
    ana.bring_to_front();
    ana.wait_for_message("second", None);
    deliver(&mut luis, "ana", "third");
    ana.wait_for_message("third", None);
    assert_eq!(notified(&ana).as_array().map(Vec::len), Some(2));
    assert_eq!(ana.errors(), Vec::<String>::new());
}

/// What the service worker shows, as the user sees it beside the page.
const SHOWN: &str = "navigator.serviceWorker.ready.then((worker) => worker.getNotifications())
    .then((shown) => shown.map(({ title, body }) => `${title}: ${body}`).join())";

/// DevTools cannot click on a notification, and a script's event cannot be waited for, or give the focus.
const CLICK: &str = "self.registration.getNotifications().then(([notification]) => {
    ExtendableEvent.prototype.waitUntil = (work) => work;
    WindowClient.prototype.focus = async function () { self.focused = this.url; };
    Clients.prototype.openWindow = async (url) => { self.opened = url; };
    self.dispatchEvent(new NotificationEvent('notificationclick', { notification }));
})";

/// Android shows only the notifications of a service worker. They outlive the page: it closes them when they are out of date.
#[test]
fn where_there_is_a_service_worker_it_shows_the_notifications() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    browser.allow_notifications(&url(web));
    let mut luis = world.register("luis");
    let page = browser.open_blank();
    page.run_before_scripts(
        "globalThis.Notification = class extends Notification { constructor() { throw new TypeError(); } }",
    );
    page.go_to(&url(web));
    let ana = Messenger::register_at(page, "ana");
    ana.wait_for("navigator.serviceWorker.ready.then((worker) => worker.active.state === 'activated')");
    let _front = ana.go_to_background();
    for text in ["first", "second"] {
        deliver(&mut luis, "ana", text);
        ana.wait_for(&format!("({SHOWN}).then((shown) => shown === 'luis: {text}')"));
    }
    let row = luis.list("HISTORY;ana;1").concat();
    let number = row.split(';').next().expect("a number");
    assert!(luis.request(&format!("ERASE;ana;{number}")).starts_with("OK"));
    let is_closed = format!("({SHOWN}).then((shown) => shown === '')");
    ana.wait_for(&is_closed);
    // A click leads to the page, and to its chat.
    deliver(&mut luis, "ana", "third");
    ana.wait_for(SHOWN);
    browser.evaluate_in_worker(CLICK);
    ana.wait_for("document.querySelector('.title h1').textContent === 'luis'");
    assert_eq!(browser.evaluate_in_worker("self.focused"), url(web));
    ana.wait_for(&is_closed);
    // The next user sees nothing of it.
    deliver(&mut luis, "ana", "fourth");
    ana.wait_for(SHOWN);
    ana.bring_to_front();
    ana.log_out();
    ana.wait_for(&is_closed);
    // Where the page is closed it is opened.
    browser.evaluate_in_worker("self.registration.showNotification('', { tag: '#lobby' })");
    ana.close();
    let pages = "self.clients.matchAll({ type: 'window' }).then((pages) => pages.length)";
    wait_until("the end of the page", || browser.evaluate_in_worker(pages) == 0);
    browser.evaluate_in_worker(CLICK);
    wait_until("the page to open", || browser.evaluate_in_worker("self.opened") == "/#%23lobby");
}

/// A page that was not allowed to says so, and shows nothing.
#[test]
fn without_the_permission_there_are_no_notifications() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let page = browser.open_blank();
    page.run_before_scripts(NOTE);
    page.go_to(&url(web));
    let ana = Messenger::register_at(page, "ana");
    let _front = ana.go_to_background();
    deliver(&mut luis, "ana", "hola");
    ana.wait_for("document.title === '(1) wachat'");
    assert_eq!(notified(&ana), json!([]));
}

/// The title has as short a count as the list of chats.
#[test]
fn the_title_counts_up_to_999() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&["--no-limits"]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let ana = Messenger::register(&browser, web, "ana");
    let mut luis = world.register("luis");
    for (first, last, title, count) in [(1, 999, "(999) wachat", "999"), (1000, 1001, "(999+) wachat", "999+")] {
        let lines: String = (first..=last).map(|number| format!("SEND;m-{number};ana;message {number}\n")).collect();
        luis.send(lines);
        for _ in first..=last {
            assert!(luis.read_line().starts_with("OK;"));
        }
        ana.wait_for_text(".chat .last", &format!("message {last}"));
        ana.wait_for_text(".chat .count", count);
        assert_eq!(ana.evaluate("document.title"), title);
    }
}
