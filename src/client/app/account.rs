//! The commands that concern the user's account, and the settings: `/passwd`, `/email`, `/set`.

use super::event::Effect;
use super::view::{answer, notice};
use super::{App, Input};
use crate::client::link::receiver::Receive;
use crate::client::link::request::{Request, Secret};
use crate::client::state::record::Switch;
use crate::limits;
use crate::model::{Email, Password};
use crate::protocol::{Code, Ko};
use crate::texts::{Phrase, words};

/// The question that the next line answers. The line is a password.
pub enum Question {
    Old,
    New { old: Secret },
    Again { old: Secret, new: Secret },
}

/// A change of the password. It ends the RECV session: that is not the end of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change {
    #[default]
    None,
    /// The server is asked: until its answer it is not known which password it takes.
    Asked,
    /// The server has the new password, and the receiver was not told yet to log in with it.
    Done,
}

impl App {
    /// Checks that the next line is a password: the front end does not show it and keeps it nowhere.
    pub fn asks_secret(&self) -> bool {
        matches!(self.input, Input::Secret(_))
    }

    pub(super) fn begin_passwd(&mut self) {
        self.show(answer(Phrase::PasswordRules { least: &limits::PASSWORD_CHARS }));
        self.input = Input::Secret(Question::Old);
    }

    /// Takes the answer to a question, and asks the next one. An empty line ends it.
    pub(super) fn handle_secret(&mut self, question: Question, line: &str) {
        let typed = Secret(line.to_owned());
        match question {
            _ if line.is_empty() => self.show(notice(Phrase::PasswordKept)),
            Question::Old => self.input = Input::Secret(Question::New { old: typed }),
            Question::New { old } if Password::new(self.state.me(), line).is_err() => {
                self.problem(Phrase::PasswordRules { least: &limits::PASSWORD_CHARS });
                // Asked again: the user may have typed on already, and a password is no message.
                self.input = Input::Secret(Question::New { old });
            }
            Question::New { old } => self.input = Input::Secret(Question::Again { old, new: typed }),
            Question::Again { old, new } if new != typed => {
                self.problem(Phrase::Different);
                self.input = Input::Secret(Question::New { old });
            }
            Question::Again { old, new } => self.change_password(old, new),
        }
    }

    fn change_password(&mut self, old: Secret, new: Secret) {
        if self.ask_server(Request::Passwd(old, new)) {
            self.password_change = Change::Asked;
            self.polling.hold(true);
        }
    }

    pub(super) fn handle_new_password(&mut self, new: Secret) {
        self.output.effects.push(Effect::Receive(Receive::UsePassword(new)));
        self.password_change = Change::Done;
        self.polling.hold(false);
        self.show(notice(Phrase::PasswordChanged));
    }

    pub(super) fn handle_old_password(&mut self, ko: Option<&Ko>) {
        self.password_change = Change::None;
        self.polling.hold(false);
        if let Some(ko) = ko {
            let why = if ko.code == Code::Auth { Phrase::WrongOldPassword.to_string() } else { words::ko(ko) };
            self.problem(why);
        }
    }

    pub(super) fn handle_email(&mut self, address: &Email) {
        let address = address.as_str();
        self.show(notice(if address.is_empty() {
            Phrase::EmailRemoved
        } else {
            Phrase::EmailSet { address: &address }
        }));
    }

    /// Turns a setting on or off, or lists them.
    pub(super) fn set(&mut self, set: Option<(Switch, bool)>) {
        if let Some((switch, on)) = set {
            self.state.turn(switch, on);
        }
        for switch in Switch::ALL {
            let name = switch.name();
            let on = words::on_or_off(self.state.is_on(switch));
            self.show(answer(format_args!("{name}: {on}")));
        }
    }
}
