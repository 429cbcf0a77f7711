//! Removes entries of the log that the servers have in checkpoints. The leader's thread does it.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::entry::{EntryHead, Link};
use super::etcd::{Compare, Etcd, Operation};
use super::failure::EtcdError;
use super::keys::{Keys, parse_link, parse_server, write_link};
use super::registration::Registration;
use super::term::Room;
use crate::limits;
use crate::record::Fields;

/// Fewest servers that have to have an entry in a checkpoint where not all have it.
const HOLDERS: usize = 2;

/// Most servers that are registered. Their number bounds what a look at them costs.
pub(super) const MAX_SERVERS: u64 = limits::SERVERS as u64;

/// Returns the last entry that may go: all registered servers have it in a checkpoint; of a log that is too long, two.
pub(super) fn removable(servers: &[Registration], log_bytes: u64) -> Option<u64> {
    let mut covered: Vec<u64> = servers.iter().map(|server| server.covered).collect();
    covered.sort_unstable_by(|one, other| other.cmp(one));
    if log_bytes > limits::LOG_BYTES && covered.len() > HOLDERS {
        return covered.get(HOLDERS - 1).copied();
    }
    covered.last().copied()
}

/// Removes what may go, in a term of this epoch. Returns the revision of etcd at which it was done, or there was nothing to do.
pub(super) fn remove_entries(
    etcd: &Etcd,
    keys: &Keys,
    epoch: i64,
    room: &Room,
    deadline: Instant,
) -> Result<i64, EtcdError> {
    let one = |key: String| etcd.range(&key, None, 1, deadline).map(|mut found| found.values.pop());
    // Read before the registrations: a server that is registered meanwhile changes it.
    let members = one(keys.members())?.map_or(0, |members| members.mod_revision);
    let base = one(keys.base())?.and_then(|base| parse_link(&base.value));
    let head = one(keys.head())?.and_then(|head| parse_link(&head.value));
    let (first, end) = keys.servers();
    let found = etcd.range(&first, Some(&end), MAX_SERVERS, deadline)?;
    let Some((base, head)) = base.zip(head) else { return Ok(found.revision) };
    room.base_bytes.store(base.bytes, Ordering::Relaxed);
    let servers: Vec<_> = found.values.iter().filter_map(|row| parse_server(keys, &row.key, &row.value)).collect();
    if found.more || servers.len() < found.values.len() {
        return Err(EtcdError::Refused("a registration of a server cannot be read: nothing is removed".to_owned()));
    }
    let upto = removable(&servers, head.bytes.saturating_sub(base.bytes)).map_or(0, |upto| upto.min(head.number));
    if upto <= base.number {
        return Ok(found.revision);
    }
    let Some(new_base) = position_after(etcd, keys, upto, &head, deadline)? else { return Ok(found.revision) };
    let compares = [
        Compare::CreateRevision(keys.leader(), epoch),
        Compare::Value(keys.base(), write_link(&base)),
        Compare::ModRevision(keys.members(), members),
    ];
    let removal = [
        Operation::DeleteRange { from: keys.entry(0), end: keys.entry(upto + 1) },
        Operation::Put { key: keys.base(), value: write_link(&new_base), lease: 0 },
    ];
    let removed = etcd.transact(&compares, &removal, deadline)?;
    if removed.succeeded {
        room.base_bytes.store(new_base.bytes, Ordering::Relaxed);
    }
    Ok(removed.revision)
}

/// Returns the position after an entry: the one after it has that in its head line.
fn position_after(
    etcd: &Etcd,
    keys: &Keys,
    number: u64,
    head: &Link,
    deadline: Instant,
) -> Result<Option<Link>, EtcdError> {
    if number == head.number {
        return Ok(Some(*head));
    }
    let next = etcd.range(&keys.entry(number + 1), None, 1, deadline)?.values.pop();
    let head = next.and_then(|next| parse_head(&next.value));
    Ok(head.map(|next| Link { number, hash: next.before, bytes: next.bytes, time: next.time }))
}

/// Reads the head line of an entry.
fn parse_head(entry: &[u8]) -> Option<EntryHead> {
    let line = entry.split(|byte| *byte == b'\n').next()?;
    EntryHead::from_fields(&Fields::parse(line).ok()?)
}
