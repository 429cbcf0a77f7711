//! The whole screen as its user expects it: list, title, conversation, input and status line, from what the user knows.

use std::collections::BTreeMap;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::{Modifier, Style};
use wachat::model::Target;

use super::lines::{Item, Row, THEME, Talk, cells, rows_of_input};
use super::parts::{cut, entry, first_listed, help, paste_rows};

/// The part of the screen that has the keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Over {
    #[default]
    Typing,
    List(usize),
    Filter,
    Jump(String, usize),
    /// The words that are looked for, and whether everywhere.
    Search(String, bool),
    Help(usize),
    Paste(String),
}

/// State of others that the app knows.
#[derive(Clone, Debug, Default)]
pub struct Around {
    pub online: Vec<Target>,
    pub muted: Vec<Target>,
    /// The beginning of the status line.
    pub link: String,
}

#[derive(Default)]
pub struct Sketch {
    pub size: (u16, u16),
    pub talks: BTreeMap<Target, Talk>,
    pub open: Option<Target>,
    pub over: Over,
    pub filter: String,
    pub input: String,
    pub new_above: Option<u64>,
    pub to_first_new: bool,
    /// A search has led to what is on the screen.
    pub is_found: bool,
    pub focused: bool,
    /// The last search: the item that was found, its number among those that were found, and their count.
    pub hit: Option<(Option<String>, usize, usize)>,
    pub around: Around,
}

/// An entry of the list.
#[derive(Clone, Debug)]
pub struct Entry {
    pub target: Target,
    pub unread: usize,
    pub mentions: usize,
    pub muted: bool,
    pub draft: bool,
    pub online: bool,
}

impl Entry {
    pub fn calls(&self) -> bool {
        !self.muted && (self.mentions > 0 || self.unread > 0 && matches!(self.target, Target::User(_)))
    }
}

/// The places of the parts.
pub struct Places {
    pub list: Rect,
    pub title: Rect,
    pub rows: Rect,
    pub input: Rect,
    pub status: Rect,
}

impl Sketch {
    /// A list beside a conversation from 60 columns on, a title from 8 rows on; of the rest a third at most is the
    /// input's.
    pub fn places(&self) -> Places {
        let (width, height) = self.size;
        let beside = if width < 60 { 0 } else { (width / 4).clamp(16, 28) };
        let x = if beside == 0 { 0 } else { beside + 1 };
        let part = |y, height| Rect { x, y, width: width - x, height };
        let title = u16::from(height >= 8);
        let input = match self.over {
            Over::Typing => rows_of_input(&self.input, usize::from(width - x) - 3).len(),
            _ => 1,
        };
        let input = u16::try_from(input).unwrap().min(8).min((height - 1) / 3).max(1);
        Places {
            list: Rect { x: 0, y: 0, width: beside, height },
            title: part(0, title),
            rows: part(title, height - 1 - input - title),
            input: part(height - 1 - input, input),
            status: part(height - 1, 1),
        }
    }

    /// The chats that are listed, the latest first.
    pub fn chats(&self) -> Vec<Entry> {
        let mut chats = self.all_chats();
        chats.retain(|chat| chat.target.to_string().contains(&self.filter));
        chats
    }

    pub fn all_chats(&self) -> Vec<Entry> {
        let is_listed = |talk: &Talk| talk.was_open || talk.draft.is_some() || !talk.items.is_empty();
        let mut listed: Vec<_> = self.talks.iter().filter(|(_, talk)| is_listed(talk)).collect();
        listed.sort_by(|(a, one), (b, other)| other.last().cmp(&one.last()).then_with(|| a.cmp(b)));
        let entry = |(target, talk): (&Target, &Talk)| Entry {
            target: target.clone(),
            unread: talk.unseen().count(),
            mentions: talk.unseen().filter(|item| item.names_ana()).count(),
            muted: self.around.muted.contains(target),
            draft: talk.draft.is_some() && self.open.as_ref() != Some(target),
            online: self.around.online.contains(target),
        };
        listed.into_iter().map(entry).collect()
    }

    pub fn number_of_open(&self, chats: &[Entry]) -> Option<usize> {
        chats.iter().position(|chat| Some(&chat.target) == self.open.as_ref())
    }

    /// Those whose name holds the text; the ones that begin with it come first.
    pub fn jump_list(&self, name: &str) -> Vec<Entry> {
        let mut chats = self.all_chats();
        chats.retain(|chat| chat.target.to_string().contains(name));
        let (first, others): (Vec<_>, Vec<_>) =
            chats.into_iter().partition(|chat| chat.target.to_string().trim_start_matches('#').starts_with(name));
        [first, others].concat()
    }

    pub fn is_covered(&self) -> bool {
        let is_list_over = self.is_in_list() && self.places().list.width == 0;
        matches!(self.over, Over::Help(_) | Over::Jump(..) | Over::Paste(_)) || is_list_over
    }

    fn is_in_list(&self) -> bool {
        matches!(self.over, Over::List(_) | Over::Filter)
    }

    /// The item that a search has found.
    fn found(&self) -> Option<&str> {
        match (&self.over, &self.hit) {
            (Over::Search(_, false), Some((found, ..))) => found.as_deref(),
            _ => None,
        }
    }

    /// The chosen entry of the list.
    pub fn chosen(&self, chats: &[Entry]) -> Option<usize> {
        match self.over {
            Over::List(chosen) => Some(chosen),
            Over::Filter => Some(0),
            _ => self.number_of_open(chats),
        }
    }

    /// The lines of the open conversation, and the first and the last that are shown.
    pub fn window(&self) -> (Vec<(usize, Row)>, usize, usize) {
        let rows = self.places().rows;
        let talk = &self.talks[self.open.as_ref().unwrap()];
        let lines = talk.lines(rows.width.into(), self.new_above, self.found());
        let height = usize::from(rows.height).max(1);
        let last = lines.len().saturating_sub(1);
        let bottom = talk.place.as_ref().and_then(|place| talk.find(&lines, place)).unwrap_or(last);
        let first = bottom.saturating_sub(height - 1);
        (lines, first, (first + height - 1).min(last))
    }
}

/// Drawing.
impl Sketch {
    pub fn draw(&self) -> (Buffer, Position) {
        let mut cells = Buffer::empty(Rect::new(0, 0, self.size.0, self.size.1));
        let places = self.places();
        self.draw_list(places.list, &mut cells);
        if places.title.height > 0 {
            let title =
                vec![(cut(&self.title(), places.title.width.into()), THEME.title().add_modifier(Modifier::UNDERLINED))];
            put(&title, places.title, 0, &mut cells);
        }
        self.draw_rows(places.rows, &mut cells);
        let cursor = self.draw_input(places.input, &mut cells);
        self.draw_status(places.status, &mut cells);
        (cells, cursor)
    }

    fn draw_list(&self, area: Rect, cells: &mut Buffer) {
        if area.width == 0 {
            return;
        }
        let (line, style) = if self.is_in_list() { ("┃", THEME.title()) } else { ("│", THEME.quiet()) };
        (0..area.height).for_each(|y| _ = cells.set_stringn(area.right(), y, line, 1, style));
        let chats = self.chats();
        let chosen = self.chosen(&chats);
        let first = first_listed(chats.len(), chosen, area.height);
        for (row, (number, chat)) in (0..area.height).zip(chats.iter().enumerate().skip(first)) {
            put(&entry(chat, area.width.into()), area, row, cells);
            if chosen == Some(number) {
                cells.set_style(Rect { y: row, height: 1, ..area }, THEME.chosen());
            }
        }
    }

    fn title(&self) -> String {
        let target = self.open.as_ref().unwrap();
        let online = if self.around.online.contains(target) { " · online" } else { "" };
        let muted = if self.around.muted.contains(target) { " · muted" } else { "" };
        format!("{target}{online}{muted}")
    }

    fn draw_rows(&self, area: Rect, cells: &mut Buffer) {
        let rows: Vec<Row> = match &self.over {
            Over::Help(scrolled) => help(area.width.into()).into_iter().skip(*scrolled).collect(),
            Over::Jump(name, chosen) => chat_rows(&self.jump_list(name), Some(*chosen), area),
            _ if self.is_in_list() && self.places().list.width == 0 => {
                let chats = self.chats();
                chat_rows(&chats, self.chosen(&chats), area)
            }
            Over::Paste(text) => paste_rows(text, area),
            _ => {
                let (lines, first, last) = self.window();
                let shown: Vec<Row> = lines.into_iter().take(last + 1).skip(first).map(|(_, row)| row).collect();
                let empty = usize::from(area.height).saturating_sub(shown.len());
                [vec![Row::new(); empty], shown].concat()
            }
        };
        (0..area.height).zip(&rows).for_each(|(row, line)| put(line, area, row, cells));
    }

    /// The keys of the list stand where the input was; the cursor is at the chosen chat.
    fn draw_list_keys(&self, chosen: usize, area: Rect, buffer: &mut Buffer) -> Position {
        let keys = "list: Enter opens, Esc back, / filters, Del takes an empty chat off";
        put(&vec![(cut(keys, area.width.into()), THEME.title())], area, 0, buffer);
        let places = self.places();
        let list = if places.list.width == 0 { places.rows } else { places.list };
        let row = chosen - first_listed(self.chats().len(), Some(chosen), list.height).min(chosen);
        Position::new(list.x, list.y + u16::try_from(row).unwrap())
    }

    fn draw_input(&self, area: Rect, buffer: &mut Buffer) -> Position {
        let (prompt, typed) = match &self.over {
            Over::List(chosen) => return self.draw_list_keys(*chosen, area, buffer),
            Over::Filter => ("/".to_owned(), &self.filter),
            Over::Jump(name, _) => ("go to: ".to_owned(), name),
            Over::Search(words, true) => ("search everywhere: ".to_owned(), words),
            Over::Search(words, false) => {
                let prompt = match &self.hit {
                    None => "search here: ".to_owned(),
                    Some((.., 0)) => "search here, nothing found: ".to_owned(),
                    Some((_, number, count)) => format!("search here, {number} of {count}: "),
                };
                (prompt, words)
            }
            _ => return self.draw_typed(area, buffer),
        };
        // Its end is shown, where the user types.
        let room = usize::from(area.width).saturating_sub(cells(&prompt) + 1);
        let mut typed = typed.as_str();
        while cells(typed) > room {
            typed = &typed[typed.chars().next().map_or(0, char::len_utf8)..];
        }
        let line = vec![(prompt, THEME.title()), (typed.to_owned(), Style::new())];
        put(&line, area, 0, buffer);
        let end: usize = line.iter().map(|(text, _)| cells(text)).sum();
        Position::new(area.x + u16::try_from(end).unwrap().min(area.width - 1), area.y)
    }

    fn draw_typed(&self, area: Rect, buffer: &mut Buffer) -> Position {
        buffer.set_stringn(area.x, area.y, "> ", 2, THEME.title());
        let inner = Rect { x: area.x + 2, width: area.width - 2, ..area };
        let rows = rows_of_input(&self.input, usize::from(inner.width) - 1);
        let end = u16::try_from(cells(rows.last().unwrap())).unwrap();
        let shown = rows.len().saturating_sub(area.height.into());
        for (y, row) in (0..).zip(&rows[shown..]) {
            buffer.set_stringn(inner.x, inner.y + y, row, inner.width.into(), Style::new());
        }
        Position::new(inner.x + end, inner.y + u16::try_from(rows.len() - shown - 1).unwrap())
    }

    fn draw_status(&self, area: Rect, buffer: &mut Buffer) {
        let is_above = self.open.as_ref().is_some_and(|open| self.talks[open].place.is_some());
        let hint = if is_above { "newer messages below: Alt-End" } else { "F1 help" };
        let queued = self.talks.values().flat_map(|talk| &talk.items).filter(|item| Item::is_queued(item)).count();
        let queued = if queued > 0 { format!(" · {queued} queued") } else { String::new() };
        let left = format!("{}{queued}", self.around.link);
        let width = usize::from(area.width);
        let fits = cells(&left) + 2 + cells(hint) <= width;
        let text = if fits { format!("{left}{hint:>0$}", width - cells(&left)) } else { cut(&left, width) };
        buffer.set_stringn(area.x, area.y, text, width, Style::new());
        buffer.set_style(area, THEME.status());
    }
}

/// Chats that are listed over the conversation.
fn chat_rows(chats: &[Entry], chosen: Option<usize>, area: Rect) -> Vec<Row> {
    let first = first_listed(chats.len(), chosen, area.height);
    let mut rows: Vec<Row> = chats.iter().map(|chat| entry(chat, area.width.into())).collect();
    if let Some(row) = chosen.and_then(|chosen| rows.get_mut(chosen)) {
        row.iter_mut().for_each(|(_, style)| *style = style.add_modifier(Modifier::REVERSED));
    }
    rows.split_off(first)
}

fn put(line: &Row, area: Rect, row: u16, buffer: &mut Buffer) {
    let mut x = area.x;
    for (text, style) in line {
        x = buffer.set_stringn(x, area.y + row, text, usize::from(area.right().saturating_sub(x)), *style).0;
    }
}
