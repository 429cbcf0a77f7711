//! A message whose reply was lost is sent once, however much the user's other programs have sent before the retry.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::clients::{all_output, exit_code};
use crate::support::{Terminal, World, wait_until};
use wachat::limits;

/// A SEND port in front of the server's. It swallows the reply to one SEND, and is then away until it is repaired.
#[derive(Default)]
struct Relay {
    swallowed: AtomicBool,
    repaired: AtomicBool,
}

impl Relay {
    /// Puts the relay between the clients of a world and its server.
    fn start(world: &mut World) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        world.send_port = listener.local_addr().unwrap().port();
        let relay = Arc::new(Self::default());
        let server = world.send;
        let carrier = relay.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let relay = carrier.clone();
                thread::spawn(move || relay.carry(client, server));
            }
        });
        relay
    }

    fn is_away(&self) -> bool {
        self.swallowed.load(Ordering::SeqCst) && !self.repaired.load(Ordering::SeqCst)
    }

    /// Carries lines to the server, and the lines back, until an end closes or the swallowed reply ends both.
    fn carry(&self, client: TcpStream, server: SocketAddr) -> Option<()> {
        let server = (!self.is_away()).then(|| TcpStream::connect(server).unwrap())?;
        let mut back = server.try_clone().unwrap();
        let mut to_client = client.try_clone().unwrap();
        let is_swallowing = Arc::new(AtomicBool::new(false));
        let swallowing = is_swallowing.clone();
        let mut requests = BufReader::new(client.try_clone().unwrap()).lines();
        let forward = thread::spawn(move || {
            let mut to_server = server;
            while let Some(Ok(line)) = requests.next() {
                is_swallowing.store(line.starts_with("SEND;"), Ordering::SeqCst);
                if to_server.write_all(format!("{line}\n").as_bytes()).is_err() {
                    return;
                }
            }
            let _ = to_server.shutdown(std::net::Shutdown::Write);
        });
        for line in BufReader::new(&mut back).lines().map_while(Result::ok) {
            if swallowing.load(Ordering::SeqCst) && !self.swallowed.swap(true, Ordering::SeqCst) {
                client.shutdown(std::net::Shutdown::Both).unwrap();
                break;
            }
            to_client.write_all(format!("{line}\n").as_bytes()).ok()?;
        }
        let _ = back.shutdown(std::net::Shutdown::Both);
        let _ = client.shutdown(std::net::Shutdown::Both);
        forward.join().ok()
    }
}

/// A world in which ana's client has sent one message to luis, and its reply was lost.
fn lose_a_reply() -> (World, Arc<Relay>, Terminal) {
    let mut world = World::new(&[]);
    world.register_clients(&["ana", "luis"]);
    let (relay, ana) = lose_the_reply_to(&mut world, "@luis: una vez");
    (world, relay, ana)
}

/// Ana's client sends a message, and its reply is lost.
fn lose_the_reply_to(world: &mut World, line: &str) -> (Arc<Relay>, Terminal) {
    let relay = Relay::start(world);
    let ana = world.terminal("ana", &["--no-p2p"]);
    ana.expect("connected to");
    ana.type_line(line);
    wait_until("the reply to be swallowed", || relay.swallowed.load(Ordering::SeqCst));
    (relay, ana)
}

/// Another program of ana sends more messages than the server remembers ids of one sender.
fn send_many(world: &World) {
    let mut other = world.login("ana");
    for recipient in ["eva", "eli"] {
        world.register(recipient);
        let sends = |n: u32| format!("SEND;{recipient}-{n};{recipient};more\n");
        other.send((1..=700).map(sends).collect::<String>());
        (1..=700).for_each(|_| assert!(other.read_line().starts_with("OK;")));
    }
}

fn assert_sent_once(world: &World) {
    let events = world.session("luis").poll(0, 0);
    let copies = events.iter().filter(|event| event.ends_with(";una vez")).count();
    assert_eq!(copies, 1, "{events:#?}");
}

#[test]
fn a_message_whose_reply_was_lost_comes_back_and_is_not_retried() {
    let (world, relay, ana) = lose_a_reply();
    // The SEND port is away: the event tells that the server has it.
    ana.expect_tick("✓", "@luis: una vez");
    relay.repaired.store(true, Ordering::SeqCst);
    ana.type_line("@luis: otra");
    ana.expect_tick("✓", "@luis: otra");
    assert_sent_once(&world);
}

#[test]
fn a_retry_of_a_later_life_is_found() {
    let (world, relay, mut ana) = lose_a_reply();
    ana.kill();
    send_many(&world);
    relay.repaired.store(true, Ordering::SeqCst);
    let mut ana = world.terminal("ana", &["--no-p2p"]);
    ana.expect("connected to");
    ana.type_line("@luis: otra");
    ana.expect_tick("✓", "@luis: otra");
    ana.quit();
    assert_sent_once(&world);
}

#[test]
fn a_retry_by_the_next_script_is_found() {
    let (world, relay, mut ana) = lose_a_reply();
    ana.kill();
    send_many(&world);
    relay.repaired.store(true, Ordering::SeqCst);
    // A pipe takes over what the person's client has left.
    world.pipe("ana", "@luis: otra vez\n", &[]);
    assert_sent_once(&world);
}

/// Returns how many messages of a conversation have this text, whichever page they are on.
fn copies(world: &World, target: &str, text: &str) -> usize {
    let rows = world.login("ana").whole_history(target);
    rows.iter().filter(|row| row.ends_with(&format!(";{text}"))).count()
}

/// The first page of HISTORY, those after it and the ends of each: a message is found wherever it is.
#[test]
fn a_retry_is_found_on_whichever_page_of_its_conversation_the_message_is() {
    let mut world = World::new(&["--no-limits"]);
    world.register_clients(&["ana", "luis", "eva"]);
    let first = limits::HISTORY_RECORDS;
    let page = limits::MAX_HISTORY_RECORDS;
    for between in [0, first, first + page - 1, first + page, first + 2 * page + 1] {
        let text = format!("una vez {between}");
        let (relay, mut ana) = lose_the_reply_to(&mut world, &format!("@#lobby: {text}"));
        ana.kill();
        let mut other = world.login("eva");
        other.send((0..between).map(|n| format!("SEND;between-{between}-{n};#lobby;more\n")).collect::<String>());
        (0..between).for_each(|_| assert!(other.read_line().starts_with("OK;")));
        send_other_ids(&world, between);
        relay.repaired.store(true, Ordering::SeqCst);
        let output = world.pipe("ana", "", &[]);
        assert_eq!(exit_code(&output), 0, "{between}: {}", all_output(&output));
        assert_eq!(copies(&world, "#lobby", &text), 1, "{between} messages between");
    }
}

/// Another program of ana sends this many messages elsewhere that the server forgets older ids of hers.
fn send_other_ids(world: &World, life: usize) {
    let mut other = world.login("ana");
    let count = 1_100;
    assert!(other.request("JOIN;#otra").starts_with("OK"));
    other.send((0..count).map(|n| format!("SEND;other-{life}-{n};#otra;more\n")).collect::<String>());
    (0..count).for_each(|_| assert!(other.read_line().starts_with("OK;")));
}
