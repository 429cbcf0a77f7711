//! A checkpoint's tables: core's snapshot, a file a kind of row (data/README.md has the columns).

use std::path::Path;

use super::table::{Kind, Row, Table, TableWriter};
use super::{StoreError, room_tables};
use crate::core::{
    AccountRow, ChatRow, ConversationId, ConversationRow, Digest, Filed, IdRow, SentMessage, Snapshot, WaitingRow,
};
use crate::disk::Disk;
use crate::model::{Email, Message, MessageId, Place, Seq, State, Text, Timestamp, UserName};
use crate::protocol::{Event, record};

const STORE: Kind = Kind { name: "store", columns: &["store", "last", "segment", "next_batch"] };
const USERS: Kind = Kind {
    name: "users",
    columns: &["name", "password_hash", "email", "created_at", "removed_at", "last_seen", "acknowledged"],
};
const OFFLINE: Kind = Kind {
    name: "offline",
    columns: &["for", "seq", "kind", "id_or_place", "from_or_state", "to_or_upto", "at", "text"],
};
const MARKS: Kind = Kind { name: "marks", columns: &["user", "with", "read"] };
const CONVERSATIONS: Kind = Kind { name: "conversations", columns: &["file", "bytes", "last"] };
const IDS: Kind = Kind { name: "ids", columns: &["from", "id", "seq", "at", "digest"] };

/// What the tables of a checkpoint hold.
pub(super) struct Read {
    pub snapshot: Snapshot,
    /// The last journal segment in it.
    pub segment: u64,
    pub next_batch: u64,
    pub bytes: u64,
}

/// Reads all tables of a checkpoint.
pub(super) fn read(disk: &dyn Disk, checkpoint: &Path) -> Result<Read, StoreError> {
    let read = |kind: &Kind| Table::read(disk, checkpoint, kind);
    let (store, users, offline) = (read(&STORE)?, read(&USERS)?, read(&OFFLINE)?);
    let (marks, conversations, ids) = (read(&MARKS)?, read(&CONVERSATIONS)?, read(&IDS)?);
    let of_rooms = room_tables::read(disk, checkpoint)?;
    let bytes: u64 = [&store, &users, &offline, &marks, &conversations, &ids].iter().map(|table| table.bytes).sum();
    let about = store.each(store_row)?.pop().ok_or_else(|| misnamed(checkpoint))?;
    let snapshot = Snapshot {
        store: about.store.as_str().into(),
        last: about.last,
        accounts: users.each(account_row)?,
        waiting: offline.each(waiting_row)?,
        chats: marks.each(chat_row)?,
        rooms: of_rooms.rooms,
        members: of_rooms.members,
        logs: of_rooms.logs,
        room_marks: of_rooms.room_marks,
        conversations: conversations.each(conversation_row)?,
        ids: ids.each(id_row)?,
    };
    let bytes = bytes + of_rooms.bytes;
    Ok(Read { snapshot, segment: about.segment, next_batch: about.next_batch, bytes })
}

/// The checkpoint is not of the segment that its directory's name says.
pub(super) fn misnamed(checkpoint: &Path) -> StoreError {
    let what = "this is not the checkpoint that its directory is named for".to_owned();
    StoreError::Damaged { file: STORE.file(checkpoint), line: 3, what }
}

/// Every table as the file it will be.
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
        conversations.row(&[row.id.to_string(), row.filed.bytes.to_string(), row.filed.upto.to_string()]);
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
        Event::State { place, state, upto, at, .. } => {
            let (place, state) = (place.to_string(), state.to_string());
            table.row(&[user, &seq, "STATE", &place, &state, &upto.to_string(), &at.to_string(), ""]);
        }
        // A GAP is found in the room's log; events without a number wait for nobody who is away.
        _ => {}
    }
}

struct About {
    store: String,
    last: Seq,
    segment: u64,
    next_batch: u64,
}

pub(super) fn user(row: &Row, column: usize) -> Option<UserName> {
    UserName::new(row.get(column)?).ok()
}

pub(super) fn seq(row: &Row, column: usize) -> Option<Seq> {
    Seq::parse(row.get(column)?)
}

fn time(row: &Row, column: usize) -> Option<Timestamp> {
    Timestamp::parse(row.get(column)?)
}

/// A time, or an empty field where there is none.
fn optional_time(row: &Row, column: usize) -> Option<Option<Timestamp>> {
    match row.get(column)? {
        "" => Some(None),
        _ => time(row, column).map(Some),
    }
}

fn store_row(row: Row) -> Option<About> {
    let number = |column: usize| row.get(column)?.parse().ok();
    Some(About { store: row.get(0)?.to_owned(), last: seq(&row, 1)?, segment: number(2)?, next_batch: number(3)? })
}

fn account_row(row: Row) -> Option<AccountRow> {
    Some(AccountRow {
        name: user(&row, 0)?,
        password_hash: row.get(1)?.into(),
        email: Email::new(row.get(2)?)?,
        created_at: time(&row, 3)?,
        removed_at: optional_time(&row, 4)?,
        last_seen: optional_time(&row, 5)?,
        acknowledged: seq(&row, 6)?,
    })
}

fn waiting_row(row: Row) -> Option<WaitingRow> {
    let (seq_of_event, at) = (seq(&row, 1)?, time(&row, 6)?);
    let event = match row.get(2)? {
        "MSG" => Event::Message(std::sync::Arc::new(Message {
            seq: seq_of_event,
            id: MessageId::new(row.get(3)?)?,
            from: user(&row, 4)?,
            to: Place::parse(row.get(5)?).ok()?,
            at,
            text: Text::new(&record::unescape(row.get(7)?.into()).ok()?)?,
        })),
        "STATE" => Event::State {
            seq: seq_of_event,
            place: Place::parse(row.get(3)?).ok()?,
            state: State::parse(row.get(4)?)?,
            upto: seq(&row, 5)?,
            at,
        },
        _ => return None,
    };
    Some(WaitingRow { user: user(&row, 0)?, event })
}

fn chat_row(row: Row) -> Option<ChatRow> {
    Some(ChatRow { user: user(&row, 0)?, peer: user(&row, 1)?, read: seq(&row, 2)? })
}

fn conversation_row(row: Row) -> Option<ConversationRow> {
    let filed = Filed { bytes: row.get(1)?.parse().ok()?, upto: seq(&row, 2)? };
    Some(ConversationRow { id: ConversationId::parse(row.get(0)?)?, filed })
}

fn id_row(row: Row) -> Option<IdRow> {
    let sent = SentMessage { seq: seq(&row, 2)?, at: time(&row, 3)?, digest: Digest::parse(row.get(4)?)? };
    Some(IdRow { user: user(&row, 0)?, id: MessageId::new(row.get(1)?)?, sent })
}
