//! Passwords: Argon2id, on two threads of their own.
//!
//! A verification touches 19 MiB and takes tens of milliseconds. Two threads keep their memory and take turns; logins
//! wait in a bounded queue (`login_queue`), the results go to the router, and everybody else is served meanwhile.

use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

use super::auth_queue::AuthQueue;
use super::job::Job;
use super::login_queue::{Busy, Next, Task};
use crate::limits;
use crate::server::connections::networks::Networks;
use crate::server::router::workers::lower_priority;
use crate::state_machine::ConnectionId;

pub(crate) struct Auth {
    queue: Arc<AuthQueue>,
}

impl Auth {
    /// Starts the threads. They end with this value.
    pub fn start() -> io::Result<Self> {
        let auth = Self { queue: Arc::default() };
        for _ in 0..limits::AUTH_THREADS {
            let queue = auth.queue.clone();
            std::thread::Builder::new().name("auth".to_owned()).spawn(move || work(&queue))?;
        }
        Ok(auth)
    }

    /// Gives the task of a connection to the threads, if the queue has room for one more of this address. Never blocks.
    pub fn submit(&self, task: Box<Task<Job>>) -> Result<(), Busy> {
        self.queue.submit(task)
    }

    /// Removes the job of a connection that is closed.
    pub fn cancel(&self, peer: IpAddr, connection: ConnectionId) {
        self.queue.cancel(&Networks::of(peer), connection);
    }

    /// Notes that the client of a connection has closed its side. Returns whether its job is to be refused.
    pub fn end_input(&self, peer: IpAddr, connection: ConnectionId) -> bool {
        self.queue.end_input(&Networks::of(peer), connection)
    }

    /// Returns how many jobs wait or are under way.
    pub fn unfinished(&self) -> usize {
        self.queue.unfinished()
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn work(queue: &AuthQueue) {
    // A flood of logins keeps these threads busy, and must not take the router's turns.
    lower_priority();
    let mut memory = Vec::new();
    while let Some(next) = queue.next() {
        match next {
            Next::Do(ticket, Job::Hash { password, done }) => {
                let hash = unless_it_panics(|| hash(&mut memory, &password));
                queue.finish(&ticket, None);
                unless_it_panics(|| done(hash.flatten()));
            }
            Next::Do(ticket, Job::Verify { password, hash, known, done }) => {
                let is_known = || known.is_some_and(|known| known(&password));
                let right = unless_it_panics(|| is_known() || verify(&mut memory, &password, hash.as_deref()));
                queue.finish(&ticket, right);
                unless_it_panics(|| done(Ok(right.unwrap_or(false))));
            }
            Next::Refuse(Job::Verify { done, .. }) => _ = unless_it_panics(|| done(Err(Busy))),
            // Only what compares a password waits after failures.
            Next::Refuse(Job::Hash { done, .. }) => _ = unless_it_panics(|| done(None)),
        }
    }
}

/// Returns the result; `None` after a panic, which is a defect and has told so on standard error: the place in the queue is
/// freed, the client answered, and the thread goes on.
fn unless_it_panics<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Hashes one password on the calling thread: for a process that does nothing else.
pub(crate) fn hash_one(password: &[u8]) -> Option<Arc<str>> {
    hash(&mut Vec::new(), password)
}

/// Hashes many passwords on as many threads as a server has for it; the results are in their order.
pub(crate) fn hash_all(passwords: &[&[u8]]) -> Option<Vec<Arc<str>>> {
    let share = passwords.len().div_ceil(limits::AUTH_THREADS).max(1);
    let hash_some = |passwords: &[&[u8]]| {
        let mut memory = Vec::new();
        passwords.iter().map(|password| hash(&mut memory, password)).collect::<Option<Vec<_>>>()
    };
    std::thread::scope(|scope| {
        let hash_some = &hash_some;
        let threads: Vec<_> = passwords.chunks(share).map(|some| scope.spawn(move || hash_some(some))).collect();
        let hashed: Option<Vec<_>> = threads.into_iter().map(|thread| thread.join().ok()?).collect();
        hashed.map(|shares| shares.concat())
    })
}

/// Returns the password in the PHC string format, with a new salt and the crate's recommended parameters.
fn hash(memory: &mut Vec<Block>, password: &[u8]) -> Option<Arc<str>> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).ok()?;
    let params = Params::DEFAULT;
    let salt = Salt::new(&random).ok()?;
    let output = digest(memory, password, &salt, &params)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: (&params).try_into().ok()?,
        salt: Some(salt),
        hash: Some(output),
    };
    Some(phc.to_string().into())
}

fn verify(memory: &mut Vec<Block>, password: &[u8], hash: Option<&str>) -> bool {
    let stored = hash.and_then(|hash| PasswordHash::new(hash).ok()).and_then(|phc| {
        let params = Params::try_from(&phc).ok()?;
        Some((params, phc.salt?, phc.hash?))
    });
    let Some((params, salt, expected)) = stored else {
        let any_salt = Salt::new(&[0; 16]).ok();
        any_salt.and_then(|salt| digest(memory, password, &salt, &Params::DEFAULT));
        return false;
    };
    digest(memory, password, &salt, &params).is_some_and(|output| output.as_bytes().ct_eq(expected.as_bytes()).into())
}

fn digest(memory: &mut Vec<Block>, password: &[u8], salt: &Salt, params: &Params) -> Option<Output> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
    memory.resize(params.block_count(), Block::new());
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2.hash_password_into_with_memory(password, salt.as_ref(), &mut output, memory.as_mut_slice()).ok()?;
    Output::new(&output).ok()
}
