//! What survives a restart beside the log: the conversation that was open, drafts, scroll places.
//!
//! ```text
//! wachat-screen;1
//! OPEN;<target>
//! DRAFT;<target>;<text>
//! PLACE;<target>;<MESSAGE or GAP>;<id or number>;<lines below>
//! ```
//! A file that is missing or of another form is as good as none: nothing in it was sent.

use std::collections::HashMap;
use std::path::Path;

use super::rows::{Key, Place};
use crate::disk::{self, RealDisk};
use crate::limits;
use crate::model::{MessageId, Target};
use crate::protocol::codec::field;
use crate::record::{Fields, PlainField, Writer};

const NAME: &str = "screen.csv";
const HEAD: &str = "wachat-screen;1";
/// Most drafts, and most places.
const ENTRIES: usize = 200;

/// The content of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    pub open: Option<Target>,
    pub drafts: HashMap<Target, String>,
    pub places: HashMap<Target, Place>,
}

impl Saved {
    /// Reads the file in a directory.
    pub fn read(directory: &Path) -> Self {
        let content = disk::read(&RealDisk, &directory.join(NAME)).unwrap_or_default();
        let mut lines = content.split(|byte| *byte == b'\n');
        let mut saved = Self::default();
        if lines.next() == Some(HEAD.as_bytes()) {
            for line in lines.take(2 * ENTRIES + 1) {
                _ = Fields::parse(line).ok().and_then(|fields| saved.read_line(&fields));
            }
        }
        saved
    }

    fn read_line(&mut self, f: &Fields) -> Option<()> {
        let target = Target::from_stored(f.get(1)?)?;
        match f.get(0)? {
            "OPEN" => self.open = Some(target),
            "DRAFT" => {
                let text = f.get(2)?;
                self.drafts.insert(target, text.get(..text.len().min(limits::TYPED_BYTES))?.to_owned());
            }
            "PLACE" => {
                let key = match f.get(2)? {
                    "MESSAGE" => Key::Message(MessageId::new(f.get(3)?)?),
                    _ => Key::Gap(field(f, 3)?),
                };
                self.places.insert(target, Place { key, from_last: f.get(4)?.parse().ok()? });
            }
            _ => {}
        }
        Some(())
    }

    /// Writes the file in the place of the one before.
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
            line(&|w| _ = w.plain("DRAFT").plain(target.stored()).text(text));
        }
        for (target, place) in self.places.iter().take(ENTRIES) {
            let (kind, number): (_, &dyn PlainField) = match &place.key {
                Key::Message(id) => ("MESSAGE", id),
                Key::Gap(last) => ("GAP", last),
                Key::Note(_) => continue,
            };
            line(&|w| _ = w.plain("PLACE").plain(target.stored()).plain(kind).plain(number).plain(place.from_last));
        }
        let (path, new) = (directory.join(NAME), directory.join("screen.new"));
        disk::write(&RealDisk, &new, &lines)?;
        disk::Disk::rename(&RealDisk, &new, &path)
    }
}
