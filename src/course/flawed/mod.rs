//! A small server of the protocol, and nine flaws that students' servers have: each is a few lines. The judge finds each
//! by the tests that name it, and `wachat demo` shows what four of them do. examples/flawed starts it.
//!
//! Without a flaw it passes the judge's groups framing, login, send, poll, states, idempotence and crash. It has no devices,
//! no rooms and no time-outs, and no more accounts and messages than fit into memory.
//!
//! - `lines`: from bytes to lines. `requests`: the requests of both ports. `state`: accounts and messages.

mod lines;
mod requests;
mod state;

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use crate::protocol::Port;
use lines::{Line, Lines};
use requests::Session;
use state::State;

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Flaw {
    None,
    /// One read is taken for one line
    OneReadIsOneLine,
    /// The bytes after the last line feed of a read are lost
    HalfALineIsLost,
    /// Each SEND is a new message, whatever its id
    NoDedupe,
    /// There is one table of ids for all users
    SharedIds,
    /// OK is answered before the message is on the disk
    OkBeforeTheDisk,
    /// While one client is served, or does not read, all others wait
    OneClientAtATime,
    /// The newest event comes first
    Unordered,
    /// A line is cut at every semicolon, quoted or not
    NoQuotes,
    /// Nothing is written to the disk
    ForgetsOnRestart,
}

struct Server {
    flaw: Flaw,
    state: Mutex<State>,
    /// Something has changed: a waiting poll looks again.
    changed: Condvar,
    log: Mutex<Option<File>>,
    /// One client at a time passes here, in the server with that flaw.
    gate: Mutex<()>,
}

/// Serves on these ports of this machine, without end. `file`: the log of accounts and messages.
pub fn run(flaw: Flaw, [send_port, recv_port]: [u16; 2], file: &Path) -> io::Result<()> {
    let mut state = State::default();
    if flaw != Flaw::ForgetsOnRestart {
        state.replay(&std::fs::read(file).unwrap_or_default());
    }
    let log = match flaw {
        Flaw::ForgetsOnRestart => None,
        _ => Some(File::options().create(true).append(true).open(file)?),
    };
    let state = Mutex::new(state);
    let log = Mutex::new(log);
    let server = Arc::new(Server { flaw, state, changed: Condvar::new(), log, gate: Mutex::default() });
    let send = TcpListener::bind((Ipv4Addr::LOCALHOST, send_port))?;
    let recv = TcpListener::bind((Ipv4Addr::LOCALHOST, recv_port))?;
    let other = server.clone();
    thread::spawn(move || accept(&other, &send, Port::Send));
    accept(&server, &recv, Port::Recv);
    Ok(())
}

fn accept(server: &Arc<Server>, listener: &TcpListener, port: Port) {
    for stream in listener.incoming().flatten() {
        let server = server.clone();
        thread::spawn(move || serve(&server, stream, port));
    }
}

/// Serves one connection to its end.
fn serve(server: &Server, stream: TcpStream, port: Port) {
    let _ = stream.set_nodelay(true);
    let Ok(input) = stream.try_clone() else { return };
    let mut lines = Lines::new(input, server.flaw);
    let mut session = Session::new(server, port, &stream);
    let end = loop {
        let line = match lines.next_line() {
            Line::Whole(line) => line,
            Line::TooLong => break "KO;TOO_LONG;a line has at most 65536 bytes\n",
            Line::End => break "",
        };
        let gate = (server.flaw == Flaw::OneClientAtATime).then(|| server.gate.lock());
        let (reply, goes_on) = session.answer(&line);
        if (&stream).write_all(reply.as_bytes()).is_err() || !goes_on {
            break "";
        }
        drop(gate);
    };
    let _ = (&stream).write_all(end.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    // The rest of the input is read: closing before would reset the connection, and destroy the last line.
    lines.drain();
}

impl Server {
    /// Writes a record, and waits until the disk has it; then it takes effect.
    fn commit(&self, state: &mut State, record: &str) {
        if let Some(log) = &mut *self.log.lock() {
            if self.flaw == Flaw::OkBeforeTheDisk {
                let mut log = log.try_clone().expect("a descriptor");
                let line = format!("{record}\n");
                thread::spawn(move || {
                    thread::sleep(std::time::Duration::from_secs(5));
                    log.write_all(line.as_bytes())
                });
            } else {
                log.write_all(format!("{record}\n").as_bytes()).and_then(|()| log.sync_data()).expect("a disk");
            }
        }
        state.apply(record);
        self.changed.notify_all();
    }
}
