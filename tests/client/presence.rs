//! Presence, messages of an absence, and other sessions of the user, at real terminals.

use crate::support::{Terminal, World, wait_until};

fn client(world: &World, user: &str) -> Terminal {
    let terminal = world.terminal(user, &["--register"]);
    terminal.expect("* connected");
    terminal
}

#[test]
fn who_is_online_is_said_on_connecting() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana");
    ana.expect("* nobody else is online now");
    world.register("otto");
    let mut luis = client(&world, "luis");
    luis.expect("* online now: ana\r\n");
    ana.quit();
    luis.quit();
}

#[test]
fn a_reconnect_of_a_second_is_no_news() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana");
    ana.expect("* nobody else is online now");
    let eva = world.register_session("eva");
    ana.expect("* eva joined #lobby");
    drop(eva);
    // The server has noticed: the next session is another one.
    let mut line = world.login("ana");
    wait_until("the end of the session", || line.list("USERS").iter().any(|user| user.starts_with("eva;offline;")));
    let mut eva = world.session("eva");
    eva.poll(0, 0);
    let otto = world.register_session("otto");
    ana.expect("* otto joined #lobby");
    drop(eva);
    drop(otto);
    ana.expect("* eva is offline");
    ana.expect("* otto is offline");
    assert_eq!((ana.count("eva is offline"), ana.count("eva is online")), (1, 0), "{}", ana.screen());
    ana.quit();
}

#[test]
fn an_absence_is_summed_up_in_one_line() {
    let world = World::new(&[]);
    let mut ana = client(&world, "ana");
    let mut line = world.register("luis");
    ana.quit();
    for (number, target) in ["#lobby", "#lobby", "ana", "#lobby"].into_iter().enumerate() {
        assert!(line.request(&format!("SEND;m-{number};{target};text {number}")).starts_with("OK;"));
    }
    let mut ana = world.terminal("ana", &[]);
    ana.expect("* new while you were away: 3 in #lobby, 1 from luis\r\n");
    let screen = ana.screen();
    assert!(screen.find("text 3") < screen.find("new while"), "behind the messages: {screen}");
    assert!(line.request("SEND;m-9;ana;text 9").starts_with("OK;"));
    ana.expect("text 9");
    ana.type_line("/users");
    ana.expect("luis offline");
    assert_eq!(ana.count("new while"), 1, "{}", ana.screen());
    ana.quit();
}

#[test]
fn a_new_member_sees_the_last_lines_of_the_lobby() {
    let world = World::new(&[]);
    let mut line = world.register("ana");
    for number in 0..60 {
        assert!(line.request(&format!("SEND;m-{number};#lobby;early {number}.")).starts_with("OK;"));
    }
    let mut luis = client(&world, "luis");
    luis.expect("] #lobby ana: early 59.");
    luis.expect("#lobby> ");
    assert_eq!((luis.count("ana: early 9."), luis.count("ana: early 10.")), (0, 1), "{}", luis.screen());
    luis.quit();
    let mut luis = world.terminal("luis", &[]);
    luis.expect("#lobby> ");
    luis.type_line("/unread");
    luis.expect("you have read everything");
    assert_eq!(luis.count("early"), 0, "once: {}", luis.screen());
    luis.quit();
}

#[test]
fn a_message_of_another_session_is_shown_when_the_server_tells_of_it() {
    let world = World::without_lobby();
    let mut ana = client(&world, "ana");
    let mut luis = client(&world, "luis");
    ana.type_line("@luis: here");
    ana.expect_tick("✓✓ read", "@luis: here");
    assert!(world.login("ana").request("SEND;m-1;luis;from elsewhere").starts_with("OK;"));
    luis.expect("ana: from elsewhere");
    ana.expect("@luis [");
    ana.expect("ana: from elsewhere ✓✓");
    ana.type_line("@luis: and here");
    ana.expect_tick("✓✓ read", "@luis: and here");
    assert_eq!(ana.count("ana: from elsewhere"), 1, "{}", ana.screen());
    assert_eq!(ana.count("while you were away"), 0, "{}", ana.screen());
    ana.quit();
    luis.quit();
}
