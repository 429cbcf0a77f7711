//! The server: two ports, a reader thread per connection, and the router.
//!
//! ```text
//!  reader (one a connection)                router                              sockets, files
//!  socket -> line -> Request --> queue --> state machine: command -> records
//!  auth threads: passwords ----^           write-ahead log: one write, one sync
//!  history threads: old rows --^           effects, after the commit: replies --> one send a connection
//!                                                                                 |  refused by the socket
//!                                                                                 v
//!                                                                             straggler thread
//! ```
//! Every connection has exactly one writer: the router, or the straggler thread while the socket's buffer is full.
//!
//! The administrator's commands come by a socket of their own (`control`), and through the same router.
//! Beside this, `audit` writes the log's lines for administrators, and `metrics` counts and serves the counts.

mod accounts;
pub mod audit;
mod auth;
mod auth_queue;
mod banned_networks;
mod clean_ups;
mod closing;
mod connection;
mod connection_table;
mod control;
mod disk_floor;
mod dispatch;
mod failed_logins;
mod group_commit;
mod health;
mod history_reader;
mod log_level;
mod login;
mod maintenance;
mod memory;
pub mod metrics;
mod offline;
mod reader;
mod requests;
mod router;
mod session;
mod start_error;
mod tls;
mod user_connections;
mod workers;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::disk::Disk;
use crate::limits;
use crate::net::{Listening, listen};
use crate::protocol::{Code, Ko, Reply};
use crate::state_machine::{ConnectionId, Policy, mib};
use crate::store::{Opened, Retention, Sizes, Store};
use crate::trace::{self, Trace, Traced};
use accounts::Accounts;
use audit::{Audit, ConnectionRefusal};
use auth::Auth;
use banned_networks::BannedNetworks;
use connection::Connection;
use connection_table::ConnectionTable;
pub use connection_table::network;
use control::ControlSocket;
pub use group_commit::{GroupCommit, Urgency};
pub use history_reader::delivered;
pub use log_level::{is_logged, log_level, set_log_level};
pub use memory::fix_thresholds;
use metrics::Metrics;
pub use offline::{Offline, hash_all, hash_one};
use router::{Input, Router};
pub use start_error::StartError;
use tls::ServerTls;
pub use tls::{CertificateFiles, CertificateInfo};

/// Ways in which accounts are created (protocol, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Registration {
    /// REGISTER creates one.
    Open,
    /// A LOGIN under an unknown name creates one, too.
    Auto,
    /// Only the administrator creates accounts.
    Closed,
}

/// Configuration of a server.
#[derive(Clone)]
pub struct Config {
    pub listen: IpAddr,
    /// 0 takes a free one.
    pub send_port: u16,
    /// 0 takes a free one.
    pub recv_port: u16,
    pub data: PathBuf,
    pub disk: Arc<dyn Disk>,
    pub registration: Registration,
    /// Network time-out (protocol, section 1).
    pub timeout: Duration,
    /// Most connections at once.
    pub connections: usize,
    pub policy: Policy,
    pub sizes: Sizes,
    pub retention: Retention,
    /// Free space in bytes below which nothing is stored.
    pub disk_floor: u64,
    /// Records every line, if there is one.
    pub trace: Option<Trace>,
    /// Speak TLS, with this certificate.
    pub tls: Option<CertificateFiles>,
    /// Path of the socket for the administrator's commands, if there is one.
    pub control_socket: Option<PathBuf>,
    /// Address of the metrics port, if there is one.
    pub metrics: Option<SocketAddr>,
}

impl Config {
    /// A server as `wachat serve` runs it, but on free ports of the loopback interface.
    pub fn on_free_ports(disk: Arc<dyn Disk>, data: PathBuf) -> Self {
        Self {
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            send_port: 0,
            recv_port: 0,
            data,
            disk,
            registration: Registration::Open,
            timeout: limits::TIMEOUT,
            connections: limits::CONNECTIONS,
            policy: Policy::default(),
            sizes: Sizes::default(),
            retention: Retention::default(),
            disk_floor: mib(limits::DISK_FLOOR_MIB),
            trace: None,
            tls: None,
            control_socket: None,
            metrics: None,
        }
    }
}

/// State that the threads of the server share.
struct Shared {
    accounts: Accounts,
    auth: Auth,
    banned: BannedNetworks,
    router: Sender<Input>,
    connections: Arc<ConnectionTable>,
    /// Number of accepted connections: the last one's id.
    accepted: AtomicU64,
    /// Number of login lines so far.
    logins: AtomicU64,
    registration: Registration,
    timeout: Duration,
    poll_wait: Duration,
    trace: Option<Trace>,
    tls: Option<ServerTls>,
    audit: Audit,
    metrics: Arc<Metrics>,
}

/// Reason for which the router cannot go on. Effects that it has not dispatched are lost: their requests stay unanswered.
type Fatal = String;

/// Says, once, how the router ended: it was told to, or could not go on.
pub type Ended = Receiver<Result<(), String>>;

/// A running server.
pub struct Handle {
    send: Listening,
    recv: Listening,
    control: Option<ControlSocket>,
    metrics: Option<Listening>,
    shared: Arc<Shared>,
    router: JoinHandle<()>,
    ended: Ended,
}

/// Which of the two ports a connection came in on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    Send,
    Recv,
}

impl From<Port> for trace::Port {
    fn from(port: Port) -> Self {
        match port {
            Port::Send => Self::Send,
            Port::Recv => Self::Recv,
        }
    }
}

/// Binds both ports, recovers the store, and serves. When it returns, the server is ready.
pub fn start(config: Config) -> Result<Handle, StartError> {
    let send = bind(SocketAddr::new(config.listen, config.send_port))?;
    let recv = bind(SocketAddr::new(config.listen, config.recv_port))?;
    let bind_metrics =
        |address| TcpListener::bind(address).map_err(|error| StartError::ListenForMetrics { address, error });
    let metrics = config.metrics.map(bind_metrics).transpose()?;
    let store = Store::new(config.disk.clone(), &config.data);
    let opened = store.open(config.policy.clone(), config.sizes).map_err(StartError::Store)?;
    if let Some(notice) = &opened.notice {
        log::warn!("{notice}");
    }
    log::info!(
        "store {}: {} accounts, last number {}",
        opened.machine.stored.store,
        opened.machine.stored.password_hashes().count(),
        opened.machine.stored.last
    );
    if let Some(trace) = &config.trace {
        note_recovery(trace, &opened);
    }
    let tls = config.tls.as_ref().map(|files| ServerTls::open(files, &config.data)).transpose();
    let tls = tls.map_err(StartError::Certificate)?;
    run(config, opened, store, tls, Listeners { send, recv, metrics }).map_err(StartError::System)
}

/// Records that the log had batches behind the last checkpoint: the store was not closed by [`Handle::stop`].
fn note_recovery(trace: &Trace, opened: &Opened) {
    if opened.closed_bytes > 0 || !opened.wal.is_fresh() || opened.notice.is_some() {
        let tail = opened.notice.as_deref().unwrap_or("no batch is torn");
        trace.note(trace::Event::Recovered, opened.machine.stored.last.get(), tail);
    }
}

struct Listeners {
    send: TcpListener,
    recv: TcpListener,
    metrics: Option<TcpListener>,
}

/// Starts the threads. They are all there, or the server does not start.
fn run(
    config: Config,
    opened: Opened,
    store: Store,
    tls: Option<ServerTls>,
    listeners: Listeners,
) -> io::Result<Handle> {
    let (inputs, inbox) = bounded(limits::ROUTER_QUEUE);
    let shared = Arc::new(Shared {
        accounts: Accounts::new(opened.machine.stored.password_hashes())?,
        auth: Auth::start()?,
        banned: BannedNetworks::new(&opened.machine.stored),
        router: inputs,
        connections: Arc::new(ConnectionTable::new(config.connections)),
        accepted: AtomicU64::new(0),
        logins: AtomicU64::new(0),
        registration: config.registration,
        timeout: config.timeout,
        poll_wait: config.policy.poll_wait,
        trace: config.trace.clone(),
        tls,
        audit: Audit::default(),
        metrics: Arc::default(),
    });
    let router = Router::new(opened, store, &config, inbox, shared.clone())?;
    let (tell_end, ended) = bounded(1);
    let work = move || _ = tell_end.send(router.run());
    let router = std::thread::Builder::new().name("router".to_owned()).spawn(work)?;
    let (to_send, to_recv) = (shared.clone(), shared.clone());
    Ok(Handle {
        control: config.control_socket.and_then(|path| ControlSocket::open(path, shared.clone())),
        send: listen(listeners.send, "send port", move |stream, peer| accept(&to_send, Port::Send, stream, peer))?,
        recv: listen(listeners.recv, "recv port", move |stream, peer| accept(&to_recv, Port::Recv, stream, peer))?,
        metrics: listeners.metrics.map(|listener| metrics::http::serve(listener, shared.clone())).transpose()?,
        shared,
        router,
        ended,
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| StartError::Listen { address, error })
}

/// Gives a connection its reader thread, or refuses it.
fn accept(shared: &Arc<Shared>, port: Port, stream: TcpStream, peer: SocketAddr) {
    // Without it the connection is only slower.
    let _ = stream.set_nodelay(true);
    let is_banned = shared.banned.find(peer.ip()).is_some();
    let strangers = if is_banned { limits::BANNED_PER_ADDRESS } else { limits::STRANGERS_PER_ADDRESS };
    let Some(slot) = shared.connections.admit(peer.ip(), port, strangers) else {
        note_refused(shared, port, peer, ConnectionRefusal::TooMany);
        return refuse(&stream, Ko::new(Code::Full, "the server has too many connections; try later"));
    };
    shared.metrics.accepted_connections.of(port).add(1);
    let id = ConnectionId(shared.accepted.fetch_add(1, Ordering::Relaxed) + 1);
    let trace = shared.trace.as_ref();
    let trace = trace.and_then(|trace| Traced::open(trace, trace::Role::Server, port.into(), &stream));
    let socket = match &shared.tls {
        None => Ok(stream.into()),
        Some(tls) => tls.accept(stream),
    };
    let socket = match socket {
        Ok(socket) => socket,
        Err(error) => return log::warn!("no TLS for {peer}: {error}"),
    };
    let connection = Arc::new(Connection::new(id, port, peer.ip(), socket, slot, trace));
    let (of_reader, reading) = (shared.clone(), connection.clone());
    let read = move || reader::serve(&of_reader, &reading);
    let thread = std::thread::Builder::new().stack_size(limits::CONNECTION_STACK).spawn(read);
    if let Err(error) = thread {
        // The audit log has a line, which clients cannot flood.
        log::debug!("no thread for {peer}: {error}");
        note_refused(shared, port, peer, ConnectionRefusal::NoThread);
        let full = Ko::new(Code::Full, "the server has no thread left; try later");
        refuse(connection.outgoing.socket().tcp(), full);
    }
}

fn note_refused(shared: &Shared, port: Port, peer: SocketAddr, reason: ConnectionRefusal) {
    shared.metrics.refused_connections.of(port).add(1);
    shared.metrics.count_refusal(Code::Full);
    shared.audit.note(audit::Event::ConnectionRefused { from: peer.ip(), port: port.into(), reason });
}

/// Closes a connection that is not served, with a KO in clear text, without waiting.
fn refuse(stream: &TcpStream, why: Ko) {
    let mut last = Vec::new();
    Reply::Ko(why).write(&mut last);
    let _ = stream.set_nonblocking(true);
    let mut stream = stream;
    let _ = stream.write_all(&last);
    let _ = stream.shutdown(Shutdown::Both);
}

impl Handle {
    pub fn send_address(&self) -> SocketAddr {
        self.send.address()
    }

    pub fn recv_address(&self) -> SocketAddr {
        self.recv.address()
    }

    /// Returns the address of the metrics port, if there is one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(Listening::address)
    }

    /// Tells that the router has ended by itself: it could not go on, and says why.
    pub fn ended(&self) -> &Ended {
        &self.ended
    }

    /// Returns what people are told about the certificate; `None`: the server speaks clear text.
    pub fn certificate(&self) -> Option<CertificateInfo> {
        self.shared.tls.as_ref().map(ServerTls::info)
    }

    /// Reads the certificate's files again, for connections from now on. After an error the former one stays.
    pub fn reload_certificate(&self) -> Option<Result<CertificateInfo, String>> {
        self.shared.tls.as_ref().map(ServerTls::reload)
    }

    /// Stops: no new connections, waiting polls answered, every connection told, a checkpoint made.
    pub fn stop(mut self) -> Result<(), String> {
        log::info!("stopping");
        self.send.stop();
        self.recv.stop();
        self.control.take().into_iter().for_each(ControlSocket::stop);
        self.shared.tell_router(Input::ShutDown);
        self.shared.connections.wait_until_empty(Instant::now() + limits::STOP_TIMEOUT);
        self.shared.tell_router(Input::Stop);
        let end = self.ended.recv().unwrap_or_else(|_| Err("the router has panicked".to_owned()));
        let _ = self.router.join();
        self.metrics.iter_mut().for_each(Listening::stop);
        self.shared.audit.finish();
        end
    }
}

impl Shared {
    /// Returns how many seconds a poll may wait (protocol, section 6).
    fn max_poll_seconds(&self) -> u64 {
        self.poll_wait.as_secs()
    }

    fn report_login(&self, connection: ConnectionId, outcome: login::Outcome) {
        self.tell_router(Input::Login(connection, outcome));
    }

    /// Puts an input into the router's queue; waits while it is full. Where the router has ended, so will everything.
    fn tell_router(&self, input: Input) {
        let _ = self.router.send(input);
    }
}
