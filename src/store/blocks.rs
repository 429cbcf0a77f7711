//! The lines of a file in blocks, which several threads parse: that takes longer than reading them.

use std::io;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, available_parallelism, yield_now};

use crc32fast::Hasher;
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use super::error::StoreError;
use crate::disk::File;

/// Length of a block. No row of a table is longer. After each one others may have the processor: while a checkpoint reads, the
/// router may wait for it, and the scheduler would let it wait for some milliseconds.
pub(super) const BLOCK_BYTES: usize = 64 << 10;

/// Reads whole lines of a file up to a given length.
pub(super) struct Blocks {
    file: Arc<dyn File>,
    at: u64,
    pub end: u64,
    /// The number of the next line, counted from 1.
    pub line: u64,
    /// The checksum of the lines before it.
    pub checksum: Hasher,
}

/// Some lines of a file.
pub(super) struct Block {
    bytes: Vec<u8>,
    first_line: u64,
    /// Number of line feeds.
    feeds: usize,
}

impl Blocks {
    pub fn new(file: Arc<dyn File>, end: u64) -> Self {
        Self { file, at: 0, end, line: 1, checksum: Hasher::new() }
    }

    /// Returns about how many blocks are left.
    fn count(&self) -> usize {
        usize::try_from((self.end - self.at).div_ceil(BLOCK_BYTES as u64)).unwrap_or(usize::MAX)
    }

    /// Returns the next lines; `None` at the end.
    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let length = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        let mut bytes = vec![0; length];
        if self.file.read_at(&mut bytes, self.at)? < length {
            return Err(io::Error::other("the file became shorter while it was read"));
        }
        let is_last = self.at + length as u64 == self.end;
        if let Some(feed) = memchr::memrchr(b'\n', &bytes).filter(|_| !is_last) {
            bytes.truncate(feed + 1);
        }
        self.checksum.update(&bytes);
        let feeds = memchr::memchr_iter(b'\n', &bytes).count();
        let first_line = self.line;
        self.at += bytes.len() as u64;
        self.line += feeds as u64;
        Ok(Some(Block { bytes, first_line, feeds }))
    }
}

impl Block {
    /// Returns the number of lines, or one more.
    pub fn line_count(&self) -> usize {
        self.feeds + 1
    }

    /// Returns the lines, without their line feeds, and their numbers.
    pub fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let ended = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', ended).chain([ended.len()]);
        let lines = ends.map(move |end| ended.get(std::mem::replace(&mut start, end + 1)..end).unwrap_or_default());
        (self.first_line..).zip(lines)
    }
}

/// Threads that parse blocks, at most.
const THREADS: usize = 4;

/// Blocks that are parsed before they are taken, at most.
const AHEAD: usize = 8;

/// The place of a block in the order in which blocks are taken.
type Place<T> = Receiver<Result<Vec<T>, StoreError>>;

/// Parses the blocks of a file on several threads, and takes what they hold in order.
pub(super) fn parse_in_order<T: Send>(
    path: &Path,
    blocks: &mut Blocks,
    parse: &(dyn Fn(Block) -> Result<Vec<T>, StoreError> + Sync),
    mut take: impl FnMut(Vec<T>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    if blocks.count() <= 1 {
        let block = blocks.next_block().map_err(StoreError::io(path))?;
        return block.map_or(Ok(()), |block| take(parse(block)?));
    }
    let threads = available_parallelism().map_or(1, NonZero::get).min(THREADS);
    let blocks = Mutex::new(blocks);
    let (places, in_order) = bounded(AHEAD);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let blocks = &blocks;
            let places = places.clone();
            let work = move || while parse_next(path, blocks, &places, parse) {};
            Builder::new().name("parsing".to_owned()).spawn_scoped(scope, work).map_err(StoreError::io(path))?;
        }
        drop(places);
        // A place without a result: the thread has panicked, and the scope says so.
        in_order.into_iter().map_while(|place: Place<T>| place.recv().ok()).try_for_each(|parsed| {
            yield_now();
            take(parsed?)
        })
    })
}

/// Parses the next block, and reserves its place while no other thread reads. `false`: there is none, or nothing is taken any
/// more.
fn parse_next<T>(
    path: &Path,
    blocks: &Mutex<&mut Blocks>,
    places: &Sender<Place<T>>,
    parse: &(dyn Fn(Block) -> Result<Vec<T>, StoreError> + Sync),
) -> bool {
    let mut blocks = blocks.lock();
    let block = match blocks.next_block() {
        Ok(None) => return false,
        Ok(Some(block)) => Ok(block),
        Err(error) => Err(StoreError::io(path)(error)),
    };
    let (give, place) = bounded(1);
    let is_taken = places.send(place).is_ok();
    drop(blocks);
    let is_good = block.is_ok();
    let is_taken = is_taken && give.send(block.and_then(parse)).is_ok();
    yield_now();
    is_taken && is_good
}
