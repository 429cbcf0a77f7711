//! From cells to the terminal: only what has changed is sent, in one write. Links are the terminal's own (OSC 8).

use std::io::{self, Write};

use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use super::draw::{Drawn, Link};
use crate::client::terminal::raw::mouse_reports;

/// Synchronized output: the terminal shows all of it at once (DEC private mode 2026).
const BEGIN: &str = "\x1b[?2026h\x1b[?25l";
const END: &str = "\x1b[?2026l";

/// The terminal, as it was last drawn.
pub struct Output<W: Write> {
    terminal: W,
    shown: Buffer,
    links: Vec<Link>,
    cursor: Option<Position>,
}

impl<W: Write> Output<W> {
    pub fn new(terminal: W) -> Self {
        Self { terminal, shown: Buffer::empty(Rect::ZERO), links: Vec::new(), cursor: None }
    }

    pub fn into_inner(self) -> W {
        self.terminal
    }

    /// Forgets what is on the screen: everything is drawn again.
    pub fn forget(&mut self) {
        self.shown = Buffer::empty(Rect::ZERO);
    }

    /// Sends the difference between what is on the screen and these cells.
    pub fn show(&mut self, cells: Buffer, drawn: Drawn) -> io::Result<()> {
        let mut bytes = Vec::new();
        if self.shown.area() != cells.area() {
            self.shown = Buffer::empty(*cells.area());
            bytes.extend_from_slice(b"\x1b[0m\x1b[2J");
        }
        self.forget_links(&drawn.links);
        self.forget_clusters(&cells);
        let mut changed = self.shown.diff(&cells);
        // The second cell of a wide character is written with the first one: a blank there would erase the character.
        changed.retain(|(x, y, _)| !is_second_cell(&cells, *x, *y));
        if changed.is_empty() && bytes.is_empty() && self.cursor == drawn.cursor {
            return Ok(());
        }
        write_cells(&mut bytes, &changed, &drawn.links)?;
        if let Some(Position { x, y }) = drawn.cursor {
            write!(bytes, "\x1b[{};{}H\x1b[?25h", y.saturating_add(1), x.saturating_add(1))?;
        }
        self.terminal.write_all(&[BEGIN.as_bytes(), &bytes, END.as_bytes()].concat())?;
        self.terminal.flush()?;
        (self.shown, self.links, self.cursor) = (cells, drawn.links, drawn.cursor);
        Ok(())
    }

    /// Writes a sequence that changes no cell.
    pub fn send(&mut self, sequence: &str) -> io::Result<()> {
        self.terminal.write_all(sequence.as_bytes())?;
        self.terminal.flush()
    }

    /// Makes the terminal report clicks and the wheel, or select text with them.
    pub fn report_mouse(&mut self, are_wanted: bool) -> io::Result<()> {
        self.send(mouse_reports(are_wanted))
    }

    /// Cells whose link has changed are drawn again, even if they look the same.
    fn forget_links(&mut self, links: &[Link]) {
        let gone = self.links.iter().filter(|link| !links.contains(link));
        let new = links.iter().filter(|link| !self.links.contains(link));
        let areas: Vec<_> = gone.chain(new).map(|link| link.area).collect();
        for area in areas {
            self.forget_area(area);
        }
    }

    /// A terminal may give a cluster of characters, such as a flag, more cells than it has here. What stands after one that
    /// comes or goes is drawn again.
    fn forget_clusters(&mut self, cells: &Buffer) {
        let places = cells.area().positions().filter(|at| self.shown.cell(*at) != cells.cell(*at));
        let symbols = |at: &Position| [self.shown.cell(*at), cells.cell(*at)].into_iter().flatten().map(Cell::symbol);
        let widths = places.map(|at| (at, symbols(&at).filter(|symbol| is_cluster(symbol)).map(most_cells).max()));
        let wide: Vec<_> = widths.filter_map(|(at, width)| Some((at, width?))).collect();
        for (Position { x, y }, width) in wide {
            let width = u16::try_from(width).unwrap_or(u16::MAX);
            self.forget_area(Rect { x: x.saturating_add(1), y, width, height: 1 });
        }
    }

    fn forget_area(&mut self, area: Rect) {
        for position in area.intersection(*self.shown.area()).positions() {
            if let Some(cell) = self.shown.cell_mut(position) {
                // No cell that is drawn has this colour.
                cell.set_fg(Color::Rgb(0, 0, 1));
            }
        }
    }
}

/// Returns the most cells that a terminal gives a cluster: two to each of its characters.
fn most_cells(cluster: &str) -> usize {
    2 * cluster.chars().count()
}

fn is_second_cell(cells: &Buffer, x: u16, y: u16) -> bool {
    let before = x.checked_sub(1).and_then(|x| cells.cell((x, y)));
    before.is_some_and(|cell| cell.symbol().width() > 1)
}

fn is_cluster(symbol: &str) -> bool {
    symbol.chars().nth(1).is_some()
}

/// Writes cells, those of a link between the sequences that open and close it.
fn write_cells(bytes: &mut Vec<u8>, changed: &[(u16, u16, &Cell)], links: &[Link]) -> io::Result<()> {
    let link_of = |x: u16, y: u16| links.iter().find(|link| link.area.contains(Position::new(x, y)));
    // A drawing begins with the place of its first cell. After a cluster the cursor may be anywhere.
    let goes_on = |a: &(u16, u16, &Cell), b: &(u16, u16, &Cell)| {
        link_of(a.0, a.1) == link_of(b.0, b.1) && !is_cluster(a.2.symbol())
    };
    for group in changed.chunk_by(goes_on) {
        let link = group.first().and_then(|(x, y, _)| link_of(*x, *y));
        if let Some(link) = link {
            write!(bytes, "\x1b]8;;{}\x1b\\", link.address)?;
        }
        write_group(bytes, group)?;
        if link.is_some() {
            write!(bytes, "\x1b]8;;\x1b\\")?;
        }
    }
    Ok(())
}

/// Writes cells; moves the cursor wherever a cell does not follow the one before it. A back end of ratatui would leave the
/// colours out wherever NO_COLOR is set, even if the user has asked for them.
fn write_group(bytes: &mut Vec<u8>, group: &[(u16, u16, &Cell)]) -> io::Result<()> {
    let mut style = Cell::EMPTY.style();
    let mut next = None;
    for (x, y, cell) in group {
        if next != Some((*x, *y)) {
            write!(bytes, "\x1b[{};{}H", y.saturating_add(1), x.saturating_add(1))?;
        }
        next = Some((x.saturating_add(1), *y));
        if cell.style() != style {
            style = cell.style();
            write_style(bytes, style)?;
        }
        let symbol = cell.symbol();
        if is_cluster(symbol) {
            // A terminal that gives it fewer cells would leave what was in the others.
            write!(bytes, "{}\x1b[{};{}H", " ".repeat(symbol.width()), y.saturating_add(1), x.saturating_add(1))?;
        }
        bytes.extend_from_slice(symbol.as_bytes());
    }
    bytes.extend_from_slice(RESET);
    Ok(())
}

/// Ends all modifiers and colours.
const RESET: &[u8] = b"\x1b[0m";

/// The modifiers that are used, and the number of each in a control sequence (SGR).
const MODIFIERS: &[(Modifier, &str)] =
    &[(Modifier::BOLD, "1"), (Modifier::DIM, "2"), (Modifier::UNDERLINED, "4"), (Modifier::REVERSED, "7")];

fn write_style(bytes: &mut Vec<u8>, style: Style) -> io::Result<()> {
    bytes.extend_from_slice(RESET);
    for (_, code) in MODIFIERS.iter().filter(|(modifier, _)| style.add_modifier.contains(*modifier)) {
        write!(bytes, "\x1b[{code}m")?;
    }
    if let Some(Color::Indexed(colour)) = style.fg {
        write!(bytes, "\x1b[38;5;{colour}m")?;
    }
    Ok(())
}
