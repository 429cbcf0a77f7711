//! A direct chat that is open.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::Mutex;

use super::{DirectEvent, Tokens};
use crate::client::event::AppEvent;
use crate::client::home::Home;
use crate::client::outbox::Waiting;
use crate::client::texts::{Phrase, words};
use crate::limits;
use crate::model::{Message, MessageId, Seq, Target, Text, Timestamp, UserName};
use crate::net::{LineError, LineReader};
use crate::protocol::DirectLine;

/// What all direct chats of this client share.
#[derive(Clone)]
pub struct House {
    pub me: UserName,
    pub home: Arc<Home>,
    pub tokens: Arc<Tokens>,
    pub events: Sender<AppEvent>,
}

/// What was said and not confirmed yet, oldest first, and since when.
type Unconfirmed = Arc<Mutex<VecDeque<(Arc<Message>, Instant)>>>;

/// The main thread's end of a chat.
pub struct Chat {
    pub peer: UserName,
    /// Tells it from others with the same peer.
    pub number: u64,
    /// Whether I have called.
    pub mine: bool,
    me: UserName,
    lines: Sender<DirectLine>,
    stream: Arc<TcpStream>,
    unconfirmed: Unconfirmed,
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chat({}, {})", self.peer, self.number)
    }
}

static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl Chat {
    /// Says something. `None`: the other side does not take it as fast as it is typed.
    pub fn say(&self, text: Text) -> Option<Arc<Message>> {
        let to = Target::User(self.peer.clone());
        let Waiting { id, to, at, text } = Waiting::new(to, text).ok()?;
        let message =
            Arc::new(Message { seq: Seq::ZERO, id: id.clone(), from: self.me.clone(), to, at, text: text.clone() });
        self.unconfirmed.lock().push_back((message.clone(), Instant::now()));
        match self.lines.try_send(DirectLine::Send { id, text }) {
            // A chat that has just ended says so, with what was not confirmed.
            Ok(()) | Err(TrySendError::Disconnected(_)) => Some(message),
            Err(TrySendError::Full(_)) => {
                self.unconfirmed.lock().pop_back();
                None
            }
        }
    }

    /// How many messages of mine are not confirmed yet.
    pub fn unconfirmed(&self) -> usize {
        self.unconfirmed.lock().len()
    }

    /// Hangs up; the event that it has ended comes.
    pub fn end(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Runs a chat to its end, on the thread of its caller.
pub fn run(stream: Arc<TcpStream>, lines: LineReader, peer: UserName, house: &House, mine: bool) {
    let (number, unconfirmed) = (NUMBERS.fetch_add(1, Ordering::Relaxed), Unconfirmed::default());
    let (say, said) = bounded(limits::DIRECT_LINES);
    let chat = Chat {
        peer: peer.clone(),
        number,
        mine,
        me: house.me.clone(),
        lines: say.clone(),
        stream: stream.clone(),
        unconfirmed: unconfirmed.clone(),
    };
    let _ = house.events.send(AppEvent::Direct(DirectEvent::Opened(chat)));
    let writing = stream.clone();
    let why = match thread::Builder::new().name("direct writer".to_owned()).spawn(move || write(&writing, &said)) {
        Ok(_) => Reading { house, peer: &peer, unconfirmed: &unconfirmed, say }.run(lines),
        Err(error) => error.to_string(),
    };
    let _ = stream.shutdown(Shutdown::Both);
    let unconfirmed = unconfirmed.lock().drain(..).map(|(message, _)| message).collect();
    let _ = house.events.send(AppEvent::Direct(DirectEvent::Ended { peer, number, why, unconfirmed }));
}

/// Writes lines until there are no more, or the other side takes none.
fn write(stream: &TcpStream, lines: &Receiver<DirectLine>) {
    while let Ok(line) = lines.recv() {
        let mut bytes = Vec::new();
        line.write(&mut bytes);
        if (&*stream).write_all(&bytes).is_err() {
            // The reader notices, and says so.
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

struct Reading<'a> {
    house: &'a House,
    peer: &'a UserName,
    unconfirmed: &'a Unconfirmed,
    say: Sender<DirectLine>,
}

impl Reading<'_> {
    /// Reads until the chat is over, and says why it is.
    fn run(&self, mut lines: LineReader) -> String {
        loop {
            let read = lines.next_line().map(DirectLine::parse);
            let line = match read {
                Ok(line) => line,
                // People think before they write; but what was said is to be answered.
                Err(LineError::Timeout) if lines.is_between_lines() && !self.is_overdue() => continue,
                Err(LineError::Timeout) => return Phrase::NoAnswer.to_string(),
                Err(LineError::Closed) => return String::new(),
                Err(LineError::TooLong) => return Phrase::PeerTooLong.to_string(),
                Err(LineError::Io(error)) => return error.to_string(),
            };
            let done = match line {
                Ok(DirectLine::Send { id, text }) => self.take(id, text),
                Ok(DirectLine::Acknowledged(id)) => self.confirm(&id),
                Ok(DirectLine::Ko(ko)) => return words::ko(&ko),
                Ok(DirectLine::Admitted) => Ok(()),
                Err(ko) => self.answer(DirectLine::Ko(ko)),
            };
            if let Err(why) = done {
                return why;
            }
        }
    }

    fn is_overdue(&self) -> bool {
        self.unconfirmed.lock().front().is_some_and(|(_, since)| since.elapsed() >= limits::TIMEOUT)
    }

    /// The other side has said something: into the history first, then confirmed.
    fn take(&self, id: MessageId, text: Text) -> Result<(), String> {
        let (from, to) = (self.peer.clone(), Target::User(self.house.me.clone()));
        let message = Arc::new(Message { seq: Seq::ZERO, id: id.clone(), from, to, at: Timestamp::now(), text });
        let new = self.house.home.history.lock().add_direct(message.clone()).map_err(|error| error.to_string())?;
        if new {
            self.tell(DirectEvent::Came(message))?;
        }
        self.answer(DirectLine::Acknowledged(id))
    }

    /// The other side holds what I have said.
    fn confirm(&self, id: &MessageId) -> Result<(), String> {
        let said = self.unconfirmed.lock().iter().find(|(message, _)| message.id == *id).cloned();
        let Some((message, _)) = said else { return Ok(()) };
        self.house.home.history.lock().add_direct(message.clone()).map_err(|error| error.to_string())?;
        // Only now: the program does not end before.
        self.unconfirmed.lock().retain(|(other, _)| other.id != *id);
        self.tell(DirectEvent::Confirmed(message))
    }

    /// Waits while the other side takes nothing: so its own talking is slowed down.
    fn answer(&self, line: DirectLine) -> Result<(), String> {
        self.say.send(line).map_err(|_| Phrase::PeerTakesNothing.to_string())
    }

    fn tell(&self, event: DirectEvent) -> Result<(), String> {
        self.house.events.send(AppEvent::Direct(event)).map_err(|_| String::new())
    }
}
