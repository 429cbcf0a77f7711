//! The rate limit of senders: messages in each second of the server's clock (`serve --rate`; protocol, section 4).

use std::time::Duration;

use crate::state_machine::AccountNumber;

/// The current second of each sender, and the count of messages in it, by account number.
#[derive(Default)]
pub(in crate::state_machine) struct RateLimits(Vec<(u64, u32)>);

impl RateLimits {
    /// Counts a message of a sender; `false` if the second has `limit` messages already.
    pub fn count_message(&mut self, sender: AccountNumber, elapsed: Duration, limit: u32) -> bool {
        if self.0.len() <= sender.index() {
            self.0.resize(sender.index() + 1, (0, 0));
        }
        let Some((second, sent)) = self.0.get_mut(sender.index()) else { return false };
        if *second != elapsed.as_secs() {
            (*second, *sent) = (elapsed.as_secs(), 0);
        }
        *sent = sent.saturating_add(1);
        *sent <= limit
    }
}
