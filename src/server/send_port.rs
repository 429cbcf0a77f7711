//! The SEND port: log in, then commands (protocol, section 5).
//!
//! A client may ask further before it has read the answers. Sends that have come together go to the
//! router together, and share its sync.

use std::io::Write;
use std::sync::Arc;

use super::connection::{CloseReason, Connection};
use super::{Shared, history_reader, login};
use crate::limits;
use crate::model::{Message, Password, Seq, Token, UserName};
use crate::net::LineReader;
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Ko, LoggedIn, Reply, SendRequest};
use crate::state_machine::{Answer, Command, Excerpt, LastOfPeer};

/// Serves one connection to its end.
pub(super) fn serve(shared: &Shared, connection: &Arc<Connection>) {
    let mut lines = LineReader::new(connection.stream.clone(), shared.timeout);
    let ending = talk(shared, connection, &mut lines);
    connection.close(ending);
}

fn talk(shared: &Shared, connection: &Arc<Connection>, lines: &mut LineReader) -> CloseReason {
    let user =
        match lines.next_line().map_err(CloseReason::from).and_then(|line| login::log_in(shared, connection, line)) {
            Ok(user) => user,
            Err(ending) => return ending,
        };
    let mut session = Session { shared, connection, user, asked: 0, out: Vec::new() };
    session.put(&Reply::LoggedIn(LoggedIn { user: session.user.clone() }));
    let ending = session.run(lines);
    // What was answered before the end goes out before it.
    session.settle().and_then(|()| session.flush()).err().unwrap_or(ending)
}

/// A conversation's marks, and its last messages, oldest first.
type Past = (Excerpt, Vec<Arc<Message>>);

struct Session<'a> {
    shared: &'a Shared,
    connection: &'a Arc<Connection>,
    user: UserName,
    /// How many commands were handed to the router whose answers were not taken yet.
    asked: usize,
    /// Replies that were not written yet.
    out: Vec<u8>,
}

impl Session<'_> {
    fn run(&mut self, lines: &mut LineReader) -> CloseReason {
        loop {
            if let Err(ending) = self.flush().and_then(|()| self.take_what_has_come(lines)) {
                return ending;
            }
        }
    }

    /// Waits for a request, and takes those that have come with it.
    fn take_what_has_come(&mut self, lines: &mut LineReader) -> Result<(), CloseReason> {
        self.take(lines.next_line()?)?;
        while self.asked < limits::PIPELINE && self.out.len() < limits::REPLY_BYTES {
            let Some(line) = lines.buffered_line() else { break };
            self.take(line)?;
        }
        self.settle()
    }

    /// Writes what was answered.
    fn flush(&mut self) -> Result<(), CloseReason> {
        let written = (&*self.connection.stream).write_all(&self.out);
        // An idle connection keeps no memory that it does not need.
        self.out = Vec::new();
        written.map_err(|_| CloseReason::Silent)
    }

    /// Takes the answers to all that was asked.
    fn settle(&mut self) -> Result<(), CloseReason> {
        while self.asked > 0 {
            let answer = self.connection.wait(self.asked)?;
            self.asked -= 1;
            self.put(&answer.into_reply()?);
        }
        Ok(())
    }

    fn put(&mut self, reply: &Reply) {
        reply.write(&mut self.out);
    }

    /// Answers a request itself, after all that was asked before it.
    fn reply(&mut self, reply: Reply) -> Result<(), CloseReason> {
        self.settle()?;
        self.put(&reply);
        Ok(())
    }

    /// Takes one request.
    fn take(&mut self, line: &[u8]) -> Result<(), CloseReason> {
        let request = match SendRequest::parse(line) {
            Ok(request) => request,
            Err(error) => return self.reply(Reply::Ko(Ko::new(Code::Syntax, error))),
        };
        let user = self.user.clone();
        match request {
            SendRequest::Send { id, to, text } => self.tell(Command::Send { user, id, to, text }),
            SendRequest::Chats => self.list(Command::Chats { user }),
            SendRequest::Users => self.list(Command::Users),
            SendRequest::Email { address } => self.tell(Command::SetEmail { user, email: address }),
            SendRequest::Read { target, seq } => self.read(target, seq),
            SendRequest::Status { target, seq } => self.status(target, seq),
            SendRequest::History { target, limit, before } => self.history(target, limit, before),
            SendRequest::Join { room } => self.tell(Command::Join { user, room }),
            SendRequest::Leave { room } => self.tell(Command::Leave { user, room }),
            SendRequest::Rooms => self.list(Command::Rooms { user }),
            SendRequest::Members { room } => self.list(Command::Members { room }),
            SendRequest::Peer { user: callee } => self.introduce(callee),
            SendRequest::Passwd { password } => self.change_password(&password),
            SendRequest::Ping => self.reply(Reply::Done),
            SendRequest::Help => self.reply(Reply::Help),
            SendRequest::Quit => {
                self.reply(Reply::Done)?;
                Err(CloseReason::Quit)
            }
        }
    }

    /// Hands a command to the router; its answer is taken later.
    fn tell(&mut self, command: Command) -> Result<(), CloseReason> {
        self.shared.tell(self.connection, command)?;
        self.asked += 1;
        Ok(())
    }

    /// Hands a command to the router and waits for its answer.
    fn ask(&mut self, command: Command) -> Result<Answer, CloseReason> {
        self.settle()?;
        self.shared.ask(self.connection, command)
    }

    /// Asks for a list as long as there are users. One at a time: a pipeline of them would fill memory.
    fn list(&mut self, command: Command) -> Result<(), CloseReason> {
        let reply = self.ask(command)?.into_reply()?;
        self.reply(reply)
    }

    fn read(&mut self, target: RequestedTarget, seq: Seq) -> Result<(), CloseReason> {
        let user = self.user.clone();
        let read = |last_of_peer| Command::Read { user: user.clone(), target: target.clone(), seq, last_of_peer };
        let excerpt = match self.ask(read(LastOfPeer::NotLookedUp))? {
            Answer::Excerpt(excerpt) => excerpt,
            answer => return self.reply(answer.into_reply()?),
        };
        let found = history_reader::last_of_peer(&self.shared.store, &excerpt, seq).map_err(CloseReason::internal)?;
        self.tell(read(LastOfPeer::Found(found)))
    }

    fn status(&mut self, target: RequestedTarget, seq: Seq) -> Result<(), CloseReason> {
        let Some((excerpt, mut rows)) = self.excerpt(target, 1, Some(seq.next()))? else { return Ok(()) };
        let mine = rows.pop().filter(|row| row.seq == seq && row.from == excerpt.me);
        self.reply(match mine {
            Some(row) => Reply::Statuses(excerpt.statuses(row.seq)),
            None => Code::NoMessage.into(),
        })
    }

    fn history(&mut self, target: RequestedTarget, limit: usize, before: Option<Seq>) -> Result<(), CloseReason> {
        let Some((excerpt, rows)) = self.excerpt(target, limit, before)? else { return Ok(()) };
        let records = rows.into_iter().map(|row| excerpt.record(row)).collect();
        self.reply(Reply::History(records))
    }

    /// The last messages of a conversation, oldest first. `None`: refused, and answered so.
    fn excerpt(
        &mut self,
        target: RequestedTarget,
        limit: usize,
        before: Option<Seq>,
    ) -> Result<Option<Past>, CloseReason> {
        let command = Command::Excerpt { user: self.user.clone(), target, limit, before };
        let excerpt = match self.ask(command)? {
            Answer::Excerpt(excerpt) => excerpt,
            answer => return self.reply(answer.into_reply()?).map(|()| None),
        };
        let rows = history_reader::last_messages(&self.shared.store, &excerpt, limit, before)
            .map_err(CloseReason::internal)?;
        Ok(Some((excerpt, rows)))
    }

    fn introduce(&mut self, callee: RequestedTarget) -> Result<(), CloseReason> {
        let token = Token::random().map_err(|error| {
            log::error!("the system gives no random numbers: {error}");
            Code::Internal
        })?;
        self.tell(Command::Peer { user: self.user.clone(), callee, token })
    }

    fn change_password(&mut self, password: &str) -> Result<(), CloseReason> {
        let password = match Password::new(&self.user, password) {
            Ok(password) => password,
            Err(error) => return self.reply(Reply::Ko(Ko::new(Code::Password, error))),
        };
        self.settle()?;
        let password_hash = match self.shared.auth.hash(self.connection.peer, password.as_bytes()) {
            Ok(hash) => hash.ok_or(Code::Internal)?,
            Err(busy) => return self.reply(Reply::Ko(busy.into())),
        };
        let command = Command::SetPassword { user: self.user.clone(), password_hash: password_hash.clone() };
        let reply = self.ask(command)?.into_reply()?;
        if reply == Reply::Done {
            login::remember(self.shared, &self.user, &password_hash, &password);
        }
        self.reply(reply)
    }
}
