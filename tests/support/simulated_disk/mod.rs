//! A disk in memory that can lose power.
//!
//! Beside the content that a program sees it keeps the synced content, and the list of the changes since. A power
//! cut keeps any subset of that list: of a write any of its sectors, of a file's growth any part, of a directory's
//! changes any. It can also fail one call. It produces every outcome that the rules of [`wachat::disk`] allow, and those
//! that a real disk hardly ever shows are common.

mod nodes;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::random::Random;
use nodes::{Change, Node, State, split, write_into};
use wachat::disk::{Disk, File, SyncAll};

/// The fault of a call that was chosen to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine stops before the call: this call and all later ones fail.
    Stop,
    /// The call fails with this error and has no effect; later ones work. A sync that fails has
    /// forgotten what it had to write: a later one does not make it durable, as on Linux.
    Error(io::ErrorKind),
    /// A write writes half of its bytes and fails; any other call has no effect and fails.
    ShortWrite,
}

/// A disk in memory. Clones share it.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

impl Default for SimulatedDisk {
    fn default() -> Self {
        Self::of(vec![Node::directory()])
    }
}

impl SimulatedDisk {
    fn of(nodes: Vec<Node>) -> Self {
        let state = State { nodes, calls: 0, syncs: 0, fault: None, is_stopped: false, locks: HashMap::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Begins a call: counts it, and fails if it was chosen to.
    fn call(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.0.lock();
        state.count_call()?;
        Ok(state)
    }

    /// Returns the number of calls so far: each of them can be made to fail.
    pub fn calls(&self) -> u64 {
        self.0.lock().calls
    }

    /// Returns the number of syncs of a file among them.
    pub fn syncs(&self) -> u64 {
        self.0.lock().syncs
    }

    /// Makes the call with this number fail (counted from 1, over the disk's life).
    pub fn fail(&self, call: u64, fault: Fault) {
        self.0.lock().fault = Some((call, fault));
    }

    /// Checks that the call that was chosen to fail has come.
    pub fn has_failed(&self) -> bool {
        let state = self.0.lock();
        state.fault.is_some_and(|(call, _)| call <= state.calls)
    }

    /// Ends all faults. Unsynced changes are still visible, as after a process was killed and the system was not.
    pub fn heal(&self) {
        let mut state = self.0.lock();
        (state.fault, state.is_stopped) = (None, false);
    }

    /// Returns the disk as it is after a power cut. `keep` decides for each change that was not synced, or for each
    /// sector of it, whether it reached the disk.
    pub fn after_power_cut(&self, mut keep: impl FnMut() -> bool) -> Self {
        Self::of(self.0.lock().nodes.iter().map(|node| node.after_power_cut(&mut keep)).collect())
    }

    /// Checks the disk as each end of a process leaves it: a power cut with nothing or with half of what was not synced, and
    /// a kill. `how`: what went before.
    pub fn check_after_each_end(&self, random: &mut Random, how: &str, check: impl Fn(&Self, &str)) {
        check(&self.after_power_cut(|| false), &format!("{how}, nothing kept"));
        check(&self.after_power_cut(|| random.chance(50)), &format!("{how}, half kept"));
        self.heal();
        check(self, &format!("{how}, killed"));
    }

    /// Changes a file, durably and without a call: as a failing disk does, or a curious person. Does nothing if the
    /// file does not exist.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        let found = state.find(path).ok().and_then(|number| state.nodes.get_mut(number));
        if let Some(Node::File { now, durable, changes }) = found {
            change(now);
            durable.clone_from(now);
            changes.clear();
        }
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.call()?;
        let number = state.find(path)?;
        state.file(number)?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.call()?;
        let (directory, name) = split(path)?;
        let directory = state.find(directory)?;
        let number = match state.find(path) {
            Ok(number) => number,
            Err(_) => state.add(directory, name, Node::file())?,
        };
        let (now, _, changes) = state.file(number)?;
        now.clear();
        changes.push(Change::Length(0));
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        let mut above: Vec<_> = path.ancestors().filter(|p| p.file_name().is_some()).collect();
        above.reverse();
        for path in above {
            if state.find(path).is_err() {
                let (directory, name) = split(path)?;
                let directory = state.find(directory)?;
                state.add(directory, name, Node::directory())?;
            }
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.call()?;
        let number = state.find(path)?;
        Ok(state.names(number)?.keys().cloned().collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let state = self.call()?;
        Ok(state.find(path).is_ok())
    }

    /// Renames within one directory only.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        let (directory, old) = split(from)?;
        let (other, new) = split(to)?;
        if directory != other {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let directory = state.find(directory)?;
        let number = state.find(from)?;
        state.change(directory, vec![(old, None), (new, Some(number))])
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        state.remove(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        let number = state.find(path)?;
        // One by one, as the real call does: a power cut may leave any of the files.
        for name in state.names(number)?.keys().cloned().collect::<Vec<_>>() {
            state.change(number, vec![(name, None)])?;
        }
        state.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.call()?;
        let number = state.find(path)?;
        match state.nodes.get_mut(number) {
            Some(Node::Directory { now, durable, changes }) => {
                durable.clone_from(now);
                changes.clear();
                Ok(())
            }
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn open_to_sync(&self, directory: &Path) -> io::Result<Option<Box<dyn SyncAll>>> {
        let state = self.call()?;
        Ok(Some(Box::new(SimulatedDirectory { disk: self.clone(), number: state.find(directory)? })))
    }

    fn free_bytes(&self, _directory: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let mut state = self.call()?;
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
    number: usize,
}

/// Converts an offset for memory.
fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.call()?;
        let content = state.file(self.number)?.0.get(index(offset)?..).unwrap_or_default();
        let len = content.len().min(buffer.len());
        buffer[..len].copy_from_slice(&content[..len]);
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let short = state.count_write()?;
        let written = if short { bytes.split_at(bytes.len() / 2).0 } else { bytes };
        let (now, _, changes) = state.file(self.number)?;
        write_into(now, index(offset)?, written);
        changes.push(Change::Write { offset: index(offset)?, bytes: written.to_vec() });
        if short { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.call()?;
        Ok(state.file(self.number)?.0.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.call()?;
        let (now, _, changes) = state.file(self.number)?;
        now.resize(index(len)?, 0);
        changes.push(Change::Length(index(len)?));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let counted = state.count_call();
        state.syncs += 1;
        state.sync(self.number, counted.is_ok())?;
        counted
    }
}

struct SimulatedDirectory {
    disk: SimulatedDisk,
    number: usize,
}

impl SyncAll for SimulatedDirectory {
    fn sync_all(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let counted = state.count_call();
        state.syncs += 1;
        for file in state.names(self.number)?.values().copied().collect::<Vec<_>>() {
            state.sync(file, counted.is_ok())?;
        }
        counted
    }
}
