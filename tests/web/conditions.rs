//! Loads the page without a server, beside a newer version, by another name, over https with a certificate that nobody
//! has signed; and reads what a screen reader is told.

use std::net::SocketAddr;

use serde_json::json;

use super::browser::{Browser, chromium, profile};
use super::messenger::{Messenger, url};
use super::page::Page;
use crate::support::web::world_with_web;
use crate::support::{Connection, PASSWORD};

/// Typed on Chromium's warning of a certificate to go on nevertheless.
const THROUGH_THE_WARNING: &str = "thisisunsafe";

#[track_caller]
fn assert_is_not_delivered(line: &mut Connection) {
    let last = line.list("HISTORY;ana;1");
    assert!(last.len() == 1 && last[0].contains(";RECEIVED;"), "{last:?}");
}

/// The service worker has the page, and the database what was said.
#[test]
fn without_a_server_the_page_opens_and_has_its_history_and_its_outbox() {
    let Some(program) = chromium() else { return };
    let (mut world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    luis.send_message("ana", "before");
    ana.wait_for_message("before", None);
    ana.wait_for("navigator.serviceWorker.ready.then((worker) => worker.active.state === 'activated')");
    world.kill();
    ana.reload();
    ana.wait_for_message("before", None);
    ana.write("meanwhile");
    ana.wait_for_message("meanwhile", Some("queued"));
    // A page that is reloaded would ask first: messages wait.
    ana.kill();
    ana.close();
    let ana = Messenger::of_user_who_stayed(&browser, web);
    ana.choose_chat("luis");
    ana.wait_for_message("meanwhile", Some("queued"));
    world.start();
    ana.wait_for_message("meanwhile", Some("received"));
    assert_eq!(world.login("luis").list("HISTORY;ana;10").len(), 2);
}

/// Another version of the page wants to change the form of the database: this one makes way, and does not touch it after that.
#[test]
fn a_page_makes_way_for_a_newer_one_and_refuses_its_database() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    let newer = browser.open(&format!("{}nothing-here", url(web)));
    newer.wait_for(
        "new Promise((resolve) => {
            const request = indexedDB.open('wachat ana', 2);
            request.onsuccess = () => { request.result.close(); resolve(true); };
        })",
    );
    ana.wait_for_text("[role=status]", "a newer version");
    luis.send_message("ana", "for the newer one");
    ana.reload();
    ana.wait_for_text("[role=status]", "a newer version");
    assert_is_not_delivered(&mut luis);
}

#[track_caller]
fn assert_chats(mut luis: Connection, ana: &Messenger) {
    ana.open_chat("luis");
    luis.send_message("ana", "hola");
    ana.wait_for_message("hola", None);
    ana.write("answer");
    ana.wait_for_message("answer", Some("received"));
    assert_eq!(luis.list("HISTORY;ana;10").len(), 2);
}

/// Over http from elsewhere a browser gives a page less: chatting works, and one line says what is missing.
#[test]
fn over_http_by_another_name_chatting_works_and_a_line_says_what_is_missing() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&["--web-name", "chat.test"]);
    let profile = profile();
    let options = ["--host-resolver-rules=MAP chat.test 127.0.0.1"];
    let browser = Browser::start_with(&program, profile.path(), &options);
    let page = browser.open(&format!("http://chat.test:{}/", web.port()));
    assert_eq!(page.evaluate("isSecureContext"), false);
    page.wait_for_text("p", "others in the network can read your password");
    let ana = Messenger::register_at(page, "ana");
    assert_chats(world.register("luis"), &ana);
    assert_eq!(ana.errors(), Vec::<String>::new());
}

/// A self-made certificate: the user has gone on through the warning, and Chromium gives the page no service worker.
#[test]
fn over_https_with_a_self_made_certificate_chatting_works_behind_the_warning() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&["--tls"]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let page = open_through_the_warning(&browser, web);
    let ana = Messenger::register_at(page, "ana");
    let mut luis = Connection::open_tls(world.addresses()[0]);
    assert_eq!(luis.request(&format!("REGISTER:luis:{PASSWORD}")), "OK;luis;wachat/1");
    assert_chats(luis, &ana);
    ana.reload();
    ana.wait_for_text(".chat", "luis");
}

fn open_through_the_warning(browser: &Browser, web: SocketAddr) -> Page {
    let page = browser.open_blank();
    let address = format!("https://{web}/");
    let refused = page.call("Page.navigate", json!({ "url": address }));
    assert_eq!(refused["errorText"], "net::ERR_CERT_AUTHORITY_INVALID");
    page.wait_for("document.readyState === 'complete' && location.protocol !== 'about:'");
    for letter in THROUGH_THE_WARNING.chars() {
        page.call("Input.dispatchKeyEvent", json!({ "type": "char", "text": letter, "key": letter }));
    }
    page.wait_for_element("#user");
    page
}

/// Each control has a name for a screen reader, and one polite region tells new messages.
#[test]
fn a_screen_reader_is_told_everything() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    luis.send_message("ana", "hola");
    ana.wait_for_message("hola", None);
    ana.wait_for_text("[aria-live=polite]", "hola");
    let nodes = ana.accessible_nodes();
    let controls = ["button", "textbox", "searchbox", "link", "checkbox", "image", "list", "navigation"];
    let unnamed: Vec<_> =
        nodes.iter().filter(|node| controls.contains(&&*node.role) && node.name.trim().is_empty()).collect();
    assert!(unnamed.is_empty(), "{unnamed:?}");
    for (role, name) in [("navigation", "Chats"), ("button", "New chat"), ("heading", "luis"), ("textbox", "Message")] {
        let is_there = nodes.iter().any(|node| node.role == role && node.name.to_lowercase() == name.to_lowercase());
        assert!(is_there, "{role} {name}: {nodes:?}");
    }
}
