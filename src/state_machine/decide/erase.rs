//! ERASE: takes a message back (protocol, section 5).

use super::{Context, Decided};
use crate::limits;
use crate::model::{Seq, UserName};
use crate::protocol::request::RequestedTarget;
use crate::protocol::{Code, Ko, Reply};
use crate::state_machine::query::conversation_of;
use crate::state_machine::stored::{Conversation, ConversationId, TargetNumber};
use crate::state_machine::{Record, Sought, StateMachine, Texts};

impl StateMachine {
    /// Takes a message back, for its sender or the owner of its room. If it has to be looked up in the history file, the
    /// answer is an excerpt that says where; the command then comes again with what was found.
    pub(super) fn erase_message(
        &mut self,
        user: &UserName,
        target: &RequestedTarget,
        seq: Seq,
        sought: Sought,
        context: &mut Context,
    ) -> Decided<Option<Reply>> {
        let (me, target) = self.find_participants(user, target)?;
        let conversation = conversation_of(me, target);
        let sought = if sought == Sought::NotLookedUp { self.stored.seek(conversation, seq) } else { sought };
        let message = match sought {
            Sought::Message(message) => message,
            Sought::Missing => return Err(Code::NoMessage.into()),
            Sought::Damaged => return Err(Code::Damaged.into()),
            Sought::NotLookedUp => return Ok(context.emit_excerpt(self.stored.excerpt(me, target, 0, None))),
        };
        let owns_room = matches!(target, TargetNumber::Room(room) if self.stored.room(room).rights.owner == Some(me));
        let is_own = self.stored.number(&message.from)? == me;
        if !is_own && !owns_room {
            let is_in_room = matches!(target, TargetNumber::Room(_));
            return Err(if is_in_room { Code::NotOwner } else { Code::NoMessage }.into());
        }
        if message.text.is_erased() || self.stored.is_erased(&message) {
            return Ok(Some(Reply::Done));
        }
        if !owns_room && context.now.at.since(message.at) > limits::ERASE_WITHIN {
            return Err(Code::Late.into());
        }
        self.check_space_for_erasure(conversation)?;
        let from = message.from.clone();
        self.apply_and_emit(Record::Erased { conversation, from, first: seq, last: seq, rows: 1 }, context)?;
        Ok(Some(Reply::Done))
    }

    /// Takes the texts of a user in a conversation back, at the administrator's request. Refused if others were taken back since
    /// the files were read: then they have to be counted again.
    pub(super) fn erase_all(&mut self, user: &UserName, texts: Texts, context: &mut Context) -> Decided {
        let from = self.stored.find_account(user).map(|number| self.stored.name(number)).ok_or(Code::NoUser)?;
        let Texts { conversation, first, last, count, erased } = texts;
        let here = self.stored.conversation(conversation);
        let fits = |here: &Conversation| here.erased_count() == erased && first <= last && last <= here.last();
        if !here.is_some_and(fits) {
            return Err(Ko::new(Code::Conflict, "the conversation has changed meanwhile").into());
        }
        self.apply_and_emit(Record::Erased { conversation, from, first, last, rows: count }, context)?;
        Ok(Reply::Done)
    }

    /// Checks that not too many messages that were taken back have yet to leave the history files.
    fn check_space_for_erasure(&self, id: ConversationId) -> Decided<()> {
        let of_this = self.stored.conversation(id).map_or(0, |conversation| conversation.unfiled_erasures());
        let has_space =
            of_this < limits::UNFILED_ERASURES && self.stored.unfiled_erasures() < limits::ALL_UNFILED_ERASURES;
        if has_space { Ok(()) } else { Err(Code::Full.into()) }
    }
}
