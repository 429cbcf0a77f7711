//! The file that survives a restart beside the log: the conversation that was open, drafts, scroll places.
//!
//! ```text
//! wachat-screen;1
//! OPEN;<target>
//! DRAFT;<target>;<text>
//! BYTES;<target>;<a draft with control characters, in hexadecimal digits>
//! SAID;<target>;<id of the user's last message there when this was written>
//! PLACE;<target>;<lines below>;MESSAGE;<sender>;<id>
//! PLACE;<target>;<lines below>;GAP;<last number>
//! ```
//! A file that is missing or of another form is as good as none: nothing in it was sent.

use std::collections::HashMap;
use std::path::Path;

use super::item::Key;
use super::rows::Place;
use crate::client::app::command::Command;
use crate::client::app::parse::{is_begun, parse};
use crate::client::state::ClientState;
use crate::disk::{self, RealDisk};
use crate::limits;
use crate::model::{MessageId, Target, Text, UserName};
use crate::protocol::codec::field;
use crate::record::{Fields, Writer};

const NAME: &str = "screen.csv";
const HEAD: &str = "wachat-screen;1";
/// Most drafts, and most places.
const ENTRIES: usize = 200;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    pub open: Option<Target>,
    pub drafts: HashMap<Target, String>,
    /// The user's last message in each conversation to which a draft goes.
    pub said: HashMap<Target, MessageId>,
    pub places: HashMap<Target, Place>,
}

impl Saved {
    /// Reads the file in a directory.
    pub fn read(directory: &Path) -> Self {
        let content = disk::read(&RealDisk, &directory.join(NAME)).unwrap_or_default();
        let mut lines = content.split(|byte| *byte == b'\n');
        let mut saved = Self::default();
        if lines.next() == Some(HEAD.as_bytes()) {
            for line in lines.take(3 * ENTRIES + 1) {
                _ = Fields::parse(line).ok().and_then(|fields| saved.read_line(&fields));
            }
        }
        saved
    }

    /// Notes the user's last message in each conversation to which a draft goes.
    pub(super) fn with_said(mut self, state: &ClientState) -> Self {
        let messages = self.drafts.iter().filter_map(|(chat, draft)| message_of(chat, draft, state));
        let last = messages.filter_map(|(to, _)| state.last_said(&to).map(|(id, _)| (to.clone(), id.clone())));
        self.said = last.collect();
        self
    }

    /// Removes the drafts of messages that were sent after the file was written: the program was killed between the two.
    pub fn without_sent(mut self, state: &ClientState) -> Self {
        let said = &self.said;
        self.drafts.retain(|chat, draft| match message_of(chat, draft, state) {
            Some((to, text)) => {
                let is_another = |last: &Text| *last != text && !last.is_erased();
                state.last_said(&to).is_none_or(|(id, last)| is_another(last) || said.get(&to) == Some(id))
            }
            None => true,
        });
        self
    }

    /// Takes the draft of the open conversation out.
    pub(super) fn take_draft_of_open(&mut self) -> Option<String> {
        self.drafts.remove(self.open.as_ref()?)
    }

    fn read_line(&mut self, f: &Fields) -> Option<()> {
        let target = Target::from_stored(f.get(1)?)?;
        match f.get(0)? {
            "OPEN" => self.open = Some(target),
            "DRAFT" => self.add_draft(target, f.get(2)?)?,
            "SAID" => _ = self.said.insert(target, MessageId::new(f.get(2)?)?),
            "BYTES" => self.add_draft(target, &String::from_utf8(bytes(f.get(2)?)?).ok()?)?,
            "PLACE" => {
                let key = match f.get(3)? {
                    "MESSAGE" => Key::Message(UserName::from_stored(f.get(4)?)?, MessageId::new(f.get(5)?)?),
                    _ => Key::Gap(field(f, 4)?),
                };
                self.places.insert(target, Place { key, from_last: f.get(2)?.parse().ok()? });
            }
            _ => {}
        }
        Some(())
    }

    fn add_draft(&mut self, target: Target, text: &str) -> Option<()> {
        let text = text.get(..text.len().min(limits::TYPED_BYTES))?;
        if !is_begun(text) {
            self.drafts.insert(target, text.to_owned());
        }
        Some(())
    }

    /// Replaces the file.
    pub fn write(&self, directory: &Path) -> std::io::Result<()> {
        let mut lines = Vec::from(HEAD.as_bytes());
        lines.push(b'\n');
        let mut line = |write: &dyn Fn(&mut Writer)| {
            write(&mut Writer::new(&mut lines));
            lines.push(b'\n');
        };
        if let Some(open) = &self.open {
            line(&|w| _ = w.plain("OPEN").plain(open.stored()));
        }
        for (target, text) in self.drafts.iter().take(ENTRIES) {
            line(&|w| match Text::may_hold(text) {
                true => _ = w.plain("DRAFT").plain(target.stored()).text(text),
                // A pasted text may have control characters.
                false => _ = w.plain("BYTES").plain(target.stored()).plain(digits(text).as_str()),
            });
        }
        for (target, id) in self.said.iter().take(ENTRIES) {
            line(&|w| _ = w.plain("SAID").plain(target.stored()).plain(id));
        }
        for (target, place) in self.places.iter().take(ENTRIES) {
            let key = &place.key;
            let below = place.from_last;
            line(&|w| write_key(w.plain("PLACE").plain(target.stored()).plain(below), key));
        }
        disk::replace(&RealDisk, &directory.join(NAME), &lines)
    }
}

/// Returns the message that a draft in a conversation becomes when it is entered, if it is one.
fn message_of(chat: &Target, draft: &str, state: &ClientState) -> Option<(Target, Text)> {
    match parse(draft).ok()? {
        Command::Say { to, text } => Some((to.unwrap_or_else(|| chat.clone()), text)),
        Command::Reply(text) => Some((Target::User(state.last_writer()?), text?)),
        _ => None,
    }
}

fn write_key(w: &mut Writer, key: &Key) {
    match key {
        Key::Message(from, id) => _ = w.plain("MESSAGE").plain(from.stored()).plain(id),
        Key::Gap(last) => _ = w.plain("GAP").plain(last),
        // A note is gone with the program that made it, and so is its place.
        Key::Note(_) => {}
    }
}

fn digits(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}
