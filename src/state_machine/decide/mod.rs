//! Decides: turns a command into records, which are applied at once, and effects, which wait for the commit.

mod account;
mod administration;
mod call;
mod device;
mod erase;
mod message;
mod poll;
mod quota;
mod room;
mod session;

use super::stored::TargetNumber;
use super::{AccountNumber, ApplyError, Command, ConnectionId, Effect, Excerpt, Now, Output, Record, StateMachine};
use crate::limits;
use crate::model::UserName;
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, HistoryRecord, Ko, Reply};

/// Reason why a command is not executed.
enum DecideError {
    /// The client gets this KO; nothing was changed.
    Refused(Ko),
    /// A defect of this program.
    Defect(ApplyError),
}

impl From<Code> for DecideError {
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}

impl From<Ko> for DecideError {
    fn from(ko: Ko) -> Self {
        Self::Refused(ko)
    }
}

impl From<ApplyError> for DecideError {
    fn from(defect: ApplyError) -> Self {
        Self::Defect(defect)
    }
}

type Decided<T = Reply> = Result<T, DecideError>;

/// The connection and the time of a command, and the output that it adds to.
struct Context<'a> {
    connection: ConnectionId,
    now: Now,
    out: &'a mut Output,
}

impl Context<'_> {
    /// Emits an excerpt, which answers the command instead of a reply.
    fn emit_excerpt(&mut self, excerpt: Excerpt) -> Option<Reply> {
        self.out.effects.push(Effect::Excerpt(self.connection, Box::new(excerpt)));
        None
    }
}

impl StateMachine {
    /// Handles one command of a connection. [`StateMachine::end_batch`] has to be called after one or more of them. An
    /// error is a defect of this program: the server has to stop, since its state may be wrong.
    pub fn handle(
        &mut self,
        connection: ConnectionId,
        command: Command,
        now: Now,
        out: &mut Output,
    ) -> Result<(), ApplyError> {
        // Those of a batch are applied together: after its messages and polls, before anything else.
        let waits = matches!(command, Command::Send { .. } | Command::Poll { .. });
        if !waits || self.acknowledgements.len() >= limits::ACKNOWLEDGEMENTS {
            self.apply_acknowledgements(now, out)?;
        }
        let reply = match self.decide(command, &mut Context { connection, now, out }) {
            Ok(reply) => reply,
            Err(DecideError::Refused(ko)) => Some(Reply::Ko(ko)),
            Err(DecideError::Defect(defect)) => return Err(defect),
        };
        out.effects.extend(reply.map(|reply| Effect::Reply(connection, reply)));
        Ok(())
    }

    /// Returns the reply; `None` if another effect answers the command, or nothing does.
    fn decide(&mut self, command: Command, context: &mut Context) -> Decided<Option<Reply>> {
        let reply = match command {
            Command::Register { name, password_hash } => self.register(name, password_hash, context)?,
            Command::SetPassword { user, asked, password_hash } => {
                self.set_password(&user, asked, password_hash, context)?
            }
            Command::SetEmail { user, email } => self.set_email(&user, email, context)?,
            Command::Remove { user } => self.remove_account(&user, context)?,
            Command::AddAccounts { accounts, lobby } => self.add_accounts(accounts, lobby, context)?,
            Command::Ban { banned, until, reason } => self.ban(banned, until, reason, context)?,
            Command::Unban { banned } => self.unban(banned, context)?,
            Command::Announce { text } => self.announce(text, context),
            Command::EraseAll { user, texts } => self.erase_all(&user, texts, context)?,
            Command::RemoveRoom { room } => self.remove_room(&room, context)?,
            Command::Send { user, id, to, text } => self.accept_message(&user, id, &to, text, context)?,
            Command::Read { user, target, seq, last_of_peer } => {
                return self.mark_read(&user, &target, seq, last_of_peer, context);
            }
            Command::Erase { user, target, seq, sought } => {
                return self.erase_message(&user, &target, seq, sought, context);
            }
            Command::Excerpt { user, target, limit, before } => {
                let (me, target) = self.find_participants(&user, &target)?;
                return Ok(context.emit_excerpt(self.stored.excerpt(me, target, limit, before)));
            }
            Command::Status { user, target, seq, page } => {
                let (me, target) = self.find_participants(&user, &target)?;
                return Ok(context.emit_excerpt(self.stored.status_excerpt(me, target, seq, &page)));
            }
            Command::SetStates { user, target, records } => self.set_states(&user, &target, records)?,
            Command::Chats { user, page, target } => self.stored.list_chats(&user, &page, target.as_ref())?,
            Command::Users { page } => self.stored.list_users(&page, &self.presence),
            Command::Join { user, room } => self.join_room(&user, &room, context)?,
            Command::Leave { user, room } => self.leave_room(&user, &room, context)?,
            Command::Rooms { user, page } => self.stored.list_rooms(&user, &page)?,
            Command::Members { user, room, page } => {
                self.stored.list_members(self.stored.number(&user)?, &room, &page, &self.presence)?
            }
            Command::RoomKind { user, room, kind } => self.set_room_kind(&user, &room, kind, context)?,
            Command::Topic { user, room, topic } => self.set_topic(&user, &room, topic, context)?,
            Command::Invite { user, room, guest } => self.invite(&user, &room, &guest, context)?,
            Command::Kick { user, room, other } => self.kick(&user, &room, &other, context)?,
            Command::Owner { user, room, other } => self.give_room(&user, &room, &other, context)?,
            Command::Peer { user, callee, proof } => self.arrange_direct_chat(&user, &callee, proof, context)?,
            Command::Permit { user, caller, permitted } => self.permit(&user, &caller, permitted, context)?,
            Command::Permits { user } => self.list_permits(&user)?,
            Command::Open { user, device, key, order, address } => {
                self.open_session(&user, device.as_ref(), key, order, address, context)?
            }
            Command::Devices { user } => self.list_devices(&user)?,
            Command::LogOut { user, which, asker, closed } => {
                self.log_out(&user, &which, [asker.as_ref(), closed.as_ref()], context)?
            }
            Command::Key { key } => return self.set_key(key, context),
            Command::ReviewDevices(review) => return self.review_devices(review, context).map(|()| None),
            Command::Port { port, fingerprint } => {
                return Ok(self.set_direct_port(context, port.map(|port| (port, fingerprint))));
            }
            Command::Poll { after, wait, max } => return self.poll(after, wait, max, context).map(|()| None),
            Command::HungUp => {
                self.end_input(context);
                return Ok(None);
            }
            Command::Closed => return self.close_session(context).map(|()| None),
        };
        Ok(Some(reply))
    }

    /// Finds the account of a user, and the target of the user's request.
    fn find_participants(&self, user: &UserName, target: &RequestedTarget) -> Decided<(AccountNumber, TargetNumber)> {
        let me = self.stored.number(user)?;
        Ok((me, self.stored.find_target(me, target)?))
    }

    /// Answers HISTORY with the records that were read, in their states of now.
    fn set_states(&self, user: &UserName, target: &RequestedTarget, mut records: Vec<HistoryRecord>) -> Decided {
        let (me, target) = self.find_participants(user, target)?;
        self.stored.set_states(me, target, &mut records);
        Ok(Reply::History(records))
    }

    /// Applies a record and emits it to be written. Refused while the disk is full.
    fn apply_and_emit(&mut self, record: Record, context: &mut Context) -> Decided<()> {
        if self.disk_full {
            return Err(Code::Full.into());
        }
        Ok(self.emit(record, context.out)?)
    }

    fn emit(&mut self, record: Record, out: &mut Output) -> Result<(), ApplyError> {
        self.stored.apply(&record)?;
        for user in self.stored.notified.drain(..) {
            self.presence.wake(user);
        }
        out.records.push((self.stored.last, record));
        Ok(())
    }
}
