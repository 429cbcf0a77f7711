//! The texts of the bridge: a message of one network as the other shows it.

use serde_json::{Value, json};
use wachat::limits;

use super::{BridgedRoom, owned, wait_or_last};

/// Sends messages of the Telegram chat, each with the text that the room has to show; `None`: it is not carried.
fn expect_in_room(messages: Vec<(Value, Option<&str>)>) {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    messages.iter().for_each(|(message, _)| room.telegram.message(message.clone()));
    room.telegram.say("last");
    let last = Some("Telegram - Marta Ruiz: last");
    let expected: Vec<_> = messages.iter().filter_map(|(_, text)| *text).chain(last).map(str::to_owned).collect();
    room.expect_brought(&expected);
}

#[test]
fn the_room_sees_the_name_of_a_sender() {
    let said_by = |from: Value| json!({"from": from, "text": "hola"});
    let group = json!({"from": {"is_bot": true}, "sender_chat": {"id": 1, "title": "The group"}, "text": "hola"});
    expect_in_room(vec![
        (
            said_by(json!({"first_name": "Ana", "last_name": "López", "username": "al"})),
            Some("Telegram - Ana López: hola"),
        ),
        (said_by(json!({"first_name": "Ana"})), Some("Telegram - Ana: hola")),
        (said_by(json!({"first_name": " ", "username": "al"})), Some("Telegram - al: hola")),
        (said_by(json!({})), Some("Telegram - somebody: hola")),
        (said_by(json!({"first_name": "A\nTelegram - B: x"})), Some("Telegram - A␊Telegram - B: x: hola")),
        (said_by(json!({"first_name": "Robot", "is_bot": true})), None),
        (group, Some("Telegram - The group: hola")),
    ]);
}

#[test]
fn the_room_sees_texts_attachments_and_quotes() {
    let messages = [
        (json!({"text": "one\r\ntwo\u{1b}[2J\n\tthree"}), "one\n    two␛[2J\n    \tthree"),
        (json!({"text": "a\rluis: b\u{2028}<ana> c"}), "a\n    luis: b\n    <ana> c"),
        (json!({"text": "👩‍🚀 ñ"}), "👩‍🚀 ñ"),
        (json!({"photo": [{}], "caption": "look\nhere"}), "[photo] look\n    here"),
        (json!({"sticker": {"emoji": "🙂"}}), "[sticker 🙂]"),
        (json!({"animation": {}, "document": {"file_name": "a.gif"}}), "[animation]"),
        (json!({"document": {"file_name": "a.pdf"}}), "[file a.pdf]"),
        (json!({"document": {}}), "[file]"),
        (json!({"poll": {"question": "Why?"}}), "[poll Why?]"),
        (json!({"dice": {"emoji": "🎲", "value": 4}}), "[🎲 4]"),
        (json!({"text": "yes", "reply_to_message": {"text": "\n first \nsecond"}}), "> first\n    yes"),
        (json!({"text": "yes", "reply_to_message": {"photo": [{}]}}), "> [photo]\n    yes"),
        (json!({"text": "yes", "quote": {"text": "this"}, "reply_to_message": {"text": "that"}}), "> this\n    yes"),
    ];
    let expected = messages.clone().map(|(_, text)| format!("Telegram - Marta Ruiz: {text}"));
    let with_text = messages.into_iter().zip(&expected).map(|((message, _), text)| (message, Some(text.as_str())));
    let nothing = (json!({"new_chat_members": [{}]}), None);
    expect_in_room(with_text.chain([nothing]).collect());
}

#[test]
fn a_text_that_no_message_can_hold_is_cut() {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    room.telegram.say(&"\\".repeat(40_000));
    let texts = wait_or_last(|| room.brought(), |texts| !texts.is_empty());
    assert!(texts[0].starts_with("Telegram - Marta Ruiz: \\") && texts[0].len() > 10_000, "{}", texts[0].len());
}

#[test]
fn the_limit_of_a_part_is_in_code_units() {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    let max = limits::TELEGRAM_TEXT - "ana: ".len();
    let texts = [
        ("hola\nñ 🙂".to_owned(), 1),
        ("x".repeat(max), 1),
        ("x".repeat(max + 1), 2),
        ("🙂".repeat(max / 2), 1),
        ("🙂".repeat(max / 2 + 1), 2),
    ];
    for (number, (text, parts)) in texts.into_iter().enumerate() {
        let before = room.telegram.sent().len();
        room.say(&text);
        room.say(&format!("/me waves {number}"));
        let last = format!("* ana waves {number}");
        let sent = wait_or_last(|| room.telegram.sent(), |sent| sent.last() == Some(&last));
        assert_eq!(sent.len() - before, parts + 1, "{} bytes", text.len());
    }
}

#[test]
fn long_texts_are_cut_at_ends_of_lines_and_words_and_nothing_is_lost() {
    let words = (0..9_000).map(|n| n.to_string()).collect::<Vec<_>>();
    for text in [words.join(" "), words.join("\n"), words.concat(), "🙂".repeat(14_000)] {
        let mut room = BridgedRoom::new();
        let _bridge = room.bridge();
        room.say(&text);
        room.say("");
        let sent = wait_or_last(|| room.telegram.sent(), |sent| sent.last().is_some_and(|text| text == "ana:"));
        let parts = &sent[..sent.len() - 1];
        assert!(parts.iter().all(|part| part.encode_utf16().count() <= limits::TELEGRAM_TEXT));
        let head = |index: usize| format!("ana ({}/{}): ", index + 1, parts.len());
        let body = |(index, part): (usize, &String)| part.strip_prefix(&head(index)).unwrap().replace("\n    ", "\n");
        let pieces: Vec<String> = parts.iter().enumerate().map(body).collect();
        let without = |text: &str| text.replace([' ', '\n'], "");
        assert_eq!(without(&pieces.concat()), without(&text));
        let whole = text.split([' ', '\n']).count() < 2
            || pieces.iter().flat_map(|piece| piece.split([' ', '\n'])).eq(text.split([' ', '\n']));
        assert!(whole, "a word was cut");
    }
}

#[test]
fn a_short_text_is_one_part() {
    let mut room = BridgedRoom::new();
    let _bridge = room.bridge();
    ["hola\nñ 🙂", "a\rluis: b\u{2028}luis: c", "/me waves\nluis: d", ""].iter().for_each(|text| _ = room.say(text));
    // Telegram removes the space at the end.
    room.expect_sent(&owned([
        "ana: hola\n    ñ 🙂",
        "ana: a\n    luis: b\n    luis: c",
        "* ana waves\n    luis: d",
        "ana:",
    ]));
}
