//! Steps of a life that are about messages: they are typed, sent, received, answered, and missed.

use std::time::Duration;

use terminput::{KeyCode, KeyModifiers};
use wachat::client::app::event::Event;
use wachat::client::screen::item::NoteKind;
use wachat::client::state::record::Record;
use wachat::client::state::row::Gap;
use wachat::model::{State, Target};
use wachat::protocol::Event as ServerEvent;

use super::draw::Over;
use super::lines::{Content, Item, Mark};
use super::{Life, TARGETS};
use crate::client::screen_app::{seq, target, user};

impl Life {
    pub fn arrive(&mut self) {
        let minutes = self.below(100);
        self.screen.pass(Duration::from_secs(60 * minutes));
        let to = target(self.pick(&TARGETS));
        let count = self.below(3) + 1;
        let mut events = Vec::new();
        for _ in 0..count {
            let from =
                if matches!(to, Target::User(_)) { to.to_string() } else { self.pick(&["luis", "eva"]).to_owned() };
            let breaks = if self.random.chance(10) { "\n" } else { " " };
            let action = if self.random.chance(10) { "/me " } else { "" };
            let text = format!("{action}{}{breaks}{}", self.words(6), self.words(4));
            self.screen.last += 1;
            let number = self.screen.last;
            let name = if matches!(to, Target::User(_)) { "ana".to_owned() } else { to.to_string() };
            events.push(ServerEvent::Message(self.screen.message(number, &from, &name, &text)));
            let item = self.item(&text, Content::Received(from.clone(), number));
            self.notices.extend(self.sketch.notice(&to, &from, &item));
            self.sketch.talks.get_mut(&to).unwrap().receive(item);
        }
        self.screen.poll(events);
    }

    pub fn type_words(&mut self) {
        if self.sketch.over != Over::Typing {
            return;
        }
        let words = self.words(5);
        let space = if self.sketch.input.is_empty() { "" } else { " " };
        for c in format!("{space}{words}").chars() {
            // Some terminals name the Shift key of a capital, too.
            self.screen.key(KeyCode::Char(c), if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE });
        }
        self.sketch.input.push_str(&format!("{space}{words}"));
        if self.random.chance(10) {
            self.screen.alt(KeyCode::Enter);
            self.sketch.input.push('\n');
        }
    }

    pub fn enter(&mut self) {
        if self.sketch.over != Over::Typing {
            return;
        }
        self.screen.press(KeyCode::Enter);
        let text = self.sketch.submit();
        if !text.trim().is_empty() {
            let item = self.item(&text, Content::Own(Mark::Queued));
            let open = self.sketch.open.clone().unwrap();
            self.sketch.talks.get_mut(&open).unwrap().items.push(item);
        }
    }

    /// The server answers everything; or messages reach their recipients.
    pub fn answer(&mut self) {
        if !self.is_connected() {
            return;
        }
        self.screen.answer();
        self.sketch.accept_queued();
        let to = self.pick(&TARGETS);
        let state = self.pick(&[State::Received, State::Delivered, State::Read]);
        let is_own = |item: &Item| matches!(item.content, Content::Own(_));
        if state > State::Received && self.sketch.talks[&target(to)].items.iter().any(is_own) {
            self.screen.reach(to, state);
            self.sketch.reach(&target(to), state);
        }
    }

    /// The server gives what is missing, and answers everything else.
    pub fn fill(&mut self, upto: u64) {
        self.screen.answer();
        self.sketch.accept_queued();
        let at = self.screen.at;
        let open = self.sketch.open.clone().unwrap();
        let talk = self.sketch.talks.get_mut(&open).unwrap();
        let hole = talk.items.iter().position(|item| item.key == format!("hole {upto}")).unwrap();
        let Content::Hole(count, _) = talk.items[hole].content else { unreachable!() };
        let filled = (upto + 1 - count..=upto).map(|number| Item {
            key: format!("filled {number}"),
            at: Some(at),
            text: format!("filled {number}"),
            content: Content::Received("luis".to_owned(), number),
        });
        talk.items.splice(hole..=hole, filled);
        if let Some((key, _)) = talk.place.as_mut().filter(|(key, _)| *key == format!("hole {upto}")) {
            *key = format!("filled {upto}");
        }
    }

    pub fn say_note(&mut self) {
        let kinds = [NoteKind::Answer, NoteKind::Notice, NoteKind::Problem];
        let text = format!("{}\n{}", self.words(6), self.words(8));
        self.screen.model.add_note(&self.screen.app, self.random_kind(&kinds), &text);
    }

    pub fn random_kind(&self, kinds: &[NoteKind; 3]) -> NoteKind {
        kinds[self.steps.len() % 3].clone()
    }

    pub fn change_connection(&mut self) {
        if self.is_connected() {
            if self.random.chance(30) {
                self.screen.answer();
                self.sketch.accept_queued();
                self.screen.disconnect();
            }
            return;
        }
        self.screen.wait(Duration::from_secs(60));
        self.screen.handle(Event::Tick);
        self.screen.log_in();
        if self.sketch.new_above.is_none() {
            self.sketch.look_for_new();
        }
        self.screen.poll(Vec::new());
        self.screen.answer();
        self.sketch.accept_queued();
    }

    /// Messages of a room are with the server only.
    pub fn make_hole(&mut self) {
        let to = target(self.pick(&["#lobby", "#sala-de-los-que-leen"]));
        let count = self.below(4) + 1;
        let first = seq(self.screen.last + 1);
        self.screen.last += count;
        let last = seq(self.screen.last);
        self.screen.app.state_to_maintain().apply(Record::Gap(Gap { target: to.clone(), first, last }));
        let key = format!("hole {last}");
        let content = Content::Hole(count, last.get());
        self.sketch.talks.get_mut(&to).unwrap().receive(Item { key, at: None, text: String::new(), content });
    }

    /// Commands whose answers are notes, users who come and go, and the key that loads what is missing.
    pub fn command(&mut self) {
        match self.below(4) {
            0 if self.is_connected() => {
                let user = user(self.pick(&["luis", "eva"]));
                let at = self.screen.at;
                let is_on = self.random.chance(60);
                let event = if is_on { ServerEvent::Online { user, at } } else { ServerEvent::Offline { user, at } };
                self.screen.poll(vec![event]);
            }
            1 if self.sketch.over == Over::Typing && self.is_connected() => {
                let (lines, first, last) = self.sketch.window();
                let talk = &self.sketch.talks[self.sketch.open.as_ref().unwrap()];
                let shown = lines.get(first..=last.min(lines.len().saturating_sub(1))).unwrap_or_default();
                let mut holes = shown.iter().filter_map(|(item, _)| match talk.items[*item].content {
                    Content::Hole(_, upto) => Some(upto),
                    _ => None,
                });
                let lowest = holes.next_back();
                self.screen.alt(KeyCode::Char('h'));
                if let Some(upto) = lowest {
                    self.fill(upto);
                }
            }
            kind if self.sketch.over == Over::Typing && self.sketch.input.is_empty() => {
                let kinds = [NoteKind::Notice, NoteKind::Problem, NoteKind::Answer];
                let which = if kind == 2 { self.below(3) } else { 3 };
                self.screen.enter(["/mute", "/nothing", "/set", "/clear"][usize::try_from(which).unwrap()]);
                self.sketch.submit();
                match kinds.get(usize::try_from(which).unwrap()) {
                    Some(kind) => assert_eq!(self.screen.model.notes.iter().next_back().unwrap().kind, *kind),
                    None => self.sketch.clear_notes(),
                }
            }
            _ => {}
        }
    }
}
