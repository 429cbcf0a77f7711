//! Several servers that are one to a client: where it goes when one of them stands by, and where it does not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use wachat::client::app::event::Event;
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::Receive;
use wachat::client::link::request::LinkEvent;
use wachat::model::{Fingerprint, ServerAddress};
use wachat::protocol::{Codec as _, Ko};
use wachat::server::{CertificateFiles, Servers, make_certificate};

use super::stage::{PERSON, Stage};
use crate::support::clients::{all_output, exit_code};
use crate::support::held_server::HeldServer;
use crate::support::{Connection, NO_SETTINGS, PASSWORD, TIMEOUT, Terminal, WACHAT, World, wait_until};

/// A server that stands by, or says so: it answers each connection on its two ports with one line.
#[derive(Default)]
struct StandBy {
    ports: [u16; 2],
    line: Mutex<Vec<u8>>,
    /// When the connections came, by port.
    came: [Mutex<Vec<Instant>>; 2],
    /// What was said to it.
    heard: Mutex<Vec<u8>>,
}

impl StandBy {
    /// Starts one that knows no leader.
    fn start() -> Arc<Self> {
        let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
        let ports = listeners.each_ref().map(|listener| listener.local_addr().expect("its number").port());
        let stand_by = Arc::new(Self { ports, ..Self::default() });
        stand_by.name(None);
        for (port, listener) in listeners.into_iter().enumerate() {
            let stand_by = stand_by.clone();
            thread::spawn(move || {
                listener.incoming().map_while(Result::ok).for_each(|stream| stand_by.answer(port, stream));
            });
        }
        stand_by
    }

    fn answer(&self, port: usize, mut stream: TcpStream) {
        self.came[port].lock().push(Instant::now());
        let _ = stream.write_all(&self.line.lock());
        let _ = stream.set_read_timeout(Some(TIMEOUT));
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        self.heard.lock().extend(heard);
    }

    /// Names the server that leads from now on.
    fn name(&self, leader: Option<ServerAddress>) {
        *self.line.lock() = Ko::redirect(leader).line();
    }

    /// Returns the number of connections on a port: 0 is SEND, 1 RECV.
    fn count(&self, port: usize) -> usize {
        self.came[port].lock().len()
    }
}

fn server([send, recv]: [u16; 2], fingerprint: Option<Fingerprint>) -> ServerAddress {
    ServerAddress { host: "127.0.0.1".to_owned(), send, recv, fingerprint }
}

fn ports_of(held: &HeldServer) -> [u16; 2] {
    [held.handle.send_address(), held.handle.recv_address()].map(|address| address.port())
}

/// Returns servers as `--server` names them.
fn list(servers: &[[u16; 2]]) -> String {
    servers.iter().map(|[send, recv]| format!("127.0.0.1:{send}:{recv}")).collect::<Vec<_>>().join(",")
}

/// Runs a command of ana's for scripts at these servers.
fn run(words: &[&str], servers: &[[u16; 2]]) -> Output {
    let mut command = Command::new(WACHAT);
    command.args(words).args(["--user", "ana", "--server", &list(servers)]);
    command.env("WACHAT_PASSWORD", PASSWORD).env("WACHAT_CONFIG", NO_SETTINGS).stdin(Stdio::null());
    command.output().expect("it runs")
}

/// Sends a message to luis, through an outbox in this directory.
fn send(home: &Path, text: &str, servers: &[[u16; 2]]) -> Output {
    run(&["send", "--home", &home.display().to_string(), "luis", text], servers)
}

#[track_caller]
fn assert_sent(output: &Output) {
    assert_eq!(exit_code(output), 0, "{}", all_output(output));
}

/// A server with ana and luis, and its ports.
fn leader() -> (World, [u16; 2]) {
    let world = World::without_lobby();
    world.register("ana");
    world.register("luis");
    let ports = [world.send_port, world.recv_port];
    (world, ports)
}

/// Returns the texts that wait for luis.
fn texts(mut session: Connection) -> Vec<String> {
    let events = session.poll(0, 0).into_iter().filter(|event| event.contains(";MSG;"));
    events.map(|event| event.rsplit(';').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_client_goes_at_once_to_the_server_that_a_shutdown_names() {
    let (world, leads) = leader();
    let [follower, other] = [StandBy::start(), StandBy::start()];
    follower.name(Some(server(leads, None)));
    let home = TempDir::new().expect("a directory");
    assert_sent(&send(home.path(), "hola", &[follower.ports, other.ports, leads]));
    assert_eq!((follower.count(0), other.count(0)), (1, 0));
    for tool in ["users", "rooms"] {
        assert_sent(&run(&[tool], &[follower.ports, other.ports, leads]));
    }
    assert_sent(&run(&["receive"], &[follower.ports, other.ports, leads]));
    assert_eq!((other.count(0), other.count(1)), (0, 0));
    assert_eq!(texts(world.session("luis")), ["hola"]);
}

#[test]
fn without_a_name_it_tries_its_servers_in_turn_in_any_order() {
    let (world, leads) = leader();
    let follower = StandBy::start();
    let home = TempDir::new().expect("a directory");
    let gone = [1, 1];
    assert_sent(&send(home.path(), "uno", &[gone, follower.ports, leads]));
    assert_sent(&send(home.path(), "dos", &[leads, follower.ports]));
    assert_eq!(texts(world.session("luis")), ["uno", "dos"]);
    let homes = std::fs::read_dir(home.path()).expect("a directory").count();
    assert_eq!(homes, 2, "the first name has files, and the second run, which begins with another, its own");
    assert_sent(&send(home.path(), "tres", &[follower.ports, leads]));
    assert_eq!(std::fs::read_dir(home.path()).expect("a directory").count(), homes, "one of the names has files");
}

#[test]
fn in_clear_text_it_does_not_go_where_nobody_it_knows_has_sent_it() {
    let (world, leads) = leader();
    let follower = StandBy::start();
    follower.name(Some(server(leads, None)));
    let home = TempDir::new().expect("a directory");
    let output = send(home.path(), "hola", &[follower.ports]);
    assert_eq!(exit_code(&output), 5, "{}", all_output(&output));
    let said = all_output(&output);
    assert!(said.contains(&format!("it names another server, 127.0.0.1:{}", leads[0])), "{said}");
    assert_eq!(texts(world.session("luis")), [""; 0]);
}

fn certificate(path: &Path) -> Fingerprint {
    Fingerprint::of(&CertificateDer::from_pem_file(path).expect("a certificate"))
}

/// A server under TLS that stands by.
fn stand_by_under_tls(directory: &Path, leader: ServerAddress) -> HeldServer {
    let (certificate, key) = make_certificate(&directory.join("tls")).expect("a certificate");
    let held = HeldServer::start_with(|config| config.tls = Some(CertificateFiles::Named { certificate, key }));
    held.handle.set_servers(Servers { standing_by: true, leader: Some(leader), ..Servers::default() });
    held
}

#[test]
fn it_never_goes_from_tls_to_clear_text() {
    let directory = TempDir::new().expect("a directory");
    let clear = StandBy::start();
    let held = stand_by_under_tls(directory.path(), server(clear.ports, None));
    let known = directory.path().join("known").display().to_string();
    for servers in [&[ports_of(&held)][..], &[ports_of(&held), clear.ports]] {
        let before = clear.count(0);
        let output = run(&["users", "--tls", "--known-servers", &known], servers);
        let said = all_output(&output);
        assert!(exit_code(&output) == 4 && said.contains("does not speak TLS"), "TLS or nothing: {said}");
        assert_eq!(clear.count(0), before + 1);
    }
    wait_until("the ends", || clear.heard.lock().len() > 2);
    let heard = clear.heard.lock();
    assert!(!String::from_utf8_lossy(&heard).contains("LOGIN"), "a handshake alone");
}

#[test]
fn under_tls_it_follows_a_trusted_server_to_one_with_the_certificate_that_it_has_told() {
    let world = World::new(&["--no-lobby", "--tls"]);
    let leads = [world.send_port, world.recv_port];
    let known = world.path("known").display().to_string();
    let enrolled = world.pipe("ana", "", &["--register", "--tls", "--known-servers", &known]);
    assert_eq!(exit_code(&enrolled), 0, "{}", all_output(&enrolled));
    let right = certificate(&world.data().join("tls/certificate.pem"));
    let directory = TempDir::new().expect("a directory");
    let held = stand_by_under_tls(directory.path(), server(leads, Some(right)));
    let name = |file: &str| directory.path().join(file).display().to_string();
    let first = run(&["users", "--tls", "--known-servers", &name("first")], &[ports_of(&held)]);
    assert_sent(&first);
    let noted = std::fs::read_to_string(name("first")).expect("a file");
    assert!(noted.contains(&format!("127.0.0.1:{};{right};", leads[0])), "{noted}");
    let said = all_output(&first);
    assert!(!said.contains(&format!("first connection to 127.0.0.1:{}", leads[0])), "it was told: {said}");
    // A certificate that the server does not have.
    let wrong = Fingerprint::of(b"another");
    let leader = Some(server(leads, Some(wrong)));
    held.handle.set_servers(Servers { standing_by: true, leader, ..Servers::default() });
    let refused = run(&["users", "--tls", "--known-servers", &name("second")], &[ports_of(&held)]);
    assert!(exit_code(&refused) == 4 && all_output(&refused).contains("HAS CHANGED"), "{}", all_output(&refused));
    // What is known already stays.
    let again = run(&["users", "--tls", "--known-servers", &name("first")], &[ports_of(&held)]);
    assert_sent(&again);
    assert_eq!(std::fs::read_to_string(name("first")).expect("a file"), noted);
}

#[test]
fn the_servers_that_were_listed_are_remembered_across_a_restart() {
    let [first, second] = [(); 2].map(|()| HeldServer::start());
    for held in [&first, &second] {
        held.register("ana");
        held.register("luis");
    }
    let all = [&first, &second].map(|held| server(ports_of(held), None));
    for held in [&first, &second] {
        held.handle.set_servers(Servers { all: all.to_vec(), ..Servers::default() });
    }
    let home = TempDir::new().expect("a directory");
    let directory = home.path().display().to_string();
    let given = list(&[ports_of(&first)]);
    let words = ["connect", "--user", "ana", "--plain", "--no-p2p", "--server", &given, "--home", &directory];
    let mut ana = Terminal::start(&words.map(str::to_owned));
    ana.expect("connected to");
    ana.type_line("@luis: uno");
    ana.expect_tick("✓", "@luis: uno");
    ana.quit();
    let leader = Some(all[1].clone());
    first.handle.set_servers(Servers { standing_by: true, leader, ..Servers::default() });
    assert_sent(&send(home.path(), "dos", &[ports_of(&first)]));
    let of_luis = |held: &HeldServer| texts(held.login(held.handle.recv_address(), "luis"));
    assert_eq!(of_luis(&second), ["dos"]);
    // Also when the one that was given is gone.
    let gone = ports_of(&first);
    assert_eq!(first.handle.stop(), Ok(()));
    assert_sent(&send(home.path(), "tres", &[gone]));
    assert_eq!(of_luis(&second), ["dos", "tres"]);
    // A client without that memory has nowhere to go.
    let other = TempDir::new().expect("a directory");
    assert_eq!(exit_code(&send(other.path(), "nada", &[gone])), 5);
}

/// After each round comes a pause of three quarters of a second at least.
#[test]
fn servers_that_name_each_other_are_left_alone_for_a_while_after_each_round() {
    let [one, other] = [StandBy::start(), StandBy::start()];
    one.name(Some(server(other.ports, None)));
    other.name(Some(server(one.ports, None)));
    let home = TempDir::new().expect("a directory");
    let home = home.path().display().to_string();
    let servers = list(&[one.ports, other.ports]);
    let words = ["connect", "--user", "ana", "--plain", "--no-p2p", "--server", &servers, "--home", &home];
    let mut ana = Terminal::start(&words.map(str::to_owned));
    ana.expect("the server is away");
    wait_until("five rounds", || one.count(1) >= 5);
    ana.kill();
    let came = one.came[1].lock();
    let pauses: Vec<_> = came.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(700)), "{pauses:?}");
    let of_other = other.count(1);
    assert!(of_other <= came.len() && of_other + 1 >= came.len(), "each once a round: {of_other} of {}", came.len());
}

/// A leader until it has been asked to send: then its term ends, and it names another server. The next leader has the message.
fn depose(next: [u16; 2], named: [u16; 2]) -> [u16; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let ports = [listener.local_addr().expect("its number").port(), next[1]];
    thread::spawn(move || {
        let (client, _) = listener.accept().expect("a client");
        let mut says = client.try_clone().expect("its socket");
        let mut leader = TcpStream::connect(("127.0.0.1", next[0])).expect("the next leader");
        let mut replies = BufReader::new(leader.try_clone().expect("its socket")).lines();
        for line in BufReader::new(client).lines().map_while(Result::ok) {
            leader.write_all(format!("{line}\n").as_bytes()).expect("a request");
            let reply = replies.next().expect("a reply").expect("a line");
            if line.starts_with("SEND;") {
                assert!(reply.starts_with("OK;"), "{reply}");
                says.write_all(&Ko::redirect(Some(server(named, None))).line()).expect("a last line");
                return;
            }
            says.write_all(format!("{reply}\n").as_bytes()).expect("a reply");
        }
    });
    ports
}

#[test]
fn a_message_whose_server_no_longer_leads_arrives_once() {
    let (world, leads) = leader();
    let home = TempDir::new().expect("a directory");
    let deposed = depose(leads, leads);
    let begin = Instant::now();
    assert_sent(&send(home.path(), "una vez", &[deposed, leads]));
    assert!(begin.elapsed() < TIMEOUT);
    assert_eq!(texts(world.session("luis")), ["una vez"]);
}

/// Also a server that has let the client in may only name another one that the client knows: in clear text anybody in the
/// network can say so in its place.
#[test]
fn in_clear_text_it_does_not_go_where_the_last_line_of_a_session_sends_it() {
    let (_world, leads) = leader();
    let stranger = StandBy::start();
    let home = TempDir::new().expect("a directory");
    let home = home.path().display().to_string();
    // It tries the server that it knows again and again.
    let words = ["send", "--timeout", "5", "--home", &home, "luis", "hola"];
    let output = run(&words, &[depose(leads, stranger.ports)]);
    assert_eq!((stranger.count(0), stranger.count(1)), (0, 0), "it goes to a stranger: {}", all_output(&output));
    assert_eq!(exit_code(&output), 5, "{}", all_output(&output));
}

fn fail(stage: &mut Stage, error: LinkError) -> Vec<String> {
    stage.receiving = None;
    stage.handle(Event::Link(LinkEvent::ReceiverFailed(error)))
}

#[test]
fn a_session_that_was_sent_elsewhere_is_opened_there_without_a_pause() {
    let mut stage = Stage::connected(PERSON);
    let shown = fail(&mut stage, LinkError::Redirected("another leads".to_owned()));
    assert_eq!(shown, [""; 0], "nobody is told of it");
    stage.log_in("store", 0);
}

#[test]
fn while_none_of_several_servers_leads_the_first_pauses_are_all_a_second() {
    let mut stage = Stage::connected(PERSON);
    for _ in 0..8 {
        fail(&mut stage, LinkError::NoneLeads("none leads".to_owned()));
        assert_eq!(stage.receiving, None, "a pause comes first");
        stage.wait(Duration::from_secs(1));
        assert_eq!(stage.receiving, Some(Receive::LogIn));
    }
    // One server that is away is left alone for longer and longer.
    for _ in 0..3 {
        fail(&mut stage, LinkError::Away("away".to_owned()));
        stage.wait(Duration::from_secs(8));
    }
    fail(&mut stage, LinkError::Away("away".to_owned()));
    stage.wait(Duration::from_secs(1));
    assert_eq!(stage.receiving, None);
}
