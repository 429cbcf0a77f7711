//! The forms of the output, each read back.

use std::collections::HashMap;

use super::conversation::{HOSTILE, conversation};
use super::{shown, table};

fn form(name: &str) -> String {
    shown(&conversation().files(), &["--as", name, "--columns", "240"]).0
}

/// Returns the number of arrows that a diagram has: each line that was received, and each that was only sent.
fn arrows() -> usize {
    let rows = table(&conversation().files(), &[]);
    let count = |arrow: &str| rows.iter().filter(|row| row[3] == arrow).count();
    let traced = |name: &str| name == "server" || name.starts_with("client:");
    let both = |arrow: &str| rows.iter().filter(|row| row[3] == arrow && traced(&row[0]) && traced(&row[4])).count();
    // Lines between two traced processes are in the table twice, but for those that were not received.
    let unpaired = both("->") - both("<-");
    count("<-") + (count("->") - both("->")) + unpaired
}

#[test]
fn the_diagram_has_every_line() {
    let text = form("diagram");
    let heads = ["─>", "╌>", "<─", "<╌", "(not received)"];
    let is_arrow = |line: &&str| heads.iter().any(|head| line.contains(head));
    assert_eq!(text.lines().filter(is_arrow).count(), arrows(), "{text}");
    let (narrow, _) = shown(&conversation().files(), &["--columns", "90"]);
    for line in narrow.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 90, "{line}");
    }
    assert_eq!(narrow.lines().count(), text.lines().count());
}

#[test]
fn mermaid_has_every_line_and_nothing_that_it_would_obey() {
    let text = form("mermaid");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("sequenceDiagram"));
    let mut count = 0;
    for line in lines.map(str::trim) {
        let (head, label) = line.split_once(": ").unwrap_or((line, ""));
        let is_arrow = head
            .split_once("->>")
            .or(head.split_once("--x"))
            .is_some_and(|(from, to)| from.starts_with('p') && to.starts_with('p') && to[1..].parse::<usize>().is_ok());
        count += usize::from(is_arrow);
        assert!(is_arrow || head.starts_with("Note over p") || head.starts_with("participant p"), "{line}");
        assert!(!label.contains(['<', '>', '"', '%', ':']), "{line}");
        for (at, _) in label.match_indices('#') {
            let number = label[at + 1..].split(';').next().expect("a number");
            assert!(number.parse::<u32>().is_ok(), "{line}");
        }
    }
    assert_eq!(count, arrows());
}

#[test]
fn the_page_is_well_formed_and_loads_nothing() {
    let svg = form("svg");
    let html = form("html");
    for text in [&svg, &html] {
        let elements = check_xml(text);
        let arrows_drawn = text.matches("<g class=\"arrow").count() - text.matches("departure").count();
        assert_eq!(arrows_drawn, arrows());
        assert!(elements["text"] > arrows_drawn && !elements.contains_key("script"), "{elements:?}");
        let addresses: Vec<_> = text.split('"').filter(|value| value.contains("//")).collect();
        assert_eq!(addresses, ["http://www.w3.org/2000/svg"], "nothing else is named");
        assert!(!text.contains("url(") && !text.contains("@import") && !text.contains("src="));
        assert!(text.contains("&lt;script&gt;alert(1)"), "{HOSTILE}");
    }
    assert!(html.contains(&svg) && html.starts_with("<!DOCTYPE html>"));
}

/// Office programs and rsvg-convert know no style sheet, no variable and no `currentColor`: they draw no line with such a
/// colour.
#[test]
fn the_drawing_says_each_colour_where_programs_that_draw_for_paper_read_it() {
    let svg = form("svg");
    for word in ["<style", "style=", "var(", "--", "currentColor", "light-dark", "@media", "rgb(", "ui-monospace"] {
        assert!(!svg.contains(word), "{word}");
    }
    let is_colour = |value: &str| {
        value.len() == 7 && value.strip_prefix('#').is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let mut count = 0;
    for tag in svg.split('<').filter_map(|part| part.split_once('>').map(|(tag, _)| tag)) {
        let name = tag.split(' ').next().unwrap_or_default();
        let attribute = match name {
            "line" => "stroke",
            "rect" | "text" | "circle" | "polygon" => "fill",
            _ => continue,
        };
        let value = tag.split(&format!(" {attribute}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        assert!(value.is_some_and(is_colour), "{tag}");
        count += 1;
    }
    assert!(count > 3 * arrows(), "{count}");
    assert!(svg.contains("<rect width=\"") && svg.contains(" stroke-dasharray=\"4 4\""), "paper, and a line in parts");
    let dark = form("html");
    assert!(
        dark.contains("@media (prefers-color-scheme: dark)") && dark.contains(".life { stroke: #888888 }"),
        "{dark}"
    );
}

/// Asserts that a text is well-formed XML. Returns the number of elements of each name.
fn check_xml(text: &str) -> HashMap<String, usize> {
    let text = text.strip_prefix("<!DOCTYPE html>").unwrap_or(text);
    let mut open = Vec::new();
    let mut counts = HashMap::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start]);
        let (tag, after) = rest[start + 1..].split_once('>').expect("a tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "</{name}>");
            continue;
        }
        let name: String = tag.chars().take_while(|c| c.is_alphanumeric()).collect();
        check_attributes(&tag[name.len()..]);
        *counts.entry(name.clone()).or_default() += 1;
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    check_text(rest);
    assert!(open.is_empty(), "not closed: {open:?}");
    counts
}

fn check_text(text: &str) {
    for (at, _) in text.match_indices('&') {
        let name = text[at + 1..].split(';').next().expect("an entity");
        assert!(["amp", "lt", "gt", "quot", "#39"].contains(&name), "&{name};");
    }
    assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{text:?}");
}

fn check_attributes(attributes: &str) {
    let mut rest = attributes.trim().trim_end_matches('/').trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("an attribute: {rest}"));
        assert!(name.chars().all(|c| c.is_alphanumeric() || c == '-'), "{name}");
        let (value, after) = after.split_once('"').expect("a value ends");
        assert!(!value.contains('<'), "{value}");
        check_text(value);
        rest = after.trim_start();
    }
}

#[test]
fn the_expression_of_the_shiviz_log_matches_every_event() {
    let text = form("shiviz");
    let (expression, log) = text.split_once("\n\n").expect("the expression");
    let expression = regex_lite::Regex::new(expression).expect("an expression");
    let rows = table(&conversation().files(), &[]);
    let mut end = 0;
    let mut own: HashMap<String, u64> = HashMap::new();
    let mut count = 0;
    for found in expression.captures_iter(log) {
        let whole = found.get(0).expect("a match");
        assert_eq!(whole.start(), end, "nothing is left out before {:?}", whole.as_str());
        end = whole.end() + 1;
        let host = &found["host"];
        let event = &found["event"];
        let clock: HashMap<String, u64> = serde_json::from_str(&found["clock"]).expect("JSON");
        let next = own.entry(host.to_owned()).or_default();
        *next += 1;
        assert_eq!(clock[host], *next, "{host} counts its events: {event}");
        assert_eq!(rows[count][0], host);
        count += 1;
    }
    assert_eq!((end, count), (log.len(), rows.len()), "every step is an event");
}

#[test]
fn the_clocks_of_the_shiviz_log_know_every_line_that_was_received() {
    let text = form("shiviz");
    let (_, log) = text.split_once("\n\n").expect("the expression");
    let lines: Vec<_> = log.lines().collect();
    let of_luis = lines.chunks(2).filter(|event| event[0].starts_with("client:luis "));
    let known = |event: &[&str]| event[0].contains("\"client:ana\":");
    let message = of_luis.clone().find(|event| event[1].contains(" MSG ")).expect("ana's message");
    assert!(known(message), "it was sent by ana before: {message:?}");
    let login = of_luis.clone().find(|event| event[1].contains("sends LOGIN")).expect("a login");
    assert!(!known(login), "{login:?}");
}

#[test]
fn a_file_takes_the_output() {
    let directory = tempfile::TempDir::new().expect("a directory");
    let file = directory.path().join("page.html");
    let (text, _) = shown(&conversation().files(), &["--as", "html", "--out", file.to_str().expect("a path")]);
    assert_eq!(text, "");
    assert!(std::fs::read_to_string(file).expect("a page").ends_with("</html>\n"));
}
