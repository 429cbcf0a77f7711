//! The arguments of `wachat serve`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::cluster_args::ServeClusterArgs;
use super::logging::LogFormat;
use super::page::{Page, page};
use super::serve::{RECV_PORT, SEND_PORT, WEB_PORT};
use super::terminal::number_with_unit;
use crate::disk::RealDisk;
use crate::limits;
use crate::model::Network;
use crate::server::{CertificateFiles, Config, HostName, Registration, Web};
use crate::state_machine::{Policy, mib};
use crate::store::{CONTROL_SOCKET, Retention, Sizes};

/// Range of `serve --keep`, in days. The end: a century.
const KEEP_DAYS: std::ops::RangeInclusive<u64> = 1..=36_500;

const EXITS: &[(u8, &str)] =
    &[(0, "stopped by a signal"), (1, "cannot start, or cannot go on; a line says why"), (2, "wrong arguments")];

pub(super) const PAGES: &[Page] = &[page(
    "serve",
    EXITS,
    &[
        ("wachat serve", "For this machine alone, with its store in data/"),
        ("wachat serve --listen 0.0.0.0 --tls", "For the network; it prints the line for friends"),
        ("wachat serve --tls --registration closed", "For accounts that the administrator creates"),
        ("wachat serve --keep 365d --keep-rooms 90d", "Remove messages after a year, in rooms after three months"),
        ("wachat serve --trace", "Show each line as it comes and goes"),
        ("wachat serve --listen 0.0.0.0 --web 0.0.0.0 --tls", "Also for browsers and programs that speak WebSockets"),
        ("wachat serve --metrics 127.0.0.1:9666", "Serve metrics for Prometheus, and a health check"),
    ],
    &["connect", "user", "session", "ban", "status", "check", "backup", "trace"],
)];

/// Headings of `serve --help`. `-h` shows the options without one.
const CERTIFICATE: &str = "Certificate";
const ACCOUNTS: &str = "Accounts and rooms";
const WEB: &str = "Web";
const RETENTION: &str = "Retention and disk";
const QUOTAS: &str = "Quotas";
const RATES: &str = "Time-out and rate limits";
const MONITORING: &str = "Monitoring";

#[derive(Args)]
pub(super) struct ServeArgs {
    /// Address to listen on; 0.0.0.0: all addresses
    ///
    /// 0.0.0.0 stands for all IPv4 addresses of this machine
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// SEND port (requests); 0: a free one
    #[arg(long, value_name = "PORT", default_value_t = SEND_PORT)]
    send_port: u16,
    /// RECV port (events); 0: a free one
    #[arg(long, value_name = "PORT", default_value_t = RECV_PORT)]
    recv_port: u16,
    /// Directory of the store
    ///
    /// It is created if it does not exist
    #[arg(long, value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Speak TLS
    ///
    /// With --cert and --key, else with a certificate that is made in the store's directory
    #[arg(long)]
    tls: bool,
    /// Creation of accounts by clients
    ///
    /// Without it: open; closed where others can listen to the network: beyond this machine, without TLS
    #[arg(long, value_enum, value_name = "POLICY")]
    registration: Option<Registration>,
    /// Show each line that comes and goes
    ///
    /// Without passwords, on standard error; or append it to a file that `wachat trace` reads
    #[arg(long, value_name = "FILE")]
    pub trace: Option<Option<PathBuf>>,
    /// PEM file of the certificate, after it those of its authorities; SIGHUP reads it again
    #[arg(long, help_heading = CERTIFICATE, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, help_heading = CERTIFICATE, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Serve the lines of both ports to browsers and other programs over HTTP, in WebSockets [default: no; without an
    /// address: 127.0.0.1:8080]
    #[arg(long, help_heading = WEB, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8080",
        value_parser = web_address)]
    web: Option<SocketAddr>,
    /// Name under which the web port is reached, beside localhost and this machine's name
    #[arg(long, help_heading = WEB, value_name = "NAME", value_delimiter = ',', value_parser = host_name)]
    web_name: Vec<HostName>,
    /// Address or network of a proxy before the web port: the last address in its X-Forwarded-For counts as the client's
    #[arg(long, help_heading = WEB, value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    web_proxy: Vec<Network>,
    /// Do not put every new account into #lobby
    #[arg(long, help_heading = ACCOUNTS)]
    no_lobby: bool,
    /// Maximum number of existing rooms that one account has created
    #[arg(long, help_heading = ACCOUNTS, value_name = "ROOMS", default_value_t = limits::ROOMS_PER_CREATOR)]
    rooms_per_creator: usize,
    /// Time for which messages are kept on the server, as 365d, 12w or 2y; forever: they are never removed
    #[arg(long, help_heading = RETENTION, value_name = "TIME", default_value = "forever", value_parser = keep)]
    keep: Keep,
    /// The same for messages in rooms [default: that of --keep]
    #[arg(long, help_heading = RETENTION, value_name = "TIME", value_parser = keep)]
    keep_rooms: Option<Keep>,
    /// Time of the server after which a device without a session is forgotten, as 30d; forever: never
    #[arg(long, help_heading = RETENTION, value_name = "TIME", default_value = "30d", value_parser = keep)]
    keep_devices: Keep,
    /// Let --keep go on although the clock has jumped far ahead; use it once, if the clock is right
    #[arg(long, help_heading = RETENTION)]
    trust_clock: bool,
    /// Free space in MiB below which nothing is stored
    #[arg(long, help_heading = RETENTION, value_name = "MIB", default_value_t = limits::DISK_FLOOR_MIB)]
    disk_floor: u32,
    /// Maximum number of direct messages in a user's mailbox
    #[arg(long, help_heading = QUOTAS, default_value_t = limits::QUEUE)]
    queue: usize,
    /// Maximum number of those from one sender
    #[arg(long, help_heading = QUOTAS, default_value_t = limits::QUEUE_PER_SENDER)]
    queue_per_sender: usize,
    /// Maximum size of a user's mailbox in MiB
    #[arg(long, help_heading = QUOTAS, value_name = "MIB", default_value_t = limits::QUEUE_MIB)]
    queue_mib: u32,
    /// Maximum size of the messages in it from one sender, in MiB
    #[arg(long, help_heading = QUOTAS, value_name = "MIB", default_value_t = limits::QUEUE_MIB_PER_SENDER)]
    queue_mib_per_sender: u32,
    /// Maximum size of the messages that one user sends a day, in MiB
    #[arg(long, help_heading = QUOTAS, value_name = "MIB", default_value_t = limits::MIB_PER_DAY)]
    mib_per_day: u32,
    /// Maximum size of the messages in one room a day, in MiB [default: 4 times --mib-per-day]
    #[arg(long, help_heading = QUOTAS, value_name = "MIB")]
    room_mib_per_day: Option<u32>,
    /// Network time-out in seconds, 5 to 300
    #[arg(long, help_heading = RATES, default_value_t = limits::TIMEOUT.as_secs(), value_parser = seconds)]
    timeout: u64,
    /// Rate limit of a user in tokens a second, 50 or more; a message costs one; 0: none
    #[arg(long, help_heading = RATES, value_name = "TOKENS", default_value_t = limits::RATE, value_parser = rate::<{ limits::MIN_RATE }>)]
    rate: u32,
    /// Rate limit of a user in bytes a second, 131072 or more; 0: none
    #[arg(long, help_heading = RATES, value_name = "BYTES", default_value_t = limits::RATE_BYTES,
        value_parser = rate::<{ limits::MIN_RATE_BYTES }>)]
    rate_bytes: u32,
    /// Turn every quota and rate limit off, for benchmarks and labs on a trusted machine
    #[arg(long, help_heading = RATES)]
    no_limits: bool,
    #[command(flatten)]
    cluster: ServeClusterArgs,
    /// Form of the log on standard error
    #[arg(long, help_heading = MONITORING, value_enum, default_value = "text")]
    pub log_format: LogFormat,
    /// Serve metrics for Prometheus (/metrics) and a health check (/healthz) over HTTP at this address [default: neither]
    #[arg(long, help_heading = MONITORING, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Run in a session of its own, and hold this file, which gets the process id: servers of `wachat class`
    #[arg(long, value_name = "FILE", hide = true)]
    pub detached: Option<PathBuf>,
}

pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let range = limits::TIMEOUT_SECONDS;
    let within = text.parse().ok().filter(|seconds| range.contains(seconds));
    within.ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

/// Reads the address of the web port: one without a port has the usual port.
fn web_address(text: &str) -> Result<SocketAddr, String> {
    let alone = || text.parse().ok().map(|address: IpAddr| SocketAddr::new(address, WEB_PORT));
    text.parse().ok().or_else(alone).ok_or_else(|| "an address, with or without a port, as 0.0.0.0:8080".to_owned())
}

fn host_name(text: &str) -> Result<HostName, String> {
    HostName::parse(text).ok_or_else(|| "a name of a host, without a port, as chat.example.org".to_owned())
}

fn network(text: &str) -> Result<Network, String> {
    Network::parse(text).ok_or_else(|| "an address or a network, as 127.0.0.1 or 10.0.0.0/8".to_owned())
}

/// Reads a rate limit: 0 for none, or at least `LEAST`.
fn rate<const LEAST: u32>(text: &str) -> Result<u32, String> {
    let allowed = text.parse().ok().filter(|rate| *rate == 0 || *rate >= LEAST);
    allowed.ok_or_else(|| format!("a whole number from {LEAST}, or 0 for no limit"))
}

impl ServeArgs {
    /// Returns where the certificate is; `None`: the server speaks clear text.
    fn certificate(&self) -> Result<Option<CertificateFiles>, &'static str> {
        match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => {
                Ok(Some(CertificateFiles::Named { certificate: certificate.clone(), key: key.clone() }))
            }
            (None, None) => Ok(self.tls.then_some(CertificateFiles::Own)),
            // They come from flags, the environment or the settings file: clap cannot check that.
            _ => Err("--cert and --key belong together: give both, or --tls alone"),
        }
    }

    /// Returns the policy of registration. A password that is chosen in clear text is known to who listens to the network.
    fn registration(&self, is_encrypted: bool) -> Registration {
        let is_web_private = self.web.is_none_or(|address| address.ip().is_loopback());
        let is_private = self.listen.is_loopback() && is_web_private || is_encrypted;
        self.registration.unwrap_or(if is_private { Registration::Open } else { Registration::Closed })
    }

    fn policy(&self) -> Policy {
        let bytes_per_day = mib(self.mib_per_day);
        let room_bytes_per_day = bytes_per_day.saturating_mul(limits::ROOM_DAY_FACTOR);
        let policy = Policy {
            queue: self.queue,
            queue_per_sender: self.queue_per_sender,
            queue_bytes: mib(self.queue_mib),
            queue_bytes_per_sender: mib(self.queue_mib_per_sender),
            bytes_per_day,
            room_bytes_per_day: self.room_mib_per_day.map_or(room_bytes_per_day, mib),
            rate: (self.rate > 0).then_some(self.rate),
            rate_bytes: (self.rate_bytes > 0).then_some(self.rate_bytes),
            rooms_per_creator: self.rooms_per_creator,
            poll_wait: Duration::from_secs(self.timeout) - limits::POLL_MARGIN,
            lobby: !self.no_lobby,
            keep_devices: self.keep_devices.0.unwrap_or(Duration::MAX),
        };
        if self.no_limits { policy.without_limits() } else { policy }
    }

    fn web(&self) -> Option<Web> {
        let names = self.web_name.clone();
        let proxies = self.web_proxy.clone();
        self.web.map(|address| Web { address, names, proxies })
    }

    /// Returns the configuration of the server. The error is that of arguments that do not belong together.
    pub fn config(&self) -> Result<Config, String> {
        let tls = self.certificate()?;
        if self.web.is_none() && !(self.web_name.is_empty() && self.web_proxy.is_empty()) {
            return Err("--web-name and --web-proxy are about the web port: give --web, too".to_owned());
        }
        let listen = (!self.listen.is_unspecified()).then(|| self.listen.to_string());
        Ok(Config {
            listen: self.listen,
            control_socket: Some(self.data.join(CONTROL_SOCKET)),
            send_port: self.send_port,
            recv_port: self.recv_port,
            data: self.data.clone(),
            disk: Arc::new(RealDisk),
            registration: self.registration(tls.is_some()),
            timeout: Duration::from_secs(self.timeout),
            connections: limits::CONNECTIONS,
            policy: self.policy(),
            sizes: Sizes::default(),
            retention: Retention {
                direct: self.keep.0,
                rooms: self.keep_rooms.unwrap_or(self.keep).0,
                trusts_clock: self.trust_clock,
            },
            disk_floor: mib(self.disk_floor),
            trace: None,
            tls,
            metrics: self.metrics,
            web: self.web(),
            cluster: self.cluster.config(listen)?,
        })
    }
}

/// A time for which messages are kept; `None`: for ever.
#[derive(Clone, Copy)]
struct Keep(Option<Duration>);

/// Reads a time in days, weeks or years, or `forever`.
fn keep(text: &str) -> Result<Keep, String> {
    if text == "forever" {
        return Ok(Keep(None));
    }
    let days = number_with_unit(text, &[("d", 1), ("w", 7), ("y", 365)]);
    let days = days.filter(|days| KEEP_DAYS.contains(days));
    let days = days.ok_or("a number with d, w or y (days, weeks, years) up to 100y, or forever")?;
    Ok(Keep(Some(Duration::from_secs(days * 24 * 3_600))))
}
