//! The machine of the page beside a model of the server, in node: `machine.js` and `model.js`.

use crate::support::node;

#[test]
fn each_message_is_once_in_the_history_of_the_page_whatever_breaks() {
    node::run("machine.js", &["150", "1"], &[]);
}

#[test]
#[ignore = "takes some minutes"]
fn each_message_is_once_in_the_history_of_the_page_in_5000_lives() {
    node::run("machine.js", &["5000", "1000"], &[]);
}

#[test]
fn a_session_hears_what_a_server_says_at_a_login_and_between_two_requests() {
    node::run("session.js", &[], &[]);
}
