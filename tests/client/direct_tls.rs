//! Direct chats of the clients of a TLS server: encrypted, and only between the two that the server has named.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};
use wachat::model::Fingerprint;
use wachat::net::{Identity, LineReader, Socket, peer_configs};

use crate::support::tls::{certificate_of, copied};
use crate::support::{Connection, PASSWORD, TIMEOUT, Terminal, World, wait_for};

fn client(world: &World, user: &str) -> Terminal {
    let known = world.path("known_servers").display().to_string();
    let terminal = world.terminal(user, &["--register", "--tls", "--known-servers", &known]);
    terminal.expect("* connected");
    terminal
}

/// The port of a user's direct chats, and the fingerprint that the server names.
struct Found {
    port: u16,
    token: String,
    fingerprint: Fingerprint,
}

/// Asks as caller, with this certificate, until the user takes direct chats.
fn find(caller: &mut Connection, user: &str, mine: Fingerprint) -> Found {
    wait_for("a user to accept direct chats", || {
        let reply = caller.request(&format!("PEER;{user};{mine}"));
        let fields: Vec<_> = reply.split(';').collect();
        let ["OK", _, port, token, fingerprint] = fields[..] else { return None };
        let fingerprint = Fingerprint::parse(fingerprint).expect("a fingerprint");
        Some(Found { port: port.parse().expect("a port"), token: token.to_owned(), fingerprint })
    })
}

/// Lets a user be called by another one.
fn permit(world: &World, user: &str, caller: &str) {
    let mut line = Connection::open_tls(world.send);
    assert!(line.request(&format!("LOGIN:{user}:{PASSWORD}")).starts_with("OK;"));
    assert_eq!(line.request(&format!("PERMIT;{caller};yes")), "OK");
}

/// Returns a connection of the user caller, who is created by the first one.
fn caller(world: &World) -> Connection {
    let log_in = |verb: &str| {
        let mut connection = Connection::open_tls(world.send);
        connection.request(&format!("{verb}:caller:{PASSWORD}")).starts_with("OK;").then_some(connection)
    };
    log_in("REGISTER").or_else(|| log_in("LOGIN")).expect("a login")
}

/// Calls with a certificate, and returns the connection, or why there is none.
fn call(identity: Identity, port: u16) -> std::io::Result<Arc<Socket>> {
    call_with(peer_configs(identity).expect("TLS").0, port)
}

fn call_with(config: ClientConfig, port: u16) -> std::io::Result<Arc<Socket>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    let connection = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().expect("a name")).expect("TLS");
    let socket = Socket::under_tls(stream, connection.into())?;
    socket.shake_hands(Instant::now() + TIMEOUT)?;
    Ok(Arc::new(socket))
}

fn say(socket: &Arc<Socket>, line: &str) -> String {
    socket.write_all(line.as_bytes()).expect("to send");
    let mut lines = LineReader::new(socket.clone(), TIMEOUT);
    String::from_utf8(lines.next_line().expect("an answer").to_vec()).expect("UTF-8")
}

#[test]
fn two_clients_of_a_tls_server_talk_directly() {
    let world = World::new(&["--no-lobby", "--tls"]);
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
    let mut line = caller(&world);
    ["ana", "caller"].iter().for_each(|caller| permit(&world, "luis", caller));
    find(&mut line, "luis", Identity::make().unwrap().identity().fingerprint());
    ana.type_line("/p2p luis");
    ana.expect("* direct chat with luis");
    ana.type_line("hola");
    luis.expect("* ana wants to chat directly");
    luis.type_line("/accept ana");
    luis.expect("ana (direct): hola");
    ana.expect_tick("✓✓", "@luis (direct): hola");
    luis.type_line("bien");
    ana.expect("luis (direct): bien");
    ana.quit();
    luis.quit();
}

#[test]
fn a_caller_is_admitted_with_the_certificate_that_the_server_has_named() {
    let world = World::new(&["--no-lobby", "--tls"]);
    let luis = client(&world, "luis");
    let made = Identity::make().unwrap();
    let mut line = caller(&world);
    permit(&world, "luis", "caller");
    let found = find(&mut line, "luis", made.identity().fingerprint());
    // A caller who has the token and shows another certificate is refused like one with a wrong token.
    let thief = call(Identity::make().unwrap().identity(), found.port).expect("TLS");
    assert!(say(&thief, &format!("HELLO:caller:{}\n", found.token)).starts_with("KO;AUTH;"));
    let right = call(made.identity(), found.port).expect("TLS");
    assert_eq!(Fingerprint::of(&right.peer_certificates()[0]), found.fingerprint);
    assert_eq!(say(&right, &format!("HELLO:caller:{}\n", found.token)), "OK");
    luis.expect("* caller wants to chat directly");
    luis.type_line("/accept caller");
    assert_eq!(say(&right, "SEND;d-1;hola\n"), "OK;d-1");
    luis.expect("caller (direct): hola");
    // In clear text nothing is answered.
    let again = find(&mut caller(&world), "luis", made.identity().fingerprint());
    let mut clear = TcpStream::connect(("127.0.0.1", again.port)).unwrap();
    clear.set_read_timeout(Some(TIMEOUT)).unwrap();
    clear.write_all(format!("HELLO:caller:{}\n", again.token).as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = clear.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"OK") && !answer.starts_with(b"KO"), "{answer:?}");
}

/// A certificate is no secret: the callee shows it to each caller. Its key is what counts.
#[test]
fn a_caller_with_a_copy_of_the_right_certificate_without_its_key_is_refused() {
    let world = World::new(&["--no-lobby", "--tls"]);
    let luis = client(&world, "luis");
    let made = Identity::make().unwrap();
    let mut line = caller(&world);
    permit(&world, "luis", "caller");
    let found = find(&mut line, "luis", made.identity().fingerprint());
    let hello = format!("HELLO:caller:{}\n", found.token);
    let (calling, _) = copied(&certificate_of(made.identity()));
    if let Ok(socket) = call_with(calling, found.port) {
        // In TLS 1.3 the caller's part of the handshake ends first.
        let _ = socket.write_all(hello.as_bytes());
        let answer = LineReader::new(socket, TIMEOUT).next_line().map(<[u8]>::to_vec);
        assert!(answer.is_err(), "{}", String::from_utf8_lossy(&answer.unwrap()));
    }
    assert_eq!(luis.count("caller"), 0);
    // The token was not used up by it.
    let right = call(made.identity(), found.port).expect("TLS");
    assert_eq!(say(&right, &hello), "OK");
}

/// Answers one call with this configuration. Returns the socket after the handshake, whatever came of it.
fn answer_with(listener: &TcpListener, config: ServerConfig) -> (Arc<Socket>, std::io::Result<()>) {
    let connection = ServerConnection::new(Arc::new(config)).expect("TLS");
    let socket = Arc::new(Socket::under_tls(listener.accept().unwrap().0, connection.into()).expect("TLS"));
    let done = socket.shake_hands(Instant::now() + TIMEOUT);
    (socket, done)
}

#[test]
fn a_callee_with_a_copy_of_the_right_certificate_without_its_key_is_told_nothing() {
    let world = World::new(&["--no-lobby", "--tls"]);
    let mut luis = Connection::open_tls(world.send);
    luis.request(&format!("REGISTER:luis:{PASSWORD}"));
    let mut session = Connection::open_tls(world.recv);
    session.request(&format!("LOGIN:luis:{PASSWORD}"));
    let ana = client(&world, "ana");
    permit(&world, "luis", "ana");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let made = Identity::make().unwrap();
    assert_eq!(session.request(&format!("PORT;{port};{}", made.identity().fingerprint())), "OK");
    ana.type_line("/p2p luis");
    let (socket, done) = answer_with(&listener, copied(&certificate_of(made.identity())).1);
    assert!(done.is_err() || LineReader::new(socket, TIMEOUT).next_line().is_err(), "the caller trusts it");
    ana.expect("luis cannot be reached directly");
}

/// A machine between two clients: it passes all bytes on, and keeps them.
fn tap(to: SocketAddr) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let server = TcpStream::connect(to).unwrap();
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                let kept = kept.clone();
                thread::spawn(move || {
                    let mut bytes = [0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut bytes) {
                        kept.lock().unwrap().extend_from_slice(&bytes[..read]);
                        let _ = to.write_all(&bytes[..read]);
                    }
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
    (port, seen)
}

/// The caller is sent to another port than the callee's: to one where nobody has the named key, and to one that passes
/// all on.
#[test]
fn a_caller_sends_nothing_to_another_certificate_and_nobody_between_reads() {
    let world = World::new(&["--no-lobby", "--tls"]);
    let mut luis = Connection::open_tls(world.send);
    luis.request(&format!("REGISTER:luis:{PASSWORD}"));
    let mut session = Connection::open_tls(world.recv);
    session.request(&format!("LOGIN:luis:{PASSWORD}"));
    let mut ana = client(&world, "ana");
    permit(&world, "luis", "ana");
    // The callee is this test. It shows another certificate than it has named.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let made = Identity::make().unwrap();
    let other = Identity::make().unwrap();
    let answer = |identity: Identity| answer_with(&listener, peer_configs(identity).expect("TLS").1).0;
    let (tapped, seen) = tap(listener.local_addr().unwrap());
    let named = made.identity().fingerprint();
    assert_eq!(session.request(&format!("PORT;{tapped};{named}")), "OK");
    ana.type_line("/p2p luis");
    let impostor = answer(other.identity());
    let mut lines = LineReader::new(impostor, Duration::from_secs(20));
    assert!(lines.next_line().is_err(), "nothing is sent to it");
    ana.expect("another certificate came than the server has named");
    // The right one.
    ana.type_line("/p2p luis");
    let socket = answer(made.identity());
    let mut lines = LineReader::new(socket.clone(), TIMEOUT);
    let hello = String::from_utf8(lines.next_line().expect("HELLO").to_vec()).unwrap();
    assert!(hello.starts_with("HELLO:ana:"), "{hello}");
    socket.write_all(b"OK\n").unwrap();
    ana.expect("* direct chat with luis");
    ana.type_line("un secreto");
    let said = String::from_utf8(lines.next_line().expect("SEND").to_vec()).unwrap();
    assert!(said.ends_with(";un secreto"), "{said}");
    let seen = seen.lock().unwrap();
    let contains = |text: &[u8]| seen.windows(text.len()).any(|window| window == text);
    assert!(seen.len() > 500 && !contains(b"secreto") && !contains(b"HELLO"), "the network has seen it");
    // A peer that names no certificate is not called.
    drop(seen);
    ana.type_line("/close");
    assert_eq!(session.request(&format!("PORT;{tapped}")), "OK");
    ana.type_line("/p2p luis");
    ana.expect("that client does not encrypt direct chats");
    ana.quit();
}
