//! `wachat serve`: the life of a server process, up to its last checkpoint.

use std::io::{self, Write};

use crossbeam_channel::select;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::limits;
use crate::server::{self, Config, Handle};
use crate::signals;

/// Runs a server until a signal stops it. The error says why it could not start or go on.
pub(super) fn serve(mut config: Config) -> Result<(), String> {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    server::fix_thresholds();
    let data = config.data.display().to_string();
    config.connections = connections_within(raise_file_limit())?;
    // Before the ready line: a program that has read it may send a signal at once.
    let signals = signals::receive(&[SIGINT, SIGTERM]).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let server = server::start(config).map_err(|error| error.to_string())?;
    announce(&server, &data).map_err(|error| format!("cannot write to standard output: {error}"))?;
    select! {
        recv(signals) -> _ => server.stop(),
        recv(server.ended()) -> end => end.unwrap_or_else(|_| Err("the router has panicked".to_owned())),
    }
}

/// Writes the ready line, the only one on standard output.
fn announce(server: &Handle, data: &str) -> io::Result<()> {
    let (send, recv) = (server.send_address(), server.recv_address());
    let mut out = io::stdout();
    writeln!(out, "wachat: listening send={send} recv={recv} data={data}")?;
    out.flush()
}

/// Raises the limit of open files to the hard limit, and returns it; `None`: there is none.
fn raise_file_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            log::warn!("the limit of open files stays at {:?}: {error}", limit.current);
            limit.current
        }
    }
}

/// Returns how many connections a server may have, each of which is an open file, beside the files of the store.
fn connections_within(files: Option<u64>) -> Result<usize, String> {
    let files = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let connections = files.saturating_sub(limits::RESERVED_FILES).min(limits::CONNECTIONS);
    if connections < limits::RESERVED_FILES {
        let least = 2 * limits::RESERVED_FILES;
        return Err(format!(
            "a server needs at least {least} open files, not {files}: raise the limit (ulimit -n {least})"
        ));
    }
    if connections < limits::CONNECTIONS {
        log::warn!("{files} open files are allowed, so there can be {connections} connections");
    }
    Ok(connections)
}
