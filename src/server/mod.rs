//! The server: two ports, a thread a connection, and the router between them.
//!
//! ```text
//! send port --thread--\                       /-- write-ahead log (one write, one sync a batch)
//! send port --thread---> commands -> router -<
//! recv port --thread--/              (the state machine)   \-- answers -> the connection's own thread -> socket
//! ```

mod accounts;
mod auth;
mod connection;
mod connection_table;
#[cfg_attr(feature = "planted-bugs", path = "../../tests/planted/group_commit.rs")]
mod group_commit;
mod history_reader;
mod login;
mod offline;
mod recv_port;
mod router;
mod send_port;
mod workers;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::disk::Disk;
use crate::limits;
use crate::net::{HangUps, Listening, listen};
use crate::state_machine::{Command, ConnectionId, Policy};
use crate::store::{Opened, Sizes, Store, StoreError};
use accounts::Accounts;
use auth::Auth;
use connection::{CloseReason, Connection};
use connection_table::ConnectionTable;
pub use group_commit::{GroupCommit, Urgency};
pub use history_reader::delivered;
pub use offline::{NewAccount, Offline, hash_all};
use router::{Input, Router};

/// Who may have an account (protocol, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Registration {
    /// REGISTER makes one.
    Open,
    /// So does a LOGIN under a name that nobody has.
    Auto,
    /// Only the administrator makes accounts.
    Closed,
}

/// How a server is to run.
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
    /// How long anybody is waited for.
    pub timeout: Duration,
    pub policy: Policy,
    pub sizes: Sizes,
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
            policy: Policy::default(),
            sizes: Sizes::default(),
        }
    }
}

/// Why a server does not start. Says what to do.
#[derive(Debug)]
pub enum StartError {
    Listen {
        address: SocketAddr,
        error: io::Error,
    },
    Store(StoreError),
    /// The system gave no thread, or no way to watch sockets.
    System(io::Error),
}

impl std::error::Error for StartError {}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, error } => match error.kind() {
                io::ErrorKind::AddrInUse => {
                    write!(
                        f,
                        "{address} is in use; stop what listens there, or choose other ports with --send-port and --recv-port"
                    )
                }
                io::ErrorKind::PermissionDenied => {
                    write!(f, "{address}: ports below 1024 need root; choose others with --send-port and --recv-port")
                }
                _ => write!(f, "cannot listen on {address}: {error}; choose another address with --listen"),
            },
            Self::Store(error) => error.fmt(f),
            Self::System(error) => write!(f, "the system cannot run another thread: {error}"),
        }
    }
}

/// What every connection's thread may use.
struct Shared {
    accounts: Accounts,
    auth: Auth,
    router: Sender<Input>,
    store: Store,
    hang_ups: HangUps,
    connection_table: ConnectionTable,
    /// How many logins have come on RECV.
    logins: AtomicU64,
    registration: Registration,
    timeout: Duration,
    poll_wait: Duration,
}

/// Says, once, how the router ended: it was told to, or could not go on.
pub type Ended = Receiver<Result<(), String>>;

/// A running server.
pub struct Handle {
    send: Listening,
    recv: Listening,
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

/// Binds both ports, recovers the store, and serves. When it returns, the server is ready.
pub fn start(config: Config) -> Result<Handle, StartError> {
    let send = bind(SocketAddr::new(config.listen, config.send_port))?;
    let recv = bind(SocketAddr::new(config.listen, config.recv_port))?;
    let store = Store::new(config.disk.clone(), &config.data);
    let opened = store.open(config.policy.clone(), config.sizes).map_err(StartError::Store)?;
    if let Some(notice) = &opened.notice {
        log::warn!("{notice}");
    }
    log::info!(
        "store {}: {} accounts, last number {}",
        opened.machine.store(),
        opened.machine.accounts().count(),
        opened.machine.last()
    );
    run(config, opened, store, send, recv).map_err(StartError::System)
}

/// Starts the threads. They are all there, or the server does not start.
fn run(config: Config, opened: Opened, store: Store, send: TcpListener, recv: TcpListener) -> io::Result<Handle> {
    let (commands, inbox) = bounded(limits::ROUTER_QUEUE);
    let hung_up = commands.clone();
    let shared = Arc::new(Shared {
        accounts: Accounts::new(opened.machine.accounts())?,
        auth: Auth::start()?,
        router: commands,
        store: store.clone(),
        hang_ups: HangUps::start(move |number| {
            // If the router is gone, so will be everything else.
            let _ = hung_up.send(Input::Command(ConnectionId(number), Command::HungUp));
        })?,
        connection_table: ConnectionTable::default(),
        logins: AtomicU64::new(0),
        registration: config.registration,
        timeout: config.timeout,
        poll_wait: config.policy.poll_wait,
    });
    let (router, ended) =
        start_router(Router::new(opened, store, config.sizes, inbox, shared.clone())?, shared.clone())?;
    let (to_send, to_recv) = (shared.clone(), shared.clone());
    Ok(Handle {
        send: listen(send, "send port", move |stream, peer| accept(&to_send, Port::Send, stream, peer))?,
        recv: listen(recv, "recv port", move |stream, peer| accept(&to_recv, Port::Recv, stream, peer))?,
        shared,
        router,
        ended,
    })
}

/// Gives the router its thread. The channel says, once, how it ended.
fn start_router(router: Router, shared: Arc<Shared>) -> io::Result<(JoinHandle<()>, Ended)> {
    let (tell_end, ended) = bounded(1);
    let work = move || {
        let end = router.run();
        // A router that failed answers nobody any more; nobody is to wait for it.
        shared.connection_table.end_all(CloseReason::Silent);
        let _ = tell_end.send(end);
    };
    Ok((std::thread::Builder::new().name("router".to_owned()).spawn(work)?, ended))
}

fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|error| StartError::Listen { address, error })
}

/// Gives a connection its thread, or turns it away.
fn accept(shared: &Arc<Shared>, port: Port, stream: TcpStream, peer: SocketAddr) {
    // Neither is worth refusing a connection for: without them it is slower, or written to longer.
    let _ = stream.set_nodelay(true);
    let _ = stream.set_write_timeout(Some(shared.timeout));
    let Some(connection) = shared.connection_table.admit(stream, peer.ip()) else { return };
    let (shared_too, mine) = (shared.clone(), connection.clone());
    let serve = move || {
        match port {
            Port::Send => send_port::serve(&shared_too, &mine),
            Port::Recv => recv_port::serve(&shared_too, &mine),
        }
        shared_too.connection_table.leave(&mine);
    };
    let thread = std::thread::Builder::new().stack_size(limits::CONNECTION_STACK).spawn(serve);
    if let Err(error) = thread {
        log::warn!("no thread for {peer}: {error}");
        connection.turn_away("the server has no thread left; try later");
        shared.connection_table.leave(&connection);
    }
}

impl Handle {
    pub fn send_address(&self) -> SocketAddr {
        self.send.address()
    }

    pub fn recv_address(&self) -> SocketAddr {
        self.recv.address()
    }

    /// Tells that the router has ended by itself: it could not go on, and says why.
    pub fn ended(&self) -> &Ended {
        &self.ended
    }

    /// Stops: no new connections, waiting polls answered, every connection told, a checkpoint made.
    pub fn stop(mut self) -> Result<(), String> {
        log::info!("stopping");
        self.send.stop();
        self.recv.stop();
        let _ = self.shared.router.send(Input::AnswerPolls);
        self.shared.connection_table.end_all(CloseReason::Shutdown);
        let deadline = Instant::now() + limits::STOP_TIMEOUT;
        self.shared.connection_table.wait_until_empty(deadline);
        let _ = self.shared.router.send(Input::Stop);
        let end = self.ended.recv().unwrap_or_else(|_| Err("the router has panicked".to_owned()));
        let _ = self.router.join();
        end
    }
}

impl Shared {
    /// How many seconds a poll may wait (protocol, section 6).
    fn longest_wait(&self) -> u64 {
        self.poll_wait.as_secs()
    }

    /// Asks the state machine, and waits for the answer.
    fn ask(&self, connection: &Arc<Connection>, command: Command) -> Result<crate::state_machine::Answer, CloseReason> {
        self.tell(connection, command)?;
        connection.wait(1)
    }

    /// Asks the state machine; [`Connection::wait`] has the answer later. Waits while the router has too much to do.
    fn tell(&self, connection: &Arc<Connection>, command: Command) -> Result<(), CloseReason> {
        self.router.send(Input::Command(connection.id, command)).map_err(|_| CloseReason::Silent)
    }
}
