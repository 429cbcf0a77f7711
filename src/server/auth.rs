//! Passwords: Argon2id, on two threads of their own.
//!
//! A verification touches 19 MiB and takes tens of milliseconds. Two threads keep their memory and
//! take turns; whoever logs in waits in a bounded queue, and chatting goes on beside it.

use std::io;
use std::sync::Arc;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use crossbeam_channel::{Receiver, Sender, bounded};
use subtle::ConstantTimeEq;

use crate::limits;

/// Work for an auth thread, and where the result goes.
enum Job {
    Hash { password: Vec<u8>, done: Sender<Option<Arc<str>>> },
    Verify { password: Vec<u8>, hash: Option<Arc<str>>, done: Sender<bool> },
}

pub(super) struct Auth {
    jobs: Sender<Job>,
}

impl Auth {
    pub fn start() -> io::Result<Self> {
        let (jobs, queue) = bounded(limits::AUTH_QUEUE);
        for _ in 0..limits::AUTH_THREADS {
            let queue = queue.clone();
            std::thread::Builder::new().name("auth".to_owned()).spawn(move || work(&queue))?;
        }
        Ok(Self { jobs })
    }

    /// Hashes a new password. `None`: this machine cannot (it has no random numbers, or no memory).
    pub fn hash(&self, password: &[u8]) -> Option<Arc<str>> {
        let (done, result) = bounded(1);
        self.jobs.send(Job::Hash { password: password.to_vec(), done }).ok()?;
        result.recv().ok()?
    }

    /// Whether a password is the one that was hashed. Without a hash it never is, after just as much
    /// work: how long it takes tells nobody which names there are.
    pub fn verify(&self, password: &[u8], hash: Option<Arc<str>>) -> bool {
        let (done, result) = bounded(1);
        let sent = self.jobs.send(Job::Verify { password: password.to_vec(), hash, done });
        sent.is_ok() && result.recv().unwrap_or(false)
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

    #[test]
    fn the_right_password_and_no_other() {
        let auth = Auth::start().unwrap();
        let hash = auth.hash(b"una palabra larga").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(auth.verify(b"una palabra larga", Some(hash.clone())));
        assert!(!auth.verify(b"otra palabra larga", Some(hash)));
        assert!(!auth.verify(b"una palabra larga", None));
        assert!(!auth.verify(b"una palabra larga", Some("not a hash".into())));
    }
}
