//! The commands that find and hide: `/search`, `/unread`, `/whois`, `/ignore`.

use std::fmt;
use std::sync::Arc;

use super::App;
use super::event::Effect;
use super::view::{View, answer, notice};
use crate::client::state::lookup::Lookup;
use crate::client::state::row::Row;
use crate::limits;
use crate::model::{Message, RoomName, Target, Timestamp, UserName};
use crate::protocol::reply::OpenSession;
use crate::protocol::{Chat, Port, User};
use crate::texts::Phrase;
use crate::texts::when::when;

impl App {
    pub(super) fn search(&mut self, words: &[String]) {
        if self.state.has_older_rows() {
            return self.look_up(Lookup::Words(words.to_vec()));
        }
        self.show_found(self.state.search(words));
    }

    fn show_found(&mut self, mut found: Vec<(Target, Row)>) {
        found.sort_by_key(|(_, row)| (row.at(), row.seq()));
        let skipped = found.len().saturating_sub(limits::SEARCH_RESULTS);
        let views = found.into_iter().skip(skipped).map(|(target, row)| View::Found(target, row));
        self.show_all(views, Phrase::NothingFound);
    }

    /// Looks for rows in the log that memory does not hold.
    pub(super) fn look_up(&mut self, lookup: Lookup) {
        if self.lookups >= limits::CLIENT_QUESTIONS {
            return self.fail_lookup(lookup, &Phrase::TooManyQuestions);
        }
        self.lookups += 1;
        self.output.effects.push(Effect::LookUp(lookup));
    }

    /// Shows the last rows of a conversation in the order of their times. A gap stands before the row after it.
    fn show_last(&mut self, found: Vec<(Target, Row)>, count: usize) {
        let mut rows = Vec::new();
        let mut next = None;
        for (_, row) in found.into_iter().rev() {
            next = row.at().or(next);
            rows.push((next, row));
        }
        rows.reverse();
        rows.sort_by_key(|(at, _)| *at);
        let skipped = rows.len().saturating_sub(count);
        self.show_all(rows.into_iter().skip(skipped).map(|(_, row)| View::Row(row)), Phrase::NothingThere);
    }

    /// Reports that a lookup failed. A user who scrolls is shown no rows, so that the front end waits for none.
    fn fail_lookup(&mut self, lookup: Lookup, why: &dyn fmt::Display) {
        self.problem(why);
        if let Lookup::Older(target, _) = lookup {
            self.show(View::Older(target, Vec::new()));
        }
    }

    /// Shows what was looked up, with what memory holds.
    pub(super) fn handle_looked_up(&mut self, lookup: Lookup, rows: Result<Vec<(Target, Row)>, String>) {
        self.lookups = self.lookups.saturating_sub(1);
        let rows = match rows {
            Ok(rows) => rows,
            Err(why) => return self.fail_lookup(lookup, &why),
        };
        let found = self.state.with_rows_in_memory(rows, &lookup);
        match lookup {
            Lookup::Words(_) => self.show_found(found),
            Lookup::Last(_, count) => self.show_last(found, count),
            Lookup::Older(target, _) => {
                self.show(View::Older(target, found.into_iter().map(|(_, row)| row).collect()));
            }
        }
    }

    /// Shows the views of an answer; if there are none, this phrase.
    pub(super) fn show_all(&mut self, views: impl Iterator<Item = View>, none: Phrase) {
        let before = self.output.views.len();
        self.output.views.extend(views);
        if self.output.views.len() == before {
            self.show(answer(none));
        }
    }

    /// Lists what was received and not read: the server knows the read numbers, the history the messages. Hidden
    /// messages are left out.
    pub(super) fn list_unread(&mut self, chats: &[Chat]) {
        let line = |chat: &Chat| {
            let (count, more, last) = self.state.unread(&chat.target, chat.read)?;
            Some(View::Unread { target: chat.target.clone(), count, more, last })
        };
        let views: Vec<_> = chats.iter().filter_map(line).collect();
        self.show_all(views.into_iter(), Phrase::NothingUnread);
    }

    pub(super) fn show_user(&mut self, user: &UserName, seen: Option<&User>, rooms: &[RoomName]) {
        let Some(seen) = seen else { return self.problem(Phrase::NoSuchUser { user }) };
        self.show(Self::view_of_user(seen, self.context.at));
        if !rooms.is_empty() {
            let rooms: Vec<_> = rooms.iter().map(ToString::to_string).collect();
            self.show(answer(Phrase::SharedRooms { rooms: &rooms.join(" ") }));
        }
        if self.state.is_ignored(user) {
            self.show(answer(Phrase::IsIgnored { user }));
        }
        let last = self.state.last_rows(&Target::User(user.clone()), 1);
        self.output.views.extend(last.into_iter().map(View::Row));
    }

    /// Returns a user's presence; `now`: the present time.
    pub(super) fn view_of_user(seen: &User, now: Timestamp) -> View {
        let user = &seen.name;
        let last_seen = seen.last_seen.map(|at| when(at, now));
        answer(match (seen.online, &last_seen) {
            (true, _) => Phrase::Online { user },
            (false, None) => Phrase::Offline { user },
            (false, Some(seen)) => Phrase::OfflineSince { user, seen },
        })
    }

    /// Returns an open connection. A device has one on the RECV port: while this client polls it is this
    /// client's.
    pub(super) fn view_of_session(&self, open: &OpenSession) -> View {
        let number = &open.number;
        let address = &open.address;
        let since = &when(open.since, self.context.at);
        let is_own = match self.device() {
            Some(own) => open.device.as_ref() == Some(own),
            None => open.device.is_none() && self.polling.works && !self.setting.piped,
        };
        let is_this = open.this || open.port == Port::Recv && is_own;
        let port = &open.port;
        let this = Phrase::ThisSession { number, port, address, since };
        let other = Phrase::OpenSession { number, port, address, since };
        let row = if is_this { this } else { other };
        match &open.device {
            Some(device) => answer(format_args!("{row}; {device}")),
            None => answer(row),
        }
    }

    /// `/ignore luis`: hides a user's messages, or shows them again; `/ignore`: lists the hidden users.
    pub(super) fn ignore(&mut self, user: Option<&UserName>) {
        let Some(user) = user else {
            let names = self.state.ignored();
            return self.show(if names.is_empty() { answer(Phrase::NobodyIgnored) } else { answer(names.join(" ")) });
        };
        let hidden = self.state.toggle_ignored(user);
        if hidden {
            self.end_calls_of(user);
        }
        self.show(notice(if hidden { Phrase::Ignored { user } } else { Phrase::NotIgnored { user } }));
    }

    /// `/mute`: turns the notices of a conversation off, or on again.
    pub(super) fn mute(&mut self, target: Option<Target>) {
        let Some(target) = target.or_else(|| self.current()) else { return self.problem(Phrase::NoChat) };
        let muted = self.state.toggle_muted(&target);
        let target = &target;
        self.show(notice(if muted { Phrase::Muted { target } } else { Phrase::NotMuted { target } }));
    }

    pub(super) fn show_message(&mut self, message: Arc<Message>) {
        let hidden = self.state.is_ignored(&message.from);
        if !hidden {
            self.catch_up.count(self.state.target_of(&message));
            self.note_writer(&message);
        }
        self.show(if hidden { View::Hidden(message) } else { View::Incoming(message) });
    }
}
