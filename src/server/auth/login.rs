//! The first line of a connection (protocol, section 3). The reader thread starts the attempt, an auth thread verifies or
//! hashes the password, and the outcome goes to the router.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use super::failed_logins::Origin;
use super::job::Job;
use super::login_queue::{Busy, Task};
use super::names::Account;
use super::outcome::{LoginDevice, Outcome, PendingAccount};
use crate::model::{DeviceName, KeyDigest, Password, UserName};
use crate::protocol::{Code, Ko, Login, LoginKind, Port};
use crate::server::audit::{Event, LoginFailure};
use crate::server::config::Registration;
use crate::server::connections::connection::{CloseReason, Connection};
use crate::server::shared::Shared;
use crate::state_machine::ConnectionId;

/// A login line that has no answer yet.
pub(crate) struct Attempt {
    shared: Arc<Shared>,
    connection: ConnectionId,
    peer: IpAddr,
    port: Port,
    origin: Origin,
    user: String,
    /// The device that the line names.
    device: Option<DeviceName>,
    password: String,
    /// Position of the line among all login lines.
    pub order: u64,
    /// The line is a LOGIN or DEVICE: where its name is taken by the time it would be registered, the password is compared.
    is_login: bool,
}

/// Starts a login attempt. An error closes the connection.
///
/// Not inlined, nor are [`read`] and [`Attempt::check_key`]: the caller is a reader, whose stack keeps the pages that it has
/// once touched. Inlined, their frames would add up, and stay there while the reader waits.
#[inline(never)]
pub(crate) fn start(shared: &Arc<Shared>, connection: &Connection, line: &[u8]) -> Result<(), CloseReason> {
    match read(shared, connection, line)? {
        Some(task) => shared.auth.submit(task).map_err(|busy| refuse(connection, busy.into())),
        None => Ok(()),
    }
}

/// Reads a login line, and returns what an auth thread is to do for it: nothing, if the line has a key.
#[inline(never)]
fn read(shared: &Arc<Shared>, connection: &Connection, line: &[u8]) -> Result<Option<Box<Task<Job>>>, CloseReason> {
    if let Some(ko) = shared.banned.find(connection.peer) {
        return Err(ko.into());
    }
    let form = match connection.port {
        Port::Send => "the first line is LOGIN:<user>:<password> or REGISTER:<user>:<password>",
        Port::Recv => "the first line is LOGIN:<user>:<password> or DEVICE:<device>:<user>:<password>",
    };
    let syntax = |text: &str| CloseReason::Ko(Ko::new(Code::Syntax, text));
    let login = Login::parse(line).ok_or_else(|| syntax(form))?;
    if login.kind == LoginKind::Device && connection.port == Port::Send {
        return Err(syntax("DEVICE is for the RECV port; here it is LOGIN, or KEY:<device>:<user>:<key>"));
    }
    let device = DeviceName::new(login.device);
    if login.kind.names_device() && device.is_none() {
        return Err(syntax("a device's name is a letter and up to 31 letters, digits, - and _; not others"));
    }
    // In a box: each step moves it on, and has no copy of it on the stack.
    let attempt = Box::new(Attempt {
        shared: shared.clone(),
        connection: connection.id,
        peer: connection.peer,
        port: connection.port,
        origin: Origin::new(connection.peer, UserName::new(login.user).ok().as_ref()),
        user: login.user.to_owned(),
        device,
        password: login.password.to_owned(),
        order: shared.logins.fetch_add(1, Ordering::Relaxed),
        is_login: matches!(login.kind, LoginKind::Login | LoginKind::Device),
    });
    if login.kind == LoginKind::Key {
        attempt.check_key();
        return Ok(None);
    }
    attempt.begin().map(Some).map_err(|ko| refuse(connection, ko))
}

/// Returns the refusal of a login as the reason to close its connection.
fn refuse(connection: &Connection, ko: Ko) -> CloseReason {
    log::debug!("{}: login from {} refused: {ko}", connection.id, connection.peer);
    CloseReason::Ko(ko)
}

impl Attempt {
    fn begin(self: Box<Self>) -> Result<Box<Task<Job>>, Ko> {
        if self.is_login { self.verify() } else { self.register() }
    }

    /// Compares the key with the device's. A wrong one is refused at once: nobody guesses 256 bits.
    #[inline(never)]
    fn check_key(&self) {
        let key = self.password.as_str();
        let name = UserName::new(&self.user).ok();
        // What is no name costs the same work.
        let digested = name.clone().or_else(|| UserName::new("nobody").ok());
        let checked = digested.zip(self.device.clone());
        let digest = checked.and_then(|(user, device)| self.shared.accounts.check_key(&user, &device, key));
        let account = name.and_then(|name| self.shared.accounts.find(&name));
        match account.clone().zip(digest) {
            Some((account, digest)) => self.log_in(account, Some(digest)),
            None => self.fail(account.map(|account| account.name.clone()), LoginFailure::Key),
        }
    }

    /// Compares the password with the account's.
    fn verify(self: Box<Self>) -> Result<Box<Task<Job>>, Ko> {
        let name = UserName::new(&self.user).ok();
        let account = name.as_ref().and_then(|name| self.shared.accounts.find(name));
        let Some(account) = account else {
            if self.shared.registration == Registration::Auto && name.is_some() {
                return self.register();
            }
            return Ok(self.task(|attempt, password| {
                let done = Box::new(move |compared: Result<bool, Busy>| match compared {
                    Ok(_) => attempt.fail(None, LoginFailure::NoAccount),
                    Err(busy) => attempt.refuse(busy.into()),
                });
                Job::Verify { password, hash: None, known: None, done }
            }));
        };
        Ok(self.compare(account))
    }

    /// Has an auth thread compare the password with the account's hash. The login cache is asked at the turn of the job and
    /// not before: until then a right password is treated as a wrong one, and no guess is free.
    fn compare(self: Box<Self>, account: Arc<Account>) -> Box<Task<Job>> {
        self.task(|attempt, password| {
            let hash = account.password_hash.clone();
            let shared = attempt.shared.clone();
            let cached = account.clone();
            let known = Box::new(move |password: &[u8]| shared.accounts.was_verified(&cached, password));
            let done = Box::new(move |compared: Result<bool, Busy>| match compared {
                Ok(true) => {
                    attempt.shared.accounts.remember(&account, attempt.password.as_bytes());
                    attempt.log_in(account, None);
                }
                Ok(false) => attempt.fail(Some(account.name.clone()), LoginFailure::Password),
                Err(busy) => attempt.refuse(busy.into()),
            });
            Job::Verify { password, hash, known: Some(known), done }
        })
    }

    /// Checks name and password of a new account, and has the password hashed.
    fn register(self: Box<Self>) -> Result<Box<Task<Job>>, Ko> {
        if self.shared.registration == Registration::Closed {
            return Err(Code::Closed.into());
        }
        let user = UserName::new(&self.user).map_err(|error| Ko::new(Code::Name, error))?;
        if self.shared.accounts.find(&user).is_some() {
            return Err(Code::Exists.into());
        }
        self.shared.accounts.check_new(&user)?;
        let new = Password::new(&user, &self.password).map_err(|error| Ko::new(Code::Password, error))?;
        Ok(self.task(|attempt, password| {
            let done = Box::new(move |hash: Option<Arc<str>>| match hash {
                None => attempt.refuse(Code::Internal.into()),
                Some(password_hash) => {
                    let shared = attempt.shared.clone();
                    let connection = attempt.connection;
                    let order = attempt.order;
                    let device = attempt.device.clone();
                    let retry = Box::new(move |ko| attempt.retry_as_login(ko));
                    let account = PendingAccount { user, password: new, password_hash, device, order, retry };
                    shared.report_login(connection, Outcome::Register(Box::new(account)));
                }
            });
            Job::Hash { password, done }
        }))
    }

    fn task(self: Box<Self>, job: impl FnOnce(Box<Self>, Vec<u8>) -> Job) -> Box<Task<Job>> {
        let origin = self.origin.clone();
        let password = self.password.clone().into_bytes();
        let connection = self.connection;
        Task::new(origin, connection, job(self, password))
    }

    /// `key`: the digest of the key that was right, if it was no password.
    fn log_in(&self, account: Arc<Account>, key: Option<KeyDigest>) {
        let order = self.order;
        let device = self.device.clone().map(|name| LoginDevice { name, key });
        self.finish(Outcome::LoggedIn { account, order, device });
    }

    /// Refuses a login whose password or key is wrong; `user` is its account, if there is one.
    fn fail(&self, user: Option<UserName>, reason: LoginFailure) {
        self.shared.audit.note(Event::LoginFailed { user, from: self.peer, port: self.port, reason });
        self.refuse(Code::Auth.into());
    }

    fn refuse(&self, ko: Ko) {
        self.finish(Outcome::Refused(ko));
    }

    fn finish(&self, outcome: Outcome) {
        match &outcome {
            // Without the name: it can be a password that was typed in its place.
            Outcome::Refused(ko) => {
                log::debug!("{}: login from {} refused: {ko}", self.connection, self.peer);
            }
            _ => log::debug!("{}: {} has logged in from {}", self.connection, self.user, self.peer),
        }
        self.shared.report_login(self.connection, outcome);
    }

    /// Handles the refusal of a registration that was started by a LOGIN: the name was taken meanwhile (by the client's
    /// other port perhaps), and the password is compared instead. An error closes the connection.
    pub fn retry_as_login(self: Box<Self>, ko: Ko) -> Result<(), Ko> {
        let account = UserName::new(&self.user).ok().and_then(|name| self.shared.accounts.find(&name));
        match account.filter(|_| self.is_login && ko.code == Code::Exists) {
            Some(account) => {
                let shared = self.shared.clone();
                Ok(shared.auth.submit(self.compare(account))?)
            }
            None => Err(ko),
        }
    }
}

/// A panic, which is a defect, ends the attempt that it happens in: its client is answered.
impl Drop for Attempt {
    fn drop(&mut self) {
        if thread::panicking() {
            self.shared.report_login(self.connection, Outcome::Refused(Code::Internal.into()));
        }
    }
}
