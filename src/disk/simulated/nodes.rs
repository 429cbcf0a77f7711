//! What the simulated disk is made of: files and directories that remember what was synced.

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
    pub stopped: bool,
    pub locks: HashMap<PathBuf, Weak<()>>,
}

/// A file or a directory: what a program sees, what is durable, and what came since, in order.
pub(super) enum Node {
    File { now: Vec<u8>, durable: Vec<u8>, since: Since },
    Directory { now: Names, durable: Names, since: Vec<NameChange> },
}

pub(super) type Names = BTreeMap<String, usize>;

/// What becomes of some names of one directory, all or nothing: a rename changes two.
pub(super) type NameChange = Vec<(String, Option<usize>)>;

pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// Whether a change will be there after a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was not synced: perhaps.
    Open,
    /// A sync has failed on it, and the system has forgotten that it ever had to be written: perhaps, and
    /// no later sync makes that any better.
    Adrift,
    /// It is, though one before it is adrift.
    Safe,
}

/// What came to a file since its content was last durable as a whole, in order.
#[derive(Default)]
pub(super) struct Since(Vec<(Change, Fate)>);

impl Since {
    pub fn push(&mut self, change: Change) {
        self.0.push((change, Fate::Open));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Makes all of it durable that a sync still can. `true`: that is everything.
    pub fn sync(&mut self) -> bool {
        let adrift = self.0.iter().any(|(_, fate)| *fate == Fate::Adrift);
        self.pass(Fate::Safe);
        !adrift
    }

    /// A sync has failed.
    pub fn fail_sync(&mut self) {
        self.pass(Fate::Adrift);
    }

    fn pass(&mut self, to: Fate) {
        self.0.iter_mut().filter(|(_, fate)| *fate == Fate::Open).for_each(|(_, fate)| *fate = to);
    }

    /// What is left of a durable content and these changes after a power cut.
    fn left(&self, durable: &[u8], keep: &mut impl FnMut() -> bool) -> Vec<u8> {
        let mut left = durable.to_vec();
        for (change, fate) in &self.0 {
            let mut keep = || *fate == Fate::Safe || keep();
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
        Self::File { now: Vec::new(), durable: Vec::new(), since: Since::default() }
    }

    pub fn directory() -> Self {
        Self::Directory { now: Names::new(), durable: Names::new(), since: Vec::new() }
    }

    pub fn after_power_cut(&self, keep: &mut impl FnMut() -> bool) -> Self {
        match self {
            Self::File { durable, since, .. } => {
                let left = since.left(durable, keep);
                Self::File { now: left.clone(), durable: left, since: Since::default() }
            }
            Self::Directory { durable, since, .. } => {
                let mut left = durable.clone();
                since.iter().filter(|_| keep()).for_each(|change| change_names(&mut left, change));
                Self::Directory { now: left.clone(), durable: left, since: Vec::new() }
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

pub(super) fn write_into(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(target) = content.get_mut(offset..end) {
        target.copy_from_slice(bytes);
    }
}

/// A directory, and a name in it.
pub(super) fn split(path: &Path) -> io::Result<(&Path, String)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok((path.parent().unwrap_or(Path::new("/")), name.to_string_lossy().into_owned()))
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl State {
    /// Counts a call, and fails it if it was chosen. `Ok(true)`: do half of a write, then fail.
    pub fn count(&mut self) -> io::Result<bool> {
        self.calls += 1;
        let chosen = self.fault.filter(|(call, _)| *call == self.calls).map(|(_, fault)| fault);
        self.stopped |= chosen == Some(Fault::Stop);
        match chosen {
            _ if self.stopped => Err(io::Error::other("the machine has stopped")),
            Some(Fault::Error(kind)) => Err(kind.into()),
            chosen => Ok(chosen == Some(Fault::ShortWrite)),
        }
    }

    /// Counts a call that is no write.
    pub fn count_whole(&mut self) -> io::Result<()> {
        if self.count()? { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }

    /// Which node a path leads to.
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
            Some(Node::Directory { now, since, .. }) => {
                change_names(now, &change);
                since.push(change);
                Ok(())
            }
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Puts a new node under a name.
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

    /// A file's content and what came to it since the last sync.
    pub fn file(&mut self, number: usize) -> io::Result<(&mut Vec<u8>, &mut Vec<u8>, &mut Since)> {
        match self.nodes.get_mut(number) {
            Some(Node::File { now, durable, since }) => Ok((now, durable, since)),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }
}
