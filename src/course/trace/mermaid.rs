//! A sequence diagram as text for Mermaid.

use super::graph::Lifeline;
use super::rows::{Part, Row};

pub fn write(lifelines: &[Lifeline], rows: &[Row]) -> String {
    let mut text = "sequenceDiagram\n".to_owned();
    for (index, lifeline) in lifelines.iter().enumerate() {
        text.push_str(&format!("    participant p{index} as {}\n", escape(&lifeline.name)));
    }
    for row in rows {
        let line = match row {
            Row::Note { at, label, .. } => format!("Note over p{at}: {}", escape(&label.whole())),
            // Mermaid draws no arrow that ends further down than it begins.
            Row::Arrow { from, part: Part::Departure, label, .. } => {
                format!("Note over p{from}: sends {}", escape(&label.whole()))
            }
            Row::Arrow { from, to, part, label, .. } => {
                let arrow = if *part == Part::Lost || row.ends_at_proxy() { "--x" } else { "->>" };
                format!("p{from}{arrow}p{to}: {}", escape(&label.whole()))
            }
        };
        text.push_str(&format!("    {line}\n"));
    }
    text
}

/// Writes every character that could have a meaning for Mermaid, or for the page around it, as its number.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            c if c.is_alphanumeric() || " .,_-*…↵()".contains(c) => escaped.push(c),
            c => escaped.push_str(&format!("#{};", u32::from(c))),
        }
    }
    // The word ends a block of Mermaid.
    escaped.replace("end", "#101;nd")
}
