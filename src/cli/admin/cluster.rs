//! `wachat cluster`: several servers as one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::super::cluster_args::EtcdArgs;
use super::super::page::{DONE, Page, page};
use super::super::terminal::write_out;
use crate::cluster::{ClusterUrl, Registration, Status};
use crate::disk::RealDisk;
use crate::store::Store;

pub(super) const PAGES: &[Page] = &[
    page(
        "cluster",
        DONE,
        &[
            ("wachat cluster init --cluster http://10.0.0.1:2379/class", "Make a store the first of a cluster"),
            ("wachat cluster join --from /mnt/copy --data data", "Add a server, of a backup"),
            ("wachat cluster status --cluster http://10.0.0.1:2379/class", "Show the servers and the log"),
        ],
        &["serve", "backup", "restore"],
    ),
    page(
        "cluster init",
        DONE,
        &[("wachat cluster init --cluster http://10.0.0.1:2379/class", "Begin a cluster with this store")],
        &["cluster join", "serve"],
    ),
    page(
        "cluster join",
        DONE,
        &[("wachat cluster join --from /mnt/copy --data data", "Make a store of a backup of another server")],
        &["cluster init", "backup", "serve"],
    ),
    page(
        "cluster leave",
        DONE,
        &[("wachat cluster leave --data data", "Have a stopped server be alone again")],
        &["cluster forget"],
    ),
    page(
        "cluster forget",
        DONE,
        &[("wachat cluster forget server-3", "Keep no entries for it any more")],
        &["cluster leave", "cluster status"],
    ),
    page(
        "cluster status",
        DONE,
        &[("wachat cluster status --cluster http://10.0.0.1:2379/class", "Show who leads, and how far each server is")],
        &["cluster forget", "cluster format", "status"],
    ),
    page(
        "cluster format",
        DONE,
        &[("wachat cluster format", "Use the newest format of entries after all servers were upgraded")],
        &["cluster status", "serve"],
    ),
];

/// Have several servers be one, by a log that etcd keeps
///
/// One of them leads, the others stand by with a store of their own. Each is started with wachat serve --cluster.
#[derive(Args)]
pub(in crate::cli) struct ClusterArgs {
    #[command(subcommand)]
    action: Action,
    /// etcd's addresses, and the name of the cluster, as http://10.0.0.1:2379,http://10.0.0.2:2379/class
    #[arg(long, global = true, value_name = "URLS/NAME")]
    cluster: Option<ClusterUrl>,
    #[command(flatten)]
    etcd: EtcdArgs,
}

/// The directory of a store that no server holds.
#[derive(Args)]
struct DataArgs {
    /// Directory of the store; no server may be running on it
    #[arg(long, default_value = "data")]
    data: PathBuf,
}

#[derive(Subcommand)]
enum Action {
    /// Make a store the first state of a new cluster
    ///
    /// Also after etcd was lost: of the servers' stores the one with the highest number is to be taken, and the others join
    /// again if they end at another entry.
    Init {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Make a store of a backup of another server, and register it
    Join {
        /// Directory of a backup that was made on another server of the cluster
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Take a store out of the cluster: a server alone again
    ///
    /// While others go on under its name, the store gets one of its own, by which clients notice that it is another.
    Leave {
        #[command(flatten)]
        data: DataArgs,
    },
    /// Forget a server that will not come back: the log keeps entries for it
    Forget {
        /// Name of the server
        name: String,
    },
    /// Show the leader, the servers, the log and etcd's members
    Status,
    /// Have entries written in the newest format that all registered servers read
    ///
    /// Upgrade the servers one after the other first: until then a new version writes what the old one reads. The next leader
    /// begins with it. There is no way back: an older version does not start any more.
    Format,
}

pub(super) fn run(args: &ClusterArgs) -> Result<(), String> {
    let url = args.cluster.as_ref().ok_or("name the cluster with --cluster, as http://10.0.0.1:2379/class")?;
    let membership = args.etcd.membership(url)?;
    match &args.action {
        Action::Init { data } => {
            let name = args.etcd.name()?;
            let link = store(&data.data).begin_cluster().map_err(|error| error.to_string())?;
            membership.init(&name, link)?;
            say(&format!("{url} begins with {}; start it with wachat serve --cluster {url}", data.data.display()))
        }
        Action::Join { from, data } => {
            let name = args.etcd.name()?;
            let backup = store(from);
            let link = backup.position().map_err(|error| error.to_string())?;
            // First: from here on the entries after the backup are kept.
            membership.join(&name, link)?;
            store(&data.data).join_cluster(&backup).map_err(|error| error.to_string())?;
            say(&format!(
                "{name} is registered, after entry {}; start it with wachat serve --cluster {url}",
                link.number
            ))
        }
        Action::Leave { data } => {
            let name = args.etcd.name()?;
            let is_last = match membership.status() {
                Ok(status) => {
                    if status.servers.iter().any(|server| server.name == name) {
                        membership.forget(&name)?;
                    }
                    status.servers.iter().all(|server| server.name == name)
                }
                // Where etcd is gone, others may go on all the same.
                Err(why) => {
                    log::warn!("{why}; where the cluster goes on, run wachat cluster forget {name}");
                    false
                }
            };
            store(&data.data).leave_cluster(is_last).map_err(|error| error.to_string())?;
            say(&format!("{} is in no cluster any more", data.data.display()))
        }
        Action::Forget { name } => {
            membership.forget(name)?;
            say(&format!("{name} is forgotten"))
        }
        Action::Format => say(&format!("entries have format {} from the next leader on", membership.raise_format()?)),
        Action::Status => write_out(table(&membership.status()?).as_bytes()),
    }
}

fn store(directory: &Path) -> Store {
    Store::new(Arc::new(RealDisk), directory)
}

fn say(text: &str) -> Result<(), String> {
    write_out(format!("wachat: {text}\n").as_bytes())
}

/// Returns the status as lines for people and scripts: the fields separated by `;`, below their names.
fn table(status: &Status) -> String {
    let Status { leader, format, head, base, servers, members } = status;
    let leader = leader.as_deref().unwrap_or("none");
    let kept = head.bytes.saturating_sub(base.bytes);
    let mut text = format!(
        "leader: {leader}\nlast entry: {}\nentries kept: {}\nbytes kept: {kept}\nformat of entries: {format}\n",
        head.number,
        head.number.saturating_sub(base.number)
    );
    text.push_str("\nserver;address;applied;in a checkpoint;seen;reads formats up to\n");
    for server in servers {
        let address =
            server.address.as_ref().map_or(String::new(), |at| format!("{}:{}:{}", at.host, at.send, at.recv));
        let Registration { name, applied, covered, time, format, .. } = server;
        text.push_str(&format!("{name};{address};{applied};{covered};{time};{format}\n"));
    }
    text.push_str("\netcd;version;database bytes\n");
    for (endpoint, member) in members {
        match member {
            Ok(member) => text.push_str(&format!("{endpoint};{};{}\n", member.version, member.db_bytes)),
            Err(error) => text.push_str(&format!("{endpoint};no answer: {error};\n")),
        }
    }
    text
}
