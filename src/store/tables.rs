//! A checkpoint's tables: the state machine's snapshot, a file a kind of row (data/README.md has the columns).

use std::path::Path;

use super::StoreError;
use super::room_tables::{self, RoomTables};
use super::table::{Kind, Reading, Row, TableWriter};
use crate::disk::Disk;
use crate::model::{Email, Message, MessageId, Seq, State, Target, Text, Timestamp};
use crate::protocol::Event;
use crate::record;
use crate::state_machine::{
    AccountRow, ApplyError, ChatRow, ConversationId, ConversationRow, Digest, HistoryPrefix, IdRow, SentMessage,
    Snapshot, WaitingRow,
};

const STORE: Kind = Kind { name: "store", version: 1, columns: &["store", "last", "segment", "next_batch"] };
const USERS: Kind = Kind {
    name: "users",
    version: 1,
    columns: &["name", "password_hash", "email", "created_at", "removed_at", "last_seen", "acknowledged"],
};
const OFFLINE: Kind = Kind {
    name: "offline",
    version: 1,
    columns: &["for", "seq", "kind", "id_or_place", "from_or_state", "to_or_upto", "at", "text"],
};
const MARKS: Kind = Kind { name: "marks", version: 1, columns: &["user", "with", "read"] };
const CONVERSATIONS: Kind = Kind { name: "conversations", version: 1, columns: &["file", "bytes", "checksum", "last"] };
const IDS: Kind = Kind { name: "ids", version: 1, columns: &["from", "id", "seq", "at", "digest"] };

/// A checkpoint that was read.
pub(super) struct Read {
    pub snapshot: Snapshot,
    /// The last segment that it covers.
    pub segment: u64,
    pub next_batch: u64,
    pub bytes: u64,
}

/// Reads all tables of a checkpoint; an error is that of the first damaged one.
pub(super) fn read(disk: &dyn Disk, checkpoint: &Path) -> Result<Read, StoreError> {
    let no_row = || misnamed(checkpoint);
    read_all(disk, checkpoint).map_err(|errors| errors.into_iter().next().unwrap_or_else(no_row))
}

/// Reads all tables of a checkpoint; errors are those of each damaged one.
pub(super) fn read_all(disk: &dyn Disk, checkpoint: &Path) -> Result<Read, Vec<StoreError>> {
    let mut reading = Reading::new(disk, checkpoint);
    let about = reading.rows(&STORE, store_row).pop();
    let (accounts, waiting) = (reading.rows(&USERS, account_row), reading.rows(&OFFLINE, waiting_row));
    let (chats, conversations) = (reading.rows(&MARKS, chat_row), reading.rows(&CONVERSATIONS, conversation_row));
    let ids = reading.rows(&IDS, id_row);
    let RoomTables { rooms, members, logs, room_marks } = room_tables::read(&mut reading);
    let Some(about) = about.filter(|_| reading.errors.is_empty()) else {
        return Err(if reading.errors.is_empty() { vec![misnamed(checkpoint)] } else { reading.errors });
    };
    let (store, last) = (about.store.as_str().into(), about.last);
    let snapshot =
        Snapshot { store, last, accounts, waiting, chats, rooms, members, logs, room_marks, conversations, ids };
    Ok(Read { snapshot, segment: about.segment, next_batch: about.next_batch, bytes: reading.bytes })
}

/// Returns the error for tables that contradict each other.
pub(super) fn inconsistent(checkpoint: &Path, error: &ApplyError) -> StoreError {
    StoreError::damaged(checkpoint, 0, error.to_string())
}

/// Returns the error for a checkpoint whose directory bears the number of another one.
pub(super) fn misnamed(checkpoint: &Path) -> StoreError {
    StoreError::damaged(&STORE.file(checkpoint), 3, "this is not the checkpoint that its directory is named for")
}

/// Returns every table with the content of its file.
pub(super) fn write(snapshot: &Snapshot, segment: u64, next_batch: u64) -> Vec<(&'static Kind, Vec<u8>)> {
    let mut store = TableWriter::new(&STORE);
    store.row(&[snapshot.store.to_string(), snapshot.last.to_string(), segment.to_string(), next_batch.to_string()]);
    let mut users = TableWriter::new(&USERS);
    for row in &snapshot.accounts {
        let or_empty = |at: Option<Timestamp>| at.map_or(String::new(), |at| at.to_string());
        let (removed, seen) = (or_empty(row.removed_at), or_empty(row.last_seen));
        let (created, acknowledged) = (row.created_at.to_string(), row.acknowledged.to_string());
        users.row(&[
            row.name.shown(),
            &row.password_hash,
            row.email.as_str(),
            &created,
            &removed,
            &seen,
            &acknowledged,
        ]);
    }
    let mut offline = TableWriter::new(&OFFLINE);
    for row in &snapshot.waiting {
        write_waiting(&mut offline, row);
    }
    let mut marks = TableWriter::new(&MARKS);
    for row in &snapshot.chats {
        marks.row(&[row.user.shown(), row.peer.shown(), &row.read.to_string()]);
    }
    let mut conversations = TableWriter::new(&CONVERSATIONS);
    for row in &snapshot.conversations {
        let HistoryPrefix { bytes, checksum, upto } = row.filed;
        conversations.row(&[row.id.to_string(), bytes.to_string(), format!("{checksum:08x}"), upto.to_string()]);
    }
    let mut ids = TableWriter::new(&IDS);
    for IdRow { user, id, sent } in &snapshot.ids {
        let (seq, at, digest) = (sent.seq.to_string(), sent.at.to_string(), sent.digest.to_string());
        ids.row(&[user.shown(), id.as_str(), &seq, &at, &digest]);
    }
    let mut all = vec![
        (&STORE, store),
        (&USERS, users),
        (&OFFLINE, offline),
        (&MARKS, marks),
        (&CONVERSATIONS, conversations),
        (&IDS, ids),
    ];
    all.extend(room_tables::write(snapshot));
    all.into_iter().map(|(kind, table)| (kind, table.finish())).collect()
}

fn write_waiting(table: &mut TableWriter, row: &WaitingRow) {
    let (user, seq) = (row.user.shown(), row.event.seq().to_string());
    match &row.event {
        Event::Message(m) => {
            let text = record::escape(m.text.as_str());
            let (to, at) = (m.to.to_string(), m.at.to_string());
            table.row(&[user, &seq, "MSG", m.id.as_str(), m.from.shown(), &to, &at, &text]);
        }
        Event::State { target, state, upto, at, .. } => {
            let (target, state) = (target.to_string(), state.to_string());
            table.row(&[user, &seq, "STATE", &target, &state, &upto.to_string(), &at.to_string(), ""]);
        }
        // A GAP is computed from the room's log; events without a number do not survive a restart.
        _ => {}
    }
}

struct About {
    store: String,
    last: Seq,
    segment: u64,
    next_batch: u64,
}

fn store_row(row: Row) -> Option<About> {
    let number = |column: usize| row.get(column)?.parse().ok();
    Some(About { store: row.get(0)?.to_owned(), last: row.seq(1)?, segment: number(2)?, next_batch: number(3)? })
}

fn account_row(row: Row) -> Option<AccountRow> {
    Some(AccountRow {
        name: row.user(0)?,
        password_hash: row.get(1)?.into(),
        email: Email::new(row.get(2)?)?,
        created_at: row.time(3)?,
        removed_at: row.optional_time(4)?,
        last_seen: row.optional_time(5)?,
        acknowledged: row.seq(6)?,
    })
}

fn waiting_row(row: Row) -> Option<WaitingRow> {
    let (seq_of_event, at) = (row.seq(1)?, row.time(6)?);
    let event = match row.get(2)? {
        "MSG" => Event::Message(std::sync::Arc::new(Message {
            seq: seq_of_event,
            id: MessageId::new(row.get(3)?)?,
            from: row.user(4)?,
            to: Target::parse(row.get(5)?).ok()?,
            at,
            text: Text::new(&record::unescape(row.get(7)?.into()).ok()?)?,
        })),
        "STATE" => Event::State {
            seq: seq_of_event,
            target: Target::parse(row.get(3)?).ok()?,
            state: State::parse(row.get(4)?)?,
            upto: row.seq(5)?,
            at,
        },
        _ => return None,
    };
    Some(WaitingRow { user: row.user(0)?, event })
}

fn chat_row(row: Row) -> Option<ChatRow> {
    Some(ChatRow { user: row.user(0)?, peer: row.user(1)?, read: row.seq(2)? })
}

fn conversation_row(row: Row) -> Option<ConversationRow> {
    let checksum = u32::from_str_radix(row.get(2)?, 16).ok()?;
    let filed = HistoryPrefix { bytes: row.get(1)?.parse().ok()?, checksum, upto: row.seq(3)? };
    Some(ConversationRow { id: ConversationId::parse(row.get(0)?)?, filed })
}

fn id_row(row: Row) -> Option<IdRow> {
    let sent = SentMessage { seq: row.seq(2)?, at: row.time(3)?, digest: Digest::parse(row.get(4)?)? };
    Some(IdRow { user: row.user(0)?, id: MessageId::new(row.get(1)?)?, sent })
}
