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
