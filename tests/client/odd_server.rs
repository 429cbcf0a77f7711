//! The client against a server that does what a real one does rarely, or should not do at all.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;
use wachat::client::state::home::directory;
use wachat::limits;

use crate::client::account::{NEW, change};
use crate::support::client_files::entries;
use crate::support::values::user;
use crate::support::{PASSWORD, TIMEOUT, Terminal, World, wait_for, wait_until};

/// The RECV port of a server that this test plays, line by line.
struct Recv {
    listener: TcpListener,
    connection: Option<BufReader<TcpStream>>,
}

impl Recv {
    /// The next connection of the client, logged in. The one before it breaks.
    fn accept(&mut self, greeting: &str) {
        let line = self.asked();
        assert!(line.starts_with("DEVICE:") && line.contains(":ana:"), "{line}");
        self.say(greeting);
    }

    /// The first line of the next connection of the client. The one before it breaks.
    fn asked(&mut self) -> String {
        self.connection = None;
        self.listener.set_nonblocking(true).unwrap();
        let (connection, _) = wait_for("a connection to the RECV port", || self.listener.accept().ok());
        connection.set_nonblocking(false).unwrap();
        connection.set_read_timeout(Some(TIMEOUT)).unwrap();
        self.connection = Some(BufReader::new(connection));
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.connection.as_mut().unwrap().read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn say(&mut self, line: &str) {
        let connection = self.connection.as_mut().unwrap().get_mut();
        connection.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Answers polls with nothing until the client acknowledges this number.
    fn until_acknowledged(&mut self, number: u64) {
        loop {
            let line = self.line();
            if line.starts_with(&format!("POLL;{number};")) {
                return self.say("OK;0");
            }
            self.say("OK;0");
        }
    }
}

/// The requests that a client has sent to the SEND port.
type Requests = Arc<Mutex<Vec<String>>>;

/// Answers what a client asks on the SEND port, as long as the test lasts. The first READs and HISTORYs get RATE, each
/// as often as this.
fn play_send(listener: TcpListener, refusals: usize) -> Requests {
    let requests = Requests::default();
    let asked = requests.clone();
    thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let asked = asked.clone();
            thread::spawn(move || {
                let mut connection = BufReader::new(connection);
                let mut line = String::new();
                while connection.read_line(&mut line).is_ok_and(|read| read > 0) {
                    let verb = line.split([':', ';', '\n']).next().unwrap_or_default();
                    asked.lock().push(line.trim_end().to_owned());
                    let is_this = |asked: &&String| asked.split(';').next() == Some(verb);
                    let number = asked.lock().iter().filter(is_this).count();
                    let answer = match verb {
                        "LOGIN" => "OK;ana;wachat/1\n",
                        // That of an older server, which has no devices.
                        "KEY" => "KO;SYNTAX;no such request\n",
                        "READ" | "HISTORY" if number <= refusals => "KO;RATE;later\n",
                        "HISTORY" if line.ends_with(";8\n") => "OK;0\n",
                        "HISTORY" => HISTORY,
                        "CHATS" => "OK;1\n#sala;8;0;1\n",
                        "USERS" => "OK;0\n",
                        _ => "OK\n",
                    };
                    if connection.get_mut().write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
    });
    requests
}

/// The messages of `#sala`.
const HISTORY: &str = "OK;1\n8;id-8;luis;#sala;2026-11-20T23:55:00.123Z;RECEIVED;lo que falta\n";

/// Starts a world whose server is this test, and a client of ana at a terminal.
fn play() -> (World, Recv, Terminal) {
    let (world, recv, ana, _) = play_refusing(0);
    (world, recv, ana)
}

/// The same, with a server that refuses the first requests.
fn play_refusing(refusals: usize) -> (World, Recv, Terminal, Requests) {
    let (world, recv, requests) = play_server(refusals);
    let ana = world.terminal("ana", &["--no-p2p"]);
    (world, recv, ana, requests)
}

fn play_server(refusals: usize) -> (World, Recv, Requests) {
    let mut world = World::new(&[]);
    world.kill();
    let send = TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (world.send_port, world.recv_port) = (send.local_addr().unwrap().port(), listener.local_addr().unwrap().port());
    let requests = play_send(send, refusals);
    (world, Recv { listener, connection: None }, requests)
}

const HOLA: &str = "5;MSG;id-1;luis;ana;2026-11-20T23:55:00.123Z;hola";

#[test]
fn at_an_older_server_a_device_with_a_key_asks_for_the_password_and_keeps_the_key() {
    let (world, mut recv, _requests) = play_server(0);
    let home = directory(&world.path("home"), &user("ana"), &format!("127.0.0.1:{}", world.send_port));
    std::fs::create_dir_all(&home).unwrap();
    let device = format!("wachat-client-device;1\nNAME;laptop\nKEY;{}\n", "A".repeat(43));
    std::fs::write(home.join("device.csv"), &device).unwrap();
    let mut ana = Terminal::start_with_password(&world.arguments("ana", &["--no-p2p"]), None);
    ana.expect("this server has no devices: the password is needed; the key of this device is kept");
    ana.expect("password of ana: ");
    ana.wait_until_hidden();
    ana.type_line(PASSWORD);
    assert_eq!(recv.asked(), format!("LOGIN:ana:{PASSWORD}"));
    recv.say("OK;ana;wachat/1;0;store");
    assert!(recv.line().starts_with("POLL;0;"));
    recv.say(&format!("OK;1\n{HOLA}"));
    ana.expect("luis: hola");
    assert_eq!(std::fs::read_to_string(home.join("device.csv")).unwrap(), device);
    ana.kill();
}

#[test]
fn acknowledged_events_are_in_the_history() {
    let (world, mut recv, mut ana) = play();
    recv.accept("OK;ana;wachat/1;0;store");
    assert!(recv.line().starts_with("POLL;0;"));
    assert!(world.texts("ana", "IN").is_empty());
    recv.say(&format!("OK;1\n{HOLA}"));
    assert!(recv.line().starts_with("POLL;5;"), "everything up to 5 is held");
    assert_eq!(world.texts("ana", "IN"), ["hola"]);
    ana.kill();
}

#[test]
fn an_acknowledgement_that_was_lost_is_made_again_and_the_message_is_not() {
    let (world, mut recv, mut ana) = play();
    recv.accept("OK;ana;wachat/1;0;store");
    recv.line();
    recv.say(&format!("OK;1\n{HOLA}"));
    recv.line();
    // The server dies with the acknowledgement, and sends the message again though it was told.
    recv.accept("OK;ana;wachat/1;0;store");
    assert!(recv.line().starts_with("POLL;5;"));
    recv.say(&format!("OK;2\n{HOLA}\n6;MSG;id-2;luis;ana;2026-11-20T23:55:01.123Z;otra"));
    ana.expect("luis: otra");
    recv.until_acknowledged(6);
    assert_eq!(world.texts("ana", "IN"), ["hola", "otra"]);
    assert_eq!(ana.count("luis: hola"), 1, "{}", ana.screen());
    ana.kill();
}

#[test]
fn a_password_may_be_changed_while_the_old_one_is_logging_in() {
    let (_world, mut recv, mut ana) = play();
    assert!(recv.asked().ends_with(&format!(":ana:{PASSWORD}")));
    change(&ana, [PASSWORD, NEW, NEW]);
    ana.expect("* the password is changed, and your other sessions have ended");
    recv.say("OK;ana;wachat/1;0;store");
    recv.say("KO;AUTH;closed by another connection");
    assert!(recv.asked().ends_with(&format!(":ana:{NEW}")));
    recv.say("OK;ana;wachat/1;0;store");
    assert!(recv.line().starts_with("POLL;0;"));
    recv.say("OK;1\n1;MSG;id-1;luis;ana;2026-11-20T23:55:00.123Z;hola");
    ana.expect("luis: hola");
    ana.quit();
}

#[test]
fn events_of_a_later_version_are_passed_over_and_acknowledged() {
    let (world, mut recv, mut ana) = play();
    recv.accept("OK;ana;wachat/1;0;store;and;more");
    recv.line();
    recv.say(&format!("OK;4\n0;JUGGLE;luis\n3;PAINT;a;b\n{HOLA};and;more\n9;GAP;#sala;7;9"));
    recv.until_acknowledged(9);
    assert_eq!(world.texts("ana", "IN"), ["hola"]);
    ana.expect("luis: hola");
    ana.kill();
}

#[test]
fn a_number_that_the_server_never_gave_is_given_up() {
    let (world, mut recv, mut ana) = play();
    recv.accept("OK;ana;wachat/1;0;store");
    recv.line();
    recv.say(&format!("OK;1\n{HOLA}"));
    recv.line();
    // A copy of the store from before: the same name, fewer messages, and then another number 5.
    recv.accept("OK;ana;wachat/1;2;store");
    assert!(recv.line().starts_with("POLL;5;"));
    recv.say("KO;SEQ;that number is past the last there is");
    ana.expect("the server's store is another than last time");
    recv.until_acknowledged(2);
    recv.line();
    recv.say("OK;1\n5;MSG;id-9;luis;ana;2026-11-20T23:59:00.123Z;nueva");
    recv.until_acknowledged(5);
    assert_eq!(world.texts("ana", "IN"), ["hola", "nueva"]);
    ana.kill();
}

#[test]
fn an_answer_that_is_none_is_not_taken_in() {
    let (world, mut recv, mut ana) = play();
    for (nonsense, wait) in
        [("HTTP/1.1 400 Bad Request", false), ("OK;1\n5;MSG;id-1;luis", true), ("OK;99999999999", true)]
    {
        recv.accept("OK;ana;wachat/1;0;store");
        recv.line();
        recv.say(nonsense);
        if !wait {
            ana.expect("the server is away (the server's answer is not of the protocol's form)");
        }
    }
    recv.accept("OK;ana;wachat/1;0;store");
    assert!(recv.line().starts_with("POLL;0;"), "nothing was acknowledged");
    recv.say(&format!("OK;1\n{HOLA}"));
    recv.until_acknowledged(5);
    assert_eq!(world.texts("ana", "IN"), ["hola"]);
    assert_eq!(ana.count("the server is away"), 1, "{}", ana.screen());
    ana.kill();
}

#[test]
fn a_read_number_that_the_rate_refuses_is_told_later() {
    let refusals = limits::RATE_TRIES as usize + 1;
    let (_world, mut recv, mut ana, requests) = play_refusing(refusals);
    recv.accept("OK;ana;wachat/1;0;store");
    recv.line();
    recv.say(&format!("OK;1\n{HOLA}"));
    ana.expect("luis: hola");
    // One connection repeats it a few times, then the client waits longer.
    let told = || requests.lock().iter().filter(|request| *request == "READ;luis;5").count();
    wait_until("the READ that is accepted", || told() == refusals + 1);
    ana.kill();
}

#[test]
fn what_is_missing_is_fetched_however_often_the_rate_refuses_it() {
    // One more refusal than one request has patience for.
    let (world, mut recv, mut ana, requests) = play_refusing(limits::RATE_TRIES as usize + 1);
    recv.accept("OK;ana;wachat/1;0;store");
    assert!(recv.line().starts_with("POLL;0;"));
    recv.say("OK;1\n9;GAP;#sala;8;9");
    assert!(recv.line().starts_with("POLL;9;"));
    wait_until("the message", || world.texts("ana", "MISSED") == ["lo que falta"]);
    let tried = requests.lock().iter().filter(|request| request.starts_with("HISTORY;#sala;")).count();
    assert!(tried > limits::RATE_TRIES as usize + 1, "{tried} tries");
    ana.kill();
}

#[test]
fn files_of_a_later_version_are_left_alone() {
    let (world, mut recv, mut ana) = play();
    recv.accept("OK;ana;wachat/1;0;store");
    recv.line();
    ana.kill();
    let history = history_file(&world);
    let head = std::fs::read_to_string(&history).unwrap().replacen("wachat-wal;1;", "wachat-wal;2;", 1);
    std::fs::write(&history, &head).unwrap();
    let mut ana = world.terminal("ana", &[]);
    ana.expect("made by another version of wachat");
    assert_eq!(ana.wait_for_exit(), Some(1));
    assert_eq!(std::fs::read_to_string(&history).unwrap(), head, "it is left as it is");
}

fn history_file(world: &World) -> PathBuf {
    let mut found = None;
    wait_until("the history file", || {
        let homes = entries(&world.path("home"));
        found = homes.iter().map(|home| home.join("wal/000001.csv")).find(|path| path.exists());
        found.is_some()
    });
    found.unwrap()
}
