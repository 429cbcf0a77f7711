//! The administrator's changes of a cluster, and its state for `wachat cluster status`.

use std::time::{Duration, Instant};

use super::entry::{FORMAT, Link, check_format};
use super::etcd::{Compare, Etcd, MemberStatus, Operation};
use super::failure::EtcdError;
use super::keys::{Keys, parse_format, parse_link, parse_server, write_link};
use super::registration::Registration;
use super::removal::MAX_SERVERS;
use super::url::ClusterUrl;
use super::version::check_version;
use crate::model::Timestamp;

/// Time-out of a command's calls.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Tries of a change that others may get in the way of.
const TRIES: usize = 20;

/// A server whose registration is older does not run: it writes it every two seconds.
const GONE: Duration = Duration::from_secs(30);

/// A cluster, for the administrator.
pub struct Membership {
    etcd: Etcd,
    keys: Keys,
    url: ClusterUrl,
}

/// The state of a cluster, for `wachat cluster status`.
pub struct Status {
    pub leader: Option<String>,
    /// Format in which entries are written.
    pub format: u64,
    /// The last entry.
    pub head: Link,
    /// The position before the first entry that is kept.
    pub base: Link,
    pub servers: Vec<Registration>,
    /// Each of etcd's endpoints.
    pub members: Vec<(String, Result<MemberStatus, EtcdError>)>,
}

impl Membership {
    pub fn new(url: &ClusterUrl, etcd: Etcd) -> Self {
        Self { etcd, keys: Keys::new(url.prefix()), url: url.clone() }
    }

    /// Begins a cluster: its first server's store is at this position.
    pub fn init(&self, name: &str, link: Link) -> Result<(), String> {
        self.check_etcd()?;
        let row = registration(name, link);
        let absent = [self.keys.head(), self.keys.base()].map(|key| Compare::CreateRevision(key, 0));
        let puts = [
            put(self.keys.head(), write_link(&link)),
            put(self.keys.base(), write_link(&link)),
            put(self.keys.server(name), row.write()),
            put(self.keys.members(), row.write()),
            put(self.keys.format(), FORMAT.to_string().into_bytes()),
        ];
        match self.transact(&absent, &puts)? {
            true => Ok(()),
            false => Err(format!("{} has a cluster already: join it, or name another one", self.url)),
        }
    }

    /// Registers a server whose store is at this position: from here on the entries after it are kept. A server of the same
    /// name is replaced, if it does not run.
    pub fn join(&self, name: &str, link: Link) -> Result<(), String> {
        self.check_etcd()?;
        let status = self.status()?;
        check_format(status.format)?;
        if link.number < status.base.number || link.number > status.head.number {
            let first = status.base.number;
            let last = status.head.number;
            return Err(format!(
                "the backup ends at entry {}, and the log has those after {first} up to {last}: make a new backup",
                link.number
            ));
        }
        let present = self.find(name)?;
        let seen = present.as_ref().map_or(0, |(_, revision)| *revision);
        if present.is_some_and(|(row, _)| runs(&row)) {
            return Err(format!("a server {name:?} runs already: choose another --cluster-name"));
        }
        if status.servers.len() as u64 >= MAX_SERVERS {
            return Err(format!("the cluster has {MAX_SERVERS} servers already"));
        }
        let row = registration(name, link).write();
        let compares = [
            Compare::Value(self.keys.base(), write_link(&status.base)),
            Compare::ModRevision(self.keys.server(name), seen),
        ];
        let puts = [put(self.keys.server(name), row.clone()), put(self.keys.members(), row)];
        match self.transact(&compares, &puts)? {
            true => Ok(()),
            false => Err("the cluster has changed meanwhile: try again".to_owned()),
        }
    }

    /// Forgets a server: entries are no longer kept for it.
    pub fn forget(&self, name: &str) -> Result<(), String> {
        let Some((row, revision)) = self.find(name)? else { return Err(format!("the cluster has no server {name:?}")) };
        if runs(&row) {
            return Err(format!("the server {name:?} runs: stop it first"));
        }
        let compare = [Compare::ModRevision(self.keys.server(name), revision)];
        let change = [Operation::Delete(self.keys.server(name)), put(self.keys.members(), name.as_bytes().to_vec())];
        match self.transact(&compare, &change)? {
            true => Ok(()),
            false => Err("the server has started meanwhile: stop it first".to_owned()),
        }
    }

    pub fn status(&self) -> Result<Status, String> {
        let deadline = Instant::now() + TIMEOUT;
        let one = |key: String| {
            let found = self.etcd.range(&key, None, 1, deadline).map(|mut found| found.values.pop());
            found.map_err(|error| error.to_string())
        };
        let no_cluster = || format!("{}: etcd has no such cluster; see wachat cluster init", self.url);
        let link = |key| one(key)?.and_then(|found| parse_link(&found.value)).ok_or_else(no_cluster);
        let head = link(self.keys.head())?;
        let base = link(self.keys.base())?;
        let format = one(self.keys.format())?.and_then(|found| parse_format(&found.value)).ok_or_else(no_cluster)?;
        let leader = one(self.keys.leader())?.map(|leader| String::from_utf8_lossy(&leader.value).into_owned());
        let (first, end) = self.keys.servers();
        let found = self.etcd.range(&first, Some(&end), MAX_SERVERS, deadline).map_err(|error| error.to_string())?;
        let servers = found.values.iter().filter_map(|row| parse_server(&self.keys, &row.key, &row.value)).collect();
        Ok(Status { leader, format, head, base, servers, members: self.etcd.status(deadline) })
    }

    /// Raises the format of entries to the newest that all registered servers read. The next term's leader writes it. Returns
    /// the format that is in use then.
    pub fn raise_format(&self) -> Result<u64, String> {
        for _ in 0..TRIES {
            if let Some(format) = self.try_to_raise_format()? {
                return Ok(format);
            }
        }
        Err("the cluster changes all the time: try again".to_owned())
    }

    /// `None`: a server was registered, forgotten, or has written its registration meanwhile.
    fn try_to_raise_format(&self) -> Result<Option<u64>, String> {
        let deadline = Instant::now() + TIMEOUT;
        let range = |first: &str, end: Option<&str>| {
            self.etcd
                .range(first, end, MAX_SERVERS, deadline)
                .map(|found| found.values)
                .map_err(|error| error.to_string())
        };
        let fixed = [range(&self.keys.members(), None)?, range(&self.keys.format(), None)?].concat();
        let (first, end) = self.keys.servers();
        let rows = range(&first, Some(&end))?;
        let formats = rows.iter().map(|row| parse_server(&self.keys, &row.key, &row.value).map(|server| server.format));
        let newest = formats.collect::<Option<Vec<_>>>().and_then(|formats| formats.into_iter().min());
        let newest = newest.ok_or("the registration of a server cannot be read: nothing is changed")?;
        let now = self.status()?.format;
        if newest <= now {
            return Ok(Some(now));
        }
        let compares: Vec<_> =
            fixed.iter().chain(&rows).map(|row| Compare::ModRevision(row.key.clone(), row.mod_revision)).collect();
        let raised = self.transact(&compares, &[put(self.keys.format(), newest.to_string().into_bytes())])?;
        Ok(raised.then_some(newest))
    }

    /// Refuses versions of etcd that lose data.
    fn check_etcd(&self) -> Result<(), String> {
        for (endpoint, status) in self.etcd.status(Instant::now() + TIMEOUT) {
            match status {
                Ok(status) => check_version(&status.version).map_err(|why| format!("{endpoint}: {why}"))?,
                Err(error) => log::warn!("{error}"),
            }
        }
        Ok(())
    }

    /// Returns the registration of a server, and its revision.
    fn find(&self, name: &str) -> Result<Option<(Registration, i64)>, String> {
        let key = self.keys.server(name);
        let found = self.etcd.range(&key, None, 1, Instant::now() + TIMEOUT).map_err(|error| error.to_string())?;
        let Some(found) = found.values.first() else { return Ok(None) };
        let row = Registration::parse(name, &found.value).ok_or_else(|| format!("{key} cannot be read"))?;
        Ok(Some((row, found.mod_revision)))
    }

    fn transact(&self, compares: &[Compare], then: &[Operation]) -> Result<bool, String> {
        let done = self.etcd.transact(compares, then, Instant::now() + TIMEOUT);
        done.map(|done| done.succeeded)
            .map_err(|error| format!("{error}; look at wachat cluster status, and try again"))
    }
}

/// Returns the registration of a server that has not served yet.
fn registration(name: &str, link: Link) -> Registration {
    Registration {
        name: name.to_owned(),
        process: String::new(),
        address: None,
        format: FORMAT,
        applied: link.number,
        covered: link.number,
        time: Timestamp::now(),
    }
}

/// Returns whether the process that has written a registration runs, as far as can be seen.
fn runs(row: &Registration) -> bool {
    !row.process.is_empty() && row.time > Timestamp::now().before(GONE)
}

fn put(key: String, value: Vec<u8>) -> Operation {
    Operation::Put { key, value, lease: 0 }
}
