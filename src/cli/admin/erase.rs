//! `wachat user erase`: takes back all that a user has written.

use super::super::terminal::write_out;
use super::access::StoreArgs;
use crate::client::sign_in::ask;
use crate::model::UserName;
use crate::protocol::control::ControlRequest;
use crate::state_machine::Texts;

/// Rounds in which the texts are looked for again, since other messages may come and go meanwhile.
const ROUNDS: usize = 5;

/// Takes all texts of a user back, once the administrator has said `y`.
pub(super) fn run(store: &StoreArgs, user: &UserName) -> Result<(), String> {
    let mut admin = store.open_existing()?;
    if !admin.accounts()?.iter().any(|account| account.name == *user) {
        return Err(format!("{user}: there is no such user"));
    }
    let files = store.files();
    let read = || files.texts_of(user).map_err(|error| error.to_string());
    let mut texts = read()?;
    if texts.is_empty() {
        return write_out(format!("{user} has no texts here\n").as_bytes());
    }
    confirm(user, &texts)?;
    let mut refusal = Ok(());
    for _ in 0..ROUNDS {
        for texts in &texts {
            refusal = admin.change(&request(user, texts)).map_err(|why| format!("{user}: {why}"));
        }
        texts = read()?;
        if texts.is_empty() {
            return Ok(());
        }
    }
    refusal.and_then(|()| Err(format!("{user}: new texts came all the time; run the command again")))
}

fn confirm(user: &UserName, texts: &[Texts]) -> Result<(), String> {
    let count: u64 = texts.iter().map(|texts| texts.count).sum();
    let places = texts.len();
    let question = format!("This removes {count} texts of {user} in {places} conversations, for ever. Go on? [y/N] ");
    let answer = ask(&question).map_err(|error| error.to_string())?;
    if answer.trim().eq_ignore_ascii_case("y") { Ok(()) } else { Err("nothing was changed".to_owned()) }
}

fn request(user: &UserName, texts: &Texts) -> ControlRequest {
    let Texts { conversation, first, last, count, erased } = *texts;
    let conversation = conversation.to_string().into();
    ControlRequest::Erase { user: user.clone(), conversation, first, last, count, erased }
}
