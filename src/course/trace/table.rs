//! Every step as a line of a table. Times are those of each process's own clock: the order does not come from them.

use super::short::describe;
use super::step::{Merged, Step};
use crate::model::safe::safe;
use crate::text::{add_column, cut};
use crate::trace::Event;

const HEAD: [&str; 8] = ["time", "process", "port", "user", "", "other end", "line", "text"];
/// Cells of the longest name in a column.
const WIDEST: usize = 24;

pub fn write(merged: &Merged) -> String {
    let rows: Vec<[String; 8]> = merged.steps.iter().map(|step| row(step, merged)).collect();
    let mut lines = vec![String::new(); rows.len() + 1];
    for (column, title) in HEAD.into_iter().enumerate() {
        let cells = rows.iter().map(|row| row.get(column).map_or("", String::as_str));
        add_column(&mut lines, std::iter::once(title).chain(cells));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn row(step: &Step, merged: &Merged) -> [String; 8] {
    let name = |lifeline: usize| merged.lifelines.get(lifeline).map_or("", |lifeline| lifeline.name.as_str());
    let cell = |text: &str| cut(&safe(text), WIDEST);
    let entry = &step.entry;
    let (arrow, number) = match entry.event {
        Event::Out => ("->", entry.number.to_string()),
        Event::In => ("<-", entry.number.to_string()),
        _ => ("", String::new()),
    };
    let text = match entry.event {
        Event::In | Event::Out => safe(&entry.text).into_owned(),
        _ => describe(entry),
    };
    let marks: String = step.marks.iter().map(|mark| format!("  ({})", mark.text())).collect();
    [
        entry.at.to_string().get(11..23).unwrap_or_default().to_owned(),
        cell(name(step.lifeline)),
        entry.link.map_or("", |link| link.port.word()).to_owned(),
        cell(&step.user),
        arrow.to_owned(),
        cell(step.other.map_or("", name)),
        number,
        text + &marks,
    ]
}
