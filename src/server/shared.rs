//! State that the threads of the server share.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use super::audit::Audit;
use super::auth::accounts::Accounts;
use super::auth::hashing::Auth;
use super::auth::outcome::Outcome;
use super::config::Registration;
use super::connections::banned_networks::BannedNetworks;
use super::connections::connection_table::ConnectionTable;
use super::memory;
use super::metrics::Metrics;
use super::router::input::Input;
use super::servers::Servers;
use super::tls::ServerTls;
use crate::state_machine::ConnectionId;
use crate::trace::Trace;

/// State that the threads of the server share.
pub(crate) struct Shared {
    pub accounts: Accounts,
    pub auth: Auth,
    pub banned: BannedNetworks,
    pub router: Sender<Input>,
    pub connections: Arc<ConnectionTable>,
    /// Number of accepted connections: the last one's id.
    pub accepted: AtomicU64,
    /// Number of login lines so far.
    pub logins: AtomicU64,
    pub registration: Registration,
    pub timeout: Duration,
    pub poll_wait: Duration,
    pub trace: Option<Trace>,
    pub tls: Option<ServerTls>,
    pub audit: Audit,
    pub metrics: Arc<Metrics>,
    /// The servers of the cluster, and whether this one leads.
    pub servers: Mutex<Servers>,
}

impl Shared {
    /// Returns how many seconds a poll may wait (protocol, section 6).
    pub fn max_poll_seconds(&self) -> u64 {
        self.poll_wait.as_secs()
    }

    pub fn report_login(&self, connection: ConnectionId, outcome: Outcome) {
        self.tell_router(Input::Login(connection, Box::new(outcome)));
    }

    /// Puts an input into the router's queue; waits while it is full. Where the router has ended, so will everything.
    pub fn tell_router(&self, input: Input) {
        let _ = self.router.send(input);
    }

    /// Runs once a second, on the thread that looks the free space up.
    pub fn note_second(&self, free: Option<u64>) {
        if let Some(free) = free {
            self.metrics.note_free_bytes(free);
        }
        self.audit.flush();
        if self.connections.has_shrunk() {
            memory::give_back();
        }
    }
}
