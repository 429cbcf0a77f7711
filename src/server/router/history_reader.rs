//! The history threads: they read the messages that are in history files only, so that a slow file delays only the
//! client that asked. The results go to the router, which sends them at that request's turn.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::history_queue::{HistoryQueue, Task};
use crate::limits;
use crate::model::{Seq, State};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Codec, Event, HistoryRecord, Ko, Reply, write_list_head};
use crate::record::length_in_record;
use crate::state_machine::{AccountNumber, ConnectionId, ConversationId, Cost, Delivery, Excerpt, FiledEvents, Sought};
use crate::store::{Row, Store, StoreError};

/// Threads that read history files.
const HISTORY_THREADS: usize = 2;

/// Bytes that are counted for a history record beside its text. The longest names take some more: a reply of such records
/// is longer than [`limits::REPLY_BYTES`] by half.
const RECORD_BYTES: usize = 256;

/// A request's search in the history of a conversation.
#[derive(Clone)]
pub(crate) enum Lookup {
    /// `STATUS` of a message.
    Status(Seq),
    /// `HISTORY`.
    History { target: RequestedTarget, limit: usize, before: Option<Seq> },
    /// `READ`: the last message of the peer up to a number.
    LastOfPeer { target: RequestedTarget, seq: Seq },
    /// `ERASE`: the message with a number.
    Erase { target: RequestedTarget, seq: Seq },
}

/// Work for a history thread.
pub(crate) enum Job {
    Lookup(Lookup, Box<Excerpt>),
    /// The events of a poll, some of them in history files.
    Events(Delivery),
}

/// Result of a job. Errors were logged; the client is told INTERNAL.
pub(crate) enum HistoryResult {
    /// The reply, as it is sent.
    Reply(Vec<u8>),
    /// The events of a poll, and the reply that they make.
    Events {
        events: Vec<Event>,
        bytes: Vec<u8>,
    },
    /// The reply is a KO.
    Refused(Ko),
    /// The records of a HISTORY reply. The state machine sets the states of their messages.
    Records {
        target: RequestedTarget,
        records: Vec<HistoryRecord>,
    },
    /// A READ can be decided now.
    LastOfPeer {
        target: RequestedTarget,
        seq: Seq,
        found: Option<Seq>,
    },
    /// Retention has removed a message of a poll since the poll was decided: its device lacks it for ever.
    Removed,
    /// An ERASE can be decided now.
    Sought {
        target: RequestedTarget,
        seq: Seq,
        sought: Sought,
    },
    Failed,
}

/// A job that is done.
pub(crate) struct Done {
    pub connection: ConnectionId,
    pub user: AccountNumber,
    /// The cost for the user, also if the connection is closed by now.
    pub cost: Cost,
    /// The conversation that the user asks about; `None`: it is a poll.
    pub conversation: Option<ConversationId>,
    /// What was looked up there.
    pub lookup: Option<Lookup>,
    /// [`StoredState::rewritings`] when the job was made.
    ///
    /// [`StoredState::rewritings`]: crate::state_machine::StoredState::rewritings
    pub rewritings: u64,
    pub result: HistoryResult,
}

/// Takes the result of a job.
pub(crate) trait Report: Fn(Done) + Send + 'static {}

impl<F: Fn(Done) + Send + 'static> Report for F {}

/// Hands jobs to the history threads; they end with this value.
pub(crate) struct HistoryReader {
    queue: Arc<HistoryQueue<Job>>,
}

impl HistoryReader {
    /// Starts the threads; they hand each result to `report`.
    pub fn start(store: &Store, report: impl Report + Clone) -> io::Result<Self> {
        let reader = Self { queue: Arc::default() };
        for _ in 0..HISTORY_THREADS {
            let store = store.with_own_count();
            let report = report.clone();
            let queue = reader.queue.clone();
            thread::Builder::new().name("history".to_owned()).spawn(move || work(&store, &report, &queue))?;
        }
        Ok(reader)
    }

    pub fn submit(&self, user: AccountNumber, connection: ConnectionId, job: Job) {
        self.queue.submit(Task { user, connection, job });
    }

    /// Drops the job of a connection that is closed, unless it is under way.
    pub fn cancel(&self, user: AccountNumber, connection: ConnectionId) {
        self.queue.cancel(user, connection);
    }
}

impl Drop for HistoryReader {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn work(store: &Store, report: &impl Report, queue: &HistoryQueue<Job>) {
    while let Some(Task { user, connection, job }) = queue.next() {
        let (conversation, lookup, rewritings) = match &job {
            Job::Lookup(lookup, excerpt) => (Some(excerpt.conversation), Some(lookup.clone()), excerpt.rewritings),
            Job::Events(delivery) => (None, None, delivery.rewritings),
        };
        // A panic is a defect, and has told so on standard error; the client must not wait for ever.
        let result = catch_unwind(AssertUnwindSafe(|| run(store, job))).unwrap_or(Ok(HistoryResult::Failed));
        let result = result.unwrap_or_else(|error| {
            log::error!("{connection}: {error}");
            HistoryResult::Failed
        });
        let cost = Cost::of_tokens(store.take_count() / limits::READ_TOKEN_BYTES);
        report(Done { connection, user, cost, conversation, lookup, rewritings, result });
        queue.finish(user);
    }
}

fn run(store: &Store, job: Job) -> Result<HistoryResult, StoreError> {
    let reply = match job {
        Job::Lookup(Lookup::LastOfPeer { target, seq }, excerpt) => {
            let found = last_of_peer(store, &excerpt, seq)?;
            return Ok(HistoryResult::LastOfPeer { target, seq, found });
        }
        Job::Lookup(Lookup::Erase { target, seq }, excerpt) => {
            let sought = seek(store, &excerpt, seq)?;
            return Ok(HistoryResult::Sought { target, seq, sought });
        }
        Job::Lookup(Lookup::Status(seq), excerpt) => status(store, *excerpt, seq)?,
        Job::Lookup(Lookup::History { target, limit, before }, excerpt) => {
            let records = last_messages(store, &excerpt, limit, before)?;
            return Ok(HistoryResult::Records { target, records });
        }
        Job::Events(delivery) => {
            let Some(events) = delivered(store, delivery)? else { return Ok(HistoryResult::Removed) };
            let mut bytes = Vec::new();
            write_list_head(&mut bytes, events.len());
            events.iter().for_each(|event| event.write(&mut bytes));
            return Ok(HistoryResult::Events { events, bytes });
        }
    };
    if let Reply::Ko(ko) = reply {
        return Ok(HistoryResult::Refused(ko));
    }
    let mut bytes = Vec::new();
    reply.write(&mut bytes);
    Ok(HistoryResult::Reply(bytes))
}

fn status(store: &Store, excerpt: Excerpt, seq: Seq) -> Result<Reply, StoreError> {
    Ok(match last_messages(store, &excerpt, 1, Some(seq.next()))?.pop() {
        Some(HistoryRecord::Message { message, .. }) if message.seq == seq && message.from == excerpt.me => {
            Reply::Statuses(excerpt.statuses)
        }
        Some(HistoryRecord::Damaged { last, .. }) if last == seq => Code::Damaged.into(),
        _ => Code::NoMessage.into(),
    })
}

/// Returns the message with a number.
fn seek(store: &Store, excerpt: &Excerpt, seq: Seq) -> Result<Sought, StoreError> {
    Ok(match last_messages(store, excerpt, 1, Some(seq.next()))?.pop() {
        Some(HistoryRecord::Message { message, .. }) if message.seq == seq => Sought::Message(message),
        Some(HistoryRecord::Damaged { last, .. }) if last == seq => Sought::Damaged,
        _ => Sought::Missing,
    })
}

/// Returns the newest records of a conversation, oldest first: the excerpt's, and before them those in the file. Fewer
/// than `limit` where they would be too long a reply, but never none.
fn last_messages(
    store: &Store,
    excerpt: &Excerpt,
    limit: usize,
    before: Option<Seq>,
) -> Result<Vec<HistoryRecord>, StoreError> {
    let before_these = excerpt.rows.first().map(|row| row.seq).or(before);
    let file = store.history(excerpt.conversation, &excerpt.participants, excerpt.filed)?;
    let older = file.as_ref().map(|file| file.newest_first(before_these)).transpose()?;
    let rows = excerpt.rows.iter().rev().map(|row| Ok(Row::Message(row.clone()))).chain(older.into_iter().flatten());
    let mut newest_first = Vec::new();
    let mut bytes = 0;
    for row in rows.take(limit) {
        let row = row?;
        bytes += RECORD_BYTES;
        if let Row::Message(message) = &row {
            bytes += length_in_record(message.text.as_str());
        }
        // The first one always fits.
        if bytes > limits::REPLY_BYTES && !newest_first.is_empty() {
            break;
        }
        newest_first.push(match row {
            Row::Message(message) => HistoryRecord::Message { message, state: State::Received },
            Row::Damaged { first, last } => HistoryRecord::Damaged { first, last },
        });
    }
    newest_first.reverse();
    Ok(newest_first)
}

/// Returns the number of the peer's last message up to a number, from the file: memory holds none. Messages that were read
/// before are not looked through again.
fn last_of_peer(store: &Store, excerpt: &Excerpt, upto: Seq) -> Result<Option<Seq>, StoreError> {
    let Some((peer, read_before)) = &excerpt.peer else { return Ok(None) };
    let Some(file) = store.history(excerpt.conversation, &excerpt.participants, excerpt.filed)? else {
        return Ok(None);
    };
    for row in file.newest_first(Some(upto.next()))? {
        let Row::Message(row) = row? else { continue };
        if row.seq <= *read_before {
            break;
        }
        if row.from == *peer {
            return Ok(Some(row.seq));
        }
    }
    Ok(None)
}

/// Returns the events of a poll, with those that are in history files. A message whose row is damaged is an event that
/// says so, under the message's number. `None`: retention has removed one of them meanwhile.
pub fn delivered(store: &Store, delivery: Delivery) -> Result<Option<Vec<Event>>, StoreError> {
    let Delivery { mut events, filed, .. } = delivery;
    for (id, FiledEvents { participants, target, filed, seqs }) in filed {
        let file = store.history(id, &participants, filed)?;
        let removed = file.as_ref().map_or(Seq::ZERO, |file| file.removed_meanwhile(filed));
        let rows = file.map_or(Ok(vec![None; seqs.len()]), |file| file.rows(&seqs))?;
        if seqs.iter().zip(&rows).any(|(seq, row)| row.is_none() && *seq <= removed) {
            return Ok(None);
        }
        let damaged = |seq| Event::Damaged { seq, target: target.clone() };
        events.extend(seqs.iter().zip(rows).map(|(seq, row)| row.map_or(damaged(*seq), Event::Message)));
    }
    // Those without a number stay in front, in the order in which they happened.
    events.sort_by_key(Event::seq);
    Ok(Some(events))
}
