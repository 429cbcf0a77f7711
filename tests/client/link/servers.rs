//! The servers that are one, on the wire: who is asked for them, what is remembered, and where the next connection goes.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use wachat::client::link::account::Account;
use wachat::client::link::error::LinkError;
use wachat::client::link::receiver::poll;
use wachat::client::link::server_file::ServerFile;
use wachat::client::link::servers::Servers;
use wachat::client::link::session::Session;
use wachat::model::{Seq, ServerAddress};

use super::script::{LOGIN, LOGIN_RECV, Script, play};

const ASKED: &str = "> SERVERS\n";

fn remember_in(script: &Script, directory: &Path) {
    script.account.servers.remember_in(ServerFile::new(directory));
}

fn open_and_ask(script: &Script) -> Result<(), LinkError> {
    Session::open(&script.account).expect("a connection").ask_servers()
}

fn content(directory: &TempDir) -> String {
    std::fs::read_to_string(directory.path().join("servers.csv")).unwrap_or_default()
}

#[test]
fn a_server_is_asked_on_each_connection_until_it_does_not_know_the_request() {
    let directory = TempDir::new().expect("a directory");
    for end in ["< KO;SYNTAX;x\n>", "< OK;17\n>", "< OK;1\n< no server\n>", ""] {
        let again = format!("{LOGIN}{ASKED}< OK;0\n>");
        let script = play([again.clone(), again, format!("{LOGIN}{ASKED}{end}"), format!("{LOGIN}>")]);
        remember_in(&script, directory.path());
        assert!([open_and_ask(&script), open_and_ask(&script)].iter().all(Result::is_ok));
        assert_eq!(open_and_ask(&script).is_ok(), end.contains("SYNTAX"), "{end}");
        assert!(open_and_ask(&script).is_ok(), "it is not asked again: {end}");
        script.end();
    }
    assert_eq!(content(&directory), "", "a server alone leaves nothing to remember");
}

#[test]
fn without_a_place_to_remember_them_nobody_is_asked() {
    let script = play([format!("{LOGIN}>")]);
    assert!(open_and_ask(&script).is_ok());
    script.end();
}

/// The list is of one store: that of another store has other servers.
#[test]
fn the_list_is_remembered_with_the_name_of_the_store_and_forgotten_with_it() {
    let directory = TempDir::new().expect("a directory");
    let listed = "< OK;2\n< chat-1.example;1666;1999\n< chat-2.example;1;2\n>";
    let other = LOGIN_RECV.replace("store", "other");
    let connections = [format!("{LOGIN}{ASKED}{listed}"), format!("{LOGIN_RECV}>"), format!("{LOGIN_RECV}>")];
    let script = play(connections.into_iter().chain([format!("{other}>")]));
    remember_in(&script, directory.path());
    let log_in = || drop(Session::open_recv(&script.account).expect("a session"));
    open_and_ask(&script).expect("a list");
    let servers = "SERVER;chat-1.example;1666;1999\nSERVER;chat-2.example;1;2\n";
    assert_eq!(content(&directory), format!("wachat-client-servers;1\n{servers}"));
    for _ in 0..2 {
        log_in();
        assert_eq!(content(&directory), format!("wachat-client-servers;1\nSTORE;store\n{servers}"));
    }
    log_in();
    assert_eq!(content(&directory), "wachat-client-servers;1\nSTORE;other\n");
    script.end();
}

#[test]
fn a_client_that_was_let_in_goes_at_once_to_the_named_server_but_not_again_and_again() {
    let next = play([format!("{LOGIN_RECV}> POLL;3;9;100\n< KO;SHUTDOWN;x;127.0.0.1;1;1")]);
    let port = next.port();
    let last = format!("KO;SHUTDOWN;another leads;127.0.0.1;{port};{port}");
    let first = play([format!("{LOGIN_RECV}> POLL;3;9;100\n< {last}")]);
    let given = [first.port(), port, 1].map(|port| ServerAddress {
        host: "127.0.0.1".to_owned(),
        send: port,
        recv: port,
        fingerprint: None,
    });
    let servers = Arc::new(Servers::new(given.to_vec()));
    let account = Account { servers, ..first.account.clone() };
    let end = || {
        let (mut session, opened) = Session::open_recv(&account).expect("a session");
        assert_eq!(opened.acknowledged, Seq::new(3).expect("a number"));
        poll(&mut session, opened.acknowledged, 9).map(drop)
    };
    assert!(matches!(end(), Err(LinkError::Redirected(why)) if why == "another leads"));
    assert!(matches!(end(), Err(LinkError::Away(_))), "within a second");
    first.end();
    next.end();
}
