//! Events: messages, states, who is present.

use crate::support::{Connection, World};

/// Ana and Luis, each with a SEND connection and a session, who have not talked yet.
struct Two {
    ana: Connection,
    ana_hears: Connection,
    luis: Connection,
    luis_hears: Connection,
}

fn two(world: &World) -> Two {
    let ana = world.register("ana");
    let luis = world.register("luis");
    Two { ana, luis, ana_hears: world.session("ana"), luis_hears: world.session("luis") }
}

fn send(line: &mut Connection, request: &str, seq: u64) {
    let reply = line.request(request);
    assert!(reply.starts_with("OK;") && reply.ends_with(&format!(";{seq}")), "{request} was answered {reply}");
}

#[test]
fn msg_and_state_are_told_in_their_order() {
    let world = World::without_lobby();
    let Two { mut ana, mut ana_hears, mut luis, mut luis_hears } = two(&world);
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    assert_eq!(luis_hears.list_without_times("POLL;0"), ["1;MSG;m-1;ana;luis;<at>;hola"]);
    assert_eq!(luis_hears.request("POLL;1;0"), "OK;0");
    assert_eq!(ana_hears.list_without_times("POLL;0"), ["2;STATE;luis;DELIVERED;1;<at>"]);
    assert_eq!(luis.request("READ;ana;1"), "OK");
    assert_eq!(ana_hears.list_without_times("POLL;2"), ["3;STATE;luis;READ;1;<at>"]);
    assert_eq!(ana_hears.request("POLL;3;0"), "OK;0");
}

#[test]
fn an_immediate_read_is_the_only_state() {
    let world = World::without_lobby();
    let Two { mut ana, mut ana_hears, mut luis, mut luis_hears } = two(&world);
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    assert_eq!(luis.request("READ;ana;1"), "OK");
    assert_eq!(ana_hears.list_without_times("POLL;0"), ["2;STATE;luis;READ;1;<at>"]);
    assert_eq!(luis_hears.list_without_times("POLL;0"), ["1;MSG;m-1;ana;luis;<at>;hola"]);
    assert_eq!(luis_hears.request("POLL;1;0"), "OK;0");
    assert_eq!(ana_hears.request("POLL;2;0"), "OK;0", "read implies delivered: there is no going back");
}

#[test]
fn a_state_that_waits_is_replaced_by_a_newer_one_of_its_place_and_kind() {
    let world = World::without_lobby();
    let Two { mut ana, mut ana_hears, mut luis, mut luis_hears } = two(&world);
    // Each of the first three messages is delivered, and Luis reads the first.
    for n in 1..=3 {
        let seq = if n == 1 { 1 } else { 2 * n };
        send(&mut ana, &format!("SEND;m-{n};luis;{n}"), seq);
        assert_eq!(luis_hears.request(&format!("POLL;{seq};0")), "OK;0");
        if n == 1 {
            assert_eq!(luis.request("READ;ana;1"), "OK");
        }
    }
    // DELIVERED had the numbers 2, 5 and 7; READ has 3.
    assert_eq!(ana_hears.list_without_times("POLL;0;0"), ["3;STATE;luis;READ;1;<at>", "7;STATE;luis;DELIVERED;6;<at>"]);
}

#[test]
fn upto_is_the_number_of_your_own_last_message_that_is_so() {
    let world = World::without_lobby();
    let Two { mut ana, mut ana_hears, mut luis, mut luis_hears } = two(&world);
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    send(&mut luis, "SEND;m-1;ana;buenas", 2);
    send(&mut luis, "SEND;m-2;ana;qué tal", 3);
    // Luis acknowledges and reads more than ana sent.
    assert_eq!(luis_hears.poll(1, 0).len(), 0);
    assert_eq!(luis.request("READ;ana;3"), "OK");
    let states = ana_hears.list_without_times("POLL;3;0");
    assert_eq!(states, ["4;STATE;luis;DELIVERED;1;<at>", "5;STATE;luis;READ;1;<at>"]);
}

#[test]
fn an_acknowledgement_tells_every_sender_of_her_own() {
    let world = World::without_lobby();
    let Two { mut ana, mut ana_hears, mut luis_hears, .. } = two(&world);
    let mut eva = world.register("eva");
    send(&mut ana, "SEND;m-1;luis;uno", 1);
    send(&mut eva, "SEND;m-1;luis;dos", 2);
    send(&mut ana, "SEND;m-2;luis;tres", 3);
    assert_eq!(luis_hears.request("POLL;3;0"), "OK;0");
    assert_eq!(ana_hears.list_without_times("POLL;0;0"), ["5;STATE;luis;DELIVERED;3;<at>"]);
    let told = world.session("eva").list_without_times("POLL;0;0");
    assert_eq!(told, ["4;STATE;luis;DELIVERED;2;<at>"]);
}

#[test]
fn states_are_kept_for_who_is_away_and_never_go_back_across_a_restart() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    assert_eq!(world.session("luis").request("POLL;1;0"), "OK;0");
    assert_eq!(luis.request("READ;ana;1"), "OK");
    let states = ["2;STATE;luis;DELIVERED;1;<at>", "3;STATE;luis;READ;1;<at>"];
    world.kill().start();
    assert_eq!(world.session("ana").list_without_times("POLL;0;0"), states, "after kill -9");
    // A lower READ does not change the state.
    assert_eq!(world.login("luis").request("READ;ana;0"), "OK");
    assert_eq!(world.session("luis").request("POLL;0;0"), "OK;0");
    world.stop();
    world.start();
    assert_eq!(world.session("ana").list_without_times("POLL;0;0"), states, "after a clean stop");
    assert_eq!(world.session("ana").request("POLL;3;0"), "OK;0");
    assert_eq!(world.login("ana").list("STATUS;luis;1"), ["luis;READ"]);
}

#[test]
fn online_and_offline_are_told_to_those_with_a_conversation_and_to_nobody_else() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    world.register("eva");
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    let mut ana_hears = world.session("ana");
    let mut eva_hears = world.session("eva");
    let luis_hears = world.session("luis");
    assert_eq!(ana_hears.list_without_times("POLL;0"), ["0;ONLINE;luis;<at>"]);
    let taking_over = world.session("luis");
    assert_eq!(ana_hears.request("POLL;0;0"), "OK;0", "one session that takes over from another is nothing new");
    drop((luis_hears, taking_over));
    assert_eq!(ana_hears.list_without_times("POLL;0"), ["0;OFFLINE;luis;<at>"], "a poll that waits is woken");
    assert_eq!(eva_hears.request("POLL;0;0"), "OK;0", "Eva has not talked with him");
    assert_eq!(ana_hears.request("POLL;0;0"), "OK;0", "they come once, and are not acknowledged");
    assert_eq!(luis.request("PING"), "OK");
}

#[test]
fn events_without_a_number_come_first_and_count_in_max() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    let mut ana_hears = world.session("ana");
    let _luis_hears = world.session("luis");
    send(&mut luis, "SEND;m-1;ana;buenas", 2);
    assert_eq!(ana_hears.list_without_times("POLL;0;0;1"), ["0;ONLINE;luis;<at>"]);
    assert_eq!(ana_hears.list_without_times("POLL;0;0;1"), ["2;MSG;m-1;luis;ana;<at>;buenas"]);
}

#[test]
fn a_new_session_starts_with_no_events_without_a_number() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    send(&mut ana, "SEND;m-1;luis;hola", 1);
    let _ana_hears = world.session("ana");
    let _luis_hears = world.session("luis");
    assert_eq!(world.session("ana").request("POLL;0;0"), "OK;0");
}
