//! Passwords: Argon2id, on two threads of their own.
//!
//! A verification touches 19 MiB and takes tens of milliseconds. Two threads keep their memory and take turns; logins
//! wait in a bounded queue, the results go to the router, and everybody else is served meanwhile.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::limits;
use crate::protocol::{Code, Ko};

/// Work for an auth thread. `done` gets the result, on that thread.
pub(super) enum Job {
    /// Hashes a new password; `None`: this machine cannot (it gives no random numbers, or no memory).
    Hash { password: Vec<u8>, done: Done<Option<Arc<str>>> },
    /// Compares a password with a stored hash. Without a hash the answer is no, after just as much work: the
    /// duration tells nobody which names exist.
    Verify { password: Vec<u8>, hash: Option<Arc<str>>, done: Done<bool> },
}

type Done<T> = Box<dyn FnOnce(T) + Send>;

/// Too many passwords are to be verified already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

impl From<Busy> for Ko {
    fn from(_: Busy) -> Self {
        Self::new(Code::Full, "too many passwords are being verified; try later")
    }
}

pub(super) struct Auth {
    jobs: Sender<(Job, QueueSlot)>,
    waiting: Arc<Waiting>,
}

/// Number of jobs of each address that wait or are under way.
type Waiting = Mutex<HashMap<IpAddr, usize>>;

impl Auth {
    /// Starts the threads. They end with this value.
    pub fn start() -> io::Result<Self> {
        let (jobs, queue) = bounded(limits::AUTH_QUEUE);
        for _ in 0..limits::AUTH_THREADS {
            let queue = queue.clone();
            std::thread::Builder::new().name("auth".to_owned()).spawn(move || work(&queue))?;
        }
        Ok(Self { jobs, waiting: Arc::default() })
    }

    /// Gives a job to the threads, if the queue has room for one more of this address. Never blocks.
    pub fn submit(&self, from: IpAddr, job: Job) -> Result<(), Busy> {
        let slot = QueueSlot::reserve(&self.waiting, from)?;
        self.jobs.try_send((job, slot)).map_err(|_| Busy)
    }
}

/// An address's place in the queue; dropping it frees the place.
struct QueueSlot {
    waiting: Arc<Waiting>,
    from: IpAddr,
}

impl QueueSlot {
    fn reserve(waiting: &Arc<Waiting>, from: IpAddr) -> Result<Self, Busy> {
        let mut counts = waiting.lock();
        let count = counts.entry(from).or_default();
        if *count >= limits::AUTH_QUEUE_PER_ADDRESS {
            return Err(Busy);
        }
        *count += 1;
        Ok(Self { waiting: waiting.clone(), from })
    }
}

impl Drop for QueueSlot {
    fn drop(&mut self) {
        let mut counts = self.waiting.lock();
        if let Some(count) = counts.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.from);
            }
        }
    }
}

fn work(queue: &Receiver<(Job, QueueSlot)>) {
    let mut memory = Vec::new();
    while let Ok((job, slot)) = queue.recv() {
        match job {
            Job::Hash { password, done } => {
                let hash = hash(&mut memory, &password);
                drop(slot);
                done(hash);
            }
            Job::Verify { password, hash, done } => {
                let right = verify(&mut memory, &password, hash.as_deref());
                drop(slot);
                done(right);
            }
        }
    }
}

/// Hashes one password on the calling thread: for a process that does nothing else.
pub(super) fn hash_one(password: &[u8]) -> Option<Arc<str>> {
    hash(&mut Vec::new(), password)
}

/// Hashes many passwords on as many threads as a server has for it; the results are in their order.
pub(super) fn hash_all(passwords: &[&[u8]]) -> Option<Vec<Arc<str>>> {
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
    let (params, salt) = (Params::DEFAULT, Salt::new(&random).ok()?);
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
