//! Entering: from the options of `wachat connect` to an account and its first connection. At a terminal the user is asked
//! for a password, or for a new one where the name is free; a script is asked nothing.

use std::fmt;
use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;

use super::exit::{Exit, Failure, note};
use super::link::account::Account;
use super::link::device::Device;
use super::link::error::LinkError;
use super::link::protection::Protection;
use super::link::servers::Servers;
use super::link::session::{Availability, Session, find_availability};
use super::options::{ConnectArgs, FrontEnd, given_password, prompt_for};
use crate::limits;
use crate::model::{Password, UserName};
use crate::protocol::Code;
use crate::texts::{Language, Phrase};
use crate::trace::Trace;

/// Stands for the password where none is sent.
const NO_PASSWORD: &str = "?";

/// Times that a password is asked for.
const PASSWORD_TRIES: u32 = 3;

/// An account, and its first connection or the reason why there is none.
pub struct Entry {
    pub account: Account,
    pub session: Result<Session, String>,
    /// The login may have created the account.
    pub may_be_new: bool,
}

/// A user at the entrance.
pub struct SignIn<'a> {
    args: &'a ConnectArgs,
    user: UserName,
    /// The user has been at this server before, from here.
    was_here: bool,
    trace: Option<Trace>,
    protection: Protection,
    servers: Arc<Servers>,
    device: Option<Arc<Device>>,
}

impl<'a> SignIn<'a> {
    pub fn new(
        args: &'a ConnectArgs,
        user: UserName,
        was_here: bool,
        trace: Option<Trace>,
        device: Option<Arc<Device>>,
        servers: Arc<Servers>,
    ) -> Result<Self, Failure> {
        let protection = args.account.protection()?;
        Ok(Self { args, user, was_here, trace, protection, servers, device })
    }

    /// Enters with the key of the device, else with the password that is given, or asks for one.
    pub fn enter(&self, piped: bool) -> Result<Entry, Failure> {
        let entry = self.choose_way(piped);
        self.tell_news(false);
        entry
    }

    fn choose_way(&self, piped: bool) -> Result<Entry, Failure> {
        if let Some(entry) = self.enter_by_key()? {
            return Ok(entry);
        }
        match given_password(self.args.account.password_file.as_deref())? {
            Some(password) if piped || self.args.register => self.enter_unasked(password),
            Some(password) => self.enter_with(password),
            None if piped => self.enter_unasked(self.prompt()?),
            None if !self.was_here && self.is_free() => self.register(),
            None => self.ask_password(),
        }
    }

    /// Logs in with the key that an earlier start has kept. `None`: there is none, or the server does not take it any more, or
    /// has no devices.
    fn enter_by_key(&self) -> Result<Option<Entry>, Failure> {
        let Some(device) = self.device.as_ref().filter(|device| device.usable_key().is_some()) else { return Ok(None) };
        let account = self.account(NO_PASSWORD.to_owned(), false)?;
        match Session::open(&account) {
            Err(error @ (LinkError::KeyEnded | LinkError::NoDevices)) => {
                note(&error.to_string());
                // The password follows.
                device.take_refusal();
                Ok(None)
            }
            session => entry(account, session, false).map(Some),
        }
    }

    fn prompt(&self) -> Result<String, Failure> {
        prompt_for(Phrase::PasswordOf { user: &self.user })
    }

    fn account(&self, password: String, register: bool) -> Result<Account, Failure> {
        let account = self.args.account.account_with(self.user.clone(), password, register, self.protection.clone())?;
        let trace = self.trace.clone();
        let device = self.device.clone();
        let servers = self.servers.clone();
        Ok(Account { trace, device, servers, ..account })
    }

    /// Logs in, and asks nothing whatever the reply is.
    fn enter_unasked(&self, password: String) -> Result<Entry, Failure> {
        let account = self.account(password, self.args.register)?;
        let session = Session::open(&account);
        entry(account, session, self.args.register)
    }

    /// Logs in with the password of a file or the environment. An account that is created gets it, too.
    fn enter_with(&self, password: String) -> Result<Entry, Failure> {
        let account = self.account(password, false)?;
        match Session::open(&account) {
            Err(error) if is_wrong_password(&error) => {}
            session => return entry(account, session, false),
        }
        if let Some(why) = self.reason(find_availability(&account)?) {
            return Err(refused(why));
        }
        self.confirm()?;
        // For this once: an account that vanishes later is not created again without a question.
        let session = Session::open(&Account { register: true, ..account.clone() });
        entry(account, session, true)
    }

    /// Asks for the password, again if it is wrong.
    fn ask_password(&self) -> Result<Entry, Failure> {
        for left in (0..PASSWORD_TRIES).rev() {
            let account = self.account(self.prompt()?, false)?;
            match Session::open(&account) {
                Err(error) if is_wrong_password(&error) => {}
                session => return self.entry(account, session),
            }
            match self.reason(find_availability(&account)?) {
                None => return self.register(),
                Some(why) if left > 0 => note(&why.to_string()),
                Some(why) => return Err(refused(why)),
            }
        }
        Err(refused(Phrase::WrongPassword { user: &self.user }))
    }

    /// Returns the reason why the password was refused; `None`: there is no such account.
    fn reason(&self, availability: Availability) -> Option<Phrase<'_>> {
        let user = &self.user;
        match availability {
            Availability::Free => None,
            Availability::Taken => Some(Phrase::WrongPassword { user }),
            Availability::Closed => Some(Phrase::WrongOrClosed { user }),
        }
    }

    /// Checks that the name is known to be free.
    fn is_free(&self) -> bool {
        // That of the question is another one.
        let account = self.account(NO_PASSWORD.to_owned(), false);
        let is_free = account.is_ok_and(|account| matches!(find_availability(&account), Ok(Availability::Free)));
        self.tell_news(true);
        is_free
    }

    /// Creates the account, with a password that is typed twice.
    fn register(&self) -> Result<Entry, Failure> {
        if !self.args.register {
            self.confirm()?;
        }
        for _ in 0..PASSWORD_TRIES {
            let password = prompt_for(Phrase::NewPasswordOf { user: &self.user })?;
            if Password::new(&self.user, &password).is_err() {
                note(&Phrase::PasswordRules { least: &limits::PASSWORD_CHARS }.to_string());
            } else if prompt_for(Phrase::PasswordAgain)? != password {
                note(&Phrase::Different.to_string());
            } else {
                let account = self.account(password, true)?;
                let session = Session::open(&account);
                return self.entry(account, session);
            }
        }
        Err(refused(Phrase::NotRegistered))
    }

    /// Returns the entry; later logins create the account only with `--register`.
    fn entry(&self, account: Account, session: Result<Session, LinkError>) -> Result<Entry, Failure> {
        let may_be_new = account.register;
        entry(Account { register: self.args.register, ..account }, session, may_be_new)
    }

    /// Tells of a certificate that was seen for the first time: before a question, and at the end, unless the full screen
    /// will.
    fn tell_news(&self, before_question: bool) {
        let on_screen = self.args.front_end() == FrontEnd::FullScreen;
        let Some(trust) = self.protection.trust().filter(|_| before_question || !on_screen) else { return };
        let mut news = trust.news.lock();
        news.iter().for_each(|news| note(news));
        if !on_screen {
            *news = None;
        }
    }

    /// Asks whether the account is to be created.
    fn confirm(&self) -> Result<(), Failure> {
        let server = self.servers.name();
        let user = &self.user;
        let rules = Phrase::NewHere { server: &server, user };
        let question = Phrase::MayRegister { user };
        let answer = ask(&format_args!("{rules}\n{question}")).unwrap_or_default();
        if Language::current().is_yes(answer.trim()) { Ok(()) } else { Err(refused(Phrase::NotRegistered)) }
    }
}

/// A server that is away is no failure: what is written waits in the outbox.
fn entry(account: Account, session: Result<Session, LinkError>, may_be_new: bool) -> Result<Entry, Failure> {
    match session {
        Ok(session) => Ok(Entry { account, session: Ok(session), may_be_new }),
        Err(error) if error.is_away() => Ok(Entry { account, session: Err(error.to_string()), may_be_new }),
        Err(error) => Err((Exit::Refused, error.to_string())),
    }
}

fn is_wrong_password(error: &LinkError) -> bool {
    matches!(error, LinkError::Refused(ko) if ko.code == Code::Auth)
}

fn refused(why: Phrase) -> Failure {
    (Exit::Refused, why.to_string())
}

/// Asks a question on standard output, and returns the line that is the answer.
pub(crate) fn ask(question: &dyn fmt::Display) -> io::Result<String> {
    let mut out = io::stdout().lock();
    let mut answer = String::new();
    write!(out, "{question}")?;
    out.flush()?;
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer)
}
