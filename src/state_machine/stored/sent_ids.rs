//! The message ids that a sender has used, without their texts: a keyed hash stands for each (protocol, section 5).

use std::fmt;
use std::hash::Hasher as _;
use std::io;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hashbrown::HashTable;
use siphasher::sip::SipHasher24;
use twox_hash::{XxHash3_64, XxHash3_128};

use crate::model::{Message, MessageId, Seq, Target, Timestamp};

/// Entries by which a list of ids grows: at least and at most. Doubled lists would be half empty.
const GROWTH: (usize, usize) = (4, 64);

/// The store's secret key of the hashes of message ids. A sender who does not know it cannot choose two ids with one hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdKey(u128);

impl IdKey {
    /// Makes a key that no store has had.
    pub fn random() -> io::Result<Self> {
        let mut key = [0; 16];
        getrandom::fill(&mut key)?;
        Ok(Self(u128::from_be_bytes(key)))
    }

    /// Reads the key as `Display` writes it: 32 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        u128::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 32).map(Self)
    }

    /// Computes the hash of an id: SipHash-2-4.
    pub fn hash(self, id: &MessageId) -> IdHash {
        let mut hasher = SipHasher24::new_with_key(&self.0.to_be_bytes());
        hasher.write(id.as_str().as_bytes());
        IdHash(hasher.finish())
    }
}

impl fmt::Display for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Defines a value of 64 bits that a checkpoint holds as 11 characters of base64url, big-endian.
macro_rules! hashes {
    ($($name:ident: $doc:literal,)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(u64);

        impl $name {
            /// Reads the value as `Display` writes it.
            pub fn parse(text: &str) -> Option<Self> {
                let mut bytes = [0; 8];
                let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
                (length == bytes.len()).then_some(Self(u64::from_be_bytes(bytes)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.0.to_be_bytes()))
            }
        }
    )*};
}

hashes! {
    IdHash: "Keyed hash of a message id. Two ids of a sender have the same one by chance only: then the second message is \
        refused with CONFLICT, or, if the digests are the same, too, taken for a retry of the first.",
    Digest: "Digest of a message's recipient and text: equal for a retry, different for another message under the same id. It \
        need not resist attacks: whoever finds two messages with one digest can only withhold the second of their own.",
}

impl Digest {
    /// Computes the digest of a message: the lower half of XXH3, 128 bits.
    pub fn of(to: &Target, text: &str) -> Self {
        let target = match to {
            Target::User(name) => XxHash3_64::oneshot_with_seed(0, name.mapped().as_bytes()),
            Target::Room(name) => XxHash3_64::oneshot_with_seed(1, name.mapped().as_bytes()),
        };
        Self(XxHash3_128::oneshot_with_seed(target, text.as_bytes()) as u64)
    }

    /// Reads what versions before wrote: all 128 bits, as 32 hexadecimal digits.
    pub fn parse_whole(hex: &str) -> Option<Self> {
        u128::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 32).map(|whole| Self(whole as u64))
    }
}

/// A message that was accepted: its id, the fields of its reply, and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentMessage {
    pub id: IdHash,
    pub digest: Digest,
    pub seq: Seq,
    pub at: Timestamp,
}

/// A large store has more of these than of anything else: the page of the store (data/README.md) counts on their size.
const _: () = assert!(size_of::<SentMessage>() == 32);

impl SentMessage {
    /// Makes the entry of a message that was accepted.
    pub fn of(message: &Message, key: IdKey) -> Self {
        let digest = Digest::of(&message.to, message.text.as_str());
        Self { id: key.hash(&message.id), digest, seq: message.seq, at: message.at }
    }
}

/// Ids that are searched one after the other. Most senders have few: an index of them would take more than it saves.
const SEARCHED: usize = 16;

/// The newest ids of one sender: as many as the protocol promises. Each takes 32 bytes here, and some six in the index.
#[derive(Default)]
pub struct SentIds {
    /// A ring once it is full: the oldest entry is overwritten.
    entries: Vec<SentMessage>,
    oldest: u16,
    /// Indices of the entries, by the hash of the id; empty up to [`SEARCHED`] entries.
    by_id: HashTable<u16>,
}

impl SentIds {
    /// Finds the message that was accepted under an id.
    pub fn get(&self, id: IdHash) -> Option<SentMessage> {
        if self.entries.len() <= SEARCHED {
            return self.entries.iter().find(|entry| entry.id == id).copied();
        }
        let entry = |index: &u16| self.entries.get(usize::from(*index)).filter(|entry| entry.id == id);
        self.by_id.find(id.0, |index| entry(index).is_some()).and_then(entry).copied()
    }

    /// Adds an id; above the capacity, which is at most 65,535, the oldest is removed.
    pub fn insert(&mut self, sent: SentMessage, capacity: usize) {
        let index = if self.entries.len() < capacity { self.push(sent) } else { self.replace_oldest(sent) };
        let is_indexed = !self.by_id.is_empty();
        self.index(if is_indexed { index..index + 1 } else { 0..self.entries.len() as u16 });
    }

    /// Adds ids of a checkpoint, oldest first.
    pub fn restore(&mut self, sent: Vec<SentMessage>, capacity: usize) {
        if self.entries.is_empty() && sent.len() <= capacity {
            self.entries = sent;
            self.index(0..self.entries.len() as u16);
        } else {
            for sent in sent {
                self.insert(sent, capacity);
            }
        }
    }

    /// Adds entries to the index, if there are enough of them.
    fn index(&mut self, indices: Range<u16>) {
        let entries = &self.entries;
        let hash = |index: &u16| entries.get(usize::from(*index)).map_or(0, |entry| entry.id.0);
        if entries.len() > SEARCHED {
            indices.for_each(|index| _ = self.by_id.insert_unique(hash(&index), index, hash));
        }
    }

    fn push(&mut self, sent: SentMessage) -> u16 {
        let count = self.entries.len();
        if count == self.entries.capacity() {
            let (least, most) = GROWTH;
            self.entries.reserve_exact((count / 4).clamp(least, most));
        }
        self.entries.push(sent);
        // There are fewer than 65,536 entries.
        count as u16
    }

    fn replace_oldest(&mut self, sent: SentMessage) -> u16 {
        let index = self.oldest;
        if let Some(entry) = self.entries.get_mut(usize::from(index)) {
            let removed = std::mem::replace(entry, sent);
            if let Ok(found) = self.by_id.find_entry(removed.id.0, |other| *other == index) {
                found.remove();
            }
        }
        self.oldest = if usize::from(index) + 1 < self.entries.len() { index + 1 } else { 0 };
        index
    }

    /// Returns the sender's last message.
    pub fn newest(&self) -> Option<SentMessage> {
        let newest = usize::from(self.oldest).checked_sub(1).or(self.entries.len().checked_sub(1))?;
        self.entries.get(newest).copied()
    }

    /// Iterates over the ids, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = SentMessage> {
        let (newer, older) = self.entries.split_at(usize::from(self.oldest).min(self.entries.len()));
        older.iter().chain(newer).copied()
    }
}
