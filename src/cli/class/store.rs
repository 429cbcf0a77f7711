//! The store and the ports of a group, while no server has them.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::course::class::{Class, Group, Starting};
use crate::course::process::KeptPort;
use crate::disk::{Disk as _, RealDisk, sync_name};
use crate::server::Offline;
use crate::store::Store;

/// Opens the store of a group whose server is not running.
pub(super) fn open_store(data: &Path) -> Result<Offline, String> {
    Offline::open(&Store::new(Arc::new(RealDisk), data), true).map_err(|error| error.to_string())
}

/// Moves a new store to where the one was that was moved aside.
pub(super) fn finish_reset(directory: &Path) -> Result<(), String> {
    let [data, new] = ["data", "data.new"].map(|name| directory.join(name));
    if !data.exists() && new.exists() {
        let moved = RealDisk.rename(&new, &data).and_then(|()| sync_name(&RealDisk, &data));
        moved.map_err(|error| format!("{}: {error}", data.display()))?;
    }
    if data.exists() { Ok(()) } else { Err(format!("{}: the store of the group is missing", data.display())) }
}

/// Starts the server of a group on the store that it has: no empty one is made instead.
pub(super) fn start_server(class: &Class, group: &Group) -> Result<Starting, String> {
    finish_reset(&class.directory_of(group.number))?;
    class.server(group).start()
}

/// Keeps the ports of these groups until the result is dropped. Refuses those on which other programs listen.
pub(super) fn keep_ports(class: &Class, groups: &[Group]) -> Result<Vec<KeptPort>, String> {
    let mut kept = Vec::new();
    let mut taken = Vec::new();
    for group in groups {
        for port in [group.send_port, group.recv_port] {
            match KeptPort::keep(SocketAddr::new(class.listen, port)) {
                Ok(port) => kept.push(port),
                Err(error) => taken.push(format!("port {port} of group {}: {error}", group.number)),
            }
        }
    }
    if taken.is_empty() {
        return Ok(kept);
    }
    Err(format!("nothing was started; choose other ports with --base-port\nwachat: {}", taken.join("\nwachat: ")))
}
