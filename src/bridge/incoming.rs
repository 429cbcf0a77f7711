//! A message from Telegram, as the room reads it: `Telegram - Ana López: hola`.

use super::lines::{indented, with_one_break};
use super::update::Message;
use crate::model::Text;
use crate::model::safe::{safe, snippet};

/// Returns the text for the room. `None`: the message has no content, or its sender is a bot.
pub fn text(message: &Message) -> Option<Text> {
    let name = name(message)?;
    let said = content(message)?;
    let quoted = quoted(message).map(|line| format!("> {line}\n")).unwrap_or_default();
    Some(fit(&indented(&format!("Telegram - {name}: {quoted}{}", replace_controls(&said)))))
}

/// Returns the sender's name. `None`: a bot, this one or another.
fn name(message: &Message) -> Option<String> {
    // If a group speaks for itself, Telegram names a bot of its own as the sender.
    if let Some(chat) = &message.sender_chat {
        return Some(shown(chat.title.as_deref().unwrap_or("somebody")));
    }
    let person = message.from.as_ref().filter(|person| !person.is_bot)?;
    let names = [&person.first_name, &person.last_name].map(|name| name.as_deref().unwrap_or_default().trim());
    let full = names.join(" ").trim().to_owned();
    let full = if full.is_empty() { person.username.clone().unwrap_or_default() } else { full };
    Some(shown(if full.is_empty() { "somebody" } else { &full }))
}

/// Makes a name safe to show: on one line, and cut to the length of a snippet.
fn shown(name: &str) -> String {
    snippet(&safe(name))
}

/// Returns the text, or a label for the attachment and its caption.
fn content(message: &Message) -> Option<String> {
    message.text.clone().or_else(|| match (message.attachment()?, &message.caption) {
        (attachment, Some(caption)) => Some(format!("{attachment} {caption}")),
        (attachment, None) => Some(attachment),
    })
}

/// Returns the beginning of the text that the message answers.
fn quoted(message: &Message) -> Option<String> {
    let chosen = message.quote.as_ref().map(|quote| quote.text.clone());
    let whole = || message.reply_to_message.as_ref().and_then(|other| content(other));
    let text = chosen.or_else(whole)?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(snippet(&safe(line)))
}

/// Makes control characters visible, except line breaks and TAB: no record holds any other.
fn replace_controls(text: &str) -> String {
    let keep =
        |c: char| if c.is_control() && c != '\t' { safe(c.encode_utf8(&mut [0; 4])).into_owned() } else { c.into() };
    let line = |line: &str| line.chars().map(keep).collect::<String>();
    with_one_break(text).split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Cuts a text that is longer than a message may be. Telegram's longest text is a fifth of that today.
fn fit(text: &str) -> Text {
    let mut chars: Vec<char> = text.chars().collect();
    loop {
        if let Some(text) = Text::new(&chars.iter().collect::<String>()) {
            return text;
        }
        chars.truncate(chars.len() * 3 / 4);
    }
}
