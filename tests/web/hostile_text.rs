//! Text of others in the page: it is shown as in the terminal, and never becomes markup.

use serde_json::json;

use wachat::model::safe::safe_lines;

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use crate::support::random::Random;
use crate::support::wait_until;
use crate::support::web::world_with_web;

/// Characters that turn the reading order, hide, join, select, break lines; and those that joiners and selectors are for.
const ODD: [&str; 40] = [
    "\u{202e}",
    "\u{2066}",
    "\u{200f}",
    "\u{61c}",
    "\u{200b}",
    "\u{feff}",
    "\u{ad}",
    "\u{34f}",
    "\u{115f}",
    "\u{3164}",
    "\u{2028}",
    "\u{2029}",
    "\u{85}",
    "\u{9f}",
    "\u{7f}",
    "\u{1}",
    "\u{1b}",
    "\r",
    "\t",
    "\n",
    "\u{fe0f}",
    "\u{fe0e}",
    "\u{200d}",
    "\u{200c}",
    "\u{e0041}",
    "\u{e0100}",
    "\u{1d173}",
    "\u{1bca0}",
    "\u{fff9}",
    "\u{2064}",
    "👩",
    "🔬",
    "❤",
    "5",
    "\u{20e3}",
    "ن",
    "क",
    "ᠠ",
    "a",
    "<b>",
];

/// Messages that a page which took text for markup, or for an address, would obey.
const MARKUP: [&str; 8] = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "</p><a href=\"javascript:document.title='owned'\">x</a>",
    "javascript:document.title='owned'",
    "https://example.org/\"onmouseover=\"document.title='owned'",
    "data:text/html,<b>x</b>",
    "&lt;b&gt; &#x202e; &amp;",
    "{{constructor.constructor('document.title=1')()}}",
];

#[test]
fn markup_of_others_is_text() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let mut luis = world.register("luis");
    let ana = Messenger::register(&browser, web, "ana");
    for (number, text) in MARKUP.iter().enumerate() {
        let quoted = text.replace('"', "\"\"");
        let reply = luis.request(&format!("SEND;m-{number};ana;\"{quoted}\""));
        assert!(reply.starts_with("OK;"), "{text}: {reply}");
    }
    ana.choose_chat("luis");
    // Rows come in over several frames, the newest first.
    wait_until("all messages", || ana.messages().len() == MARKUP.len());
    assert_eq!(ana.messages(), MARKUP);
    let strange = ana.evaluate("document.querySelectorAll('.text :not(p, a, mark, blockquote)').length");
    assert_eq!(strange, 0);
    let links = ana.evaluate("[...document.querySelectorAll('a')].map(a => [a.protocol, a.rel, a.target])");
    assert_eq!(links, json!([["https:", "noopener noreferrer", "_blank"]]));
    ana.wait_for("/^(\\(\\d+\\) )?wachat$/.test(document.title)");
    assert_eq!(ana.errors(), Vec::<String>::new());
}

/// The page shows each text as the terminal does.
#[test]
fn odd_characters_are_shown_as_in_the_terminal() {
    let Some(program) = chromium() else { return };
    let (_world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let page = browser.open(&super::messenger::url(web));
    page.wait_for_element("#user");
    let mut random = Random::new(39);
    let texts: Vec<String> = (0..3000)
        .map(|_| (0..1 + random.below(7)).map(|_| ODD[random.below(ODD.len() as u64) as usize]).collect())
        .collect();
    let every: Vec<String> = (0..=0x10_ffff).filter_map(char::from_u32).map(|c| format!("a{c}b")).collect();
    for texts in std::iter::once(texts.as_slice()).chain(every.chunks(100_000)) {
        let shown = page.evaluate(&format!(
            "import(document.querySelector('script').src.replace('start.js', 'text.js'))
                .then(({{ visible }}) => {}.map(visible))",
            json!(texts)
        ));
        for (text, shown) in texts.iter().zip(shown.as_array().expect("a list")) {
            assert_eq!(shown.as_str(), Some(safe_lines(text).as_str()), "{}", text.escape_unicode());
        }
    }
}
