//! The order in which passwords are verified and hashed: bounded, and fair to addresses. Without threads and clock, which
//! `auth_queue` adds.
//!
//! A task has a place from its submission to its end, and goes with its connection. Networks take turns (`turns`), the
//! trusted ones more than others, but never all. What has to wait after failures is set aside, with few places an address;
//! so is the task of a client that has closed its side, since whether it still reads is not known.
//!
//! Nothing here looks at a password, nor does the login cache before the turn of a task: whether and when a task is refused
//! depends on the tasks and failures before it alone. A guess that has its turn is verified and counted, whatever becomes of
//! its connection.

use std::collections::BTreeMap;
use std::time::Instant;

use super::failed_logins::{FailedLogins, Origin};
use crate::limits;
use crate::protocol::{Code, Ko};
use crate::server::connections::networks::Networks;
use crate::server::connections::places::Places;
use crate::server::turns::Turns;
use crate::state_machine::ConnectionId;

/// Length of the queue of logins, each of at most [`LOGIN_BYTES`]: as many as connections that have not logged in. Of the
/// free places an address has at most such a part as is free of all: eight addresses that take all they can leave half of
/// the queue, a hundred leave 29 places.
const AUTH_QUEUE: usize = 4_096;

/// A job with the login that it is for. A connection has one at a time. Tasks are handed on in a box: the stack of a reader,
/// which keeps the pages that it has once touched, has no copies of them.
pub struct Task<Job> {
    pub origin: Origin,
    pub connection: ConnectionId,
    /// A password is compared. Such a task waits after failures; a trusted address has more turns for it.
    pub is_guess: bool,
    pub job: Job,
}

/// There is no place for the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// The next step of an auth thread.
pub enum Next<Job> {
    /// Do the job; [`LoginQueue::finish`] has to follow.
    Do(Ticket, Job),
    /// Refuse the job: it would have to wait after failures, and there is no place for it.
    Refuse(Job),
}

/// A task that is under way.
pub struct Ticket {
    origin: Origin,
    is_aside: bool,
}

struct Entry<Job> {
    task: Box<Task<Job>>,
    /// Its place is one of those that are set aside.
    is_aside: bool,
    /// Its client has closed its side of the connection.
    has_ended: bool,
}

pub struct LoginQueue<Job> {
    /// Tasks that may be done: guesses from trusted addresses, and all others.
    turns: [Turns<Entry<Job>>; 2],
    /// Number of turns so far.
    turn: u64,
    /// Tasks that wait after failures, by the end of the wait and the order in which they came.
    delayed: BTreeMap<(Instant, u64), Entry<Job>>,
    delays: u64,
    under_way: Vec<Origin>,
    waiting: Places,
    aside: Places,
    failed: FailedLogins,
}

impl From<Busy> for Ko {
    fn from(_: Busy) -> Self {
        Self::new(Code::Full, "too many passwords are being verified; try later")
    }
}

impl<Job> Default for LoginQueue<Job> {
    fn default() -> Self {
        Self {
            turns: Default::default(),
            turn: 0,
            delayed: BTreeMap::new(),
            delays: 0,
            under_way: Vec::new(),
            waiting: Places::new(AUTH_QUEUE, limits::AUTH_QUEUE_PER_ADDRESS),
            aside: Places::new(limits::AUTH_ASIDE, limits::AUTH_ASIDE_PER_ADDRESS),
            failed: FailedLogins::default(),
        }
    }
}

impl<Job> LoginQueue<Job> {
    /// Adds a task, if there is a place for it.
    pub fn submit(&mut self, task: Box<Task<Job>>, now: Instant) -> Result<(), Busy> {
        let due = self.due(&task, now);
        let is_aside = due.is_some();
        if !self.places(is_aside).has_place(&task.origin.networks) {
            return Err(Busy);
        }
        let networks = task.origin.networks;
        let entry = Entry { task, is_aside, has_ended: false };
        match due {
            Some(due) => self.delay(entry, due),
            None => self.add(entry).map_err(|_| Busy)?,
        }
        self.places(is_aside).take(&networks);
        Ok(())
    }

    /// Takes the next task; `None`: there is none before [`LoginQueue::next_due`].
    pub fn next(&mut self, now: Instant) -> Option<Next<Job>> {
        while let Some(first) = self.delayed.first_entry().filter(|first| first.key().0 <= now) {
            let entry = first.remove();
            if let Err(entry) = self.add(entry) {
                return Some(self.refuse(entry));
            }
        }
        while let Some(mut entry) = self.take_turn() {
            // A wait can have begun since the task came, by the failure of another one.
            let Some(due) = self.due(&entry.task, now) else { return Some(self.begin(entry)) };
            if entry.has_ended || !self.set_aside(&mut entry) {
                return Some(self.refuse(entry));
            }
            self.delay(entry, due);
        }
        None
    }

    /// Returns when the first of the tasks that wait after failures is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|((due, _), _)| *due)
    }

    /// Ends a task. `right`: its password was compared, with this result.
    pub fn finish(&mut self, ticket: &Ticket, right: Option<bool>, now: Instant) {
        let origin = &ticket.origin;
        self.places(ticket.is_aside).free(&origin.networks);
        if let Some(position) = self.under_way.iter().position(|other| other == origin) {
            self.under_way.swap_remove(position);
        }
        match right {
            Some(true) => {
                self.failed.succeeded(origin, now);
                self.end_waits(origin, now);
            }
            Some(false) => self.failed.failed(origin, now),
            None => {}
        }
    }

    /// Removes the task of a connection that is closed, unless it is under way.
    pub fn cancel(&mut self, networks: &Networks, connection: ConnectionId) -> Option<Job> {
        let is_it = |entry: &Entry<Job>| entry.task.connection == connection;
        let mut in_turn = self.turns.iter_mut().filter_map(|turns| turns.remove(networks.as_slice(), &is_it));
        let entry = match in_turn.next() {
            Some(entry) => entry,
            None => self.take_delayed(networks, connection)?,
        };
        self.places(entry.is_aside).free(&entry.task.origin.networks);
        Some(entry.task.job)
    }

    /// Sets the task aside of a connection whose client has closed its side. Returns it if it is to be refused: it waits after
    /// failures, or there is no place.
    pub fn end_input(&mut self, networks: &Networks, connection: ConnectionId) -> Option<Job> {
        let is_it = |entry: &Entry<Job>| entry.task.connection == connection;
        let mut in_turn = self.turns.iter_mut().filter_map(|turns| turns.find(networks.as_slice(), &is_it));
        if let Some(entry) = in_turn.next() {
            entry.has_ended = true;
            if entry.is_aside {
                return None;
            }
            if self.aside.has_place(networks) {
                entry.is_aside = true;
                self.waiting.free(networks);
                self.aside.take(networks);
                return None;
            }
        }
        self.cancel(networks, connection)
    }

    /// Returns how many tasks wait or are under way.
    pub fn unfinished(&self) -> usize {
        self.waiting.total() + self.aside.total()
    }

    fn places(&mut self, is_aside: bool) -> &mut Places {
        if is_aside { &mut self.aside } else { &mut self.waiting }
    }

    /// Returns when a task may be done; `None`: now.
    fn due(&self, task: &Task<Job>, now: Instant) -> Option<Instant> {
        if task.is_guess { self.failed.wait_until(&task.origin, &self.under_way, now) } else { None }
    }

    /// Gives a task its turns; an error returns it: too many networks take turns already.
    fn add(&mut self, entry: Entry<Job>) -> Result<(), Entry<Job>> {
        let networks = entry.task.origin.networks;
        let is_trusted = entry.task.is_guess && self.failed.is_trusted(&networks);
        let has_turns = |turns: &&mut Turns<Entry<Job>>| {
            turns.len() < limits::AUTH_NETWORKS
                || networks.as_slice().first().is_some_and(|first| turns.contains(first))
        };
        match self.turns.iter_mut().skip(usize::from(!is_trusted)).find(has_turns) {
            Some(turns) => turns.push(networks.as_slice(), entry),
            None => return Err(entry),
        }
        Ok(())
    }

    fn take_turn(&mut self) -> Option<Entry<Job>> {
        self.turn += 1;
        let [trusted, others] = &mut self.turns;
        let order = if self.turn.is_multiple_of(limits::AUTH_TURNS) { [others, trusted] } else { [trusted, others] };
        order.into_iter().find_map(Turns::pop)
    }

    fn begin(&mut self, entry: Entry<Job>) -> Next<Job> {
        let Task { origin, job, .. } = *entry.task;
        self.under_way.push(origin.clone());
        Next::Do(Ticket { origin, is_aside: entry.is_aside }, job)
    }

    fn refuse(&mut self, entry: Entry<Job>) -> Next<Job> {
        self.places(entry.is_aside).free(&entry.task.origin.networks);
        Next::Refuse(entry.task.job)
    }

    fn delay(&mut self, entry: Entry<Job>, due: Instant) {
        self.delays += 1;
        self.delayed.insert((due, self.delays), entry);
    }

    /// Moves a task to a place of those that are set aside. Returns whether there is one.
    fn set_aside(&mut self, entry: &mut Entry<Job>) -> bool {
        let networks = &entry.task.origin.networks;
        if !entry.is_aside && self.aside.has_place(networks) {
            self.waiting.free(networks);
            self.aside.take(networks);
            entry.is_aside = true;
        }
        entry.is_aside
    }

    fn take_delayed(&mut self, networks: &Networks, connection: ConnectionId) -> Option<Entry<Job>> {
        if self.aside.taken_by(networks.address()) == 0 {
            return None;
        }
        let key = self.delayed.iter().find(|(_, entry)| entry.task.connection == connection).map(|(key, _)| *key)?;
        self.delayed.remove(&key)
    }

    /// Ends the waits of an origin whose failures are forgiven.
    fn end_waits(&mut self, origin: &Origin, now: Instant) {
        if self.aside.taken_by(origin.networks.address()) == 0 {
            return;
        }
        let waits = |((due, _), entry): (&(Instant, u64), &Entry<Job>)| *due > now && entry.task.origin == *origin;
        let keys: Vec<_> =
            self.delayed.iter().filter(|(key, entry)| waits((key, entry))).map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(entry) = self.delayed.remove(&key) {
                self.delay(entry, now);
            }
        }
    }
}
