//! The rows of a sequence diagram, from top to bottom.

use super::short::{describe, short};
use super::step::{Mark, Merged, Step};
use crate::limits;
use crate::text::{cells, cut};
use crate::trace::Event;

/// Cells that are left to the text of a label before its marks are cut, too.
const LEAST_TEXT: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Line,
    /// A line that was sent before.
    Again,
    /// A line that tells the state of a message.
    State,
    /// A line that acknowledges.
    Acknowledgement,
    /// A sync.
    Sync,
    /// A crash, a lost line, dropped entries.
    Trouble,
    /// Connections, starts and ends.
    Frame,
}

/// The part of a line's way that a row shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// It is sent here, and received further down.
    Departure,
    Arrival,
    /// It is sent, and was not received.
    Lost,
}

/// The label of a row: the short form of a line, and the marks after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    text: String,
    /// In brackets, with a space before them; empty where there is none.
    marks: String,
}

impl Label {
    fn new(text: String, marks: &[Mark]) -> Self {
        let marks: Vec<_> = marks.iter().map(Mark::text).collect();
        Self { text, marks: if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) } }
    }

    pub fn whole(&self) -> String {
        format!("{}{}", self.text, self.marks)
    }

    /// Returns the label in this many cells: the text is cut before the marks are.
    pub fn fit(&self, width: usize) -> String {
        let left = width.checked_sub(cells(&self.marks)).filter(|left| *left > LEAST_TEXT);
        left.map_or_else(|| cut(&self.whole(), width), |left| cut(&self.text, left) + &self.marks)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A line from one lifeline to another.
    Arrow { from: usize, to: usize, part: Part, label: Label, kind: Kind },
    /// Something that happens at one lifeline.
    Note { at: usize, label: Label, kind: Kind },
}

impl Row {
    /// Checks that a proxy did not pass the line on.
    pub fn ends_at_proxy(&self) -> bool {
        matches!(self, Self::Arrow { part: Part::Whole | Part::Arrival, kind: Kind::Trouble, .. })
    }
}

/// Returns the rows, at most [`limits::TRACE_ROWS`].
pub fn rows(merged: &Merged, notes: &mut Vec<String>) -> Vec<Row> {
    let is_short = short_ways(&merged.steps);
    let mut rows = Vec::new();
    for (index, step) in merged.steps.iter().enumerate() {
        let is_short = |index: usize| is_short.get(index).copied().unwrap_or(false);
        if rows.len() == limits::TRACE_ROWS {
            let steps = merged.steps.len();
            notes.push(format!(
                "only the first {index} of {steps} steps are drawn: --user or --message select some, and --as table shows all"
            ));
            break;
        }
        rows.extend(row(step, is_short(index)));
    }
    rows
}

/// Says of each step whether its line is received before either end does anything else: one arrow shows both steps.
fn short_ways(steps: &[Step]) -> Vec<bool> {
    let mut is_short = vec![false; steps.len()];
    let mut last: Vec<Option<usize>> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let before = |lifeline: usize| last.get(lifeline).copied().flatten();
        let sent = step.pair.filter(|_| step.entry.event == Event::In);
        if let Some((sent, sender)) = sent.and_then(|sent| Some((sent, steps.get(sent)?.lifeline))) {
            let is_next = before(sender) == Some(sent) && before(step.lifeline).is_none_or(|before| before < sent);
            for end in [sent, index] {
                if let Some(short) = is_short.get_mut(end) {
                    *short = is_next;
                }
            }
        }
        last.resize(last.len().max(step.lifeline + 1), None);
        if let Some(last) = last.get_mut(step.lifeline) {
            *last = Some(index);
        }
    }
    is_short
}

/// Returns the row of a step. The line of a short way is drawn where it is received.
fn row(step: &Step, is_short: bool) -> Option<Row> {
    let (Some(other), Event::In | Event::Out) = (step.other, step.entry.event) else {
        let label = Label::new(describe(&step.entry), &[]);
        return Some(Row::Note { at: step.lifeline, label, kind: kind_of_event(step.entry.event) });
    };
    let is_sent = step.entry.event == Event::Out;
    let part = match (is_sent, step.pair.is_some(), is_short) {
        (true, true, true) => return None,
        (true, true, false) => Part::Departure,
        (false, true, false) => Part::Arrival,
        (true, false, _) if step.is_lost => Part::Lost,
        _ => Part::Whole,
    };
    let (from, to) = if is_sent { (step.lifeline, other) } else { (other, step.lifeline) };
    let label = Label::new(short(&step.entry.text), &step.marks);
    Some(Row::Arrow { from, to, part, label, kind: kind_of_marks(&step.marks) })
}

fn kind_of_event(event: Event) -> Kind {
    match event {
        Event::Sync | Event::Recovered => Kind::Sync,
        Event::Killed | Event::Dropped | Event::Failed => Kind::Trouble,
        _ => Kind::Frame,
    }
}

fn kind_of_marks(marks: &[Mark]) -> Kind {
    let has = |wanted: fn(&Mark) -> bool| marks.iter().any(wanted);
    if has(|mark| matches!(mark, Mark::Lost | Mark::Kept)) {
        Kind::Trouble
    } else if has(|mark| *mark == Mark::Again) {
        Kind::Again
    } else if has(|mark| matches!(mark, Mark::State(_) | Mark::ReadElsewhere)) {
        Kind::State
    } else if has(|mark| matches!(mark, Mark::Acknowledges(_))) {
        Kind::Acknowledgement
    } else {
        Kind::Line
    }
}
