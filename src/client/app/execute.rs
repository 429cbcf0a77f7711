//! The commands, carried out.

use super::command::Command;
use super::view::{View, answer};
use super::{App, Destination, Input, Server, commands, parse};
use crate::client::link::request::Request;
use crate::client::state::conversation::Row;
use crate::client::texts::{Language, Phrase};
use crate::limits;
use crate::model::{Target, Text};
use crate::protocol::HistoryRecord;

impl App {
    /// Handles a line. One that ends in one backslash goes on with the next one; two backslashes are two.
    pub(super) fn handle_line(&mut self, line: &str) -> Vec<View> {
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        let goes_on = backslashes % 2 == 1;
        let part = if goes_on { line.strip_suffix('\\').unwrap_or(line) } else { line };
        let mut whole = self.take_begun().map_or(String::new(), |begun| begun + "\n");
        // One that is too long already is refused, whatever follows.
        if whole.len() <= limits::TYPED_BYTES {
            whole.push_str(part);
        }
        if goes_on {
            self.input = Input::Continued(whole);
            return Vec::new();
        }
        self.handle_whole_line(&whole)
    }

    pub(super) fn handle_input_end(&mut self) -> Vec<View> {
        let mut views = self.take_begun().map_or(Vec::new(), |begun| self.handle_whole_line(&begun));
        views.extend(self.leave());
        views
    }

    /// Takes the lines that go on with the next one.
    fn take_begun(&mut self) -> Option<String> {
        match std::mem::replace(&mut self.input, Input::Line) {
            Input::Continued(begun) => Some(begun),
            input => {
                self.input = input;
                None
            }
        }
    }

    fn handle_whole_line(&mut self, line: &str) -> Vec<View> {
        match parse::parse(line) {
            // A script expects to see the effect of the lines before this one.
            Ok(command) if self.setting.piped && command.looks_back() => {
                self.input = Input::Deferred(command);
                Vec::new()
            }
            Ok(command) => self.execute(command),
            Err(why) => vec![self.problem(why)],
        }
    }

    /// Carries out a deferred command once the messages before it are answered, or do not move.
    pub(super) fn resume(&mut self) -> Vec<View> {
        if !matches!(self.input, Input::Deferred(_)) || self.is_moving() && !self.state.outbox().is_empty() {
            return Vec::new();
        }
        match std::mem::replace(&mut self.input, Input::Line) {
            Input::Deferred(command) => self.execute(command),
            _ => Vec::new(),
        }
    }

    fn execute(&mut self, command: Command) -> Vec<View> {
        match command {
            Command::Nothing => Vec::new(),
            Command::Say { to: Some(to), text } => self.say(to, text),
            Command::Say { to: None, text } => self.say_here(text),
            Command::Query(target) => {
                self.destination = target.map_or(Destination::Nowhere, Destination::Conversation);
                Vec::new()
            }
            Command::History { target, count } => self.show_history(target, count),
            Command::Search(words) => self.search(&words),
            Command::Unread => self.ask_server(Request::Chats),
            Command::Whois(user) => self.ask_server(Request::Whois(user)),
            Command::Ignore(user) => self.ignore(user.as_ref()),
            Command::Clear if self.setting.piped => vec![self.problem(Phrase::AtTerminalOnly)],
            Command::Clear => vec![View::Clear],
            Command::Users => self.ask_server(Request::Users),
            Command::Status(target) => self.show_status(target),
            Command::Read(target) => self.mark_read(target.as_ref()),
            Command::Join(room) => self.join(room),
            Command::Leave(room) => self.leave_room(room),
            Command::Rooms => self.ask_server(Request::Rooms),
            Command::Members(room) => self.list_members(room),
            Command::Direct(Some(peer)) => self.open_direct(&peer),
            Command::Direct(None) => self.list_direct(),
            Command::Close => self.close_direct(),
            Command::Resend => self.resend(),
            Command::Help(verb) => self.help(verb.as_deref()),
            Command::Quit => self.leave(),
        }
    }

    /// Reads no more lines. Messages that are on their way get a little time.
    fn leave(&mut self) -> Vec<View> {
        self.input = Input::Leaving;
        self.progress = self.moment.now;
        Vec::new()
    }

    fn say_here(&mut self, text: Text) -> Vec<View> {
        match self.destination.clone() {
            Destination::Direct(peer) => self.say_directly(&peer, text),
            Destination::Conversation(to) => self.say(to, text),
            Destination::Undecided | Destination::Nowhere => vec![self.problem(Phrase::NoChat)],
        }
    }

    /// Returns the conversation of a line without a command, if it has one.
    pub(super) fn current(&self) -> Option<Target> {
        match &self.destination {
            Destination::Conversation(target) => Some(target.clone()),
            Destination::Direct(peer) => Some(Target::User(peer.clone())),
            Destination::Undecided | Destination::Nowhere => None,
        }
    }

    fn show_history(&mut self, target: Option<Target>, count: usize) -> Vec<View> {
        let Some(target) = target.or_else(|| self.current()) else { return vec![self.problem(Phrase::NoChat)] };
        let rows = self.state.last_rows(&target, count);
        // A pipe has no history of its own, nor has a person at a new machine. Of a room the server has all, and a
        // member who joined later, or fell behind, has not.
        let is_room = matches!(target, Target::Room(_)) && self.server == Server::Reachable;
        if rows.is_empty() || self.setting.piped || is_room {
            return self.ask_server(Request::History(target, count));
        }
        rows.into_iter().map(View::Row).collect()
    }

    /// Makes a row of a record that the server returned.
    pub(super) fn row_of(&self, record: HistoryRecord) -> Row {
        let mine = self.state.is_mine(&record.message);
        if mine { Row::Sent(record.message, record.state) } else { Row::Received(record.message) }
    }

    /// Asks the server. The views are empty, or say that too many questions wait.
    pub(super) fn ask_server(&mut self, question: Request) -> Vec<View> {
        if self.dispatcher.add_question(question) { Vec::new() } else { vec![self.problem(Phrase::TooManyQuestions)] }
    }

    fn show_status(&mut self, target: Option<Target>) -> Vec<View> {
        let Some(target) = target else { return self.show_own_status() };
        match self.state.last_sent(&target) {
            Some((message, _)) => self.ask_server(Request::Status(target, message.seq)),
            None => vec![answer(Phrase::NothingSent { target: &target })],
        }
    }

    fn show_own_status(&self) -> Vec<View> {
        let server = &self.setting.server;
        let outbox = self.state.outbox();
        let mut lines = vec![
            if self.server == Server::Away { Phrase::AwayFrom { server } } else { Phrase::Connected { server } }
                .to_string(),
            Phrase::InOutbox { count: &outbox.len() }.to_string(),
        ];
        lines.extend(outbox.iter().take(10).map(|message| format!("… {}: {}", message.to, message.text)));
        lines.into_iter().map(View::Answer).collect()
    }

    fn mark_read(&mut self, target: Option<&Target>) -> Vec<View> {
        let received = self.state.last_received().into_iter();
        received
            .filter(|(known, _)| target.is_none_or(|target| target == known))
            .for_each(|(known, seq)| self.dispatcher.add_read(known, seq));
        Vec::new()
    }

    fn help(&mut self, verb: Option<&str>) -> Vec<View> {
        let language = Language::current();
        let Some(verb) = verb else {
            let lines = commands::lines(language);
            return lines.map(|(form, help)| View::Answer(format!("{form:36} {help}"))).collect();
        };
        match commands::find(verb) {
            Some(row) => {
                vec![View::Answer(format!("{}: {}", row.form.text(language), row.explained(language)))]
            }
            None => vec![self.problem(parse::explain_unknown(verb))],
        }
    }
}
