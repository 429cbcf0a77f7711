//! `wachat send`: one message, through an outbox as with `connect`.

use std::io::{self, Read as _};

use super::args::SendArgs;
use super::lines::{SentLine, parse_target};
use super::submission::Submission;
use super::{print, receive_interrupts};
use crate::client::app::event::Moment;
use crate::client::exit::{Exit, Failure, failed, note};
use crate::client::link::Account;
use crate::client::link::error::LinkError;
use crate::client::link::session::Session;
use crate::client::state::home::{self, Home, Use};
use crate::client::state::outbox::Outgoing;
use crate::limits;
use crate::model::{Target, Text};

pub(super) fn send(args: &SendArgs) -> Result<Exit, Failure> {
    let to = parse_target(&args.to)?;
    let account = args.account.account(false)?;
    let text = read_text(&args.text)?;
    let directory = home::directory(&args.home.directory()?, &account.user, &account.server_name());
    let home = Home::open_when_free(&directory, &account.user, Use::Pipe)?;
    deliver(args, account, home, to, text)
}

fn deliver(args: &SendArgs, account: Account, mut home: Home, to: Target, text: Text) -> Result<Exit, Failure> {
    // A login that is refused leaves nothing behind.
    let session = match Session::open(&account) {
        Err(LinkError::Away(why)) => Err(why),
        session => Ok(session?),
    };
    // From here on the message is durable, and Ctrl-C reports its state.
    let interrupts = receive_interrupts()?;
    let message = queue(&mut home, to, text)?;
    match session {
        Ok(session) => Submission::new(args, home, message).run(account, session, &interrupts),
        Err(why) => {
            note(&format!("{why}; the message waits in the outbox"));
            if args.json {
                print(&[SentLine::queued(&message)], true)?;
            }
            Ok(Exit::Queued)
        }
    }
}

/// Puts the message into the outbox. When this returns it is durable.
fn queue(home: &mut Home, to: Target, text: Text) -> Result<Outgoing, Failure> {
    if home.state.outbox().len() >= limits::OUTBOX_MESSAGES {
        return Err(failed("not sent: the outbox is full; it empties when the server is there"));
    }
    let no_random = || failed("the operating system gives no random numbers");
    let moment = Moment::present().map_err(|_| no_random())?;
    let id = moment.message_id().ok_or_else(no_random)?;
    let message = Outgoing { id, to, at: moment.at, text };
    home.state.queue(message.clone());
    home.commit()?;
    Ok(message)
}

/// Returns the text: the argument, or all of standard input without the line feed at its end.
fn read_text(argument: &str) -> Result<Text, Failure> {
    let mut text = argument.to_owned();
    if argument == "-" {
        text.clear();
        // One byte more than any message is enough to know that it is too long.
        let max = limits::TEXT_BYTES as u64 + 2;
        let read = io::stdin().lock().take(max).read_to_string(&mut text);
        read.map_err(|error| failed(format!("cannot read standard input: {error}")))?;
        text.truncate(text.strip_suffix('\n').unwrap_or(&text).len());
    }
    let max = limits::TEXT_BYTES;
    let refused = || format!("not sent: a message has no control characters and at most {max} bytes");
    Text::new(&text).ok_or_else(|| failed(refused()))
}
