//! From cells to a terminal: whatever was drawn before, the terminal shows the cells, their colours and links, and the
//! cursor; and what has not changed is not sent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};
use wachat::client::screen::draw::{Drawn, Link};
use wachat::client::screen::output::Output;
use wachat::client::screen::theme::Theme;

use crate::client::screen_app::{rows, user};
use crate::support::random::Random;

/// One drawing: cells, links, the place of the cursor.
#[derive(Clone)]
struct Picture {
    cells: Buffer,
    links: Vec<Link>,
    cursor: Option<Position>,
}

fn styles() -> Vec<Style> {
    let theme = Theme::Dark;
    let name = theme.name(&user("luis"));
    vec![
        Style::new(),
        theme.quiet(),
        theme.title(),
        theme.mention(),
        theme.link(),
        theme.chosen(),
        theme.problem(),
        name,
    ]
}

fn pick(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.below(end as u64)).unwrap()
}

/// The picture before with a few rows and links changed, or one of another size.
fn change(random: &mut Random, before: &Picture) -> Picture {
    let mut picture = before.clone();
    if random.chance(10) {
        let width = random.below(20) + 10;
        let height = random.below(6) + 2;
        picture.cells = Buffer::empty(Rect::new(0, 0, width.try_into().unwrap(), height.try_into().unwrap()));
        picture.links.clear();
    }
    let area = *picture.cells.area();
    for _ in 0..random.below(3) {
        let row = u16::try_from(pick(random, area.height.into())).unwrap();
        fill(random, &mut picture.cells, row);
    }
    let mut place = |end: u16| u16::try_from(pick(random, end.into())).unwrap();
    let x = place(area.width);
    let y = place(area.height);
    let from = place(area.width);
    let row = place(area.height);
    picture.cursor = random.chance(80).then_some(Position::new(x, y));
    if random.chance(30) {
        let address: Arc<str> = ["https://a.example", "https://b.example"][pick(random, 2)].into();
        let link = Rect { x: from, y: row, width: (area.width - from).min(4), height: 1 };
        picture.links = vec![Link { area: link, address }];
    }
    picture
}

/// Draws a row anew, from its beginning.
fn fill(random: &mut Random, cells: &mut Buffer, row: u16) {
    let texts = ["uno", "日本", "é", "dos tres", "x", "    ", "日x"];
    let width = cells.area().width;
    cells.set_string(0, row, " ".repeat(width.into()), Style::reset());
    let mut x = 0;
    for _ in 0..random.below(5) {
        let text = texts[pick(random, 7)];
        let style = styles()[pick(random, 8)];
        x = cells.set_stringn(x, row, text, usize::from(width - x), style).0;
    }
}

/// The style of a cell of the terminal.
fn style_of(cell: &vt100::Cell) -> (Option<u8>, [bool; 3]) {
    let colour = match cell.fgcolor() {
        vt100::Color::Idx(colour) => Some(colour),
        _ => None,
    };
    (colour, [cell.bold(), cell.underline(), cell.inverse()])
}

fn expected_style(style: Style) -> (Option<u8>, [bool; 3]) {
    let colour = if let Some(Color::Indexed(colour)) = style.fg { Some(colour) } else { None };
    (colour, [Modifier::BOLD, Modifier::UNDERLINED, Modifier::REVERSED].map(|one| style.add_modifier.contains(one)))
}

#[track_caller]
fn assert_shown(terminal: &vt100::Parser, picture: &Picture, why: &str) {
    let screen = terminal.screen();
    let area = picture.cells.area();
    let shown: Vec<String> = screen.rows(0, area.width).map(|row| row.trim_end().to_owned()).collect();
    assert_eq!(shown, rows(&picture.cells), "{why}");
    for at in area.positions() {
        let cell = screen.cell(at.y, at.x).unwrap();
        let drawn = &picture.cells[at];
        // The rest that a terminal leaves of a wide character that is overwritten is a blank of its own choice.
        if !cell.is_wide_continuation() && drawn.symbol() != " " {
            assert_eq!(style_of(cell), expected_style(drawn.style()), "{why}: {at}");
        }
    }
    assert_eq!(screen.hide_cursor(), picture.cursor.is_none(), "{why}");
    if let Some(Position { x, y }) = picture.cursor {
        assert_eq!(screen.cursor_position(), (y, x), "{why}");
    }
}

/// The writes that a terminal got.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Vec<String>>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The addresses of the cells of a terminal: each character belongs to the link that is open when it is written.
#[derive(Default)]
struct Links(BTreeMap<(u16, u16), String>);

impl Links {
    fn process(&mut self, written: &str) {
        let mut at = (0, 0);
        let mut address = String::new();
        let mut rest = written;
        while let Some(c) = rest.chars().next() {
            if let Some((opened, behind)) = rest.strip_prefix("\u{1b}]8;;").and_then(|rest| rest.split_once("\u{1b}\\"))
            {
                (address, rest) = (opened.to_owned(), behind);
            } else if let Some(sequence) = rest.strip_prefix("\u{1b}[") {
                let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                let (fields, behind) = sequence.split_at(end);
                if behind.starts_with('H')
                    && let Some((y, x)) = fields.split_once(';')
                {
                    at = (x.parse::<u16>().unwrap() - 1, y.parse::<u16>().unwrap() - 1);
                }
                if behind.starts_with('J') {
                    self.0.clear();
                }
                rest = &behind[1..];
            } else {
                for _ in 0..c.width().unwrap() {
                    self.0.remove(&at);
                    self.0.extend((!address.is_empty()).then(|| (at, address.clone())));
                    at.0 += 1;
                }
                rest = &rest[c.len_utf8()..];
            }
        }
    }
}

#[test]
fn the_terminal_shows_the_cells_whatever_was_there_before() {
    for seed in 0..120 {
        let mut random = Random::new(seed);
        let wire = Wire::default();
        let mut output = Output::new(wire.clone());
        let mut links = Links::default();
        let cells = Buffer::empty(Rect::new(0, 0, 20, 5));
        let mut picture = Picture { cells, links: Vec::new(), cursor: None };
        let mut terminal = vt100::Parser::new(5.try_into().unwrap(), 20.try_into().unwrap(), 0);
        for step in 0..25 {
            let why = format!("seed {seed}, step {step}");
            let next = change(&mut random, &picture);
            if next.cells.area() != picture.cells.area() {
                let Rect { width, height, .. } = *next.cells.area();
                terminal.screen_mut().set_size(height.try_into().unwrap(), width.try_into().unwrap());
            }
            let is_forgotten = random.chance(10);
            if is_forgotten {
                output.forget();
            }
            output.show(next.cells.clone(), drawn(&next)).unwrap();
            picture = next;
            let writes = wire.0.take();
            assert!(writes.len() <= 1, "{why}: in one piece");
            for written in &writes {
                terminal.process(written.as_bytes());
                links.process(written);
            }
            assert_shown(&terminal, &picture, &why);
            assert_linked(&links, &picture, &why);
            output.show(picture.cells.clone(), drawn(&picture)).unwrap();
            assert_eq!(wire.0.take(), [""; 0], "{why}: nothing has changed");
        }
    }
}

fn drawn(picture: &Picture) -> Drawn {
    Drawn { cursor: picture.cursor, links: picture.links.clone(), calls: 0 }
}

#[track_caller]
fn assert_linked(links: &Links, picture: &Picture, why: &str) {
    let mut covered = false;
    for at in picture.cells.area().positions() {
        // The second cell of a wide character is none of its own.
        if at.x == 0 || !covered {
            let link = picture.links.iter().find(|link| link.area.contains(at)).map(|link| link.address.to_string());
            // No link has blanks.
            let is_blank = link.is_some() && picture.cells[at].symbol() == " ";
            assert!(is_blank || links.0.get(&(at.x, at.y)) == link.as_ref(), "{why}: {at}");
            covered = picture.cells[at].symbol().width() > 1;
        } else {
            covered = false;
        }
    }
}

/// A sequence for the terminal itself is written as it is, and at once.
#[test]
fn a_sequence_is_sent_as_it_is() {
    let wire = Wire::default();
    let mut output = Output::new(wire.clone());
    output.send("\u{1b}]2;wachat\u{1b}\\").unwrap();
    assert_eq!(wire.0.take(), ["\u{1b}]2;wachat\u{1b}\\"]);
}
