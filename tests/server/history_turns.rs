//! Reads of history files: users take turns, a job goes with its connection, and who reads pays. In this process, so that
//! the test decides when a file is read.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use crate::support::intercepted_disk::InterceptedDisk;
use crate::support::simulated_disk::SimulatedDisk;
use crate::support::{Connection, PASSWORD, TIMEOUT, wait_until};
use wachat::server::{Config, Handle, start};

/// Holds up the readers of room histories while it is closed, and counts their files.
#[derive(Default)]
struct Gate {
    /// The state of the disk: closed or not, and the number of room files that were opened.
    state: Mutex<(bool, usize)>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self, what: &str, path: &Path) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_history_thread = thread::current().name() == Some("history");
        if what != "open" || !is_history_thread || !name.starts_with("room-") {
            return;
        }
        let mut state = self.state.lock();
        state.1 += 1;
        while state.0 && !self.changed.wait_for(&mut state, TIMEOUT).timed_out() {}
    }

    fn set_closed(&self, closed: bool) {
        self.state.lock().0 = closed;
        self.changed.notify_all();
    }

    fn opened(&self) -> usize {
        self.state.lock().1
    }
}

fn serve(disk: &SimulatedDisk, gate: &Arc<Gate>) -> Handle {
    let gate = gate.clone();
    let hook = move |what: &str, path: &Path| {
        gate.pass(what, path);
        Ok(())
    };
    let disk = InterceptedDisk { disk: disk.clone(), hook: Arc::new(hook) };
    start(Config::on_free_ports(Arc::new(disk), "/data".into())).unwrap_or_else(|error| panic!("{error}"))
}

fn log_in(server: &Handle, user: &str) -> Connection {
    let mut line = Connection::open(server.send_address());
    assert_eq!(line.request(&format!("LOGIN:{user}:{PASSWORD}")), format!("OK;{user};wachat/1"));
    line
}

fn session(server: &Handle, user: &str) -> Connection {
    let mut line = Connection::open(server.recv_address());
    let greeting = line.request(&format!("LOGIN:{user}:{PASSWORD}"));
    assert!(greeting.starts_with(&format!("OK;{user};")), "{greeting}");
    line
}

/// A server whose messages are all in history files: mallory has one in a room, and luis and eva talk.
fn with_histories(gate: &Arc<Gate>) -> Handle {
    let disk = SimulatedDisk::default();
    let server = serve(&disk, gate);
    let mut lines: Vec<_> = ["mallory", "luis", "eva"]
        .into_iter()
        .map(|user| {
            let mut line = Connection::open(server.send_address());
            assert!(line.request(&format!("REGISTER:{user}:{PASSWORD}")).starts_with("OK;"));
            line
        })
        .collect();
    for (line, request) in [
        (0, "JOIN;#sala"),
        (1, "JOIN;#sala"),
        (0, "OWNER;#sala;luis"),
        (1, "SEND;1;#sala;hola"),
        (1, "SEND;2;eva;hola"),
    ] {
        assert!(lines[line].request(request).starts_with("OK"), "{request}");
    }
    drop(lines);
    server.stop().expect("a clean stop");
    serve(&disk, gate)
}

#[test]
fn who_is_put_out_of_a_room_gets_nothing_of_it_that_is_being_read() {
    let gate = Arc::<Gate>::default();
    let server = with_histories(&gate);
    let mut luis = log_in(&server, "luis");
    // A receipt waits for mallory beside the message that is read.
    let sent = log_in(&server, "mallory").request("SEND;0;#sala;hola");
    let seq = sent.rsplit(';').next().expect("a number");
    assert_eq!(luis.request(&format!("READ;#sala;{seq}")), "OK", "{sent}");
    for (request, answer, goes) in
        [("POLL;0;0", "OK;0", false), ("HISTORY;#sala", "KO;NO_ROOM;", false), ("HISTORY;#sala", "KO;NO_ROOM;", true)]
    {
        let is_poll = request.starts_with("POLL");
        let mut mallory = if is_poll { session(&server, "mallory") } else { log_in(&server, "mallory") };
        let opened = gate.opened();
        gate.set_closed(true);
        mallory.send(format!("{request}\n"));
        wait_until("the read", || gate.opened() > opened);
        assert_eq!(luis.request("KICK;#sala;mallory"), "OK");
        // Then nobody outside is told of the room.
        assert_eq!(luis.request("ROOM;#sala;invite"), "OK");
        // The last member leaves, and there is no room any more.
        assert!(!goes || luis.request("LEAVE;#sala") == "OK");
        gate.set_closed(false);
        let reply = mallory.read_line();
        assert!(reply.starts_with(answer), "{request}: {reply}");
        if goes {
            break;
        }
        let mut mallory = log_in(&server, "mallory");
        assert_eq!(luis.request("INVITE;#sala;mallory"), "OK");
        assert_eq!(mallory.request("JOIN;#sala"), "OK");
    }
    server.stop().expect("a clean stop");
}

#[test]
fn one_user_takes_one_history_thread() {
    let gate = Arc::default();
    let server = with_histories(&gate);
    gate.set_closed(true);
    let mut waiting: Vec<_> = (0..8).map(|_| log_in(&server, "mallory")).collect();
    waiting.iter_mut().for_each(|line| line.send("HISTORY;#sala\n"));
    wait_until("the first read", || gate.opened() > 0);
    // Users take turns: not even those who wait for longer come before eva and luis.
    for (user, peer) in [("eva", "luis"), ("luis", "eva")] {
        assert_eq!(log_in(&server, user).list(&format!("HISTORY;{peer}")).len(), 1);
    }
    assert_eq!(gate.opened(), 1, "one job of a user at a time");
    gate.set_closed(false);
    for line in &mut waiting {
        assert_eq!(line.read_line(), "OK;1");
    }
    assert_eq!(gate.opened(), 8);
    server.stop().expect("a clean stop");
}

#[test]
fn a_job_goes_with_its_connection() {
    let gate = Arc::default();
    let server = with_histories(&gate);
    gate.set_closed(true);
    let mut first = session(&server, "mallory");
    let mut begun = BTreeSet::new();
    first.send("POLL;0;0\n");
    wait_until("the first read", || gate.opened() > 0);
    // Each of these replaces the one before it, whose poll waits for its turn.
    let mut last = first;
    for number in 0..20 {
        let mut next = session(&server, "mallory");
        begun.insert(last.read_line());
        next.send("POLL;0;0\n");
        // The router has taken the poll: it handles the inputs in their order.
        assert_eq!(log_in(&server, "luis").request("PING"), "OK", "{number}");
        last = next;
    }
    assert!(begun.iter().all(|line| line.starts_with("KO;REPLACED;")), "{begun:?}");
    gate.set_closed(false);
    assert_eq!(last.read_line(), "OK;1");
    assert_eq!(gate.opened(), 2, "one that was under way, and the last one");
    server.stop().expect("a clean stop");
}
