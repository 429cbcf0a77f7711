//! Arguments of `wachat class start`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use crate::limits;

/// Make a class of a roster, and start its servers
///
/// The first start needs --roster and --groups. A later one needs neither: it starts the servers that are down, and
/// changes nothing else. The servers go on when the command ends; class stop ends them.
#[derive(Args)]
pub(super) struct StartArgs {
    /// CSV with a first line that names its columns: name, and optionally password, email and group. A missing password is
    /// made up; who has no group is dealt to one
    #[arg(long, value_name = "FILE")]
    pub roster: Option<PathBuf>,
    /// Number of groups
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=i64::from(limits::CLASS_GROUPS)))]
    pub groups: Option<u16>,
    /// First port; each group has two [default: 7000]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub base_port: Option<u16>,
    /// Address to listen on; 0.0.0.0: all IPv4 addresses of this machine [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<IpAddr>,
    /// Speak TLS on all servers, with one certificate of the class [default: beyond this machine]
    #[arg(long)]
    pub tls: bool,
    /// Speak clear text beyond this machine, too: for clients that students write. Who listens to the network reads the
    /// passwords
    #[arg(long, conflicts_with = "tls")]
    pub clear_text: bool,
    /// Network time-out in seconds, 5 to 300 [default: 10]
    #[arg(long, value_parser = super::super::serve_args::seconds)]
    pub timeout: Option<u64>,
}

impl StartArgs {
    /// Returns whether TLS is asked for; `None`: nothing is said about it.
    pub fn protection(&self) -> Option<bool> {
        (self.tls || self.clear_text).then_some(self.tls)
    }
}
