//! The file beside the history in which a client remembers the servers that are one, with the name of their store.
//!
//! ```text
//! wachat-client-servers;1
//! STORE;<store>                                  once it is known
//! SERVER;<host>;<send>;<recv>[;<fingerprint>]    at most 16
//! ```

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{self, RealDisk};
use crate::limits;
use crate::model::ServerAddress;
use crate::protocol::codec::{server_address, write_server_address};
use crate::record::{Fields, Writer};

const FILE: &str = "servers.csv";
const HEAD: &str = "wachat-client-servers;1";

/// The file of one directory.
pub struct ServerFile {
    path: PathBuf,
}

impl ServerFile {
    /// Names the file of a directory.
    pub fn new(directory: &Path) -> Self {
        Self { path: directory.join(FILE) }
    }

    /// Returns the store and its servers; none where there is no such file, or none of this form.
    pub(super) fn read(&self) -> (String, Vec<ServerAddress>) {
        let content = disk::read(&RealDisk, &self.path);
        content.ok().and_then(|content| parse(&content)).unwrap_or_default()
    }

    /// Replaces the file. When this returns it is durable.
    pub(super) fn write(&self, store: &str, servers: &[ServerAddress]) -> io::Result<()> {
        let mut lines = format!("{HEAD}\n").into_bytes();
        if !store.is_empty() {
            Writer::new(&mut lines).plain("STORE").text(store).end();
        }
        for server in servers {
            let mut record = Writer::new(&mut lines);
            record.plain("SERVER");
            write_server_address(&mut record, server);
            record.end();
        }
        disk::replace(&RealDisk, &self.path, &lines)
    }
}

fn parse(content: &[u8]) -> Option<(String, Vec<ServerAddress>)> {
    let mut lines = content.split(|byte| *byte == b'\n');
    lines.next().filter(|head| *head == HEAD.as_bytes())?;
    let mut store = String::new();
    let mut servers = Vec::new();
    for fields in lines.filter_map(|line| Fields::parse(line).ok()) {
        match (fields.get(0), fields.get(1)) {
            (Some("STORE"), Some(name)) => name.clone_into(&mut store),
            (Some("SERVER"), _) if servers.len() < limits::SERVERS => servers.extend(server_address(&fields, 1)),
            _ => {}
        }
    }
    Some((store, servers))
}
