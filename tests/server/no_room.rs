//! A log that cannot grow: what the monitor is told, and an import that is too large for what is left.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use wachat::limits;
use wachat::model::{Email, NewAccount, UserName};
use wachat::protocol::control::ControlRequest;
use wachat::server::{Config, start};
use wachat::store::Sizes;

use crate::support::held_server::HeldServer;
use crate::support::intercepted_disk::InterceptedDisk;
use crate::support::metrics::get;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::{Connection, PASSWORD, wait_for, wait_until};

/// The size of the log's segments: some of the longest messages.
const SIZES: Sizes = Sizes { segment_bytes: 3 * limits::COMMAND_BYTES as u64, checkpoint_bytes: u64::MAX };

#[test]
fn the_monitor_is_told_that_the_log_cannot_grow_and_that_it_can_again() {
    let is_full = Arc::new(AtomicBool::new(false));
    let full = is_full.clone();
    let hook = move |what: &str, path: &Path| match what {
        "create" if full.load(Ordering::Relaxed) && path.starts_with("/data/wal") => {
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    };
    let disk = InterceptedDisk { disk: SimulatedDisk::default(), hook: Arc::new(hook) };
    let config = Config::on_free_ports(Arc::new(disk), "/data".into());
    let metrics = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let server =
        start(Config { sizes: SIZES, metrics, disk_floor: 0, ..config }).unwrap_or_else(|error| panic!("{error}"));
    let metrics = server.metrics_address().expect("a metrics port");
    let (_, mut ana) = Connection::open_with(server.send_address(), &format!("REGISTER:ana:{PASSWORD}"));
    is_full.store(true, Ordering::Relaxed);
    let text = "x".repeat(limits::TEXT_BYTES);
    let mut number = 0;
    let mut send = || {
        number += 1;
        ana.request(&format!("SEND;m-{number};ana;{text}"))
    };
    wait_for("a refusal", || send().starts_with("KO;FULL;").then_some(()));
    let told = get(metrics, "/healthz");
    assert_eq!(told.status, 503);
    assert_eq!(told.body, "the write-ahead log cannot grow: nothing is stored\n");
    is_full.store(false, Ordering::Relaxed);
    wait_until("room", || send().starts_with("OK;"));
    assert_eq!(get(metrics, "/healthz").body, "ok\n");
    server.stop().expect("a clean stop");
}

fn import(count: usize, class: &str) -> ControlRequest {
    let account = |number| NewAccount {
        name: UserName::new(&format!("{class}{number}")).expect("a name"),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA".into(),
        email: Email::default(),
    };
    ControlRequest::Add { accounts: (0..count).map(account).collect(), lobby: true }
}

/// The accounts are one batch, which has to fit into a segment: all or none.
#[test]
fn an_import_larger_than_a_segment_is_refused_and_makes_no_account() {
    let server = HeldServer::start_with(|config| config.sizes = SIZES);
    let ask = |request| server.begin(&request).join().expect("a reply");
    let accounts = || ask(ControlRequest::Accounts { from: 0 }).lines().skip(1).count();
    let reply = ask(import(2_000, "large"));
    assert!(reply.starts_with("KO;FULL;"), "{reply}");
    assert_eq!(accounts(), 0);
    assert!(server.metric("wachat_accounts") == 0.0);
    // Smaller ones find room, however much of the segment is used.
    for round in 0..12_u8 {
        assert_eq!(ask(import(40, &format!("class{}x", char::from(b'a' + round)))), "OK\n", "{round}");
    }
    assert_eq!(accounts(), 12 * 40);
    assert!(server.register("ana").request("PING") == "OK");
}

/// The rest of the segment that is written is no limit: the next one is begun for it.
#[test]
fn an_import_that_fits_into_a_segment_finds_room_wherever_the_log_stands() {
    let server = HeldServer::start_with(|config| config.sizes = SIZES);
    for round in 0..8_u8 {
        let reply = server.begin(&import(180, &format!("class{}x", char::from(b'a' + round)))).join().expect("a reply");
        assert_eq!(reply, "OK\n", "{round}");
    }
}
