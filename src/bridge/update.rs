//! The part of a Telegram update that the bridge reads. Other fields are skipped.

use serde::Deserialize;
use serde_json::Value;

/// A message in a chat of the bot.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Message {
    pub chat: Chat,
    pub from: Option<Person>,
    /// The sender, if a group or a channel speaks for itself.
    pub sender_chat: Option<Chat>,
    pub text: Option<String>,
    pub caption: Option<String>,
    pub reply_to_message: Option<Box<Message>>,
    /// The quoted part of the message that this one replies to, if its sender chose one.
    pub quote: Option<Quote>,
    pub sticker: Option<Sticker>,
    pub document: Option<Document>,
    pub poll: Option<Poll>,
    pub dice: Option<Dice>,
    photo: Option<Value>,
    animation: Option<Value>,
    video: Option<Value>,
    video_note: Option<Value>,
    voice: Option<Value>,
    audio: Option<Value>,
    contact: Option<Value>,
    location: Option<Value>,
    story: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chat {
    pub id: i64,
    pub title: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Person {
    pub is_bot: bool,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub username: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Quote {
    pub text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sticker {
    pub emoji: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Document {
    pub file_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Poll {
    pub question: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Dice {
    pub emoji: String,
    pub value: i64,
}

/// Returns the id of an update. A value without one is not an update.
pub fn number(update: &Value) -> Option<i64> {
    update.get("update_id")?.as_i64()
}

/// Returns the new message of an update. `None`: the update is something else, such as an edit.
pub fn message(update: &Value) -> Option<Result<Message, serde_json::Error>> {
    update.get("message").map(Message::deserialize)
}

impl Message {
    /// Returns the name of an attachment, for people: `[photo]`. `None`: there is none.
    pub fn attachment(&self) -> Option<String> {
        if let Some(sticker) = &self.sticker {
            return Some(labelled("sticker", sticker.emoji.as_deref()));
        }
        if let Some(poll) = &self.poll {
            return Some(labelled("poll", Some(&poll.question)));
        }
        if let Some(dice) = &self.dice {
            return Some(format!("[{} {}]", dice.emoji, dice.value));
        }
        let plain = [
            (&self.photo, "[photo]"),
            // An animation comes with a document: it is named first.
            (&self.animation, "[animation]"),
            (&self.video, "[video]"),
            (&self.video_note, "[video message]"),
            (&self.voice, "[voice message]"),
            (&self.audio, "[audio]"),
            (&self.contact, "[contact]"),
            (&self.location, "[location]"),
            (&self.story, "[story]"),
        ];
        let found = plain.iter().find(|(field, _)| field.is_some()).map(|(_, label)| (*label).to_owned());
        found.or_else(|| self.document.as_ref().map(|document| labelled("file", document.file_name.as_deref())))
    }
}

fn labelled(kind: &str, what: Option<&str>) -> String {
    what.map_or_else(|| format!("[{kind}]"), |what| format!("[{kind} {what}]"))
}
