//! The port where direct chats come in.

use std::io::{self, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::chat::{self, House};
use crate::limits;
use crate::model::UserName;
use crate::net::{LineReader, Listening, linger_close, listen};
use crate::protocol::{Code, DirectLine, Hello, Ko};

/// An open door. It closes when this is dropped.
pub struct Door {
    listening: Listening,
}

impl Door {
    /// Listens on the first free one of these ports.
    pub fn open(ip: IpAddr, mut ports: RangeInclusive<u16>, house: House) -> io::Result<Self> {
        let mut last = io::ErrorKind::AddrInUse.into();
        let listener = ports.find_map(|port| TcpListener::bind((ip, port)).map_err(|error| last = error).ok());
        let listener = listener.ok_or(last)?;
        let at_the_door = Arc::new(AtomicUsize::new(0));
        let listening = listen(listener, "direct chats", move |stream, _| {
            greet_on_a_thread(stream, house.clone(), &at_the_door);
        })?;
        Ok(Self { listening })
    }

    pub fn port(&self) -> u16 {
        self.listening.address().port()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.listening.stop();
    }
}

/// Whoever is too many, or finds no thread, is turned away: nobody who is in is hurt.
fn greet_on_a_thread(stream: TcpStream, house: House, at_the_door: &Arc<AtomicUsize>) {
    if at_the_door.fetch_add(1, Ordering::Relaxed) >= limits::CALLERS {
        at_the_door.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let counted = at_the_door.clone();
    let work = move || {
        let guest = greet(stream, &house);
        counted.fetch_sub(1, Ordering::Relaxed);
        if let Some((stream, lines, caller)) = guest {
            chat::run(stream, lines, caller, &house, false);
        }
    };
    if thread::Builder::new().name("caller".to_owned()).spawn(work).is_err() {
        at_the_door.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets a caller in whom the server has announced; anybody else gets `KO;AUTH`.
fn greet(stream: TcpStream, house: &House) -> Option<(Arc<TcpStream>, LineReader, UserName)> {
    stream.set_nodelay(true).and_then(|()| stream.set_write_timeout(Some(limits::TIMEOUT))).ok()?;
    let stream = Arc::new(stream);
    let mut lines = LineReader::new(stream.clone(), limits::TIMEOUT);
    let hello = Hello::parse(lines.next_line().ok()?);
    let expected = |hello: Hello| house.tokens.redeem(&hello.caller, &hello.token, limits::TIMEOUT);
    let mut answer = Vec::new();
    let Some(caller) = hello.and_then(expected) else {
        DirectLine::Ko(Ko::new(Code::Auth, "nobody of that name and token is expected")).write(&mut answer);
        linger_close(&stream, &answer);
        return None;
    };
    DirectLine::Admitted.write(&mut answer);
    (&*stream).write_all(&answer).ok()?;
    Some((stream, lines, caller))
}
