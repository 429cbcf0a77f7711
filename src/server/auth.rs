//! Passwords: Argon2id, on two threads of their own.
//!
//! A verification touches 19 MiB and takes tens of milliseconds. Two threads keep their memory and
//! take turns; whoever logs in waits in a bounded queue, and chatting goes on beside it.

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

/// Work for an auth thread, and where the result goes.
enum Job {
    Hash { password: Vec<u8>, done: Sender<Option<Arc<str>>> },
    Verify { password: Vec<u8>, hash: Option<Arc<str>>, done: Sender<bool> },
}

pub(super) struct Auth {
    jobs: Sender<Job>,
    /// How many logins of each address wait, or are being verified.
    waiting: Mutex<HashMap<IpAddr, usize>>,
}

/// Too many passwords are to be verified already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

impl Auth {
    pub fn start() -> io::Result<Self> {
        let (jobs, queue) = bounded(limits::AUTH_QUEUE);
        for _ in 0..limits::AUTH_THREADS {
            let queue = queue.clone();
            std::thread::Builder::new().name("auth".to_owned()).spawn(move || work(&queue))?;
        }
        Ok(Self { jobs, waiting: Mutex::default() })
    }

    /// Hashes a new password. `None`: this machine cannot (it has no random numbers, or no memory).
    pub fn hash(&self, from: IpAddr, password: &[u8]) -> Result<Option<Arc<str>>, Busy> {
        let password = password.to_vec();
        self.queue(from, |done| Job::Hash { password, done })
    }

    /// Whether a password is the one that was hashed. Without a hash it never is, after just as much
    /// work: how long it takes tells nobody which names there are.
    pub fn verify(&self, from: IpAddr, password: &[u8], hash: Option<Arc<str>>) -> Result<bool, Busy> {
        let password = password.to_vec();
        self.queue(from, |done| Job::Verify { password, hash, done })
    }

    /// Gives a job to the threads, if there is room, and waits for its result.
    fn queue<T>(&self, from: IpAddr, job: impl FnOnce(Sender<T>) -> Job) -> Result<T, Busy> {
        let _slot = self.take_slot(from)?;
        let (done, result) = bounded(1);
        self.jobs.send_timeout(job(done), limits::AUTH_QUEUE_TIMEOUT).map_err(|_| Busy)?;
        result.recv().map_err(|_| Busy)
    }

    fn take_slot(&self, from: IpAddr) -> Result<QueueSlot<'_>, Busy> {
        let mut waiting = self.waiting.lock();
        let here = waiting.entry(from).or_default();
        if *here >= limits::AUTH_QUEUE_PER_ADDRESS {
            return Err(Busy);
        }
        *here += 1;
        Ok(QueueSlot { auth: self, from })
    }
}

/// An address's place in the queue, as long as it is held.
struct QueueSlot<'a> {
    auth: &'a Auth,
    from: IpAddr,
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        let mut waiting = self.auth.waiting.lock();
        if let Some(here) = waiting.get_mut(&self.from) {
            *here -= 1;
            if *here == 0 {
                waiting.remove(&self.from);
            }
        }
    }
}

fn work(queue: &Receiver<Job>) {
    let mut memory = Vec::new();
    while let Ok(job) = queue.recv() {
        // Whoever asked may have gone.
        match job {
            Job::Hash { password, done } => _ = done.send(hash(&mut memory, &password)),
            Job::Verify { password, hash, done } => _ = done.send(verify(&mut memory, &password, hash.as_deref())),
        }
    }
}

/// Hashes one password on this thread: for a process that does nothing else.
pub(super) fn hash_alone(password: &[u8]) -> Option<Arc<str>> {
    hash(&mut Vec::new(), password)
}

/// Hashes many, on as many threads as a server has for it, in their order. `None` as for one.
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

/// The password in the PHC string format, with a new salt and the crate's recommended parameters.
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
        let no_one = Salt::new(&[0; 16]).ok();
        no_one.and_then(|salt| digest(memory, password, &salt, &Params::DEFAULT));
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

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_right_password_and_no_other() {
        let auth = Auth::start().unwrap();
        let hash = auth.hash(HERE, b"una palabra larga").unwrap().unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let verify = |password: &[u8], hash: Option<&str>| auth.verify(HERE, password, hash.map(Arc::from)).unwrap();
        assert!(verify(b"una palabra larga", Some(&hash)));
        assert!(!verify(b"otra palabra larga", Some(&hash)));
        assert!(!verify(b"una palabra larga", None));
        assert!(!verify(b"una palabra larga", Some("not a hash")));
    }

    #[test]
    fn one_address_does_not_take_the_whole_queue() {
        let auth = Auth::start().unwrap();
        let slots: Vec<_> = (0..limits::AUTH_QUEUE_PER_ADDRESS).map(|_| auth.take_slot(HERE).unwrap()).collect();
        assert_eq!(auth.verify(HERE, b"x", None), Err(Busy));
        assert_eq!(auth.verify(IpAddr::V4(std::net::Ipv4Addr::BROADCAST), b"x", None), Ok(false));
        drop(slots);
        assert_eq!(auth.verify(HERE, b"x", None), Ok(false));
        assert!(auth.waiting.lock().is_empty());
    }
}
