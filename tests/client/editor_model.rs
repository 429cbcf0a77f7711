//! The editor beside a model of it, through random keys: the text, the place of the cursor, what is recalled, cut and
//! put back are those that a user of such keys expects.

use terminput::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation as _;
use wachat::client::terminal::editor::{Edit, Editor};
use wachat::text::cells;

use crate::support::random::Random;

/// A width at which no line is wrapped.
const WIDE: usize = 10_000;

/// A text in lines, each of characters as people see them.
#[derive(Default)]
struct Model {
    lines: Vec<Vec<String>>,
    line: usize,
    place: usize,
    cut: String,
    sent: Vec<String>,
    /// The number of the text that is recalled, the newest is 0; and what was typed before.
    recalled: Option<(usize, String)>,
}

fn is_space(grapheme: &str) -> bool {
    grapheme.trim().is_empty()
}

impl Model {
    fn new() -> Self {
        Self { lines: vec![Vec::new()], ..Self::default() }
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| line.concat()).collect::<Vec<_>>().join("\n")
    }

    fn column(&self) -> usize {
        self.lines[self.line][..self.place].iter().map(|grapheme| cells(grapheme)).sum()
    }

    fn set(&mut self, text: &str) {
        self.lines = text.split('\n').map(|line| line.graphemes(true).map(str::to_owned).collect()).collect();
        self.line = self.lines.len() - 1;
        self.place = self.lines[self.line].len();
    }

    fn here(&mut self) -> &mut Vec<String> {
        &mut self.lines[self.line]
    }

    fn insert(&mut self, text: &str) {
        let pieces: Vec<_> = text.split('\n').collect();
        for (number, piece) in pieces.into_iter().enumerate() {
            if number > 0 {
                let place = self.place;
                let rest = self.here().split_off(place);
                self.lines.insert(self.line + 1, rest);
                (self.line, self.place) = (self.line + 1, 0);
            }
            for grapheme in piece.graphemes(true) {
                let place = self.place;
                self.here().insert(place, grapheme.to_owned());
                self.place += 1;
            }
        }
    }

    fn back(&mut self) -> bool {
        match (self.line, self.place) {
            (0, 0) => return false,
            (line, 0) => (self.line, self.place) = (line - 1, self.lines[line - 1].len()),
            _ => self.place -= 1,
        }
        true
    }

    fn forward(&mut self) -> bool {
        let is_end = self.place == self.lines[self.line].len();
        match is_end {
            true if self.line + 1 == self.lines.len() => return false,
            true => (self.line, self.place) = (self.line + 1, 0),
            false => self.place += 1,
        }
        true
    }

    /// Deletes the character after the cursor, or the end of the line.
    fn delete(&mut self) {
        let place = self.place;
        if place < self.here().len() {
            self.here().remove(place);
        } else if self.line + 1 < self.lines.len() {
            let next = self.lines.remove(self.line + 1);
            self.here().extend(next);
        }
    }

    fn delete_back(&mut self) {
        if self.back() {
            self.delete();
        }
    }

    /// Cuts a part of the line.
    fn cut(&mut self, from: usize, to: usize) {
        self.cut = self.here().drain(from..to).collect::<Vec<_>>().concat();
        self.place = from;
    }

    /// The beginning of the word before the cursor.
    fn word_before(&self) -> usize {
        let before = &self.lines[self.line][..self.place];
        let end = before.iter().rposition(|c| !is_space(c)).map_or(0, |last| last + 1);
        before[..end].iter().rposition(|c| is_space(c)).map_or(0, |space| space + 1)
    }

    /// The end of the word after the cursor.
    fn end_of_word(&self) -> usize {
        let line = &self.lines[self.line];
        let begin = (self.place..line.len()).find(|at| !is_space(&line[*at])).unwrap_or(line.len());
        (begin..line.len()).find(|at| is_space(&line[*at])).unwrap_or(line.len())
    }

    fn move_to_line(&mut self, line: usize) {
        let column = self.column();
        let mut used = 0;
        let is_before = |grapheme: &&String| {
            used += cells(grapheme);
            used <= column
        };
        self.place = self.lines[line].iter().take_while(is_before).count();
        self.line = line;
    }

    fn up(&mut self) {
        if self.line > 0 {
            return self.move_to_line(self.line - 1);
        }
        let number = self.recalled.as_ref().map_or(0, |(number, _)| number + 1);
        let Some(text) = self.sent.iter().rev().nth(number).cloned() else { return };
        let draft = self.recalled.take().map_or_else(|| self.text(), |(_, draft)| draft);
        self.recalled = Some((number, draft));
        self.set(&text);
    }

    fn down(&mut self) {
        if self.line + 1 < self.lines.len() {
            return self.move_to_line(self.line + 1);
        }
        match self.recalled.take() {
            None => {}
            Some((0, draft)) => self.set(&draft),
            Some((number, draft)) => {
                self.recalled = Some((number - 1, draft));
                let text = self.sent.iter().rev().nth(number - 1).unwrap().clone();
                self.set(&text);
            }
        }
    }

    fn submit(&mut self) -> String {
        let text = self.text().trim_end_matches('\n').to_owned();
        self.recalled = None;
        if !text.trim().is_empty() && self.sent.last() != Some(&text) {
            self.sent.push(text.clone());
        }
        self.set("");
        text
    }
}

/// Keys that a user may press, and the effect of each.
type Key = (KeyCode, KeyModifiers, fn(&mut Model));

fn keys() -> Vec<Key> {
    use KeyCode::{Backspace, Char, Delete, Down, End, Enter, Home, Left, Right, Up};
    let none = KeyModifiers::NONE;
    let control = KeyModifiers::CTRL;
    let alt = KeyModifiers::ALT;
    let back = |m: &mut Model| _ = m.back();
    let forward = |m: &mut Model| _ = m.forward();
    let head = |m: &mut Model| m.place = 0;
    let end = |m: &mut Model| m.place = m.lines[m.line].len();
    let cut_word = |m: &mut Model| match m.place {
        0 => m.delete_back(),
        place => m.cut(m.word_before(), place),
    };
    let cut_next_word = |m: &mut Model| match m.place == m.lines[m.line].len() {
        true => m.delete(),
        false => m.cut(m.place, m.end_of_word()),
    };
    let cut_head = |m: &mut Model| match m.place {
        0 => m.delete_back(),
        place => m.cut(0, place),
    };
    let cut_end = |m: &mut Model| match m.lines[m.line].len() {
        end if m.place == end => m.delete(),
        end => m.cut(m.place, end),
    };
    let word_back = |m: &mut Model| match m.lines[m.line][..m.place].iter().all(|c| is_space(c)) {
        true if m.line > 0 => (m.line, m.place) = (m.line - 1, m.lines[m.line - 1].len()),
        true => m.place = 0,
        false => m.place = m.word_before(),
    };
    let word_forward = |m: &mut Model| {
        let line = &m.lines[m.line];
        let space = (m.place..line.len()).find(|at| is_space(&line[*at]));
        match space.and_then(|space| (space..line.len()).find(|at| !is_space(&line[*at]))) {
            Some(next) => m.place = next,
            None if m.line + 1 < m.lines.len() => (m.line, m.place) = (m.line + 1, 0),
            None => m.place = line.len(),
        }
    };
    let put_back = |m: &mut Model| m.insert(&m.cut.clone());
    vec![
        (Left, none, back),
        (Char('b'), control, back),
        (Right, none, forward),
        (Char('f'), control, forward),
        (Home, none, head),
        (Char('a'), control, head),
        (End, none, end),
        (Char('e'), control, end),
        (Backspace, none, Model::delete_back),
        (Char('h'), control, Model::delete_back),
        (Delete, none, |m| m.delete()),
        (Char('w'), control, cut_word),
        (Backspace, alt, cut_word),
        (Backspace, control, cut_word),
        (Char('d'), alt, cut_next_word),
        (Delete, control, cut_next_word),
        (Delete, alt, cut_next_word),
        (Char('u'), control, cut_head),
        (Char('k'), control, cut_end),
        (Left, control, word_back),
        (Left, alt, word_back),
        (Char('b'), alt, word_back),
        (Right, control, word_forward),
        (Right, alt, word_forward),
        (Char('f'), alt, word_forward),
        (Char('y'), control, put_back),
        (Up, none, Model::up),
        (Char('p'), control, Model::up),
        (Down, none, Model::down),
        (Char('n'), control, Model::down),
        (Enter, alt, |m| m.insert("\n")),
        (Enter, control, |m| m.insert("\n")),
        (Char('j'), control, |m| m.insert("\n")),
    ]
}

fn press(editor: &mut Editor, code: KeyCode, modifiers: KeyModifiers) -> Edit {
    let edit = editor.input(KeyEvent::new(code).modifiers(modifiers));
    editor.draw(WIDE, WIDE);
    edit
}

#[test]
fn the_text_the_cursor_and_what_comes_back_are_those_of_the_model() {
    let keys = keys();
    let words = ["uno", "dos ", " ", "a", "👍🏽", "👩‍👩‍👧", "日本", "tres cuatro", "\n", "  "];
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let mut editor = Editor::default();
        let mut model = Model::new();
        let mut pressed = Vec::new();
        editor.draw(WIDE, WIDE);
        for _ in 0..80 {
            let mut below = |end: usize| usize::try_from(random.below(end as u64)).unwrap();
            match below(10) {
                0..=3 => {
                    let word = words[below(words.len())];
                    pressed.push(format!("{word:?}"));
                    assert!(editor.paste(word));
                    model.insert(word);
                }
                4 if below(3) == 0 => {
                    pressed.push("Enter".to_owned());
                    assert_eq!(press(&mut editor, KeyCode::Enter, KeyModifiers::NONE), Edit::Submitted(model.submit()));
                }
                5 if below(4) == 0 && !model.text().is_empty() => {
                    pressed.push("Ctrl-C".to_owned());
                    assert_eq!(press(&mut editor, KeyCode::Char('c'), KeyModifiers::CTRL), Edit::Cleared);
                    model.recalled = None;
                    model.set("");
                }
                _ => {
                    let (code, modifiers, effect) = keys[below(keys.len())];
                    pressed.push(format!("{code:?} {modifiers:?}"));
                    let before = model.text();
                    let edit = press(&mut editor, code, modifiers);
                    effect(&mut model);
                    assert!(matches!(edit, Edit::None | Edit::Changed), "{edit:?} after {pressed:?}");
                    assert!(edit == Edit::Changed || before == model.text(), "{edit:?} after {pressed:?}");
                }
            }
            assert_eq!(editor.text(), model.text(), "seed {seed}, after {pressed:?}");
            let cursor = editor.draw(WIDE, WIDE).cursor;
            assert_eq!(cursor, (model.line, model.column()), "seed {seed}, after {pressed:?} in {:?}", model.text());
        }
    }
}
