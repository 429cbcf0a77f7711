//! The commands, carried out.

use super::command::Command;
use super::destination::Destination;
use super::view::{View, answer, damaged};
use super::{App, Input, Server, commands, parse};
use crate::client::link::request::{LogOut, Request};
use crate::client::state::lookup::Lookup;
use crate::client::state::row::Row;
use crate::limits;
use crate::model::{Target, Text, Timestamp};
use crate::protocol::HistoryRecord;
use crate::texts::{Language, Phrase};

impl App {
    /// Handles a line. One that ends in one backslash goes on with the next one; two backslashes are two.
    pub(super) fn handle_line(&mut self, line: &str) {
        if self.asks_secret() {
            return self.handle_whole_line(line);
        }
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
        } else {
            self.handle_whole_line(&whole);
        }
    }

    pub(super) fn handle_input_end(&mut self) {
        if let Some(begun) = self.take_begun() {
            self.handle_whole_line(&begun);
        }
        self.leave();
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

    /// Handles a whole command or message.
    pub(super) fn handle_whole_line(&mut self, line: &str) {
        if self.asks_secret() {
            let Input::Secret(question) = std::mem::replace(&mut self.input, Input::Line) else { return };
            return self.handle_secret(question, line);
        }
        match parse::parse(line) {
            // A script expects to see the effect of the lines before this one.
            Ok(command) if self.setting.piped && command.looks_back() => {
                self.input = Input::Deferred(command);
            }
            Ok(command) if self.needs_confirmation(&command) => {}
            Ok(command) if self.waits_for_lobby(&command) => self.input = Input::Undirected(command),
            Ok(command) => self.execute(command),
            Err(why) => self.problem(why),
        }
    }

    /// Carries out a deferred command once the messages before it are answered, or do not move.
    pub(super) fn resume(&mut self) {
        if self.is_moving() && !self.state.outbox().is_empty() {
            return;
        }
        if let Input::Deferred(command) = &self.input {
            let command = command.clone();
            self.input = Input::Line;
            self.execute(command);
        }
    }

    pub(super) fn execute(&mut self, command: Command) {
        match command {
            Command::Nothing => {}
            command if self.setting.piped && command.needs_terminal() => self.problem(Phrase::AtTerminalOnly),
            // A script may have such lines between its messages.
            Command::Blank if self.setting.piped => {}
            Command::Blank => self.problem(Phrase::EmptyMessage),
            Command::Say { to: Some(to), text } => self.say(to, text),
            Command::Say { to: None, text } => self.say_here(text),
            Command::Reply(text) => self.reply(text),
            Command::Away(text) => self.set_away(text),
            Command::Passwd => self.begin_passwd(),
            Command::Email(address) => _ = self.ask_server(Request::Email(address)),
            Command::Set(set) => self.set(set),
            Command::Query(None) => self.destination = Destination::Nowhere,
            Command::Query(Some(target)) => self.query(target),
            Command::History { target, count } => self.show_history(target, count),
            Command::Search(words) => self.search(&words),
            Command::Erase { user, n } => self.erase(user, n),
            Command::Unread => _ = self.ask_server(Request::Chats),
            Command::Whois(user) => _ = self.ask_server(Request::Whois(user)),
            Command::Ignore(user) => self.ignore(user.as_ref()),
            Command::Mute(target) => self.mute(target),
            Command::Clear => self.show(View::Clear),
            Command::Users => _ = self.ask_server(Request::Users),
            Command::Status(target) => self.show_status(target),
            Command::Read(target) => self.mark_read(target.as_ref()),
            Command::Join { room, sure } => self.join_if_meant(room, sure),
            Command::Leave(room) => self.leave_room(room),
            Command::Rooms => _ = self.ask_server(Request::Rooms),
            Command::Members(room) => self.list_members(room),
            Command::Change(room, change) => self.change_room(room, change),
            Command::Topic(room) => self.ask_topic(room),
            Command::Sessions => _ = self.ask_server(Request::Sessions),
            Command::Devices => _ = self.ask_server(Request::Devices),
            Command::Forget(device) => self.forget(device),
            Command::LogOut(number) => self.log_out(number),
            Command::Direct(Some(peer)) => self.open_direct(&peer),
            Command::Direct(None) => self.list_direct(),
            Command::Accept(caller) => self.accept_call(caller.as_ref()),
            Command::Deny(caller) => self.deny_call(&caller),
            Command::Permit(Some((user, permitted))) => _ = self.ask_server(Request::Permit(user, permitted)),
            Command::Permit(None) => _ = self.ask_server(Request::Permits),
            Command::Close => self.close_direct(),
            Command::Resend => self.resend(),
            Command::Help(verb) => self.help(verb.as_deref()),
            Command::Quit => self.leave(),
        }
    }

    /// Reads no more lines. Messages that are on their way get a little time.
    fn leave(&mut self) {
        self.input = Input::Leaving;
        self.progress = self.context.now;
    }

    fn say_here(&mut self, text: Text) {
        match self.destination.clone() {
            Destination::Direct(peer) => self.say_directly(&peer, text),
            Destination::Conversation(to) => self.say(to, text),
            Destination::Undecided | Destination::Nowhere => self.problem(Phrase::NoChat),
        }
    }

    fn show_history(&mut self, target: Option<Target>, count: usize) {
        let Some(target) = target.or_else(|| self.current()) else { return self.problem(Phrase::NoChat) };
        let rows = self.state.last_rows(&target, count);
        // A pipe has no history of its own. The server has all messages: a member who joined a room later has not.
        if rows.is_empty() || self.setting.piped || self.server == Server::Reachable {
            self.ask_server(Request::History(target, count));
        } else if self.state.lacks_rows(&target) {
            self.look_up(Lookup::Last(target, count));
        } else {
            self.output.views.extend(rows.into_iter().map(View::Row));
        }
    }

    /// Shows the last messages of a conversation as the server has them, and between them, by their times, those that
    /// it does not have.
    pub(super) fn show_records(&mut self, target: &Target, count: usize, records: Vec<HistoryRecord>) {
        let begins_here = records.len() < count;
        let mut last = None;
        let mut views: Vec<_> =
            records.into_iter().map(|record| self.view_of_record(target, record, &mut last)).collect();
        let first = views.first().and_then(|(at, _)| *at);
        for row in self.state.rows_without_server(target) {
            let at = row.at();
            if begins_here || at >= first {
                let place = views.partition_point(|(other, _)| *other <= at);
                views.insert(place, (at, View::Row(row)));
            }
        }
        let skipped = views.len().saturating_sub(count);
        self.show_all(views.into_iter().skip(skipped).map(|(_, view)| view), Phrase::NothingThere);
    }

    /// Makes a view of a record that the server returned, with its time; a damaged one has that of the record before.
    fn view_of_record(
        &self,
        target: &Target,
        record: HistoryRecord,
        at: &mut Option<Timestamp>,
    ) -> (Option<Timestamp>, View) {
        let view = match record {
            HistoryRecord::Damaged { first, last } => damaged(target, first, last),
            HistoryRecord::Message { message, state } => {
                *at = Some(message.at);
                // It may have been taken back since the server was asked. The log of a pipe may be of another store.
                let message = if self.setting.piped { message } else { self.state.as_known(message) };
                let is_mine = self.state.is_mine(&message);
                View::Row(if is_mine { Row::Sent(message, state) } else { Row::Received(message) })
            }
        };
        (*at, view)
    }

    /// Asks the server. `false`: too many questions wait, which is shown.
    pub(super) fn ask_server(&mut self, question: Request) -> bool {
        let fits = self.dispatcher.add_question(question);
        if !fits {
            self.problem(Phrase::TooManyQuestions);
        }
        fits
    }

    /// `/logout`. A pipe has no RECV session: the one that there may be is another client's.
    fn log_out(&mut self, number: Option<u64>) {
        let which = number.map_or(LogOut::Others { with_recv: self.setting.piped }, LogOut::One);
        self.ask_server(Request::LogOut(which));
    }

    fn show_status(&mut self, target: Option<Target>) {
        let Some(target) = target else { return self.show_own_status() };
        match self.state.last_sent(&target) {
            Some((message, _)) => _ = self.ask_server(Request::Status(target, message.seq)),
            None => self.show(answer(Phrase::NothingSent { target: &target })),
        }
    }

    fn show_own_status(&mut self) {
        let server = &self.setting.server;
        let outbox = self.state.outbox();
        let is_away = self.server == Server::Away;
        let link = if is_away { Phrase::AwayFrom { server } } else { Phrase::Connected { server } };
        self.output.views.extend([answer(link), answer(Phrase::InOutbox { count: &outbox.len() })]);
        let waiting = outbox.iter().take(10).map(|message| answer(format_args!("… {}: {}", message.to, message.text)));
        self.output.views.extend(waiting);
    }

    /// Marks one conversation as read, or all of them. A user whose messages are hidden is told only if named.
    fn mark_read(&mut self, target: Option<&Target>) {
        let received = self.state.last_received().into_iter();
        for (known, seq) in received.filter(|(known, _)| target.is_none_or(|target| target == known)) {
            self.state.mark_seen(&known, seq);
            if target.is_some() || !self.state.is_hidden(&known) {
                self.dispatcher.add_read(known, seq);
            }
        }
    }

    fn help(&mut self, verb: Option<&str>) {
        let language = Language::current();
        let Some(verb) = verb else {
            let lines = commands::lines(language).map(|(form, help)| View::Help { form: form.to_owned(), help });
            return self.output.views.extend(lines);
        };
        match commands::find(verb) {
            Some(row) => {
                self.show(View::Help { form: row.form.text(language).to_owned(), help: row.explained(language) });
            }
            None => self.problem(parse::explain_unknown(verb)),
        }
    }
}
