//! `passwords.csv` of a class: what each student is handed out. It is a roster itself, and belongs to the teacher: a
//! class works without it.

use std::path::{Path, PathBuf};

use csv::ReaderBuilder;

use super::super::admin::roster;
use super::super::serve;
use crate::course::class::{Class, replace};
use crate::model::cell;

const COLUMNS: [&str; 8] = ["group", "name", "password", "server", "send_port", "recv_port", "connect", "fingerprint"];

pub(super) struct Row {
    pub group: u16,
    pub name: String,
    pub password: String,
}

pub(super) fn path(directory: &Path) -> PathBuf {
    directory.join("passwords.csv")
}

/// Reads the rows of a class; none without the file.
pub(super) fn read(directory: &Path) -> Result<Vec<Row>, String> {
    let path = path(directory);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let failed = |error: csv::Error| format!("{}: {error}", path.display());
    let mut reader = ReaderBuilder::new().delimiter(b';').from_path(&path).map_err(failed)?;
    let row = |record: csv::StringRecord| {
        let [group, name, password] =
            [0, 1, 2].map(|index| cell::original(record.get(index).unwrap_or_default()).to_owned());
        Some(Row { group: group.parse().ok()?, name, password })
    };
    let records = reader.records().map(|record| record.map_err(failed));
    records.map(|record| row(record?).ok_or_else(|| format!("{}: a row has no group", path.display()))).collect()
}

/// Writes the rows, sorted by groups, with the address and the ports of each group, and what to compare under TLS.
pub(super) fn write(class: &Class, mut rows: Vec<Row>) -> Result<(), String> {
    rows.sort_by_key(|row| row.group);
    let address = address(class);
    let fingerprint = class.fingerprint()?.map(|fingerprint| fingerprint.to_string()).unwrap_or_default();
    let rows = rows.into_iter().map(|row| {
        let ports = class.group(row.group).map_or([0; 2], |group| [group.send_port, group.recv_port]);
        let connect = connect(class, &address, ports, &row.name);
        let [send, recv] = ports.map(|port| port.to_string());
        [row.group.to_string(), row.name, row.password, address.clone(), send, recv, connect, fingerprint.clone()]
    });
    let table = roster::table(COLUMNS, rows).map_err(|error| error.to_string())?;
    replace(&path(&class.directory), &table)
}

/// Returns the command with which a student connects.
pub(super) fn connect(class: &Class, address: &str, [send, recv]: [u16; 2], user: &str) -> String {
    let tls = if class.tls { " --tls" } else { "" };
    format!("wachat connect{tls} --server {address} --send-port {send} --recv-port {recv} --user {user}")
}

/// Returns the address that students connect to.
pub(super) fn address(class: &Class) -> String {
    serve::addresses(class.listen).first().unwrap_or(&class.listen).to_string()
}
