//! A message from Telegram, as the room reads it: `Telegram - Ana López: hola`.

use super::update::Message;
use crate::client::texts::safe::{safe, snippet};
use crate::model::Text;

/// Converts a message to the text for the room. `None`: the message has no content, or a bot sent it.
pub fn text(message: &Message) -> Option<Text> {
    let name = name(message)?;
    let said = content(message)?;
    let quoted = quoted(message).map(|line| format!("> {line}\n")).unwrap_or_default();
    Some(fit(&format!("Telegram - {name}: {quoted}{}", replace_controls(&said))))
}

/// Returns the sender's name. `None`: a bot, this one or another.
fn name(message: &Message) -> Option<String> {
    // If a group speaks for itself, Telegram names a bot of its own as the sender.
    if let Some(chat) = &message.sender_chat {
        return Some(shown(chat.title.as_deref().unwrap_or("somebody")));
    }
    let person = message.from.as_ref().filter(|person| !person.is_bot)?;
    let names = [&person.first_name, &person.last_name].into_iter().flatten();
    let full = names.map(|name| name.trim()).filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" ");
    let full = if full.is_empty() { person.username.clone().unwrap_or_default() } else { full };
    Some(shown(if full.is_empty() { "somebody" } else { &full }))
}

/// Makes a name short and free of control characters, so that it stays on its line.
fn shown(name: &str) -> String {
    snippet(&safe(name))
}

fn content(message: &Message) -> Option<String> {
    if let Some(text) = &message.text {
        return Some(text.clone());
    }
    let attachment = message.attachment()?;
    Some(match &message.caption {
        Some(caption) => format!("{attachment} {caption}"),
        None => attachment,
    })
}

/// Returns the beginning of the message that this one replies to.
fn quoted(message: &Message) -> Option<String> {
    let chosen = message.quote.as_ref().map(|quote| quote.text.clone());
    let whole = || message.reply_to_message.as_ref().and_then(|other| content(other));
    let text = chosen.or_else(whole)?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(snippet(&safe(line)))
}

/// Replaces control characters other than line breaks and TAB, which no record holds, by visible ones.
fn replace_controls(text: &str) -> String {
    let keep =
        |c: char| if c.is_control() && c != '\t' { safe(c.encode_utf8(&mut [0; 4])).into_owned() } else { c.into() };
    let line = |line: &str| line.chars().map(keep).collect::<String>();
    text.replace("\r\n", "\n").split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Cuts the end of a text that is too long. Telegram's longest text is a fifth of the limit here.
fn fit(text: &str) -> Text {
    let mut chars: Vec<char> = text.chars().collect();
    loop {
        if let Some(text) = Text::new(&chars.iter().collect::<String>()) {
            return text;
        }
        chars.truncate(chars.len() * 3 / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn said(message: Value) -> Option<String> {
        let message: Message = serde_json::from_value(message).unwrap();
        text(&message).map(|text| text.as_str().to_owned())
    }

    #[test]
    fn names() {
        for (from, name) in [
            (json!({"first_name": "Ana", "last_name": "López", "username": "al"}), Some("Ana López")),
            (json!({"first_name": "Ana"}), Some("Ana")),
            (json!({"first_name": " ", "username": "al"}), Some("al")),
            (json!({}), Some("somebody")),
            (json!({"first_name": "A\nTelegram - B: x"}), Some("A␊Telegram - B: x")),
            (json!({"first_name": "Robot", "is_bot": true}), None),
        ] {
            let expected = name.map(|name| format!("Telegram - {name}: hola"));
            assert_eq!(said(json!({"chat": {"id": 1}, "from": from, "text": "hola"})), expected);
        }
        let group = json!({"from": {"is_bot": true}, "sender_chat": {"id": 1, "title": "The group"}, "text": "hola"});
        assert_eq!(said(group).as_deref(), Some("Telegram - The group: hola"));
    }

    #[test]
    fn contents() {
        for (message, expected) in [
            (json!({"text": "one\r\ntwo\u{1b}[2J\n\tthree"}), "one\ntwo␛[2J\n\tthree"),
            (json!({"text": "👩‍🚀 ñ"}), "👩‍🚀 ñ"),
            (json!({"photo": [{}], "caption": "look\nhere"}), "[photo] look\nhere"),
            (json!({"sticker": {"emoji": "🙂"}}), "[sticker 🙂]"),
            (json!({"animation": {}, "document": {"file_name": "a.gif"}}), "[animation]"),
            (json!({"document": {"file_name": "a.pdf"}}), "[file a.pdf]"),
            (json!({"poll": {"question": "Why?"}}), "[poll Why?]"),
            (json!({"text": "yes", "reply_to_message": {"text": "\n first \nsecond"}}), "> first\nyes"),
            (json!({"text": "yes", "reply_to_message": {"photo": [{}]}}), "> [photo]\nyes"),
            (json!({"text": "yes", "quote": {"text": "this"}, "reply_to_message": {"text": "that"}}), "> this\nyes"),
        ] {
            let mut message = message;
            message["from"] = json!({"first_name": "Ana"});
            assert_eq!(said(message).unwrap(), format!("Telegram - Ana: {expected}"));
        }
        let nothing = json!({"from": {"first_name": "Ana"}, "new_chat_members": [{}]});
        assert_eq!(said(nothing), None);
    }

    #[test]
    fn what_could_not_be_sent_is_cut() {
        let long = "\\".repeat(40_000);
        let text = said(json!({"from": {"first_name": "Ana"}, "text": long})).unwrap();
        assert!(text.starts_with("Telegram - Ana: \\") && text.len() > 10_000, "{}", text.len());
    }
}
