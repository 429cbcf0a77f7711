//! What is typed and not sent: it is there again, however the page went.

use serde_json::json;

use super::browser::{Browser, chromium, profile};
use super::messenger::{Messenger, url};
use crate::support::web::{PATIENT, world_with_web};

/// The timer after which the page stores what is typed never fires.
const WITHOUT_TIMER: &str = "(() => {
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (work, time, ...rest) => (time === 400 ? 1 : setTimeout(work, time, ...rest));
})()";

/// Checks that the browser keeps no draft beside the database any more.
const IS_STORED: &str = "!Object.keys(localStorage).some((name) => name.startsWith('wachat drafts'))";

fn wait_for_draft(page: &Messenger, text: &str) {
    page.wait_for(&format!("document.querySelector('#message')?.value === {}", json!(text)));
}

#[test]
fn what_was_typed_last_is_there_after_a_reload_and_after_the_death_of_a_hidden_page() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let page = browser.open_blank();
    page.run_before_scripts(WITHOUT_TIMER);
    page.go_to(&url(web));
    let ana = Messenger::register_at(page, "ana");
    ana.open_chat("luis");
    ana.click("#message");
    ana.insert("one");
    ana.reload();
    wait_for_draft(&ana, "one");
    ana.wait_for(IS_STORED);
    // It is in the database by now.
    ana.reload();
    wait_for_draft(&ana, "one");
    ana.click("#message");
    ana.press("End", 0);
    ana.insert(", two");
    ana.set_visible(false);
    ana.kill();
    ana.close();
    let ana = Messenger::of_user_who_stayed(&browser, web);
    ana.choose_chat("luis");
    wait_for_draft(&ana, "one, two");
    ana.wait_for(IS_STORED);
    // What was sent is no draft any more.
    ana.click("#send");
    ana.wait_for_message("one, two", Some("received"));
    ana.reload();
    ana.wait_for_message("one, two", Some("received"));
    wait_for_draft(&ana, "");
}
