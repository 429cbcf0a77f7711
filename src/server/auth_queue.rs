//! The queue of the auth threads: bounded, and fair to addresses. Addresses take turns, so that one that has many
//! passwords to verify delays another by one of them; those from which a login has succeeded come before others. What has to
//! wait after failures waits here, and holds no thread.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::auth::{Busy, Job};
use super::failed_logins::{FailedLogins, Origin};
use crate::limits;

/// A job with the login that it is for.
pub(super) struct Task {
    pub origin: Origin,
    pub job: Job,
}

#[derive(Default)]
pub(super) struct AuthQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Tasks that may be done, by address.
    tasks: HashMap<IpAddr, VecDeque<Task>>,
    /// The addresses of those tasks in the order of their turns: the trusted ones, and the others.
    turns: [VecDeque<IpAddr>; 2],
    /// Tasks that wait after failures, by the end of the wait and the order in which they came.
    delayed: BTreeMap<(Instant, u64), Task>,
    /// Number of tasks of each address that wait or are under way, and of all.
    waiting: HashMap<IpAddr, usize>,
    total: usize,
    submitted: u64,
    failed: FailedLogins,
    closed: bool,
}

impl AuthQueue {
    /// Adds a task, if there is room for one more of its address. Never blocks.
    pub fn submit(&self, task: Task) -> Result<(), Busy> {
        let mut state = self.state.lock();
        let waiting = state.waiting.get(&task.origin.address).copied().unwrap_or(0);
        if state.total >= limits::AUTH_QUEUE || waiting >= limits::AUTH_QUEUE_PER_ADDRESS {
            return Err(Busy);
        }
        state.waiting.insert(task.origin.address, waiting + 1);
        state.total += 1;
        state.add(task);
        self.changed.notify_one();
        Ok(())
    }

    /// Returns how many tasks wait or are under way.
    pub fn unfinished(&self) -> usize {
        self.state.lock().total
    }

    /// Waits for the next task; `None`: the queue is closed. [`AuthQueue::finish`] has to follow.
    pub fn next(&self) -> Option<Task> {
        let mut state = self.state.lock();
        while !state.closed {
            if let Some(task) = state.next_task(Instant::now()) {
                return Some(task);
            }
            match state.delayed.first_key_value().map(|((due, _), _)| *due) {
                Some(due) => _ = self.changed.wait_until(&mut state, due),
                None => self.changed.wait(&mut state),
            }
        }
        None
    }

    /// Ends a task. `right`: its password was compared, with this result.
    pub fn finish(&self, origin: &Origin, right: Option<bool>) {
        let mut state = self.state.lock();
        state.total -= 1;
        if let Some(waiting) = state.waiting.get_mut(&origin.address) {
            *waiting -= 1;
            if *waiting == 0 {
                state.waiting.remove(&origin.address);
            }
        }
        match right {
            Some(true) => state.failed.succeeded(origin, Instant::now()),
            Some(false) => state.failed.failed(origin, Instant::now()),
            None => {}
        }
    }

    /// Notes a login that needed no task.
    pub fn note_success(&self, origin: &Origin) {
        self.state.lock().failed.succeeded(origin, Instant::now());
    }

    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}

impl State {
    fn add(&mut self, task: Task) {
        let address = task.origin.address;
        let tasks = self.tasks.entry(address).or_default();
        tasks.push_back(task);
        if tasks.len() == 1 {
            let [trusted, others] = &mut self.turns;
            if self.failed.is_trusted(address) { trusted } else { others }.push_back(address);
        }
    }

    /// Takes the first task that need not wait.
    fn next_task(&mut self, now: Instant) -> Option<Task> {
        while let Some(first) = self.delayed.first_entry().filter(|first| first.key().0 <= now) {
            let task = first.remove();
            self.add(task);
        }
        loop {
            let task = self.take_turn()?;
            // A wait can have begun since the task came, by the failure of another one.
            let due = match task.job {
                Job::Verify { .. } => self.failed.wait_until(&task.origin).filter(|due| *due > now),
                Job::Hash { .. } => None,
            };
            let Some(due) = due else { return Some(task) };
            self.submitted += 1;
            self.delayed.insert((due, self.submitted), task);
        }
    }

    fn take_turn(&mut self) -> Option<Task> {
        let turns = self.turns.iter_mut().find(|turns| !turns.is_empty())?;
        let address = turns.pop_front()?;
        let tasks = self.tasks.get_mut(&address)?;
        let task = tasks.pop_front();
        if tasks.is_empty() {
            self.tasks.remove(&address);
        } else {
            turns.push_back(address);
        }
        task
    }
}
