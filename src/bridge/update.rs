//! The part of a Telegram update that the bridge reads. Other fields are skipped.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A message in one of the bot's chats.
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
    /// The part of the other message that a reply is about, where its sender chose one.
    pub quote: Option<Quote>,
    #[serde(flatten)]
    other_fields: Map<String, Value>,
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

/// The kinds of attachments: the field of a message, its label for people, and the field of the attachment that
/// follows the label, if there is one.
const ATTACHMENTS: [(&str, &str, &str); 12] = [
    ("sticker", "sticker", "emoji"),
    ("poll", "poll", "question"),
    ("photo", "photo", ""),
    // An animation comes with a document: it is named first.
    ("animation", "animation", ""),
    ("video", "video", ""),
    ("video_note", "video message", ""),
    ("voice", "voice message", ""),
    ("audio", "audio", ""),
    ("contact", "contact", ""),
    ("location", "location", ""),
    ("story", "story", ""),
    ("document", "file", "file_name"),
];

/// Returns an update's number. One without a number is no update.
pub fn number(update: &Value) -> Option<i64> {
    update.get("update_id")?.as_i64()
}

/// Returns the new message of an update. `None`: the update is of another kind, such as an edit.
pub fn message(update: &Value) -> Option<Result<Message, serde_json::Error>> {
    update.get("message").map(Message::deserialize)
}

impl Message {
    /// Returns a label for the attachment: `[photo]`, `[file a.pdf]`. `None`: there is no attachment.
    pub fn attachment(&self) -> Option<String> {
        let field = |name| self.other_fields.get(name).filter(|value| !value.is_null());
        if let Some(dice) = field("dice") {
            let emoji = dice.get("emoji").and_then(Value::as_str).unwrap_or("dice");
            return Some(format!("[{emoji} {}]", dice.get("value").and_then(Value::as_i64).unwrap_or_default()));
        }
        let (value, label, detail) =
            ATTACHMENTS.iter().find_map(|(name, label, detail)| Some((field(name)?, label, detail)))?;
        match value.get(detail).and_then(Value::as_str) {
            Some(detail) => Some(format!("[{label} {detail}]")),
            None => Some(format!("[{label}]")),
        }
    }
}
