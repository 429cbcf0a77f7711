//! Translates an administrator's request into a command of the state machine, for a server and for a store without one.

use std::time::Duration;

use crate::limits;
use crate::model::{Banned, Target, Timestamp};
use crate::protocol::control::{Account, Ban, ControlRequest};
use crate::protocol::{Code, Codec, Ko, Reply, write_list_head};
use crate::state_machine::{Command, ConversationId, StoredState, Texts};

/// The way in which a request is executed.
pub(crate) enum Plan {
    /// By a command of the state machine.
    Change(Command),
    /// At once: these are the lines of the reply.
    Answer(Vec<u8>),
    /// By a server alone.
    Live(ControlRequest),
}

/// Returns how a request is executed.
pub(crate) fn plan(request: ControlRequest, state: &StoredState, now: Timestamp) -> Plan {
    Plan::Change(match request {
        ControlRequest::Add { accounts, lobby } => Command::AddAccounts { accounts, lobby },
        ControlRequest::Passwd { user, password_hash } => Command::SetPassword { user, asked: None, password_hash },
        ControlRequest::Remove { user } => Command::Remove { user },
        ControlRequest::Erase { user, conversation, first, last, count, erased } => {
            let Some(conversation) = ConversationId::parse(&conversation) else {
                return Plan::Answer(written(&Reply::Ko(Ko::new(Code::Syntax, "that is no conversation"))));
            };
            Command::EraseAll { user, texts: Texts { conversation, first, last, count, erased } }
        }
        ControlRequest::RemoveRoom { room } => Command::RemoveRoom { room: Ok(Target::Room(room)) },
        ControlRequest::Ban { banned, seconds, reason } => {
            Command::Ban { banned, until: seconds.map(|seconds| now.later(Duration::from_secs(seconds))), reason }
        }
        ControlRequest::Unban { banned } => Command::Unban { banned },
        ControlRequest::Announce { text } => match text.to_text() {
            Some(text) => Command::Announce { text },
            None => return Plan::Answer(written(&Reply::Ko(Ko::new(Code::Syntax, "that text cannot be a message")))),
        },
        ControlRequest::Accounts { from } => return Plan::Answer(list(accounts(state, from))),
        ControlRequest::Rooms { after } => {
            return Plan::Answer(list(state.summarize_rooms(after.as_ref()).take(limits::PAGE_RECORDS)));
        }
        ControlRequest::Bans => return Plan::Answer(list(bans(state, now))),
        live => return Plan::Live(live),
    })
}

/// Returns a reply as its lines.
pub(crate) fn written(reply: &Reply) -> Vec<u8> {
    let mut lines = Vec::new();
    reply.write(&mut lines);
    lines
}

/// Returns the lines of a list.
pub(crate) fn list<T: Codec>(records: impl Iterator<Item = T>) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut count = 0;
    records.for_each(|record| {
        record.write(&mut lines);
        count += 1;
    });
    let mut reply = Vec::new();
    write_list_head(&mut reply, count);
    reply.append(&mut lines);
    reply
}

fn accounts(state: &StoredState, from: usize) -> impl Iterator<Item = Account> {
    state.accounts().skip(from).take(limits::PAGE_RECORDS).map(|row| Account {
        name: row.name.clone(),
        email: row.email.clone(),
        created_at: row.created_at,
        last_seen: row.last_seen,
        removed_at: row.removed_at,
    })
}

fn bans(state: &StoredState, now: Timestamp) -> impl Iterator<Item = Ban> {
    state.bans.active(now).map(|(banned, ban)| Ban {
        banned: Banned::clone(banned),
        at: ban.at,
        until: ban.until,
        reason: ban.reason.clone(),
    })
}
