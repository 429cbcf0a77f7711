//! A page in the background: the browser freezes it, or discards it for its memory.

use std::path::Path;

use serde_json::json;

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use super::page::Page;
use crate::support::web::{PATIENT, world_with_web};
use crate::support::{Connection, wait_until};

/// Counts how often a timer of the page has run, and notes that it was frozen.
const WATCH: &str = "globalThis.ticks = 0;
    setInterval(() => (globalThis.ticks += 1), 20);
    document.addEventListener('freeze', () => (globalThis.isFrozen = true));
    document.addEventListener('resume', () => (globalThis.isFrozen = false));";

/// Returns the state and the text of each message, as the server has them.
fn states(line: &mut Connection) -> Vec<(String, String)> {
    let rows = line.list("HISTORY;ana;1000");
    let field = |row: &str, index| row.split(';').nth(index).unwrap_or_default().to_owned();
    rows.iter().map(|row| (field(row, 5), field(row, 6))).collect()
}

fn are_all(states: &[(String, String)], wanted: &str) -> bool {
    !states.is_empty() && states.iter().all(|(state, _)| state == wanted)
}

/// A frozen page runs no code: messages wait on the server, and come once when the page goes on. The first time the
/// connections still stand when the page goes on; the second time the server was away, and has messages that it did not send.
#[test]
fn a_frozen_page_has_each_message_once_when_it_goes_on() {
    let Some(program) = chromium() else { return };
    let (mut world, web) = world_with_web(&PATIENT);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.evaluate(WATCH);
    let mut expected = Vec::new();
    for is_restarted in [false, true] {
        let _front = ana.go_to_background();
        ana.set_frozen(true);
        ana.wait_for("globalThis.isFrozen");
        let ticks = ana.evaluate("globalThis.ticks");
        for number in 0..10 {
            let text = format!("{is_restarted} {number}");
            luis.send_message("ana", &text);
            expected.push(text);
            if is_restarted && number == 5 {
                world.kill().start();
                luis = world.login("luis");
            }
        }
        assert!(are_all(&states(&mut luis)[expected.len() - 10..], "RECEIVED"), "{:?}", states(&mut luis));
        assert_eq!(ana.evaluate("globalThis.ticks"), ticks);
        ana.set_frozen(false);
        wait_until("the delivery", || states(&mut luis).last().is_some_and(|(state, _)| state != "RECEIVED"));
        // It is hidden as before, so nobody has read them.
        assert!(are_all(&states(&mut luis)[expected.len() - 10..], "DELIVERED"), "{:?}", states(&mut luis));
        ana.bring_to_front();
        // They are read from the first one on: the last one may be below the screen.
        wait_until("the reading", || {
            ana.evaluate("document.querySelector('#newest').click()");
            are_all(&states(&mut luis), "READ")
        });
        ana.wait_for_message(&expected[expected.len() - 1], None);
        assert_eq!(ana.messages(), expected);
    }
    let texts: Vec<_> = states(&mut luis).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, expected);
    assert_eq!(ana.evaluate("globalThis.isFrozen"), false);
}

/// Has Chromium show its page for developers that discards tabs.
fn allow_internal_pages(profile: &Path) {
    let settings = json!({ "internal_only_uis_enabled": true });
    std::fs::write(profile.join("Local State"), settings.to_string()).expect("the settings");
}

/// Clicks on the link that discards the tab with an address. 'none': this Chromium has no such link.
const DISCARD: &str = "(address) => {
    const all = (root) => [...root.querySelectorAll('*')].flatMap((e) => (e.shadowRoot ? [e, ...all(e.shadowRoot)] : [e]));
    if (!location.href.startsWith('chrome://discards')) return document.readyState === 'complete' ? 'none' : null;
    const row = all(document).find((e) => e.tagName === 'TR' && e.textContent.includes(address));
    if (row?.textContent.includes('discarded (urgent)')) return 'discarded';
    [...(row?.querySelectorAll('*') ?? [])].find((e) => e.textContent.trim() === '[Urgent Discard]')?.click();
    return null;
}";

/// Has the browser discard the tab with an address, which is in the background; false: it cannot be asked to.
fn discard(front: &Page, address: &str) -> bool {
    let is_done = front.wait_for(&format!("({DISCARD})({})", json!(address))) == "discarded";
    if !is_done {
        eprintln!("SKIPPED: this Chromium has no page that discards tabs");
    }
    is_done
}

/// A tab that was discarded is loaded again when its user comes back, who is still logged in, with the outbox that it had.
#[test]
fn a_discarded_page_comes_back_logged_in_with_its_outbox() {
    let Some(program) = chromium() else { return };
    let (mut world, web) = world_with_web(&PATIENT);
    let profile = profile();
    allow_internal_pages(profile.path());
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    ana.wait_for("navigator.serviceWorker.ready.then((worker) => worker.active.state === 'activated')");
    world.kill();
    ana.write("waits");
    ana.wait_for_message("waits", Some("queued"));
    // A page in which something was typed is not discarded: this is another one.
    ana.kill();
    ana.close();
    let ana = Messenger::of_user_who_stayed(&browser, web);
    ana.choose_chat("luis");
    ana.wait_for_message("waits", Some("queued"));
    ana.evaluate("globalThis.isOld = true");
    let front = ana.go_to_background();
    front.go_to("chrome://discards/");
    let mut luis = None;
    let mut is_discarded = false;
    let ana = ana.without_devtools(|| {
        is_discarded = discard(&front, &web.to_string());
        world.start();
        let mut line = world.login("luis");
        line.send_message("ana", "meanwhile");
        assert!(!is_discarded || are_all(&states(&mut line), "RECEIVED"), "{:?}", states(&mut line));
        luis = Some(line);
    });
    if !is_discarded {
        return;
    }
    let mut luis = luis.expect("a connection");
    ana.wait_for_message("waits", Some("received"));
    assert_eq!(ana.evaluate("globalThis.isOld"), json!(null));
    wait_until("the reading", || states(&mut luis)[0].0 == "READ");
    let texts: Vec<_> = states(&mut luis).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["meanwhile", "waits"]);
    assert_eq!(ana.messages(), texts);
}
