//! Many users who are connected at once and poll, each as wachat's client does: a few threads hold all of them, and wait for
//! none of them alone. And a store with their accounts.

mod user;
mod wire;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use wachat::disk::RealDisk;
use wachat::model::{Email, NewAccount};
use wachat::protocol::control::ControlRequest;
use wachat::server::Offline;
use wachat::store::Store;

use super::{PASSWORD, World, values};
pub use user::User;

/// Threads that hold the connections.
const THREADS: usize = 2;

/// Users of one address: a class behind one router. The server limits the logins of an address.
const USERS_PER_ADDRESS: usize = 500;

/// Longest wait of a thread for its connections.
const TICK: Duration = Duration::from_millis(20);

/// Accounts that are created at once.
const BATCH: usize = 2_000;

/// Returns the hash of [`PASSWORD`] with the least that Argon2id takes, for a test that is not about its time.
pub fn cheap_hash() -> Arc<str> {
    let salt = [7; 16];
    let mut output = [0; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).expect("parameters"));
    argon2.hash_password_into(PASSWORD.as_bytes(), &salt, &mut output).expect("a hash");
    let [salt, output] = [&salt[..], &output].map(|bytes| BASE64_STANDARD_NO_PAD.encode(bytes));
    format!("$argon2id$v=19$m=8,t=1,p=1${salt}${output}").into()
}

/// Starts a server that has these accounts, all with [`PASSWORD`], of which this is the hash.
pub fn world_with(names: &[String], hash: &Arc<str>, options: &[&str]) -> World {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    let store = Store::new(Arc::new(RealDisk), &directory.path().join("data"));
    let mut offline = Offline::open(&store, false).expect("a store");
    for names in names.chunks(BATCH) {
        let new = |name: &String| NewAccount {
            name: values::user(name),
            password_hash: hash.clone(),
            email: Email::default(),
        };
        let add = ControlRequest::Add { accounts: names.iter().map(new).collect(), lobby: false };
        assert_eq!(offline.answer(add).as_deref(), Ok(&b"OK\n"[..]));
    }
    drop(offline);
    World::in_directory(directory, options)
}

pub struct Crowd {
    parts: Vec<Part>,
}

impl Crowd {
    /// Users with these names, who have accounts and are not connected yet.
    pub fn new(world: &World, names: &[String]) -> Self {
        let user = |(number, name): (usize, &String)| {
            let address = u16::try_from(number / USERS_PER_ADDRESS).expect("fewer addresses");
            let [high, low] = (address + 256).to_be_bytes();
            User::new(name.clone(), [127, 0, high, low + 1], world.recv)
        };
        let mut parts: Vec<Part> = (0..THREADS).map(|_| Part::default()).collect();
        for (number, user) in names.iter().enumerate().map(|(number, name)| (number, user((number, name)))) {
            parts[number % THREADS].add(user);
        }
        Self { parts }
    }

    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.parts.iter().flat_map(|part| &part.users)
    }

    pub fn users_mut(&mut self) -> impl Iterator<Item = &mut User> {
        self.parts.iter_mut().flat_map(|part| &mut part.users)
    }

    /// Lets the users work until each is settled. Fails after this time.
    pub fn settle(&mut self, within: Duration) {
        let unsettled = AtomicUsize::new(self.users().filter(|user| !user.is_settled()).count());
        let deadline = Instant::now() + within;
        std::thread::scope(|scope| {
            for part in &mut self.parts {
                scope.spawn(|| part.run(&unsettled, deadline));
            }
        });
        let left = unsettled.load(Ordering::SeqCst);
        assert_eq!(left, 0, "users who are not back or lack events after {within:?}; so far {:?}", self.ends());
    }

    /// Returns why connections have ended, and how many.
    pub fn ends(&self) -> BTreeMap<&str, usize> {
        let mut all = BTreeMap::new();
        for (why, count) in self.users().flat_map(|user| &user.ends) {
            *all.entry(why.as_str()).or_default() += count;
        }
        all
    }
}

/// The users of one thread.
struct Part {
    epoll: OwnedFd,
    users: Vec<User>,
    /// Users by the time of their next look. An entry is out of date if its user has another time by then.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl Default for Part {
    fn default() -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
        Self { epoll, users: Vec::new(), due: BinaryHeap::new() }
    }
}

impl Part {
    fn add(&mut self, user: User) {
        self.due.extend(user.due.map(|due| Reverse((due, self.users.len()))));
        self.users.push(user);
    }

    fn run(&mut self, unsettled: &AtomicUsize, deadline: Instant) {
        let mut ready = Vec::with_capacity(1_024);
        while unsettled.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            while let Some(Reverse((due, number))) =
                self.due.peek().copied().filter(|first| first.0.0 <= Instant::now())
            {
                self.due.pop();
                if self.users[number].due == Some(due) {
                    self.change(number, unsettled, Part::wake);
                }
            }
            let wait =
                self.due.peek().map_or(TICK, |first| first.0.0.saturating_duration_since(Instant::now()).min(TICK));
            let wait = Timespec::try_from(wait).expect("a short time");
            ready.clear();
            epoll::wait(&self.epoll, spare_capacity(&mut ready), Some(&wait)).expect("events");
            for event in &ready {
                let number = usize::try_from(event.data.u64()).expect("a number");
                self.change(number, unsettled, |part, number| part.users[number].exchange());
            }
        }
    }

    fn wake(&mut self, number: usize) {
        let user = &mut self.users[number];
        if user.wake() {
            use epoll::EventFlags as On;
            let data = epoll::EventData::new_u64(number as u64);
            let wire = user.wire.as_ref().expect("a connection");
            // Told once of each change: the user sends and receives until nothing more can be.
            epoll::add(&self.epoll, wire, data, On::IN | On::OUT | On::ET).expect("to wait for a connection");
        }
    }

    /// Lets a user act, and notes when it is due next, and whether it is settled.
    fn change(&mut self, number: usize, unsettled: &AtomicUsize, act: impl FnOnce(&mut Self, usize)) {
        let before = (self.users[number].due, self.users[number].is_settled());
        act(self, number);
        let user = &self.users[number];
        if user.due != before.0 {
            self.due.extend(user.due.map(|due| Reverse((due, number))));
        }
        match (before.1, user.is_settled()) {
            (false, true) => _ = unsettled.fetch_sub(1, Ordering::SeqCst),
            (true, false) => _ = unsettled.fetch_add(1, Ordering::SeqCst),
            _ => {}
        }
    }
}
