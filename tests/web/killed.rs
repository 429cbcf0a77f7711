//! The page, or its browser, dies as by `kill -9` while both sides write: nothing is lost, doubled or out of order.

use std::collections::BTreeSet;
use std::path::Path;

use super::browser::{Browser, chromium, profile};
use super::database::{Database, Row, read_database};
use super::messenger::Messenger;
use crate::support::random::Random;
use crate::support::web::world_with_web;
use crate::support::{World, wait_for, wait_until};

/// Messages that each of both writes in a round.
const MESSAGES: u64 = 6;
/// The kill comes after so many lines of a round at most.
const MOST_LINES: u64 = 60;

/// Notes each message that the page shows: it called it queued, or received it, at least.
const NOTE_SHOWN: &str = "(() => {
    const noted = new Set();
    const note = () => document.querySelectorAll('.row .text').forEach(({ textContent }) => {
        if (!noted.has(textContent)) console.info(`shown ${textContent}`);
        noted.add(textContent);
    });
    new MutationObserver(note).observe(document.body, { childList: true, subtree: true });
    note();
})()";

/// What the page had promised when it was killed.
#[derive(Default)]
struct Promised {
    /// The texts that it has shown.
    shown: BTreeSet<String>,
    /// The number that it has acknowledged.
    acknowledged: u64,
}

impl Promised {
    fn note(&mut self, page: &Messenger) {
        self.shown.extend(page.console().into_iter().filter_map(|said| Some(said.strip_prefix("shown ")?.to_owned())));
        let polls = page
            .lines_sent()
            .into_iter()
            .filter_map(|line| line.strip_prefix("POLL;")?.split(';').next()?.parse().ok());
        self.acknowledged = polls.chain([self.acknowledged]).max().unwrap_or(0);
    }

    /// Asserts that the database has all of it. `history`: what the server has.
    fn assert_in(&self, database: &Database, history: &[Row], what: &str) {
        let stored: BTreeSet<_> = database.rows.iter().map(|row| &row.3).chain(&database.outbox).collect();
        for text in &self.shown {
            assert!(stored.contains(text), "{what}: {text:?} was shown, and is not stored");
        }
        let of_others = history.iter().filter(|row| row.2 == "luis" && row.0 <= self.acknowledged);
        for row in of_others {
            assert!(database.rows.contains(row), "{what}: {row:?} was acknowledged, and is not stored");
        }
    }
}

/// Writes messages one after the other, as fast as they go.
fn write_messages(page: &Messenger, round: u64) {
    page.begin(&format!(
        "(async () => {{
            const [area, form] = [document.querySelector('#message'), document.querySelector('form.input')];
            for (let number = 0; number < {MESSAGES}; number++) {{
                area.value = `a-{round}-${{number}}`;
                form.requestSubmit();
                await new Promise((resolve) => setTimeout(resolve, 5));
            }}
        }})()"
    ));
}

/// The process that a kill ends.
#[derive(Clone, Copy)]
enum Killed {
    /// The process of the page, as when a phone needs memory.
    Page,
    /// All of the browser. Once in the life of a profile: LevelDB, in which Chromium keeps its databases, goes on after a record
    /// that was torn, does not read what follows when it starts once more, and Chromium removes the database then.
    Browser,
}

/// Plays rounds that end with a kill each, then asserts that each message exists once. Returns the number of those of the page.
fn play(program: &Path, rounds: u64, killed: Killed, seed: u64) -> u64 {
    let (world, web) = world_with_web(&["--no-limits"]);
    let profile = profile();
    drop(world.register("luis"));
    let mut browser = Browser::start(program, profile.path());
    let mut ana = Messenger::register(&browser, web, "ana");
    ana.open_chat("luis");
    send(&world, &["first".to_owned()]);
    ana.wait_for_message("first", None);
    let mut random = Random::new(seed);
    let mut promised = Promised::default();
    for round in 0..rounds {
        ana.evaluate(NOTE_SHOWN);
        let until = ana.count_of_lines() + 1 + random.below(MOST_LINES) as usize;
        write_messages(&ana, round);
        send(&world, &(0..MESSAGES).map(|number| format!("l-{round}-{number}")).collect::<Vec<_>>());
        wait_until("the line of the kill", || ana.count_of_lines() >= until);
        match killed {
            Killed::Page => {
                ana.kill();
                promised.note(&ana);
                ana.close();
            }
            Killed::Browser => {
                browser.kill();
                promised.note(&ana);
                browser = Browser::start(program, profile.path());
            }
        }
        let what = format!("round {round}, line {until}");
        promised.assert_in(&read_database(&browser, web), &read_history(&world), &what);
        ana = Messenger::of_user_who_stayed(&browser, web);
        ana.choose_chat("luis");
    }
    send(&world, &["last".to_owned()]);
    ana.wait_for_message("last", None);
    ana.wait_for(
        "![...document.querySelectorAll('.row')].some(({ dataset }) => ['queued', 'sent'].includes(dataset.state))",
    );
    let expected = read_history(&world);
    let stored = wait_for("the end of the outbox", || {
        let database = read_database(&browser, web);
        database.outbox.is_empty().then_some(database)
    });
    assert_eq!(stored.rows, expected);
    let texts: Vec<_> = expected.iter().map(|row| &row.3).collect();
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len(), "a message is there twice: {texts:?}");
    let of_luis: Vec<_> = expected.iter().filter(|row| row.2 == "luis").map(|row| row.3.clone()).collect();
    let sent = (0..rounds).flat_map(|round| (0..MESSAGES).map(move |number| format!("l-{round}-{number}")));
    let sent: Vec<_> = std::iter::once("first".to_owned()).chain(sent).chain(["last".to_owned()]).collect();
    assert_eq!(of_luis, sent);
    for text in &promised.shown {
        assert!(texts.contains(&text), "{text:?} was shown, and the server does not have it");
    }
    expected.iter().filter(|row| row.2 == "ana").count() as u64
}

#[test]
fn a_page_that_is_killed_at_any_line_loses_and_doubles_nothing() {
    let Some(program) = chromium() else { return };
    let of_page = play(&program, 20, Killed::Page, 39);
    assert!(of_page > 20, "{of_page} messages of the page are a run that shows little");
}

#[test]
fn a_browser_that_is_killed_at_any_line_loses_and_doubles_nothing() {
    let Some(program) = chromium() else { return };
    let of_page: u64 = (0..4).map(|seed| play(&program, 1, Killed::Browser, seed)).sum();
    assert!(of_page > 4, "{of_page} messages of the page are runs that show little");
}

/// Sends messages of the other user, by a connection of their own: a round takes long on a busy machine.
fn send(world: &World, texts: &[String]) {
    let mut luis = world.login("luis");
    for text in texts {
        luis.send_message("ana", text);
    }
}

/// Returns the messages as the server has them.
fn read_history(world: &World) -> Vec<Row> {
    world.login("luis").list("HISTORY;ana;1000").iter().map(|record| as_row(record)).collect()
}

fn as_row(record: &str) -> Row {
    let fields: Vec<_> = record.split(';').collect();
    (fields[0].parse().expect("a number"), fields[1].to_owned(), fields[2].to_owned(), fields[6].to_owned())
}
