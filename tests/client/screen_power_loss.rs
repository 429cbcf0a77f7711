//! The full screen through thousands of random lives: keys, pasted texts, clicks, sizes, focus, arrivals, answers, lost
//! connections, rows that leave memory. Nothing panics; and after every step
//!
//! - the list counts as unread what was received above what was seen, and is not hidden;
//! - what is called seen was on the screen of a focused window, or the user was at the bottom;
//! - nothing is called seen while the line at which the user was is still being looked up;
//! - a scroll place stands for a line, and that line stays at the bottom whatever arrives;
//! - a draft is where it was left, and what was submitted is in the app once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use terminput::{
    Event as TerminalEvent, KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind, ScrollDirection,
};
use wachat::client::app::event::Event;
use wachat::client::link::error::LinkError;
use wachat::client::link::request::LinkEvent;
use wachat::client::screen::model::Mode;
use wachat::client::screen::rows::Place;
use wachat::client::screen::theme::Theme;
use wachat::client::state::lookup::Lookup;
use wachat::client::state::row::Row;
use wachat::model::{RoomName, Seq, State, Target};
use wachat::protocol::Event as ServerEvent;

use crate::client::screen_app::{ScreenApp, rows, seq, target, user};
use crate::support::random::Random;

const LIVES: u64 = 400;
const STEPS: usize = 120;
/// Width below which a word may not fit in a row.
const NARROW: u16 = 20;

/// A life, and what a user who looks at the screen knows.
struct Life {
    seed: u64,
    random: Random,
    screen: ScreenApp,
    size: (u16, u16),
    /// Rows that memory held once: what the log has.
    log: BTreeMap<String, Vec<Row>>,
    /// Numbers of all messages of each conversation.
    received: HashMap<Target, Vec<u64>>,
    /// Numbers of the messages that were on the screen of a focused window.
    looked_at: BTreeSet<u64>,
    drafts: HashMap<Target, String>,
    /// Texts that were submitted, each its own.
    submitted: Vec<String>,
    steps: Vec<String>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        let screen = ScreenApp::new(Theme::Dark);
        let log = BTreeMap::new();
        let looked_at = BTreeSet::new();
        let drafts = HashMap::new();
        let submitted = Vec::new();
        let steps = Vec::new();
        let received = HashMap::new();
        Self { seed, random, screen, size: (80, 24), log, received, looked_at, drafts, submitted, steps }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.below(end)
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn step(&mut self) {
        let kind = self.below(16);
        self.steps.push(format!("{kind}"));
        match kind {
            0..=3 => self.press_key(),
            4 => self.submit(),
            5..=7 => self.arrive(),
            8 => self.answer_sender(),
            9 => self.answer_receiver(),
            10 => self.use_mouse(),
            11 => self.paste(),
            12 => self.change_window(),
            13 => self.answer_lookup(),
            14 => self.forget_rows(),
            _ => self.switch(),
        }
        self.draw();
        self.check();
    }

    fn press_key(&mut self) {
        use KeyCode::{Backspace, Char, Delete, Down, End, Esc, F, Home, Left, PageDown, PageUp, Right, Tab, Up};
        let plain = [
            Char('a'),
            Char('?'),
            Char('/'),
            Char(' '),
            Char('日'),
            Char('\u{301}'),
            Char('y'),
            Backspace,
            Delete,
            Down,
            Up,
            End,
            Home,
            Esc,
            F(1),
            Left,
            Right,
            PageUp,
            PageDown,
            PageUp,
            Tab,
        ];
        let kind = self.below(4);
        let control = self.pick(&['n', 'p', 'k', 'f', 'a', 'e', 'u', 'w', 'y', 'l', 'c', 'j', 'z']);
        let alt = self.pick(&[Char('1'), Char('9'), Char('a'), Char('h'), Home, End, Char('b'), Char('f')]);
        let (code, modifiers) = match kind {
            0 => (Char(control), KeyModifiers::CTRL),
            1 => (alt, KeyModifiers::ALT),
            _ => (self.pick(&plain), KeyModifiers::NONE),
        };
        self.steps.push(format!("{code:?} {modifiers:?}"));
        self.screen.key(code, modifiers);
    }

    /// Submits a text of its own, or a command, from an empty editor.
    fn submit(&mut self) {
        self.screen.model.mode = Mode::Typing;
        self.screen.control('e');
        self.screen.model.writing.editor.set_text("");
        let text = match self.below(8) {
            0 => "/help".to_owned(),
            1 => "/query eva".to_owned(),
            2 => "/ignore luis".to_owned(),
            3 => "/join #lobby".to_owned(),
            4 => "/mute".to_owned(),
            _ => format!("text {}", self.submitted.len()),
        };
        let before = self.screen.entered.len();
        self.screen.type_text(&text);
        self.screen.press(KeyCode::Enter);
        let entered = self.screen.entered.get(before..).unwrap_or_default().to_vec();
        if self.screen.model.writing.held.back() == Some(&text) {
            // The app will want it.
            self.submitted.push(text);
        } else if entered.is_empty() {
            assert_eq!(
                self.screen.model.writing.editor.text(),
                text,
                "seed {}: what the app did not take stays",
                self.seed
            );
        } else {
            assert_eq!(entered, std::slice::from_ref(&text), "seed {}", self.seed);
            self.submitted.push(text);
        }
    }

    fn arrive(&mut self) {
        if !matches!(self.screen.receiving, Some(wachat::client::link::receiver::Receive::Poll { .. })) {
            return;
        }
        let from = self.pick(&["luis", "eva", "iris"]);
        let to = self.pick(&["ana", "ana", "#lobby", "#sala"]);
        let count = self.below(12);
        let mut events = Vec::new();
        for _ in 0..count {
            self.screen.last += 1;
            self.pass_time();
            let number = self.screen.last;
            let text = format!("{}<{number}>", "palabra Ana ".repeat(usize::try_from(number % 9).unwrap()));
            let message = self.screen.message(number, from, to, &text);
            self.received.entry(message.target_for(&user("ana"))).or_default().push(number);
            events.push(ServerEvent::Message(message));
        }
        match self.below(12) {
            0 => {
                let first = seq(self.screen.last + 1);
                self.screen.last += 3;
                let room = RoomName::new("#sala").unwrap();
                events.push(ServerEvent::Gap { room, first, last: seq(self.screen.last) });
            }
            1 => events.push(ServerEvent::Join {
                room: RoomName::new("#sala").unwrap(),
                user: user("eva"),
                at: self.screen.at,
            }),
            _ => {}
        }
        let bottom = self.bottom_line();
        self.screen.poll(events);
        self.draw();
        if let Some((line, open)) = bottom
            && self.screen.model.open() == open.as_ref()
            && !self.screen.model.window(&self.screen.app).reaches_top
        {
            let window = self.screen.model.window(&self.screen.app);
            let now = window.lines.last().map(|line| line.text());
            assert_eq!(now, Some(line), "seed {}: the screen has moved", self.seed);
        }
        if self.below(3) == 0 {
            let to = self.pick(&["luis", "eva"]);
            let state = self.pick(&[State::Delivered, State::Read]);
            if matches!(self.screen.receiving, Some(wachat::client::link::receiver::Receive::Poll { .. })) {
                self.screen.reach(to, state);
            }
        }
    }

    /// The bottom line of a window that is scrolled up, and full. The line of a day is none: what comes moves it, if it stands
    /// above a text that waits.
    fn bottom_line(&self) -> Option<(String, Option<Target>)> {
        let window = self.screen.model.window(&self.screen.app);
        let open = self.screen.model.open().cloned();
        let place = self.screen.model.reading.places.get(open.as_ref()?);
        let line = Some(window.lines.last()?.text()).filter(|line| !line.starts_with('─'))?;
        window.bottom.filter(|bottom| Some(bottom) == place).map(|_| (line, open))
    }

    fn answer_sender(&mut self) {
        let Some(request) = self.screen.sending.take() else { return };
        let answer = if self.below(6) == 0 {
            Err(LinkError::Away("lost".to_owned()))
        } else {
            Ok(self.screen.answer_of(&request))
        };
        self.screen.handle(Event::Link(LinkEvent::Answered(request, answer)));
    }

    fn answer_receiver(&mut self) {
        let fails = self.below(3) == 0;
        match self.screen.receiving {
            Some(_) if fails => self.screen.disconnect(),
            Some(wachat::client::link::receiver::Receive::LogIn) => self.screen.log_in(),
            Some(_) => self.screen.poll(Vec::new()),
            None => {
                self.screen.wait(Duration::from_secs(5));
                self.screen.handle(Event::Tick);
            }
        }
    }

    fn use_mouse(&mut self) {
        let column = self.below(90).try_into().unwrap();
        let row = self.below(30).try_into().unwrap();
        let kind = self.pick(&[
            MouseEventKind::Scroll(ScrollDirection::Up),
            MouseEventKind::Scroll(ScrollDirection::Down),
            MouseEventKind::Down(MouseButton::Left),
        ]);
        self.screen.terminal(TerminalEvent::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }));
    }

    fn paste(&mut self) {
        let lines = self.below(30);
        let text: Vec<_> = (0..lines).map(|line| format!("pasted {line}\t\u{1b}x")).collect();
        self.screen.terminal(TerminalEvent::Paste(text.join("\r\n")));
    }

    fn change_window(&mut self) {
        match self.below(3) {
            0 => self.screen.terminal(TerminalEvent::FocusLost),
            1 => self.screen.terminal(TerminalEvent::FocusGained),
            _ => {
                let cols = self.below(100) + 1;
                let rows = self.below(30) + 1;
                self.size = (cols.try_into().unwrap(), rows.try_into().unwrap());
                let rows = u32::from(self.size.1);
                let cols = u32::from(self.size.0);
                self.screen.terminal(TerminalEvent::Resize { rows, cols });
            }
        }
    }

    /// Answers what is looked up from what memory held once.
    fn answer_lookup(&mut self) {
        if self.screen.lookups.is_empty() {
            return;
        }
        let lookup = self.screen.lookups.remove(0);
        let rows = match &lookup {
            Lookup::Older(of, count) | Lookup::Last(of, count) => {
                let rows = self.log.get(&of.to_string()).cloned().unwrap_or_default();
                let skipped = rows.len().saturating_sub(*count);
                rows.into_iter().skip(skipped).map(|row| (of.clone(), row)).collect()
            }
            Lookup::Words(_) => Vec::new(),
        };
        let rows = if self.below(8) == 0 { Err("damaged".to_owned()) } else { Ok(rows) };
        self.screen.handle(Event::LookedUp(lookup, rows));
    }

    /// A checkpoint removes old rows from memory; the log has them.
    fn forget_rows(&mut self) {
        for (of, conversation) in self.screen.app.state().conversations() {
            let log = self.log.entry(of.to_string()).or_default();
            for row in conversation.rows() {
                let is_known = |known: &Row| known.seq() == row.seq() && known.id() == row.id();
                if !log.iter().any(is_known) {
                    log.push(row.clone());
                }
            }
        }
        let bytes = usize::try_from(self.below(20_000)).unwrap();
        self.screen.app.state_to_maintain().remove_old_rows(bytes);
    }

    /// Leaves a draft, goes to another conversation, and finds it again.
    fn switch(&mut self) {
        self.screen.model.mode = Mode::Typing;
        let Some(left) = self.screen.model.open().cloned() else { return };
        let draft = format!("draft {}", self.below(1_000));
        self.screen.model.writing.editor.set_text(&draft);
        let other = self.pick(&["luis", "eva", "#lobby", "#sala"]);
        self.screen.handle(Event::Selected(target(other)));
        if self.screen.model.open() == Some(&left) {
            return;
        }
        assert_eq!(self.screen.model.writing.drafts.get(&left), Some(&draft), "seed {}", self.seed);
        self.drafts.insert(left, draft);
    }

    fn draw(&mut self) {
        let seen_before = self.screen.seen.len();
        let (width, height) = self.size;
        let was_focused = self.screen.model.is_focused();
        let lost = self.lost_place();
        self.screen.draw(width, height);
        let has_lost_place = lost.is_some() && lost == self.lost_place();
        let window = self.screen.model.window(&self.screen.app);
        let text = rows(&self.screen.cells).join("\n");
        let numbers = text.split('<').skip(1).filter_map(|rest| rest.split_once('>')?.0.parse().ok());
        if was_focused {
            self.looked_at.extend(numbers.collect::<Vec<u64>>());
        }
        if self.screen.model.areas.rows.width < NARROW {
            // There its number may stand in two rows.
            self.looked_at.extend(self.screen.seen.iter().map(|(_, upto)| upto.get()));
        }
        let all: Vec<_> = self.screen.seen.get(seen_before..).unwrap_or_default().to_vec();
        for (of, upto) in all {
            assert!(was_focused, "seed {}: {of} up to {upto} is called seen without focus", self.seed);
            assert!(!has_lost_place, "seed {}: {of} up to {upto} is called seen at a lost place", self.seed);
            if window.bottom.is_some() {
                self.check_looked_at(&of, upto);
            }
        }
    }

    /// Returns the line to which the user has scrolled the open conversation, if it is not in memory.
    fn lost_place(&self) -> Option<Place> {
        let model = &self.screen.model;
        let open = model.open()?;
        let place = model.reading.places.get(open)?;
        (!model.rows(&self.screen.app, open).has(place)).then(|| place.clone())
    }

    /// Checks that each message up to a number was on a screen, or above one when the user was at the bottom.
    fn check_looked_at(&self, of: &Target, upto: Seq) {
        let conversation = self.screen.app.state().find_conversation(of).unwrap();
        let last = conversation.received_after(Seq::ZERO).find(|message| message.seq <= upto);
        if let Some(last) = last {
            assert!(self.looked_at.contains(&last.seq.get()), "seed {}: {upto} in {of} was not looked at", self.seed);
        }
    }

    /// Checks that between two messages on the screen none is left out.
    fn check_whole(&self) {
        let model = &self.screen.model;
        let state = self.screen.app.state();
        let Some(open) = model.open().filter(|_| matches!(model.mode, Mode::Typing)) else { return };
        let hides = !state.ignored().is_empty() || model.notes.iter().any(|note| note.text.contains('<'));
        if hides || model.areas.rows.width < NARROW || self.awaits_older() {
            return;
        }
        let text = model.window(&self.screen.app).lines.iter().map(|line| line.text()).collect::<Vec<_>>().join("\n");
        let shown: Vec<u64> = text.split('<').skip(1).filter_map(|rest| rest.split_once('>')?.0.parse().ok()).collect();
        let all = self.received.get(open).map_or(&[][..], Vec::as_slice);
        let Some(first) = shown.first().and_then(|first| all.iter().position(|number| number == first)) else { return };
        assert_eq!(shown, all[first..first + shown.len()], "seed {}: {open} lacks messages", self.seed);
    }

    fn awaits_older(&self) -> bool {
        self.screen.lookups.iter().any(|lookup| matches!(lookup, Lookup::Older(..)))
    }

    /// Messages come at different times, some on other days.
    fn pass_time(&mut self) {
        let seconds = self.below(3_000) + 1;
        self.screen.pass(Duration::from_secs(seconds));
    }

    fn check(&self) {
        self.check_whole();
        let state = self.screen.app.state();
        for chat in self.screen.model.chats(&self.screen.app) {
            let Some(conversation) = state.find_conversation(&chat.target) else {
                assert_eq!(chat.unread, 0, "seed {}: {}", self.seed, chat.target);
                continue;
            };
            let is_new = |row: &&Row| matches!(row, Row::Received(m) if m.seq > conversation.seen() && !state.is_ignored(&m.from));
            let unread = conversation.rows().filter(is_new).count();
            assert_eq!(chat.unread, unread, "seed {}: {}", self.seed, chat.target);
        }
        let model = &self.screen.model;
        if let Some(place) = model.open().and_then(|open| model.reading.places.get(open)) {
            let rows = model.rows(&self.screen.app, model.open().unwrap());
            assert!(rows.has(place) || self.awaits_older(), "seed {}: {place:?} is nowhere", self.seed);
        }
        for (of, draft) in &self.drafts {
            let kept = model.writing.drafts.get(of);
            let is_open = model.open() == Some(of);
            assert!(is_open || kept == Some(draft), "seed {}: the draft for {of} is {kept:?}", self.seed);
        }
    }

    /// Checks that each submitted message is in the outbox or the history once.
    fn check_end(&self) {
        let state = self.screen.app.state();
        let queued = state.outbox().iter().map(|message| message.text.to_string());
        let logged = self.log.values().flatten().chain(state.conversations().flat_map(|(_, c)| c.rows()));
        let sent: BTreeMap<_, _> = logged
            .filter_map(|row| match row {
                Row::Sent(message, _) => Some((message.id.to_string(), message.text.to_string())),
                Row::Failed(message, _) => Some((message.id.to_string(), message.text.to_string())),
                _ => None,
            })
            .collect();
        let held = self.screen.model.writing.held.iter().cloned();
        let all: Vec<_> = queued.chain(sent.into_values()).chain(held).collect();
        for text in self.submitted.iter().filter(|text| text.starts_with("text ")) {
            let count = all.iter().filter(|other| *other == text).count();
            assert_eq!(count, 1, "seed {}: {text} was submitted once", self.seed);
        }
    }
}

#[test]
fn whatever_happens_nothing_is_lost_moved_or_called_seen_too_early() {
    let mut submitted = 0;
    let mut seen = 0;
    let mut scrolled = 0;
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            life.step();
            // A draft that was opened again may be edited.
            if let Some(open) = life.screen.model.open() {
                life.drafts.remove(open);
            }
            scrolled += usize::from(!life.screen.model.reading.places.is_empty());
        }
        life.check_end();
        submitted += life.submitted.len();
        seen += life.screen.seen.len();
    }
    println!("{submitted} submitted, {seen} times seen, {scrolled} steps with a scroll place");
    assert!(submitted > 1_000 && seen > 1_000 && scrolled > 1_000, "{submitted} {seen} {scrolled}");
}
