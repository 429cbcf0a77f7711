//! The page of the protocol, which the judge and `talk` quote.

const PROTOCOL: &str = include_str!("../protocol/protocol.md");

/// Returns the sections of the page, by their numbers.
pub fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    PROTOCOL.split("\n## ").skip(1).filter_map(|section| section.split_once(". "))
}
