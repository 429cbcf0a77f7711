//! A change of the password. With its OK the server closes all other connections of the user (protocol, section 5), so
//! both threads need the new password at once.

use super::account::Account;
use super::error::LinkError;
use super::perform::perform;
use super::request::{Answer, Request, Secret};
use super::session::Session;
use crate::protocol::Code;

/// Carries out the request for a new password, and gives it to the account. Where no reply came, a login with the new password tells the outcome.
pub fn change_password(
    account: &mut Account,
    session: &mut Option<Session>,
    request: &Request,
    new: &Secret,
) -> Result<Answer, LinkError> {
    // An idle connection may be closed already: the outcome would be unknown without need.
    if let Some(session) = session.take() {
        session.quit();
    }
    let mut open = Session::open(account)?;
    match perform(request, &mut open) {
        Ok(Answer::Done) => *session = Some(open),
        Ok(refusal) => return Ok(refusal),
        Err(error) => {
            let changed = Account { password: new.0.clone(), register: false, device: None, ..account.clone() };
            match (Session::open(&changed), error) {
                (Ok(open), _) => *session = Some(open),
                // A wrong old password closes the connection, as LOGOUT elsewhere does.
                (Err(_), LinkError::LoggedOut) => return Ok(Answer::Refused(Code::Auth.into())),
                (Err(_), error) => return Err(error),
            }
        }
    }
    account.password = new.0.clone();
    Ok(Answer::Done)
}
