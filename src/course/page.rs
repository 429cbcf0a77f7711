//! The page of the protocol, which the judge, `talk` and `explain` quote.

const PROTOCOL: &str = include_str!("../protocol/protocol.md");

/// Returns the sections of the page, by their numbers.
pub fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROTOCOL.split("\n## ").skip(1).filter_map(|section| section.split_once(". "))
}

/// Returns the section in which a sentence stands; empty: in none.
pub fn section_of(clause: &str) -> &'static str {
    let words = |text: &str| text.replace("**", "").split_whitespace().collect::<Vec<_>>().join(" ");
    let clause = words(clause);
    sections().find(|(_, text)| words(text).contains(&clause)).map_or("", |(number, _)| number)
}
