//! A conversation of which memory holds only the end looks the same as one that is whole in memory: two screens get the
//! same keys and messages, one loses its old rows at any time, and has them looked up in the log.

use std::time::Duration;

use terminput::{KeyCode, KeyModifiers};
use wachat::client::app::event::Event;
use wachat::client::screen::theme::Theme;
use wachat::client::state::lookup::Lookup;
use wachat::client::state::row::Row;
use wachat::protocol::Event as ServerEvent;

use crate::client::screen_app::{ScreenApp, rows, target};
use crate::support::random::Random;

/// Rows that stay in memory.
const KEPT: usize = 8;

struct Pair {
    whole: ScreenApp,
    partly: ScreenApp,
    /// Content of the log of the other one.
    log: Vec<Row>,
    size: (u16, u16),
    said: u64,
}

impl Pair {
    fn new() -> Self {
        let screen = || {
            let mut screen = ScreenApp::new(Theme::Dark);
            screen.enter("/query luis");
            screen.enter("/clear");
            screen
        };
        Self { whole: screen(), partly: screen(), log: Vec::new(), size: (50, 14), said: 0 }
    }

    fn both(&mut self, act: impl Fn(&mut ScreenApp)) {
        act(&mut self.whole);
        act(&mut self.partly);
    }

    fn arrive(&mut self, count: u64, minutes: u64) {
        let first = self.said + 1;
        self.said += count;
        self.both(|screen| {
            screen.pass(Duration::from_secs(60 * minutes));
            let mut messages = Vec::new();
            for number in first..first + count {
                screen.pass(Duration::from_secs(1));
                let words = "palabra ".repeat(usize::try_from(number % 13).unwrap());
                let text = format!("{words}number {number}");
                messages.push(ServerEvent::Message(screen.message(number, "luis", "ana", &text)));
            }
            screen.last = first + count - 1;
            screen.poll(messages);
            screen.answer();
        });
    }

    /// Old rows leave memory, unless they are new to the user; the log has them.
    fn forget(&mut self) {
        let conversation = self.partly.app.state().find_conversation(&target("luis")).unwrap();
        if conversation.received_after(conversation.seen()).next().is_some() {
            return;
        }
        let conversation = self.partly.app.state().find_conversation(&target("luis")).unwrap();
        let new: Vec<_> =
            conversation.rows().filter(|row| row.seq() > self.log.last().and_then(Row::seq)).cloned().collect();
        self.log.extend(new);
        let bytes: usize = self.log.iter().rev().take(KEPT).map(Row::bytes).sum();
        self.partly.app.state_to_maintain().remove_old_rows(bytes);
        assert!(self.partly.app.state().find_conversation(&target("luis")).unwrap().rows().len() <= KEPT + 1);
    }

    /// A page up ends at the oldest row that is loaded: only from there on older ones are.
    fn go_up(&mut self) {
        self.both(|screen| screen.press(KeyCode::PageUp));
        let reaches_top = |screen: &ScreenApp| screen.model.window(&screen.app).reaches_top;
        if reaches_top(&self.partly) && !reaches_top(&self.whole) {
            self.draw();
            self.both(|screen| screen.alt(KeyCode::End));
        }
    }

    /// A search goes through all that was said.
    fn search(&mut self, number: u64) {
        self.both(|screen| {
            screen.control('f');
            screen.type_text(&format!("number {number}"));
        });
        self.draw();
        self.both(|screen| screen.press(KeyCode::Enter));
        self.draw();
        self.both(|screen| screen.press(KeyCode::Esc));
        self.draw();
    }

    /// Draws both; what is looked up is found at once.
    fn draw(&mut self) {
        let (width, height) = self.size;
        self.whole.draw(width, height);
        self.partly.draw(width, height);
        while let Some(lookup) = self.partly.lookups.pop() {
            let Lookup::Older(of, count) = &lookup else { panic!("{lookup:?}") };
            let conversation = self.partly.app.state().find_conversation(of).unwrap();
            let new = conversation.rows().filter(|row| row.seq() > self.log.last().and_then(Row::seq));
            let all: Vec<_> = self.log.iter().chain(new).map(|row| (of.clone(), row.clone())).collect();
            let found = all[all.len().saturating_sub(*count)..].to_vec();
            self.partly.handle(Event::LookedUp(lookup, Ok(found)));
            self.partly.draw(width, height);
        }
        self.whole.draw(width, height);
    }

    fn check(&self, why: &str) {
        let [expected, actual] = [&self.whole, &self.partly].map(|screen| rows(&screen.cells).join("\n"));
        assert!(actual == expected, "{why}: the screen is\n{actual}\nand not\n{expected}");
        assert!(self.partly.cells == self.whole.cells, "{why}: the styles differ");
        let seen = |screen: &ScreenApp| screen.app.state().find_conversation(&target("luis")).map(|luis| luis.seen());
        assert_eq!(seen(&self.partly), seen(&self.whole), "{why}");
    }
}

#[test]
fn a_chat_looks_the_same_however_little_of_it_memory_holds() {
    let none = KeyModifiers::NONE;
    for seed in 0..5 {
        let mut random = Random::new(seed);
        let mut pair = Pair::new();
        pair.arrive(300 + 200 * (seed % 5), 0);
        pair.draw();
        pair.forget();
        pair.search(3);
        pair.check("the first search");
        let mut steps = Vec::new();
        for _ in 0..50 {
            let kind = random.below(14);
            steps.push(kind);
            match kind {
                0..=3 => pair.go_up(),
                4 => pair.both(|screen| screen.key(KeyCode::PageDown, none)),
                // The oldest that are loaded, until there are no older ones.
                5 => {
                    for _ in 0..4 {
                        pair.both(|screen| screen.alt(KeyCode::Home));
                        pair.draw();
                    }
                }
                6 => pair.both(|screen| screen.alt(KeyCode::End)),
                7 => pair.arrive(random.below(20) + 1, random.below(900)),
                8 | 9 => pair.forget(),
                10 => {
                    pair.size =
                        (u16::try_from(random.below(35)).unwrap() + 24, u16::try_from(random.below(20)).unwrap() + 6)
                }
                11 => pair.both(|screen| screen.control('f')),
                12 => {
                    let number = random.below(pair.said) + 1;
                    pair.search(number);
                }
                _ => {
                    pair.both(|screen| screen.pass(Duration::from_secs(1)));
                    pair.both(|screen| screen.enter("hola"));
                    pair.both(ScreenApp::answer);
                    pair.said = pair.whole.last.max(pair.said);
                    continue;
                }
            }
            pair.draw();
            if kind == 11 {
                pair.both(|screen| screen.press(KeyCode::Esc));
                pair.draw();
            }
            pair.check(&format!("seed {seed}, after {steps:?}"));
        }
    }
}

#[test]
fn a_search_counts_again_when_older_messages_are_loaded() {
    let mut pair = Pair::new();
    pair.arrive(20, 1);
    pair.draw();
    pair.forget();
    let prompt = |pair: &mut Pair| pair.partly.draw(50, 14)[12].clone();
    pair.partly.control('f');
    pair.partly.type_text("number");
    pair.partly.press(KeyCode::Enter);
    assert!(!prompt(&mut pair).contains("of 20"), "{}", prompt(&mut pair));
    while let Some(lookup) = pair.partly.lookups.pop() {
        let found = pair.log.iter().map(|row| (target("luis"), row.clone())).collect();
        pair.partly.handle(Event::LookedUp(lookup, Ok(found)));
    }
    assert!(prompt(&mut pair).contains("search here, 20 of 20: number"), "{}", prompt(&mut pair));
    // Also a hit that only they have.
    pair.partly.control('u');
    pair.partly.type_text("number 17");
    pair.partly.press(KeyCode::Enter);
    assert!(prompt(&mut pair).contains("search here, 1 of 1: number 17"), "{}", prompt(&mut pair));
}
