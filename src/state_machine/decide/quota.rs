//! The quotas of SEND: the recipient's mailbox, and the bytes that an account and a room store a day (protocol,
//! section 7).

use super::{DecideError, Decided};
use crate::protocol::{Code, Ko};
use crate::state_machine::stored::{TargetNumber, Usage};
use crate::state_machine::{AccountNumber, StateMachine};

/// Strangers fill at most this part of a mailbox, one in this many (protocol, section 7): the rest stays for friends.
const STRANGERS_SHARE: usize = 4;

impl StateMachine {
    /// Checks that a message of this length may be stored.
    pub(super) fn check_quotas(&self, sender: AccountNumber, target: TargetNumber, bytes: u32) -> Decided<()> {
        if exceeds(self.today.by_account(sender), bytes, self.policy.bytes_per_day) {
            return Err(quota("you have sent as much today as one user may; go on tomorrow (UTC)"));
        }
        match target {
            TargetNumber::User(recipient) => self.check_mailbox(sender, recipient, bytes),
            TargetNumber::Room(room) if exceeds(self.today.in_room(room), bytes, self.policy.room_bytes_per_day) => {
                Err(quota("as much was said in that room today as may be; go on tomorrow (UTC)"))
            }
            TargetNumber::Room(_) => Ok(()),
        }
    }

    /// Checks that the mailbox has room for one more message: for any, for the sender's, for one of a stranger. The
    /// share of the strangers is small enough to leave room for friends, however many strangers write.
    fn check_mailbox(&self, sender: AccountNumber, recipient: AccountNumber, bytes: u32) -> Decided<()> {
        let mailbox = &self.stored.account(recipient).mailbox;
        let policy = &self.policy;
        let queue = policy.queue;
        let queue_bytes = policy.queue_bytes;
        if is_full(mailbox.messages_from(sender), bytes, policy.queue_per_sender, policy.queue_bytes_per_sender) {
            return Err(quota("too much of yours waits for that user; try later"));
        }
        if is_full(mailbox.messages(), bytes, queue, queue_bytes) {
            return Err(quota("too much waits for that user; try later"));
        }
        let most = queue.div_ceil(STRANGERS_SHARE);
        let most_bytes = queue_bytes.div_ceil(STRANGERS_SHARE as u64);
        if is_full(mailbox.messages_from_strangers(), bytes, most, most_bytes)
            && self.stored.is_stranger(sender, recipient)
        {
            return Err(quota(
                "too much waits for that user from senders who are unknown there, as you are; try later",
            ));
        }
        Ok(())
    }
}

fn is_full(used: Usage, more: u32, messages: usize, bytes: u64) -> bool {
    used.messages >= messages || exceeds(used.bytes, more, bytes)
}

fn exceeds(used: u64, more: u32, limit: u64) -> bool {
    used.saturating_add(u64::from(more)) > limit
}

/// Returns a refusal that says which quota it is.
pub(super) fn quota(text: impl std::fmt::Display) -> DecideError {
    DecideError::Refused(Ko::new(Code::Quota, text))
}
