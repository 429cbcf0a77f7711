//! Texts that are laid out: in the cells of a terminal, and in XML.

mod cells;
mod table;
mod wrap;
mod xml;

pub use cells::{cells, cut, pad};
pub use table::add_column;
pub use wrap::{Placed, Wrapped, break_words, wrap};
pub use xml::escape_xml;
