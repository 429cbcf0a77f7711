//! A message of the room, as the Telegram chat reads it: `ana: hola`.

use crate::limits;
use crate::model::Message;

/// Splits a message into the texts to send: usually one. The same message is always split in the same way, so that the
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
    // Each part names the sender: otherwise a line of it could pass for a message of another user.
    let head = |number: usize, count: usize| format!("{before}{from} ({number}/{count}){after}");
    let room = limits::TELEGRAM_TEXT - length(&head(99, 99));
    let pieces = split(said, room);
    let count = pieces.len();
    pieces.iter().enumerate().map(|(index, piece)| head(index + 1, count) + piece).collect()
}

/// Returns the length in UTF-16 code units, the unit of the Bot API. It is never less than the number of characters.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Splits a text at ends of lines, else of words, else anywhere, but never within a character.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MessageId, Seq, Target, Text, Timestamp, UserName};

    fn parts_of(text: &str) -> Vec<String> {
        parts(&Message {
            seq: Seq::ZERO,
            id: MessageId::new("1").unwrap(),
            from: UserName::new("ana").unwrap(),
            to: Target::parse("#lobby").unwrap(),
            at: Timestamp::now(),
            text: Text::new(text).unwrap(),
        })
    }

    #[test]
    fn short_ones_are_one_text() {
        assert_eq!(parts_of("hola\nñ 🙂"), ["ana: hola\nñ 🙂"]);
        assert_eq!(parts_of("/me waves"), ["* ana waves"]);
        assert_eq!(parts_of(""), ["ana: "]);
    }

    #[test]
    fn the_limit_is_in_code_units() {
        let most = limits::TELEGRAM_TEXT - "ana: ".len();
        assert_eq!(parts_of(&"x".repeat(most)).len(), 1);
        assert_eq!(parts_of(&"x".repeat(most + 1)).len(), 2);
        assert_eq!(parts_of(&"🙂".repeat(most / 2)).len(), 1);
        assert_eq!(parts_of(&"🙂".repeat(most / 2 + 1)).len(), 2);
    }

    #[test]
    fn long_ones_are_cut_at_ends_of_lines_and_words_and_nothing_is_lost() {
        let words = (0..9_000).map(|n| n.to_string()).collect::<Vec<_>>();
        for text in [words.join(" "), words.join("\n"), words.concat(), "🙂".repeat(14_000)] {
            let parts = parts_of(&text);
            let count = parts.len();
            assert!(parts.iter().all(|part| length(part) <= limits::TELEGRAM_TEXT));
            let head = |index: usize| format!("ana ({}/{count}): ", index + 1);
            let body = |(index, part): (usize, &String)| part.strip_prefix(&head(index)).unwrap().to_owned();
            let pieces: Vec<String> = parts.iter().enumerate().map(body).collect();
            let without = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(without(&pieces.concat()), without(&text));
            let whole = text.split([' ', '\n']).count() < 2
                || pieces.iter().flat_map(|piece| piece.split([' ', '\n'])).eq(text.split([' ', '\n']));
            assert!(whole, "a word was cut");
        }
    }
}
