//! The registration of a server, from its own side: it is written every two seconds, with looks at the others and at the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::entry::{Link, check_format};
use super::etcd::{Compare, Etcd, Operation};
use super::failed_step::{Trouble, deadline, diverged, fallen_behind};
use super::keys::{Keys, parse_format, parse_link, parse_server};
use super::progress::Progress;
use super::registration::Registration;
use super::removal::MAX_SERVERS;
use crate::model::{ServerAddress, Timestamp};

/// Time between two notes of a server's position in its registration.
const REGISTRATION: Duration = Duration::from_secs(2);

/// A server whose clock differs by more from the leader's does not lead while others can: it waits this much longer.
const CLOCK_DIFFERENCE: Duration = Duration::from_secs(10);

/// Changes of a registration by which another process is known to run. A single one may be the last put of a process that is
/// gone, which etcd has carried out late.
const SIGNS_OF_LIFE: u32 = 2;

/// The registration that another process has written.
struct Other {
    revision: i64,
    /// Time at which this revision was first seen.
    since: Instant,
    changes: u32,
}

/// The servers of a cluster, as one of them sees them.
pub struct ServerList {
    /// Epoch of the leader's term; `None`: nobody leads.
    pub epoch: Option<i64>,
    /// `None` also while the leader's address is not known.
    pub leader: Option<ServerAddress>,
    pub all: Vec<ServerAddress>,
}

/// Writes the registration of this server, and reads those of the others.
pub(super) struct Registrar {
    etcd: Etcd,
    keys: Keys,
    own: Registration,
    progress: Arc<Progress>,
    /// Revision of the registration when this process has last written it; `None`: that is not known.
    seen: Option<i64>,
    registered: Option<Instant>,
    /// The registration as another process has written it.
    other: Option<Other>,
    /// Since when the clock is known to differ too much from the leader's.
    skewed_since: Option<Instant>,
}

impl Registrar {
    /// `own`: the registration, but for the position.
    pub fn new(etcd: Etcd, keys: Keys, own: Registration, progress: Arc<Progress>) -> Self {
        Self { etcd, keys, own, progress, seen: None, registered: None, other: None, skewed_since: None }
    }

    pub fn name(&self) -> &str {
        &self.own.name
    }

    /// Returns whether this server may take the leader's key: one whose clock is wrong waits for others to do so.
    pub fn may_lead(&self) -> bool {
        self.registered.is_some() && self.skewed_since.is_none_or(|since| since.elapsed() >= CLOCK_DIFFERENCE)
    }

    /// Notes that no process serves under the name any more: the administrator may forget or replace it at once. Should it
    /// fail, that takes a while.
    pub fn sign_off(&mut self) {
        let Some(seen) = self.seen else { return };
        self.own.process.clear();
        let key = self.keys.server(&self.own.name);
        let put = Operation::Put { key: key.clone(), value: self.own.write(), lease: 0 };
        let _ = self.etcd.transact(&[Compare::ModRevision(key, seen)], &[put], deadline());
    }

    /// Notes in etcd how far this server is. Returns whether it was due, and done.
    pub fn register_if_due(&mut self) -> Result<bool, Trouble> {
        if self.registered.is_some_and(|at| at.elapsed() < REGISTRATION) {
            return Ok(false);
        }
        self.read_format()?;
        self.check_position()?;
        let key = self.keys.server(&self.own.name);
        let seen = match self.seen {
            Some(seen) => seen,
            None => match self.find_registration(&key)? {
                Some(seen) => seen,
                None => return Ok(false),
            },
        };
        self.own.applied = self.progress.link.lock().number;
        self.own.covered = self.progress.covered.load(Ordering::Relaxed);
        self.own.time = Timestamp::now();
        // Until it is known to be written, it is read again.
        self.seen = None;
        let put = Operation::Put { key: key.clone(), value: self.own.write(), lease: 0 };
        let written = self.etcd.transact(&[Compare::ModRevision(key, seen)], &[put], deadline())?;
        if written.succeeded {
            self.seen = Some(written.revision);
            self.registered = Some(Instant::now());
        }
        Ok(written.succeeded)
    }

    /// Returns the revision of this server's registration, after a look at whose it is. `None`: it is that of another process,
    /// which may be gone.
    fn find_registration(&mut self, key: &str) -> Result<Option<i64>, Trouble> {
        let name = self.own.name.clone();
        let found = self.etcd.range(key, None, 1, deadline())?.values.pop();
        let Some(found) = found else {
            return Err(Trouble::Final(format!(
                "the cluster has no server {name:?}: it was forgotten, or never joined; see wachat cluster join"
            )));
        };
        let row = Registration::parse(&name, &found.value);
        let row = row.ok_or_else(|| Trouble::Final(format!("the registration of {name:?} cannot be read")))?;
        if row.process != self.own.process && !row.process.is_empty() && !self.is_given_up(found.mod_revision)? {
            return Ok(None);
        }
        let applied = self.progress.link.lock().number;
        if row.covered > applied {
            return Err(Trouble::Final(format!(
                "this store ends at entry {applied}, and {name:?} had a checkpoint of entry {}: join again with a new directory",
                row.covered
            )));
        }
        Ok(Some(found.mod_revision))
    }

    /// Returns whether another process has stopped to write the registration; it is at this revision. A process that goes on
    /// to write it has the name.
    fn is_given_up(&mut self, revision: i64) -> Result<bool, Trouble> {
        let other = self.other.get_or_insert(Other { revision, since: Instant::now(), changes: 0 });
        if other.revision != revision {
            *other = Other { revision, since: Instant::now(), changes: other.changes + 1 };
        }
        if other.changes >= SIGNS_OF_LIFE || self.registered.is_some() {
            let name = &self.own.name;
            return Err(Trouble::Final(format!("another process serves as {name:?}: give each a name of its own")));
        }
        Ok(other.since.elapsed() > 2 * REGISTRATION)
    }

    /// Returns the format in which entries are written. A newer one than this version reads ends this server: the others have
    /// agreed on it while it was away.
    pub fn read_format(&self) -> Result<u64, Trouble> {
        let key = self.keys.format();
        let format = parse_format(&self.read(&key)?).ok_or_else(|| unreadable(&key))?;
        check_format(format).map_err(Trouble::Final)?;
        Ok(format)
    }

    /// Checks that the store is a part of the log, and that the entries after it are kept.
    fn check_position(&self) -> Result<(), Trouble> {
        // In this order: meanwhile the log can only grow, and its beginning go.
        let own = *self.progress.link.lock();
        let head = self.read_link(self.keys.head())?;
        if own.number > head.number || (own.number == head.number && own.hash != head.hash) {
            return Err(Trouble::Final(diverged(&own, &head)));
        }
        let base = self.read_link(self.keys.base())?;
        if own.number < base.number {
            return Err(Trouble::Final(fallen_behind(own.number)));
        }
        Ok(())
    }

    pub fn read_link(&self, key: String) -> Result<Link, Trouble> {
        parse_link(&self.read(&key)?).ok_or_else(|| unreadable(&key))
    }

    /// Returns the value of a key that every cluster has.
    fn read(&self, key: &str) -> Result<Vec<u8>, Trouble> {
        let found = self.etcd.range(key, None, 1, deadline())?.values.pop();
        let missing = || Trouble::Final(format!("{key}: etcd has no such cluster; see wachat cluster init"));
        found.map(|found| found.value).ok_or_else(missing)
    }

    /// Returns where the leader and all servers are, and compares the clock with the leader's.
    pub fn read_servers(&mut self) -> Result<ServerList, Trouble> {
        let (first, end) = self.keys.servers();
        let found = self.etcd.range(&first, Some(&end), MAX_SERVERS, deadline())?;
        let servers = found.values.iter().filter_map(|row| parse_server(&self.keys, &row.key, &row.value));
        let servers: Vec<_> = servers.collect();
        let leader = self.etcd.range(&self.keys.leader(), None, 1, deadline())?.values.pop();
        let epoch = leader.as_ref().map(|leader| leader.create_revision);
        let leader = leader.and_then(|leader| servers.iter().find(|server| server.name.as_bytes() == leader.value));
        if let Some(leader) = leader {
            let now = Timestamp::now().millis();
            let is_off = now.abs_diff(leader.time.millis()) > (CLOCK_DIFFERENCE + REGISTRATION).as_millis() as u64;
            if is_off && self.skewed_since.is_none() {
                log::warn!("the clock differs by more than {CLOCK_DIFFERENCE:?} from the leader's: set it right");
            }
            self.skewed_since = is_off.then(Instant::now);
        }
        let leader = leader.and_then(|leader| leader.address.clone());
        Ok(ServerList { epoch, leader, all: servers.into_iter().filter_map(|server| server.address).collect() })
    }
}

fn unreadable(key: &str) -> Trouble {
    Trouble::Final(format!("{key} cannot be read"))
}
