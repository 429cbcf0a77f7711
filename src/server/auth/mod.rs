//! Logins: the login line (`login`) and its outcome, the accounts with the login cache, the queue of the auth threads
//! (`login_queue` behind the lock of `auth_queue`) with its failed logins, and the hashing itself.

pub(crate) mod accounts;
pub(crate) mod auth_queue;
pub(crate) mod failed_logins;
pub(crate) mod hashing;
pub(crate) mod job;
pub(crate) mod login;
pub mod login_queue;
pub(crate) mod names;
pub(crate) mod outcome;
