//! Transcripts of the protocol, each named for the section it checks, spoken with the real server.

mod support;

use support::Server;

#[test]
fn section_5_send_is_answered_with_time_and_number() {
    let server = Server::start();
    let mut ana = server.register("ana");
    let reply = ana.ask("SEND;m-1;ana;hola");
    assert!(reply.starts_with("OK;m-1;RECEIVED;20") && reply.ends_with("Z;1"), "{reply}");
    assert_eq!(ana.ask("SEND;m-1;ana;hola"), reply, "a retry gets the very same reply");
    assert_eq!(ana.ask("SEND;m-1;ana;adios").split(';').nth(1), Some("CONFLICT"));
}
