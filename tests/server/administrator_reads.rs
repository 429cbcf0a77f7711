//! The answers to the administrator of a running server are durable (output commit): a power cut does not take it back.

use std::time::Duration;

use crossbeam_channel::bounded;

use wachat::protocol::control::ControlRequest;

use crate::support::held_server::HeldServer;

/// Each request that only asks. The `match` has to name a new one, too.
fn queries() -> Vec<ControlRequest> {
    let queries = vec![
        ControlRequest::Accounts { from: 0 },
        ControlRequest::Rooms { after: None },
        ControlRequest::Sessions { after: 0 },
        ControlRequest::Bans,
        ControlRequest::Status,
    ];
    for query in &queries {
        match query {
            ControlRequest::Accounts { .. } | ControlRequest::Rooms { .. } | ControlRequest::Sessions { .. } => {}
            ControlRequest::Bans | ControlRequest::Status => {}
            ControlRequest::Add { .. } | ControlRequest::Passwd { .. } | ControlRequest::Remove { .. } => {}
            ControlRequest::RemoveRoom { .. } | ControlRequest::Close(_) | ControlRequest::Ban { .. } => {}
            ControlRequest::Erase { .. } => {}
            ControlRequest::Unban { .. } | ControlRequest::Announce { .. } | ControlRequest::LogLevel { .. } => {}
        }
    }
    queries
}

/// The records and the question come in one batch, and its sync is held.
#[test]
fn no_list_of_the_administrator_comes_before_what_it_shows_is_durable() {
    for query in queries() {
        let what = query.summary();
        let server = HeldServer::start();
        let [mut ana, mut luis, mut eva, mut nora] = ["ana", "luis", "eva", "nora"].map(|user| server.register(user));
        server.stand_still(&mut ana);
        luis.send("JOIN;#nueva\n");
        eva.send("EMAIL;eva@example.org\n");
        nora.send("SEND;m-1;ana;hola\n");
        server.wait_for_inputs(3);
        let (done, reply) = bounded(1);
        let asked = server.begin(&query);
        std::thread::spawn(move || done.send(asked.join().expect("a reply")));
        server.wait_for_inputs(4);
        server.hold_next();
        let told = reply.recv_timeout(Duration::from_millis(300));
        assert!(told.is_err(), "{what}: answered before it was durable: {told:?}");
        server.release();
        let told = reply.recv().expect("a reply");
        let shown = match query {
            ControlRequest::Accounts { .. } => "eva;eva@example.org;",
            ControlRequest::Rooms { .. } => "#nueva;1;0;luis\n",
            ControlRequest::Sessions { .. } => ";luis;SEND;",
            ControlRequest::Bans => "OK;0\n",
            _ => "last_number;2\n",
        };
        assert!(told.contains(shown), "{what}: {told}");
        assert_eq!(luis.read_line(), "OK", "{what}");
        server.handle.stop().expect("a clean stop");
    }
}
