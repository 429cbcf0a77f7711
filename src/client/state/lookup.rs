//! Looks up rows that memory no longer holds, in the part of the log that the last checkpoint covers.

use std::path::Path;
use std::sync::Arc;

use super::error::LogError;
use super::files::location_of;
use super::machine::ClientState;
use super::record::Record;
use super::row::Row;
use crate::disk::{Disk, RealDisk};
use crate::limits;
use crate::model::{Target, UserName};
use crate::protocol::Codec as _;
use crate::wal::{Covered, replay_covered};

/// The rows that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The newest that hold all these words, which are [`folded`](super::row::folded).
    Words(Vec<String>),
    /// The last rows of a conversation, as many as this.
    Last(Target, usize),
    /// The same, for a user who scrolls up in it.
    Older(Target, usize),
}

impl Lookup {
    pub(super) fn wants(&self, target: &Target, row: &Row) -> bool {
        match self {
            Self::Words(words) => row.holds(words),
            Self::Last(wanted, _) | Self::Older(wanted, _) => target == wanted,
        }
    }

    /// Returns the most rows of one conversation that are of use.
    fn max_rows(&self) -> usize {
        match self {
            Self::Words(_) => limits::SEARCH_RESULTS,
            Self::Last(_, count) | Self::Older(_, count) => *count,
        }
    }
}

/// Reads the covered part of the log in a directory; returns the rows, those of a conversation in order.
pub fn look_up(
    directory: &Path,
    covered: &Covered,
    me: &UserName,
    lookup: &Lookup,
) -> Result<Vec<(Target, Row)>, LogError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let wanted = lookup.clone();
    let mut state = ClientState::new(me.clone());
    state.keep_only(lookup.max_rows(), Box::new(move |target, row| wanted.wants(target, row)));
    let location = location_of(&disk, directory);
    replay_covered(&location, covered, &mut |fields| {
        Record::from_fields(fields).map(|record| _ = state.apply(record))
    })?;
    Ok(state.into_rows())
}
