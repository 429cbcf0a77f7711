//! The pictures and the recording in `examples/pictures` show what the screen draws now.

use std::fs;

use ratatui_core::buffer::Buffer;
use ratatui_core::style::{Color, Modifier};
use serde_json::Value;
use wachat::client::screen::theme::Theme;

use crate::docs::drawn::{CAST, Frame, SIZE, files, play};
use crate::docs::page::{path, read};

#[test]
fn the_files_are_what_the_example_draws() {
    let folder = path("examples/pictures");
    for (name, content) in files() {
        let committed = fs::read_to_string(folder.join(&name)).unwrap_or_default();
        assert!(committed == content, "{name} is old: `cargo run --example pictures` draws it again");
    }
}

/// Returns the events of the recording: time, kind, data.
fn events() -> Vec<(f64, String, String)> {
    let event = |line: &str| {
        let values: Vec<Value> = serde_json::from_str(line).expect("an array");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (values[0].as_f64().expect("a time"), text(&values[1]), text(&values[2]))
    };
    read(&format!("examples/pictures/{CAST}")).lines().skip(1).map(event).collect()
}

#[test]
fn the_recording_is_an_asciicast() {
    let text = read(&format!("examples/pictures/{CAST}"));
    let head: Value = serde_json::from_str(text.lines().next().expect("a header")).expect("JSON");
    assert_eq!((&head["version"], &head["width"], &head["height"]), (&2.into(), &SIZE.0.into(), &SIZE.1.into()));
    let events = events();
    assert!(events.len() > 50, "{} events", events.len());
    assert!(events.is_sorted_by(|a, b| a.0 <= b.0), "the times go forward");
    assert!(events.iter().all(|(_, kind, _)| ["o", "m"].contains(&kind.as_str())), "output and markers");
    let seconds = events.last().expect("an end").0;
    assert!((15.0..90.0).contains(&seconds), "{seconds} s");
}

#[test]
fn a_terminal_that_plays_the_recording_shows_the_pictures() {
    let [rows, columns] = [SIZE.1, SIZE.0].map(|cells| cells.try_into().expect("a size"));
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    let frames = play(Theme::Dark);
    let mut pictures = frames.iter().filter(|frame| frame.picture.is_some());
    for (_, kind, data) in events() {
        if kind == "o" {
            terminal.process(data.as_bytes());
        } else {
            let frame = pictures.next().expect("a picture for each marker");
            assert_eq!(frame.picture.map(|picture| picture.name), Some(data.as_str()));
            assert_same_cells(terminal.screen(), frame);
        }
    }
    assert!(pictures.next().is_none(), "a marker for each picture");
    assert_same_cells(terminal.screen(), frames.last().expect("a last frame"));
}

fn assert_same_cells(screen: &vt100::Screen, frame: &Frame) {
    for (x, y) in (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (x, y))) {
        let shown = screen.cell(y, x).expect("a cell");
        let drawn = &frame.cells[(x, y)];
        if shown.is_wide_continuation() {
            continue;
        }
        let text = if shown.contents().is_empty() { " " } else { shown.contents() };
        assert_eq!(text, drawn.symbol(), "column {x}, row {y}");
        let style = (shown.bold(), shown.inverse(), shown.underline(), shown.fgcolor());
        let has = |modifier| drawn.modifier.contains(modifier);
        let colour = match drawn.fg {
            Color::Indexed(index) => vt100::Color::Idx(index),
            _ => vt100::Color::Default,
        };
        let wanted = (has(Modifier::BOLD), has(Modifier::REVERSED), has(Modifier::UNDERLINED), colour);
        assert_eq!(style, wanted, "column {x}, row {y}: {text:?}");
    }
    assert_eq!(Some(screen.cursor_position()), frame.cursor.map(|cursor| (cursor.y, cursor.x)));
}

/// Returns the value of an attribute of an SVG element.
fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split_once('"')).map(|(value, _)| value)
}

#[test]
fn the_texts_of_a_picture_stand_in_its_cells() {
    for frame in play(Theme::Light).iter().filter(|frame| frame.picture.is_some()) {
        let svg = read(&format!("examples/pictures/{}-light.svg", frame.picture.expect("a picture").name));
        let mut cells = Buffer::empty(frame.cells.area);
        let number = |element: &str, name: &str| attribute(element, name).and_then(|value| value.parse::<f32>().ok());
        for element in svg.split("<text").skip(1) {
            let x = number(element, "x").expect("x");
            let y = number(element, "y").expect("y");
            let (_, text) = element.split_once('>').expect("a text");
            let text = text.split_once("</text>").expect("its end").0;
            let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            // The cells are 8.4 wide and 18 high, after a border of 10.
            let column = ((x - 10.0) / 8.4).round() as u16;
            let row = ((y - 10.0) / 18.0) as u16;
            cells.set_string(column, row, text, ratatui_core::style::Style::new());
        }
        for position in frame.cells.area.positions() {
            let drawn = frame.cells[position].symbol();
            // Lines are rectangles.
            let drawn = if ["─", "│"].contains(&drawn) { " " } else { drawn };
            assert_eq!(cells[position].symbol(), drawn, "{position}");
        }
    }
}

#[test]
fn a_picture_shows_what_its_page_promises() {
    let frames = play(Theme::Dark);
    let text = |name: &str| {
        let frame = frames.iter().find(|frame| frame.picture.is_some_and(|picture| picture.name == name));
        let cells = &frame.expect("a picture").cells;
        cells.content().iter().map(ratatui_core::buffer::Cell::symbol).collect::<String>()
    };
    let room = text("room");
    let away = text("away");
    assert!(room.contains("✓✓") && room.contains("#lobby") && room.contains("new"), "{room}");
    assert!(away.contains("…") && away.contains("reconnecting in") && away.contains("2 queued"), "{away}");
}
