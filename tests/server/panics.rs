//! A panic in a thread of a connection or of a login, which is a defect, costs that one login and nothing else.
//!
//! The panics are planted in the log: the server notes each login in it, on the thread that has ended it.

use std::sync::{Arc, Once};

use crate::support::simulated_disk::SimulatedDisk;
use crate::support::{Connection, PASSWORD, wait_for};
use wachat::server::audit::TARGET;
use wachat::server::{Config, Handle, start};

/// A login from this address panics.
const PLANTED_ADDRESS: [u8; 4] = [127, 0, 0, 99];

struct PanickingLog;

impl log::Log for PanickingLog {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }
    fn log(&self, record: &log::Record) {
        let line = record.args().to_string();
        let is_planted = line.contains("from 127.0.0.99 ");
        // The audit log is written by other threads, too.
        assert!(!is_planted || record.target() == TARGET, "a planted panic");
    }
    fn flush(&self) {}
}

/// Starts a server whose connections that have not logged in have two places.
fn serve() -> Handle {
    static LOG: Once = Once::new();
    LOG.call_once(|| log::set_logger(&PanickingLog).expect("no other logger"));
    log::set_max_level(log::LevelFilter::Debug);
    let config = Config::on_free_ports(Arc::new(SimulatedDisk::default()), "/data".into());
    start(Config { connections: 8, ..config }).unwrap_or_else(|error| panic!("{error}"))
}

fn log_in_from(source: [u8; 4], server: &Handle, line: &str) -> Option<String> {
    let mut connection = Connection::open_from(source, server.send_address());
    connection.send(format!("{line}\n"));
    connection.try_read_line()
}

/// Waits until a stranger is let in: the places of those who have left are free a moment later.
fn wait_for_login(server: &Handle, line: &str) -> String {
    wait_for_login_from([127, 0, 0, 1], server, line)
}

fn wait_for_login_from(source: [u8; 4], server: &Handle, line: &str) -> String {
    wait_for("a place", || log_in_from(source, server, line).filter(|reply| !reply.starts_with("KO;FULL;")))
}

#[test]
fn a_panic_of_an_auth_thread_is_answered_and_the_thread_goes_on() {
    let server = serve();
    assert_eq!(wait_for_login(&server, &format!("REGISTER:ana:{PASSWORD}")), "OK;ana;wachat/1");
    // More than there are threads, and more than an address may have waiting.
    for number in 0..10 {
        let line = format!("LOGIN:nobody{number}:{PASSWORD}");
        let reply = wait_for_login_from(PLANTED_ADDRESS, &server, &line);
        assert!(reply.starts_with("KO;INTERNAL;"), "{reply}");
    }
    assert_eq!(wait_for_login(&server, &format!("REGISTER:luis:{PASSWORD}")), "OK;luis;wachat/1");
    server.stop().expect("a clean stop");
}

#[test]
fn a_panic_of_a_reader_thread_frees_the_place_of_its_connection() {
    let server = serve();
    assert_eq!(wait_for_login(&server, &format!("REGISTER:ana:{PASSWORD}")), "OK;ana;wachat/1");
    // The name is taken, so the reader thread ends the login itself.
    for _ in 0..10 {
        let line = format!("REGISTER:ana:{PASSWORD}");
        let reply = wait_for("a place", || match log_in_from(PLANTED_ADDRESS, &server, &line) {
            Some(full) if full.starts_with("KO;FULL;") => None,
            ended => Some(ended),
        });
        assert!(reply.as_ref().is_none_or(|reply| reply.starts_with("KO;INTERNAL;")), "{reply:?}");
    }
    assert_eq!(wait_for_login(&server, &format!("REGISTER:luis:{PASSWORD}")), "OK;luis;wachat/1");
    server.stop().expect("a clean stop");
}
