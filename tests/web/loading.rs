//! The page as it is loaded: its size, its requests, and the policy that binds it.

use std::net::SocketAddr;
use std::time::Duration;

use super::browser::{Browser, chromium, profile};
use super::page::Page;
use crate::support::web::world_with_web;

/// Bytes of all files of the page, with their heads.
const MOST_BYTES: u64 = 250_000;

fn url(web: SocketAddr) -> String {
    format!("http://{web}/")
}

/// Asserts that each request of a page went to the server of its address.
#[track_caller]
fn assert_no_foreign_request(page: &Page, web: SocketAddr) {
    let own = [format!("http://{web}/"), format!("ws://{web}/")];
    for request in page.requests() {
        let is_own = own.iter().any(|own| request.url.starts_with(own)) || request.url == "about:blank";
        assert!(is_own, "a foreign request: {request:?}");
    }
}

#[test]
fn the_page_is_small_and_asks_nobody_else() {
    let Some(program) = chromium() else { return };
    let (_world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let page = browser.open(&url(web));
    page.wait_for_element("#user");
    assert_eq!(page.errors(), Vec::<String>::new());
    assert_no_foreign_request(&page, web);
    let bytes = page.bytes_received();
    assert!(0 < bytes && bytes < MOST_BYTES, "{bytes} bytes");
    // What has the digest of the build in its path is not asked for again.
    page.reload();
    page.wait_for_element("#user");
    let again = page.bytes_received() - bytes;
    assert!(again < 20_000, "{again} bytes of {bytes} came again");
}

/// A text that became markup would still run nothing.
#[test]
fn the_policy_forbids_scripts_in_the_page_and_strings_as_markup() {
    let Some(program) = chromium() else { return };
    let (_world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let page = browser.open(&url(web));
    page.wait_for_element("#user");
    let attempt = |script: &str| {
        page.evaluate(&format!("(async () => {{ try {{ {script} }} catch (e) {{ return e.name; }} }})()"))
    };
    assert_eq!(attempt("document.body.innerHTML = '<b>x</b>'; return 'done'"), "TypeError");
    assert_eq!(attempt("trustedTypes.createPolicy('other', {}); return 'done'"), "TypeError");
    let inline =
        "const s = document.createElement('script'); s.textContent = trustedTypes.emptyScript; document.body.append(s);
        const b = document.createElement('button'); b.setAttribute('style', 'color: red'); document.body.append(b);
        return getComputedStyle(b).color === 'rgb(255, 0, 0)'";
    assert_eq!(attempt(inline), false);
    assert_eq!(attempt("await fetch('http://127.0.0.1:9/'); return 'done'"), "TypeError");
    assert!(page.errors().iter().any(|error| error.contains("Content Security Policy")), "{:#?}", page.errors());
}

/// Time from the request to the first content on the screen.
const FIRST_PAINT: Duration = Duration::from_millis(200);

#[test]
#[ignore = "a figure: run it on a quiet machine"]
fn the_first_paint_comes_soon() {
    let Some(program) = chromium() else { return };
    let (_world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let page = browser.open(&url(web));
    let mut times = Vec::new();
    for _ in 0..10 {
        page.wait_for_element("#user");
        times.push(page.first_paint());
        page.reload();
    }
    let first = times[0];
    times.sort();
    let median = times[times.len() / 2];
    println!("the first paint after {first:.0?} in a new browser; after {median:.0?} when it is loaded again (median)");
    assert!(median < FIRST_PAINT, "{times:?}");
}
