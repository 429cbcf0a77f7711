//! `wachat trace`: reads the traces of several processes, merges them, and shows them as a table or a diagram.
//!
//! - `read`: the files, up to a limit. `run`: one life of a process.
//! - `connections`: the entries, and the ends of each connection in pairs. `graph`: pairs their lines by
//!   their numbers, and knows what comes before what. `relay`: the lines that a proxy passes on.
//! - `merge`: the order: each process's own, and each line sent before it is received. No clock is read.
//!   `order`: the topological order that is easiest to read. `step`: an entry in that order.
//! - `follow`: the steps of one message. `filter`: the part that a user wants to see.
//! - `marks`: retries, acknowledgements, states. `short`: the short form of an entry.
//! - `rows`: the rows of a sequence diagram, for `diagram` (terminal), `mermaid` and `page` (SVG, HTML).
//! - `table`, `shiviz`: every step as a line.

mod connections;
mod diagram;
mod filter;
mod follow;
mod graph;
mod marks;
mod merge;
mod mermaid;
mod order;
mod page;
mod read;
mod relay;
mod rows;
mod run;
mod shiviz;
mod short;
mod step;
mod table;

use std::path::PathBuf;

use crate::course::ids::complete;
pub use filter::Selection;
pub use short::short;
pub use step::{About, Arrival, Merged, Step};

/// The forms of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// A sequence diagram for the terminal
    Diagram,
    /// A line for each step
    Table,
    /// A sequence diagram as text for Mermaid
    Mermaid,
    /// One page for a browser, with the drawing in it
    Html,
    /// The drawing alone
    Svg,
    /// A log with vector clocks for ShiViz
    Shiviz,
}

/// The output, and what a reader has to know about it.
pub struct Shown {
    pub text: String,
    pub notes: Vec<String>,
}

/// Reads traces, merges them, and selects steps. The notes say what a reader has to know about the order.
pub fn select(files: &[PathBuf], selection: &Selection) -> Result<(Merged, Vec<String>), String> {
    let (merged, notes) = read_all(files)?;
    Ok((filter::filter(merged, selection)?, notes))
}

fn read_all(files: &[PathBuf]) -> Result<(Merged, Vec<String>), String> {
    let read = read::read(files)?;
    let (merged, mut notes) = merge::merge(read.runs);
    notes.splice(0..0, read.notes);
    Ok((merged, notes))
}

/// Reads traces and shows them. The id of a message may be its first characters. `columns`: the width of a diagram for the
/// terminal.
pub fn show(files: &[PathBuf], form: Form, selection: &Selection, columns: usize) -> Result<Shown, String> {
    let (merged, mut notes) = read_all(files)?;
    let mut selection = selection.clone();
    if let Some(start) = &selection.message {
        let id = complete(start, follow::ids(&merged.steps))?;
        selection.message = Some(id.map_or_else(|| start.clone(), |id| id.to_string()));
    }
    let mut merged = filter::filter(merged, &selection)?;
    marks::add(&mut merged.steps);
    let text = match form {
        Form::Table => table::write(&merged),
        Form::Shiviz => shiviz::write(&merged, &mut notes),
        Form::Diagram | Form::Mermaid | Form::Html | Form::Svg => draw(&merged, form, columns, &mut notes),
    };
    Ok(Shown { text, notes })
}

fn draw(merged: &Merged, form: Form, columns: usize, notes: &mut Vec<String>) -> String {
    let rows = rows::rows(merged, notes);
    match form {
        Form::Mermaid => mermaid::write(&merged.lifelines, &rows),
        Form::Html => page::html(&merged.lifelines, &rows, notes),
        Form::Svg => page::svg(&merged.lifelines, &rows),
        _ => diagram::write(&merged.lifelines, &rows, columns),
    }
}
