//! The two targets that need a socket: a client's session with a server that says anything, and a client that decides
//! about a server's certificate.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::ServerConnection;
use wachat::client::link::account::Account;
use wachat::client::link::known_servers::KnownServers;
use wachat::client::link::perform::perform;
use wachat::client::link::protection::{ClearText, Protection};
use wachat::client::link::receiver::poll;
use wachat::client::link::request::{LogOut, Request, RoomChange};
use wachat::client::link::servers::Servers;
use wachat::client::link::session::Session;
use wachat::client::link::trust::Trust;
use wachat::client::state::outgoing::Outgoing;
use wachat::client::state::row::Gap;
use wachat::model::{MessageId, RoomKind, RoomName, Seq, Target, Text, Timestamp, UserName};
use wachat::net::{Identity, Socket, server_config};

/// A server that says to each connection what it was told, and then listens to the end.
struct Server {
    port: u16,
    says: mpsc::Sender<Vec<u8>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let (says, said) = mpsc::channel::<Vec<u8>>();
        std::thread::spawn(move || {
            for (stream, says) in listener.incoming().zip(said) {
                let mut stream = stream.expect("a connection");
                let _ = stream.write_all(&says).and_then(|()| stream.shutdown(Shutdown::Write));
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        Self { port, says }
    }
}

/// The replies that a client reads in a session: the first byte chooses its request.
pub fn replies_in_session(data: &[u8]) {
    static SERVER: OnceLock<Mutex<Server>> = OnceLock::new();
    let Some((choice, replies)) = data.split_first() else { return };
    // The client would wait before it tries again.
    if replies.windows(4).any(|word| word == b"RATE") {
        return;
    }
    let server = SERVER.get_or_init(|| Mutex::new(Server::start())).lock();
    let is_recv = choice % 4 == 0;
    let login: &[u8] = if is_recv { b"OK;ana;wachat/1;3;0011223344556677\n" } else { b"OK;ana;wachat/1\n" };
    server.says.send([login, replies].concat()).expect("a server");
    let account = account(server.port);
    if is_recv {
        let (mut session, opened) = Session::open_recv(&account).expect("a session");
        while let Ok(Ok(_)) = poll(&mut session, opened.acknowledged, 0) {}
    } else {
        let mut session = Session::open(&account).expect("a session");
        while perform(&request(usize::from(*choice)), &mut session).is_ok() {}
    }
}

fn account(port: u16) -> Account {
    let user = UserName::new("ana").expect("a name");
    let password = "palabra larga".to_owned();
    Account {
        user,
        password,
        servers: Servers::one("127.0.0.1", port, port).into(),
        register: false,
        trace: None,
        protection: Protection::ClearText(ClearText::default()),
        device: None,
    }
}

fn request(choice: usize) -> Request {
    let user = UserName::new("luis").expect("a name");
    let room = RoomName::new("#sala").expect("a name");
    let target = Target::User(user.clone());
    let seq = Seq::new(9).expect("a number");
    let id = MessageId::new("m-1").expect("an id");
    let text = Text::new("hola").expect("a text");
    let message = Outgoing { id, to: target.clone(), at: Timestamp::from_millis(0), text };
    let requests = [
        Request::Send(message.clone(), seq),
        Request::Retry(message, seq),
        Request::Users,
        Request::Presence,
        Request::Status(target.clone(), seq),
        Request::History(target.clone(), 5),
        Request::Peer(user.clone()),
        Request::Lobby,
        Request::FindRoom(room.clone()),
        Request::Join(room.clone(), 5),
        Request::Rooms,
        Request::Rights(room.clone()),
        Request::Change(room.clone(), RoomChange::Kind(RoomKind::Invite)),
        Request::Change(room.clone(), RoomChange::Kick(user.clone())),
        Request::Members(room),
        Request::Compare,
        Request::Fill(Gap { target, first: seq, last: seq }),
        Request::Whois(user),
        Request::Sessions,
        Request::LogOut(LogOut::Others { with_recv: false }),
    ];
    requests.get(choice % requests.len()).cloned().expect("a request")
}

/// The name under which the file has the server.
const SERVER_NAME: &str = "localhost:7001";

/// The file of known certificates, which a person may have edited.
pub fn known_servers(data: &[u8]) {
    static SERVER: OnceLock<Mutex<u16>> = OnceLock::new();
    let port = SERVER.get_or_init(|| Mutex::new(start_tls())).lock();
    let path: PathBuf = super::directory().path().join("known_servers");
    std::fs::write(&path, data).expect("a file");
    let trust = Trust::new(None, KnownServers::new(path)).expect("TLS");
    let call =
        || trust.secure(TcpStream::connect(("127.0.0.1", *port)).expect("a connection"), SERVER_NAME, "localhost");
    if call().is_ok() {
        let _ = trust.news.lock().take();
        assert!(call().is_ok(), "a server that was trusted is not any more");
        assert_eq!(trust.news.lock().take(), None, "a known certificate is seen for the first time again");
    }
}

/// Starts a server that shakes hands and closes.
fn start_tls() -> u16 {
    let config = Arc::new(server_config(Identity::make().expect("a certificate").identity()).expect("TLS"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).expect("TLS");
            let socket = Socket::under_tls(stream.expect("a connection"), connection.into()).expect("a socket");
            let _ = socket.shake_hands(Instant::now() + Duration::from_secs(60));
        }
    });
    port
}
