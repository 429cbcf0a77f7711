//! Events: messages, states, who is there.

use crate::support::{Line, Server};

/// Ana and Luis, each with a SEND connection and a session, who have not talked yet.
struct Two {
    ana: Line,
    ana_hears: Line,
    luis: Line,
    luis_hears: Line,
}

fn two(server: &Server) -> Two {
    let (ana, luis) = (server.register("ana"), server.register("luis"));
    Two { ana, luis, ana_hears: server.session("ana"), luis_hears: server.session("luis") }
}

fn send(line: &mut Line, request: &str, seq: u64) {
    let reply = line.ask(request);
    assert!(reply.starts_with("OK;") && reply.ends_with(&format!(";{seq}")), "{request} was answered {reply}");
}

#[test]
fn msg_and_state_are_told_in_their_order() {
    let server = Server::start();
    let Two { mut ana, mut ana_hears, mut luis, mut luis_hears } = two(&server);
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    assert_eq!(luis_hears.timeless("POLL;0"), ["1;MSG;m-1;ana;luis;<at>;hola"]);
    assert_eq!(luis_hears.ask("POLL;1;0"), "OK;0");
    assert_eq!(ana_hears.timeless("POLL;0"), ["2;STATE;luis;DELIVERED;1;<at>"]);
    assert_eq!(luis.ask("READ;ana;1"), "OK");
    assert_eq!(ana_hears.timeless("POLL;2"), ["3;STATE;luis;READ;1;<at>"]);
    assert_eq!(ana_hears.ask("POLL;3;0"), "OK;0");
}

#[test]
fn where_read_comes_at_once_there_is_no_delivered_before_it_or_after() {
    let server = Server::start();
    let Two { mut ana, mut ana_hears, mut luis, mut luis_hears } = two(&server);
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    assert_eq!(luis.ask("READ;ana;1"), "OK");
    assert_eq!(ana_hears.timeless("POLL;0"), ["2;STATE;luis;READ;1;<at>"]);
    assert_eq!(luis_hears.timeless("POLL;0"), ["1;MSG;m-1;ana;luis;<at>;hola"]);
    assert_eq!(luis_hears.ask("POLL;1;0"), "OK;0");
    assert_eq!(ana_hears.ask("POLL;2;0"), "OK;0", "read implies delivered: there is no going back");
}

#[test]
fn a_state_that_waits_is_replaced_by_a_newer_one_of_its_place_and_kind() {
    let server = Server::start();
    let Two { mut ana, mut ana_hears, mut luis, mut luis_hears } = two(&server);
    // Each of the first three messages is delivered, and Luis reads the first.
    for n in 1..=3 {
        let seq = if n == 1 { 1 } else { 2 * n };
        send(&mut ana, &format!("SEND;m-{n};luis;{n}"), seq);
        assert_eq!(luis_hears.ask(&format!("POLL;{seq};0")), "OK;0");
        if n == 1 {
            assert_eq!(luis.ask("READ;ana;1"), "OK");
        }
    }
    // DELIVERED had the numbers 2, 5 and 7; READ has 3.
    assert_eq!(ana_hears.timeless("POLL;0;0"), ["3;STATE;luis;READ;1;<at>", "7;STATE;luis;DELIVERED;6;<at>"]);
}

#[test]
fn upto_is_the_number_of_your_own_last_message_that_is_so() {
    let server = Server::start();
    let Two { mut ana, mut ana_hears, mut luis, mut luis_hears } = two(&server);
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    send(&mut luis, "SEND;m-1;ana;buenas", 2);
    send(&mut luis, "SEND;m-2;ana;qué tal", 3);
    // What Luis acknowledges and reads is past what Ana sent.
    assert_eq!(luis_hears.poll(1, 0).len(), 0);
    assert_eq!(luis.ask("READ;ana;3"), "OK");
    let states = ana_hears.timeless("POLL;3;0");
    assert_eq!(states, ["4;STATE;luis;DELIVERED;1;<at>", "5;STATE;luis;READ;1;<at>"]);
}

#[test]
fn an_acknowledgement_tells_every_sender_of_her_own() {
    let server = Server::start();
    let Two { mut ana, mut ana_hears, mut luis_hears, .. } = two(&server);
    let mut eva = server.register("eva");
    send(&mut ana, "SEND;m-1;luis;uno", 1);
    send(&mut eva, "SEND;m-1;luis;dos", 2);
    send(&mut ana, "SEND;m-2;luis;tres", 3);
    assert_eq!(luis_hears.ask("POLL;3;0"), "OK;0");
    assert_eq!(ana_hears.timeless("POLL;0;0"), ["5;STATE;luis;DELIVERED;3;<at>"]);
    let told = server.session("eva").timeless("POLL;0;0");
    assert_eq!(told, ["4;STATE;luis;DELIVERED;2;<at>"]);
}

#[test]
fn states_are_kept_for_who_is_away_and_never_go_back_across_a_restart() {
    let server = Server::start();
    let (mut ana, mut luis) = (server.register("ana"), server.register("luis"));
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    assert_eq!(server.session("luis").ask("POLL;1;0"), "OK;0");
    assert_eq!(luis.ask("READ;ana;1"), "OK");
    let states = ["2;STATE;luis;DELIVERED;1;<at>", "3;STATE;luis;READ;1;<at>"];
    let server = server.kill().start();
    assert_eq!(server.session("ana").timeless("POLL;0;0"), states, "after kill -9");
    // What is called back does not change what was told.
    assert_eq!(server.login("luis").ask("READ;ana;0"), "OK");
    assert_eq!(server.session("luis").ask("POLL;0;0"), "OK;0");
    let (stopped, ..) = server.stop();
    let server = stopped.start();
    assert_eq!(server.session("ana").timeless("POLL;0;0"), states, "after a clean stop");
    assert_eq!(server.session("ana").ask("POLL;3;0"), "OK;0");
    assert_eq!(server.login("ana").list("STATUS;luis;1"), ["luis;READ"]);
}

#[test]
fn online_and_offline_are_told_to_those_with_a_conversation_and_to_nobody_else() {
    let server = Server::start();
    let (mut ana, mut luis) = (server.register("ana"), server.register("luis"));
    server.register("eva");
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    let (mut ana_hears, mut eva_hears) = (server.session("ana"), server.session("eva"));
    let luis_hears = server.session("luis");
    assert_eq!(ana_hears.timeless("POLL;0"), ["0;ONLINE;luis;<at>"]);
    let taking_over = server.session("luis");
    assert_eq!(ana_hears.ask("POLL;0;0"), "OK;0", "one session that takes over from another is nothing new");
    drop((luis_hears, taking_over));
    assert_eq!(ana_hears.timeless("POLL;0"), ["0;OFFLINE;luis;<at>"], "a poll that waits is woken");
    assert_eq!(eva_hears.ask("POLL;0;0"), "OK;0", "Eva has not talked with him");
    assert_eq!(ana_hears.ask("POLL;0;0"), "OK;0", "they come once, and are not acknowledged");
    assert_eq!(luis.ask("PING"), "OK");
}

#[test]
fn events_without_a_number_come_first_and_count_in_max() {
    let server = Server::start();
    let (mut ana, mut luis) = (server.register("ana"), server.register("luis"));
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    let mut ana_hears = server.session("ana");
    let _luis_hears = server.session("luis");
    send(&mut luis, "SEND;m-1;ana;buenas", 2);
    assert_eq!(ana_hears.timeless("POLL;0;0;1"), ["0;ONLINE;luis;<at>"]);
    assert_eq!(ana_hears.timeless("POLL;0;0;1"), ["2;MSG;m-1;luis;ana;<at>;buenas"]);
}

#[test]
fn a_new_session_starts_with_no_events_without_a_number() {
    let server = Server::start();
    let mut ana = server.register("ana");
    server.register("luis");
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    let _ana_hears = server.session("ana");
    let _luis_hears = server.session("luis");
    assert_eq!(server.session("ana").ask("POLL;0;0"), "OK;0");
}
