//! The rows of the table of message ids: with a hash of each, and with its text, as versions before wrote it.

use super::table::{Kind, Row, RowWriter, TableRow};
use crate::model::{MessageId, Seq, Timestamp, UserName};
use crate::state_machine::{AccountNumber, Digest, IdHash, IdRow, SentMessage};

impl TableRow for IdRow {
    const KIND: Kind = Kind { name: "ids", version: 2, columns: &["account", "id_hash", "digest", "seq", "at_millis"] };

    /// A store has more of these rows than of all others: each takes about 55 bytes.
    fn write(&self, to: &mut RowWriter) {
        let SentMessage { id, digest, seq, at } = self.sent;
        to.field(self.account).field(id).field(digest).field(seq).field(at.millis());
    }

    fn read(row: &Row) -> Option<Self> {
        let at = Timestamp::from_millis(row.number(4)?);
        let sent =
            SentMessage { id: IdHash::parse(row.get(1)?)?, digest: Digest::parse(row.get(2)?)?, seq: row.seq(3)?, at };
        Some(Self { account: AccountNumber::parse(row.get(0)?)?, sent })
    }
}

/// A row of the table of ids of a version before, with the text of the id.
pub(super) struct TextIdRow {
    pub user: UserName,
    pub id: MessageId,
    pub digest: Digest,
    pub seq: Seq,
    pub at: Timestamp,
}

impl TableRow for TextIdRow {
    const KIND: Kind = Kind { name: "ids", version: 1, columns: &["from", "id", "seq", "at", "digest"] };

    /// Nothing writes such a row any more.
    fn write(&self, _: &mut RowWriter) {}

    fn read(row: &Row) -> Option<Self> {
        let digest = Digest::parse_whole(row.get(4)?)?;
        Some(Self { user: row.user(0)?, id: MessageId::new(row.get(1)?)?, digest, seq: row.seq(2)?, at: row.time(3)? })
    }
}
