//! TLS on both ports: the same protocol inside, and an answer to each client that speaks something else.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wachat::model::Fingerprint;
use wachat::net::{Identity, is_clear_text};

use crate::support::{Connection, PASSWORD, TIMEOUT, World, send_signal, tls, wait_until};

fn open(address: SocketAddr, login: &str) -> Connection {
    let mut connection = Connection::open_tls(address);
    let reply = connection.request(login);
    assert!(reply.starts_with("OK;"), "{reply}");
    connection
}

/// Returns the certificate that the server shows to a new connection.
fn shown_by(address: SocketAddr) -> Fingerprint {
    let socket = tls::secure(TcpStream::connect(address).unwrap()).expect("TLS");
    Fingerprint::of(&socket.peer_certificates()[0])
}

#[test]
fn the_protocol_is_the_same_inside() {
    let world = World::new(&["--no-lobby", "--tls"]);
    let mut ana = open(world.send, &format!("REGISTER:ana:{PASSWORD}"));
    let mut luis = open(world.send, &format!("REGISTER:luis:{PASSWORD}"));
    let mut session = open(world.recv, &format!("LOGIN:luis:{PASSWORD}"));
    ana.run_transcript(
        "> SEND;m-1;luis;\"hola; ¿qué tal?\"
         < OK;m-1;RECEIVED;<at>;1
         > nonsense
         < KO;SYNTAX;...",
    );
    assert_eq!(session.list_without_times("POLL;0;5"), ["1;MSG;m-1;ana;luis;<at>;\"hola; ¿qué tal?\""]);
    // A poll that waits is answered by the router, while the reader of its connection waits for the client.
    session.send("POLL;1;5\n");
    assert!(ana.request("SEND;m-2;luis;y otra").starts_with("OK;m-2;RECEIVED;"));
    assert_eq!(session.read_list("POLL").len(), 1);
    for mut ending in [ana, session] {
        assert_eq!(ending.request("QUIT"), "OK");
        ending.assert_closed();
    }
    assert_eq!(luis.request("PING"), "OK");
}

/// Replies of many megabytes wait until the client reads: they are sealed once, in their order.
#[test]
fn replies_that_do_not_fit_into_the_socket_arrive_whole() {
    let world = World::new(&["--no-lobby", "--tls", "--no-limits"]);
    let mut ana = open(world.send, &format!("REGISTER:ana:{PASSWORD}"));
    let text = "x".repeat(50_000);
    for number in 1..=40 {
        assert!(ana.request(&format!("SEND;m-{number};ana;{number} {text}")).starts_with("OK;"));
    }
    let asked = 30;
    ana.send("HISTORY;ana;5\nPING\n".repeat(asked));
    for _ in 0..asked {
        let rows = ana.read_list("HISTORY");
        let of_row = |row: &String| row.split(';').nth(1).unwrap().to_owned();
        assert_eq!(rows.iter().map(of_row).collect::<Vec<_>>(), ["m-36", "m-37", "m-38", "m-39", "m-40"]);
        assert!(rows.iter().all(|row| row.ends_with(&text)));
        assert_eq!(ana.read_line(), "OK");
    }
}

#[test]
fn a_client_in_clear_text_is_told_so() {
    let world = World::new(&["--tls"]);
    for address in world.addresses() {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(format!("LOGIN:ana:{PASSWORD}\n").as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert_eq!(said, "KO;TLS;\"this server speaks TLS only; connect with --tls\"\n");
    }
}

#[test]
fn a_client_under_tls_notices_a_server_in_clear_text() {
    if tls::is_everywhere() {
        return;
    }
    let world = World::new(&[]);
    for address in world.addresses() {
        let begin = Instant::now();
        let error = tls::secure(TcpStream::connect(address).unwrap()).err().expect("no TLS");
        assert!(is_clear_text(&error), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(8), "it is noticed at once, not by a time-out");
    }
}

/// A handshake that does not come, stops, or is no handshake costs its connection the login's time-out at most.
#[test]
fn a_handshake_has_the_time_of_a_login() {
    let world = World::new(&["--tls", "--timeout", "5"]);
    let begin = Instant::now();
    // The head of a record of 512 bytes that hold a handshake, and nothing more.
    let half = || TcpStream::connect(world.send).and_then(|mut s| s.write_all(&[22, 3, 1, 2, 0, 1]).map(|()| s));
    let halves: Vec<_> = (0..50).map(|_| half().unwrap()).collect();
    // A byte at a time is no faster.
    let mut slow = TcpStream::connect(world.send).unwrap();
    slow.write_all(&[22, 3, 1, 2, 0]).unwrap();
    let dripping = std::thread::spawn(move || {
        while slow.write_all(&[0]).is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
        begin.elapsed()
    });
    // Nobody else waits for them.
    let mut ana = open(world.send, &format!("REGISTER:ana:{PASSWORD}"));
    assert_eq!(ana.request("PING"), "OK");
    for mut stream in halves {
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut left = Vec::new();
        let end = stream.read_to_end(&mut left);
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
    }
    let took = begin.elapsed().max(dripping.join().unwrap());
    assert!(Duration::from_secs(4) < took && took < Duration::from_secs(20), "{took:?}");
}

/// A handshake that is longer than any ends its connection before its time does: the server keeps what it has of it.
#[test]
fn a_handshake_has_a_length() {
    let world = World::new(&["--tls", "--timeout", "60"]);
    let mut stream = TcpStream::connect(world.send).unwrap();
    stream.set_read_timeout(Some(TIMEOUT / 2)).unwrap();
    // Records of 16 KiB; the first begins a ClientHello of 65,000 bytes.
    let record = [&[22, 3, 1, 64, 0][..], &[0; 16_384]].concat();
    let first = [&[22, 3, 1, 64, 0, 1, 0, 253, 232][..], &[0; 16_380]].concat();
    stream.write_all(&[first, record.clone()].concat()).unwrap();
    // It has not been told to end: it may have ended in the middle of this.
    let _ = stream.write_all(&record[..100]);
    let end = stream.read_to_end(&mut Vec::new());
    assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset), "it is open");
}

#[test]
fn garbage_instead_of_tls_ends_its_connection_alone() {
    let world = World::new(&["--tls"]);
    let mut ana = open(world.send, &format!("REGISTER:ana:{PASSWORD}"));
    let records: [&[u8]; 4] =
        [&[22, 3, 3, 0, 4, 1, 0, 0, 0], &[23, 3, 3, 0, 1, 0], &[21, 3, 3, 0, 2, 2, 40], &[22; 70_000]];
    for record in records {
        let mut stream = TcpStream::connect(world.send).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let _ = stream.write_all(record);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
        assert_eq!(ana.request("PING"), "OK");
    }
}

/// Certificate and key of a server, in files.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(directory: &std::path::Path) -> Self {
        Self { certificate: directory.join("certificate.pem"), key: directory.join("key.pem") }
    }

    fn renew(&self) -> Fingerprint {
        let made = Identity::make().unwrap();
        let (certificate, key) = made.pem();
        std::fs::write(&self.certificate, certificate).unwrap();
        std::fs::write(&self.key, key).unwrap();
        made.identity().fingerprint()
    }
}

#[test]
fn a_renewed_certificate_is_read_at_sighup() {
    let directory = tempfile::TempDir::new().unwrap();
    let files = Files::new(directory.path());
    let first = files.renew();
    let [cert, key] = [&files.certificate, &files.key].map(|path| path.display().to_string());
    let mut world = World::new(&["--cert", &cert, "--key", &key]);
    assert_eq!(shown_by(world.send), first);
    let mut ana = open(world.send, &format!("REGISTER:ana:{PASSWORD}"));
    let second = files.renew();
    assert_eq!(shown_by(world.recv), first, "files alone change nothing");
    send_signal(world.pid(), "HUP");
    for address in world.addresses() {
        wait_until("the new certificate", || shown_by(address) == second);
    }
    assert_eq!(ana.request("PING"), "OK", "open connections stay");
    // A file that is no certificate changes nothing, and is named.
    std::fs::write(&files.certificate, "half a file").unwrap();
    send_signal(world.pid(), "HUP");
    wait_until("the error", || world.log().contains("the former certificate stays"));
    assert!(world.log().contains(&cert), "{}", world.log());
    assert_eq!(shown_by(world.send), second);
    assert_eq!(ana.request("PING"), "OK");
    // With such files a server does not start, and says why.
    world.stop();
    let (code, said) = world.start_and_fail();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&cert) && said.contains("PEM"), "{said}");
}

#[test]
fn without_tls_sighup_changes_nothing() {
    let world = World::new(&[]);
    let mut ana = world.register("ana");
    send_signal(world.pid(), "HUP");
    assert_eq!(ana.request("PING"), "OK");
    send_signal(world.pid(), "HUP");
    assert_eq!(world.register("luis").request("PING"), "OK");
}

/// A server that makes its own certificate has the same one after a restart, and a key that nobody else reads.
#[test]
fn the_own_certificate_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut world = World::new(&["--tls"]);
    let first = shown_by(world.send);
    world.kill();
    world.start();
    assert_eq!(shown_by(world.send), first);
    world.stop();
    world.assert_undamaged();
    let key = world.data().join("tls/key.pem");
    assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
}
