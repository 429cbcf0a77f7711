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

/// Colours of a drawing, on light paper and, in a page for a browser, on dark paper.
const PAPER: [&str; 2] = ["#ffffff", "#1e1e1e"];
const INK: [&str; 2] = ["#222222", "#eeeeee"];
const DIM: [&str; 2] = ["#999999", "#888888"];

/// Each kind of a row, with its class and its colours.
const KINDS: [(Kind, &str, [&str; 2]); 7] = [
    (Kind::Line, "line", ["#1a5fb4", "#78aeed"]),
    (Kind::Again, "again", ["#c64600", "#ffa348"]),
    (Kind::State, "state", ["#26a269", "#57e389"]),
    (Kind::Acknowledgement, "acknowledgement", ["#26a269", "#57e389"]),
    (Kind::Sync, "sync", ["#813d9c", "#dc8add"]),
    (Kind::Trouble, "trouble", ["#c01c28", "#ff7b63"]),
    (Kind::Frame, "frame", DIM),
];

/// Returns the page. The notes stand below the drawing.
pub fn html(lifelines: &[Lifeline], rows: &[Row], notes: &[String]) -> String {
    let notes: String = notes.iter().map(|note| format!("<li>{}</li>\n", escape_xml(note))).collect();
    let notes = if notes.is_empty() { notes } else { format!("<h2>Notes</h2>\n<ul>\n{notes}</ul>\n") };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n\
         <title>wachat trace</title>\n<style>body {{ font: 14px system-ui, sans-serif; color-scheme: light dark }}\n\
         {}</style>\n\
         </head>\n<body>\n<h1>wachat trace</h1>\n<p>Each vertical line is a process, and time goes down: every line is \
         sent before it is received. Distances and clocks mean nothing. A dashed line is drawn where it is sent, and \
         again where it is received.</p>\n{}{notes}</body>\n</html>\n",
        dark_style(),
        svg(lifelines, rows)
    )
}

/// Returns the style of a page on a dark screen.
fn dark_style() -> String {
    let kinds = KINDS.map(|(_, class, [_, dark])| {
        format!(".{class} line {{ stroke: {dark} }} .{class} :is(polygon, circle, text) {{ fill: {dark} }}\n")
    });
    format!(
        "@media (prefers-color-scheme: dark) {{\nsvg rect {{ fill: {} }} svg text {{ fill: {} }} .life {{ stroke: {} }}\n{}}}\n",
        PAPER[1],
        INK[1],
        DIM[1],
        kinds.concat()
    )
}

/// Returns the drawing. Each element has its colour as an attribute: programs that draw for paper know no style sheets.
pub fn svg(lifelines: &[Lifeline], rows: &[Row]) -> String {
    let width = GAP * lifelines.len().max(1);
    let height = HEAD + ROW * (rows.len() + 1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"monospace\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
        PAPER[0]
    );
    for (index, lifeline) in lifelines.iter().enumerate() {
        let x = x(index);
        out.push_str(&format!(
            "<text class=\"name\" x=\"{x}\" y=\"20\" text-anchor=\"middle\" font-weight=\"bold\" fill=\"{}\">{}</text>\n\
             <line class=\"life\" x1=\"{x}\" y1=\"28\" x2=\"{x}\" y2=\"{height}\" stroke=\"{}\"/>\n",
            INK[0],
            escape_xml(&cut(&lifeline.name, LABEL)),
            DIM[0]
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

/// Returns the style class and the plain colour of a kind of line.
fn look(kind: Kind) -> (&'static str, &'static str) {
    let found = KINDS.iter().find(|(known, ..)| *known == kind);
    found.map_or(("", INK[0]), |(_, class, [light, _])| (class, light))
}

/// Returns the elements of a row: the label stands above its line, and is whole in the title.
fn draw(row: &Row, y: usize) -> String {
    let (Row::Note { label, kind, .. } | Row::Arrow { label, kind, .. }) = row;
    let (class, colour) = look(*kind);
    let (words, shape, at) = match row {
        Row::Note { at, .. } => {
            let x = x(*at);
            let shape = format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\"/>");
            ("note", shape, (x + 10, y + 4))
        }
        Row::Arrow { from, to, part, .. } => {
            let words = match part {
                Part::Whole => "arrow",
                Part::Departure => "arrow part departure",
                Part::Arrival => "arrow part arrival",
                Part::Lost => "arrow lost",
            };
            (words, arrow([*from, *to], *part, y, colour), (x(*from.min(to)) + 14, y - 5))
        }
    };
    let full = escape_xml(&label.whole());
    let short = escape_xml(&label.fit(LABEL));
    let (x, y) = at;
    format!(
        "<g class=\"{words} {class}\"><title>{full}</title>{shape}\
         <text x=\"{x}\" y=\"{y}\" fill=\"{colour}\">{short}</text></g>\n"
    )
}

/// Returns a line with its head: an arrow, or a cross before the end where it got lost.
fn arrow([from, to]: [usize; 2], part: Part, y: usize, colour: &str) -> String {
    let towards = |distance: usize| if to > from { x(to) - distance } else { x(to) + distance };
    let stroke = |[x1, y1, x2, y2]: [usize; 4], dashes: &str| {
        let place = format!("x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"");
        format!("<line {place} stroke=\"{colour}\" stroke-width=\"1.5\"{dashes}/>")
    };
    let end = if part == Part::Lost { towards(30) } else { x(to) };
    let is_part = matches!(part, Part::Departure | Part::Arrival);
    let line = stroke([x(from), y, end, y], if is_part { " stroke-dasharray=\"4 4\"" } else { "" });
    let head = match part {
        Part::Whole | Part::Arrival => {
            let tip = x(to);
            let back = towards(8);
            format!("<polygon points=\"{tip},{y} {back},{} {back},{}\" fill=\"{colour}\"/>", y - 4, y + 4)
        }
        Part::Lost => {
            let left = end - 5;
            let right = end + 5;
            format!("{}{}", stroke([left, y - 5, right, y + 5], ""), stroke([left, y + 5, right, y - 5], ""))
        }
        Part::Departure => String::new(),
    };
    line + &head
}
