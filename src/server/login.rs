//! The first line of a connection (protocol, section 3).

use std::sync::Arc;

use super::connection::{CloseReason, Connection};
use super::{Registration, Shared};
use crate::model::{Password, UserName};
use crate::protocol::{Code, Ko, LoggedIn, Login, LoginKind, Reply};
use crate::state_machine::{Answer, Command};

/// Lets a user in, or says why not: after any KO here the server closes.
pub(super) fn log_in(shared: &Shared, connection: &Arc<Connection>, line: &[u8]) -> Result<UserName, CloseReason> {
    let form = "the first line is LOGIN:<user>:<password> or REGISTER:<user>:<password>";
    let login = Login::parse(line).ok_or_else(|| CloseReason::Ko(Ko::new(Code::Syntax, form)))?;
    let result = match login.kind {
        LoginKind::Register => register(shared, connection, &login),
        LoginKind::Login => check(shared, connection, &login),
    };
    match &result {
        Ok(user) => log::debug!("{}: {user} is in, from {}", connection.id, connection.peer),
        Err(ending) => {
            log::debug!("{}: {:?} is not let in, from {}: {ending:?}", connection.id, login.user, connection.peer)
        }
    }
    result
}

fn check(shared: &Shared, connection: &Arc<Connection>, login: &Login) -> Result<UserName, CloseReason> {
    let name = UserName::new(login.user).ok();
    let account = name.as_ref().and_then(|name| shared.accounts.find(name));
    let password = login.password.as_bytes();
    let Some(account) = account else {
        if shared.registration == Registration::Auto && name.is_some() {
            let registered = register(shared, connection, login);
            // Somebody made it meanwhile, this client's other port perhaps: then it is a LOGIN.
            if registered != Err(Code::Exists.into()) {
                return registered;
            }
            return check(shared, connection, login);
        }
        shared.auth.verify(connection.peer, password, None)?;
        return Err(Code::Auth.into());
    };
    if !shared.accounts.was_verified(&account, password) {
        if !shared.auth.verify(connection.peer, password, account.password_hash.clone())? {
            return Err(Code::Auth.into());
        }
        shared.accounts.remember(&account, password);
    }
    Ok(account.name.clone())
}

fn register(shared: &Shared, connection: &Arc<Connection>, login: &Login) -> Result<UserName, CloseReason> {
    if shared.registration == Registration::Closed {
        return Err(Code::Closed.into());
    }
    let name = UserName::new(login.user).map_err(|error| CloseReason::Ko(Ko::new(Code::Name, error)))?;
    if shared.accounts.find(&name).is_some() {
        return Err(Code::Exists.into());
    }
    let password =
        Password::new(&name, login.password).map_err(|error| CloseReason::Ko(Ko::new(Code::Password, error)))?;
    let password_hash = shared.auth.hash(connection.peer, password.as_bytes())?.ok_or(Code::Internal)?;
    match shared.ask(connection, Command::Register { name: name.clone(), password_hash: password_hash.clone() })? {
        Answer::Reply(Reply::LoggedIn(LoggedIn { user })) => {
            remember(shared, &user, &password_hash, &password);
            Ok(user)
        }
        Answer::Reply(Reply::Ko(ko)) => Err(CloseReason::Ko(ko)),
        _ => Err(Code::Internal.into()),
    }
}

/// A password that was just set need not be verified at the next login, unless another was set since.
pub(super) fn remember(shared: &Shared, user: &UserName, password_hash: &str, password: &Password) {
    if let Some(account) =
        shared.accounts.find(user).filter(|account| account.password_hash.as_deref() == Some(password_hash))
    {
        shared.accounts.remember(&account, password.as_bytes());
    }
}
