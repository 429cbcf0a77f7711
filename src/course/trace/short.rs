//! The short forms of entries and names, for people.

use crate::model::Timestamp;
use crate::model::safe::safe;
use crate::record::Fields;
use crate::text::cut;
use crate::trace::{Entry, Event};

/// Cells of the short form of a line.
const SHORT: usize = 60;
/// Shown in the short form of a message that was taken back, instead of its text.
const ERASED: &str = " (erased)";
/// Characters of a random name (an id, a store) that are shown.
const NAME: usize = 6;

/// Returns the fields of a line, without its times, for an arrow. It is safe to show.
pub fn short(line: &str) -> String {
    if line.is_empty() {
        return "(empty line)".to_owned();
    }
    let Ok(fields) = Fields::parse(line.as_bytes()) else { return cut(&safe(line), SHORT) };
    let shown = fields.iter().filter(|field| Timestamp::parse(field).is_none() || !field.contains('T'));
    let mut shown: Vec<_> = shown.map(|field| safe(&shorten_name(field)).into_owned()).collect();
    // A message that was taken back has an empty text, and a field that says so.
    let is_erased = shown.ends_with(&[String::new(), "erased".to_owned()]);
    if is_erased {
        shown.truncate(shown.len() - 2);
    }
    let mark = if is_erased { ERASED } else { "" };
    cut(&shown.join(" ").replace('\n', "↵"), SHORT - mark.len()) + mark
}

/// Cuts a random name after its first characters.
fn shorten_name(field: &str) -> String {
    let is_random = field.len() >= 16 && field.bytes().all(|byte| byte.is_ascii_hexdigit());
    let kept = field.get(..NAME).filter(|_| is_random);
    kept.map_or(field.to_owned(), |kept| format!("{kept}…"))
}

/// Returns the short form of an entry: of a line, a sync, a crash, a connection.
pub fn describe(entry: &Entry) -> String {
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
