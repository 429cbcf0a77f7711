//! Finding and hiding: `/search`, `/unread`, `/whois`, `/ignore`, `/clear`.

use std::sync::Arc;

use super::app::App;
use super::event::{Chat, User};
use super::texts::Phrase;
use super::view::{View, answer, notice};
use crate::limits;
use crate::model::{Message, Target, UserName};

impl App {
    pub(super) fn search(&self, words: &[String]) -> Vec<View> {
        let found = self.home.history.lock().search(words, limits::FOUND);
        if found.is_empty() {
            return vec![answer(Phrase::NothingFound)];
        }
        found.into_iter().map(|(target, row)| View::Found(target, row)).collect()
    }

    /// The server knows what was read, and the history here what has come since. What is hidden will not be
    /// read, and is not asked for.
    pub(super) fn list_unread(&self, chats: &[Chat]) -> Vec<View> {
        let history = self.home.history.lock();
        let line = |chat: &Chat| {
            let (count, last) = history.unread(&chat.target, chat.read)?;
            Some(View::Unread { target: chat.target.clone(), count, last })
        };
        let views: Vec<_> = chats.iter().filter_map(line).collect();
        if views.is_empty() { vec![answer(Phrase::NothingUnread)] } else { views }
    }

    pub(super) fn who_is(&mut self, user: &UserName, seen: Option<&User>, rooms: &[String]) -> Vec<View> {
        let Some(seen) = seen else { return vec![self.problem(Phrase::NoSuchUser { user })] };
        let mut views = vec![View::Answer(seen.to_string())];
        if !rooms.is_empty() {
            views.push(answer(Phrase::SharedRooms { rooms: &rooms.join(" ") }));
        }
        if self.ignores(user) {
            views.push(answer(Phrase::IsIgnored { user }));
        }
        views.extend(self.home.history.lock().last_rows(&Target::User(user.clone()), 1).into_iter().map(View::Row));
        views
    }

    /// `/ignore luis`: hides him, or shows him again; `/ignore`: who is hidden.
    pub(super) fn ignore(&mut self, user: Option<&UserName>) -> Vec<View> {
        if self.setting.piped {
            return vec![self.problem(Phrase::AtTerminalOnly)];
        }
        let Some(user) = user else { return self.list_ignored() };
        let hidden = self.home.history.lock().toggle_ignored(user);
        match hidden {
            Ok(true) => vec![notice(Phrase::Ignored { user })],
            Ok(false) => vec![notice(Phrase::NotIgnored { user })],
            Err(error) => self.files_failed(&error),
        }
    }

    fn list_ignored(&self) -> Vec<View> {
        let mut names: Vec<_> = self.home.history.lock().ignored().iter().map(ToString::to_string).collect();
        names.sort();
        if names.is_empty() { vec![answer(Phrase::NobodyIgnored)] } else { vec![View::Answer(names.join(" "))] }
    }

    pub(super) fn ignores(&self, user: &UserName) -> bool {
        self.home.history.lock().is_ignored(user)
    }

    /// A message as it is to be shown, or not.
    pub(super) fn incoming(&self, message: Arc<Message>) -> View {
        if self.ignores(&message.from) { View::Hidden(message) } else { View::Incoming(message) }
    }

    pub(super) fn clear(&mut self) -> Vec<View> {
        if self.setting.piped {
            return vec![self.problem(Phrase::AtTerminalOnly)];
        }
        vec![View::Clear]
    }
}
