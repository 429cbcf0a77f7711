//! The meaning of a line: its short form, and the marks of retries, acknowledgements and states.

use std::collections::{HashMap, HashSet};

use super::merge::Step;
use crate::model::Timestamp;
use crate::model::safe::safe;
use crate::record::Fields;
use crate::text::cut;
use crate::trace::Event;

/// Cells of the short form of a line.
const SHORT: usize = 60;
/// Characters of a random name (an id, a store) that are shown.
const NAME: usize = 6;

/// A remark about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The same message, or event, was sent before: a retry.
    Again,
    /// Everything up to this number is acknowledged by it for the first time.
    Acknowledges(u64),
    /// A message has reached this state.
    State(String),
    /// The other end never got it.
    Lost,
    /// A proxy got it, and did not pass it on.
    Kept,
}

impl Mark {
    pub fn text(&self) -> String {
        match self {
            Self::Again => "again".to_owned(),
            Self::Acknowledges(number) => format!("acknowledges {number}"),
            Self::State(state) => state.to_lowercase(),
            Self::Lost => "not received".to_owned(),
            Self::Kept => "not passed on".to_owned(),
        }
    }
}

/// Returns the fields of a line, without its times, for an arrow. It is safe to show.
pub fn short(line: &str) -> String {
    if line.is_empty() {
        return "(empty line)".to_owned();
    }
    let Ok(fields) = Fields::parse(line.as_bytes()) else { return cut(&safe(line), SHORT) };
    let shown = fields.iter().filter(|field| Timestamp::parse(field).is_none() || !field.contains('T'));
    let shown: Vec<_> = shown.map(|field| safe(&shorten_name(field)).into_owned()).collect();
    cut(&shown.join(" ").replace('\n', "↵"), SHORT)
}

/// Cuts a random name after its first characters.
fn shorten_name(field: &str) -> String {
    let is_random = field.len() >= 16 && field.bytes().all(|byte| byte.is_ascii_hexdigit());
    let kept = field.get(..NAME).filter(|_| is_random);
    kept.map_or(field.to_owned(), |kept| format!("{kept}…"))
}

/// Finds the marks: it is shown all steps, in their order.
#[derive(Default)]
pub struct Marks {
    /// The messages and events that each process has sent or received: by process, direction, user and id or number.
    seen: HashSet<(usize, &'static str, String, String)>,
    acknowledged: HashMap<(usize, &'static str, String), u64>,
    /// The marks of lines that were sent and not received yet, by their steps.
    on_the_way: HashMap<usize, Vec<Mark>>,
    /// Number of the next step.
    next: usize,
}

impl Marks {
    /// Returns the marks of the next step. A line has those of its sender, also where it is received.
    pub fn of(&mut self, step: &Step) -> Vec<Mark> {
        let number = self.next;
        let mut marks = self.own(step);
        self.next += 1;
        match (step.entry.event, step.pair) {
            (Event::Out, Some(_)) if !marks.is_empty() => _ = self.on_the_way.insert(number, marks.clone()),
            (Event::In, Some(sent)) => {
                let own = std::mem::take(&mut marks);
                marks = self.on_the_way.remove(&sent).unwrap_or_default();
                marks.extend(own.into_iter().filter(|mark| !marks.contains(mark)).collect::<Vec<_>>());
            }
            _ => {}
        }
        marks
    }

    fn own(&mut self, step: &Step) -> Vec<Mark> {
        let mut marks = Vec::new();
        if !matches!(step.entry.event, Event::In | Event::Out) {
            return marks;
        }
        if let Ok(fields) = Fields::parse(step.entry.text.as_bytes()) {
            let field = |index| fields.get(index).unwrap_or_default();
            match (field(0).to_uppercase().as_str(), field(1), fields.len()) {
                ("SEND", id, 4) => marks.extend(self.note(step, id)),
                ("POLL", after, 2..) => marks.extend(self.note_acknowledgement(step, after)),
                ("OK", _, 5) if field(2) == "RECEIVED" => marks.push(Mark::State(field(2).to_owned())),
                (seq, "MSG", 7..) => marks.extend(self.note(step, seq)),
                (seq, "STATE", 5..) => {
                    marks.extend(self.note(step, seq));
                    marks.push(Mark::State(field(3).to_owned()));
                }
                _ => {}
            }
        }
        let lost = if step.entry.event == Event::In { Mark::Kept } else { Mark::Lost };
        marks.extend(step.is_lost.then_some(lost));
        marks
    }

    fn note(&mut self, step: &Step, id: &str) -> Option<Mark> {
        let key = (step.lifeline, step.entry.event.word(), step.user.clone(), id.to_owned());
        (!self.seen.insert(key)).then_some(Mark::Again)
    }

    fn note_acknowledgement(&mut self, step: &Step, after: &str) -> Option<Mark> {
        let number: u64 = after.parse().ok().filter(|number| *number > 0)?;
        let known = self.acknowledged.entry((step.lifeline, step.entry.event.word(), step.user.clone())).or_default();
        let is_new = number > *known;
        *known = number.max(*known);
        is_new.then_some(Mark::Acknowledges(number))
    }
}

/// Returns the short form of a step that is no line: a sync, a crash, a connection.
pub fn describe(step: &Step) -> String {
    let entry = &step.entry;
    let text = safe(&entry.text);
    let port = entry.link.map_or("", |link| link.port.word());
    match entry.event {
        Event::Start => "starts".to_owned(),
        Event::Recovered => format!("log replayed up to number {}", entry.number),
        Event::Open => format!("{port} open"),
        Event::Failed => format!("no connection: {text}"),
        Event::Close => {
            format!("{port} closed by {}", text.replace("local", "itself").replace("peer", "the other end"))
        }
        Event::Sync if entry.number == 1 => "sync: 1 record".to_owned(),
        Event::Sync => format!("sync: {} records", entry.number),
        Event::Dropped => text.into_owned(),
        Event::Stop if entry.text.is_empty() => "stops".to_owned(),
        Event::Stop => format!("stops: {text}"),
        Event::Killed => "killed".to_owned(),
        Event::In | Event::Out => short(&entry.text),
    }
}
