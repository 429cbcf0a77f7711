//! A server that plays its part, connection after connection.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use wachat::client::link::account::Account;
use wachat::client::link::protection::{ClearText, Protection};
use wachat::client::link::servers::Servers;
use wachat::model::UserName;

use crate::support::{PASSWORD, TIMEOUT, wait_until};

/// The login of ana on the SEND port, and its answer.
pub const LOGIN: &str = "> LOGIN:ana:palabra larga\n< OK;ana;wachat/1\n";

/// The login on the RECV port.
pub const LOGIN_RECV: &str = "> LOGIN:ana:palabra larga\n< OK;ana;wachat/1;3;store\n";

/// Each connection is a transcript: `> ` is a line that the client has to say, `< ` one that it is told. After the last
/// line the server closes; after a lone `>` it waits until the client has closed, and says nothing.
pub struct Script {
    pub account: Account,
    port: u16,
    server: JoinHandle<TcpListener>,
    /// The connections that are over.
    over: Arc<AtomicUsize>,
}

pub fn play(connections: impl IntoIterator<Item = impl Into<String>>) -> Script {
    let connections: Vec<String> = connections.into_iter().map(Into::into).collect();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let over = Arc::new(AtomicUsize::new(0));
    let count = over.clone();
    let server = thread::spawn(move || {
        for transcript in &connections {
            play_connection(&listener, transcript);
            count.fetch_add(1, Ordering::SeqCst);
        }
        listener
    });
    Script { account: account(port), port, server, over }
}

/// Returns ana's account at a port of this machine, for both of a server's ports.
fn account(port: u16) -> Account {
    Account {
        user: UserName::new("ana").expect("a name"),
        password: PASSWORD.to_owned(),
        servers: Servers::one("127.0.0.1", port, port).into(),
        register: false,
        trace: None,
        protection: Protection::ClearText(ClearText::default()),
        device: None,
    }
}

fn accept(listener: &TcpListener) -> TcpStream {
    set_socket_timeout(listener, Timeout::Recv, Some(TIMEOUT)).expect("a listener");
    let (stream, _) = listener.accept().expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a stream");
    stream.set_nodelay(true).expect("a stream");
    stream
}

fn play_connection(listener: &TcpListener, transcript: &str) {
    let mut stream = BufReader::new(accept(listener));
    let mut told_now = String::new();
    for line in transcript.lines().map(str::trim_start).filter(|line| !line.is_empty()) {
        if let Some(told) = line.strip_prefix("< ") {
            told_now += &format!("{told}\n");
            continue;
        }
        // A client that has closed is noticed at the next line that it has to say.
        _ = stream.get_mut().write_all(std::mem::take(&mut told_now).as_bytes());
        if let Some(wanted) = line.strip_prefix("> ") {
            let mut said = String::new();
            stream.read_line(&mut said).expect("a line");
            assert_eq!(said.trim_end_matches('\n'), wanted, "in {transcript}");
        } else {
            let mut rest = String::new();
            stream.read_to_string(&mut rest).expect("the end");
            assert_eq!(rest, "", "after {transcript}");
        }
    }
    _ = stream.get_mut().write_all(told_now.as_bytes());
}

impl Script {
    /// Returns its only port: it plays both.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until this number of connections is over.
    pub fn wait_until_over(&self, connections: usize) {
        wait_until("the end of a connection", || self.over.load(Ordering::SeqCst) >= connections);
    }

    /// Asserts that the client has said all of it, and has connected no more often.
    pub fn end(self) {
        let listener = self.server.join().expect("the server's part");
        listener.set_nonblocking(true).expect("a listener");
        let further = listener.accept();
        assert!(further.is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "one connection too many");
    }
}
