//! Decides: turns a command into records, which happen at once, and effects, which wait for the disk.

use std::sync::Arc;
use std::time::Duration;

use super::account::Pace;
use super::{
    AccountNumber, Answer, Command, ConnectionId, Core, Digest, Effect, Inconsistent, LastOfPeer, Now, Record,
};
use crate::model::{Email, Message, MessageId, Place, Seq, Text, UserName};
use crate::protocol::reply::{Chat, User};
use crate::protocol::request::Named;
use crate::protocol::{Code, Event, Reply};

/// What one command came to.
#[derive(Default)]
pub struct Outcome {
    /// Each with the newest number there is once it has happened.
    pub records: Vec<(Seq, Record)>,
    pub effects: Vec<Effect>,
}

/// Why a command got no answer of its own: it is refused, or this program has a defect.
pub(super) enum Stop {
    Refused(Code),
    Defect(Inconsistent),
}

impl From<Code> for Stop {
    fn from(code: Code) -> Self {
        Self::Refused(code)
    }
}

impl From<Inconsistent> for Stop {
    fn from(defect: Inconsistent) -> Self {
        Self::Defect(defect)
    }
}

pub(super) type Handled<T = Answer> = Result<T, Stop>;

impl Core {
    /// Takes one command from a connection. Polls that wait are not answered here, but by
    /// [`Core::answer_polls`], once for many commands. An error is a defect of this program: the server stops,
    /// since nobody knows any more what it would promise.
    pub fn handle(
        &mut self,
        connection: ConnectionId,
        command: Command,
        now: Now,
        out: &mut Outcome,
    ) -> Result<(), Inconsistent> {
        let answer = match self.decide(connection, command, now, out) {
            Ok(answer) => answer,
            Err(Stop::Refused(code)) => Some(code.into()),
            Err(Stop::Defect(defect)) => return Err(defect),
        };
        out.effects.extend(answer.map(|answer| Effect::Answer(connection, answer)));
        Ok(())
    }

    fn decide(
        &mut self,
        connection: ConnectionId,
        command: Command,
        now: Now,
        out: &mut Outcome,
    ) -> Handled<Option<Answer>> {
        let answer = match command {
            Command::Register { name, password_hash } => self.register(name, password_hash, now, out)?,
            Command::SetPassword { user, password_hash } => self.set_password(user, password_hash, out)?,
            Command::SetEmail { user, email } => self.set_email(user, email, out)?,
            Command::Send { user, id, to, text } => self.send(&user, id, &to, text, now, out)?,
            Command::Read { user, place, seq, last_of_peer } => self.read(user, &place, seq, last_of_peer, now, out)?,
            Command::Excerpt { user, place, limit, before } => {
                let (me, peer) = (self.number(&user)?, self.resolve(&place)?);
                Answer::Excerpt(self.excerpt(me, peer, limit, before))
            }
            Command::Chats { user } => self.chats(&user)?,
            Command::Users => self.users(),
            Command::Open { user, order } => self.open(connection, &user, order, now, out)?,
            Command::Poll { after, wait, max } => return self.poll(connection, after, wait, max, now, out),
            Command::HungUp => {
                self.hung_up(connection, out);
                return Ok(None);
            }
            Command::Closed => return self.closed(connection, now, out).map(|()| None),
        };
        Ok(Some(answer))
    }

    /// Lets a record happen, and hands it on to be written. Refused where the disk has no room.
    pub(super) fn happen(&mut self, record: Record, out: &mut Outcome) -> Handled<()> {
        if self.full {
            return Err(Code::Full.into());
        }
        self.apply(&record)?;
        out.records.push((self.last, record));
        Ok(())
    }

    fn register(&mut self, name: UserName, password_hash: Arc<str>, now: Now, out: &mut Outcome) -> Handled {
        if self.names.contains_key(&name) {
            return Err(Code::Exists.into());
        }
        let record = Record::Account { name: name.clone(), password_hash: password_hash.clone(), at: now.at };
        self.happen(record, out)?;
        out.effects.push(Effect::Account { name: name.clone(), password_hash });
        Ok(Reply::LoggedIn { user: name }.into())
    }

    fn set_password(&mut self, user: UserName, password_hash: Arc<str>, out: &mut Outcome) -> Handled {
        let name = self.account(self.number(&user)?).name.clone();
        self.happen(Record::Password { user: name.clone(), password_hash: password_hash.clone() }, out)?;
        out.effects.push(Effect::Account { name, password_hash });
        Ok(Reply::Done.into())
    }

    fn set_email(&mut self, user: UserName, email: Email, out: &mut Outcome) -> Handled {
        let user = self.account(self.number(&user)?).name.clone();
        self.happen(Record::Email { user, email }, out)?;
        Ok(Reply::Done.into())
    }

    fn send(&mut self, user: &UserName, id: MessageId, to: &Named, text: Text, now: Now, out: &mut Outcome) -> Handled {
        let sender = self.number(user)?;
        // A known id before anything else: an answer once given stays (protocol, section 5).
        if let Some(sent) = self.account(sender).sent.get(&id) {
            let same = to.as_ref().is_ok_and(|to| Digest::of(to, text.as_str()) == sent.digest);
            return match same {
                true => Ok(Reply::Accepted { id, at: sent.at, seq: sent.seq }.into()),
                false => Err(Code::Conflict.into()),
            };
        }
        let recipient = self.resolve(to)?;
        self.keep_pace(sender, now.elapsed)?;
        self.find_room(sender, recipient)?;
        let message = Arc::new(Message {
            seq: self.last.next(),
            id: id.clone(),
            from: self.account(sender).name.clone(),
            to: Place::User(self.account(recipient).name.clone()),
            at: now.at,
            text,
        });
        let seq = message.seq;
        self.happen(Record::Message(message), out)?;
        Ok(Reply::Accepted { id, at: now.at, seq }.into())
    }

    fn keep_pace(&mut self, sender: AccountNumber, elapsed: Duration) -> Handled<()> {
        let Some(most) = self.policy.rate else { return Ok(()) };
        let pace = &mut self.account_mut(sender).pace;
        if pace.second != elapsed.as_secs() {
            *pace = Pace { second: elapsed.as_secs(), sent: 0 };
        }
        if pace.sent >= most {
            return Err(Code::Rate.into());
        }
        pace.sent += 1;
        Ok(())
    }

    fn find_room(&self, sender: AccountNumber, recipient: AccountNumber) -> Handled<()> {
        let mailbox = &self.account(recipient).mailbox;
        let taken = mailbox.messages() >= self.policy.queue;
        if taken || mailbox.messages_from(sender) >= self.policy.queue_per_sender {
            return Err(Code::Quota.into());
        }
        Ok(())
    }

    fn read(
        &mut self,
        user: UserName,
        place: &Named,
        upto: Seq,
        last_of_peer: LastOfPeer,
        now: Now,
        out: &mut Outcome,
    ) -> Handled {
        let (me, peer) = (self.number(&user)?, self.resolve(place)?);
        if upto > self.last_between(me, peer) {
            return Err(Code::Seq.into());
        }
        if upto <= self.account(me).read_upto(peer) {
            return Ok(Reply::Done.into());
        }
        let found = match last_of_peer {
            LastOfPeer::NotLookedUp => self.last_of_peer(me, peer, upto),
            found => found,
        };
        let LastOfPeer::Found(last_of_peer) = found else {
            return Ok(Answer::Excerpt(self.excerpt(me, peer, 0, None)));
        };
        let (user, place) = (self.account(me).name.clone(), Place::User(self.account(peer).name.clone()));
        self.happen(Record::Read { user, place, upto, last_of_peer, at: now.at }, out)?;
        Ok(Reply::Done.into())
    }

    fn chats(&self, user: &UserName) -> Handled {
        let me = self.number(user)?;
        let chat = |(peer, chat): (&AccountNumber, &super::account::Chat)| Chat {
            place: Place::User(self.account(*peer).name.clone()),
            last: self.last_between(me, *peer),
            read: chat.read,
        };
        let mut chats: Vec<_> = self.account(me).chats.iter().map(chat).collect();
        chats.sort_unstable_by_key(|chat| std::cmp::Reverse(chat.last));
        Ok(Reply::Chats(chats).into())
    }

    fn users(&self) -> Answer {
        let user = |(index, account): (usize, &super::account::Account)| User {
            name: account.name.clone(),
            online: self.presence.is_online(AccountNumber::new(index)),
            last_seen: account.last_seen,
        };
        Reply::Users(self.accounts.iter().enumerate().map(user).collect()).into()
    }

    fn open(&mut self, connection: ConnectionId, user: &UserName, order: u64, now: Now, out: &mut Outcome) -> Handled {
        let number = self.number(user)?;
        // A login whose password took long to verify does not take over from one that came after it:
        // its client may have given up on it, and what it would cut off is that client's next try.
        if self.presence.has_newer(number, order) {
            return Err(Code::Replaced.into());
        }
        let was_online = self.presence.is_online(number);
        if let Some(replaced) = self.presence.open(connection, number, order) {
            out.effects.push(Effect::Close(replaced, Code::Replaced));
        }
        self.seen(number, now, out)?;
        let name = self.account(number).name.clone();
        if !was_online {
            self.tell_friends(number, &Event::Online { user: name.clone(), at: now.at });
        }
        let acknowledged = self.account(number).mailbox.acknowledged();
        Ok(Reply::Session { user: name, acknowledged, store: self.store.clone() }.into())
    }

    fn closed(&mut self, connection: ConnectionId, now: Now, out: &mut Outcome) -> Handled<()> {
        let Some(number) = self.presence.close(connection) else { return Ok(()) };
        self.seen(number, now, out)?;
        let user = self.account(number).name.clone();
        self.tell_friends(number, &Event::Offline { user, at: now.at });
        Ok(())
    }

    /// Notes when somebody was last seen: not worth refusing anything for where the disk is full.
    fn seen(&mut self, number: AccountNumber, now: Now, out: &mut Outcome) -> Handled<()> {
        let record = Record::Seen { user: self.account(number).name.clone(), at: now.at };
        if self.full { Ok(()) } else { self.happen(record, out) }
    }

    /// Tells an event to everybody online with whom somebody has talked.
    fn tell_friends(&mut self, number: AccountNumber, event: &Event) {
        let friends: Vec<_> = self.account(number).chats.keys().copied().filter(|friend| *friend != number).collect();
        for friend in friends {
            self.presence.tell(friend, event.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Policy;

    #[test]
    fn a_login_that_took_long_does_not_take_over_from_a_newer_one() {
        let mut core = Core::new("store".into(), Policy::default());
        let ana = UserName::new("ana").unwrap();
        let mut ask = |connection, command| {
            let mut out = Outcome::default();
            core.handle(ConnectionId(connection), command, Now::default(), &mut out).unwrap();
            out.effects
        };
        ask(1, Command::Register { name: ana.clone(), password_hash: "x".into() });
        ask(2, Command::Open { user: ana.clone(), order: 2 });
        let effects = ask(3, Command::Open { user: ana.clone(), order: 1 });
        assert!(
            matches!(&effects[..], [Effect::Answer(ConnectionId(3), Answer::Reply(Reply::Ko(ko)))] if ko.code == Code::Replaced)
        );
        ask(3, Command::Closed);
        let effects = ask(4, Command::Open { user: ana, order: 3 });
        assert!(matches!(&effects[..], [Effect::Close(ConnectionId(2), Code::Replaced), Effect::Answer(..)]));
    }
}
