//! The thread of a server in a cluster: it follows the log, becomes the leader when there is none, and then keeps the lease
//! and removes entries. It tells the router what it finds, and never touches the store.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::endpoints::Access;
use super::entry::FORMAT;
use super::etcd::{Compare, Etcd, Operation};
use super::failed_step::{Trouble, deadline, diverged, fallen_behind};
use super::failure::EtcdError;
use super::keys::Keys;
use super::progress::Progress;
use super::registrar::{Registrar, ServerList};
use super::registration::Registration;
use super::removal::remove_entries;
use super::term::{Room, Term};
use super::url::ClusterUrl;
use crate::model::{ServerAddress, Timestamp};

/// Time between two looks at the log of a server that follows it.
const POLL: Duration = Duration::from_millis(100);

/// Duration of the leader's lease: a leader that is gone is replaced after it.
pub const LEASE_SECONDS: i64 = 3;

/// Time between two renewals of the lease.
const RENEWAL: Duration = Duration::from_millis(700);

/// Time between two looks at what may be removed from the log, and at the size of etcd's database.
const REMOVAL: Duration = Duration::from_secs(2);

/// Time between two compactions of etcd's history.
const COMPACTION: Duration = Duration::from_secs(30);

/// Most entries that one call brings: with the longest ones its answer is below [`super::ANSWER_BYTES`].
const ENTRIES: u64 = 8;

/// Configuration of a server in a cluster.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    pub url: ClusterUrl,
    pub access: Access,
    /// Name of this server.
    pub name: String,
    /// Tells this process from another one that serves under the same name: random digits.
    pub process: String,
    /// Host name or address under which clients reach this server.
    pub host: String,
    /// Size in bytes that etcd's database may have: nothing more is stored at half of it.
    pub quota_bytes: u64,
}

/// A message of the thread to the router.
pub enum News {
    /// The next entries of the log. Dropping the second part says that they are applied, or that there is no room for them.
    Entries(Vec<Vec<u8>>, Sender<()>),
    /// This server leads from here on: the store has the whole log.
    Lead(Term),
    /// The servers as they are now.
    Servers(ServerList),
    /// The term is over, and why.
    Over(String),
    /// This server cannot go on: why, and what to do.
    Failed(String),
}

/// The thread, from outside.
pub struct Member {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Member {
    /// Starts the thread. `tell` puts news into the router's queue.
    pub fn start(
        config: &MemberConfig,
        address: ServerAddress,
        progress: Arc<Progress>,
        tell: impl Fn(News) + Send + 'static,
    ) -> io::Result<Self> {
        let etcd =
            Etcd::new(&config.url, config.access.clone()).map_err(|error| io::Error::other(error.to_string()))?;
        let own = Registration {
            name: config.name.clone(),
            process: config.process.clone(),
            address: Some(address),
            format: FORMAT,
            applied: 0,
            covered: 0,
            time: Timestamp::now(),
        };
        let keys = Keys::new(config.url.prefix());
        let (stop, stopped) = bounded(0);
        let mut thread = Thread {
            registrar: Registrar::new(etcd.clone(), keys.clone(), own, progress.clone()),
            keys,
            quota_bytes: config.quota_bytes,
            etcd,
            progress,
            tell: Box::new(tell),
            stopped,
            room: Arc::default(),
            lease: None,
            leader: None,
            in_trouble: false,
        };
        let thread = Builder::new().name("cluster".to_owned()).spawn(move || thread.run())?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Has the thread end, and give the lease back: another server can lead at once. It does not wait for that.
    pub fn resign(&mut self) {
        self.stop = None;
    }
}

impl Drop for Member {
    /// Waits for the end of the thread: the router's queue has to be drained, or gone.
    fn drop(&mut self) {
        self.resign();
        if let Some(thread) = self.thread.take() {
            // One that has panicked has ended, too.
            let _ = thread.join();
        }
    }
}

struct Thread {
    etcd: Etcd,
    keys: Keys,
    quota_bytes: u64,
    registrar: Registrar,
    progress: Arc<Progress>,
    tell: Box<dyn Fn(News) + Send>,
    stopped: Receiver<()>,
    room: Arc<Room>,
    /// The lease of the leader's key, while this server has it.
    lease: Option<i64>,
    /// Revision of the leader's key when the servers were last told to the router.
    leader: Option<i64>,
    /// The last step has failed: it is logged once.
    in_trouble: bool,
}

impl Thread {
    fn run(&mut self) {
        let end = self.stand_by().and_then(|epoch| self.lead(epoch));
        if let Some(lease) = self.lease.take() {
            // Should it fail, the lease ends by itself.
            let _ = self.etcd.revoke_lease(lease, deadline());
        }
        if matches!(end, Err(Trouble::Stopped)) {
            self.registrar.sign_off();
        }
        match end {
            Ok(why) => (self.tell)(News::Over(why)),
            Err(Trouble::Final(why)) => (self.tell)(News::Failed(why)),
            Err(Trouble::Etcd(error)) => (self.tell)(News::Over(error.to_string())),
            Err(Trouble::Stopped) => {}
        }
    }

    /// Follows the log until this server leads. Returns the epoch of its term.
    fn stand_by(&mut self) -> Result<i64, Trouble> {
        loop {
            match self.follow() {
                Ok(Some(epoch)) => return Ok(epoch),
                Ok(None) => self.in_trouble = false,
                Err(Trouble::Etcd(error)) => self.note(&error),
                Err(trouble) => return Err(trouble),
            }
            self.wait(POLL)?;
        }
    }

    /// Applies what is new, and takes the leader's key if nobody has it.
    fn follow(&mut self) -> Result<Option<i64>, Trouble> {
        self.register_if_due()?;
        self.catch_up()?;
        let found = self.etcd.range(&self.keys.leader(), None, 1, deadline())?;
        let leader = found.values.first().map(|leader| leader.create_revision);
        if leader != self.leader {
            self.leader = leader;
            self.tell_servers()?;
        }
        if leader.is_none() && self.registrar.may_lead() { self.take_key() } else { Ok(None) }
    }

    /// Has the router apply the entries after the last one.
    fn catch_up(&mut self) -> Result<(), Trouble> {
        loop {
            let applied = self.progress.link.lock().number;
            let found =
                self.etcd.range(&self.keys.entry(applied + 1), Some(&self.keys.log_end()), ENTRIES, deadline())?;
            let Some(first) = found.values.first() else { return Ok(()) };
            if self.keys.number_of(&first.key) != Some(applied + 1) {
                return Err(Trouble::Final(fallen_behind(applied)));
            }
            let (done, applied_all) = bounded(0);
            (self.tell)(News::Entries(found.values.into_iter().map(|row| row.value).collect(), done));
            self.wait_until_closed(&applied_all)?;
            if self.progress.link.lock().number == applied {
                // There is no room for them on the disk, which the router has logged.
                return self.wait(Duration::from_secs(1));
            }
            if let Some(lease) = self.lease {
                self.etcd.keep_lease(lease, deadline())?;
            }
            if !found.more {
                return Ok(());
            }
        }
    }

    /// Takes the leader's key, and reads the log to its end: every older append has taken effect by now, or never will.
    fn take_key(&mut self) -> Result<Option<i64>, Trouble> {
        let lease = self.etcd.grant_lease(LEASE_SECONDS, deadline())?;
        self.lease = Some(lease);
        let compares = [Compare::CreateRevision(self.keys.leader(), 0)];
        let put = Operation::Put { key: self.keys.leader(), value: self.registrar.name().as_bytes().to_vec(), lease };
        let led = match self.etcd.transact(&compares, &[put], deadline()) {
            Ok(taken) if taken.succeeded => self.begin_term(taken.revision).map(|()| Some(taken.revision)),
            Ok(_) => Ok(None),
            Err(error) => Err(error.into()),
        };
        if !matches!(led, Ok(Some(_))) {
            // With the lease the key goes, if it was put.
            self.lease = None;
            let _ = self.etcd.revoke_lease(lease, deadline());
        }
        led
    }

    fn begin_term(&mut self, epoch: i64) -> Result<(), Trouble> {
        self.catch_up()?;
        let head = self.registrar.read_link(self.keys.head())?;
        let base = self.registrar.read_link(self.keys.base())?;
        let format = self.registrar.read_format()?;
        let own = *self.progress.link.lock();
        if own.number < head.number {
            let why = "the disk has no room for the entries of the log: this server cannot lead";
            return Err(EtcdError::Unknown(why.to_owned()).into());
        }
        if own != head {
            return Err(Trouble::Final(diverged(&own, &head)));
        }
        self.room.base_bytes.store(base.bytes, Ordering::Relaxed);
        let etcd = self.etcd.clone();
        let keys = self.keys.clone();
        let room = self.room.clone();
        (self.tell)(News::Lead(Term { etcd, keys, epoch, format, head, room }));
        Ok(())
    }

    /// Keeps the lease and removes entries until the term is over. Returns why it is.
    fn lead(&mut self, epoch: i64) -> Result<String, Trouble> {
        let Some(lease) = self.lease else { return Err(Trouble::Stopped) };
        let mut kept = Instant::now();
        let mut looked = Instant::now();
        let mut compacted = Instant::now();
        loop {
            self.wait(RENEWAL)?;
            match self.etcd.keep_lease(lease, deadline()) {
                Ok(true) => kept = Instant::now(),
                Ok(false) => return Ok("the lease of the leader has ended".to_owned()),
                Err(error) if kept.elapsed() >= Duration::from_secs(LEASE_SECONDS as u64) => {
                    return Ok(format!("the lease cannot be renewed: {error}"));
                }
                // Nothing else is worth a time-out now.
                Err(_) => continue,
            }
            let done = self.register_if_due().and_then(|()| {
                if looked.elapsed() >= REMOVAL {
                    looked = Instant::now();
                    self.look_at_room(epoch, &mut compacted)?;
                }
                Ok(())
            });
            match done {
                Ok(()) => self.in_trouble = false,
                Err(Trouble::Etcd(error)) => self.note(&error),
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// Removes what may go, and compares the size of etcd's database with its quota.
    fn look_at_room(&mut self, epoch: i64, compacted: &mut Instant) -> Result<(), Trouble> {
        let revision = remove_entries(&self.etcd, &self.keys, epoch, &self.room, deadline())?;
        // Each append leaves the former head in etcd's history, also where no entry goes.
        if compacted.elapsed() >= COMPACTION {
            *compacted = Instant::now();
            self.etcd.compact(revision, deadline())?;
        }
        let members = self.etcd.status(deadline());
        let largest = members.iter().filter_map(|(_, status)| status.as_ref().ok()).map(|status| status.db_bytes).max();
        let is_half_full = largest.is_some_and(|bytes| bytes >= self.quota_bytes / 2);
        self.room.is_half_full.store(is_half_full, Ordering::Relaxed);
        Ok(())
    }

    /// Notes in etcd how far this server is, and tells the router where the others are.
    fn register_if_due(&mut self) -> Result<(), Trouble> {
        if self.registrar.register_if_due()? { self.tell_servers() } else { Ok(()) }
    }

    fn tell_servers(&mut self) -> Result<(), Trouble> {
        let servers = self.registrar.read_servers()?;
        (self.tell)(News::Servers(servers));
        Ok(())
    }

    /// Logs the first of several failures.
    fn note(&mut self, error: &EtcdError) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            log::warn!("etcd: {error}; trying again");
        }
    }

    fn wait(&self, time: Duration) -> Result<(), Trouble> {
        match self.stopped.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            _ => Err(Trouble::Stopped),
        }
    }

    /// Waits until the router has dropped the other end.
    fn wait_until_closed(&self, closed: &Receiver<()>) -> Result<(), Trouble> {
        crossbeam_channel::select! {
            recv(closed) -> _ => Ok(()),
            recv(self.stopped) -> _ => Err(Trouble::Stopped),
        }
    }
}
