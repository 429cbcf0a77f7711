//! A disk in memory that can lose power.
//!
//! It keeps, beside what a program sees, what would be left after a power cut: the synced contents,
//! and the list of what came after. A cut keeps any subset of that list: of a write any of its
//! sectors, of a file's growth any part, of a directory's changes any. It can also fail one call.
//! No outcome that the rules of [`super`] allow is beyond it, and many that a real disk would
//! hardly ever show are common.

mod nodes;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, File};
use nodes::{Change, Node, State, split, write_into};

/// What happens to a call that was chosen to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The machine stops before the call: it and all later ones fail.
    Stop,
    /// The call fails with this error and has done nothing; later ones work. A sync that fails has
    /// forgotten what it had to write: a later one does not make it durable (so it is on Linux).
    Error(io::ErrorKind),
    /// A write does half of its work and fails; any other call just fails.
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
        let state = State { nodes, calls: 0, syncs: 0, fault: None, stopped: false, locks: HashMap::new() };
        Self(Arc::new(Mutex::new(state)))
    }

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

    /// Lets the machine go on, and nothing go wrong any more. What was written but not synced is
    /// still there: so it is when a process was killed and the system was not.
    pub fn heal(&self) {
        let mut state = self.0.lock();
        (state.fault, state.stopped) = (None, false);
    }

    /// The disk as it is after a power cut. `keep` decides, for each thing that was not synced,
    /// whether it reached the disk.
    pub fn after_power_cut(&self, mut keep: impl FnMut() -> bool) -> Self {
        Self::of(self.0.lock().nodes.iter().map(|node| node.after_power_cut(&mut keep)).collect())
    }

    /// Changes a file behind everybody's back, durably: what a failing disk or a curious person does.
    /// A file that is not there stays so.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.0.lock();
        let found = state.find(path).ok().and_then(|number| state.nodes.get_mut(number));
        if let Some(Node::File { now, durable, since }) = found {
            change(now);
            durable.clone_from(now);
            since.clear();
        }
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.0.lock();
        state.count_whole()?;
        let number = state.find(path)?;
        state.file(number)?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.0.lock();
        state.count_whole()?;
        let (directory, name) = split(path)?;
        let directory = state.find(directory)?;
        let number = match state.find(path) {
            Ok(number) => number,
            Err(_) => state.add(directory, name, Node::file())?,
        };
        let (now, _, since) = state.file(number)?;
        now.clear();
        since.push(Change::Length(0));
        Ok(Arc::new(SimulatedFile { disk: self.clone(), number }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.count_whole()?;
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
        let mut state = self.0.lock();
        state.count_whole()?;
        let number = state.find(path)?;
        Ok(state.names(number)?.keys().cloned().collect())
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut state = self.0.lock();
        state.count_whole()?;
        Ok(state.find(path).is_ok())
    }

    /// Within one directory only: nothing here needs more.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.count_whole()?;
        let ((directory, old), (other, new)) = (split(from)?, split(to)?);
        if directory != other {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let (directory, number) = (state.find(directory)?, state.find(from)?);
        state.change(directory, vec![(old, None), (new, Some(number))])
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.count_whole()?;
        state.remove(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.count_whole()?;
        let number = state.find(path)?;
        // One by one, as the real call does: a power cut may leave any of them.
        for name in state.names(number)?.keys().cloned().collect::<Vec<_>>() {
            state.change(number, vec![(name, None)])?;
        }
        state.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        state.count_whole()?;
        let number = state.find(path)?;
        match state.nodes.get_mut(number) {
            Some(Node::Directory { now, durable, since }) => {
                durable.clone_from(now);
                since.clear();
                Ok(())
            }
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send>> {
        let mut state = self.0.lock();
        state.count_whole()?;
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

/// Memory is small enough for a machine word.
fn target(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl File for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.disk.0.lock();
        state.count_whole()?;
        let content = state.file(self.number)?.0.get(target(offset)?..).unwrap_or_default();
        let len = content.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(content) {
            *to = *from;
        }
        Ok(len)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let short = state.count()?;
        let written = if short { bytes.split_at(bytes.len() / 2).0 } else { bytes };
        let (now, _, since) = state.file(self.number)?;
        write_into(now, target(offset)?, written);
        since.push(Change::Write { offset: target(offset)?, bytes: written.to_vec() });
        if short { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }

    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.0.lock();
        state.count_whole()?;
        Ok(state.file(self.number)?.0.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        state.count_whole()?;
        let (now, _, since) = state.file(self.number)?;
        now.resize(target(len)?, 0);
        since.push(Change::Length(target(len)?));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock();
        let counted = state.count_whole();
        state.syncs += 1;
        let (now, durable, since) = state.file(self.number)?;
        if counted.is_err() {
            since.fail_sync();
        } else if since.sync() {
            durable.clone_from(now);
            since.clear();
        }
        counted
    }
}
