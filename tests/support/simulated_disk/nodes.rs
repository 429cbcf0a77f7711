//! The files and directories of the simulated disk, with their synced content and the changes since.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Weak;

use super::Fault;

/// A sector is written whole or not at all.
const SECTOR: usize = 512;

pub(super) struct State {
    /// Number 0 is the root directory.
    pub nodes: Vec<Node>,
    pub calls: u64,
    pub syncs: u64,
    pub fault: Option<(u64, Fault)>,
    pub is_stopped: bool,
    pub locks: HashMap<PathBuf, Weak<()>>,
}

/// A file or a directory: the content that a program sees, the durable content, and the changes since, in order.
pub(super) enum Node {
    File { now: Vec<u8>, durable: Vec<u8>, changes: Changes },
    Directory { now: Names, durable: Names, changes: Vec<NameChange> },
}

pub(super) type Names = BTreeMap<String, usize>;

/// A change of some names of one directory, all or nothing: a rename changes two.
pub(super) type NameChange = Vec<(String, Option<usize>)>;

pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// The fate of a change at a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was not synced, and may be lost.
    Unsynced,
    /// Its sync has failed, and the system has forgotten that it has to be written: it may be lost, and no later
    /// sync changes that.
    Forgotten,
    /// It is kept, though a change before it was forgotten.
    Durable,
}

/// The changes of a file since its content was last durable as a whole, in order.
#[derive(Default)]
pub(super) struct Changes(Vec<(Change, Fate)>);

impl Changes {
    pub fn push(&mut self, change: Change) {
        self.0.push((change, Fate::Unsynced));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Makes the changes durable that a sync still can. Returns `true` if these are all.
    pub fn sync(&mut self) -> bool {
        let is_whole = self.0.iter().all(|(_, fate)| *fate != Fate::Forgotten);
        self.decide(Fate::Durable);
        is_whole
    }

    /// Marks the changes of a failed sync.
    pub fn fail_sync(&mut self) {
        self.decide(Fate::Forgotten);
    }

    fn decide(&mut self, to: Fate) {
        self.0.iter_mut().filter(|(_, fate)| *fate == Fate::Unsynced).for_each(|(_, fate)| *fate = to);
    }

    /// Returns what a power cut leaves of a durable content and these changes.
    fn after_power_cut(&self, durable: &[u8], keep: &mut impl FnMut() -> bool) -> Vec<u8> {
        let mut left = durable.to_vec();
        for (change, fate) in &self.0 {
            let mut keep = || *fate == Fate::Durable || keep();
            match change {
                Change::Length(len) if keep() => left.resize(*len, 0),
                Change::Length(_) => {}
                Change::Write { offset, bytes } => keep_sectors(&mut left, *offset, bytes, &mut keep),
            }
        }
        left
    }
}

impl Node {
    pub fn file() -> Self {
        Self::File { now: Vec::new(), durable: Vec::new(), changes: Changes::default() }
    }

    pub fn directory() -> Self {
        Self::Directory { now: Names::new(), durable: Names::new(), changes: Vec::new() }
    }

    pub fn after_power_cut(&self, keep: &mut impl FnMut() -> bool) -> Self {
        match self {
            Self::File { durable, changes, .. } => {
                let left = changes.after_power_cut(durable, keep);
                Self::File { now: left.clone(), durable: left, changes: Changes::default() }
            }
            Self::Directory { durable, changes, .. } => {
                let mut left = durable.clone();
                changes.iter().filter(|_| keep()).for_each(|change| change_names(&mut left, change));
                Self::Directory { now: left.clone(), durable: left, changes: Vec::new() }
            }
        }
    }
}

fn change_names(names: &mut Names, change: &NameChange) {
    for (name, node) in change {
        match node {
            Some(node) => names.insert(name.clone(), *node),
            None => names.remove(name),
        };
    }
}

/// Keeps some of a write's sectors. Where a later one is kept and an earlier one is not, the bytes between are
/// zeros if the file did not reach there before.
fn keep_sectors(left: &mut Vec<u8>, offset: usize, bytes: &[u8], keep: &mut impl FnMut() -> bool) {
    let mut at = offset;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (sector, after) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
        if keep() {
            write_into(left, at, sector);
        }
        (at, rest) = (at + sector.len(), after);
    }
}

pub(super) fn write_into(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(target) = content.get_mut(offset..end) {
        target.copy_from_slice(bytes);
    }
}

/// Splits a path into a directory and a name in it.
pub(super) fn split(path: &Path) -> io::Result<(&Path, String)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok((path.parent().unwrap_or(Path::new("/")), name.to_string_lossy().into_owned()))
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl State {
    /// Counts a write, and fails if it was chosen to. `Ok(true)`: write half of the bytes, then fail.
    pub fn count_write(&mut self) -> io::Result<bool> {
        self.calls += 1;
        let chosen = self.fault.filter(|(call, _)| *call == self.calls).map(|(_, fault)| fault);
        self.is_stopped |= chosen == Some(Fault::Stop);
        match chosen {
            _ if self.is_stopped => Err(io::Error::other("the machine has stopped")),
            Some(Fault::Error(kind)) => Err(kind.into()),
            chosen => Ok(chosen == Some(Fault::ShortWrite)),
        }
    }

    /// Counts another call, and fails if it was chosen to.
    pub fn count_call(&mut self) -> io::Result<()> {
        if self.count_write()? { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }

    /// Returns the number of the node that a path leads to.
    pub fn find(&self, path: &Path) -> io::Result<usize> {
        let mut number = 0;
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            number = *self.names(number)?.get(&*name.to_string_lossy()).ok_or_else(not_found)?;
        }
        Ok(number)
    }

    pub fn names(&self, number: usize) -> io::Result<&Names> {
        match self.nodes.get(number) {
            Some(Node::Directory { now, .. }) => Ok(now),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub fn change(&mut self, directory: usize, change: NameChange) -> io::Result<()> {
        match self.nodes.get_mut(directory) {
            Some(Node::Directory { now, changes, .. }) => {
                change_names(now, &change);
                changes.push(change);
                Ok(())
            }
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Adds a node under a name.
    pub fn add(&mut self, directory: usize, name: String, node: Node) -> io::Result<usize> {
        self.nodes.push(node);
        let number = self.nodes.len() - 1;
        self.change(directory, vec![(name, Some(number))]).map(|()| number)
    }

    pub fn remove(&mut self, path: &Path) -> io::Result<()> {
        let (directory, name) = split(path)?;
        self.find(path)?;
        self.change(self.find(directory)?, vec![(name, None)])
    }

    /// Syncs a file. `works`: its changes become durable.
    pub fn sync(&mut self, file: usize, works: bool) -> io::Result<()> {
        let (now, durable, changes) = self.file(file)?;
        if !works {
            changes.fail_sync();
        } else if changes.sync() {
            durable.clone_from(now);
            changes.clear();
        }
        Ok(())
    }

    /// Returns a file's content, its durable content, and the changes since.
    pub fn file(&mut self, number: usize) -> io::Result<(&mut Vec<u8>, &mut Vec<u8>, &mut Changes)> {
        match self.nodes.get_mut(number) {
            Some(Node::File { now, durable, changes }) => Ok((now, durable, changes)),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }
}
