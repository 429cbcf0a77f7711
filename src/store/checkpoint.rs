//! Checkpoints: core's whole state as tables, made beside the live core from what is on the disk.

use std::path::{Path, PathBuf};

use super::table::{Kind, Row, Table, TableWriter};
use super::{Store, StoreError};
use crate::core::{
    AccountRow, ChatRow, ConversationId, ConversationRow, Core, Digest, Filed, IdRow, Policy, SentMessage, Snapshot,
    WaitingRow,
};
use crate::disk;
use crate::journal;
use crate::model::{Email, Message, MessageId, Place, Seq, State, Text, Timestamp, UserName};
use crate::protocol::{Event, record};

const STORE: Kind = Kind { name: "store", columns: &["store", "last", "segment", "next_batch"] };
const USERS: Kind =
    Kind { name: "users", columns: &["name", "password_hash", "email", "created_at", "last_seen", "acknowledged"] };
const OFFLINE: Kind = Kind {
    name: "offline",
    columns: &["for", "seq", "kind", "id_or_place", "from_or_state", "to_or_upto", "at", "text"],
};
const MARKS: Kind = Kind { name: "marks", columns: &["user", "with", "read"] };
const CONVERSATIONS: Kind = Kind { name: "conversations", columns: &["file", "bytes", "last"] };
const IDS: Kind = Kind { name: "ids", columns: &["from", "id", "seq", "at", "digest"] };

const PREFIX: &str = "checkpoint-";

/// A checkpoint as it was read.
pub(super) struct Loaded {
    pub core: Core,
    /// It covers the journal up to this segment.
    pub segment: u64,
    pub next_batch: u64,
    pub bytes: u64,
}

/// What a new checkpoint came to.
#[derive(Debug)]
pub struct Checkpointed {
    /// What the history files hold now, durably.
    pub filed: Vec<(ConversationId, Filed)>,
    pub bytes: u64,
    /// How many bytes of journal it made superfluous.
    pub covered_upto: u64,
}

impl Store {
    /// Makes a checkpoint of everything up to a closed segment: the rows into the history files, the
    /// state into tables. Renaming the tables' directory is the commit point; before it nothing that a
    /// restart reads has changed, after it the old checkpoint and the segments are superfluous.
    pub fn checkpoint(&self, upto: u64) -> Result<Checkpointed, StoreError> {
        let Loaded { mut core, segment, next_batch, bytes } = self.load_newest(Policy::default())?;
        if segment >= upto {
            return Ok(Checkpointed { filed: Vec::new(), bytes, covered_upto: segment });
        }
        let location = self.journal(core.store().clone());
        let next_batch = journal::replay_closed(&location, segment + 1..=upto, next_batch, &mut |line| {
            core.replay(line).map_err(|error| error.to_string())
        })?;
        let filed = self.append_history(&core)?;
        core.filed(&filed);
        let bytes = self.write_checkpoint(&core, upto, next_batch)?;
        self.remove_superfluous(upto)?;
        Ok(Checkpointed { filed, bytes, covered_upto: upto })
    }

    /// Writes core's state, durably, under the name that makes it the newest. Returns its size.
    pub(super) fn write_checkpoint(&self, core: &Core, segment: u64, next_batch: u64) -> Result<u64, StoreError> {
        let (new, path) = (self.directory.join("checkpoint.new"), self.checkpoint_path(segment));
        let io = StoreError::io;
        if self.disk.exists(&new).map_err(io(&new))? {
            self.disk.remove_dir(&new).map_err(io(&new))?;
        }
        self.disk.create_dir(&new).map_err(io(&new))?;
        let mut bytes = 0;
        for (kind, table) in tables(&core.snapshot(), segment, next_batch) {
            let file = kind.file(&new);
            disk::write(&*self.disk, &file, &table).map_err(io(&file))?;
            bytes += table.len() as u64;
        }
        self.disk.sync_dir(&new).map_err(io(&new))?;
        self.disk.rename(&new, &path).map_err(io(&path))?;
        self.disk.sync_dir(&self.directory).map_err(io(&self.directory))?;
        Ok(bytes)
    }

    /// Removes what the newest checkpoint has made superfluous.
    pub(super) fn remove_superfluous(&self, newest: u64) -> Result<(), StoreError> {
        for older in self.checkpoints()?.into_iter().filter(|segment| *segment < newest) {
            let path = self.checkpoint_path(older);
            self.disk.remove_dir(&path).map_err(StoreError::io(&path))?;
        }
        let directory = self.journal_directory();
        journal::remove_upto(&*self.disk, &directory, newest).map_err(StoreError::io(&directory))
    }

    /// The segments up to which there are checkpoints, oldest first.
    pub(super) fn checkpoints(&self) -> Result<Vec<u64>, StoreError> {
        let names = self.disk.list(&self.directory).map_err(StoreError::io(&self.directory))?;
        let mut found: Vec<u64> = names.iter().filter_map(|name| name.strip_prefix(PREFIX)?.parse().ok()).collect();
        found.sort_unstable();
        Ok(found)
    }

    fn checkpoint_path(&self, segment: u64) -> PathBuf {
        self.directory.join(format!("{PREFIX}{segment:06}"))
    }

    pub(super) fn load_newest(&self, policy: Policy) -> Result<Loaded, StoreError> {
        let newest = self.checkpoints()?.pop();
        let newest = newest.ok_or_else(|| StoreError::NoCheckpoint { directory: self.directory.clone() })?;
        let path = self.checkpoint_path(newest);
        let read = |kind: &Kind| Table::read(&*self.disk, &path, kind);
        let (store, users, offline) = (read(&STORE)?, read(&USERS)?, read(&OFFLINE)?);
        let (marks, conversations, ids) = (read(&MARKS)?, read(&CONVERSATIONS)?, read(&IDS)?);
        let bytes = [&store, &users, &offline, &marks, &conversations, &ids].iter().map(|table| table.bytes).sum();
        let about = store.each(store_row)?.pop();
        let about = about.filter(|about| about.segment == newest).ok_or_else(|| damaged(&path, &STORE))?;
        let snapshot = Snapshot {
            store: about.store.as_str().into(),
            last: about.last,
            accounts: users.each(account_row)?,
            waiting: offline.each(waiting_row)?,
            chats: marks.each(chat_row)?,
            conversations: conversations.each(conversation_row)?,
            ids: ids.each(id_row)?,
        };
        let core = Core::restore(snapshot, policy).map_err(|error| StoreError::Damaged {
            file: path,
            line: 1,
            what: error.to_string(),
        })?;
        Ok(Loaded { core, segment: newest, next_batch: about.next_batch, bytes })
    }
}

fn damaged(checkpoint: &Path, kind: &Kind) -> StoreError {
    StoreError::Damaged { file: kind.file(checkpoint), line: 3, what: "not what this checkpoint is called".to_owned() }
}

fn tables(snapshot: &Snapshot, segment: u64, next_batch: u64) -> Vec<(&'static Kind, Vec<u8>)> {
    let mut store = TableWriter::new(&STORE);
    store.row(&[snapshot.store.to_string(), snapshot.last.to_string(), segment.to_string(), next_batch.to_string()]);
    let mut users = TableWriter::new(&USERS);
    for row in &snapshot.accounts {
        let seen = row.last_seen.map_or(String::new(), |at| at.to_string());
        let (created, acknowledged) = (row.created_at.to_string(), row.acknowledged.to_string());
        users.row(&[row.name.shown(), &row.password_hash, row.email.as_str(), &created, &seen, &acknowledged]);
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
    let all = [
        (&STORE, store),
        (&USERS, users),
        (&OFFLINE, offline),
        (&MARKS, marks),
        (&CONVERSATIONS, conversations),
        (&IDS, ids),
    ];
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
        // Events without a number wait for nobody who is away.
        Event::Online { .. } | Event::Offline { .. } => {}
    }
}

struct About {
    store: String,
    last: Seq,
    segment: u64,
    next_batch: u64,
}

fn user(row: &Row, column: usize) -> Option<UserName> {
    UserName::new(row.get(column)?).ok()
}

fn seq(row: &Row, column: usize) -> Option<Seq> {
    Seq::parse(row.get(column)?)
}

fn time(row: &Row, column: usize) -> Option<Timestamp> {
    Timestamp::parse(row.get(column)?)
}

fn store_row(row: Row) -> Option<About> {
    let number = |column: usize| row.get(column)?.parse().ok();
    Some(About { store: row.get(0)?.to_owned(), last: seq(&row, 1)?, segment: number(2)?, next_batch: number(3)? })
}

fn account_row(row: Row) -> Option<AccountRow> {
    let last_seen = match row.get(4)? {
        "" => None,
        _ => Some(time(&row, 4)?),
    };
    Some(AccountRow {
        name: user(&row, 0)?,
        password_hash: row.get(1)?.into(),
        email: Email::new(row.get(2)?)?,
        created_at: time(&row, 3)?,
        last_seen,
        acknowledged: seq(&row, 5)?,
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
