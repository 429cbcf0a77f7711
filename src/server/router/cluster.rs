//! The router of a server in a cluster: it applies the log while it stands by, and appends to it while it leads.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use super::Router;
use super::end::Fatal;
use super::group_commit::GroupCommit;
use super::input::Input;
use crate::cluster::{Link, Member, MemberConfig, News, Progress, ServerList, Term, TermOver};
use crate::model::{ServerAddress, Timestamp};
use crate::protocol::Code;
use crate::server::Servers;

/// State of the router of a server in a cluster.
pub(crate) struct Cluster {
    /// Stopped before the router's queue is gone.
    pub member: Option<Member>,
    pub progress: Arc<Progress>,
    /// The right to append; `None`: this server stands by.
    term: Option<Term>,
    /// It was seen, since the last decision, that this server leads.
    is_confirmed: bool,
    /// The term is over, and why: nothing leaves any more.
    lost: Option<String>,
}

impl Cluster {
    /// Makes what the router of a server that stands by knows; its store is at this position.
    pub fn new(link: Link, covered: u64) -> Self {
        let progress = Arc::new(Progress { link: Mutex::new(link), covered: AtomicU64::new(covered) });
        Self { member: None, progress, term: None, is_confirmed: false, lost: None }
    }

    /// Notes the position of the store. Returns the number of its last entry.
    fn note_position(&self, group_commit: &GroupCommit) -> u64 {
        let mut kept = self.progress.link.lock();
        if let Some(link) = group_commit.link() {
            *kept = link;
        }
        kept.number
    }

    /// Returns the figures that `wachat status` shows of a cluster.
    pub fn figures(&self, servers: &Servers) -> [(&'static str, String); 4] {
        let leader = servers.leader.as_ref().map(|leader| format!("{}:{}", leader.host, leader.send));
        [
            ("cluster_role", if servers.standing_by { "stands by" } else { "leads" }.to_owned()),
            ("cluster_leader", leader.unwrap_or_else(|| "none".to_owned())),
            ("cluster_epoch", servers.epoch.map_or("none".to_owned(), |epoch| epoch.to_string())),
            ("cluster_entry", self.progress.link.lock().number.to_string()),
        ]
    }
}

impl Router {
    /// Returns whether another server leads, or none: this one has nothing to decide.
    pub(crate) fn stands_by(&self) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| cluster.term.is_none())
    }

    /// Returns a time that is not before the last entry's: times do not go back where another server has led.
    pub(crate) fn not_before_log(&self, now: Timestamp) -> Timestamp {
        self.cluster.as_ref().map_or(now, |cluster| now.max(cluster.progress.link.lock().time))
    }

    /// Starts the thread of the cluster. `address`: where clients reach this server.
    pub(crate) fn join(&mut self, config: &MemberConfig, address: ServerAddress) -> io::Result<()> {
        self.note_position();
        let Some(cluster) = &mut self.cluster else { return Ok(()) };
        let shared = self.shared.clone();
        let tell = move |news| shared.tell_router(Input::Cluster(news));
        cluster.member = Some(Member::start(config, address, cluster.progress.clone(), tell)?);
        Ok(())
    }

    /// Something is being decided, for an input or because a time has come: what leaves for it needs a look that comes after it.
    pub(crate) fn note_decision(&mut self) {
        if let Some(cluster) = &mut self.cluster {
            cluster.is_confirmed = false;
        }
    }

    /// Handles what the thread of the cluster has found.
    pub(crate) fn handle_news(&mut self, news: News) -> Result<(), Fatal> {
        match news {
            News::Entries(entries, done) => return self.apply_entries(&entries, done),
            News::Lead(term) => return self.lead(term),
            News::Servers(ServerList { epoch, leader, all }) => {
                let mut servers = self.shared.servers.lock();
                (servers.epoch, servers.leader, servers.all) = (epoch, leader, all);
            }
            News::Over(why) => return Err(Fatal::TermOver(why)),
            News::Failed(why) => return Err(Fatal::Failed(why)),
        }
        Ok(())
    }

    /// Applies entries as far as the disk has room for them.
    fn apply_entries(&mut self, entries: &[Vec<u8>], done: Sender<()>) -> Result<(), Fatal> {
        for entry in entries {
            if !self.group_commit.has_room_for(entry.len()) {
                self.maintenance.make_room(&mut self.group_commit, entry.len())?;
            }
            if !self.group_commit.has_room_for(entry.len()) {
                let why = self.group_commit.check_space().err().unwrap_or("the disk has no room for a segment");
                log::error!("the log of the cluster is not applied: {why}");
                break;
            }
            self.group_commit.apply_entry(entry)?;
            self.note_position();
        }
        self.note_state();
        drop(done);
        Ok(())
    }

    /// Begins to serve: the store has the whole log.
    fn lead(&mut self, term: Term) -> Result<(), Fatal> {
        if self.group_commit.link() != Some(term.head()) {
            return Err(Fatal::Failed("a defect of this program: the store and the cluster's log differ".to_owned()));
        }
        log::info!("this server leads the cluster, after entry {}", term.head().number);
        self.group_commit.lead(term.epoch(), term.format());
        let replaced = self.shared.accounts.replace(self.group_commit.state());
        replaced.map_err(|error| Fatal::Failed(format!("the accounts could not be read from the state: {error}")))?;
        self.shared.banned.publish(self.group_commit.state());
        // Requests to a server that stood by are not carried out later: their clients may have asked another one since.
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.close_now(id, Code::Shutdown.into());
        }
        {
            let mut servers = self.shared.servers.lock();
            servers.standing_by = false;
            servers.epoch = Some(term.epoch());
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.term = Some(term);
        }
        self.note_log_room();
        Ok(())
    }

    /// Appends the batch to the cluster's log, if this server is in one. Only then it may be written here, too: a batch that
    /// this store alone had would make it another one.
    pub(crate) fn append_entry(&mut self) -> Result<(), Fatal> {
        let Some(cluster) = &mut self.cluster else { return Ok(()) };
        let Some(term) = &mut cluster.term else { return Ok(()) };
        if let Some((entry, after)) = self.group_commit.entry() {
            let begun = Instant::now();
            term.append(entry, after).map_err(|TermOver(why)| Fatal::TermOver(why))?;
            self.shared.metrics.note_append(begun.elapsed());
            cluster.is_confirmed = true;
        }
        Ok(())
    }

    /// Notes a batch that was committed.
    pub(crate) fn note_position(&mut self) {
        if let Some(cluster) = &self.cluster {
            let number = cluster.note_position(&self.group_commit);
            self.shared.metrics.note_entry(number);
        }
        self.note_log_room();
    }

    fn note_log_room(&mut self) {
        if let Some(term) = self.cluster.as_ref().and_then(|cluster| cluster.term.as_ref()) {
            self.group_commit.set_log_full(term.is_full());
        }
    }

    /// Notes how far the checkpoints are.
    pub(crate) fn note_covered(&self) {
        if let Some(cluster) = &self.cluster {
            cluster.progress.covered.store(self.group_commit.covered_batch(), Ordering::Relaxed);
        }
    }

    /// Returns whether what was decided may leave: this server has led after the last decision. Without this a leader that was
    /// stopped for a while would answer from a state that is no longer the newest, and a KO would be untrue.
    pub(crate) fn may_answer(&mut self) -> bool {
        let Some(cluster) = &mut self.cluster else { return true };
        let Some(term) = &cluster.term else { return true };
        if !cluster.is_confirmed && cluster.lost.is_none() {
            match term.confirm() {
                Ok(()) => cluster.is_confirmed = true,
                Err(TermOver(why)) => cluster.lost = Some(why),
            }
        }
        cluster.is_confirmed
    }

    /// Returns an error once the term is over.
    pub(crate) fn check_term(&self) -> Result<(), Fatal> {
        let lost = self.cluster.as_ref().and_then(|cluster| cluster.lost.clone());
        lost.map_or(Ok(()), |why| Err(Fatal::TermOver(why)))
    }

    /// Gives the lease back: another server can lead.
    pub(crate) fn resign(&mut self) {
        if let Some(member) = self.cluster.as_mut().and_then(|cluster| cluster.member.as_mut()) {
            member.resign();
        }
    }
}
