//! The commands that find and hide: `/search`, `/unread`, `/whois`, `/ignore`.

use std::sync::Arc;

use super::App;
use super::view::{View, answer, notice};
use crate::client::texts::Phrase;
use crate::limits;
use crate::model::{Message, RoomName, Target, UserName};
use crate::protocol::{Chat, User};

impl App {
    pub(super) fn search(&self, words: &[String]) -> Vec<View> {
        let found = self.state.search(words, limits::SEARCH_RESULTS);
        if found.is_empty() {
            return vec![answer(Phrase::NothingFound)];
        }
        found.into_iter().map(|(target, row)| View::Found(target, row)).collect()
    }

    /// Lists what was received and not read: the server knows the read numbers, the history the messages. Hidden
    /// messages are left out.
    pub(super) fn list_unread(&self, chats: &[Chat]) -> Vec<View> {
        let line = |chat: &Chat| {
            let (count, last) = self.state.unread(&chat.target, chat.read)?;
            Some(View::Unread { target: chat.target.clone(), count, last })
        };
        let views: Vec<_> = chats.iter().filter_map(line).collect();
        if views.is_empty() { vec![answer(Phrase::NothingUnread)] } else { views }
    }

    pub(super) fn show_user(&mut self, user: &UserName, seen: Option<&User>, rooms: &[RoomName]) -> Vec<View> {
        let Some(seen) = seen else { return vec![self.problem(Phrase::NoSuchUser { user })] };
        let mut views = vec![Self::view_of_user(seen)];
        if !rooms.is_empty() {
            let rooms: Vec<_> = rooms.iter().map(ToString::to_string).collect();
            views.push(answer(Phrase::SharedRooms { rooms: &rooms.join(" ") }));
        }
        if self.state.is_ignored(user) {
            views.push(answer(Phrase::IsIgnored { user }));
        }
        views.extend(self.state.last_rows(&Target::User(user.clone()), 1).into_iter().map(View::Row));
        views
    }

    pub(super) fn view_of_user(seen: &User) -> View {
        let user = &seen.name;
        answer(match (seen.online, &seen.last_seen) {
            (true, _) => Phrase::Online { user },
            (false, None) => Phrase::Offline { user },
            (false, Some(seen)) => Phrase::OfflineSince { user, seen },
        })
    }

    /// `/ignore luis`: hides a user's messages, or shows them again; `/ignore`: lists the hidden users.
    pub(super) fn ignore(&mut self, user: Option<&UserName>) -> Vec<View> {
        if self.setting.piped {
            return vec![self.problem(Phrase::AtTerminalOnly)];
        }
        let Some(user) = user else { return self.list_ignored() };
        let hidden = self.state.toggle_ignored(user);
        vec![notice(if hidden { Phrase::Ignored { user } } else { Phrase::NotIgnored { user } })]
    }

    fn list_ignored(&self) -> Vec<View> {
        let names = self.state.ignored();
        if names.is_empty() { vec![answer(Phrase::NobodyIgnored)] } else { vec![View::Answer(names.join(" "))] }
    }

    /// Makes the view of a received message.
    pub(super) fn view_of(&self, message: Arc<Message>) -> View {
        if self.state.is_ignored(&message.from) { View::Hidden(message) } else { View::Incoming(message) }
    }
}
