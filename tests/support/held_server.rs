//! A server in this process on a disk whose syncs a test can hold: while one is held, the router stands still in its commit,
//! and what comes meanwhile gathers in its queue.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tempfile::TempDir;

use wachat::protocol::control::ControlRequest;
use wachat::server::{Config, Handle, start};

use super::intercepted_disk::InterceptedDisk;
use super::metrics::Page;
use super::simulated_disk::SimulatedDisk;
use super::{Connection, PASSWORD, TIMEOUT, wait_until};

/// The behaviour of the disk towards the write-ahead log and to requests for its free space.
#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    is_closed: bool,
    /// The syncs that pass although it is closed.
    tickets: usize,
    is_full: bool,
    /// Number of syncs that wait.
    waiting: usize,
}

pub struct HeldServer {
    pub handle: Handle,
    gate: Arc<Gate>,
    /// Number of messages that were held.
    held: AtomicU64,
    /// Has the administrator's socket.
    directory: TempDir,
}

impl HeldServer {
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Starts a server with a configuration that the test has changed.
    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let gate = Arc::<Gate>::default();
        let of_disk = gate.clone();
        let hook = move |what: &str, path: &Path| of_disk.pass(what, path);
        let disk = InterceptedDisk { disk: SimulatedDisk::default(), hook: Arc::new(hook) };
        let directory = TempDir::new().expect("a temporary directory");
        let mut config = Config::on_free_ports(Arc::new(disk), "/data".into());
        config.control_socket = Some(directory.path().join("control.sock"));
        config.metrics = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        config.policy = config.policy.without_limits();
        change(&mut config);
        let handle = start(config).unwrap_or_else(|error| panic!("{error}"));
        Self { handle, gate, held: AtomicU64::new(0), directory }
    }

    /// Holds each sync of the write-ahead log from now on.
    pub fn hold(&self) {
        self.gate.state.lock().is_closed = true;
    }

    /// Has a message be synced, so that the router stands still until [`HeldServer::release`].
    pub fn stand_still(&self, line: &mut Connection) {
        self.hold();
        line.send(format!("SEND;held-{};#lobby;hola\n", self.held.fetch_add(1, Ordering::Relaxed)));
        self.wait_until_held();
    }

    /// Waits until the router stands in a sync that is held.
    pub fn wait_until_held(&self) {
        wait_until("a sync", || self.gate.state.lock().waiting > 0);
    }

    /// Lets the sync that is held pass, and waits until the router stands in the next one.
    pub fn hold_next(&self) {
        self.gate.state.lock().tickets = 1;
        self.gate.changed.notify_all();
        wait_until("the next sync", || {
            let state = self.gate.state.lock();
            state.tickets == 0 && state.waiting > 0
        });
    }

    pub fn release(&self) {
        self.gate.state.lock().is_closed = false;
        self.gate.changed.notify_all();
    }

    /// Stops the server, whose router stands still. `meanwhile` is called with the metrics port when the router is to be told;
    /// then the router goes on.
    pub fn stop_while<T>(self, meanwhile: impl FnOnce(SocketAddr) -> T) -> (Result<(), String>, T) {
        let metrics = self.handle.metrics_address().expect("a metrics port");
        let Self { handle, gate, .. } = self;
        let before = Page::read(metrics).value("wachat_router_queue");
        let stopping = std::thread::spawn(move || handle.stop());
        wait_until("the end to be told", || Page::read(metrics).value("wachat_router_queue") > before);
        let done = meanwhile(metrics);
        gate.state.lock().is_closed = false;
        gate.changed.notify_all();
        (stopping.join().expect("an end"), done)
    }

    /// Sets whether the disk says that it has no free space.
    pub fn set_full(&self, is_full: bool) {
        self.gate.state.lock().is_full = is_full;
    }

    /// Waits until this many inputs wait for the router, and no password is being verified.
    pub fn wait_for_inputs(&self, count: usize) {
        wait_until("the router's queue", || {
            self.metric("wachat_router_queue") >= count as f64 && self.metric("wachat_auth_queue") == 0.0
        });
    }

    pub fn metric(&self, sample: &str) -> f64 {
        Page::read(self.handle.metrics_address().expect("a metrics port")).value(sample)
    }

    /// Registers a user on the SEND port.
    pub fn register(&self, user: &str) -> Connection {
        let (reply, line) = Connection::open_with(self.handle.send_address(), &format!("REGISTER:{user}:{PASSWORD}"));
        assert_eq!(reply, format!("OK;{user};wachat/1"));
        line
    }

    /// Logs in on either port; returns the reply, too.
    pub fn try_login(&self, port: SocketAddr, user: &str, password: &str) -> (String, Connection) {
        Connection::open_with(port, &format!("LOGIN:{user}:{password}"))
    }

    #[track_caller]
    pub fn login(&self, port: SocketAddr, user: &str) -> Connection {
        let (reply, line) = self.try_login(port, user, PASSWORD);
        assert!(reply.starts_with(&format!("OK;{user};wachat/1")), "{reply}");
        line
    }

    /// Has the administrator ask for something; the thread returns the reply.
    pub fn begin(&self, request: &ControlRequest) -> JoinHandle<String> {
        let mut stream = UnixStream::connect(self.directory.path().join("control.sock")).expect("the socket");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
        let mut bytes = Vec::new();
        request.write(&mut bytes);
        stream.write_all(&bytes).expect("to send");
        std::thread::spawn(move || {
            let mut reply = String::new();
            stream.read_to_string(&mut reply).expect("a reply");
            reply
        })
    }

    #[track_caller]
    pub fn administer(&self, request: &ControlRequest) {
        assert_eq!(self.begin(request).join().expect("a reply"), "OK\n");
    }
}

impl Gate {
    fn pass(&self, what: &str, path: &Path) -> std::io::Result<()> {
        let mut state = self.state.lock();
        if what == "free" && state.is_full {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        if what != "sync" || !path.starts_with("/data/wal") || std::thread::current().name() != Some("router") {
            return Ok(());
        }
        state.waiting += 1;
        while state.is_closed && state.tickets == 0 {
            self.changed.wait(&mut state);
        }
        state.tickets = state.tickets.saturating_sub(1);
        state.waiting -= 1;
        Ok(())
    }
}
