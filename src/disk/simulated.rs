//! A disk in memory that can lose power.
//!
//! It keeps, beside what a program sees, what would be left after a power cut: the synced contents,
//! and the list of what came after. A cut keeps any subset of that list: of a write any of its
//! sectors, of a file's growth any part, of a directory's changes any. It can also fail one call.
//! No outcome that the rules of [`super`] allow is beyond it, and many that a real disk would
//! hardly ever show are common.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, File};

/// A sector is written whole or not at all.
const SECTOR: usize = 512;

/// What happens to a call that was chosen to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes before the call: it and all later ones fail.
    PowerCut,
    /// The call fails with this error and has done nothing; later ones work.
    Error(io::ErrorKind),
    /// A write does half of its work and fails; any other call just fails.
    ShortWrite,
}

/// A disk in memory. Clones share it.
#[derive(Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    inodes: Vec<Inode>,
    /// Where each path leads, as the program sees it: a file's inode, or a directory.
    names: BTreeMap<PathBuf, Entry>,
    durable_names: BTreeMap<PathBuf, Entry>,
    /// Changes of names since their directory was synced, in order.
    pending_names: Vec<NameChange>,
    calls: u64,
    syncs: u64,
    fault: Option<(u64, Fault)>,
    off: bool,
    locks: HashMap<PathBuf, std::sync::Weak<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Directory,
    File(usize),
}

/// One change of names, all or nothing: what becomes of each path.
struct NameChange {
    directories: Vec<PathBuf>,
    set: Vec<(PathBuf, Option<Entry>)>,
}

#[derive(Default)]
struct Inode {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl SimulatedDisk {
    /// How many calls there were: each is a place where something can go wrong.
    pub fn calls(&self) -> u64 {
        self.0.lock().calls
    }

    /// How many of them were syncs of a file.
    pub fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// Lets the call with this number (counted from 1, over the disk's life) go wrong.
    pub fn fail(&self, call: u64, fault: Fault) {
        self.0.lock().fault = Some((call, fault));
    }

    /// Whether the call that was chosen to go wrong has come.
    pub fn has_failed(&self) -> bool {
        let state = self.0.lock();
        state.fault.is_some_and(|(call, _)| call <= state.calls)
    }

    /// Whether the power is cut.
    pub fn is_off(&self) -> bool {
        self.0.lock().off
    }

    /// Lets nothing go wrong any more.
    pub fn heal(&self) {
        self.0.lock().fault = None;
    }

    /// The disk as it is after a power cut. `keep` decides, for each thing that was not synced,
    /// whether it reached the disk.
    pub fn after_power_cut(&self, mut keep: impl FnMut() -> bool) -> Self {
        let state = self.0.lock();
        let mut names = state.durable_names.clone();
        for change in &state.pending_names {
            if keep() {
                apply_names(&mut names, &change.set);
            }
        }
        // A name in a directory that was itself never made is gone with it.
        let has_parent = |path: &PathBuf| path.ancestors().skip(1).all(|p| is_root(p) || names.contains_key(p));
        let names: BTreeMap<_, _> = names.iter().filter(|(p, _)| has_parent(p)).map(|(p, e)| (p.clone(), *e)).collect();
        let inodes = state.inodes.iter().map(|inode| inode.after_power_cut(&mut keep)).collect();
        Self(Arc::new(Mutex::new(State { inodes, durable_names: names.clone(), names, ..State::default() })))
    }

    /// Changes a file behind everybody's back, durably: what a failing disk or a curious person does.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        if let Some(Entry::File(index)) = state.names.get(path).copied()
            && let Some(inode) = state.inodes.get_mut(index)
        {
            change(&mut inode.now);
            inode.durable = inode.now.clone();
            inode.pending.clear();
        }
    }
}

fn is_root(path: &Path) -> bool {
    path.as_os_str().is_empty() || path == Path::new("/")
}

fn apply_names(names: &mut BTreeMap<PathBuf, Entry>, set: &[(PathBuf, Option<Entry>)]) {
    for (path, entry) in set {
        match entry {
            Some(entry) => names.insert(path.clone(), *entry),
            None => names.remove(path),
        };
    }
}

impl Inode {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        write_into(&mut self.now, offset, bytes);
        self.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    fn sync(&mut self) {
        self.durable = self.now.clone();
        self.pending.clear();
    }

    fn after_power_cut(&self, keep: &mut impl FnMut() -> bool) -> Self {
        let mut left = self.durable.clone();
        for change in &self.pending {
            match change {
                Change::Length(len) if keep() => left.resize(*len, 0),
                Change::Length(_) => {}
                Change::Write { offset, bytes } => keep_sectors(&mut left, *offset, bytes, keep),
            }
        }
        Self { now: left.clone(), durable: left, pending: Vec::new() }
    }
}

/// Keeps some of a write's sectors. Where a later one is kept and an earlier one is not, what lies
/// between reads as zeros if the file did not reach there before.
fn keep_sectors(left: &mut Vec<u8>, offset: usize, bytes: &[u8], keep: &mut impl FnMut() -> bool) {
    let (mut at, mut rest) = (offset, bytes);
    while !rest.is_empty() {
        let (sector, after) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
        if keep() {
            write_into(left, at, sector);
        }
        (at, rest) = (at + sector.len(), after);
    }
}

fn write_into(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

/// The error of a machine that is off.
fn off() -> io::Error {
    io::Error::other("the power is cut")
}

impl State {
    /// Counts a call, and fails it if it was chosen. `Ok(true)`: do half of a write, then fail.
    fn call(&mut self) -> io::Result<bool> {
        self.calls += 1;
        if self.off {
            return Err(off());
        }
        match self.fault {
            Some((call, fault)) if call == self.calls => match fault {
                Fault::PowerCut => {
                    self.off = true;
                    Err(off())
                }
                Fault::Error(kind) => Err(kind.into()),
                Fault::ShortWrite => Ok(true),
            },
            _ => Ok(false),
        }
    }

    /// Counts a call that is no write.
    fn whole_call(&mut self) -> io::Result<()> {
        if self.call()? { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }

    fn entry(&self, path: &Path) -> io::Result<Entry> {
        if is_root(path) {
            return Ok(Entry::Directory);
        }
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        match self.entry(path)? {
            Entry::File(index) => Ok(index),
            Entry::Directory => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn change_names(&mut self, directories: Vec<PathBuf>, set: Vec<(PathBuf, Option<Entry>)>) {
        apply_names(&mut self.names, &set);
        self.pending_names.push(NameChange { directories, set });
    }

    fn children(&self, path: &Path) -> Vec<PathBuf> {
        self.names.keys().filter(|p| p.parent() == Some(path) && !is_root(p)).cloned().collect()
    }

    fn inode(&mut self, index: usize) -> io::Result<&mut Inode> {
        self.inodes.get_mut(index).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_path_buf()
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.0.lock();
        state.whole_call()?;
        let index = state.file(path)?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), index }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.0.lock();
        state.whole_call()?;
        state.entry(&parent(path))?;
        let index = match state.file(path) {
            Ok(index) => index,
            Err(_) => {
                state.inodes.push(Inode::default());
                let index = state.inodes.len() - 1;
                state.change_names(vec![parent(path)], vec![(path.to_path_buf(), Some(Entry::File(index)))]);
                index
            }
        };
        let inode = state.inode(index)?;
        if !inode.now.is_empty() {
            inode.now.clear();
            inode.pending.push(Change::Length(0));
        }
        Ok(Arc::new(SimulatedFile { disk: self.clone(), index }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.whole_call()?;
        let missing: Vec<_> =
            path.ancestors().filter(|p| !is_root(p) && !state.names.contains_key(*p)).map(Path::to_path_buf).collect();
        for path in missing.into_iter().rev() {
            state.change_names(vec![parent(&path)], vec![(path, Some(Entry::Directory))]);
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut state = self.0.lock();
        state.whole_call()?;
        state.entry(path)?;
        let name = |p: PathBuf| p.file_name().map(|n| n.to_string_lossy().into_owned());
        Ok(state.children(path).into_iter().filter_map(name).collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.0.lock();
        state.whole_call()?;
        Ok(state.names.contains_key(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.whole_call()?;
        state.entry(from)?;
        let moved: Vec<(PathBuf, Entry)> =
            state.names.iter().filter(|(p, _)| p.starts_with(from)).map(|(p, e)| (p.clone(), *e)).collect();
        let mut set = Vec::new();
        for (old, entry) in moved {
            let below = old.strip_prefix(from).unwrap_or(Path::new(""));
            let new = if is_root(below) { to.to_path_buf() } else { to.join(below) };
            set.push((old, None));
            set.push((new, Some(entry)));
        }
        state.change_names(vec![parent(from), parent(to)], set);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.whole_call()?;
        state.file(path)?;
        state.change_names(vec![parent(path)], vec![(path.to_path_buf(), None)]);
        Ok(())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.whole_call()?;
        state.entry(path)?;
        // One by one, as the real call does: a power cut may leave any of them.
        for child in state.children(path) {
            state.change_names(vec![path.to_path_buf()], vec![(child, None)]);
        }
        state.change_names(vec![parent(path)], vec![(path.to_path_buf(), None)]);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.whole_call()?;
        if !is_root(path) {
            state.entry(path)?;
        }
        let (synced, pending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.pending_names).into_iter().partition(|c| c.directories.iter().any(|d| d == path));
        state.pending_names = pending;
        for change in synced {
            apply_names(&mut state.durable_names, &change.set);
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let mut state = self.0.lock();
        state.whole_call()?;
        if state.locks.get(path).is_some_and(|lock| lock.strong_count() > 0) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let guard = Arc::new(());
        state.locks.insert(path.to_path_buf(), Arc::downgrade(&guard));
        Ok(Box::new(guard))
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    index: usize,
}

/// Memory is small enough for a machine word.
fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.whole_call()?;
        let content = state.inode(self.index)?.now.get(place(offset)?..).unwrap_or_default();
        let len = content.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(content) {
            *to = *from;
        }
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let short = state.call()?;
        let written = if short { bytes.split_at(bytes.len() / 2).0 } else { bytes };
        state.inode(self.index)?.write(place(offset)?, written);
        if short { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.0.lock();
        state.whole_call()?;
        Ok(state.inode(self.index)?.now.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.whole_call()?;
        let (inode, len) = (state.inode(self.index)?, place(len)?);
        inode.now.resize(len, 0);
        inode.pending.push(Change::Length(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.whole_call()?;
        state.syncs += 1;
        state.inode(self.index)?.sync();
        Ok(())
    }
}
