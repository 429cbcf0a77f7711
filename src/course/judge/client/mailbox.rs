//! A small honest server in memory for one user, without devices: what it answers where no step of a test answers.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use crate::model::{Message, RoomKind, RoomName, Seq, State, Target, Timestamp, Topic, UserName};
use crate::protocol::{
    Accepted, Chat, Code, Codec as _, Event, HistoryRecord, Login, LoginKind, Reply, Room, SendRequest, User,
};

/// The user of the client, and the users that are there beside.
pub const USER: &str = "ana";
pub const OTHERS: [&str; 2] = ["eva", "luis"];
/// The room in which they all are.
const ROOM: &str = "#sala";

/// The name of the server's store (protocol, section 6).
const STORE: &str = "judge";

/// The state of the server: one user's mailbox and conversations.
#[derive(Default)]
pub struct Mailbox {
    pub password: String,
    last: u64,
    /// Messages of the user and to the user, in order.
    messages: Vec<Arc<Message>>,
    /// All events that had a number, as lines; those above `acknowledged` are in the mailbox.
    events: BTreeMap<u64, String>,
    /// Events without a number.
    fleeting: VecDeque<String>,
    acknowledged: u64,
    /// The number up to which the user has read each conversation.
    read: HashMap<Target, u64>,
}

impl Mailbox {
    pub fn new(password: &str) -> Self {
        Self { password: password.to_owned(), ..Self::default() }
    }

    /// Answers a login line; `false`: the connection is closed after it.
    pub fn log_in(&self, line: &[u8], on_recv: bool) -> (String, bool) {
        match Login::parse(line) {
            None => ("KO;SYNTAX;the first line is LOGIN:<user>:<password>\n".to_owned(), false),
            // A server without devices: the client logs in by LOGIN then.
            Some(login) if login.kind.names_device() => {
                ("KO;SYNTAX;this server has no devices: log in by LOGIN\n".to_owned(), false)
            }
            Some(login) if login.kind == LoginKind::Register => ("KO;EXISTS;that name is taken\n".to_owned(), false),
            Some(login) if login.user != USER || login.password != self.password => {
                ("KO;AUTH;no such user, or not this password\n".to_owned(), false)
            }
            Some(_) if on_recv => (format!("OK;{USER};wachat/1;{};{STORE}\n", self.acknowledged), true),
            Some(_) => (format!("OK;{USER};wachat/1\n"), true),
        }
    }

    /// Returns the number that the next message or event gets.
    pub fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Puts an event into the mailbox; a message is in the history, too.
    pub fn add_event(&mut self, line: &str) {
        let event = Event::parse(line.as_bytes());
        if let Ok(Event::Message(message)) = &event {
            self.messages.push(message.clone());
        }
        match event.map(|event| event.seq().get()) {
            Ok(number @ 1..) => _ = self.events.insert(number, line.to_owned()),
            _ => self.fleeting.push_back(line.to_owned()),
        }
    }

    /// Forgets which events were acknowledged: all of them come again.
    pub fn forget(&mut self) {
        self.acknowledged = 0;
    }

    /// Acknowledges; `None`: there is no such number.
    pub fn acknowledge(&mut self, upto: u64) -> Option<()> {
        self.acknowledged = self.acknowledged.max(upto);
        (upto <= self.last).then_some(())
    }

    /// Takes the events of a reply to POLL, at most this many; `None`: there is none.
    pub fn take_events(&mut self, after: u64, max: usize) -> Option<String> {
        let above = after.max(self.acknowledged).saturating_add(1);
        let mut lines: Vec<_> = self.fleeting.drain(..max.min(self.fleeting.len())).collect();
        lines.extend(self.events.range(above..).map(|(_, line)| line.clone()).take(max - lines.len()));
        let text = format!("OK;{}\n{}\n", lines.len(), lines.join("\n"));
        (!lines.is_empty()).then_some(text)
    }

    /// Returns the last number that has an event.
    pub fn last_event(&self) -> u64 {
        self.events.keys().next_back().copied().unwrap_or_default()
    }

    /// Returns the number up to which the user has read the conversation with another one.
    pub fn read_upto(&self, user: &str) -> u64 {
        let read = UserName::new(user).ok().and_then(|user| self.read.get(&Target::User(user)));
        read.copied().unwrap_or_default()
    }

    /// Returns a message of the user by its place among them, as `luis: hola`.
    pub fn sent(&self, place: usize) -> Option<String> {
        let message = self.messages.iter().filter(|message| message.from.mapped() == USER).nth(place)?;
        Some(format!("{}: {}", message.to, message.text))
    }

    /// Answers a request on the SEND port.
    pub fn answer(&mut self, request: SendRequest) -> Reply {
        match request {
            SendRequest::Send { id, to: Ok(to), text } if is_there(&to) => {
                let known = self.messages.iter().find(|known| known.id == id && known.from.mapped() == USER);
                match known {
                    Some(known) if known.to != to || known.text != text => Code::Conflict.into(),
                    Some(known) => Reply::Accepted(accepted(known)),
                    None => self.store(|seq, from| Message { seq, id, from, to, at: Timestamp::now(), text }),
                }
            }
            SendRequest::Send { to: Ok(Target::Room(_)), .. } => Code::NoRoom.into(),
            SendRequest::Send { .. } => Code::NoUser.into(),
            SendRequest::Read { seq, .. } if seq.get() > self.last => Code::Seq.into(),
            SendRequest::Read { target: Ok(target), seq } => {
                let read = self.read.entry(target).or_default();
                *read = seq.get().max(*read);
                Reply::Done
            }
            SendRequest::History { target: Ok(target), limit, before } => self.history(&target, limit, before),
            SendRequest::Chats { .. } => Reply::Chats(self.chats()),
            SendRequest::Users { .. } => Reply::Users(users()),
            SendRequest::Status { .. } => Code::NoMessage.into(),
            SendRequest::Rooms { .. } => Reply::Rooms(room().into_iter().collect()),
            SendRequest::Sessions => Reply::Sessions(Vec::new()),
            SendRequest::Help => Reply::Help,
            SendRequest::Peer { .. } => Code::NoPeer.into(),
            SendRequest::Passwd { .. } => Code::Password.into(),
            SendRequest::Devices | SendRequest::Servers | SendRequest::Permit { .. } | SendRequest::Permits => {
                Code::Syntax.into()
            }
            SendRequest::Erase { .. } => Code::NoMessage.into(),
            SendRequest::Logout { .. } => Code::NoSession.into(),
            SendRequest::Join { .. } | SendRequest::Leave { .. } | SendRequest::Members { .. } => Code::NoRoom.into(),
            SendRequest::Room { .. } | SendRequest::Topic { .. } | SendRequest::Owner { .. } => Code::NoRoom.into(),
            SendRequest::Invite { .. } | SendRequest::Kick { .. } => Code::NoRoom.into(),
            SendRequest::Read { .. } | SendRequest::History { .. } => Code::NoUser.into(),
            SendRequest::Email { .. } | SendRequest::Ping | SendRequest::Quit => Reply::Done,
        }
    }

    fn store(&mut self, message: impl FnOnce(Seq, UserName) -> Message) -> Reply {
        let number = self.next_number();
        let (Some(seq), Ok(from)) = (Seq::new(number), UserName::new(USER)) else { return Code::Internal.into() };
        let message = Arc::new(message(seq, from));
        let reply = Reply::Accepted(accepted(&message));
        // A note to oneself comes back as an event, as any message does.
        if message.target_for(&message.from) == Target::User(message.from.clone()) {
            let line = Event::Message(message.clone()).line();
            self.events.insert(number, String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        self.messages.push(message);
        reply
    }

    fn conversation<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a Arc<Message>> {
        self.messages.iter().filter(move |message| target_of(message).as_ref() == Some(target))
    }

    fn history(&self, target: &Target, limit: usize, before: Option<Seq>) -> Reply {
        let all: Vec<_> =
            self.conversation(target).filter(|message| before.is_none_or(|before| message.seq < before)).collect();
        let last = all.iter().skip(all.len().saturating_sub(limit));
        let state = State::Received;
        Reply::History(last.map(|message| HistoryRecord::Message { message: (*message).clone(), state }).collect())
    }

    fn chats(&self) -> Vec<Chat> {
        let mut chats: Vec<Chat> = Vec::new();
        for message in self.messages.iter().rev() {
            let Some(target) = target_of(message) else { continue };
            match chats.iter_mut().find(|chat| chat.target == target) {
                Some(chat) => chat.count += 1,
                None => {
                    let read = self.read.get(&target).copied().and_then(Seq::new).unwrap_or(Seq::ZERO);
                    chats.push(Chat { target, last: message.seq, read, count: 1, erased: 0 });
                }
            }
        }
        chats
    }
}

fn accepted(message: &Message) -> Accepted {
    Accepted { id: message.id.clone(), at: message.at, seq: message.seq }
}

/// Returns whether messages can be sent there: to any user, and to one room.
fn is_there(target: &Target) -> bool {
    matches!(target, Target::User(_)) || target.to_string() == ROOM
}

/// Returns the conversation of a message, as the user sees it.
fn target_of(message: &Message) -> Option<Target> {
    UserName::new(USER).ok().map(|user| message.target_for(&user))
}

fn room() -> Option<Room> {
    let name = RoomName::new(ROOM).ok()?;
    let members = OTHERS.len() + 1;
    Some(Room { name, members, member: true, kind: RoomKind::Open, owner: None, topic: Topic::default() })
}

fn users() -> Vec<User> {
    let user = |name: &str| {
        let online = name == USER;
        let last_seen = Some(Timestamp::now());
        UserName::new(name).ok().map(|name| User { name, online, last_seen })
    };
    std::iter::once(USER).chain(OTHERS).filter_map(user).collect()
}
