//! The row of `store.csv`: what a checkpoint covers, and which tables it has.

use std::time::Duration;

use super::table::{Kind, Row, RowWriter, TableRow};
use crate::cluster::{EntryHash, Link};
use crate::model::Timestamp;
use crate::state_machine::{DeviceClock, Head, IdKey};

/// The log that a checkpoint covers, and the last clean-up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Covers {
    /// The last segment.
    pub segment: u64,
    /// The number of the batch after it.
    pub next_batch: u64,
    pub cleaned_at: Option<Timestamp>,
}

/// The one row of `store.csv`.
pub(super) struct StoreRow {
    pub head: Head,
    pub covers: Covers,
    pub has: Has,
}

/// The tables and columns that versions before did not have.
#[derive(Clone, Copy)]
pub(super) struct Has {
    /// Tables of devices. Version 1 has none.
    pub devices: bool,
    /// Rooms have owners, and there are tables of guests and permits. Versions 1 to 3 have none.
    pub rights: bool,
    /// A table of messages that were taken back. Versions 1 to 4 have none.
    pub erasures: bool,
    /// A key, and hashes of ids. Versions 1 to 6 have the texts of the ids, and none of both.
    pub id_key: bool,
}

impl Has {
    pub const ALL: Self = Self { devices: true, rights: true, erasures: true, id_key: true };
}

impl TableRow for StoreRow {
    const KIND: Kind = Kind {
        name: "store",
        version: 7,
        columns: &[
            "store",
            "last",
            "segment",
            "next_batch",
            "cleaned_at",
            "devices",
            "looked_at",
            "device_time",
            "rights",
            "erasures",
            "entry",
            "entry_bytes",
            "entry_time",
            "id_key",
        ],
    };

    fn write(&self, to: &mut RowWriter) {
        let Head { store, id_key, link, last, device_clock } = &self.head;
        let Covers { segment, next_batch, cleaned_at } = self.covers;
        to.text(store).field(last).field(segment).field(next_batch).optional(cleaned_at);
        let DeviceClock { looked_at, time } = device_clock;
        to.flag(self.has.devices).optional(*looked_at).field(time.as_millis());
        to.flag(self.has.rights).flag(self.has.erasures);
        // The number of the entry is that of the last batch.
        to.optional(link.map(|link| link.hash)).optional(link.map(|link| link.bytes));
        to.optional(link.map(|link| link.time)).field(id_key);
    }

    fn read(row: &Row) -> Option<Self> {
        // The heads of the log's segments have it as it is, without quotes.
        let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let store = row.get(0).filter(is_name)?.into();
        let last = row.seq(1)?;
        let segment = row.number(2)?;
        let next_batch: u64 = row.number(3)?;
        let covers = Covers { segment, next_batch, cleaned_at: row.optional_time(4)? };
        let has_table = |column| if row.get(column).is_some() { row.flag(column) } else { Some(false) };
        let device_clock = match row.get(6) {
            Some(_) => DeviceClock { looked_at: row.optional_time(6)?, time: Duration::from_millis(row.number(7)?) },
            None => DeviceClock::default(),
        };
        let link = match [10, 11, 12].map(|column| row.get(column).unwrap_or_default()) {
            ["", "", ""] => None,
            [hash, ..] => Some(Link {
                number: next_batch.checked_sub(1)?,
                hash: EntryHash::parse(hash)?,
                bytes: row.number(11)?,
                time: row.time(12)?,
            }),
        };
        // The state of a store of an earlier version gets a key, which its next checkpoint keeps.
        let id_key = row.get(13).map_or_else(|| IdKey::random().ok(), IdKey::parse)?;
        let has = Has {
            devices: has_table(5)?,
            rights: has_table(8)?,
            erasures: has_table(9)?,
            id_key: row.get(13).is_some(),
        };
        Some(Self { head: Head { store, id_key, link, last, device_clock }, covers, has })
    }
}
