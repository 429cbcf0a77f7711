//! The servers that are one to the client (protocol, section 1): those that the user has named, and those that a server has
//! listed. All connections of an account share them: each begins at the server that was the last to lead.
//!
//! A server that stands by names the one that leads. In clear text anybody in the network can do that, so the client follows
//! only to a server that it knows. Under TLS the server that names another was trusted, and the other has to prove itself as
//! any server has.

use std::time::Instant;

use parking_lot::Mutex;

use super::error::LinkError;
use super::known_servers::canonical;
use super::protection::server_name;
use super::server_file::ServerFile;
use crate::limits;
use crate::model::ServerAddress;
use crate::protocol::Ko;
use crate::texts::{Phrase, words};

/// Most servers that one try connects to: named ones, and as many that were listed. Servers that name one another without end
/// are left alone for a while, as those that are away.
const MOST_TRIED: usize = 2 * limits::SERVERS;

/// The servers of an account.
pub struct Servers {
    given: Vec<ServerAddress>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The server to which the next connection goes first; `None`: the first that the user has named.
    first: Option<ServerAddress>,
    /// Those that a server has listed.
    listed: Vec<ServerAddress>,
    /// The store that they have; empty: not known yet.
    store: String,
    /// Where the list is remembered. Without it no server is asked for its list.
    file: Option<ServerFile>,
    /// The server has no list: it is an older one.
    is_unsupported: bool,
    /// The last time at which a client that had been let in was sent to another server.
    followed_at: Option<Instant>,
}

impl Servers {
    /// Makes the servers that the user has named; at least one, of which the first gives the client's files their name.
    pub fn new(given: Vec<ServerAddress>) -> Self {
        Self { given, state: Mutex::default() }
    }

    /// Makes the servers of a client that was given one.
    pub fn one(host: &str, send: u16, recv: u16) -> Self {
        Self::new(vec![ServerAddress { host: host.to_owned(), send, recv, fingerprint: None }])
    }

    /// Returns the name of the first server that the user has named.
    pub fn name(&self) -> String {
        self.given.first().map_or_else(String::new, name_of)
    }

    /// Returns the names of the servers that the user has named.
    pub fn names(&self) -> Vec<String> {
        self.given.iter().map(name_of).collect()
    }

    /// Takes the list that another program of the user has remembered: a script asks for none, which would take it a request
    /// more each time. A file that cannot be read is as none.
    pub fn recall(&self, file: &ServerFile) {
        let mut state = self.state.lock();
        (state.store, state.listed) = file.read();
    }

    /// Takes the list of a file, asks for it on each connection, and remembers it there.
    pub fn remember_in(&self, file: ServerFile) {
        self.recall(&file);
        self.state.lock().file = Some(file);
    }

    /// Makes one connection: at the server that was the last to lead, else at the others in turn, each once.
    pub fn connect<T>(&self, mut attempt: impl FnMut(&ServerAddress) -> Result<T, LinkError>) -> Result<T, LinkError> {
        let mut tried = Vec::new();
        let mut failures = Vec::new();
        while let Some(server) = self.next(&tried).filter(|_| tried.len() < MOST_TRIED) {
            match attempt(&server) {
                Err(error) if error.is_of_one_server() => failures.push(error),
                done => {
                    self.state.lock().first = Some(server);
                    return done;
                }
            }
            tried.push(server);
        }
        self.state.lock().first = None;
        Err(LinkError::of_all(failures))
    }

    /// Returns the next server of a try: the one that is to be the first, else the first that was not tried.
    fn next(&self, tried: &[ServerAddress]) -> Option<ServerAddress> {
        let state = self.state.lock();
        let all = state.first.iter().chain(&self.given).chain(&state.listed);
        let mut left = all.filter(|server| !tried.iter().any(|tried| is_same(tried, server)));
        left.next().map(|next| self.with_certificate(&state, next))
    }

    /// Returns a server with the certificate that a server has told for it.
    fn with_certificate(&self, state: &State, server: &ServerAddress) -> ServerAddress {
        let told = state.listed.iter().find(|listed| is_same(listed, server)).and_then(|listed| listed.fingerprint);
        ServerAddress { fingerprint: server.fingerprint.or(told), ..server.clone() }
    }

    /// Returns whether several servers are known: the time-out of a connection to one of them is shorter.
    pub fn are_several(&self) -> bool {
        let state = self.state.lock();
        let first = self.given.first();
        self.given.iter().chain(&state.listed).any(|other| first.is_some_and(|first| !is_same(first, other)))
    }

    /// Decides about the server that a SHUTDOWN names: the next connection goes there first, or the error says why not. A
    /// client that was let in goes there at once, but not again and again.
    pub(super) fn follow(&self, leader: &ServerAddress, ko: &Ko, is_tls: bool) -> LinkError {
        let mut state = self.state.lock();
        let is_known = self.given.iter().chain(&state.listed).any(|known| is_same(known, leader));
        if !is_tls && !is_known {
            return LinkError::Away(Phrase::UnknownLeader { server: &name_of(leader) }.to_string());
        }
        state.first = Some(told(leader, is_tls));
        let now = Instant::now();
        let was_just_now = state.followed_at.is_some_and(|at| now < at + limits::MIN_RETRY_DELAY);
        if was_just_now {
            return LinkError::Away(words::ko(ko));
        }
        state.followed_at = Some(now);
        LinkError::Redirected(words::ko(ko))
    }

    /// Checks that a new connection is to be asked for the list.
    pub(super) fn are_wanted(&self) -> bool {
        let state = self.state.lock();
        state.file.is_some() && !state.is_unsupported
    }

    /// Notes that the server has no list. It is not asked again.
    pub(super) fn note_unsupported(&self) {
        self.state.lock().is_unsupported = true;
    }

    /// Notes the servers that a server has listed, durably.
    pub(super) fn note_list(&self, listed: &[ServerAddress], is_tls: bool) {
        let listed: Vec<_> = listed.iter().take(limits::SERVERS).map(|server| told(server, is_tls)).collect();
        let mut state = self.state.lock();
        if state.listed != listed {
            state.listed = listed;
            state.write();
        }
    }

    /// Notes the name of the store that the client was let in to. The servers of another store are forgotten.
    pub(super) fn note_store(&self, store: &str) {
        let mut state = self.state.lock();
        if state.store == store {
            return;
        }
        if !state.store.is_empty() {
            state.listed.clear();
        }
        state.store = store.to_owned();
        state.write();
    }
}

impl State {
    /// Writes the file. Without it the next start knows only the servers that the user has named.
    fn write(&self) {
        if let Some(file) = &self.file
            && let Err(error) = file.write(&self.store, &self.listed)
        {
            log::warn!("the list of servers is not remembered: {error}");
        }
    }
}

/// Returns a server as another one has told it. In clear text a certificate proves nothing.
fn told(server: &ServerAddress, is_tls: bool) -> ServerAddress {
    ServerAddress { fingerprint: server.fingerprint.filter(|_| is_tls), ..server.clone() }
}

/// Returns the name of a server for people, and in the file of known certificates.
pub(super) fn name_of(server: &ServerAddress) -> String {
    server_name(&server.host, server.send)
}

fn is_same(one: &ServerAddress, other: &ServerAddress) -> bool {
    one.recv == other.recv && canonical(&name_of(one)) == canonical(&name_of(other))
}
