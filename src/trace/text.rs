//! An entry as people read it at a terminal, as it happens.

use super::entry::{Entry, Event};
use crate::model::safe::safe;

/// Appends the line: time (UTC), port and peer, user, direction, the number of the line, and the line.
pub(super) fn write(entry: &Entry, colour: bool, out: &mut Vec<u8>) {
    let at = entry.at.to_string();
    let time = at.get(11..23).unwrap_or_default();
    let link = entry.link.map_or(String::new(), |link| format!(" {} {}", link.port.word(), link.peer));
    let user = if entry.user.is_empty() { String::new() } else { format!(" {}", safe(&entry.user)) };
    let what = match entry.event {
        Event::In => format!("<- {}", entry.number),
        Event::Out => format!("-> {}", entry.number),
        Event::Sync => format!("SYNC {}", entry.number),
        event => event.to_string(),
    };
    let (start, end) = if colour { (start_colour(entry.event), "\x1b[0m") } else { ("", "") };
    let text = safe(&entry.text);
    let line = format!("{time}{link}{user} {start}{what} {text}{end}\n");
    out.extend_from_slice(line.as_bytes());
}

fn start_colour(event: Event) -> &'static str {
    match event {
        Event::In => "\x1b[32m",
        Event::Out => "\x1b[36m",
        Event::Sync => "\x1b[35m",
        Event::Open | Event::Close => "\x1b[2m",
        Event::Failed | Event::Dropped | Event::Recovered | Event::Killed => "\x1b[31m",
        Event::Start | Event::Stop => "\x1b[1m",
    }
}
