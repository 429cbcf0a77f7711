//! The numbers of accounts and rooms, by which the stored state refers to them.

use std::fmt;

/// Defines a number type for entries of a list.
macro_rules! numbers {
    ($($name:ident: $doc:literal,)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u32);

        impl $name {
            pub(crate) fn new(index: usize) -> Self {
                // Memory cannot hold 2^32 entries.
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }

            pub(crate) fn index(self) -> usize {
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
    )*};
}

numbers! {
    AccountNumber: "Index of an account in the order of registration, from 0. It never changes.",
    RoomNumber: "Index of a room: the lowest that is free when the room is created. It never changes. The number of a room \
        that has had a message is never free again: its history file bears it.",
}
