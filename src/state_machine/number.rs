//! Numbers of accounts and rooms: keys in memory, and parts of file names where a name of a user's choice must not be.

use std::fmt;

/// Defines a number type for entries of a list from which nothing is ever removed.
macro_rules! numbers {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u32);

        impl $name {
            pub(super) fn new(index: usize) -> Self {
                // Memory cannot hold 2^32 entries.
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }

            pub(super) fn index(self) -> usize {
                self.0 as usize
            }

            /// Reads the number as `Display` writes it.
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
    /// Index of an account in the order of registration, from 0. It never changes.
    AccountNumber
}

numbers! {
    /// Index of a room in the order of creation, from 0. It never changes.
    RoomNumber
}
