//! Messages that are taken back while they are being read from a history file: what was read before goes to nobody after the
//! OK, also if the file has been rewritten meanwhile. In this process, so that the test decides when a file is read.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::support::connection::without_times;
use crate::support::held_server::HeldServer;
use crate::support::intercepted_disk::InterceptedDisk;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::store_files::read_files;
use crate::support::{Connection, PASSWORD, TIMEOUT, wait_until};
use wachat::limits;
use wachat::server::{Config, Handle, start};
use wachat::state_machine::Policy;

/// Holds up one reader of a history file, who has opened it, and lets all others pass.
#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The next reader waits.
    Armed,
    Holds,
}

impl Gate {
    fn pass(&self, what: &str, path: &Path) {
        let is_history_thread = thread::current().name() == Some("history");
        if what != "read" || !is_history_thread || !path.starts_with("/data/history") {
            return;
        }
        let mut state = self.state.lock();
        if *state == State::Armed {
            *state = State::Holds;
            while *state == State::Holds && !self.changed.wait_for(&mut state, TIMEOUT).timed_out() {}
        }
    }

    /// Sends a request, and waits until a history thread is held that reads for it.
    fn hold(&self, line: &mut Connection, request: &str) {
        *self.state.lock() = State::Armed;
        line.send(format!("{request}\n"));
        wait_until("the read", || *self.state.lock() == State::Holds);
    }

    fn release(&self) {
        *self.state.lock() = State::Open;
        self.changed.notify_all();
    }
}

fn serve(disk: &SimulatedDisk, gate: &Arc<Gate>) -> Handle {
    let gate = gate.clone();
    let hook = move |what: &str, path: &Path| {
        gate.pass(what, path);
        Ok(())
    };
    let disk = InterceptedDisk { disk: disk.clone(), hook: Arc::new(hook) };
    let config = Config::on_free_ports(Arc::new(disk), "/data".into());
    let policy = Policy { lobby: false, ..config.policy.clone().without_limits() };
    start(Config { policy, ..config }).unwrap_or_else(|error| panic!("{error}"))
}

fn line(server: &Handle, login: &str) -> Connection {
    let mut line = Connection::open(server.send_address());
    assert!(line.request(login).starts_with("OK;"), "{login}");
    line
}

fn log_in(server: &Handle, user: &str) -> Connection {
    line(server, &format!("LOGIN:{user}:{PASSWORD}"))
}

fn session(server: &Handle, user: &str) -> Connection {
    let mut line = Connection::open(server.recv_address());
    assert!(line.request(&format!("LOGIN:{user}:{PASSWORD}")).starts_with(&format!("OK;{user};")));
    line
}

/// A server that has two messages of ana to luis, and two to a room, all in history files. luis has yet to get them.
fn with_histories(disk: &SimulatedDisk, gate: &Arc<Gate>) -> Handle {
    let server = serve(disk, gate);
    let [mut ana, mut luis] = ["ana", "luis"].map(|user| line(&server, &format!("REGISTER:{user}:{PASSWORD}")));
    for member in [&mut ana, &mut luis] {
        assert_eq!(member.request("JOIN;#aula"), "OK");
    }
    for (id, to) in [("m-1", "luis"), ("m-2", "luis"), ("m-3", "#aula"), ("m-4", "#aula")] {
        assert!(ana.request(&format!("SEND;{id};{to};secreto-{id}")).starts_with("OK;"));
    }
    drop((ana, luis));
    server.stop().expect("a clean stop");
    serve(disk, gate)
}

fn read_list(line: &mut Connection) -> Vec<String> {
    let head = line.read_line();
    let count = head.strip_prefix("OK;").and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{head}"));
    (0..count).map(|_| without_times(&line.read_line())).collect()
}

const ERASED: [&str; 2] = ["1;m-1;ana;luis;<at>;RECEIVED;;erased", "2;m-2;ana;luis;<at>;RECEIVED;secreto-m-2"];
const ERASED_IN_ROOM: [&str; 2] =
    ["3;m-3;ana;#aula;<at>;RECEIVED;;erased", "4;m-4;ana;#aula;<at>;RECEIVED;secreto-m-4"];
const EVENTS: [&str; 4] = [
    "1;MSG;m-1;ana;luis;<at>;;erased",
    "2;MSG;m-2;ana;luis;<at>;secreto-m-2",
    "3;MSG;m-3;ana;#aula;<at>;;erased",
    "4;MSG;m-4;ana;#aula;<at>;secreto-m-4",
];

#[test]
fn what_was_being_read_when_it_was_taken_back_goes_to_nobody() {
    for (request, erase, wanted) in [
        ("HISTORY;ana", vec!["ERASE;luis;1"], &ERASED[..]),
        ("HISTORY;#aula", vec!["ERASE;#aula;3"], &ERASED_IN_ROOM[..]),
        ("POLL;0;0", vec!["ERASE;luis;1", "ERASE;#aula;3"], &EVENTS[..]),
    ] {
        let gate = Arc::<Gate>::default();
        let server = with_histories(&SimulatedDisk::default(), &gate);
        let mut ana = log_in(&server, "ana");
        let is_poll = request.starts_with("POLL");
        let mut luis = if is_poll { session(&server, "luis") } else { log_in(&server, "luis") };
        gate.hold(&mut luis, request);
        for erase in &erase {
            assert_eq!(ana.request(erase), "OK", "{erase}");
        }
        gate.release();
        assert_eq!(read_list(&mut luis), wanted, "{request}");
        // Nor does a later request get it.
        assert_eq!(luis.list_without_times(request), [wanted, &told(is_poll)].concat(), "{request}");
        server.stop().expect("a clean stop");
    }
}

/// Returns the events that follow the messages.
fn told(is_poll: bool) -> Vec<&'static str> {
    if is_poll { vec!["5;ERASED;ana;1;1;ana", "6;ERASED;#aula;3;3;ana"] } else { Vec::new() }
}

fn is_on_disk(disk: &SimulatedDisk, text: &str) -> bool {
    read_files(disk, "/data").values().any(|content| String::from_utf8_lossy(content).contains(text))
}

/// By then the state machine has forgotten which texts were in the old file: it was rewritten after the reader opened it.
#[test]
fn a_text_that_was_read_before_its_file_was_rewritten_goes_to_nobody() {
    for (request, erase, wanted) in
        [("HISTORY;ana", "ERASE;luis;1", &ERASED[..]), ("POLL;0;0", "ERASE;luis;1", &EVENTS[..2])]
    {
        let gate = Arc::<Gate>::default();
        let disk = SimulatedDisk::default();
        let server = with_histories(&disk, &gate);
        let mut eva = line(&server, &format!("REGISTER:eva:{PASSWORD}"));
        let is_poll = request.starts_with("POLL");
        let mut luis = if is_poll { session(&server, "luis") } else { log_in(&server, "luis") };
        gate.hold(&mut luis, request);
        assert_eq!(log_in(&server, "ana").request(erase), "OK");
        // So many that their number is a reason to rewrite the files at once.
        for number in 0..limits::MANY_ERASURES {
            let reply = eva.request(&format!("SEND;n-{number};eva;x"));
            let seq = reply.rsplit(';').next().expect("a number");
            assert_eq!(eva.request(&format!("ERASE;eva;{seq}")), "OK");
        }
        wait_until("the clean-up", || !is_on_disk(&disk, "secreto-m-1"));
        // A moment later the router has taken it over.
        thread::sleep(Duration::from_millis(200));
        assert!(!log_in(&server, "ana").list("HISTORY;luis")[0].contains("secreto"));
        gate.release();
        let mut got = read_list(&mut luis);
        got.truncate(2);
        assert_eq!(got, wanted, "{request}");
        server.stop().expect("a clean stop");
    }
}

/// The deliveries of one batch share the lines of room messages: one before the ERASE has the text, one after it does not.
#[test]
fn deliveries_before_and_after_an_erase_in_one_batch_differ() {
    let server = HeldServer::start();
    let mut ana = server.register("ana");
    let mut noise = server.register("noise");
    let recv = server.handle.recv_address();
    let [mut luis, mut eva] = ["luis", "eva"].map(|user| {
        server.register(user);
        server.login(recv, user)
    });
    assert!(ana.request("SEND;m-1;#lobby;secreto-m-1").ends_with(";1"));
    server.stand_still(&mut noise);
    // The end of its input answers this poll at once.
    luis.send("POLL;0\n");
    luis.half_close();
    server.wait_for_inputs(2);
    ana.send("ERASE;#lobby;1\n");
    server.wait_for_inputs(3);
    eva.send("POLL;0;0\n");
    server.wait_for_inputs(4);
    server.release();
    assert_eq!(ana.read_line(), "OK");
    let before = luis.read_rest();
    assert!(before.iter().any(|line| line.ends_with(";secreto-m-1")), "that was before it: {before:?}");
    let after = read_list(&mut eva);
    assert!(after.iter().any(|line| line == "1;MSG;m-1;ana;#lobby;<at>;;erased"), "{after:?}");
    server.handle.stop().expect("a clean stop");
}
