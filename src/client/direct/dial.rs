//! Calling somebody.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;

use super::DirectEvent;
use super::chat::{self, House};
use crate::client::event::AppEvent;
use crate::client::texts::{Phrase, words};
use crate::limits;
use crate::model::{Token, UserName};
use crate::net::LineReader;
use crate::protocol::{DirectLine, Hello};

/// Calls on a thread of its own; an event says what came of it.
pub fn dial(house: House, peer: UserName, address: SocketAddr, token: Token) {
    let (failing, callee) = (house.clone(), peer.clone());
    let work = move || match knock(&house, address, token) {
        Ok((stream, lines)) => chat::run(stream, lines, peer, &house, true),
        Err(why) => failed(&house, peer, why),
    };
    if let Err(error) = thread::Builder::new().name("call".to_owned()).spawn(work) {
        failed(&failing, callee, error.to_string());
    }
}

fn failed(house: &House, peer: UserName, why: String) {
    // If nobody listens, the program is ending.
    let _ = house.events.send(AppEvent::Direct(DirectEvent::Failed { peer, why }));
}

fn knock(house: &House, address: SocketAddr, token: Token) -> Result<(Arc<TcpStream>, LineReader), String> {
    let broke = |error: std::io::Error| format!("{address}: {error}");
    let stream = Arc::new(TcpStream::connect_timeout(&address, limits::TIMEOUT).map_err(broke)?);
    stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(limits::TIMEOUT))).map_err(broke)?;
    let mut hello = Vec::new();
    Hello { caller: house.me.clone(), token }.write(&mut hello);
    (&*stream).write_all(&hello).map_err(broke)?;
    // The callee may wait for the server's word as long as that.
    let mut lines = LineReader::new(stream.clone(), limits::TIMEOUT + limits::POLL_MARGIN);
    match lines.next_line().map(DirectLine::parse) {
        Ok(Ok(DirectLine::Admitted)) => Ok((stream, lines)),
        Ok(Ok(DirectLine::Ko(ko))) => Err(words::ko(&ko)),
        Ok(_) => Err(Phrase::NoWachatAt { address: &address }.to_string()),
        Err(_) => Err(Phrase::NoAnswerAt { address: &address }.to_string()),
    }
}
