//! A message of the room, as the Telegram chat reads it: `ana: hola`.

use crate::limits;
use crate::model::Message;

/// Returns the texts to send: one, or the parts of a long one. The same message is always cut in the same way, so the
/// number of a part identifies it.
pub fn parts(message: &Message) -> Vec<String> {
    let (from, text) = (message.from.shown(), message.text.as_str());
    let (before, after, said) = match text.strip_prefix("/me ") {
        Some(action) => ("* ", " ", action),
        None => ("", ": ", text),
    };
    let whole = format!("{before}{from}{after}{said}");
    if length(&whole) <= limits::TELEGRAM_TEXT {
        return vec![whole];
    }
    // Each part names the sender: else a line of it could pass for a message of another user.
    let head = |number: usize, count: usize| format!("{before}{from} ({number}/{count}){after}");
    let room = limits::TELEGRAM_TEXT - length(&head(99, 99));
    let pieces = split(said, room);
    let count = pieces.len();
    pieces.iter().enumerate().map(|(index, piece)| head(index + 1, count) + piece).collect()
}

/// Returns the length in UTF-16 code units, the unit of the Bot API. Where Telegram counts characters, their number is
/// never higher.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Cuts a text at ends of lines, else of words, else between two characters.
fn split(text: &str, room: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while length(rest) > room {
        let (window, beyond) = rest.split_at(fitting(rest, room));
        // A piece is at least half full: otherwise one long line could take a message a word.
        let late = |cut: &usize| *cut >= window.len() / 2;
        let (piece, next) = match window.rfind('\n').filter(late).or_else(|| window.rfind(' ').filter(late)) {
            Some(cut) => (rest.get(..cut), rest.get(cut + 1..)),
            None => (Some(window), Some(beyond)),
        };
        pieces.push(piece.unwrap_or_default());
        rest = next.unwrap_or_default();
    }
    pieces.push(rest);
    pieces
}

/// Returns the number of bytes of the text that fit into so many code units.
fn fitting(text: &str, room: usize) -> usize {
    let mut units = 0;
    let past = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > room
    });
    past.map_or(text.len(), |(index, _)| index)
}
