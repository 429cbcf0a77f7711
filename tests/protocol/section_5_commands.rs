//! SEND: commands, and the ids that make a retry safe.

use crate::support::{Connection, PASSWORD, World};

#[test]
fn a_known_id_is_looked_at_before_anything_else() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    let first = ana.request("SEND;m-1;luis;hola");
    assert!(first.starts_with("OK;m-1;RECEIVED;") && first.ends_with(";1"), "{first}");
    // The very same, also its time.
    assert_eq!(ana.request("SEND;m-1;luis;hola"), first);
    assert_eq!(ana.request("SEND;m-1;LUIS;\"hola\""), first, "the same recipient and text, written in another way");
    assert_eq!(world.login("ana").request("SEND;m-1;luis;hola"), first, "on any connection");
    ana.expect_ko("SEND;m-1;luis;adios", "CONFLICT");
    ana.expect_ko("SEND;m-1;ana;hola", "CONFLICT");
    ana.expect_ko("SEND;m-1;nadie;hola", "CONFLICT");
    ana.expect_ko("SEND;m-1;#sala;hola", "CONFLICT");
    let reply = world.login("luis").request("SEND;m-1;ana;hola");
    assert!(reply.ends_with(";2"), "the ids of one sender are nothing to another: {reply}");
    assert_eq!(world.session("luis").poll(0, 0).len(), 1, "stored once");

    world.kill().start();
    assert_eq!(world.login("ana").request("SEND;m-1;luis;hola"), first, "after any crash");
    world.stop();
    world.start();
    assert_eq!(world.login("ana").request("SEND;m-1;luis;hola"), first, "and from a checkpoint");
    world.login("ana").expect_ko("SEND;m-1;luis;adios", "CONFLICT");
    assert_eq!(world.session("luis").poll(0, 0).len(), 1, "stored once");
}

#[test]
fn at_least_the_newest_1024_ids_of_a_sender_are_remembered() {
    let world = World::new(&["--queue-per-sender", "5000"]);
    let mut ana = world.register("ana");
    let requests: Vec<_> = (1..=1024).map(|n| format!("SEND;m-{n};ana;{n}\n")).collect();
    let mut replies = || -> Vec<String> {
        ana.send(requests.concat());
        requests.iter().map(|_| ana.read_line()).collect()
    };
    let first = replies();
    assert_eq!(replies(), first);
}

#[test]
fn an_id_whose_send_was_refused_is_free() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    ana.expect_ko("SEND;m-1;luis;hola", "NO_USER");
    world.register("luis");
    ana.run_transcript(
        "> SEND;m-1;luis;hola
         < OK;m-1;RECEIVED;<at>;1",
    );
}

#[test]
fn a_message_to_yourself_goes_all_the_way() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    ana.run_transcript(
        "> SEND;m-1;ana;nota
         < OK;m-1;RECEIVED;<at>;1
         > STATUS;ana;1
         < OK;1
         < ana;RECEIVED",
    );
    let mut session = world.session("ana");
    assert_eq!(session.list_without_times("POLL;0;0"), ["1;MSG;m-1;ana;ana;<at>;nota"]);
    assert_eq!(session.list_without_times("POLL;1;0"), ["2;STATE;ana;DELIVERED;1;<at>"]);
    assert_eq!(ana.request("READ;ana;1"), "OK");
    assert_eq!(session.list_without_times("POLL;2;0"), ["3;STATE;ana;READ;1;<at>"]);
    ana.run_transcript(
        "> STATUS;ana;1
         < OK;1
         < ana;READ
         > HISTORY;ana
         < OK;1
         < 1;m-1;ana;ana;<at>;READ;nota
         > CHATS
         < OK;1
         < ana;1;1;1;0",
    );
}

#[test]
fn status_follows_a_message_and_is_for_its_sender_only() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    ana.run_transcript(
        "> SEND;m-1;luis;hola
         < OK;m-1;RECEIVED;<at>;1
         > STATUS;luis;1
         < OK;1
         < luis;RECEIVED",
    );
    luis.expect_ko("STATUS;ana;1", "NO_MESSAGE");
    ana.expect_ko("STATUS;luis;2", "NO_MESSAGE");
    ana.expect_ko("STATUS;luis;0", "NO_MESSAGE");
    ana.expect_ko("STATUS;ana;1", "NO_MESSAGE");
    ana.expect_ko("STATUS;luis;9007199254740991", "NO_MESSAGE");
    let mut session = world.session("luis");
    assert_eq!(session.poll(0, 0).len(), 1);
    assert_eq!(ana.list("STATUS;luis;1"), ["luis;RECEIVED"], "sent to his client is not yet delivered");
    assert_eq!(session.poll(1, 0).len(), 0);
    assert_eq!(ana.list("STATUS;luis;1"), ["luis;DELIVERED"]);
    assert_eq!(luis.request("READ;ana;1"), "OK");
    assert_eq!(ana.list("STATUS;luis;1"), ["luis;READ"]);
    let second =
        ana.request("SEND;m-2;luis;otra").rsplit(';').next().and_then(|seq| seq.parse().ok()).expect("a number");
    assert_eq!(session.poll(1, 0).len(), 1);
    assert_eq!(session.poll(second, 0).len(), 0);
    drop(session);
    let states = |world: &World| {
        let mut ana = world.login("ana");
        [1, second].map(|seq| ana.list(&format!("STATUS;luis;{seq}")).concat())
    };
    assert_eq!(states(&world), ["luis;READ", "luis;DELIVERED"]);
    world.kill().start();
    assert_eq!(states(&world), ["luis;READ", "luis;DELIVERED"], "states never go back");
    world.stop();
    assert_eq!(states(world.start()), ["luis;READ", "luis;DELIVERED"], "nor with a checkpoint");
}

#[test]
fn read_past_the_last_message_is_seq_and_going_back_changes_nothing() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    ana.run_transcript(
        "> SEND;m-1;luis;uno
         < OK;m-1;RECEIVED;<at>;1
         > SEND;m-2;luis;dos
         < OK;m-2;RECEIVED;<at>;2
         > SEND;m-3;ana;elsewhere
         < OK;m-3;RECEIVED;<at>;3",
    );
    // 3 is a number, but not of this conversation.
    luis.run_transcript(
        "> READ;ana;3
         < KO;SEQ;...
         > READ;ana;2
         < OK
         > READ;ana;1
         < OK
         > READ;ana;0
         < OK
         > CHATS
         < OK;1
         < ana;2;2;2;0",
    );
    assert_eq!(ana.list("STATUS;luis;2"), ["luis;READ"]);
}

#[test]
fn chats_are_listed_latest_first_with_what_was_read() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let mut luis = world.register("luis");
    let mut eva = world.register("eva");
    assert_eq!(ana.request("CHATS"), "OK;0");
    ana.request("SEND;m-1;luis;uno");
    eva.request("SEND;m-1;ana;dos");
    assert_eq!(ana.list("CHATS"), ["eva;2;0;1;0", "luis;1;0;1;0"]);
    luis.request("SEND;m-1;ana;tres");
    assert_eq!(ana.request("READ;eva;2"), "OK");
    assert_eq!(ana.list("CHATS"), ["luis;3;0;2;0", "eva;2;2;1;0"]);
    world.stop();
    assert_eq!(world.start().login("ana").list("CHATS"), ["luis;3;0;2;0", "eva;2;2;1;0"], "after a restart");
}

#[test]
fn users_are_online_while_they_have_a_recv_session() {
    let world = World::without_lobby();
    let mut ana = world.register("ana");
    world.register("luis");
    let seen = |ana: &mut crate::support::Connection| {
        let mut users = ana.list_without_times("USERS");
        users.sort();
        users
    };
    assert_eq!(seen(&mut ana), ["ana;offline;", "luis;offline;"], "SEND connections do not count; nobody was seen yet");
    let session = world.session("luis");
    assert_eq!(seen(&mut ana), ["ana;offline;", "luis;online;<at>"]);
    drop(session);
    crate::support::wait_for("luis to be offline", || (seen(&mut ana)[1] == "luis;offline;<at>").then_some(()));
}

#[test]
fn passwd_changes_the_password_at_once_and_for_good() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    let script = [("corta", "KO;PASSWORD;..."), ("ana", "KO;PASSWORD;..."), ("dos\\nlineas largas", "KO;PASSWORD;...")];
    for (new, reply) in script.into_iter().chain([("", "KO;PASSWORD;..."), ("\"nueva;palabra:larga\"", "OK")]) {
        ana.run_transcript(&format!("> PASSWD;{PASSWORD};{new}\n< {reply}\n> PING\n< OK"));
    }
    let check = |world: &World| {
        assert!(
            Connection::open_with(world.send, &format!("LOGIN:ana:{PASSWORD}")).0.starts_with("KO;AUTH;"),
            "the old one"
        );
        // A login line is no record: there the new one is written as it is.
        let (reply, _) = Connection::open_with(world.send, "LOGIN:ana:nueva;palabra:larga");
        assert_eq!(reply, "OK;ana;wachat/1", "the new one");
    };
    check(&world);
    world.kill().start();
    check(&world);
    world.stop();
    check(world.start());
}

#[test]
fn passwd_asks_for_the_old_password_and_closes_the_other_connections() {
    let world = World::without_lobby();
    let mut luis = world.register("luis");
    let mut ana = world.register("ana");
    let mut others = [world.login("ana"), world.session("ana")];
    let mut thief = world.login("ana");
    for old in ["otra palabra", "", "x"] {
        let reply = thief.request(&format!("PASSWD;{old};nueva palabra"));
        assert!(reply.starts_with("KO;AUTH;"), "{old:?}: {reply}");
        thief.assert_closed();
        thief = world.login("ana");
    }
    // A poll that waits is no reason to stay.
    others[1].send("POLL;0\n");
    assert_eq!(ana.request(&format!("PASSWD;{PASSWORD};nueva palabra")), "OK");
    for connection in others.iter_mut().chain([&mut thief]) {
        let last = connection.read_line();
        assert!(last.starts_with("KO;AUTH;the password was changed"), "{last}");
        connection.assert_closed();
    }
    assert_eq!(ana.request("PING"), "OK", "this one goes on");
    assert_eq!(luis.request("PING"), "OK", "and so does everybody else");
    assert!(Connection::open_with(world.recv, &format!("LOGIN:ana:{PASSWORD}")).0.starts_with("KO;AUTH;"));
}

#[test]
fn email_is_taken_and_shown_to_nobody_else() {
    let mut world = World::without_lobby();
    let mut ana = world.register("ana");
    assert_eq!(ana.request("EMAIL;ana@example.org"), "OK");
    assert_eq!(world.register("luis").list_without_times("USERS").concat().find('@'), None);
    world.stop();
    let users = crate::support::store_files::read_checkpoint(&world.data(), "users");
    assert!(users.contains("ana@example.org"), "the administrator finds it in the user list: {users}");
}

#[test]
fn help_lists_every_command() {
    let world = World::without_lobby();
    let help = world.register("ana").list("HELP");
    for verb in ["SEND", "READ", "STATUS", "HISTORY", "CHATS", "USERS", "PASSWD", "EMAIL", "PING", "HELP", "QUIT"] {
        assert!(help.iter().any(|line| line.trim_start_matches('"').starts_with(verb)), "{verb} in {help:?}");
    }
}
