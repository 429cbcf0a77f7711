//! The pictures of the page in the README, which this draws:
//! `cargo test --test suite web::pictures::draw -- --ignored`

use std::path::PathBuf;

use super::browser::{Browser, chromium, profile};
use super::messenger::Messenger;
use crate::support::web::world_with_web;
use crate::support::{Connection, wait_until};

const FOLDER: &str = "examples/pictures";
/// The pictures: their name, the scheme, width and height.
const PICTURES: [(&str, &str, u32, u32); 3] = [
    ("page-light.png", "light", 1280, 800),
    ("page-dark.png", "dark", 1280, 800),
    ("page-phone.png", "light", 390, 844),
];
const MOST_BYTES: usize = 60_000;

/// The messages of the picture: sender and text.
const STORY: [(&str, &str); 5] = [
    ("luis", "hola a todos"),
    ("eva", "¿quién viene al cine?"),
    ("ana", "yo, si no llueve"),
    ("luis", "@ana a las 8, en la puerta"),
    ("eva", "> a las 8\n¡hecho!"),
];

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), FOLDER, name].iter().collect()
}

fn say(line: &mut Connection, number: usize, target: &str, text: &str) {
    let text = text.replace('\n', "\\n");
    assert!(line.request(&format!("SEND;m-{number};{target};{text}")).starts_with("OK;"));
}

#[test]
#[ignore = "draws the pictures of the README anew"]
fn draw() {
    let Some(program) = chromium() else { return };
    let (world, web) = world_with_web(&["--no-lobby"]);
    let profile = profile();
    let browser = Browser::start(&program, profile.path());
    let ana = Messenger::register(&browser, web, "ana");
    ana.resize(1280, 800);
    ana.click("#rooms");
    ana.fill("#room-name", "#cine");
    ana.press("Enter", 0);
    ana.wait_for_text(".title h1", "#cine");
    let [mut luis, mut eva] = ["luis", "eva"].map(|user| world.register(user));
    for line in [&mut luis, &mut eva] {
        assert!(line.request("JOIN;#cine").starts_with("OK"));
    }
    for (number, (user, text)) in STORY.into_iter().enumerate() {
        match user {
            "ana" => {
                ana.write(text);
                ana.wait_for_message(text, Some("received"));
            }
            "luis" => say(&mut luis, number, "#cine", text),
            _ => say(&mut eva, number, "#cine", text),
        }
        ana.wait_for_message(text.split('\n').next_back().unwrap_or_default(), None);
    }
    say(&mut luis, 9, "ana", "llevo el paraguas");
    say(&mut eva, 9, "ana", "¿y después?");
    ana.wait_for_text(".chat", "¿y después?");
    // They come online, have all of it, and read it.
    let mut sessions = ["luis", "eva"].map(|user| world.session(user));
    for (line, session) in [&mut luis, &mut eva].into_iter().zip(&mut sessions) {
        let last =
            session.poll(0, 1).iter().filter_map(|event| event.split(';').next()?.parse().ok()).fold(0, u64::max);
        session.poll(last, 0);
        assert!(line.request("READ;#cine;5").starts_with("OK"));
    }
    ana.wait_for_message("yo, si no llueve", Some("read"));
    for (name, scheme, width, height) in PICTURES {
        ana.resize(width, height);
        ana.prefer_scheme(scheme);
        // Two frames: the first may still show the old size.
        ana.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))");
        // Notices go by themselves.
        wait_until("the end of the notices", || ana.texts(".notice").is_empty());
        ana.take_picture(&path(name));
    }
}

/// Returns width and height of a PNG file.
fn size_of(png: &[u8]) -> Option<(u32, u32)> {
    let number = |at: usize| Some(u32::from_be_bytes(png.get(at..at + 4)?.try_into().ok()?));
    png.starts_with(b"\x89PNG").then_some((number(16)?, number(20)?))
}

#[test]
fn the_readme_shows_the_pictures_and_they_are_small() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    for (name, _, width, height) in PICTURES {
        let picture = std::fs::read(path(name)).expect(name);
        assert_eq!(size_of(&picture), Some((width, height)), "{name}");
        assert!(picture.len() < MOST_BYTES, "{name}: {} bytes", picture.len());
        assert!(readme.contains(&format!("{FOLDER}/{name}")), "the README does not show {name}");
    }
}
