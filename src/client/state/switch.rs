//! The settings that a user turns on or off at the keyboard. They are kept in the client's log.

/// One setting. All of them are off at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// The lines that say who joins, leaves, comes and goes are hidden.
    Quiet,
}

impl Switch {
    pub const ALL: [Self; 1] = [Self::Quiet];

    /// Returns its name, as it is typed and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|switch| switch.name() == name)
    }
}
