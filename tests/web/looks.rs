//! How the page looks: on the smallest phone, in light and in dark, by the keyboard alone.

use serde_json::json;

use super::browser::{Browser, chromium, profile};
use super::messenger::{Messenger, url};
use super::page::Page;
use crate::support::web::world_with_web;

/// Finds what is wider than the screen, and controls that lie outside of it.
const TOO_WIDE: &str = "(() => {
    const controls = [...document.querySelectorAll('button, input, textarea, .text')].filter(e => e.checkVisibility());
    const outside = controls.filter(e => { const b = e.getBoundingClientRect(); return b.width > 1 && (b.left < 0 || b.right > innerWidth); });
    const wide = document.documentElement.scrollWidth > innerWidth ? ['the page: ' + document.documentElement.scrollWidth] : [];
    return [...wide, ...outside.map(e => e.outerHTML.slice(0, 200))];
})()";

/// Finds texts with less contrast than 4.5:1 to what is behind them (WCAG 2.2, 1.4.3).
const TOO_FAINT: &str = "(() => {
    const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
        .reduce((sum, v, at) => sum + v * [.2126, .7152, .0722][at], 0);
    const back = (e) => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor); if ((c[3] ?? 1) === 1) return c; } return [255, 255, 255]; };
    const hasText = (e) => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) && !e.closest('.for-ears, .more');
    return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && hasText(e)).map(e => {
        const [one, other] = [luminance(numbers(getComputedStyle(e).color)), luminance(back(e))];
        return [(Math.max(one, other) + .05) / (Math.min(one, other) + .05), e];
    }).filter(([ratio]) => ratio < 4.5).map(([ratio, e]) => `${ratio.toFixed(2)} ${e.outerHTML.slice(0, 150)}`);
})()";

/// Finds controls without a name, which a screen reader could not tell.
const NAMELESS: &str = "[...document.querySelectorAll('button, input, textarea, [role=img]')].filter(e => e.checkVisibility())
    .filter(e => !(e.getAttribute('aria-label') ?? '') && !e.textContent.trim() && !e.labels?.length).map(e => e.outerHTML)";

#[track_caller]
fn assert_good(page: &Page, what: &str) {
    for scheme in ["light", "dark"] {
        page.prefer_scheme(scheme);
        assert_eq!(page.evaluate(TOO_FAINT), json!([]), "{what}, {scheme}");
    }
    assert_eq!(page.evaluate(TOO_WIDE), json!([]), "{what}");
    assert_eq!(page.evaluate(NAMELESS), json!([]), "{what}");
}

#[test]
fn everything_fits_on_a_small_phone_and_can_be_read_in_both_schemes() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let page = browser.open(&url(web));
    page.resize(320, 568);
    page.click("#other-form");
    assert_good(&page, "registering");
    page.close();
    let ana = Messenger::register(&browser, web, "ana");
    let long = "x".repeat(300);
    let texts = ["hola", &long, "see https://example.org/a, ana", "> quoted\\nmore"];
    for (number, text) in texts.into_iter().enumerate() {
        assert!(luis.request(&format!("SEND;m-{number};ana;{text}")).starts_with("OK;"));
    }
    ana.resize(320, 568);
    ana.wait_for_text(".chat", "luis");
    assert_good(&ana, "the chats");
    ana.choose_chat("luis");
    ana.click("#message");
    ana.insert(&long);
    ana.click("#send");
    ana.wait_for_message(&long, Some("received"));
    assert_good(&ana, "a chat");
    ana.click("#chat-menu");
    ana.wait_for_element("dialog");
    assert_good(&ana, "a menu");
    ana.press("Escape", 0);
    // The way back is the browser's.
    ana.evaluate("history.back()");
    for (opener, what) in [("#rooms", "the rooms"), ("#account", "the account"), ("#new-chat", "a new chat")] {
        ana.click(opener);
        ana.wait_for_element("dialog");
        assert_good(&ana, what);
        ana.press("Escape", 0);
        ana.wait_for("!document.querySelector('dialog')");
    }
    assert_eq!(ana.errors(), Vec::<String>::new());
}

/// Without a mouse: registering, a new chat, a message, a room, back to the list, another chat.
#[test]
fn the_keyboard_alone_is_enough() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    drop(world.register("luis"));
    let page = browser.open(&url(web));
    let tab_to = |selector: &str| {
        for _ in 0..40 {
            if page.evaluate(&format!("document.activeElement.matches({})", json!(selector))) == true {
                return;
            }
            page.press("Tab", 0);
        }
        panic!("no way by Tab to {selector}");
    };
    page.wait_for("document.activeElement.id === 'user'");
    tab_to("#other-form");
    page.press("Enter", 0);
    for (field, text) in [("#user", "ana"), ("#password", "palabra larga"), ("#again", "palabra larga")] {
        page.evaluate("document.activeElement.blur()");
        tab_to(field);
        page.insert(text);
    }
    page.press("Enter", 0);
    page.wait_for_element(".side");
    tab_to("#new-chat");
    page.press("Enter", 0);
    page.wait_for("document.activeElement.id === 'answer'");
    page.insert("luis");
    page.press("Enter", 0);
    page.wait_for("document.activeElement.id === 'message'");
    page.insert("hola");
    page.press("Enter", 0);
    page.wait_for_text(".row[data-state=received] .text", "hola");
    tab_to("#rooms");
    page.press("Enter", 0);
    page.wait_for_element("dialog");
    tab_to("#room-name");
    page.insert("#sala");
    page.press("Enter", 0);
    page.wait_for_text(".title h1", "#sala");
    tab_to(".chat");
    page.press("ArrowDown", 0);
    page.press("Enter", 0);
    page.wait_for("document.activeElement.id === 'message'");
    assert_eq!(page.errors(), Vec::<String>::new());
}
