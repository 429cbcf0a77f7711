//! The full screen beside a sketch of it, through random lives: what is said, pressed, clicked and pasted, chats and
//! sizes that change. After every step each cell of the screen, its style, the cursor, and what calls the user are
//! those of the sketch.

mod draw;
mod hands;
mod keys;
pub mod lines;
mod parts;
mod said;

use std::collections::BTreeSet;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Position;
use ratatui_core::style::Modifier;
use wachat::client::link::receiver::Receive;
use wachat::client::screen::item::NoteKind;
use wachat::client::screen::model::Request;
use wachat::model::Target;

use crate::client::screen_app::{ScreenApp, rows, seq, target};
use crate::support::random::Random;
use draw::{Over, Sketch};
use keys::Found;
use lines::{Content, Item, THEME};

const LIVES: u64 = 14;
const STEPS: usize = 120;
const TARGETS: [&str; 5] = ["luis", "eva", "#lobby", "#sala-de-los-que-leen", "iris"];
const WORDS: [&str; 15] = [
    "uno",
    "dos",
    "tres",
    "cuatro",
    "Ana",
    "ana,",
    "anas",
    "日本語",
    "https://example.org/a/path?x=1",
    "palabra",
    "https://example.org/ana",
    "y",
    "a",
    "esternocleidomastoideo-y-electroencefalografista",
    "fin",
];

struct Life {
    seed: u64,
    random: Random,
    screen: ScreenApp,
    sketch: Sketch,
    found: Found,
    /// Number of the notes that are in the sketch.
    notes: u64,
    made: u64,
    notices: Vec<String>,
    steps: Vec<String>,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut screen = ScreenApp::new(THEME);
        screen.enter("/query luis");
        screen.enter("/clear");
        let mut sketch = Sketch { size: (80, 24), focused: true, ..Sketch::default() };
        sketch.talks = TARGETS.iter().map(|name| (target(name), Default::default())).collect();
        ["#lobby", "luis"].iter().for_each(|name| sketch.talks.get_mut(&target(name)).unwrap().was_open = true);
        sketch.open = Some(target("luis"));
        let random = Random::new(seed);
        let notes = u64::MAX;
        let mut life =
            Self { seed, random, screen, sketch, found: None, notes, made: 0, notices: Vec::new(), steps: Vec::new() };
        life.notes = life.screen.model.notes.iter().next_back().map_or(0, |note| note.number);
        life.learn();
        life.draw();
        life
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.below(end)
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    fn words(&mut self, most: u64) -> String {
        let count = self.below(most) + 1;
        (0..count).map(|_| self.pick(&WORDS)).collect::<Vec<_>>().join(" ")
    }

    fn item(&mut self, text: &str, content: Content) -> Item {
        self.made += 1;
        Item { key: format!("item {}", self.made), at: Some(self.screen.at), text: text.to_owned(), content }
    }

    fn is_connected(&self) -> bool {
        matches!(self.screen.receiving, Some(Receive::Poll { .. }))
    }

    fn step(&mut self) {
        let is_over = self.sketch.over != Over::Typing && self.random.chance(40);
        let kind = if is_over { self.pick(&[8, 10, 10]) } else { self.below(20) };
        self.steps.push(format!("{kind}"));
        match kind {
            0..=4 if self.is_connected() => self.arrive(),
            5 => self.type_words(),
            6 => self.enter(),
            7 => self.answer(),
            8 | 9 => self.scroll(),
            10 | 11 => self.press_over(),
            12 => self.press_typing(),
            13 => self.press_mouse(),
            14 => self.paste(),
            15 => self.change_window(),
            16 => self.say_note(),
            17 => self.change_connection(),
            18 => self.make_hole(),
            _ => self.command(),
        }
        self.learn();
        self.draw();
    }
}

/// Steps of the sketch, and the comparison.
impl Life {
    /// Takes over the texts of notes, and what the app knows of others and of the connection.
    fn learn(&mut self) {
        let open = self.sketch.open.clone().unwrap();
        for note in self.screen.model.notes.iter().filter(|note| note.number > self.notes) {
            let sign = match note.kind {
                NoteKind::Answer | NoteKind::Quoted(_) => None,
                NoteKind::Notice => Some('*'),
                NoteKind::Problem => Some('!'),
                NoteKind::Sent { .. } => unreachable!("all is sent to the open chat"),
            };
            assert_eq!(note.target.as_ref(), Some(&open), "seed {}", self.seed);
            let item = Item {
                key: format!("note {}", note.number),
                at: None,
                text: note.text.clone(),
                content: Content::Note(sign),
            };
            self.sketch.talks.get_mut(&open).unwrap().note(item);
        }
        self.notes = self.screen.model.notes.iter().next_back().map_or(self.notes, |note| note.number.max(self.notes));
        let app = &self.screen.app;
        let is_online = |to: &&Target| matches!(to, Target::User(user) if app.is_online(user) == Some(true));
        self.sketch.around.online = self.sketch.talks.keys().filter(is_online).cloned().collect();
        self.sketch.around.muted = self.sketch.talks.keys().filter(|to| app.state().is_muted(to)).cloned().collect();
        self.sketch.around.link = match (app.is_connected(), app.reconnects_at(self.screen.now)) {
            (true, _) => "ana at example:1666".to_owned(),
            (false, Some(at)) => {
                let milliseconds = at.saturating_duration_since(self.screen.now).as_millis();
                format!("ana: reconnecting in {} s", milliseconds.div_ceil(1_000))
            }
            (false, None) => "ana: connecting to example:1666".to_owned(),
        };
    }

    fn draw(&mut self) {
        self.sketch.settle();
        let (expected, cursor) = self.sketch.draw();
        let (width, height) = self.sketch.size;
        self.screen.draw(width, height);
        let why = || format!("seed {}, after {:?}, {:?}", self.seed, self.steps, self.sketch.over);
        assert_same(&self.screen.cells, &expected, &why);
        assert_eq!(self.screen.drawn.cursor, Some(cursor), "{}", why());
        self.check_links();
        let calls = self.sketch.all_chats().iter().filter(|chat| chat.calls()).count();
        assert_eq!(self.screen.drawn.calls, calls, "{}", why());
        let said = self.screen.asked.drain(..).filter_map(|request| match request {
            Request::Notify(text) => Some(text),
            _ => None,
        });
        assert_eq!(said.collect::<Vec<_>>(), self.notices, "seed {}, after {:?}", self.seed, self.steps);
        self.notices.clear();
        let before = self.sketch.talks[self.sketch.open.as_ref().unwrap()].seen;
        self.sketch.note_drawn();
        let open = self.sketch.open.clone().unwrap();
        let seen = std::mem::take(&mut self.screen.seen);
        let now = self.sketch.talks[&open].seen;
        let expected = if now > before { vec![(open, seq(now))] } else { Vec::new() };
        assert_eq!(seen, expected, "seed {}, after {:?}", self.seed, self.steps);
    }
}

/// The links.
impl Life {
    /// The cells that look like a link are one, to the address that they are a part of; and no others.
    fn check_links(&self) {
        let cells = &self.screen.cells;
        let area = self.sketch.places().rows;
        let looks = |at: &Position| {
            cells[*at].style().fg == THEME.link().fg && cells[*at].modifier.contains(Modifier::UNDERLINED)
        };
        let expected: BTreeSet<_> = area.positions().filter(looks).map(|at| (at.y, at.x)).collect();
        let links = &self.screen.drawn.links;
        let found: BTreeSet<_> = links.iter().flat_map(|link| link.area.positions()).map(|at| (at.y, at.x)).collect();
        assert_eq!(found, expected, "seed {}, after {:?}", self.seed, self.steps);
        for link in links {
            let text: String = link.area.positions().map(|at| cells[at].symbol()).collect();
            assert!(link.address.contains(&text) && link.area.height == 1, "{link:?}: {text:?}");
            assert!(WORDS.contains(&&*link.address), "{link:?}");
        }
    }
}

/// Asserts that all cells are the same.
#[track_caller]
fn assert_same(actual: &Buffer, expected: &Buffer, why: &dyn Fn() -> String) {
    let different = actual.area.positions().find(|at| actual.cell(*at) != expected.cell(*at));
    if let Some(at) = different {
        let shown = rows(actual).join("\n");
        let wanted = rows(expected).join("\n");
        let cell = actual.cell(at);
        let other = expected.cell(at);
        panic!("{}: at {at} is {cell:?} and not {other:?}\nthe screen is\n{shown}\nand not\n{wanted}", why());
    }
}

#[test]
fn each_cell_of_the_screen_is_as_its_user_expects() {
    for seed in 0..LIVES {
        let mut life = Life::new(seed);
        for _ in 0..STEPS {
            life.step();
        }
    }
}
