//! What stands for an account or a room where a name cannot: in the name of a file, in a key.

use std::fmt;

/// Makes a type of numbers for things that are never taken out of their list.
macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u32);

        impl $name {
            pub(super) fn new(index: usize) -> Self {
                // Four thousand million of them do not fit into memory.
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }

            pub(super) fn index(self) -> usize {
                self.0 as usize
            }

            pub fn parse(text: &str) -> Option<Self> {
                text.parse().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numbers! {
    /// The place of an account in the order of registration, counted from 0. It never changes.
    AccountNumber
}

numbers! {
    /// The place of a room in the order of creation, counted from 0. It never changes.
    RoomNumber
}
