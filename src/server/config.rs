//! Configuration of a server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::MemberConfig;
use crate::disk::Disk;
use crate::limits;
use crate::model::Network;
use crate::server::host_name::HostName;
use crate::server::tls::CertificateFiles;
use crate::state_machine::{Policy, mib};
use crate::store::{Retention, Sizes};
use crate::trace::Trace;

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

/// Configuration of the web port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    pub address: SocketAddr,
    /// Names of hosts under which the server may be asked for, beside those of this machine.
    pub names: Vec<HostName>,
    /// Networks of the proxies that name the address of a client.
    pub proxies: Vec<Network>,
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
    /// The web port, if there is one.
    pub web: Option<Web>,
    /// The cluster that this server is in, if it is in one.
    pub cluster: Option<MemberConfig>,
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
            web: None,
            cluster: None,
        }
    }
}
