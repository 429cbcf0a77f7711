//! Decides: turns a command into records, which happen at once, and effects, which wait for the disk.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::account::{Account, SendRate};
use super::{
    AccountNumber, Answer, Command, ConnectionId, Digest, Effect, Inconsistent, LastOfPeer, Now, Record, StateMachine,
    TargetNumber,
};
use crate::model::{Email, Message, MessageId, Seq, Target, Text, Token, UserName};
use crate::protocol::reply::{Accepted, Chat, LoggedIn, Peer, SessionOpened, User};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Event, Ko, Reply};

/// What one command came to.
#[derive(Default)]
pub struct Outcome {
    /// Each with the newest number there is once it has happened.
    pub records: Vec<(Seq, Record)>,
    pub effects: Vec<Effect>,
}

/// Why a command got no answer of its own: it is refused, or this program has a defect.
pub(super) enum Stop {
    Refused(Ko),
    Defect(Inconsistent),
}

impl From<Code> for Stop {
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}

impl From<Inconsistent> for Stop {
    fn from(defect: Inconsistent) -> Self {
        Self::Defect(defect)
    }
}

pub(super) type Handled<T = Answer> = Result<T, Stop>;

impl StateMachine {
    /// Takes one command from a connection. Polls that wait are not answered here, but by
    /// [`StateMachine::answer_polls`], once for many commands. An error is a defect of this program: the server stops,
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
            Err(Stop::Refused(ko)) => Some(Reply::Ko(ko).into()),
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
            Command::Remove { user } => self.remove(user, now, out)?,
            Command::Send { user, id, to, text } => self.send(&user, id, &to, text, now, out)?,
            Command::Read { user, target, seq, last_of_peer } => {
                self.read(user, &target, seq, last_of_peer, now, out)?
            }
            Command::Excerpt { user, target, limit, before } => {
                let me = self.number(&user)?;
                Answer::Excerpt(self.excerpt(me, self.resolve(me, &target)?, limit, before))
            }
            Command::Chats { user } => self.chats(&user)?,
            Command::Users => self.users(),
            Command::Join { user, room } => self.join(user, &room, now, out)?,
            Command::Leave { user, room } => self.leave(user, &room, now, out)?,
            Command::Rooms { user } => self.list_rooms(&user)?,
            Command::Members { room } => self.list_members(&room)?,
            Command::Peer { user, callee, token } => self.introduce(&user, &callee, token)?,
            Command::Open { user, order, address } => self.open(connection, &user, order, address, now, out)?,
            Command::Port { port } => return Ok(self.take_calls(connection, port)),
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
        self.join_lobby(&name, now, out)?;
        Ok(Reply::LoggedIn(LoggedIn { user: name }).into())
    }

    fn set_password(&mut self, user: UserName, password_hash: Arc<str>, out: &mut Outcome) -> Handled {
        let name = self.active_account(&user)?.name.clone();
        self.happen(Record::Password { user: name.clone(), password_hash: password_hash.clone() }, out)?;
        out.effects.push(Effect::Account { name, password_hash });
        Ok(Reply::Done.into())
    }

    fn set_email(&mut self, user: UserName, email: Email, out: &mut Outcome) -> Handled {
        let user = self.account(self.number(&user)?).name.clone();
        self.happen(Record::Email { user, email }, out)?;
        Ok(Reply::Done.into())
    }

    /// The account of this name, if there is one that was not removed.
    fn active_account(&self, user: &UserName) -> Result<&Account, Code> {
        self.number_of_active(user).map(|number| self.account(number))
    }

    fn number_of_active(&self, user: &UserName) -> Result<AccountNumber, Code> {
        let known = self.names.get(user).copied();
        known.filter(|number| self.account(*number).removed_at.is_none()).ok_or(Code::NoUser)
    }

    fn remove(&mut self, user: UserName, now: Now, out: &mut Outcome) -> Handled {
        let user = self.active_account(&user)?.name.clone();
        self.happen(Record::Removed { user, at: now.at }, out)?;
        Ok(Reply::Done.into())
    }

    fn send(
        &mut self,
        user: &UserName,
        id: MessageId,
        to: &RequestedTarget,
        text: Text,
        now: Now,
        out: &mut Outcome,
    ) -> Handled {
        let sender = self.number(user)?;
        // A known id before anything else: an answer once given stays (protocol, section 5).
        if let Some(sent) = self.account(sender).sent.get(&id) {
            let same = to.as_ref().is_ok_and(|to| Digest::of(to, text.as_str()) == sent.digest);
            return match same {
                true => Ok(Reply::Accepted(Accepted { id, at: sent.at, seq: sent.seq }).into()),
                false => Err(Code::Conflict.into()),
            };
        }
        let target = self.resolve(sender, to)?;
        self.enforce_rate_limit(sender, now.elapsed)?;
        let to = match target {
            TargetNumber::User(recipient) => self.recipient(sender, recipient)?,
            TargetNumber::Room(room) => Target::Room(self.room(room).name.clone()),
        };
        let message = Arc::new(Message {
            seq: self.last.next(),
            id: id.clone(),
            from: self.account(sender).name.clone(),
            to,
            at: now.at,
            text,
        });
        let seq = message.seq;
        self.happen(Record::Message(message), out)?;
        Ok(Reply::Accepted(Accepted { id, at: now.at, seq }).into())
    }

    fn enforce_rate_limit(&mut self, sender: AccountNumber, elapsed: Duration) -> Handled<()> {
        let Some(most) = self.policy.rate else { return Ok(()) };
        let send_rate = &mut self.account_mut(sender).send_rate;
        if send_rate.second != elapsed.as_secs() {
            *send_rate = SendRate { second: elapsed.as_secs(), sent: 0 };
        }
        if send_rate.sent >= most {
            return Err(Code::Rate.into());
        }
        send_rate.sent += 1;
        Ok(())
    }

    /// Who may still be sent something.
    fn recipient(&self, sender: AccountNumber, recipient: AccountNumber) -> Handled<Target> {
        if self.account(recipient).removed_at.is_some() {
            return Err(Code::NoUser.into());
        }
        let mailbox = &self.account(recipient).mailbox;
        let taken = mailbox.messages() >= self.policy.queue;
        if taken || mailbox.messages_from(sender) >= self.policy.queue_per_sender {
            return Err(Code::Quota.into());
        }
        Ok(Target::User(self.account(recipient).name.clone()))
    }

    fn read(
        &mut self,
        user: UserName,
        target: &RequestedTarget,
        upto: Seq,
        last_of_peer: LastOfPeer,
        now: Now,
        out: &mut Outcome,
    ) -> Handled {
        let me = self.number(&user)?;
        let target = self.resolve(me, target)?;
        if upto > self.last_in(me, target) {
            return Err(Code::Seq.into());
        }
        if upto <= self.read_upto(me, target) {
            return Ok(Reply::Done.into());
        }
        let peer = match target {
            TargetNumber::User(peer) => peer,
            TargetNumber::Room(room) => {
                let (user, target) = (self.account(me).name.clone(), Target::Room(self.room(room).name.clone()));
                self.happen(Record::Read { user, target, upto, last_of_peer: None, at: now.at }, out)?;
                return Ok(Reply::Done.into());
            }
        };
        let found = match last_of_peer {
            LastOfPeer::NotLookedUp => self.last_of_peer(me, peer, upto),
            found => found,
        };
        let LastOfPeer::Found(last_of_peer) = found else {
            return Ok(Answer::Excerpt(self.excerpt(me, target, 0, None)));
        };
        let (user, target) = (self.account(me).name.clone(), Target::User(self.account(peer).name.clone()));
        self.happen(Record::Read { user, target, upto, last_of_peer, at: now.at }, out)?;
        Ok(Reply::Done.into())
    }

    fn chats(&self, user: &UserName) -> Handled {
        let me = self.number(user)?;
        let account = self.account(me);
        let talked = account.chats.keys().map(|peer| TargetNumber::User(*peer));
        let places = talked.chain(account.rooms.iter().map(|room| TargetNumber::Room(*room)));
        let chat = |target| Chat {
            target: self.target(target),
            last: self.last_in(me, target),
            read: self.read_upto(me, target),
        };
        let mut chats: Vec<_> = places.map(chat).collect();
        chats.sort_unstable_by_key(|chat| std::cmp::Reverse(chat.last));
        Ok(Reply::Chats(chats).into())
    }

    fn target(&self, target: TargetNumber) -> Target {
        match target {
            TargetNumber::User(peer) => Target::User(self.account(peer).name.clone()),
            TargetNumber::Room(room) => Target::Room(self.room(room).name.clone()),
        }
    }

    /// How far somebody has read in a place.
    fn read_upto(&self, me: AccountNumber, target: TargetNumber) -> Seq {
        match target {
            TargetNumber::User(peer) => self.account(me).read_upto(peer),
            TargetNumber::Room(room) => self.room(room).members.get(&me).map_or(Seq::ZERO, |member| member.read),
        }
    }

    fn users(&self) -> Answer {
        let user = |(index, account): (usize, &Account)| User {
            name: account.name.clone(),
            online: self.presence.is_online(AccountNumber::new(index)),
            last_seen: account.last_seen,
        };
        let there = self.accounts.iter().enumerate().filter(|(_, account)| account.removed_at.is_none());
        Reply::Users(there.map(user).collect()).into()
    }

    fn open(
        &mut self,
        connection: ConnectionId,
        user: &UserName,
        order: u64,
        address: IpAddr,
        now: Now,
        out: &mut Outcome,
    ) -> Handled {
        let number = self.number(user)?;
        // A login whose password took long to verify does not take over from one that came after it:
        // its client may have given up on it, and what it would cut off is that client's next try.
        if self.presence.has_newer(number, order) {
            return Err(Code::Replaced.into());
        }
        let was_online = self.presence.is_online(number);
        if let Some(replaced) = self.presence.open(connection, number, order, address) {
            out.effects.push(Effect::Close(replaced, Code::Replaced));
        }
        self.seen(number, now, out)?;
        let name = self.account(number).name.clone();
        if !was_online {
            self.tell_friends(number, &Event::Online { user: name.clone(), at: now.at });
        }
        let acknowledged = self.account(number).mailbox.acknowledged();
        Ok(Reply::SessionOpened(SessionOpened { user: name, acknowledged, store: self.store.clone() }).into())
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

    /// Where the session's client takes direct chats. A session that was just replaced may still say so.
    fn take_calls(&mut self, connection: ConnectionId, port: Option<u16>) -> Option<Answer> {
        self.presence.session(connection)?.port = port;
        Some(Reply::Done.into())
    }

    /// Tells a caller where to call, and the callee who is about to.
    fn introduce(&mut self, user: &UserName, callee: &RequestedTarget, token: Token) -> Handled {
        let me = self.number(user)?;
        let callee = match callee {
            Ok(Target::User(name)) => self.number_of_active(name)?,
            _ => return Err(Code::NoUser.into()),
        };
        let peer = self.presence.peer(callee).filter(|_| callee != me).ok_or(Code::NoPeer)?;
        let user = self.account(me).name.clone();
        self.presence.tell(callee, Event::Peer { user, token: token.clone() });
        Ok(Reply::Peer(Peer { address: peer.ip(), port: peer.port(), token }).into())
    }

    /// Tells an event to everybody online with whom somebody has talked, or is in a room.
    fn tell_friends(&mut self, number: AccountNumber, event: &Event) {
        let account = self.account(number);
        let mut friends: BTreeSet<_> = account.chats.keys().copied().filter(|friend| *friend != number).collect();
        friends.extend(account.rooms.iter().flat_map(|room| self.acquaintances_in(*room, number)));
        for friend in friends {
            self.presence.tell(friend, event.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machine::Policy;

    #[test]
    fn a_login_that_took_long_does_not_take_over_from_a_newer_one() {
        let mut machine = StateMachine::new("store".into(), Policy::default());
        let ana = UserName::new("ana").unwrap();
        let mut ask = |connection, command| {
            let mut out = Outcome::default();
            machine.handle(ConnectionId(connection), command, Now::default(), &mut out).unwrap();
            out.effects
        };
        ask(1, Command::Register { name: ana.clone(), password_hash: "x".into() });
        let address = IpAddr::from([127, 0, 0, 1]);
        ask(2, Command::Open { user: ana.clone(), order: 2, address });
        let effects = ask(3, Command::Open { user: ana.clone(), order: 1, address });
        assert!(
            matches!(&effects[..], [Effect::Answer(ConnectionId(3), Answer::Reply(Reply::Ko(ko)))] if ko.code == Code::Replaced)
        );
        ask(3, Command::Closed);
        let effects = ask(4, Command::Open { user: ana, order: 3, address });
        assert!(matches!(&effects[..], [Effect::Close(ConnectionId(2), Code::Replaced), Effect::Answer(..)]));
    }
}
