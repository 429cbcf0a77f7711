//! A server that is stopping: what it says to its monitor and to its clients until it has ended.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use wachat::net::listen;

use crate::support::held_server::HeldServer;
use crate::support::metrics::{Page, get};
use crate::support::{Connection, wait_until};

/// Requests from before the stop are answered, durably; a login that has not had its turn is told the reason, and who
/// is idle, too.
#[test]
fn a_server_that_stops_says_so_to_its_monitor_and_answers_what_was_asked() {
    let server = HeldServer::start();
    let send = server.handle.send_address();
    let recv = server.handle.recv_address();
    let mut luis = server.register("luis");
    let mut ana = server.register("ana");
    let mut idle = server.login(send, "ana");
    let mut polls = server.login(recv, "ana");
    polls.send("POLL;0;8\n");
    server.stand_still(&mut luis);
    ana.send("SEND;m-1;luis;hola\nPING\n");
    let mut silent = Connection::open(send);
    server.wait_for_inputs(3);
    let (ended, asked) = server.stop_while(|metrics| {
        let asked = std::thread::spawn(move || get(metrics, "/healthz"));
        let page = || Page::read(metrics);
        wait_until("the question", || page().value("wachat_router_queue") >= 5.0 || asked.is_finished());
        asked
    });
    assert_eq!(ended, Ok(()));
    let told = asked.join().expect("an answer");
    // On a busy machine the monitor may have timed out.
    let is_late = told.body.starts_with("the router has not answered");
    assert!(told.status == 503 && (is_late || told.body == "the server is stopping\n"), "{told:?}");
    assert!(luis.read_line().starts_with("OK;held-0;RECEIVED;"));
    let of_ana = ana.read_rest();
    let of_poll = polls.read_rest();
    assert!(of_ana.len() == 3 && of_ana[0].starts_with("OK;m-1;RECEIVED;") && of_ana[1] == "OK", "{of_ana:?}");
    assert!(of_poll.len() >= 2 && of_poll[0].starts_with("OK;"), "a poll that waits is answered: {of_poll:?}");
    for mut told in [of_ana, of_poll, luis.read_rest(), idle.read_rest(), silent.read_rest()] {
        let last = told.pop().unwrap_or_default();
        assert!(last.starts_with("KO;SHUTDOWN;"), "{last} behind {told:?}");
    }
    for address in [send, recv] {
        assert!(TcpStream::connect(address).is_err(), "somebody listens");
    }
}

/// A forked process holds a copy of each socket until it executes its program.
#[cfg(target_os = "linux")]
#[test]
fn nobody_listens_any_more_though_a_copy_of_the_listener_is_held() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let copy = listener.try_clone().expect("a copy");
    let mut listening = listen(listener, "listens", |_, _| ()).expect("a thread");
    drop(TcpStream::connect(listening.address()).expect("somebody listens"));
    listening.stop();
    assert!(TcpStream::connect(listening.address()).is_err(), "{copy:?} still listens");
}
