//! A client in direct chats with a peer that says anything, on either side of the call.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use wachat::client::p2p::Listener;
use wachat::client::p2p::event::{Action, DirectEvent};
use wachat::client::p2p::network::Network;
use wachat::model::{Token, UserName};
use wachat::protocol::{DirectLine, Peer};

/// The first byte chooses the side of the call.
pub fn direct_chats(data: &[u8]) {
    let Some((choice, lines)) = data.split_first() else { return };
    let mut network = Network::new(name("ana"), None);
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if choice % 2 == 0 {
        let mut listener = Listener::new(0..=0, network.reports.clone(), None);
        let port = listener.listen_on(address).expect("a port");
        let stream = TcpStream::connect((address, port)).expect("a connection");
        follow(&mut network, stream, lines);
    } else {
        let listener = TcpListener::bind((address, 0)).expect("a port");
        let port = listener.local_addr().expect("its number").port();
        let token = Token::parse(&"5a".repeat(16)).expect("a token");
        let at = Peer { address, port, token, fingerprint: None };
        network.carry_out(Action::Connect { peer: name("luis"), at });
        follow(&mut network, listener.accept().expect("a call").0, lines);
    }
}

fn name(text: &str) -> UserName {
    UserName::new(text).expect("a name")
}

/// Says the lines, and acts on the client's reports as its app does, until the client has closed.
fn follow(network: &mut Network, mut stream: TcpStream, lines: &[u8]) {
    let _ = stream.write_all(lines).and_then(|()| stream.shutdown(Shutdown::Write));
    let reader = std::thread::spawn(move || stream.read_to_end(&mut Vec::new()));
    let arriving = network.arriving.clone();
    while !reader.is_finished() {
        let Ok(report) = arriving.recv_timeout(Duration::from_millis(1)) else { continue };
        let (number, line) = match network.note(report) {
            DirectEvent::Called { number, .. } => (number, DirectLine::Admitted),
            DirectEvent::Said { number, id, .. } => (number, DirectLine::Acknowledged(id)),
            _ => continue,
        };
        network.carry_out(Action::Answer { number, line });
    }
}
