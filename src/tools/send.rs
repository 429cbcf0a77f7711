//! `wachat send`: one message, through the outbox and the sender of `connect`.

use std::io::{self, Read as _};
use std::sync::Arc;

use signal_hook::consts::SIGINT;

use super::args::SendArgs;
use super::lines::{SentLine, target};
use super::submission::Submission;
use super::{Stop, note, print};
use crate::client::Exit;
use crate::client::link::account::Account;
use crate::client::error::LinkError;
use crate::client::home::{self, Home};
use crate::client::outbox::Waiting;
use crate::client::plain::{first_login, open_home};
use crate::limits;
use crate::model::{Target, Text};
use crate::signals;

pub(super) fn send(args: &SendArgs) -> Result<Exit, Stop> {
    let usage = |why: String| Stop::failed(Exit::Usage, why);
    let to = target(&args.to).ok_or_else(|| usage(format!("{:?} is not a name of a user or a #room", args.to)))?;
    let account = args.account.account(false)?;
    let text = text(&args.text)?;
    let directory = home::directory(&args.home.directory()?, &account.user, &account.server_name());
    let home = Arc::new(open_home(&directory, &account, true)?);
    let ended = deliver(args, account, &home, to, text);
    home.close();
    ended
}

fn deliver(args: &SendArgs, account: Account, home: &Arc<Home>, to: Target, text: Text) -> Result<Exit, Stop> {
    // A login that is refused leaves nothing behind.
    let session = match first_login(&account, true) {
        Err(LinkError::Away(why)) => Err(why),
        session => Ok(session?),
    };
    // From here on the message is on disk, and Ctrl-C is told where it stands.
    let failed = |error| Stop::failed(Exit::Failed, format!("cannot wait for signals: {error}"));
    let interrupts = signals::told(&[SIGINT]).map_err(failed)?;
    let message = queue(home, to, text)?;
    match session {
        Ok(session) => Submission::new(args, home.clone(), message).run(account, session, &interrupts),
        Err(why) => {
            note(&format!("{why}; the message waits in the outbox"));
            if args.json {
                print(&[SentLine::queued(&message)], true)?;
            }
            Ok(Exit::Queued)
        }
    }
}

fn queue(home: &Home, to: Target, text: Text) -> Result<Waiting, Stop> {
    let mut outbox = home.outbox.lock();
    if outbox.len() >= limits::OUTBOX_MESSAGES {
        return Err(Stop::failed(Exit::Failed, "not sent: the outbox is full; it empties when the server is there"));
    }
    let message = Waiting::new(to, text)?;
    outbox.queue(message.clone())?;
    Ok(message)
}

/// What to say: the argument, or all of standard input without the line feed at its end.
fn text(argument: &str) -> Result<Text, Stop> {
    let mut text = argument.to_owned();
    if argument == "-" {
        text.clear();
        // One byte more than any message is enough to know that it is too long.
        let most = limits::TEXT_BYTES as u64 + 2;
        let read = io::stdin().lock().take(most).read_to_string(&mut text);
        read.map_err(|error| Stop::failed(Exit::Failed, format!("cannot read standard input: {error}")))?;
        text.truncate(text.strip_suffix('\n').unwrap_or(&text).len());
    }
    let most = limits::TEXT_BYTES;
    let refused = || format!("not sent: a message has no control characters and at most {most} bytes");
    Text::new(&text).ok_or_else(|| Stop::failed(Exit::Failed, refused()))
}
