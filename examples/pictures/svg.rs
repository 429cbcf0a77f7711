//! From cells to SVG. Each run of cells stands where its first cell is, and is as wide as its cells, whatever font shows
//! it. Lines are drawn as rectangles, without gaps.

use std::fmt::Write as _;

use ratatui_core::buffer::Cell;
use ratatui_core::style::{Color, Modifier};
use wachat::client::screen::theme::Theme;

use super::client::SIZE;
use super::story::{Frame, Picture};

/// Width and height of a cell, the font's size, and the distance of its base line from the top of the cell.
const CELL: (f32, f32) = (8.4, 18.0);
const FONT: f32 = 14.0;
const BASE: f32 = 13.5;
/// The border around the cells.
const BORDER: f32 = 10.0;

/// Text and background of the window.
fn ground(theme: Theme) -> [&'static str; 2] {
    if theme == Theme::Light { ["#1f2328", "#ffffff"] } else { ["#d8dee9", "#16181d"] }
}

pub fn write(frame: &Frame, picture: &Picture, theme: Theme) -> String {
    let width = x(SIZE.0) + BORDER;
    let height = y(SIZE.1) + BORDER;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" width=\"{width:.1}\" \
         height=\"{height:.1}\" role=\"img\" font-size=\"{FONT}\" font-family=\"ui-monospace, SFMono-Regular, Menlo, \
         Consolas, 'DejaVu Sans Mono', monospace\">\n<title>{}</title>\n",
        picture.text
    );
    let [text, background] = ground(theme);
    rectangle(&mut svg, [0.5, 0.5, width - 1.0, height - 1.0], &format!("{background}\" stroke=\"#8b949e\" rx=\"8"));
    if let Some(cursor) = frame.cursor {
        rectangle(&mut svg, [x(cursor.x), y(cursor.y) + 1.0, 2.0, CELL.1 - 2.0], text);
    }
    for row in 0..SIZE.1 {
        write_backgrounds(&mut svg, frame, row, text);
        runs(frame, row).iter().for_each(|run| write_run(&mut svg, run, row, theme));
    }
    svg + "</svg>\n"
}

fn x(column: u16) -> f32 {
    BORDER + f32::from(column) * CELL.0
}

fn y(row: u16) -> f32 {
    BORDER + f32::from(row) * CELL.1
}

/// Cells of a row that are written at once: the first column, their number, their text, and the look of all.
struct Run<'a> {
    column: u16,
    cells: u16,
    text: String,
    look: &'a Cell,
}

/// A word of one style is one run. Any character that is no letter may come from another font, and stands alone.
fn runs(frame: &Frame, row: u16) -> Vec<Run<'_>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    while column < SIZE.0 {
        let cell = &frame.cells[(column, row)];
        let cells = u16::try_from(unicode_width::UnicodeWidthStr::width(cell.symbol())).unwrap_or(1).max(1);
        let is_same = |run: &&mut Run| {
            run.look.style() == cell.style()
                && class(&run.text) == class(cell.symbol())
                && class(&run.text) != Class::Other
        };
        match runs.last_mut().filter(is_same) {
            Some(run) => {
                run.text.push_str(cell.symbol());
                run.cells += cells;
            }
            None => runs.push(Run { column, cells, text: cell.symbol().to_owned(), look: cell }),
        }
        column += cells;
    }
    runs
}

#[derive(PartialEq, Eq)]
enum Class {
    Letters,
    /// A line across, and a line down.
    Across,
    Down,
    Blank,
    Other,
}

fn class(text: &str) -> Class {
    match text.chars().next() {
        Some('─') => Class::Across,
        Some('│') => Class::Down,
        Some(' ') => Class::Blank,
        Some(c) if c < '\u{250}' => Class::Letters,
        _ => Class::Other,
    }
}

/// Reversed cells of one colour have one rectangle behind them.
fn write_backgrounds(svg: &mut String, frame: &Frame, row: u16, text: &str) {
    let reversed = |column: &u16| {
        let cell = &frame.cells[(*column, row)];
        cell.modifier.contains(Modifier::REVERSED).then(|| colour(cell.fg, text))
    };
    let columns: Vec<u16> = (0..SIZE.0).collect();
    for group in columns.chunk_by(|a, b| reversed(a) == reversed(b)) {
        if let Some(colour) = reversed(&group[0]) {
            rectangle(svg, [x(group[0]), y(row), group.len() as f32 * CELL.0, CELL.1], &colour);
        }
    }
}

fn write_run(svg: &mut String, run: &Run, row: u16, theme: Theme) {
    let modifier = run.look.modifier;
    let [text, background] = ground(theme);
    let colour = colour(run.look.fg, text);
    let left = x(run.column);
    let top = y(row);
    let width = f32::from(run.cells) * CELL.0;
    let colour = if modifier.contains(Modifier::REVERSED) { background } else { &colour };
    match class(&run.text) {
        Class::Across => rectangle(svg, [left, top + CELL.1 / 2.0, width, 1.0], colour),
        Class::Down => rectangle(svg, [left + CELL.0 / 2.0, top, 1.0, CELL.1], colour),
        Class::Blank => {}
        Class::Letters | Class::Other => write_text(svg, run, [left, top + BASE, width], colour),
    }
}

fn write_text(svg: &mut String, run: &Run, [left, base, width]: [f32; 3], colour: &str) {
    let modifier = run.look.modifier;
    let bold = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let line = if modifier.contains(Modifier::UNDERLINED) { " text-decoration=\"underline\"" } else { "" };
    // A character of another font keeps its shape.
    let length = match class(&run.text) {
        Class::Letters => format!(" textLength=\"{width:.1}\""),
        _ => String::new(),
    };
    let text = run.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(svg, "<text x=\"{left:.1}\" y=\"{base:.1}\"{length} fill=\"{colour}\"{bold}{line}>{text}</text>");
}

fn rectangle(svg: &mut String, [left, top, width, height]: [f32; 4], fill: &str) {
    let _ = writeln!(
        svg,
        "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
    );
}

/// Returns a colour of the palette of 256: a cube of six steps a side, and 24 greys. Those below are the terminal's own,
/// which the themes do not use.
fn colour(colour: Color, text: &str) -> String {
    let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match colour {
        Color::Indexed(n @ 16..=231) => {
            let n = n - 16;
            format!("#{:02x}{:02x}{:02x}", step(n / 36), step(n / 6 % 6), step(n % 6))
        }
        Color::Indexed(n @ 232..) => {
            let grey = 8 + 10 * (n - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
        _ => text.to_owned(),
    }
}
