//! `wachat receive`: polls, writes, and acknowledges what was written, in this order.
//!
//! A crash between writing and acknowledging repeats lines, under the same numbers. A position kept
//! here would only move that gap (the line may be written and the position not), and would be a
//! second opinion beside the server's; so there is none, and each line carries its number.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use signal_hook::consts::SIGINT;

use super::args::ReceiveArgs;
use super::lines::{EventLine, Line as _};
use super::{Stop, note, print};
use crate::client::Exit;
use crate::client::account::{Account, Port};
use crate::client::backoff::Backoff;
use crate::client::plain::spawn;
use crate::client::questions;
use crate::client::receiver::read_greeting;
use crate::client::session::Session;
use crate::limits;
use crate::model::Seq;
use crate::protocol::{After, Event, RecvRequest};
use crate::signals;

/// Held from a write to its acknowledgement: Ctrl-C waits for that.
type Writing = Arc<Mutex<()>>;

pub(super) fn receive(args: &ReceiveArgs) -> Result<Exit, Stop> {
    let account = args.account.account(false)?;
    let mut receiving = Receiving { args, left: args.max, writing: Writing::default(), retry: None };
    end_by_interrupt(receiving.writing.clone())?;
    loop {
        match receiving.run(&account) {
            Err(Stop::Failed((Exit::Away, why))) if args.follow && receiving.retry.is_some() => receiving.wait(&why),
            done => return done.map(|()| Exit::Done),
        }
    }
}

/// Ends the program at Ctrl-C, but never between a write and its acknowledgement.
fn end_by_interrupt(writing: Writing) -> Result<(), Stop> {
    let failed = |error| Stop::failed(Exit::Failed, format!("cannot wait for signals: {error}"));
    let interrupts = signals::told(&[SIGINT]).map_err(failed)?;
    spawn("interrupts", move || {
        if interrupts.recv().is_ok() {
            let _between = writing.lock();
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    })?;
    Ok(())
}

struct Receiving<'a> {
    args: &'a ReceiveArgs,
    /// How many messages are still wanted; `None`: all.
    left: Option<u64>,
    writing: Writing,
    /// `None`: no connection has worked yet.
    retry: Option<Backoff>,
}

impl Receiving<'_> {
    /// One connection: until there is no more, or not for ever.
    fn run(&mut self, account: &Account) -> Result<(), Stop> {
        let mut session = Session::open(account, Port::Recv)?;
        let (mut after, store) = read_greeting(&session.greeting)?;
        let (mut wait, writing) = (0, self.writing.clone());
        let mut unacknowledged = None;
        loop {
            let events = poll(&mut session, after, wait)?;
            self.retry = Some(Backoff::new(limits::MIN_RETRY_DELAY));
            drop(unacknowledged.take());
            let numbered = events.iter().any(|(seq, _)| *seq > Seq::ZERO);
            if self.left == Some(0) || !numbered && !self.args.follow {
                session.quit();
                return Ok(());
            }
            if numbered {
                unacknowledged = Some(writing.lock());
                after = self.write(&store, events)?;
            }
            // What was written is acknowledged at once; only then is there time to wait.
            wait = if numbered { 0 } else { limits::POLL_WAIT_SECONDS };
        }
    }

    /// Writes out what is wanted of a poll's events. Returns the number of the last: up to there they may
    /// be acknowledged.
    fn write(&mut self, store: &str, events: Vec<(Seq, Option<Event>)>) -> Result<Seq, Stop> {
        let (mut lines, mut last) = (Vec::new(), Seq::ZERO);
        for (seq, event) in events.into_iter().filter(|(seq, _)| *seq > Seq::ZERO) {
            if self.left == Some(0) {
                break;
            }
            let line = EventLine::new(store, seq, event.as_ref());
            if line.is_message() {
                self.left = self.left.map(|left| left - 1);
            }
            lines.push(line);
            last = seq;
        }
        if !self.args.json {
            // A reader of plain lines expects messages.
            lines.iter().filter(|line| !line.is_message()).for_each(|line| note(&line.plain()));
            lines.retain(EventLine::is_message);
        }
        print(&lines, self.args.json)?;
        Ok(last)
    }

    fn wait(&mut self, why: &str) {
        let Some(retry) = &mut self.retry else { return };
        note(&format!("{why}; trying again"));
        retry.failed(Instant::now());
        std::thread::sleep(retry.left(Instant::now()));
    }
}

fn poll(session: &mut Session, after: Seq, wait: u64) -> Result<Vec<(Seq, Option<Event>)>, Stop> {
    let request = RecvRequest::Poll { after: After::Number(after), wait: Some(wait), max: limits::POLL_EVENTS };
    Ok(session.ask_list(&questions::recv_line(&request), questions::read_event)??)
}
