//! `wachat receive`: polls, writes the events, and acknowledges them, in this order.
//!
//! A crash between writing and acknowledging repeats lines, under the same numbers. A position kept here would only
//! move that gap (the line may be written and the position not), so there is none, and each line has its number.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use parking_lot::Mutex;

use super::args::ReceiveArgs;
use super::lines::{EventLine, Line as _};
use super::{print, receive_interrupts};
use crate::client::exit::{Exit, Failure, failed, note};
use crate::client::link::account::Account;
use crate::client::link::backoff::Backoff;
use crate::client::link::receiver::poll;
use crate::client::link::session::Session;
use crate::client::owner::spawn;
use crate::limits;
use crate::model::{Seq, Timestamp};
use crate::protocol::reply::OpenSession;
use crate::protocol::{Event, Port, SendRequest};
use crate::texts::Phrase;
use crate::texts::when::when;

/// Passes on what the administrator of the server tells all users: on standard error, since it is no message.
fn note_announcement(event: &Event) {
    if let Event::Notice { text, .. } = event {
        note(&Phrase::Announcement { text }.to_string());
    }
}

/// Held from a write to its acknowledgement: Ctrl-C ends the program only outside of that.
type Writing = Arc<Mutex<()>>;

pub(super) fn receive(args: &ReceiveArgs) -> Result<Exit, Failure> {
    let account = args.account.account(false)?;
    if !args.take_over {
        expect_no_other(&account)?;
    }
    let mut receiving = Receiving { args, left: args.max, writing: Writing::default(), retry: None };
    end_by_interrupt(receiving.writing.clone())?;
    loop {
        match receiving.run(&account) {
            Err((Exit::Away, why)) if args.follow && receiving.retry.is_some() => {
                receiving.wait(&why, account.servers.are_several());
            }
            done => return done.map(|()| Exit::Done),
        }
    }
}

/// Refuses to end another program that receives for this user without a device, as this one does. The server's list is
/// the only one that knows those on other machines. One that is about to end has a context for it.
fn expect_no_other(account: &Account) -> Result<(), Failure> {
    let deadline = Instant::now() + limits::QUIT_TIMEOUT;
    let mut session = Session::open_noted(account)?;
    loop {
        let open = session.request_list::<OpenSession>(&SendRequest::Sessions)??;
        // A device has a session of its own.
        let is_same = |session: &OpenSession| session.port == Port::Recv && session.device.is_none();
        let Some(other) = open.into_iter().find(is_same) else {
            session.quit();
            return Ok(());
        };
        if Instant::now() >= deadline {
            let user = &account.user;
            let address = other.address;
            let since = when(other.since, Timestamp::now());
            return Err(failed(format!(
                "another program receives for {user} without a device: a wachat receive, say, from {address} since \
                 {since}; end it, or use --take-over, which makes it end"
            )));
        }
        thread::sleep(limits::MIN_STATUS_DELAY);
    }
}

/// Ends the program at Ctrl-C, but never between a write and its acknowledgement.
fn end_by_interrupt(writing: Writing) -> Result<(), Failure> {
    let interrupts = receive_interrupts()?;
    spawn("interrupts", move || {
        if interrupts.recv().is_ok() {
            let _between = writing.lock();
            std::process::exit(Exit::Interrupted as i32);
        }
    })
}

struct Receiving<'a> {
    args: &'a ReceiveArgs,
    /// Number of messages that are still wanted; `None`: all.
    left: Option<u64>,
    writing: Writing,
    /// `None`: no connection has worked yet.
    retry: Option<Backoff>,
}

impl Receiving<'_> {
    /// Receives on one connection until there is no more, or with `--follow` until it breaks.
    fn run(&mut self, account: &Account) -> Result<(), Failure> {
        let opened = Session::open_recv(account);
        account.note_news();
        let (mut session, opened) = opened?;
        let mut after = opened.acknowledged;
        let mut wait = 0;
        let writing = self.writing.clone();
        let mut unacknowledged = None;
        loop {
            let events = poll(&mut session, after, wait)??;
            self.retry = Some(Backoff::default());
            drop(unacknowledged.take());
            events.iter().for_each(note_announcement);
            let numbered = events.iter().any(|event| event.seq() > Seq::ZERO);
            if self.left == Some(0) || !numbered && !self.args.follow {
                session.quit();
                return Ok(());
            }
            if numbered {
                unacknowledged = Some(writing.lock());
                after = self.write(&opened.store, &events)?;
            }
            // The next poll acknowledges at once, and does not wait for more.
            wait = if numbered { 0 } else { limits::POLL_WAIT_SECONDS };
        }
    }

    /// Writes out the wanted events of a poll. Returns the number of the last: up to it they may be acknowledged.
    fn write(&mut self, store: &str, events: &[Event]) -> Result<Seq, Failure> {
        let mut lines = Vec::new();
        let mut last = Seq::ZERO;
        for event in events.iter().filter(|event| event.seq() > Seq::ZERO) {
            if self.left == Some(0) {
                break;
            }
            let line = EventLine::new(store, event);
            if line.is_message() {
                self.left = self.left.map(|left| left - 1);
            }
            lines.push(line);
            last = event.seq();
        }
        if !self.args.json {
            // A reader of plain lines expects messages.
            lines.iter().filter(|line| !line.is_message()).for_each(|line| note(&line.plain()));
            lines.retain(EventLine::is_message);
        }
        print(&lines, self.args.json)?;
        Ok(last)
    }

    fn wait(&mut self, why: &str, of_several: bool) {
        let Some(retry) = &mut self.retry else { return };
        note(&format!("{why}; trying again"));
        thread::sleep(if of_several { retry.next_delay_of_several() } else { retry.next_delay() });
    }
}
