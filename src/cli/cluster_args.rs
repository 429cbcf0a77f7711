//! The options of a cluster: of `wachat serve` and of `wachat cluster`.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use rustix::system::uname;

use crate::cluster::{Access, ClusterUrl, Etcd, MemberConfig, Membership, Registration};
use crate::model::ServerAddress;

/// Size of etcd's database that it allows by itself, in MiB.
const QUOTA_MIB: u32 = 2_048;

#[derive(Args, Clone)]
pub(super) struct EtcdArgs {
    /// User of etcd, where its authentication is on
    #[arg(long, global = true, help_heading = "Cluster", value_name = "NAME", requires = "cluster_password_file")]
    cluster_user: Option<String>,
    /// File whose first line is the password of that user
    #[arg(long, global = true, help_heading = "Cluster", value_name = "FILE", requires = "cluster_user")]
    cluster_password_file: Option<PathBuf>,
    /// PEM file of the authorities that vouch for etcd's certificates [default: those of this machine]
    #[arg(long, global = true, help_heading = "Cluster", value_name = "FILE")]
    cluster_ca: Option<PathBuf>,
    /// Name of this server among those of its cluster [default: this machine's name]
    #[arg(long, global = true, help_heading = "Cluster", value_name = "NAME", value_parser = server_name)]
    cluster_name: Option<String>,
}

impl EtcdArgs {
    fn access(&self) -> Result<Access, String> {
        let password = |file: &PathBuf| {
            let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            Ok::<_, String>(text.lines().next().unwrap_or_default().to_owned())
        };
        let password = self.cluster_password_file.as_ref().map(password).transpose()?;
        Ok(Access { user: self.cluster_user.clone().zip(password), ca: self.cluster_ca.clone() })
    }

    pub fn membership(&self, url: &ClusterUrl) -> Result<Membership, String> {
        let etcd = Etcd::new(url, self.access()?).map_err(|error| error.to_string())?;
        Ok(Membership::new(url, etcd))
    }

    /// Returns the name of this server.
    pub fn name(&self) -> Result<String, String> {
        match &self.cluster_name {
            Some(name) => Ok(name.clone()),
            None => server_name(&machine_name())
                .map_err(|_| "this machine has no such name: give --cluster-name".to_owned()),
        }
    }
}

/// The cluster that a server is in.
#[derive(Args)]
pub(super) struct ServeClusterArgs {
    /// Be one of several servers that are one to their clients: etcd's addresses, and the name of the cluster
    ///
    /// The store has to be in the cluster: see wachat cluster init and wachat cluster join
    #[arg(long, help_heading = "Cluster", value_name = "URLS/NAME")]
    cluster: Option<ClusterUrl>,
    /// Host name or address under which clients reach this server [default: that of --listen, else this machine's name]
    #[arg(long, help_heading = "Cluster", value_name = "HOST", value_parser = host)]
    cluster_advertise: Option<String>,
    /// Size in MiB that etcd's database may have (its --quota-backend-bytes): at half of it nothing more is stored
    #[arg(long, help_heading = "Cluster", value_name = "MIB", default_value_t = QUOTA_MIB)]
    cluster_quota: u32,
    #[command(flatten)]
    etcd: EtcdArgs,
}

impl ServeClusterArgs {
    /// Returns the configuration; `None`: the server is alone. `listen`: where it listens, unless on all addresses.
    pub fn config(&self, listen: Option<String>) -> Result<Option<MemberConfig>, String> {
        let Some(url) = self.cluster.clone() else { return Ok(None) };
        let host = self.cluster_advertise.clone().or(listen).unwrap_or_else(machine_name);
        let quota_bytes = u64::from(self.cluster_quota) << 20;
        let process = getrandom::u64().map_err(|error| format!("the system gives no random numbers: {error}"))?;
        let process = format!("{process:016x}");
        Ok(Some(MemberConfig { url, access: self.etcd.access()?, name: self.etcd.name()?, process, host, quota_bytes }))
    }
}

fn machine_name() -> String {
    uname().nodename().to_string_lossy().into_owned()
}

fn server_name(text: &str) -> Result<String, String> {
    let wanted = || "a name of 1 to 64 letters, digits, dots, - and _, as server-1".to_owned();
    Some(text).filter(|text| Registration::is_name(text)).map(str::to_owned).ok_or_else(wanted)
}

fn host(text: &str) -> Result<String, String> {
    let wanted = || "a host name or an address, without a port, as chat.example.org".to_owned();
    Some(text).filter(|text| ServerAddress::is_host(text)).map(str::to_owned).ok_or_else(wanted)
}
