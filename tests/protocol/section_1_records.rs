//! Below the lines of a TLS connection: new keys, sessions that are resumed, the end that is said, and an alert to whom speaks
//! another version.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, HandshakeKind, StreamOwned};
use wachat::limits;
use wachat::net::client_config;

use crate::support::{PASSWORD, TIMEOUT, World};

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

pub fn config() -> Arc<ClientConfig> {
    Arc::new(client_config().expect("TLS"))
}

pub fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> Stream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
    stream.set_nodelay(true).expect("a connection");
    let name = "localhost".try_into().expect("a name");
    StreamOwned::new(ClientConnection::new(config.clone(), name).expect("TLS"), stream)
}

/// Reads a line, its LF included.
pub fn read_line(stream: &mut Stream) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        stream.read_exact(&mut byte).expect("a byte");
        line.push(byte[0]);
    }
    String::from_utf8(line).expect("UTF-8")
}

pub fn register(world: &World, user: &str) {
    let mut stream = connect(world.send, &config());
    stream.write_all(format!("REGISTER:{user}:{PASSWORD}\n").as_bytes()).expect("to send");
    assert_eq!(read_line(&mut stream), format!("OK;{user};wachat/1\n"));
}

pub fn log_in(address: SocketAddr, config: &Arc<ClientConfig>) -> Stream {
    let mut stream = connect(address, config);
    stream.write_all(format!("LOGIN:ana:{PASSWORD}\n").as_bytes()).expect("to send");
    let reply = read_line(&mut stream);
    assert!(reply.starts_with("OK;ana;wachat/1"), "{reply}");
    stream
}

/// An end without close_notify is an error here, as it may be a cut.
#[test]
fn a_server_that_closes_says_the_end() {
    let world = World::new(&["--no-lobby", "--tls"]);
    register(&world, "ana");
    let long_login = "x".repeat(limits::LOGIN_BYTES);
    let long_line = "x".repeat(limits::LINE_BYTES);
    let quit = format!("LOGIN:ana:{PASSWORD}\nQUIT\n");
    let much = format!("LOGIN:ana:{PASSWORD}\n{}QUIT\n", "HELP\n".repeat(2_000));
    let too_long = format!("LOGIN:ana:{PASSWORD}\nPING\n{long_line}");
    for address in world.addresses() {
        for (lines, last) in [
            (quit.as_str(), "OK\n"),
            (&much, "OK\n"),
            ("no login\n", "KO;SYNTAX;"),
            ("LOGIN:ana:otra palabra\n", "KO;AUTH;"),
            (&long_login, "KO;TOO_LONG;"),
            (&too_long, "KO;TOO_LONG;"),
        ] {
            let mut stream = connect(address, &config());
            stream.write_all(lines.as_bytes()).expect("to send");
            let mut told = String::new();
            let end = stream.read_to_string(&mut told);
            assert!(end.is_ok(), "{end:?} behind {:?}", told.lines().last());
            let said = told.lines().last().map(|line| format!("{line}\n")).unwrap_or_default();
            assert!(said.starts_with(last), "{said:?} and not {last:?}");
        }
    }
}

/// A client has two connections, and comes again: it need not verify the certificate anew.
#[test]
fn sessions_are_resumed_on_both_ports_until_the_server_is_another() {
    let mut world = World::new(&["--no-lobby", "--tls"]);
    register(&world, "ana");
    let config = config();
    let kind = |stream: &Stream| stream.conn.handshake_kind().expect("a handshake");
    let first = log_in(world.send, &config);
    assert_eq!(kind(&first), HandshakeKind::Full);
    for round in 0..3 {
        // At once, each with a ticket of its own.
        let mut both = [world.recv, world.send].map(|address| connect(address, &config));
        both.iter_mut().for_each(|stream| {
            stream.write_all(format!("LOGIN:ana:{PASSWORD}\n").as_bytes()).expect("to send");
        });
        for stream in &mut both {
            assert!(read_line(stream).starts_with("OK;ana;wachat/1"));
            assert_eq!(kind(stream), HandshakeKind::Resumed, "round {round}");
        }
    }
    // The tickets of a process that is gone are not taken, and are no error.
    world.kill().start();
    assert_eq!(kind(&log_in(world.send, &config)), HandshakeKind::Full);
    assert_eq!(kind(&log_in(world.recv, &config)), HandshakeKind::Resumed);
}

#[test]
fn keys_may_change_at_any_time() {
    let world = World::new(&["--no-lobby", "--tls"]);
    register(&world, "ana");
    let mut stream = log_in(world.send, &config());
    for number in 1..=40 {
        if number % 3 > 0 {
            stream.conn.refresh_traffic_keys().expect("new keys");
        }
        stream.write_all(format!("SEND;m-{number};ana;hola\nPING\n").as_bytes()).expect("to send");
        assert!(read_line(&mut stream).starts_with(&format!("OK;m-{number};RECEIVED;")));
        if number % 5 == 0 {
            stream.conn.refresh_traffic_keys().expect("new keys");
            stream.flush().expect("to send");
        }
        assert_eq!(read_line(&mut stream), "OK\n");
    }
}

/// A ClientHello as TLS 1.2 has it: without the extension that names version 1.3.
fn hello_of_tls_1_2() -> Vec<u8> {
    let suites: &[u8] = &[0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x30];
    // The groups and the signature algorithms that such a client has to name.
    let extensions: &[u8] = &[0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 6, 0, 4, 4, 3, 8, 4];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, suites.len() as u8]);
    body.extend(suites);
    body.extend([1, 0]);
    body.extend([0, extensions.len() as u8]);
    body.extend(extensions);
    let handshake = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[22, 3, 1, 0, handshake.len() as u8][..], &handshake].concat()
}

/// It is told in its own language why there is no connection: by an alert, and not in clear text.
#[test]
fn a_client_of_another_version_gets_an_alert() {
    let world = World::new(&["--tls"]);
    for address in world.addresses() {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a time-out");
        stream.write_all(&hello_of_tls_1_2()).expect("to send");
        let mut told = Vec::new();
        let end = stream.read_to_end(&mut told);
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset));
        // A fatal alert: protocol_version (RFC 8446, section 6.2).
        assert_eq!(told, [21, 3, 3, 0, 2, 2, 70], "{told:?}");
    }
}
