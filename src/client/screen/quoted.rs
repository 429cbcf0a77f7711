//! Messages of the history in an answer, such as that of `/search`: they stay on the screen as notes, and lose their texts
//! when they are taken back.

use std::sync::Arc;

use crate::client::app::view::View;
use crate::client::state::ClientState;
use crate::client::state::row::Row;
use crate::model::{Message, Target};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quoted {
    Row(Row),
    Found(Target, Row),
    Unread { target: Target, count: usize, more: bool, last: Arc<Message> },
}

impl Quoted {
    /// Returns what a view shows of the history, if it does.
    pub(super) fn of(view: &View) -> Option<Self> {
        match view.clone() {
            View::Row(row) => Some(Self::Row(row)),
            View::Found(target, row) => Some(Self::Found(target, row)),
            View::Unread { target, count, more, last } => Some(Self::Unread { target, count, more, last }),
            _ => None,
        }
    }

    pub(super) fn view(&self) -> View {
        match self.clone() {
            Self::Row(row) => View::Row(row),
            Self::Found(target, row) => View::Found(target, row),
            Self::Unread { target, count, more, last } => View::Unread { target, count, more, last },
        }
    }

    /// Removes the text, if the message is known as taken back since. `false`: there is nothing to remove.
    pub(super) fn forget_erased(&mut self, state: &ClientState) -> bool {
        match self {
            Self::Row(row) | Self::Found(_, row) => {
                let is_new = !row.is_erased() && state.is_row_erased(row);
                if is_new {
                    row.empty();
                }
                is_new
            }
            Self::Unread { last, .. } => {
                let known = state.as_known(last.clone());
                let is_new = known.text.is_erased() && !last.text.is_erased();
                *last = known;
                is_new
            }
        }
    }
}
