//! The queue of the auth threads: [`LoginQueue`] behind a lock, which the threads wait at.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::job::Job;
use super::login_queue::{Busy, LoginQueue, Next, Task, Ticket};
use crate::server::connections::networks::Networks;
use crate::state_machine::ConnectionId;

#[derive(Default)]
pub(crate) struct AuthQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: LoginQueue<Job>,
    closed: bool,
}

impl AuthQueue {
    /// Adds a task, if there is a place for it. Never blocks.
    pub fn submit(&self, task: Box<Task<Job>>) -> Result<(), Busy> {
        self.state.lock().queue.submit(task, Instant::now())?;
        self.changed.notify_one();
        Ok(())
    }

    /// Returns how many tasks wait or are under way.
    pub fn unfinished(&self) -> usize {
        self.state.lock().queue.unfinished()
    }

    /// Waits for the next task; `None`: the queue is closed.
    pub fn next(&self) -> Option<Next<Job>> {
        let mut state = self.state.lock();
        while !state.closed {
            if let Some(next) = state.queue.next(Instant::now()) {
                return Some(next);
            }
            match state.queue.next_due() {
                Some(due) => _ = self.changed.wait_until(&mut state, due),
                None => self.changed.wait(&mut state),
            }
        }
        None
    }

    /// Ends a task. `right`: its password was compared, with this result.
    pub fn finish(&self, ticket: &Ticket, right: Option<bool>) {
        self.state.lock().queue.finish(ticket, right, Instant::now());
        // The waits of others may have ended with it.
        self.changed.notify_one();
    }

    /// Removes the task of a connection that is closed, unless it is under way.
    pub fn cancel(&self, networks: &Networks, connection: ConnectionId) {
        let job = self.state.lock().queue.cancel(networks, connection);
        // Without the lock.
        drop(job);
    }

    /// Sets the task aside of a connection whose client has closed its side. Returns whether it is to be refused.
    pub fn end_input(&self, networks: &Networks, connection: ConnectionId) -> bool {
        let job = self.state.lock().queue.end_input(networks, connection);
        job.is_some()
    }

    pub fn close(&self) {
        self.state.lock().closed = true;
        self.changed.notify_all();
    }
}
