//! `wachat serve`: the life of a server process, up to its last checkpoint.

use std::io::{self, IsTerminal as _, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, select, tick};
use if_addrs::{IfOperStatus, Interface};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::course::class;
use crate::limits;
use crate::server::{self, CertificateInfo, Config, Fatal, Handle, Registration};
use crate::signals;
use crate::trace::{SERVER, Trace};

/// Time between two looks at how long the certificate is still valid, and the time before its end from which on the
/// log warns: an authority renews one of 90 days when a third is left.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(86_400);
const CERTIFICATE_WARNING: Duration = Duration::from_secs(14 * 86_400);

/// The ports that clients connect to unless they are told others.
pub(super) const SEND_PORT: u16 = 1666;
pub(super) const RECV_PORT: u16 = 1999;
/// The port of `serve --web` without one.
pub(super) const WEB_PORT: u16 = 8080;

/// Maximum number of addresses of this machine that are shown.
const SHOWN_ADDRESSES: usize = 4;

/// Runs a server until a signal stops it. The error says why it could not start or go on. `trace`: record every line,
/// in a file or on standard error.
/// `detached`: run in a session of its own, and hold this file of a class.
pub(super) fn serve(
    trace: Option<Option<PathBuf>>,
    detached: Option<PathBuf>,
    mut config: Config,
) -> Result<(), String> {
    let held = detached.map(|file| class::detach(&file).map_err(|error| format!("{}: {error}", file.display())));
    let held = held.transpose()?;
    server::fix_thresholds();
    let trace = trace.map(start_trace).transpose().map_err(|error| format!("cannot write the trace: {error}"))?;
    config.trace = trace.clone();
    let end = run(config, held.is_some());
    if let Some(trace) = trace {
        trace.finish(end.as_ref().err().map_or("", String::as_str));
    }
    end
}

fn start_trace(file: Option<PathBuf>) -> io::Result<Trace> {
    match file {
        Some(path) => Trace::to_file(SERVER, &path),
        None => Trace::to_stderr(SERVER),
    }
}

/// `is_detached`: the process that has started the server may be gone, and another one finds the server by its file.
fn run(mut config: Config, is_detached: bool) -> Result<(), String> {
    let data = config.data.display().to_string();
    let registration = config.registration;
    config.connections = connections_within(raise_file_limit())?;
    if let Some(address) = config.metrics.filter(|address| !address.ip().is_loopback()) {
        log::warn!("--metrics {address}: everybody who reaches this address can read the metrics, without a password");
    }
    // Before the ready line: a program that has read it may send a signal at once.
    let signals = signals::receive(&[SIGINT, SIGTERM])?;
    let hang_ups = receive_hang_ups()?;
    let had_terminal = io::stdin().is_terminal();
    let mut server = server::start(config.clone()).map_err(|error| error.to_string())?;
    // The next term of a server in a cluster has the same ports.
    (config.send_port, config.recv_port) = (server.send_address().port(), server.recv_address().port());
    let announced = announce(&server, &data, registration);
    if let Err(error) = announced
        && !(is_detached && error.kind() == io::ErrorKind::BrokenPipe)
    {
        return Err(format!("cannot write to standard output: {error}"));
    }
    server.certificate().iter().for_each(warn_before_end);
    let day = tick(CERTIFICATE_CHECK);
    loop {
        select! {
            recv(signals) -> _ => break server.stop()?,
            recv(server.ended()) -> end => match end.unwrap_or_else(|_| Err("the router has panicked".to_owned().into())) {
                Err(Fatal::TermOver(why)) => {
                    log::warn!("this server does not lead any more: {why}; it stands by");
                    let _ = server.stop();
                    server = server::start(config.clone()).map_err(|error| error.to_string())?;
                }
                end => break end.map_err(|why| why.to_string())?,
            },
            recv(hang_ups) -> _ => {
                if had_terminal && !io::stdin().is_terminal() {
                    // The signal says that the terminal was closed.
                    break server.stop()?;
                }
                reload_certificate(&server);
            }
            recv(day) -> _ => server.certificate().iter().for_each(warn_before_end),
        }
    }
    // A program that has read the ready line may have closed the pipe.
    let _ = writeln!(io::stdout(), "wachat: stopped");
    Ok(())
}

/// Returns SIGHUP as a channel: the certificate is to be read again, or the terminal was closed.
fn receive_hang_ups() -> Result<Receiver<()>, String> {
    let (hang_up, hang_ups) = bounded(1);
    let watched = signals::watch(&[SIGHUP], move |_| _ = hang_up.try_send(()));
    watched.map_err(|error| format!("cannot wait for signals: {error}"))?;
    Ok(hang_ups)
}

fn reload_certificate(server: &Handle) {
    match server.reload_certificate() {
        Some(Ok(info)) => log::info!("from now on: {}", describe(&info)),
        Some(Err(error)) => log::error!("the former certificate stays: {error}"),
        None => log::info!("SIGHUP: there is no certificate to read again"),
    }
    server.certificate().iter().for_each(warn_before_end);
}

/// Warns while there is still time to renew the certificate.
fn warn_before_end(info: &CertificateInfo) {
    if info.expires_in.is_some_and(|left| left < CERTIFICATE_WARNING) {
        log::warn!("{}; renew it and send SIGHUP", describe(info));
    }
}

fn describe(info: &CertificateInfo) -> String {
    let end = match info.expires_in.map(|left| left.as_secs() / 86_400) {
        Some(0) => "it has expired or expires today".to_owned(),
        Some(days) => format!("it expires in {days} days"),
        None => "its end cannot be read".to_owned(),
    };
    format!("certificate {}, {end}", info.fingerprint)
}

/// Writes the ready line, which is the first on standard output and for programs; then, for people, who can connect
/// and how to stop.
fn announce(server: &Handle, data: &str, registration: Registration) -> io::Result<()> {
    let send = server.send_address();
    let recv = server.recv_address();
    let mut text = format!("wachat: listening send={send} recv={recv} data={data}\n");
    let certificate = server.certificate();
    let tls = if certificate.is_some() { " --tls" } else { "" };
    let mut lines = invitation(send, recv.port(), tls, &addresses(send.ip()));
    lines.extend(certificate.as_ref().map(describe));
    let web = server.web_address();
    lines.extend(web.iter().flat_map(|web| web_pages(*web, certificate.is_some())));
    let is_private = [Some(send), web].iter().flatten().all(|address| address.ip().is_loopback());
    if certificate.is_none() && !is_private {
        lines.push("who listens to the network reads passwords and messages; serve --tls encrypts them".to_owned());
    }
    if registration == Registration::Closed {
        lines.push("only wachat user add makes accounts; serve --registration open lets clients do so".to_owned());
    }
    if let Some(metrics) = server.metrics_address() {
        lines.push(format!("metrics at http://{metrics}/metrics, health at http://{metrics}/healthz"));
    }
    lines.iter().for_each(|line| text.push_str(&format!("wachat: {line}\n")));
    text.push_str("wachat: Ctrl-C stops the server\n");
    // One write: the reader of the first line may close the pipe at once.
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Returns where a browser finds the web port, for each address of this machine.
fn web_pages(web: SocketAddr, is_encrypted: bool) -> Vec<String> {
    let scheme = if is_encrypted { "https" } else { "http" };
    let addresses = addresses(web.ip()).into_iter().map(|address| SocketAddr::new(address, web.port()));
    addresses.map(|address| format!("in a browser: {scheme}://{address}/")).collect()
}

/// Returns the command with which people of this network connect, for each address of this machine.
fn invitation(send: SocketAddr, recv_port: u16, tls: &str, addresses: &[IpAddr]) -> Vec<String> {
    let mut options = tls.to_owned();
    for (flag, port, usual) in [("--send-port", send.port(), SEND_PORT), ("--recv-port", recv_port, RECV_PORT)] {
        if port != usual {
            options.push_str(&format!(" {flag} {port}"));
        }
    }
    if send.ip().is_loopback() {
        if send.ip() != Ipv4Addr::LOCALHOST {
            options = format!(" --server {}{options}", send.ip());
        }
        return vec![format!(
            "only this machine can connect, with wachat connect{options}; serve --listen 0.0.0.0 lets others in"
        )];
    }
    if addresses.is_empty() {
        return vec!["this machine has no address in a network: only itself can connect".to_owned()];
    }
    addresses.iter().map(|address| format!("friends connect with wachat connect --server {address}{options}")).collect()
}

/// Returns the addresses that others reach a listener at: its own, or those of this machine if it listens on all.
/// Those of containers and tunnels are left out where they can be told apart.
pub(super) fn addresses(listen: IpAddr) -> Vec<IpAddr> {
    if !listen.is_unspecified() {
        return vec![listen];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::warn!("the addresses of this machine are unknown: {error}");
        Vec::new()
    });
    let reachable = |interface: &Interface| {
        let is_up = matches!(interface.oper_status, IfOperStatus::Up | IfOperStatus::Unknown);
        is_up && !(interface.is_loopback() || interface.is_link_local() || interface.is_p2p())
    };
    let mut addresses: Vec<_> = interfaces.into_iter().filter(reachable).map(|interface| interface.ip()).collect();
    // A listener on :: takes IPv4 as well.
    addresses.retain(|address| address.is_ipv4() || listen.is_ipv6());
    addresses.sort();
    addresses.truncate(SHOWN_ADDRESSES);
    addresses
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
