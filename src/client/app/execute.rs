//! What each command does.

use super::agenda::Ask;
use super::app::App;
use super::commands::{self, Command};
use super::conversation::Row;
use super::parse;
use super::texts::{Language, Phrase};
use super::view::{View, answer};
use crate::model::{Seq, Target, Text};
use crate::protocol::HistoryRecord;

impl App {
    /// Does what a person wants, and says what to show.
    pub(super) fn obey(&mut self, command: Command) -> Vec<View> {
        match command {
            Command::Nothing => Vec::new(),
            Command::Say { to: Some(to), text } => self.say(to, text),
            Command::Say { to: None, text } => self.say_here(text),
            Command::Query(target) => {
                self.choose(target);
                Vec::new()
            }
            Command::History { target, count } => self.look_back(target, count),
            Command::Search(words) => self.search(&words),
            Command::Unread => self.ask(Ask::Chats),
            Command::Whois(user) => self.ask(Ask::Whois(user)),
            Command::Ignore(user) => self.ignore(user.as_ref()),
            Command::Clear => self.clear(),
            Command::Users => self.ask(Ask::Users),
            Command::Status(target) => self.status(target),
            Command::Read(target) => self.read(target.as_ref()),
            Command::Join(room) => self.join(room),
            Command::Leave(room) => self.leave_room(room),
            Command::Rooms => self.ask(Ask::Rooms),
            Command::Members(room) => self.members(room),
            Command::Direct(Some(peer)) => self.call(&peer),
            Command::Direct(None) => self.list_direct(),
            Command::Close => self.hang_up(),
            Command::Resend => self.resend(),
            Command::Help(verb) => self.help(verb.as_deref()),
            Command::Quit => self.leave(),
        }
    }

    /// A line without a command: to the direct chat, or to the current one.
    fn say_here(&mut self, text: Text) -> Vec<View> {
        match (self.say_directly(text), self.current.clone()) {
            (Ok(views), _) => views,
            (Err(text), Some(to)) => self.say(to, text),
            (Err(_), None) => vec![self.problem(Phrase::NoChat)],
        }
    }

    fn look_back(&mut self, target: Option<Target>, count: usize) -> Vec<View> {
        let Some(target) = target.or_else(|| self.current.clone()) else { return vec![self.problem(Phrase::NoChat)] };
        let rows = self.home.history.lock().last_rows(&target, count);
        // A pipe has no history of its own to look back on, nor has a person at a new machine. Of a room the
        // server has all, and who joined later, or fell behind, has not.
        let is_room = matches!(target, Target::Room(_)) && !self.away;
        if rows.is_empty() || self.setting.piped || is_room {
            return self.ask(Ask::History(target, count));
        }
        rows.into_iter().map(View::Row).collect()
    }

    /// A row as the server has it, as one of my own.
    pub(super) fn row(&self, record: HistoryRecord) -> Row {
        if self.home.history.lock().is_mine(&record.message) {
            Row::Sent(record.message, record.state)
        } else {
            Row::Received(record.message)
        }
    }

    pub(super) fn ask(&mut self, ask: Ask) -> Vec<View> {
        if !self.agenda.ask(ask) {
            return vec![self.problem(Phrase::TooManyQuestions)];
        }
        self.asked += 1;
        Vec::new()
    }

    fn status(&mut self, target: Option<Target>) -> Vec<View> {
        let Some(target) = target else { return self.own_status() };
        let last = self.home.history.lock().last_sent(&target);
        match last {
            Some((message, _)) => self.ask(Ask::Status(target, message.seq)),
            None => vec![answer(Phrase::NothingSent { target: &target })],
        }
    }

    fn own_status(&self) -> Vec<View> {
        let server = &self.setting.server;
        let link = if self.away { Phrase::AwayFrom { server } } else { Phrase::Connected { server } };
        let mut lines = vec![link.to_string()];
        let outbox = self.home.outbox.lock();
        lines.push(Phrase::InOutbox { count: &outbox.len() }.to_string());
        lines.extend(outbox.waiting().take(10).map(|message| format!("… {}: {}", message.to, message.text)));
        lines.into_iter().map(View::Answer).collect()
    }

    fn read(&mut self, target: Option<&Target>) -> Vec<View> {
        let received: Vec<(Target, Seq)> = self.home.history.lock().last_received();
        received
            .into_iter()
            .filter(|(known, _)| target.is_none_or(|target| target == known))
            .for_each(|(known, seq)| self.agenda.read(known, seq));
        Vec::new()
    }

    fn help(&mut self, verb: Option<&str>) -> Vec<View> {
        let Some(verb) = verb else {
            let lines = commands::lines(Language::current());
            return lines.map(|(form, help)| View::Answer(format!("{form:36} {help}"))).collect();
        };
        match commands::find(verb) {
            Some(row) => {
                let language = Language::current();
                vec![View::Answer(format!("{}: {}", row.form.text(language), row.explained(language)))]
            }
            None => vec![self.problem(parse::unknown(verb))],
        }
    }
}
