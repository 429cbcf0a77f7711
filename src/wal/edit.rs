//! Replaces records in closed segments: what was taken back leaves a log that is not compacted.

use super::error::WalError;
use super::format::{HEAD_BYTES, Head, batch_at};
use super::location::Location;
use super::replay::{Content, lines, without_feeds};
use super::segment::write_full;
use crate::disk::Disk;
use crate::record::Fields;

/// Hands each record of a closed segment to `edit`. Where that returns a line, which ends in a line feed, the line replaces
/// the record. A segment that has changed is written anew, with the same batches under the same numbers: after a crash it is
/// there as it was, or with all changes. The commit point is the rename.
pub fn edit_segment(
    location: &Location,
    number: u64,
    edit: &mut dyn FnMut(&Fields) -> Option<Vec<u8>>,
) -> Result<(), WalError> {
    let content = Content::read(location, <dyn Disk>::open_for_reading, number)?;
    let damaged = || WalError::Damaged { file: location.segment(number), line: 1, what: "a broken batch".to_owned() };
    let mut batches = Vec::new();
    let mut is_changed = false;
    let mut end = content.head.len();
    while let Some(batch) = batch_at(&content.head, &content.bytes, end) {
        let start = batches.len();
        for record in lines(batch.records) {
            let line = Fields::parse(record).ok().and_then(|fields| edit(&fields));
            is_changed |= line.is_some();
            match line {
                Some(line) => batches.extend_from_slice(&line),
                None => batches.extend(record.iter().chain(b"\n")),
            }
        }
        let mark = content.head.mark(batch.number, batches.get(start..).unwrap_or_default());
        batches.extend_from_slice(mark.as_bytes());
        end = batch.end;
    }
    if !without_feeds(content.bytes.get(end..).unwrap_or_default()).is_empty() {
        return Err(damaged());
    }
    if is_changed { replace(location, content.head, &batches) } else { Ok(()) }
}

fn replace(location: &Location, head: Head, batches: &[u8]) -> Result<(), WalError> {
    let path = location.segment(head.number);
    let new = path.with_extension("new");
    // An empty text and the field after it may be longer than the text was.
    let size = head.size.max((HEAD_BYTES + batches.len()) as u64);
    let head = Head { size, ..head };
    let mut content = head.to_bytes();
    content.extend_from_slice(batches);
    write_full(&*location.disk, &new, &content, size).map_err(WalError::io(&new))?;
    location.disk.rename(&new, &path).map_err(WalError::io(&path))?;
    location.sync()
}
