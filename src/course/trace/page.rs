//! A sequence diagram as a drawing (SVG), and as a page that holds it. Nothing is loaded from elsewhere.

use super::graph::Lifeline;
use super::rows::{Kind, Part, Row};
use crate::text::{cut, escape_xml};

/// Pixels between two lifelines, and between two rows.
const GAP: usize = 380;
const ROW: usize = 24;
/// Space above the first row, with the names.
const HEAD: usize = 48;
/// Characters of a label that fit between two lifelines.
const LABEL: usize = 50;

/// The colours, for light and dark screens.
const STYLE: &str = "
svg { font: 12px ui-monospace, monospace; --ink: #222; --paper: #fff; --dim: #999; --line: #1a5fb4; --again: #c64600;
  --state: #26a269; --trouble: #c01c28; --sync: #813d9c; background: var(--paper) }
@media (prefers-color-scheme: dark) { svg { --ink: #eee; --paper: #1e1e1e; --dim: #888; --line: #78aeed; --again: #ffa348;
  --state: #57e389; --trouble: #ff7b63; --sync: #dc8add } }
text { fill: var(--ink) } .life { stroke: var(--dim) } .name { font-weight: bold; text-anchor: middle }
.line { --c: var(--line) } .again { --c: var(--again) } .state { --c: var(--state) } .acknowledgement { --c: var(--state) }
.sync { --c: var(--sync) } .trouble { --c: var(--trouble) } .frame { --c: var(--dim) }
g line { stroke: var(--c); stroke-width: 1.5 } g polygon, g circle { fill: var(--c) } g text { fill: var(--c) }
.part line { stroke-dasharray: 4 4 }
";

/// Returns the page. The notes stand below the drawing.
pub fn html(lifelines: &[Lifeline], rows: &[Row], notes: &[String]) -> String {
    let notes: String = notes.iter().map(|note| format!("<li>{}</li>\n", escape_xml(note))).collect();
    let notes = if notes.is_empty() { notes } else { format!("<h2>Notes</h2>\n<ul>\n{notes}</ul>\n") };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <title>wachat trace</title>\n<style>body {{ font: 14px system-ui, sans-serif; color-scheme: light dark }}</style>\n\
         </head>\n<body>\n<h1>wachat trace</h1>\n<p>Each vertical line is a process, and time goes down: every line is \
         sent before it is received. Distances and clocks mean nothing. A dashed line is drawn where it is sent, and \
         again where it is received.</p>\n{}{notes}</body>\n</html>\n",
        svg(lifelines, rows)
    )
}

pub fn svg(lifelines: &[Lifeline], rows: &[Row]) -> String {
    let width = GAP * lifelines.len().max(1);
    let height = HEAD + ROW * (rows.len() + 1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <style>{STYLE}</style>\n"
    );
    for (index, lifeline) in lifelines.iter().enumerate() {
        let x = x(index);
        out.push_str(&format!(
            "<text class=\"name\" x=\"{x}\" y=\"20\">{}</text>\n\
             <line class=\"life\" x1=\"{x}\" y1=\"28\" x2=\"{x}\" y2=\"{height}\"/>\n",
            escape_xml(&cut(&lifeline.name, LABEL))
        ));
    }
    for (index, row) in rows.iter().enumerate() {
        out.push_str(&draw(row, HEAD + ROW * (index + 1) - ROW / 2));
    }
    out + "</svg>\n"
}

fn x(lifeline: usize) -> usize {
    GAP / 2 + lifeline * GAP
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Line => "line",
        Kind::Again => "again",
        Kind::State => "state",
        Kind::Acknowledgement => "acknowledgement",
        Kind::Sync => "sync",
        Kind::Trouble => "trouble",
        Kind::Frame => "frame",
    }
}

/// Returns the elements of a row: the label stands above its line, and is whole in the title.
fn draw(row: &Row, y: usize) -> String {
    let (class, label, shape, at) = match row {
        Row::Note { at, label, kind } => {
            let x = x(*at);
            let shape = format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"4\"/>");
            (format!("note {}", class(*kind)), label, shape, (x + 10, y + 4))
        }
        Row::Arrow { from, to, part, label, kind } => {
            let class = class(*kind);
            let class = match part {
                Part::Whole => format!("arrow {class}"),
                Part::Departure => format!("arrow part departure {class}"),
                Part::Arrival => format!("arrow part arrival {class}"),
                Part::Lost => format!("arrow lost {class}"),
            };
            (class, label, arrow(*from, *to, *part, y), (x(*from.min(to)) + 14, y - 5))
        }
    };
    let full = escape_xml(&label.whole());
    let short = escape_xml(&label.fit(LABEL));
    let (x, y) = at;
    format!("<g class=\"{class}\"><title>{full}</title>{shape}<text x=\"{x}\" y=\"{y}\">{short}</text></g>\n")
}

/// Returns a line with its head: an arrow, or a cross before the end where it got lost.
fn arrow(from: usize, to: usize, part: Part, y: usize) -> String {
    let towards = |distance: usize| if to > from { x(to) - distance } else { x(to) + distance };
    let end = if part == Part::Lost { towards(30) } else { x(to) };
    let line = format!("<line x1=\"{}\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\"/>", x(from));
    let head = match part {
        Part::Whole | Part::Arrival => {
            let tip = x(to);
            let back = towards(8);
            format!("<polygon points=\"{tip},{y} {back},{} {back},{}\"/>", y - 4, y + 4)
        }
        Part::Lost => {
            let left = end - 5;
            let right = end + 5;
            let stroke = |y1: usize, y2: usize| format!("<line x1=\"{left}\" y1=\"{y1}\" x2=\"{right}\" y2=\"{y2}\"/>");
            format!("{}{}", stroke(y - 5, y + 5), stroke(y + 5, y - 5))
        }
        Part::Departure => String::new(),
    };
    line + &head
}
