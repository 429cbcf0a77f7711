//! The texts of the page, in three languages.

use serde_json::{Value, json};

use super::browser::{Browser, chromium, profile};
use super::messenger::url;
use crate::support::web::world_with_web;

/// Returns the table of texts, and each key that a module names.
const READ_TEXTS: &str = "(async () => {
    const base = document.querySelector('script').src.replace('start.js', '');
    const { TEXTS } = await import(`${base}texts.js`);
    const paths = [...document.querySelectorAll('link[rel=modulepreload]')].map(({ href }) => href);
    const modules = await Promise.all(paths.map(async (path) => (await fetch(path)).text()));
    const keysOf = (text) => [...text.matchAll(/\\bsay\\(\"([\\w-]+)\"/g)].map((match) => match[1]);
    return { texts: TEXTS, keys: modules.flatMap(keysOf) };
})()";

/// Returns the names of the values in a text, in order.
fn values(text: &str) -> Vec<&str> {
    let mut names: Vec<_> = text.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
    names.sort_unstable();
    names
}

#[test]
fn each_text_is_there_in_three_languages_with_the_same_values() {
    let Some(program) = chromium() else { return };
    let (_world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let page = browser.open(&url(web));
    page.wait_for_element("#user");
    let read = page.evaluate(READ_TEXTS);
    let texts = read["texts"].as_object().expect("a table");
    assert!(texts.len() > 150, "{} texts", texts.len());
    for (key, three) in texts {
        let three: Vec<_> = three.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        assert_eq!(three.len(), 3, "{key}");
        for text in &three {
            assert!(!text.is_empty() && values(text) == values(three[0]), "{key}: {three:?}");
        }
    }
    let keys: Vec<_> = read["keys"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(keys.len() > 100, "{} keys", keys.len());
    for key in keys {
        assert!(texts.contains_key(key), "there is no text {key}");
    }
}

#[test]
fn the_page_speaks_the_language_of_the_browser() {
    let Some(program) = chromium() else { return };
    let (_world, web) = world_with_web(&[]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    for (accepted, language, word) in
        [("pt-BR,en", "pt", "Registrar-se"), ("fr,es-AR", "es", "Registrarse"), ("fr", "en", "Register")]
    {
        let page = browser.open_blank();
        page.call("Network.setUserAgentOverride", json!({ "userAgent": "Chromium", "acceptLanguage": accepted }));
        page.go_to(&url(web));
        page.click("#other-form");
        page.wait_for_text("#sign-in", word);
        assert_eq!(page.evaluate("document.documentElement.lang"), language);
    }
}
