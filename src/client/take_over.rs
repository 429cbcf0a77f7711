//! What another client of the same user left behind: messages that it could only queue, and rows of
//! what it sent. Whoever starts next sends the messages; a person's client takes the rows as well,
//! so that its history is whole.
//!
//! Everything is known by its id, and let go of only when it is safe in its new place. So this may
//! be cut anywhere and done again.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::entry::Entry;
use super::error::LedgerError;
use super::history;
use super::home::{Home, Use, history_file, lock, outbox_file, settle_known};
use super::ledger::Ledger;
use super::outbox::{Outbox, Waiting};
use super::texts::words;
use crate::disk::Disk;
use crate::model::MessageId;

/// Takes over what is in the directory `seat`, if no client uses it.
pub fn take_over(disk: &Arc<dyn Disk>, seat: &Path, home: &Home, how: Use) -> Result<(), LedgerError> {
    if !disk.exists(&outbox_file(seat)).map_err(LedgerError::io(seat, words::LOOK_INTO))? {
        return Ok(());
    }
    let _lock = match lock(&**disk, seat) {
        Err(LedgerError::InUse { .. }) => return Ok(()),
        lock => lock?,
    };
    let (mut outbox, _) = Outbox::open(disk.clone(), outbox_file(seat))?;
    // A person's history may be long, and a pipe should begin at once.
    if outbox.is_empty() && how == Use::Pipe {
        return Ok(());
    }
    let mut rows = Vec::new();
    let (mut notes, _) = Ledger::open(disk.clone(), history_file(seat), history::KIND, &mut |fields| {
        rows.push(Entry::read(fields)?);
        Some(())
    })?;
    let settled: HashSet<_> = rows.iter().filter_map(|row| row.id().cloned()).collect();
    if how == Use::Person {
        take_rows(home, rows)?;
    }
    take_messages(home, &outbox, &settled)?;
    outbox.clear()?;
    if how == Use::Person && !settled.is_empty() { notes.rewrite(&[]) } else { Ok(()) }
}

fn take_rows(home: &Home, mut rows: Vec<Entry>) -> Result<(), LedgerError> {
    let mut history = home.history.lock();
    rows.retain(|row| row.id().is_some_and(|id| !history.has_settled(id)));
    history.adopt(rows)?;
    settle_known(&mut home.outbox.lock(), &history)
}

/// `settled`: what its old place knows to be sent, or failed.
fn take_messages(home: &Home, outbox: &Outbox, settled: &HashSet<MessageId>) -> Result<(), LedgerError> {
    let (history, mut mine) = (home.history.lock(), home.outbox.lock());
    let here = |message: &&Waiting| {
        let id = &message.id;
        settled.contains(id) || history.has_settled(id) || mine.waiting().any(|waiting| waiting.id == *id)
    };
    let new = outbox.waiting().filter(|message| !here(message)).cloned().collect();
    mine.queue_all(new)
}
