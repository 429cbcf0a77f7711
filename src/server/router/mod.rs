//! The router: the one thread that owns the state machine, the write-ahead log and every connection's output.
//!
//! It takes what has come, lets the state machine decide, writes all records in one batch, syncs once, and only then
//! dispatches the effects, in order (output commit). While it syncs, the next batch gathers in its queue: the more there
//! is to do, the less a message costs.

mod administer;
mod batch_counts;
mod clean_ups;
mod closing;
mod cluster;
mod disk_floor;
mod dispatch;
pub(crate) mod end;
pub(crate) mod group_commit;
mod health;
mod history_queue;
pub(crate) mod history_reader;
pub(crate) mod input;
mod maintenance;
mod own_sessions;
mod passwd;
mod requests;
mod reviews;
mod session;
mod status;
mod user_connections;
pub(crate) mod workers;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use hashbrown::HashMap;

use crate::model::Timestamp;
use crate::net::{Progress, Stragglers, start_stragglers};
use crate::protocol::{Code, Port, Reply};
use crate::server::config::Config;
use crate::server::connections::connection::{CloseReason, Connection};
use crate::server::shared::Shared;
use crate::state_machine::{ADMINISTRATOR, ApplyError, Command, ConnectionId, Effect, Now};
use crate::store::{Opened, Store};
use crate::{limits, trace};
use batch_counts::BatchCounts;
use cluster::Cluster;
use disk_floor::DiskFloor;
use end::Fatal;
use group_commit::{GroupCommit, Urgency};
use history_reader::HistoryReader;
use input::Input;
use maintenance::Maintenance;
use session::{Buffers, Session};
use user_connections::UserConnections;

pub(crate) struct Router {
    // Dropped first: the workers are joined before the lock of the data directory, which `group_commit` holds, is
    // released.
    maintenance: Maintenance,
    pub(crate) group_commit: GroupCommit,
    inbox: Receiver<Input>,
    /// After the queue: the thread of the cluster ends once nothing takes its news.
    cluster: Option<Cluster>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) sessions: HashMap<ConnectionId, Box<Session>>,
    /// Connections that were closed, whose last bytes the straggler thread has still to send.
    pub(crate) closed_stragglers: HashMap<ConnectionId, Arc<Connection>>,
    pub(crate) user_connections: UserConnections,
    /// Connections that have replies to be sent.
    pub(crate) dirty: Vec<ConnectionId>,
    /// Connections whose pending requests may be started.
    pub(crate) resumable: Vec<ConnectionId>,
    /// Commands that the dispatch of effects has given rise to: effects of theirs must not overtake it.
    pub(crate) deferred: Vec<(ConnectionId, Command)>,
    /// Effects that are being dispatched.
    pub(crate) effects: Vec<Effect>,
    pub(crate) buffers: Buffers,
    /// The reply to the command of the administrator that is being executed.
    pub(crate) administrator_reply: Option<Reply>,
    pub(crate) batch_counts: BatchCounts,
    pub(crate) history: HistoryReader,
    pub(crate) stragglers: Stragglers,
    disk_floor: DiskFloor,
    started: Instant,
    /// Commit deadline of a batch that no client is blocked on.
    commit_deadline: Option<Instant>,
    pub(crate) shutting_down: bool,
    stopping: bool,
}

impl Router {
    pub fn new(
        opened: Opened,
        store: Store,
        config: &Config,
        inbox: Receiver<Input>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let [drained, found, watching, noting, waking] = [(); 5].map(|()| shared.clone());
        // A full queue: the router is awake.
        let wake = move || _ = waking.router.try_send(Input::WorkDone);
        let output_ended = move |id, progress| drained.tell_router(Input::OutputEnded(ConnectionId(id), progress));
        let history_read = move |done| found.tell_router(Input::HistoryRead(Box::new(done)));
        let report = move |is_below| watching.tell_router(Input::DiskBelowFloor(is_below));
        let note = move |free| noting.note_second(free);
        let disk_floor = DiskFloor::watch(&store, config.disk_floor, note, report)?;
        let stragglers = start_stragglers(shared.timeout, output_ended)?;
        let _ = shared.metrics.stragglers.set(stragglers.backlog().clone());
        let mut router = Self {
            history: HistoryReader::start(&store, history_read)?,
            stragglers,
            maintenance: Maintenance::start(
                &opened,
                store,
                config.sizes,
                shared.metrics.clone(),
                config.retention,
                wake,
            )?,
            cluster: opened.machine.stored.chain.as_ref().map(|chain| Cluster::new(chain.link(), opened.covered_batch)),
            group_commit: GroupCommit::new(opened, config.sizes),
            inbox,
            shared,
            sessions: HashMap::new(),
            closed_stragglers: HashMap::new(),
            user_connections: UserConnections::default(),
            dirty: Vec::new(),
            resumable: Vec::new(),
            deferred: Vec::new(),
            effects: Vec::new(),
            buffers: Buffers::default(),
            administrator_reply: None,
            batch_counts: BatchCounts::default(),
            disk_floor,
            started: Instant::now(),
            commit_deadline: None,
            shutting_down: false,
            stopping: false,
        };
        if router.disk_floor.is_below {
            router.set_disk_below_floor(true);
        }
        router.note_state();
        Ok(router)
    }

    /// Runs until it is told to stop (then a checkpoint is made), or until it cannot go on. Either way no connection
    /// is left open, and no worker writes any more, when this returns.
    pub fn run(mut self) -> Result<(), Fatal> {
        let end = self.serve().and_then(|()| {
            self.resign();
            self.maintenance.final_checkpoint(&self.group_commit)
        });
        let open = self.sessions.values().map(|session| &session.connection);
        open.chain(self.closed_stragglers.values()).for_each(|connection| connection.outgoing.abort());
        for input in self.inbox.try_iter() {
            if let Input::Accepted(connection) = input {
                connection.outgoing.abort();
            }
        }
        end
    }

    fn serve(&mut self) -> Result<(), Fatal> {
        while !self.stopping {
            self.maintenance.run(&mut self.group_commit)?;
            self.note_covered();
            if !self.stands_by()
                && let Some(review) = self.maintenance.begin_review(&self.group_commit)
            {
                self.execute(ADMINISTRATOR, Command::ReviewDevices(review))?;
            }
            if let Some(input) = self.next_input() {
                self.handle_all(input)?;
            }
            self.resume()?;
            self.end_batch()?;
            self.commit_if_due()?;
            // Also the effects that depend on nothing in the batch: sent earlier, they would wake clients that take the
            // processor from those whose next requests could share the sync (measured: a fifth fewer messages a second).
            self.dispatch_effects()?;
            self.flush()?;
            self.check_term()?;
        }
        self.commit()?;
        self.flush()
    }

    /// Executes deferred commands, and starts the requests whose turn has come.
    fn resume(&mut self) -> Result<(), Fatal> {
        for (id, command) in std::mem::take(&mut self.deferred) {
            // Of a connection that was closed meanwhile only the end is executed: a session that it was to open would take
            // over from another.
            let is_open = id == ADMINISTRATOR || self.sessions.contains_key(&id);
            if matches!(command, Command::Closed) || is_open {
                self.execute(id, command)?;
            }
        }
        for id in std::mem::take(&mut self.resumable) {
            self.note_decision();
            self.start_pending(id)?;
            self.close_if_over(id);
        }
        Ok(())
    }

    /// Waits for an input, but not past the time at which something else is to be done.
    fn next_input(&self) -> Option<Input> {
        if !self.resumable.is_empty() || !self.deferred.is_empty() {
            return self.inbox.try_recv().ok();
        }
        let poll = self.group_commit.next_deadline().map(|deadline| self.started + deadline);
        let received =
            match [poll, self.commit_deadline, self.maintenance.next_retry(&self.group_commit, self.stands_by())]
                .into_iter()
                .flatten()
                .min()
            {
                Some(due) => self.inbox.recv_deadline(due),
                None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
        match received {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Input::Stop),
        }
    }

    /// Handles everything that has come, up to a batch's worth.
    fn handle_all(&mut self, first: Input) -> Result<(), Fatal> {
        let mut next = Some(first);
        while let Some(input) = next {
            self.handle(input)?;
            if self.group_commit.batch_is_full() {
                return Ok(());
            }
            next = self.inbox.try_recv().ok();
        }
        Ok(())
    }

    fn handle(&mut self, input: Input) -> Result<(), Fatal> {
        self.note_decision();
        match input {
            Input::Cluster(news) => return self.handle_news(news),
            Input::Request(id, received) => return self.enqueue(id, received),
            Input::Accepted(connection) => self.accept(connection),
            Input::ReadingFailed(id, reason) => self.close_now(id, reason),
            Input::Login(id, outcome) => return self.log_in(id, *outcome),
            Input::ReadingEnded(id, reason) => return self.end_reading(id, reason),
            Input::PasswordHashed(id, change) => return self.set_password(id, change),
            Input::HistoryRead(done) => return self.handle_history(*done),
            Input::Control(asked) => return self.administer(*asked),
            Input::OutputEnded(id, progress) => self.end_straggling(id, progress),
            Input::Pinged(id) => self.send_pong(id),
            Input::DiskBelowFloor(is_below) => self.set_disk_below_floor(is_below),
            // One that has waited without success has its answer.
            Input::Health(answer) => _ = answer.try_send(self.check_health()),
            // A checkpoint covers a part of the log.
            Input::WorkDone => self.note_state(),
            Input::ShutDown => self.shut_down(),
            Input::Stop => self.stopping = true,
        }
        Ok(())
    }

    fn accept(&mut self, connection: Arc<Connection>) {
        let id = connection.id;
        self.sessions.insert(id, Box::new(Session::new(connection)));
        if self.shutting_down {
            self.close_now(id, Code::Shutdown.into());
        }
    }

    /// The client will ask no more: what was asked is still answered, a waiting poll at once.
    fn end_reading(&mut self, id: ConnectionId, reason: CloseReason) -> Result<(), Fatal> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        session.close_when_over(reason);
        if session.started > 0 && self.shared.auth.end_input(session.connection.peer, id) {
            self.refuse_password(id);
        }
        let Some(session) = self.sessions.get(&id) else { return Ok(()) };
        if session.connection.port == Port::Recv {
            self.execute(id, Command::HungUp)?;
        }
        self.close_if_over(id);
        Ok(())
    }

    /// Hands a command to the state machine; the answer comes as an effect.
    pub(crate) fn execute(&mut self, id: ConnectionId, command: Command) -> Result<(), Fatal> {
        if self.stands_by() {
            return Ok(());
        }
        self.make_room()?;
        self.note_decision();
        self.group_commit.execute(id, command, self.now()).map_err(report)
    }

    /// Applies the acknowledgements of the commands since the last call, and answers waiting polls.
    fn end_batch(&mut self) -> Result<(), Fatal> {
        if self.stands_by() {
            return Ok(());
        }
        self.make_room()?;
        self.note_decision();
        self.group_commit.end_batch(self.now()).map_err(report)
    }

    fn make_room(&mut self) -> Result<(), Fatal> {
        if self.group_commit.has_room() { Ok(()) } else { self.begin_segment(0) }
    }

    /// Commits, and goes on in the next segment, since this one has no room for `bytes` and a command.
    pub(crate) fn begin_segment(&mut self, bytes: usize) -> Result<(), Fatal> {
        self.commit()?;
        // Its replies do not wait for what the next segment waits for.
        self.flush()?;
        self.maintenance.make_room(&mut self.group_commit, bytes)
    }

    /// Returns how many inputs wait.
    pub(crate) fn queue_length(&self) -> usize {
        self.inbox.len()
    }

    fn now(&self) -> Now {
        Now { at: self.not_before_log(Timestamp::now()), elapsed: self.elapsed() }
    }

    /// Returns the time since the start of the server.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn commit_if_due(&mut self) -> Result<(), Fatal> {
        match self.group_commit.urgency() {
            Urgency::Nothing => Ok(()),
            Urgency::Now => self.commit(),
            Urgency::Soon => {
                let now = Instant::now();
                let due = *self.commit_deadline.get_or_insert(now + limits::COMMIT_DELAY);
                if due <= now { self.commit() } else { Ok(()) }
            }
        }
    }

    pub(crate) fn commit(&mut self) -> Result<(), Fatal> {
        self.commit_deadline = None;
        let begun = Instant::now();
        let bytes = self.group_commit.batch_bytes();
        self.append_entry()?;
        let records = self.group_commit.commit().map_err(|error| {
            // The content of the disk is unknown now, and a sync that is tried again may lie.
            let why = format!("the write-ahead log cannot be written: {error}");
            log::error!("{why}. What was not answered OK may be lost");
            why
        })?;
        self.note_position();
        self.batch_counts.add(records);
        if let Some(trace) = self.shared.trace.as_ref().filter(|_| records > 0) {
            trace.note(trace::Event::Sync, records, "records are durable");
        }
        self.note_commit(records, bytes, begun);
        self.dispatch_effects()
    }

    /// Sends the replies of all connections that have some, each with one system call.
    fn flush(&mut self) -> Result<(), Fatal> {
        if !self.dirty.is_empty() && !self.may_answer() {
            return self.check_term();
        }
        let now = Instant::now();
        for id in std::mem::take(&mut self.dirty) {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            if let Some(account) = session.account {
                self.group_commit.charge_in_any_case(account, session.reply_cost(), now - self.started);
            }
            if session.flush(&self.stragglers, &mut self.buffers, now) == Progress::Failed {
                self.close_now(id, CloseReason::Closed);
            } else if session.is_over() {
                self.close_if_over(id);
            } else if !session.pending.is_empty() {
                self.resumable.push(id);
            }
        }
        Ok(())
    }
}

fn report(defect: ApplyError) -> Fatal {
    log::error!("a defect of this program, please report it: {defect}; stopping, so that nothing is lost");
    format!("a defect of this program: {defect}").into()
}
