//! The reasons for which a server does not start.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::store::StoreError;

/// Reason for which a server does not start; its text says what to do.
#[derive(Debug)]
pub enum StartError {
    Listen {
        address: SocketAddr,
        error: io::Error,
    },
    ListenForMetrics {
        address: SocketAddr,
        error: io::Error,
    },
    ListenForWeb {
        address: SocketAddr,
        error: io::Error,
    },
    Store(StoreError),
    /// The store is in no cluster.
    OfNoCluster,
    Certificate(String),
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
            Self::ListenForMetrics { address, error } => {
                write!(f, "cannot listen on {address}: {error}; choose another address and port with --metrics")
            }
            Self::ListenForWeb { address, error } => {
                write!(f, "cannot listen on {address}: {error}; choose another address and port with --web")
            }
            Self::Store(error) => error.fmt(f),
            Self::OfNoCluster => f.write_str(
                "this store is in no cluster: begin one with wachat cluster init, or join one with wachat cluster join",
            ),
            Self::Certificate(error) => write!(f, "no TLS: {error}"),
            Self::System(error) => write!(f, "the system cannot run another thread: {error}"),
        }
    }
}
