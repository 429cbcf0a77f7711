//! The metrics port: the counts are those of what was done over the sockets, and a bad request costs little.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::intercepted_disk::InterceptedDisk;
use crate::support::metrics::{Page, exchange, get, read_answer, world_with_metrics};
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::{Connection, PASSWORD, WACHAT, run_to_end, wait_for, wait_until};
use tempfile::TempDir;
use wachat::limits;
use wachat::server::{Config, start};
use wachat::store::Sizes;

/// Reads pages until one says that a condition holds: what a client was told can be counted a moment later.
fn page_when(address: SocketAddr, what: &str, holds: impl Fn(&Page) -> bool) -> Page {
    wait_for(what, || Some(Page::read(address)).filter(&holds))
}

#[test]
fn the_page_counts_what_was_done_over_the_sockets() {
    let (world, metrics) = world_with_metrics(&["--no-lobby"]);
    let mut zoraida = world.register("zoraida");
    drop(world.register("luis"));
    assert!(Connection::open_with(world.send, "LOGIN:zoraida:not this one").0.starts_with("KO;AUTH;"));
    for number in 1..=3 {
        assert!(zoraida.request(&format!("SEND;m-{number};luis;secreto")).starts_with("OK;"));
    }
    // A retry is no message.
    assert!(zoraida.request("SEND;m-3;luis;secreto").starts_with("OK;"));
    zoraida.expect_ko("SEND;m-4;nadie;secreto", "NO_USER");
    assert_eq!(zoraida.request("JOIN;#sala"), "OK");
    let page = page_when(metrics, "luis to be gone", |page| page.value("wachat_connections{port=\"send\"}") == 1.0);
    for (sample, value) in [
        ("wachat_accounts", 2.0),
        ("wachat_rooms", 1.0),
        ("wachat_sessions{port=\"send\"}", 1.0),
        ("wachat_connections{port=\"recv\"}", 0.0),
        ("wachat_connections_accepted_total{port=\"send\"}", 3.0),
        ("wachat_connections_accepted_total{port=\"recv\"}", 0.0),
        ("wachat_logins_total{outcome=\"accepted\"}", 2.0),
        ("wachat_logins_total{outcome=\"failed\"}", 1.0),
        ("wachat_refusals_total{code=\"AUTH\"}", 1.0),
        ("wachat_refusals_total{code=\"NO_USER\"}", 1.0),
        ("wachat_refusals_total{code=\"QUOTA\"}", 0.0),
        ("wachat_messages_received_total", 3.0),
        ("wachat_messages_delivered_total", 0.0),
        ("wachat_messages_waiting", 3.0),
        // Two accounts, three messages, one membership: one client at a time.
        ("wachat_batch_records_count", 6.0),
        ("wachat_batch_records_sum", 6.0),
        ("wachat_batch_records_bucket{le=\"1\"}", 6.0),
        ("wachat_commit_seconds_count", 6.0),
        ("wachat_router_queue", 0.0),
        ("wachat_auth_queue", 0.0),
        ("wachat_build_info{version=\"0.1.0\"}", 1.0),
    ] {
        assert_eq!(page.value(sample), value, "{sample} in\n{}", page.text);
    }
    for sample in ["wachat_messages_waiting_bytes", "wachat_commit_seconds_sum", "wachat_disk_free_bytes"] {
        assert!(page.value(sample) > 0.0, "{sample} in\n{}", page.text);
    }
    assert!(page.value("wachat_log_uncovered_bytes") > page.value("wachat_log_written_bytes_total"));
    for secret in ["zoraida", "luis", "secreto", "sala", PASSWORD] {
        assert!(!page.text.contains(secret), "{secret} is in\n{}", page.text);
    }
}

#[test]
fn deliveries_and_receipts_are_counted_and_nothing_waits_after_them() {
    let (mut world, metrics) = world_with_metrics(&["--no-lobby"]);
    let mut ana = world.register("ana");
    let mut eva = world.register("eva");
    let mut luis = world.register("luis");
    for member in [&mut ana, &mut eva, &mut luis] {
        assert_eq!(member.request("JOIN;#sala"), "OK");
    }
    assert!(ana.request("SEND;m-1;luis;uno").starts_with("OK;"));
    assert!(ana.request("SEND;m-2;luis;dos").starts_with("OK;"));
    assert!(ana.request("SEND;m-3;#sala;tres").starts_with("OK;"));
    // The waiting messages are counted after a recovery, too. The counts begin anew.
    world.kill().start();
    let page = Page::read(metrics);
    assert_eq!(page.value("wachat_messages_waiting"), 2.0);
    assert_eq!(page.value("wachat_messages_received_total"), 0.0);
    for user in ["eva", "luis"] {
        let mut session = world.session(user);
        assert!(session.poll(0, 0).last().is_some_and(|event| event.contains(";MSG;m-3;")));
        session.poll(3, 0);
    }
    assert_eq!(world.login("luis").request("READ;ana;2"), "OK");
    let page = page_when(metrics, "the deliveries", |page| page.value("wachat_messages_delivered_total") == 4.0);
    assert_eq!(page.value("wachat_messages_waiting"), 0.0);
    assert_eq!(page.value("wachat_messages_waiting_bytes"), 0.0);
    // luis has the direct messages, and both have the room's; then luis has read.
    assert_eq!(page.value("wachat_receipts_total{state=\"delivered\"}"), 2.0);
    assert_eq!(page.value("wachat_receipts_total{state=\"read\"}"), 1.0);
}

#[test]
fn a_removed_account_has_no_waiting_messages() {
    let (mut world, metrics) = world_with_metrics(&["--no-lobby"]);
    drop(world.register("luis"));
    assert!(world.register("ana").request("SEND;m-1;luis;hola").starts_with("OK;"));
    assert_eq!(Page::read(metrics).value("wachat_messages_waiting"), 1.0);
    world.stop();
    let (code, said) = run_to_end(Command::new(WACHAT).args(["user", "remove", "luis", "--data"]).arg(world.data()));
    assert_eq!(code, Some(0), "{said}");
    world.start();
    let page = Page::read(metrics);
    assert_eq!((page.value("wachat_messages_waiting"), page.value("wachat_accounts")), (0.0, 1.0));
}

#[test]
fn bytes_that_a_slow_client_does_not_take_are_counted() {
    let (world, metrics) = world_with_metrics(&["--timeout", "60"]);
    drop(world.register("ana"));
    let mut stream = TcpStream::connect(world.send).expect("a connection");
    rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 4_096).expect("a small buffer");
    stream.write_all(format!("LOGIN:ana:{PASSWORD}\n").as_bytes()).expect("to send");
    stream.set_nonblocking(true).expect("not to wait");
    let page = wait_for("the server to have bytes that nobody takes", || {
        // As many as its socket takes.
        let _ = stream.write("HELP\n".repeat(100).as_bytes());
        Some(Page::read(metrics)).filter(|page| page.value("wachat_stragglers") == 1.0)
    });
    assert!(page.value("wachat_stragglers_bytes") > 0.0, "{}", page.text);
    drop(stream);
    let page = page_when(metrics, "the connection to end", |page| page.value("wachat_stragglers") == 0.0);
    assert_eq!(page.value("wachat_stragglers_bytes"), 0.0);
}

#[test]
fn checkpoints_are_counted_with_their_cost() {
    let directory = TempDir::new().expect("a directory");
    let disk = Arc::new(wachat::disk::RealDisk);
    let sizes = Sizes { segment_bytes: 2 * limits::COMMAND_BYTES as u64, checkpoint_bytes: 1 };
    let config = Config::on_free_ports(disk, directory.path().join("data"));
    let metrics = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let server = start(Config { sizes, metrics, ..config }).unwrap_or_else(|error| panic!("{error}"));
    let metrics = server.metrics_address().expect("a metrics port");
    let before = Page::read(metrics);
    assert!(before.families["wachat_checkpoint_timestamp_seconds"].samples.is_empty(), "{}", before.text);
    let (reply, mut ana) = Connection::open_with(server.send_address(), &format!("REGISTER:ana:{PASSWORD}"));
    assert!(reply.starts_with("OK;"), "{reply}");
    for number in 0..6 {
        let reply = ana.request(&format!("SEND;{number};ana;{}", "x".repeat(limits::TEXT_BYTES)));
        assert!(reply.starts_with("OK;"), "{reply}");
    }
    let page = wait_for("a checkpoint", || {
        assert_eq!(ana.request("PING"), "OK");
        Some(Page::read(metrics)).filter(|page| page.value("wachat_checkpoints_total{outcome=\"made\"}") > 0.0)
    });
    let age = std::time::UNIX_EPOCH.elapsed().expect("the time").as_secs_f64()
        - page.value("wachat_checkpoint_timestamp_seconds");
    assert!((0.0..120.0).contains(&age), "{age} s in\n{}", page.text);
    assert!(page.value("wachat_checkpoint_duration_seconds") > 0.0 && page.value("wachat_checkpoint_bytes") > 0.0);
    assert!(page.value("wachat_log_uncovered_bytes") < page.value("wachat_log_written_bytes_total"), "{}", page.text);
    server.stop().expect("a clean stop");
}

#[test]
fn the_server_is_healthy_unless_its_disk_is_full() {
    let (world, metrics) = world_with_metrics(&[]);
    let answer = get(metrics, "/healthz");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
    drop(world);
    let (_world, metrics) = world_with_metrics(&["--disk-floor", "4294967295"]);
    let answer = get(metrics, "/healthz");
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("--disk-floor"), "{answer:?}");
}

#[test]
fn the_server_is_not_healthy_while_its_disk_does_not_answer() {
    let is_stuck = Arc::new(AtomicBool::new(false));
    let stuck = is_stuck.clone();
    let hook = move |what: &str, _: &Path| {
        if what == "sync" {
            wait_until("the test to free the disk", || !stuck.load(Ordering::Relaxed));
        }
        Ok(())
    };
    let disk = InterceptedDisk { disk: SimulatedDisk::default(), hook: Arc::new(hook) };
    let mut config = Config::on_free_ports(Arc::new(disk), "/data".into());
    config.metrics = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let server = start(config).unwrap_or_else(|error| panic!("{error}"));
    let metrics = server.metrics_address().expect("a metrics port");
    let (_, mut ana) = Connection::open_with(server.send_address(), &format!("REGISTER:ana:{PASSWORD}"));
    assert_eq!(get(metrics, "/healthz").status, 200);
    is_stuck.store(true, Ordering::Relaxed);
    ana.send("SEND;m-1;ana;hola\n");
    let answer = wait_for("the disk to be stuck", || Some(get(metrics, "/healthz")).filter(|a| a.status != 200));
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("has not answered within 1 s"), "{answer:?}");
    assert_eq!(get(metrics, "/metrics").status, 200, "the page needs no router");
    is_stuck.store(false, Ordering::Relaxed);
    assert!(ana.read_line().starts_with("OK;"));
    wait_until("the server to be healthy again", || get(metrics, "/healthz").status == 200);
    server.stop().expect("a clean stop");
}

#[test]
fn other_requests_are_refused() {
    let (_world, metrics) = world_with_metrics(&[]);
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(limits::HTTP_REQUEST_BYTES));
    let many = format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(limits::HTTP_HEADERS + 1));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 404),
        ("GET /metrics/../../etc/passwd HTTP/1.1\r\n\r\n", 404),
        ("GET /metrics?x=y HTTP/1.0\r\n\r\n", 200),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 405),
        ("LOGIN:ana:password\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}\r\n\r\n", 400),
        (&long, 431),
        (&many, 400),
    ] {
        let answer = exchange(metrics, request.as_bytes());
        assert_eq!(answer.status, status, "{request:?}: {answer:?}");
    }
}

#[test]
fn a_client_that_sends_nothing_delays_no_other_and_has_a_deadline() {
    let (_world, metrics) = world_with_metrics(&[]);
    let mut silent = TcpStream::connect(metrics).expect("a connection");
    let mut slow = TcpStream::connect(metrics).expect("a connection");
    slow.write_all(b"GET /metr").expect("to send");
    assert_eq!(get(metrics, "/healthz").status, 200);
    let begin = Instant::now();
    assert_eq!(read_answer(&mut silent).status, 408);
    assert_eq!(read_answer(&mut slow).status, 408);
    assert!(begin.elapsed() < limits::HTTP_TIMEOUT + Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn an_address_that_is_taken_and_one_that_others_reach() {
    let directory = TempDir::new().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let mut command = crate::support::world::serve(&directory.path().join("data"), [0, 0]);
    let (code, said) = run_to_end(command.args(["--metrics", &address]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("--metrics"), "{said}");
    let (world, _) = world_with_metrics(&[]);
    assert_eq!(world.log(), "", "the loopback interface is nothing to warn about");
    let world = crate::support::World::new(&["--metrics", "0.0.0.0:0"]);
    assert!(world.log().contains("everybody who reaches this address can read the metrics"), "{}", world.log());
}
