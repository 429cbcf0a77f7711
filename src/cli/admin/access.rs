//! The administrator's access to a store: through the server that holds it, or, where none runs, directly. Either way a
//! command gets the same replies ([`crate::protocol::control`]).

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Arg, Args};

use crate::disk::{self, RealDisk};
use crate::limits;
use crate::net::TimedStream;
use crate::protocol::control::{Account, ControlRequest, Room, Session};
use crate::protocol::{Codec, Done, Ko, ListHead, parse_reply};
use crate::server::Offline;
use crate::store::{CONTROL_SOCKET, Store};

/// The store of a command.
#[derive(Args)]
pub(super) struct StoreArgs {
    /// Directory of the store; a server may be running on it
    #[arg(long, default_value = "data", global = true)]
    pub data: PathBuf,
}

/// Describes the store of a command that needs a running server.
pub(super) fn of_running_server(data: Arg) -> Arg {
    data.help("Directory of the store of the running server")
}

impl StoreArgs {
    /// Returns the files of the store, which a server may hold.
    pub fn files(&self) -> Store {
        Store::new(Arc::new(RealDisk), &self.data)
    }

    /// Reaches the store; where there is none it is created.
    pub fn open(&self) -> Result<Admin, String> {
        if let Some(server) = find_server(&self.data)? {
            return Ok(server);
        }
        let offline = Offline::open(&self.files(), true).map_err(|error| error.to_string())?;
        Ok(Admin::Store(Box::new(offline)))
    }

    /// Reaches the store, which has to exist.
    pub fn open_existing(&self) -> Result<Admin, String> {
        if !self.data.exists() {
            return Err(format!("{}: there is no store; name one with --data", self.data.display()));
        }
        self.open()
    }

    pub fn open_server(&self) -> Result<Admin, String> {
        let data = self.data.display();
        find_server(&self.data)?.ok_or_else(|| {
            format!("{data}: no server is running on this directory; start one, or name another one with --data")
        })
    }
}

/// Looks for the server that holds a store. A socket that nothing listens on is left by one that was killed.
fn find_server(data: &Path) -> Result<Option<Admin>, String> {
    let socket = data.join(CONTROL_SOCKET);
    match UnixStream::connect(&socket) {
        Ok(_) => match disk::check_socket(&socket) {
            Ok(()) => Ok(Some(Admin::Server(socket))),
            Err(error) => Err(format!("{}: {error}", socket.display())),
        },
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(format!("{}: the server runs as another user; run this command as that user", socket.display()))
        }
        Err(_) => Ok(None),
    }
}

pub(super) enum Admin {
    /// A server holds the store: each request is a connection to its socket.
    Server(PathBuf),
    Store(Box<Offline>),
}

impl Admin {
    /// Has a change made. The error says why it was not made.
    pub fn change(&mut self, request: &ControlRequest) -> Result<(), String> {
        let reply = self.execute(request)?;
        first_line::<Done>(&reply).map(|_| ())
    }

    pub fn list<T: Codec>(&mut self, request: &ControlRequest) -> Result<Vec<T>, String> {
        let reply = self.execute(request)?;
        let ListHead { count } = first_line(&reply)?;
        let records = reply.split(|byte| *byte == b'\n').skip(1).take(count);
        records.map(|line| T::parse(line).map_err(|error| error.to_string())).collect()
    }

    /// Returns every account there ever was, in the order of registration.
    pub fn accounts(&mut self) -> Result<Vec<Account>, String> {
        self.pages(|all: &[Account]| ControlRequest::Accounts { from: all.len() })
    }

    /// Returns all rooms, in the order of their names.
    pub fn rooms(&mut self) -> Result<Vec<Room>, String> {
        self.pages(|all: &[Room]| ControlRequest::Rooms { after: all.last().map(|room| room.name.clone()) })
    }

    /// Returns the connections that are logged in.
    pub fn sessions(&mut self) -> Result<Vec<Session>, String> {
        self.pages(|all: &[Session]| ControlRequest::Sessions { after: all.last().map_or(0, |last| last.number) })
    }

    /// Returns all pages of a list; `next` makes the request for what follows the records so far.
    fn pages<T: Codec>(&mut self, next: impl Fn(&[T]) -> ControlRequest) -> Result<Vec<T>, String> {
        let mut all = Vec::new();
        loop {
            let page = self.list(&next(&all))?;
            let is_last = page.len() < limits::PAGE_RECORDS;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Returns the lines of the reply to a request.
    fn execute(&mut self, request: &ControlRequest) -> Result<Vec<u8>, String> {
        match self {
            Self::Store(offline) => offline.answer(request.clone()),
            Self::Server(socket) => send_to_server(socket, request).map_err(|error| {
                let socket = socket.display();
                format!("{socket}: no reply from the server ({error}); look whether the change was made, and try again")
            }),
        }
    }
}

/// Sends a request to a server, and returns the whole reply: the server closes after it.
fn send_to_server(socket: &Path, request: &ControlRequest) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    request.write(&mut lines);
    // The server gives up first, and says so.
    let mut stream = TimedStream::new(UnixStream::connect(socket)?, limits::CONTROL_TIMEOUT + limits::POLL_MARGIN);
    // A server that refuses a request may not read all of it: then its reply says why.
    let written = stream.write_all(&lines);
    let mut reply = Vec::new();
    let mut reader = BufReader::new(stream);
    reader.read_until(b'\n', &mut reply)?;
    if reply.is_empty() {
        written?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    match reader.read_to_end(&mut reply) {
        // A server that refuses a request may close before it has read all of it.
        Err(error) if !reply.starts_with(b"KO") => Err(error),
        _ => Ok(reply),
    }
}

/// Reads the first line of a reply; the error is the text of a KO.
fn first_line<T: Codec>(reply: &[u8]) -> Result<T, String> {
    let line = reply.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let parsed = parse_reply(line).map_err(|_| "the server is of another version of wachat; restart it".to_owned())?;
    parsed.map_err(|Ko { text, .. }| text)
}
