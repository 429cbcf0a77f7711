//! The checkpoint of the client's state: what a start reads instead of the log before it. The log keeps every record, so a
//! checkpoint that is missing or damaged only makes the start slower.
//!
//! ```text
//! wachat-client-checkpoint;3;<first>;<segment>;<batch>     the segments that it covers, and the batch that comes next
//! BASE;<store>;<position>;<newest>;<shown>;<seed>          of the state
//! CONVERSATION;<target>;<delivered>;<read>;<last received>;<seen>;<upto>;<count>;<erased>;<yes or no: older rows are
//!     in the log only>
//! BACK;<target>;<first>;<last>;<from>                      messages of that user that were taken back
//! ABOVE;<target>;<number>;...                              messages above the last comparison with the server
//! ROW;IN;<seq>;<id>;<from>;<to>;<at>;<text>                the newest rows; in the same way DIRECT and GAP,
//! ROW;OUT;<state>;<seq>;<id>;<from>;<to>;<at>;<text>
//! ROW;FAILED;<why>;<id>;<to>;<at>;<text>
//! UNSHOWN;<seq>;<id>;<from>;<to>;<at>;<text>               received, and not shown
//! KNOWN;<digest>                                           of a message of a direct chat
//! WROTE;<user>                                             a user to whom the user has written
//! LEFT;<count>                                             messages that were taken back, whose texts damaged segments may have
//! QUEUED, TRIED, IGNORE, MUTE, SET, DEVICE                 records as in the log
//! END;<CRC-32 of all lines before>
//! ```
//! There is none of a state in which messages of an earlier store are: of those every digest is needed.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::conversation::{Complete, Conversation};
use super::known::Known;
use super::machine::ClientState;
use super::outgoing::Outgoing;
use super::position::Position;
use super::record::{Record, read_erased, read_message, write_erased};
use super::row::Row;
use crate::disk::{self, Disk};
use crate::model::{Message, Seq, Target, Text, UserName};
use crate::protocol::Codec as _;
use crate::protocol::codec::field;
use crate::record::{Fields, Writer};
use crate::wal::{Covered, WalError};

const KIND: &str = "wachat-client-checkpoint";
const VERSION: &str = "3";

/// Most numbers in one line.
const NUMBERS: usize = 500;

fn path(directory: &Path) -> PathBuf {
    directory.join("checkpoint.csv")
}

/// Replaces the checkpoint. The commit point is the rename.
pub fn write(disk: &dyn Disk, directory: &Path, state: &ClientState, covered: &Covered) -> Result<(), WalError> {
    let mut lines = Vec::new();
    let Covered { first, segment, next_batch } = covered;
    line(&mut lines, |w| w.plain(KIND).plain(VERSION).plain(first).plain(segment).plain(next_batch));
    state.write_lines(&mut lines);
    let checksum = crc32fast::hash(&lines);
    line(&mut lines, |w| w.plain("END").plain(format_args!("{checksum:08x}")));
    let path = path(directory);
    disk::replace(disk, &path, &lines).map_err(WalError::io(&path))
}

/// Reads the checkpoint; `None`: there is none that is whole.
pub fn read(disk: &dyn Disk, directory: &Path, me: &UserName) -> Result<Option<(ClientState, Covered)>, WalError> {
    let path = path(directory);
    match disk::read(disk, &path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        content => Ok(parse(&content.map_err(WalError::io(&path))?, me)),
    }
}

/// Removes a checkpoint that is not used, as the log goes on in the segment up to which it covers it, and one that was begun.
pub fn remove(disk: &dyn Disk, directory: &Path) -> Result<(), WalError> {
    let used = path(directory);
    let unfinished = disk::unfinished(&used);
    for path in [used, unfinished] {
        if disk.exists(&path).map_err(WalError::io(&path))? {
            disk.remove_file(&path).map_err(WalError::io(&path))?;
            disk.sync_dir(directory).map_err(WalError::io(directory))?;
        }
    }
    Ok(())
}

fn parse(content: &[u8], me: &UserName) -> Option<(ClientState, Covered)> {
    let end = content.strip_suffix(b"\n")?.iter().rposition(|byte| *byte == b'\n')? + 1;
    let (lines, last) = content.split_at_checked(end)?;
    if last != format!("END;{:08x}\n", crc32fast::hash(lines)).as_bytes() {
        return None;
    }
    let mut lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let head = Fields::parse(lines.next()?).ok()?;
    let is_known = head.get(0) == Some(KIND) && head.get(1) == Some(VERSION);
    let covered = Covered { first: field(&head, 2)?, segment: field(&head, 3)?, next_batch: field(&head, 4)? };
    let mut state = ClientState::new(me.clone());
    for line in lines.take_while(|_| is_known) {
        state.read_line(&Fields::parse(line).ok()?)?;
    }
    is_known.then_some((state, covered))
}

fn line(lines: &mut Vec<u8>, write: impl for<'a, 'b> FnOnce(&'b mut Writer<'a>) -> &'b mut Writer<'a>) {
    write(&mut Writer::new(lines));
    lines.push(b'\n');
}

impl ClientState {
    fn write_lines(&self, lines: &mut Vec<u8>) {
        line(lines, |w| {
            let position = &self.position;
            let numbers = w.plain("BASE").text(&position.store).plain(position.last).plain(position.newest);
            numbers.plain(self.shown.count).plain(self.known.seed)
        });
        let device = self.device.clone().map(Record::Device);
        self.choices.records().chain(self.outbox.records()).chain(device).for_each(|record| record.write(lines));
        for (target, conversation) in &self.conversations {
            conversation.write_lines(target, lines);
        }
        for message in &self.shown.waiting {
            line(lines, |w| message.write_stored(w.plain("UNSHOWN").plain(message.seq)));
        }
        for user in &self.written {
            line(lines, |w| w.plain("WROTE").plain(user.stored()));
        }
        for digest in &self.known.directly {
            line(lines, |w| w.plain("KNOWN").plain(digest));
        }
        if self.erased_in_log > 0 {
            line(lines, |w| w.plain("LEFT").plain(self.erased_in_log));
        }
    }

    fn read_line(&mut self, f: &Fields) -> Option<()> {
        match f.get(0)? {
            "BASE" => {
                // There is no checkpoint of a state with an earlier store.
                let store = f.get(1)?.to_owned();
                self.position = Position { store, last: field(f, 2)?, newest: field(f, 3)?, era: 0 };
                self.shown.count = field(f, 4)?;
                self.known = Known::restored(f.get(5)?.parse().ok()?);
            }
            "CONVERSATION" => {
                let conversation = Conversation::read_line(f)?;
                self.conversations.insert(Target::from_stored(f.get(1)?)?, conversation);
            }
            "ABOVE" => {
                let conversation = self.conversations.get_mut(&Target::from_stored(f.get(1)?)?)?;
                f.iter().skip(2).try_for_each(|number| conversation.above.insert(Seq::parse(number)?).then_some(()))?;
            }
            "BACK" => {
                let rows = Record::read_gap(f, 1)?;
                let from = UserName::from_stored(f.get(4)?)?;
                self.conversations.get_mut(&rows.target)?.erasures.note(&rows, &from);
            }
            "ROW" => {
                let (target, row) = self.read_row(f)?;
                self.conversations.get_mut(&target)?.restore(row);
            }
            "UNSHOWN" => self.shown.waiting.push_back(read_message(f, 1)?),
            "WROTE" => _ = self.written.insert(UserName::from_stored(f.get(1)?)?),
            "LEFT" => self.erased_in_log = f.get(1)?.parse().ok()?,
            "KNOWN" => _ = self.known.directly.insert(f.get(1)?.parse().ok()?),
            _ => _ = self.apply(Record::from_fields(f)?),
        }
        Some(())
    }

    fn read_row(&self, f: &Fields) -> Option<(Target, Row)> {
        let row = match f.get(1)? {
            "IN" => Row::Received(read_message(f, 2)?),
            "DIRECT" => Row::Direct(Arc::new(Message::from_stored(f, Seq::ZERO, 2)?)),
            "OUT" => Row::Sent(read_message(f, 3)?, field(f, 2)?),
            "GAP" => Row::Gap(Record::read_gap(f, 2)?),
            "FAILED" => {
                let id = field(f, 3)?;
                let to = Target::from_stored(f.get(4)?)?;
                let at = field(f, 5)?;
                Row::Failed(Outgoing { id, to, at, text: Text::new(f.get(6)?)? }, f.get(2)?.to_owned())
            }
            _ => return None,
        };
        let target = match &row {
            Row::Received(message) | Row::Sent(message, _) | Row::Direct(message) => self.target_of(message),
            Row::Failed(message, _) => message.to.clone(),
            Row::Gap(gap) => gap.target.clone(),
        };
        Some((target, row))
    }
}

impl Conversation {
    fn write_lines(&self, target: &Target, lines: &mut Vec<u8>) {
        let Self { delivered, read, last_received, seen, complete: Complete { upto, count, erased }, .. } = self;
        line(lines, |w| {
            w.plain("CONVERSATION").plain(target.stored()).plain(delivered).plain(read);
            w.plain(last_received).plain(seen);
            write_erased(*erased, w.plain(upto).plain(count)).plain(if self.older { "yes" } else { "no" })
        });
        let above: Vec<_> = self.above.iter().collect();
        for numbers in above.chunks(NUMBERS) {
            line(lines, |w| {
                w.plain("ABOVE").plain(target.stored());
                numbers.iter().fold(w, |w, number| w.plain(number))
            });
        }
        for (first, last, from) in self.erasures.iter() {
            line(lines, |w| w.plain("BACK").plain(target.stored()).plain(first).plain(last).plain(from.stored()));
        }
        for row in self.rows() {
            line(lines, |w| write_row(row, w.plain("ROW")));
        }
    }

    fn read_line(f: &Fields) -> Option<Self> {
        let complete = Complete { upto: field(f, 6)?, count: field(f, 7)?, erased: read_erased(f, 8)? };
        let watermarks = [field(f, 2)?, field(f, 3)?, field(f, 4)?, field(f, 5)?];
        Some(Self::restored(watermarks, complete, f.get(9)? == "yes"))
    }
}

fn write_row<'a, 'b>(row: &Row, w: &'b mut Writer<'a>) -> &'b mut Writer<'a> {
    match row {
        Row::Received(message) => message.write_stored(w.plain("IN").plain(message.seq)),
        Row::Sent(message, state) => message.write_stored(w.plain("OUT").plain(state).plain(message.seq)),
        Row::Direct(message) => message.write_stored(w.plain("DIRECT")),
        Row::Gap(gap) => w.plain("GAP").plain(gap.target.stored()).plain(gap.first).plain(gap.last),
        Row::Failed(m, why) => {
            w.plain("FAILED").text(why).plain(&m.id).plain(m.to.stored()).plain(m.at).text(m.text.as_str())
        }
    }
}
