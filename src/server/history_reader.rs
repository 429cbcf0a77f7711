//! The history threads: they read the messages that are in history files only, so that a slow file delays only the
//! client that asked. The results go to the router, which sends them in the place of the request.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::limits;
use crate::model::{Message, Seq};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Event, HistoryRecord, Reply};
use crate::record::length_in_record;
use crate::state_machine::{ConnectionId, Delivery, Excerpt, FiledEvents};
use crate::store::{Store, StoreError};

/// More than anything in a history record takes beside its text.
const RECORD_BYTES: usize = 256;

/// A request's search in the history of a conversation.
pub(super) enum Lookup {
    /// `STATUS` of a message.
    Status(Seq),
    /// `HISTORY`.
    History { limit: usize, before: Option<Seq> },
    /// `READ`: the last message of the peer up to a number.
    LastOfPeer { target: RequestedTarget, seq: Seq },
}

/// Work for a history thread.
pub(super) enum Job {
    Lookup(Lookup, Excerpt),
    /// The events of a poll, some of them in history files.
    Events(Delivery),
}

/// Result of a job. Errors were logged; the client is told INTERNAL.
pub(super) enum HistoryResult {
    /// The reply, as it is sent.
    Reply(Vec<u8>),
    /// A READ can be decided now.
    LastOfPeer {
        target: RequestedTarget,
        seq: Seq,
        found: Option<Seq>,
    },
    Failed,
}

/// Takes the result of a job.
pub(super) trait Report: Fn(ConnectionId, HistoryResult) + Send + 'static {}

impl<F: Fn(ConnectionId, HistoryResult) + Send + 'static> Report for F {}

/// Hands jobs to the history threads; they end with this value.
pub(super) struct HistoryReader {
    /// Each connection has at most one job here: unbounded, but bounded by the number of connections.
    jobs: Sender<(ConnectionId, Job)>,
}

impl HistoryReader {
    /// Starts the threads; they hand each result to `report`.
    pub fn start(store: &Store, report: impl Report + Clone) -> io::Result<Self> {
        let (jobs, queue) = unbounded();
        for _ in 0..limits::HISTORY_THREADS {
            let (store, report, queue) = (store.clone(), report.clone(), queue.clone());
            thread::Builder::new().name("history".to_owned()).spawn(move || work(&store, &report, &queue))?;
        }
        Ok(Self { jobs })
    }

    pub fn submit(&self, connection: ConnectionId, job: Job) {
        // The threads end with this value, and so does the queue.
        let _ = self.jobs.send((connection, job));
    }
}

fn work(store: &Store, report: &impl Report, queue: &Receiver<(ConnectionId, Job)>) {
    while let Ok((connection, job)) = queue.recv() {
        // A panic is a defect, and has told so on standard error; the client must not wait for ever.
        let result = catch_unwind(AssertUnwindSafe(|| run(store, job))).unwrap_or(Ok(HistoryResult::Failed));
        let result = result.unwrap_or_else(|error| {
            log::error!("{connection}: {error}");
            HistoryResult::Failed
        });
        report(connection, result);
    }
}

fn run(store: &Store, job: Job) -> Result<HistoryResult, StoreError> {
    let reply = match job {
        Job::Lookup(Lookup::LastOfPeer { target, seq }, excerpt) => {
            let found = last_of_peer(store, &excerpt, seq)?;
            return Ok(HistoryResult::LastOfPeer { target, seq, found });
        }
        Job::Lookup(Lookup::Status(seq), excerpt) => status(store, &excerpt, seq)?,
        Job::Lookup(Lookup::History { limit, before }, excerpt) => {
            let rows = last_messages(store, &excerpt, limit, before)?;
            Reply::History(
                rows.into_iter().map(|message| HistoryRecord { state: excerpt.state_of(&message), message }).collect(),
            )
        }
        Job::Events(delivery) => Reply::Events(delivered(store, delivery)?),
    };
    let mut bytes = Vec::new();
    reply.write(&mut bytes);
    Ok(HistoryResult::Reply(bytes))
}

fn status(store: &Store, excerpt: &Excerpt, seq: Seq) -> Result<Reply, StoreError> {
    let found = last_messages(store, excerpt, 1, Some(seq.next()))?.pop();
    Ok(match found.filter(|row| row.seq == seq && row.from == excerpt.me) {
        Some(row) => Reply::Statuses(excerpt.statuses(row.seq)),
        None => Code::NoMessage.into(),
    })
}

/// Returns the newest messages of a conversation, oldest first: the excerpt's, and before them those in the file. Fewer
/// than `limit` where they would be too long a reply, but never none.
fn last_messages(
    store: &Store,
    excerpt: &Excerpt,
    limit: usize,
    before: Option<Seq>,
) -> Result<Vec<Arc<Message>>, StoreError> {
    let mut newest_first = Vec::new();
    let mut bytes = 0;
    // The first message always fits.
    let mut fits = |row: &Arc<Message>| {
        let first = bytes == 0;
        bytes += length_in_record(row.text.as_str()) + RECORD_BYTES;
        first || bytes <= limits::REPLY_BYTES
    };
    for row in excerpt.rows.iter().rev() {
        if !fits(row) {
            newest_first.reverse();
            return Ok(newest_first);
        }
        newest_first.push(row.clone());
    }
    let before = excerpt.rows.first().map(|row| row.seq).or(before);
    if newest_first.len() < limit
        && let Some(file) = store.history(excerpt.conversation, excerpt.filed)?
    {
        for row in file.newest_first(before)?.take(limit - newest_first.len()) {
            let row = row?;
            if !fits(&row) {
                break;
            }
            newest_first.push(row);
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}

/// Returns the number of the peer's last message up to a number, from the file: memory holds none. Messages that were read
/// before are not looked through again.
fn last_of_peer(store: &Store, excerpt: &Excerpt, upto: Seq) -> Result<Option<Seq>, StoreError> {
    let Some((peer, read_before)) = excerpt.peer() else { return Ok(None) };
    let Some(file) = store.history(excerpt.conversation, excerpt.filed)? else { return Ok(None) };
    for row in file.newest_first(Some(upto.next()))? {
        let row = row?;
        if row.seq <= read_before {
            break;
        }
        if row.from == *peer {
            return Ok(Some(row.seq));
        }
    }
    Ok(None)
}

/// Returns the events of a poll, with those that are in history files.
pub fn delivered(store: &Store, delivery: Delivery) -> Result<Vec<Event>, StoreError> {
    let Delivery { mut events, filed } = delivery;
    for FiledEvents { conversation, filed, seqs } in filed {
        let rows = store.history(conversation, filed)?.map_or(Ok(Vec::new()), |file| file.rows(&seqs))?;
        events.extend(rows.into_iter().map(Event::Message));
    }
    // Those without a number stay in front, in the order in which they happened.
    events.sort_by_key(Event::seq);
    Ok(events)
}
