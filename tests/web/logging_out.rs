//! Logging out: neither this browser nor the server keeps anything of the device.

use serde_json::Value;

use super::browser::{Browser, chromium, profile};
use super::messenger::{Messenger, url};
use crate::support::Connection;
use crate::support::web::world_with_web;

const READ_ACCOUNT: &str = "new Promise((resolve) => {
    const request = indexedDB.open('wachat ana');
    request.onsuccess = () => {
        const account = request.result.transaction('meta').objectStore('meta').get('account');
        account.onsuccess = () => { request.result.close(); resolve(account.result); };
    };
})";

/// Checks that the page has nothing that the user before has typed, found or opened.
const IS_GONE: &str = "!document.body.textContent.includes('secret') && location.hash === '' &&
    !JSON.stringify([localStorage, sessionStorage]).includes('secret') &&
    ['#message', '#search'].every((field) => !document.querySelector(field)?.value)";

#[test]
fn the_device_its_key_and_its_database_are_gone() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let ana = Messenger::register(&browser, web, "ana");
    let account = ana.wait_for(READ_ACCOUNT);
    let field = |name: &str| account[name].as_str().map(str::to_owned).unwrap_or_else(|| panic!("{account}"));
    let login = format!("KEY:{}:ana:{}", field("device"), field("key"));
    let log_in = || Connection::open_with(world.addresses()[0], &login).0;
    assert!(log_in().starts_with("OK;"), "{}", log_in());
    ana.log_out();
    ana.wait_for("indexedDB.databases().then((databases) => databases.length === 0)");
    assert_eq!(ana.evaluate("localStorage.length"), 0);
    assert!(log_in().starts_with("KO;AUTH"), "{}", log_in());
    // Nothing is left to go on with.
    let again = browser.open(&url(web));
    again.wait_for_element("#user");
    assert_eq!(again.evaluate("document.querySelector('.side')"), Value::Null);
}

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
    ana.log_out();
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
