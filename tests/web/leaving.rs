//! Logging out: the device is forgotten, and nothing of its user is left to the next one.

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use crate::support::web::world_with_web;

/// Whether nothing of what the user before has typed, found or opened is there.
const IS_GONE: &str = "!document.body.textContent.includes('secret') && location.hash === '' &&
    ['#message', '#search'].every((field) => !document.querySelector(field)?.value)";

#[test]
fn nothing_is_left_to_the_next_user() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.write("a secret");
    ana.wait_for_message("a secret", Some("received"));
    ana.fill("#search", "secret");
    ana.wait_for_text(".found", "a secret");
    ana.fill("#message", "half a secret");
    ana.click("#account");
    ana.click_text("dialog button", "Log out");
    ana.click_text("dialog button.primary", "Log out");
    ana.wait_for_element("#user");
    let told = ana.texts(".notice");
    assert!(told.iter().all(|notice| !notice.contains("the server could not be told")), "{told:?}");
    assert_eq!(world.login("ana").list("DEVICES"), [""; 0]);
    assert_eq!(ana.evaluate(IS_GONE), true);
    let eva = Messenger::register_at(ana.into_page(), "eva");
    eva.wait_for_text(".side .me", "eva");
    assert_eq!(eva.evaluate(IS_GONE), true);
    // The browser removes what the site has stored.
    eva.begin("indexedDB.deleteDatabase('wachat eva')");
    eva.wait_for_text(".notice", "you have logged out in another page");
    eva.wait_for_element("#user");
}
