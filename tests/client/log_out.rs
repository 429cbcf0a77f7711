//! `/sessions` and `/logout`, and a client that is closed from elsewhere: it says so, ends, and does not come back.

use crate::support::clients::{all_output, exit_code};
use crate::support::{PASSWORD, World};

#[test]
fn a_client_that_is_logged_out_elsewhere_says_so_and_ends() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    for request in ["LOGOUT;others".to_owned(), format!("PASSWD;{PASSWORD};otra palabra larga")] {
        let mut ana = world.terminal("ana", &[]);
        ana.expect("connected to");
        let mut line = world.login("ana");
        line.wait_until_online("ana");
        assert_eq!(line.request(&request), "OK");
        ana.expect("closed by another one of yours");
        assert_eq!(ana.wait_for_exit(), Some(1));
    }
}

#[test]
fn logout_in_a_client_closes_all_but_this_client() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let mut forgotten = world.login("ana");
    let mut ana = world.terminal("ana", &[]);
    ana.expect("connected to");
    forgotten.wait_until_online("ana");
    ana.type_line("/sessions");
    ana.expect("this one");
    ana.expect(": RECV from 127.0.0.1 since ");
    ana.type_line("/logout others");
    ana.expect("closed");
    assert!(forgotten.read_line().starts_with("KO;AUTH;"));
    ana.type_line("/logout 9999999");
    ana.expect("no such connection");
    ana.type_line("/users");
    ana.expect("ana online");
    ana.quit();
}

#[test]
fn a_pipe_logs_the_other_clients_out() {
    let world = World::new(&[]);
    world.register_clients(&["ana"]);
    let mut lost = world.terminal("ana", &[]);
    lost.expect("connected to");
    world.login("ana").wait_until_online("ana");
    let output = world.pipe("ana", "/logout others\n", &[]);
    assert_eq!(exit_code(&output), 0, "{}", all_output(&output));
    lost.expect("closed by another one of yours");
    assert_eq!(lost.wait_for_exit(), Some(1));
}
