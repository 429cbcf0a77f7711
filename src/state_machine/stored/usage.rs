//! Counts of messages and their bytes.

/// Count and length of messages, for the quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub messages: usize,
    pub bytes: u64,
}

impl Usage {
    pub(super) const NONE: Self = Self { messages: 0, bytes: 0 };

    pub(in crate::state_machine) fn add_usage(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    pub(in crate::state_machine) fn subtract_usage(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    pub(in crate::state_machine) fn plus(mut self, other: Self) -> Self {
        self.add_usage(other);
        self
    }

    pub(in crate::state_machine) fn add(&mut self, bytes: u32) {
        self.messages += 1;
        self.bytes += u64::from(bytes);
    }

    pub(super) fn subtract(&mut self, bytes: u32) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(u64::from(bytes));
    }
}
