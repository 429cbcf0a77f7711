//! A piece of work for the auth threads.

use std::sync::Arc;

use super::failed_logins::Origin;
use super::login_queue::{Busy, Task};
use crate::state_machine::ConnectionId;

/// Work for an auth thread. `done` gets the result, on that thread.
pub(crate) enum Job {
    /// Hashes a new password; `None`: this machine cannot (it gives no random numbers, or no memory).
    Hash { password: Vec<u8>, done: Done<Option<Arc<str>>> },
    /// Compares a password with a stored hash. Without a hash the answer is no, after just as much work: the
    /// duration tells nobody which names exist. `known` is the login cache, which is asked first.
    Verify { password: Vec<u8>, hash: Option<Arc<str>>, known: Option<Known>, done: Done<Result<bool, Busy>> },
}

type Done<T> = Box<dyn FnOnce(T) + Send>;
/// Returns whether a password was verified before.
type Known = Box<dyn FnOnce(&[u8]) -> bool + Send>;

impl Task<Job> {
    /// Makes the task of a connection.
    pub fn new(origin: Origin, connection: ConnectionId, job: Job) -> Box<Self> {
        let is_guess = matches!(job, Job::Verify { .. });
        Box::new(Self { origin, connection, is_guess, job })
    }
}
