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
//! The lines of both ports come in WebSockets, too (`web`), and then through the same readers and the same router.
//! The administrator's commands come by a socket of their own (`admin`), and through the same router.
//! Beside this, `audit` writes the log's lines for administrators, and `metrics` counts and serves the counts.

mod admin;
pub mod audit;
mod auth;
mod config;
mod connections;
mod host_name;
mod memory;
pub mod metrics;
mod router;
mod servers;
mod shared;
mod start_error;
mod tls;
mod turns;
mod web;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use parking_lot::Mutex;

use crate::model::ServerAddress;
use crate::net::{Listening, listen};
use crate::protocol::Port;
use crate::store::{Opened, Store};
use crate::trace::{self, Trace};
use admin::control::ControlSocket;
pub use admin::log_level::{is_logged, log_level, set_log_level};
pub use admin::offline::{Offline, hash_all, hash_one};
use audit::Audit;
use auth::accounts::Accounts;
pub use auth::failed_logins::Origin;
use auth::hashing::Auth;
pub use auth::login_queue;
pub use config::{Config, Registration, Web};
use connections::accept::accept;
use connections::banned_networks::BannedNetworks;
use connections::connection_table::ConnectionTable;
pub use connections::networks::{Networks, network};
pub use host_name::HostName;
pub use memory::fix_thresholds;
use router::Router;
pub use router::end::{Ended, Fatal};
pub use router::group_commit::{GroupCommit, Urgency};
pub use router::history_reader::delivered;
use router::input::Input;
pub use servers::Servers;
use shared::Shared;
pub use start_error::StartError;
use tls::ServerTls;
pub use tls::{CertificateFiles, CertificateInfo, make_certificate};
use web::listener::WebPort;

/// Length of the router's queue. While it is full the readers stop reading (back-pressure).
const ROUTER_QUEUE: usize = 4_096;

/// Time in which the connections of a stopping server have to take their last replies.
const STOP_TIMEOUT: Duration = Duration::from_millis(1_000);

/// A running server.
pub struct Handle {
    send: Listening,
    recv: Listening,
    control: Option<ControlSocket>,
    metrics: Option<Listening>,
    web: Option<WebPort>,
    shared: Arc<Shared>,
    router: JoinHandle<()>,
    ended: Ended,
}

/// Binds both ports, recovers the store, and serves. When it returns, the server is ready.
pub fn start(config: Config) -> Result<Handle, StartError> {
    let send = bind(SocketAddr::new(config.listen, config.send_port))?;
    let recv = bind(SocketAddr::new(config.listen, config.recv_port))?;
    let bind_metrics =
        |address| TcpListener::bind(address).map_err(|error| StartError::ListenForMetrics { address, error });
    let metrics = config.metrics.map(bind_metrics).transpose()?;
    let bind_web = |address| TcpListener::bind(address).map_err(|error| StartError::ListenForWeb { address, error });
    let web = config.web.as_ref().map(|web| bind_web(web.address)).transpose()?;
    let store = Store::new(config.disk.clone(), &config.data);
    let opened = store.open(config.policy.clone(), config.sizes).map_err(StartError::Store)?;
    match (&config.cluster, &opened.machine.stored.chain) {
        (None, Some(_)) => return Err(StartError::Store(store.refuse_cluster())),
        (Some(_), None) => return Err(StartError::OfNoCluster),
        _ => {}
    }
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
    run(config, opened, store, tls, Listeners { send, recv, metrics, web }).map_err(StartError::System)
}

/// Records that the log had batches after the last checkpoint: the store was not closed by [`Handle::stop`].
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
    web: Option<TcpListener>,
}

/// Starts the threads. They are all there, or the server does not start.
fn run(
    config: Config,
    opened: Opened,
    store: Store,
    tls: Option<ServerTls>,
    listeners: Listeners,
) -> io::Result<Handle> {
    let (inputs, inbox) = bounded(ROUTER_QUEUE);
    let shared = Arc::new(Shared {
        accounts: Accounts::new(&opened.machine.stored)?,
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
        servers: Mutex::new(Servers { standing_by: config.cluster.is_some(), ..Servers::default() }),
    });
    let mut router = Router::new(opened, store, &config, inbox, shared.clone())?;
    if let Some(cluster) = &config.cluster {
        let [send, recv] = [&listeners.send, &listeners.recv].map(TcpListener::local_addr);
        let fingerprint = shared.tls.as_ref().map(|tls| tls.info().fingerprint);
        router.join(
            cluster,
            ServerAddress { host: cluster.host.clone(), send: send?.port(), recv: recv?.port(), fingerprint },
        )?;
    }
    let (tell_end, ended) = bounded(1);
    let work = move || _ = tell_end.send(router.run());
    let router = std::thread::Builder::new().name("router".to_owned()).spawn(work)?;
    let web = listeners.web.zip(config.web.as_ref());
    let to_send = shared.clone();
    let to_recv = shared.clone();
    Ok(Handle {
        control: config.control_socket.and_then(|path| ControlSocket::open(path, shared.clone())),
        send: listen(listeners.send, "send port", move |stream, peer| accept(&to_send, Port::Send, stream, peer))?,
        recv: listen(listeners.recv, "recv port", move |stream, peer| accept(&to_recv, Port::Recv, stream, peer))?,
        metrics: listeners.metrics.map(|listener| metrics::http::serve(listener, shared.clone())).transpose()?,
        web: web.map(|(listener, web)| WebPort::open(listener, web, shared.clone())).transpose()?,
        shared,
        router,
        ended,
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| StartError::Listen { address, error })
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

    /// Returns the address of the web port, if there is one.
    pub fn web_address(&self) -> Option<SocketAddr> {
        self.web.as_ref().map(WebPort::address)
    }

    /// Returns whether the router has ended by itself: it could not go on, and says why.
    pub fn ended(&self) -> &Ended {
        &self.ended
    }

    /// Returns whether this server leads its cluster, or is in none.
    pub fn leads(&self) -> bool {
        !self.shared.servers.lock().standing_by
    }

    /// Returns what people are told about the certificate; `None`: the server speaks clear text.
    pub fn certificate(&self) -> Option<CertificateInfo> {
        self.shared.tls.as_ref().map(ServerTls::info)
    }

    /// Sets what clients are told about the servers: at their logins, and by SERVERS.
    pub fn set_servers(&self, servers: Servers) {
        *self.shared.servers.lock() = servers;
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
        self.web.iter_mut().for_each(WebPort::stop);
        if let Some(control) = self.control.take() {
            control.stop();
        }
        self.shared.tell_router(Input::ShutDown);
        self.shared.connections.wait_until_empty(Instant::now() + STOP_TIMEOUT);
        self.shared.tell_router(Input::Stop);
        let end = self.ended.recv().unwrap_or(Ok(()));
        let _ = self.router.join();
        self.metrics.iter_mut().for_each(Listening::stop);
        self.shared.audit.finish();
        match end {
            // It stops all the same. What it could not append to the cluster's log has had no answer.
            Err(Fatal::TermOver(why)) => log::warn!("this server's term as the leader ended while it stopped: {why}"),
            end => end.map_err(|why| why.to_string())?,
        }
        Ok(())
    }
}
