//! The lines that a user expects to see of a conversation, from what was said there: a sketch beside which the real
//! screen is laid. It knows nothing of the program but its colours.

use ratatui_core::style::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
use wachat::client::screen::theme::Theme;
use wachat::model::{State, Timestamp};
use wachat::texts::Language;
use wachat::texts::when::date_in;

use crate::client::screen_app::user;

/// A row of the screen: texts, each in its style.
pub type Row = Vec<(String, Style)>;

pub const THEME: Theme = Theme::Dark;

/// The state of an own message, as its sender knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum Mark {
    Queued,
    Reached(State),
}

/// One thing in a conversation.
#[derive(Clone, Debug)]
pub enum Content {
    /// A message of somebody else, with its number.
    Received(String, u64),
    Own(Mark),
    /// A line that nobody said: an answer, or a line after this sign.
    Note(Option<char>),
    /// Messages that only the server has: this many, up to this number.
    Hole(u64, u64),
}

#[derive(Clone, Debug)]
pub struct Item {
    /// It is told from the others by this.
    pub key: String,
    pub at: Option<Timestamp>,
    pub text: String,
    pub content: Content,
}

impl Item {
    pub fn number(&self) -> Option<u64> {
        if let Content::Received(_, number) = self.content { Some(number) } else { None }
    }

    pub fn is_queued(&self) -> bool {
        matches!(self.content, Content::Own(Mark::Queued))
    }

    pub fn is_note(&self) -> bool {
        matches!(self.content, Content::Note(_))
    }

    pub fn names_ana(&self) -> bool {
        self.text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word.to_lowercase() == "ana")
    }
}

pub fn cells(text: &str) -> usize {
    text.width()
}

/// One conversation: its items in their order.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    pub items: Vec<Item>,
    /// The user has seen the messages up to this number.
    pub seen: u64,
    /// The bottom line of the screen: of an item, counted from its last line. `None`: the last line.
    pub place: Option<(String, usize)>,
    pub draft: Option<String>,
    pub was_open: bool,
}

impl Talk {
    /// Received messages stand after those that the server has, and before those that wait.
    pub fn receive(&mut self, item: Item) {
        let end = self.items.iter().position(Item::is_queued).unwrap_or(self.items.len());
        self.items.insert(end, item);
    }

    /// A note stands after the last message, and so before a hole after it.
    pub fn note(&mut self, item: Item) {
        let is_hole = |item: &Item| matches!(item.content, Content::Hole(..));
        let end = self.items.iter().rposition(|item| !is_hole(item)).map_or(0, |last| last + 1);
        self.items.insert(end, item);
    }

    pub fn unseen(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.number() > Some(self.seen))
    }

    pub fn last(&self) -> Option<Timestamp> {
        let last = |queued| self.items.iter().rev().filter(|item| item.is_queued() == queued).find_map(|item| item.at);
        last(true).max(last(false))
    }

    /// The lines of all items, each with the number of its item. `found`: the item that a search has found.
    pub fn lines(&self, width: usize, new_above: Option<u64>, found: Option<&str>) -> Vec<(usize, Row)> {
        let mut lines = Vec::new();
        let mut day = None;
        let mut is_new = false;
        for (number, item) in self.items.iter().enumerate() {
            let date = item.at.map(Timestamp::local_date);
            if let Some(date) = date.filter(|date| day != Some(*date)) {
                lines.push((number, separator(&date_in(Language::En, date), THEME.quiet(), width)));
                day = Some(date);
            }
            if !is_new && new_above.is_some_and(|above| item.number() > Some(above)) {
                lines.push((number, separator("new", THEME.new_messages(), width)));
                is_new = true;
            }
            let mut own = lines_of(item, width);
            if found == Some(&item.key) {
                own.iter_mut().flatten().for_each(|(_, style)| *style = style.patch(THEME.chosen()));
            }
            lines.extend(own.into_iter().map(|row| (number, row)));
        }
        lines
    }

    /// The number of the line at a place.
    pub fn find(&self, lines: &[(usize, Row)], (key, from_last): &(String, usize)) -> Option<usize> {
        let item = self.items.iter().rposition(|item| item.key == *key)?;
        let first = lines.iter().position(|(of, _)| *of == item)?;
        let last = lines.iter().rposition(|(of, _)| *of == item)?;
        Some(last.saturating_sub(*from_last).max(first))
    }

    /// The place of a line.
    pub fn place_of(&self, lines: &[(usize, Row)], line: usize) -> Option<(String, usize)> {
        if line + 1 >= lines.len() {
            return None;
        }
        let item = lines[line].0;
        let last = lines.iter().rposition(|(of, _)| *of == item)?;
        Some((self.items[item].key.clone(), last - line))
    }
}

fn separator(text: &str, style: Style, width: usize) -> Row {
    let side = "─".repeat((width.saturating_sub(cells(text) + 2) / 2).min(12));
    let line = if side.is_empty() { text.to_owned() } else { format!("{side} {text} {side}") };
    vec![(line, style)]
}

/// A paragraph: what stands before its first line, its text, and what stands after its last line.
pub struct Paragraph<'a> {
    pub head: Row,
    pub text: &'a str,
    pub style: Style,
    pub tail: Row,
    pub indent: usize,
    /// Only what is wrapped is indented.
    pub is_list: bool,
    pub marks_ana: bool,
}

fn lines_of(item: &Item, width: usize) -> Vec<Row> {
    let plain = |text: &str, style, is_list| {
        let paragraph =
            Paragraph { head: Vec::new(), text, style, tail: Vec::new(), indent: 2, is_list, marks_ana: false };
        paragraph.rows(width)
    };
    let (from, tail) = match &item.content {
        Content::Received(from, _) => (from.as_str(), Vec::new()),
        Content::Own(mark) => ("ana", vec![sign_of(*mark)]),
        Content::Note(None) => return plain(&item.text, THEME.quiet(), true),
        Content::Note(Some('!')) => return plain(&format!("! {}", item.text), THEME.problem(), false),
        Content::Note(Some(sign)) => return plain(&format!("{sign} {}", item.text), THEME.quiet(), false),
        Content::Hole(count, _) => {
            let text = format!("┄ up to {count} messages are on the server only; Alt-H loads them");
            return plain(&text, THEME.new_messages(), false);
        }
    };
    let (before, behind, text) = match item.text.strip_prefix("/me ") {
        Some(action) => ("* ", " ", action),
        None => ("", ": ", item.text.as_str()),
    };
    let time = format!("{} ", item.at.unwrap().local_time_of_day());
    let head = vec![(time, THEME.quiet()), (format!("{before}{from}{behind}"), THEME.name(&user(from)))];
    let style = Style::new();
    Paragraph { head, text, style, tail, indent: 6, is_list: false, marks_ana: from != "ana" }.rows(width)
}

/// On a terminal with colours READ is a colour.
fn sign_of(mark: Mark) -> (String, Style) {
    let (sign, state) = match mark {
        Mark::Queued => ("…", None),
        Mark::Reached(State::Received) => ("✓", Some(State::Received)),
        Mark::Reached(state) => ("✓✓", Some(state)),
    };
    (sign.to_owned(), THEME.state(state))
}

impl Paragraph<'_> {
    pub fn rows(&self, width: usize) -> Vec<Row> {
        let indent = if width >= 3 * self.indent { self.indent } else { 0 };
        let mut rows: Vec<Row> = Vec::new();
        for (number, line) in self.text.split('\n').enumerate() {
            let mut first = match number {
                0 => self.head.clone(),
                _ if self.is_list => Vec::new(),
                _ => blanks(indent),
            };
            let used: usize = first.iter().map(|(text, _)| cells(text)).sum();
            let mut wrapped = wrap(line, width.saturating_sub(used).max(1), width - indent).into_iter();
            first.extend(self.styled(&wrapped.next().unwrap(), line));
            rows.push(first);
            rows.extend(wrapped.map(|row| [blanks(indent), self.styled(&row, line)].concat()));
        }
        let used = |row: &Row| row.iter().map(|(text, _)| cells(text)).sum::<usize>();
        if !self.tail.is_empty() {
            if used(rows.last().unwrap()) + 1 + used(&self.tail) > width {
                rows.push(blanks(indent));
            } else {
                rows.last_mut().unwrap().push((" ".to_owned(), self.style));
            }
            rows.last_mut().unwrap().extend(self.tail.clone());
        }
        rows
    }

    /// Colours links, and outside them the user's name.
    fn styled(&self, row: &[(String, usize)], line: &str) -> Row {
        let words: Vec<_> = line.split(' ').collect();
        let style_of = |(text, word): &(String, usize)| {
            let word = words[*word];
            let is_name = word.trim_matches([',', '.', '?', '!']).to_lowercase() == "ana";
            match () {
                () if word.starts_with("https://") && text != " " => THEME.link(),
                () if is_name && self.marks_ana && text.chars().all(char::is_alphanumeric) => THEME.mention(),
                () => self.style,
            }
        };
        row.iter().map(|piece| (piece.0.clone(), style_of(piece))).collect()
    }
}

fn blanks(count: usize) -> Row {
    vec![(" ".repeat(count), Style::new())]
}

/// Wraps a line: each character with the number of its word in the line.
fn wrap(line: &str, first: usize, next: usize) -> Vec<Vec<(String, usize)>> {
    let mut rows = vec![Vec::new()];
    let mut used = 0;
    for (number, word) in line.split(' ').enumerate() {
        let width = if rows.len() == 1 { first } else { next };
        if number > 0 && used < width {
            rows.last_mut().unwrap().push((" ".to_owned(), number));
            used += 1;
        }
        // A word goes to the next row whole, unless what this row has of it is more than that.
        if used > 0 && used + cells(word) > width && width - used < next {
            rows.push(Vec::new());
            used = 0;
        }
        for c in word.chars() {
            let width = if rows.len() == 1 { first } else { next };
            let size = c.width().unwrap();
            if used > 0 && used + size > width {
                rows.push(Vec::new());
                used = 0;
            }
            rows.last_mut().unwrap().push((c.to_string(), number));
            used += size;
        }
    }
    rows
}

/// The rows of a text in the editor.
pub fn rows_of_input(text: &str, width: usize) -> Vec<String> {
    text.split('\n').flat_map(|line| rows_of_line(line, width, width)).collect()
}

pub fn rows_of_line(line: &str, first: usize, next: usize) -> Vec<String> {
    wrap(line, first, next).into_iter().map(|row| row.into_iter().map(|(text, _)| text).collect()).collect()
}
